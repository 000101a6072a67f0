"""Parts of the tab Overview of Apps."""
