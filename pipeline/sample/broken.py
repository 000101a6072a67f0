"""Lines no source can read, and lines that say again what was said before."""

from __future__ import annotations

from pipeline.sample.nouns import Event, Facts
from pipeline.sample.shapes import dump, graph

SCIM = "2026-01-08 03:00:00 WARN log buffer was flushed, some request bodies may be missing"
ACCESS = "2026/01/09 03:12:44 [error] 31#31: *1742 upstream timed out (110: Connection timed out) while reading header"
DIAGNOSTIC = "<html><body>Service unavailable</body></html>"


def graph_lines(events: list[Event]) -> tuple[list[str], int]:
    """Returns a day's Graph lines, among them four broken ones, two repeats and a blank one; and how many are broken.

    The broken ones are spoilt copies of records that are there in full as well, so nothing is lost with them.
    """
    lines = [dump(graph(event)) for event in events]
    middle = len(lines) // 2
    nameless, timeless = graph(events[0]), graph(events[1]) | {"activityDateTime": "yesterday-ish"}
    del nameless["id"]
    bad = ["this line is not JSON", dump(nameless), dump(timeless), lines[middle][: len(lines[middle]) // 3]]
    return [*lines[:middle], *bad, "", *lines[middle:], lines[0], lines[1]], len(bad)


def nameless_row(row: Facts) -> Facts:
    """Returns a copy of a Log Analytics row that lost its id."""
    return row | {"Id": ""}
