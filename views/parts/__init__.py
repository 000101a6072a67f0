"""Parts of pages, one folder a page."""
