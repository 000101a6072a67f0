"""Answers that are kept until a table that they may read changes.

Each is fetched once, however many ask for it at the same time; those that a page is going to need are fetched side by
side before it comes to them.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import pyarrow as pa

from pipeline.store.dependencies import Rows, TableChanges, tables_behind

MOST = 256
"How many answers are kept."
SIDE_BY_SIDE = 8
"""How many questions are asked at once. DuckDB plans a question on one core, which takes as long as answering many of
them; while some are planned, others are answered."""
T = TypeVar("T")
Values = Mapping[str, Any] | None
Fetch = Callable[[str, Values], pa.Table]


@dataclass
class Entry:
    """One answer, fetched or on its way, and the newest revision that it is right for."""

    revision: int
    answer: "Future[pa.Table]"
    forms: dict[Callable[[pa.Table], Any], Any] = field(default_factory=dict)
    "What was made of the answer, by what made it: it is right for as long as the answer is."

    def failed(self) -> bool:
        """Whether it is to be fetched again: the disk may have room by now."""
        return self.answer.done() and self.answer.exception() is not None


class ResultCache:
    """The answers of one store; a question waits for its own fetching, never for another's."""

    def __init__(self, fetch: Fetch, rows: Callable[..., Rows], revision: Callable[[], int], catalog: str) -> None:
        self._fetch, self._rows, self._revision = fetch, rows, revision
        self._catalog = catalog
        self._changes: TableChanges | None = None
        self._entries: dict[tuple[str, str], Entry] = {}
        self._guard = Lock()
        self._workers = ThreadPoolExecutor(SIDE_BY_SIDE, "questions")

    def get(self, sql: str, values: Values = None) -> pa.Table:
        """Returns an answer: kept, on its way, or fetched now."""
        return self._fulfilled(sql, values).answer.result()

    def formed(self, sql: str, values: Values, form: Callable[[pa.Table], T]) -> T:
        """Returns what `form` makes of an answer, made once for all who ask; nobody may change it."""
        entry = self._fulfilled(sql, values)
        if form not in entry.forms:
            entry.forms[form] = form(entry.answer.result())
        made: T = entry.forms[form]
        return made

    def prefetch(self, sql: str, values: Values = None) -> None:
        """Begins to fetch an answer that is going to be asked for."""
        entry, is_new = self._entry(sql, values)
        if is_new:
            self._workers.submit(self._fulfil, entry.answer, sql, values)

    def clear(self) -> None:
        """Drops every answer."""
        with self._guard:
            self._entries.clear()

    def close(self) -> None:
        """Waits for what is being fetched, and begins nothing more."""
        self._workers.shutdown()

    def _fulfilled(self, sql: str, values: Values) -> Entry:
        """Returns an answer's entry, and fetches the answer where nobody does yet."""
        entry, is_new = self._entry(sql, values)
        if is_new:
            self._fulfil(entry.answer, sql, values)
        return entry

    def _entry(self, sql: str, values: Values) -> tuple[Entry, bool]:
        """Returns an answer's entry, and whether the caller is the one to fulfil its promise."""
        key = (sql, repr(sorted((values or {}).items())))
        revision = self._revision()
        with self._guard:
            entry = self._entries.get(key)
            if entry and not entry.failed() and not self._is_outdated(entry, sql, revision):
                entry.revision = max(entry.revision, revision)
                return entry, False
            if len(self._entries) >= MOST:
                self._entries.clear()
            entry = self._entries[key] = Entry(revision, Future())
            return entry, True

    def _is_outdated(self, entry: Entry, sql: str, revision: int) -> bool:
        """Whether a table that the answer may read has changed; its SQL is only parsed once the store has moved."""
        if self._changes is None:
            self._changes = TableChanges(self._catalog, entry.revision)
        return revision > entry.revision and self._changes.changed(
            tables_behind(sql), entry.revision, revision, self._rows
        )

    def _fulfil(self, promise: "Future[pa.Table]", sql: str, values: Values) -> None:
        """Fetches an answer; all that wait for it get it, or the error."""
        try:
            promise.set_result(self._fetch(sql, values))
        except BaseException as error:
            promise.set_exception(error)
