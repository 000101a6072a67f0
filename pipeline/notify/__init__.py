"""Notifications: routes, messages, the outbox and delivery."""
