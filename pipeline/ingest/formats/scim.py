"""Requests as one JSON object or row of a table each: our own documented form and those of request_shapes.toml."""

from pipeline.ingest.formats.request_lines import request_rows
from pipeline.ingest.formats.request_records import request_of, wrapped_request
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.exchange import Exchange


def recognises(head: Head) -> bool:
    """Some record, or row of a table, is a request or holds a line that is one."""
    return any(
        request_of(record) is not None or wrapped_request(record) is not None for record in head.samples or head.rows
    )


SOURCE = Source(
    "scim", "exchanges", Exchange, recognises, lambda lines: request_rows(lines, Head("lines")), request_rows
)
