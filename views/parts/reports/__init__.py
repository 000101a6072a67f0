"""Parts of Reports."""
