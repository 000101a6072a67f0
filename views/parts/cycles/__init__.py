"""Parts of the page Cycles."""
