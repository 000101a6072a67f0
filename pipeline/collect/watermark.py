"""The rows of `coverage` that asking writes, for polls and containers alike: a poll's are its only watermark."""

from datetime import datetime
from typing import NamedTuple

from pipeline.collect.windows import Covered, united
from pipeline.store.lake import Cursor, Store

MINE = "job_id is null and source = ? and tenant_id = ? and origin = ?"
ROWS = f"select since, settled_until, until from coverage where {MINE} order by since"
GONE = f"delete from coverage where {MINE} and since = ? and settled_until = ? and until = ?"
COME = "insert into coverage values (?, ?, null, ?, ?, ?, ?, ?)"


class Asked(NamedTuple):
    """What one asking of a tenant speaks for: all of its jobs."""

    source: str
    "graph or diagnostic."
    tenant_id: str
    "In lower case."
    origin: str
    "What was asked, as coverage calls it."


def read_covered(store: Store, asked: Asked) -> list[Covered]:
    """Gives what was read, oldest first."""
    return [Covered(*row) for row in store.rows(ROWS, asked)]


def keep_covered(cursor: Cursor, asked: Asked, new: Covered, read_at: datetime) -> None:
    """Adds a stretch, united with those that it touches; `read_at` is UTC without a zone."""
    if new.until <= new.since:
        return
    known = [Covered(*row) for row in cursor.execute(ROWS, asked).fetchall()]
    after = united([*known, new])
    for gone in set(known) - set(after):
        cursor.execute(GONE, [*asked, gone.since, gone.settled_until, gone.until])
    for each in sorted(set(after) - set(known)):
        cursor.execute(COME, [*asked, each.since, each.settled_until, each.until, read_at])
