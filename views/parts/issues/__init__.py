"""Parts of the page Issues."""
