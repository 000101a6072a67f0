"""Parts of the page Quarantine."""
