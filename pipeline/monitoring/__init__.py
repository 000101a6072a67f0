"""Status of the product itself: troubles, status, metrics."""
