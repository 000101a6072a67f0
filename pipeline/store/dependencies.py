"""Which tables a question reads, and when they last changed: an answer holds until one of them does.

Beats write a row a minute; that must not make every page ask everything anew.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from pipeline.store.catalog import catalog as questions
from pipeline.store.migrate import PARTS, schema_text

TABLE = re.compile(r'^create table if not exists "?(\w+)', re.MULTILINE)
DEFINED = re.compile(r'^create or replace (?:view|macro) "?(\w+)"?', re.MULTILINE)
CHANGE = re.compile(r"(?:^|,)(\w+):(\d+)?")
WRITES = {"inserted_into_table", "deleted_from_table"}
DONE = "select snapshot_id, changes_made from {}.ducklake_snapshot_changes where snapshot_id between ? and ?"
NAMES = "select table_id, table_name from {}.ducklake_table"
Rows = list[tuple[Any, ...]]
Stamp = tuple[tuple[int, int], ...]
TICK = 50_000_000
"Nanoseconds within which two changes of a file may have the same time; kernels count in 1 to 10 milliseconds."


@lru_cache(1024)
def tables_behind(sql: str) -> frozenset[str] | None:
    """Gives the tables that a question of `queries/` may read; None for any other statement, which may read all.

    Found by the words of its text and of the views and macros that it names, so there may be too many, never too few.
    """
    if sql not in {query.sql for query in questions().values()}:
        return None
    tables, definitions = defined()
    known, new = set[str](), words(sql)
    while new:
        known |= new
        new = {word for name in new & definitions.keys() for word in definitions[name]} - known
    return frozenset(known & tables) or None


@lru_cache
def defined() -> tuple[frozenset[str], dict[str, set[str]]]:
    """Gives the names of all tables, and of each view or macro the words of its definition."""
    text = "\n".join(map(schema_text, PARTS))
    starts = [*DEFINED.finditer(text)]
    ends = [start.start() for start in starts[1:]] + [len(text)]
    bodies = {start[1].lower(): words(text[start.end() : end]) for start, end in zip(starts, ends, strict=True)}
    return frozenset(TABLE.findall(text)), bodies


def words(text: str) -> set[str]:
    """Gives the words of a text, in small letters."""
    return set(re.findall(r"\w+", text.lower()))


class Moves:
    """When each table last changed, by the catalog's own record of what each snapshot did."""

    def __init__(self, catalog: str) -> None:
        self._catalog = catalog
        self._guard = Lock()
        self._seen = -1
        self._all = 0
        self._last: dict[str, int] = {}

    def last(self, tables: frozenset[str] | None, revision: int, read: Callable[..., Rows]) -> int:
        """Gives the last revision, up to this one, that changed one of these tables; None stands for any."""
        if tables is None:
            return revision
        with self._guard:
            if revision > self._seen:
                self._learn(revision, read)
            return max([self._all, *(self._last.get(table, 0) for table in tables)])

    def _learn(self, revision: int, read: Callable[..., Rows]) -> None:
        """Reads what was done since; what is not known in full, or was no writing of rows, may have changed all."""
        done = read(DONE.format(self._catalog), [self._seen + 1, revision])
        names: dict[int, str] = dict(read(NAMES.format(self._catalog)))
        if len(done) < revision - self._seen:
            self._all = revision
        for snapshot, changes in done:
            found = CHANGE.findall(changes or "")
            if {kind for kind, _ in found} <= WRITES:
                self._last |= {names.get(int(table), ""): snapshot for _, table in found}
            else:
                self._all = max(self._all, snapshot)
        self._seen = revision


def stamp(*files: Path | str) -> Stamp | None:
    """Gives what changes whenever one of these files is written: their sizes and times; it takes microseconds.

    None where that cannot be told: none is there, or one is so new that its next change could have the same time.
    """
    told = []
    for file in files:
        with suppress(FileNotFoundError):
            seen = Path(file).stat()
            told.append((seen.st_size, seen.st_mtime_ns))
    settled = all(time.time_ns() - changed > TICK for _, changed in told)
    return tuple(told) if told and settled else None
