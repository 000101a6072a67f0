"""A storage container of diagnostic logs: what is new in its blobs lands in the store."""

from pipeline.collect.blobs.feed import ContainerReport, is_backing_off, read_container

__all__ = ["ContainerReport", "is_backing_off", "read_container"]
