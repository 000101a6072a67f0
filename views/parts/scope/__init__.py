"""Parts of the tab Scope of Apps."""
