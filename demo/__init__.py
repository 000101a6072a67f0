"""What shows the Observatory without a tenant: a stand-in for Microsoft Graph, and a story that plays in minutes.

Only tests and `make demo` use it; the pipeline knows nothing of it.
"""
