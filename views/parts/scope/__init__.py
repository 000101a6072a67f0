"""Parts of the tab Scope."""
