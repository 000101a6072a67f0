"""Maintenance of the lake: compaction, retention, publishing."""
