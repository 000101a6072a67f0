"""Parts of the page Leavers."""
