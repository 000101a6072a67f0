"""Microsoft Graph, read-only: the client, what is asked of it and when."""
