"""Parts of Leavers."""
