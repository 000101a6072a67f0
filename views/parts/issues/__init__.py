"""Parts of Issues."""
