"""The rows of `coverage` that polls and containers write; a poll's rows are its only watermark."""

from datetime import datetime
from typing import NamedTuple

from pipeline.collect.windows import Covered, merged
from pipeline.store.lake import Cursor, Store

SAME_KEY = "job_id is null and source = ? and tenant_id = ? and origin = ?"
ROWS = f"select since, settled_until, until from coverage where {SAME_KEY} order by since"
DELETE = f"delete from coverage where {SAME_KEY} and since = ? and settled_until = ? and until = ?"
INSERT = "insert into coverage values (?, ?, null, ?, ?, ?, ?, ?)"


class CoverageKey(NamedTuple):
    """What a stretch of coverage is of: all jobs of a tenant, as one source delivers them."""

    source: str
    "graph or diagnostic."
    tenant_id: str
    "In lower case."
    origin: str
    "Where it was read, such as graph:contoso."


def read_coverage(store: Store, key: CoverageKey) -> list[Covered]:
    """Returns the stretches that were read, oldest first."""
    return [Covered(*row) for row in store.rows(ROWS, key)]


def add_coverage(cursor: Cursor, key: CoverageKey, new: Covered, read_at: datetime) -> None:
    """Adds a stretch, merged with those that it touches; `read_at` is UTC without a zone."""
    if new.until <= new.since:
        return
    before = [Covered(*row) for row in cursor.execute(ROWS, key).fetchall()]
    after = merged([*before, new])
    for old in set(before) - set(after):
        cursor.execute(DELETE, [*key, old.since, old.settled_until, old.until])
    for each in sorted(set(after) - set(before)):
        cursor.execute(INSERT, [*key, each.since, each.settled_until, each.until, read_at])
