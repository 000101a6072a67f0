"""Access logs and request logs of every shape in request_shapes.toml, line by line, whatever a collector put in front.

Entra sends no User-Agent.
"""

import re

from pipeline.ingest.formats.combined import BODY, HEAD, combined_rows
from pipeline.ingest.formats.exchanges import is_resource_path
from pipeline.ingest.formats.line_joins import joined_lines
from pipeline.ingest.formats.request_lines import request_rows
from pipeline.ingest.formats.request_records import reads_as_request
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.exchange import Exchange

__all__ = ["BODY", "SOURCE", "recognises", "relation"]

LONG = 2000
ANY = Head("text")
"The head of a log of which nothing is known."


def recognises(head: Head) -> bool:
    """A quarter of the first lines are requests, or one is a SCIM request; a W3C log says what it has."""
    if any(line.startswith("#Fields:") and "cs-method" in line for line in head.lines):
        return True
    # Of a line without a record the beginning tells; looking for patterns in all of a long one takes its square.
    lines = [line if "{" in line[:LONG] else line[:LONG] for line in joined_lines(head.lines)]
    paths = [path for line in lines if (path := reads_as_request(line)) is not None]
    return bool(paths) and (4 * len(paths) >= len(head.lines) or any(map(is_resource_path, paths)))


def is_combined(head: Head) -> bool:
    """Whether all of the first lines are plain combined ones."""
    return bool(head.lines) and all(re.match(HEAD, line) for line in head.lines)


def relation(records: str, head: Head = ANY) -> str:
    """Builds SQL for the request in each line; of a log that begins with combined lines alone, only for such."""
    return combined_rows(records) if is_combined(head) else request_rows(records, head)


def wider(head: Head) -> Head | None:
    """Returns a head by which lines of every shape are read; None where they have been."""
    return ANY if is_combined(head) else None


SOURCE = Source("access_log", "exchanges", Exchange, recognises, relation, of_lines=relation, wider=wider)
