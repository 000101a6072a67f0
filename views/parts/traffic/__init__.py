"""Parts of the tab SCIM traffic of Apps."""
