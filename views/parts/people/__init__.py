"""Parts of People."""
