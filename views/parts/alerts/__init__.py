"""Parts of incidents, alert rules and notifications."""
