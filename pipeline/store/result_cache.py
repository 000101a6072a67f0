"""Answers that are remembered until a table that they may read changes.

Each is fetched once, however many ask for it at the same time; those that a page is going to need are fetched side by
side before it comes to them.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

import pyarrow as pa

from pipeline.store.dependencies import Moves, Rows, tables_behind

MOST = 256
"How many answers are kept."
SIDE_BY_SIDE = 8
"""How many questions are asked at once. DuckDB plans a question on one core, which takes as long as answering many of
them; while some are planned, others are answered."""
Values = Mapping[str, Any] | None
Fetch = Callable[[str, Values], pa.Table]


class Remembered:
    """The answers of one store; a question waits for its own fetching, never for another's."""

    def __init__(self, fetch: Fetch, rows: Callable[..., Rows], revision: Callable[[], int], catalog: str) -> None:
        self._fetch, self._rows, self._revision = fetch, rows, revision
        self._moves = Moves(catalog)
        self._held: dict[tuple[str, str], tuple[int, Future[pa.Table]]] = {}
        self._guard = Lock()
        self._workers = ThreadPoolExecutor(SIDE_BY_SIDE, "asking")

    def get(self, sql: str, values: Values = None) -> pa.Table:
        """Gives an answer: remembered, on its way, or fetched now."""
        found, mine = self._promise(sql, values)
        if mine:
            self._fulfil(found, sql, values)
        return found.result()

    def ahead(self, sql: str, values: Values = None) -> None:
        """Has an answer fetched that is going to be asked for."""
        found, mine = self._promise(sql, values)
        if mine:
            self._workers.submit(self._fulfil, found, sql, values)

    def forget(self) -> None:
        """Forgets every answer."""
        with self._guard:
            self._held.clear()

    def close(self) -> None:
        """Waits for what is being fetched, and begins nothing more."""
        self._workers.shutdown()

    def _promise(self, sql: str, values: Values) -> tuple[Future[pa.Table], bool]:
        """Gives the promise of an answer, and whether the caller is the one to fulfil it."""
        key = (sql, repr(sorted((values or {}).items())))
        moved = self._moves.last(tables_behind(sql), self._revision(), self._rows)
        with self._guard:
            held = self._held.get(key)
            # An answer that failed is fetched again: the disk may have room by now.
            if held and held[0] == moved and not (held[1].done() and held[1].exception()):
                return held[1], False
            if len(self._held) >= MOST:
                self._held.clear()
            self._held[key] = moved, Future()
            return self._held[key][1], True

    def _fulfil(self, promise: "Future[pa.Table]", sql: str, values: Values) -> None:
        """Fetches an answer; whoever waits for it gets it, or the error."""
        try:
            promise.set_result(self._fetch(sql, values))
        except BaseException as error:
            promise.set_exception(error)
