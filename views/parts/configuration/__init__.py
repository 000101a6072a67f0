"""Parts of the tab Configuration of Apps, and of Data sources."""
