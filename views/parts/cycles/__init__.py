"""Parts of the tab Cycles of Apps."""
