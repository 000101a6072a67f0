"""Provisioning Observatory's engine: logs in, true answers out; it knows nothing of screens."""
