"""Parts of Data sources."""
