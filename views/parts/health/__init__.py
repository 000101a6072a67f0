"""Parts of the page Health."""
