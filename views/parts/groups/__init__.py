"""Parts of the tab Groups of Apps."""
