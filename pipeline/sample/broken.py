"""Lines no source can read, and lines that say again what was said before."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.sample.nouns import Event, Facts
from pipeline.sample.shapes import dump, graph

DIAGNOSTIC = "<html><body>Service unavailable</body></html>"


def scim_line(moved: timedelta | None) -> str:
    """Returns a line that a server wrote among its requests, and that is none."""
    at = datetime(2026, 1, 8, 3) + (moved or timedelta())
    return f"{at:%Y-%m-%d %H:%M:%S} WARN log buffer was flushed, some request bodies may be missing"


def access_line(moved: timedelta | None) -> str:
    """Returns a line of an error log that got into an access log."""
    at = datetime(2026, 1, 9, 3, 12, 44) + (moved or timedelta())
    return (
        f"{at:%Y/%m/%d %H:%M:%S} [error] 31#31: *1742 upstream timed out (110: Connection timed out) "
        "while reading header"
    )


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
