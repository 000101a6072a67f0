"""Parts of the page Target."""
