"""Adds arriving events to what is derived of them, by the statements of `model/load_aggregates.sql`.

Planning a statement takes milliseconds also where it has nothing to add, and a small load is planning above all: so a
part of the statements says of what there must be some, and is left out where nothing of it arrives. Measured: of one
known user's success, 139 ms of processor time became 90.
"""

import re
from functools import lru_cache

from pipeline.store.lake import Cursor
from pipeline.store.migrate import schema_text

PART = re.compile(r"^-- (?:only where ((?:.|\n-- )+?)|in any case):\n", re.MULTILINE)


def add_to_aggregates(cursor: Cursor) -> None:
    """Adds the events of the temporary table `arriving`, which are in the store already."""
    for condition, statements in parts():
        if condition is None or cursor.execute(f"select {condition}").fetchone() == (True,):
            cursor.execute(statements)


@lru_cache
def parts() -> list[tuple[str | None, str]]:
    """Returns the statements in order, each part with the condition under which it adds something; None for always."""
    first, *rest = PART.split(schema_text("load_aggregates.sql"))
    conditions = [condition and condition.replace("\n-- ", " ") for condition in rest[::2]]
    return [(None, first), *zip(conditions, rest[1::2], strict=True)]
