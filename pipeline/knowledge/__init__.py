"""Documented facts of the field as data: error causes, quarantine reasons, SCIM findings, app profiles."""
