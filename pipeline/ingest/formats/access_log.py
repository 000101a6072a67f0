"""Access logs and request logs of every shape in request_shapes.toml, line by line, whatever a collector put in front.

Entra sends no User-Agent.
"""

from pipeline.ingest.formats.combined import BODY
from pipeline.ingest.formats.exchanges import is_resource_path
from pipeline.ingest.formats.request_lines import request_rows
from pipeline.ingest.formats.request_shapes import reads_as_request
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.exchange import Exchange

__all__ = ["BODY", "SOURCE", "recognises", "relation"]


def recognises(head: Head) -> bool:
    """A quarter of the first lines are requests, or one is a SCIM request; a W3C log says what it has."""
    if any(line.startswith("#Fields:") and "cs-method" in line for line in head.lines):
        return True
    paths = [path for line in head.lines if (path := reads_as_request(line)) is not None]
    return bool(paths) and (4 * len(paths) >= len(head.lines) or any(map(is_resource_path, paths)))


def relation(records: str, head: Head = Head("text")) -> str:
    """Builds SQL for the request in each line."""
    return request_rows(records, head)


SOURCE = Source("access_log", "exchanges", Exchange, recognises, relation, of_lines=relation)
