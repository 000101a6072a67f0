"""Parts of Query."""
