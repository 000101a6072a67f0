"""The demonstration, which needs no tenant: a stand-in for Microsoft Graph, and a story that plays in minutes.

Only tests and `make demo` use it; the pipeline does not import it.
"""
