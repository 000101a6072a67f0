"""Collects rows by itself: from Microsoft Graph, storage containers and the inbox."""
