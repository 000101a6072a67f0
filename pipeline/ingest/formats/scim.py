"""Requests as one JSON object each: our own documented form, and every shape in request_shapes.toml."""

from pipeline.ingest.formats.request_lines import request_rows
from pipeline.ingest.formats.request_shapes import request_of, wrapped_request
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.exchange import Exchange


def recognises(head: Head) -> bool:
    """Some record is a request, or holds a line that is one."""
    return any(request_of(sample) is not None or wrapped_request(sample) is not None for sample in head.samples)


SOURCE = Source(
    "scim", "exchanges", Exchange, recognises, lambda lines: request_rows(lines, Head("lines")), request_rows
)
