"""A storage container of diagnostic logs: what is new in its blobs lands in the store."""

from pipeline.collect.blobs.feed import ContainerReport, read_container, resting

__all__ = ["ContainerReport", "read_container", "resting"]
