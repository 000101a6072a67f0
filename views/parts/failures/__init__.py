"""Parts of the tab Failures over time of Issues."""
