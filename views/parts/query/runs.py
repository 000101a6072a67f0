"""Runs a statement in a thread of its own, so that the page shows how long it takes and can cancel it.

Statements of the page are answered by a store of their own: read-only, and closed to every other file and setting.
"""

from collections.abc import Mapping
from threading import Thread
from time import monotonic
from typing import Any

import pyarrow as pa
import streamlit as st

from pipeline.config.errors import ProvisioningError, QuestionCancelled, QuestionTooLong, StoreError
from pipeline.config.settings import Settings, read_settings
from pipeline.store.catalog import Query
from pipeline.store.export import names
from pipeline.store.lake import Store, open_store, seal
from pipeline.store.read_only import read_only_statement
from pipeline.store.time_limit import Stop
from views.frame.data import lake_of

ROWS_SHOWN = 1000
QUICK_S = 0.3
"Seconds in which an answer is waited for before the page shows that it is running."


@st.cache_resource(show_spinner=False, hash_funcs={Settings: lake_of})
def sealed(settings: Settings) -> Store:
    """Opens the lake for statements that people write, once per process and place."""
    store = open_store(settings, read_only=True)
    seal(store)
    return store


def sealed_store() -> Store:
    """Returns the lake for statements that people write; another one where an error has shut the last one down."""
    settings = read_settings()
    store = sealed(settings)
    if store.is_broken():
        sealed.clear()
        store = sealed(settings)
    return store


class Run:
    """A statement with its values, and what has come of it so far."""

    def __init__(self, store: Store, query: Query, values: Mapping[str, Any], title: str, is_question: bool) -> None:
        self.query, self.values = query, dict(values)
        self.title, self.is_question = title, is_question
        self.rows: pa.Table | None = None
        self.has_more = False
        self.total: int | None = None
        "How many rows there are in all; None until they are counted."
        self.error = ""
        self.was_cut = False
        "Whether it was ended before its rows came, by a person or by the limit; an export could still have them."
        self.seconds: float | None = None
        "How long the rows on screen took; None until they are there."
        self._store, self._stop, self._began = store, Stop(), monotonic()
        self.limit = store.settings.screen_seconds
        self.most = min(ROWS_SHOWN, store.settings.screen_rows)
        self._thread = Thread(target=self._run, name="query", daemon=True)
        self._thread.start()
        self._thread.join(QUICK_S)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return not self._thread.is_alive()

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return monotonic() - self._began

    def cancel(self) -> None:
        """Ends it as soon as DuckDB looks."""
        self._stop.ask()

    def join(self, seconds: float) -> None:
        """Waits until it is over, for so many seconds at most."""
        self._thread.join(seconds)

    def _run(self) -> None:
        """Reads the rows for the screen, then counts all of them."""
        try:
            self._read(read_only_statement(self.query.sql))
            if self.has_more:
                self._count()
        except QuestionCancelled:
            self.error, self.was_cut = "Cancelled.", True
        except QuestionTooLong:
            self.was_cut = True
            self.error = (
                f"Ended after {self.limit} s, the limit of this page (PROVISIONING_SCREEN_SECONDS). Choose a shorter "
                "time range, or export the rows: an export may take as long as it needs."
            )
        except ProvisioningError as error:
            self.error = str(error)
        except (pa.ArrowException, OSError) as error:
            self.error = f"The store could not answer: {' '.join(str(error).split())}"
        if self.seconds is None:
            self.seconds = self.age

    def _read(self, sql: str) -> None:
        """Reads the rows for the screen."""
        kept: list[pa.RecordBatch] = []
        with self._store.stream(sql, self.values, self.limit, self._stop) as answer:
            count = 0
            while count <= self.most and (batch := next(answer, None)) is not None:
                kept.append(batch)
                count += batch.num_rows
        self.seconds, self.has_more = self.age, count > self.most
        self.total = None if self.has_more else count
        rows = pa.Table.from_batches(kept, answer.schema).slice(0, self.most)
        self.rows = rows.rename_columns(names(rows))

    def _count(self) -> None:
        """Counts all rows, in what is left of the time; what cannot be counted stays unknown."""
        counting = f"select count(*) from (\n{self.query.sql.strip().rstrip(';')}\n)"
        try:
            with self._store.stream(counting, self.values, max(self.limit - self.age, 0.1), self._stop) as answer:
                self.total = answer.read_all().column(0)[0].as_py()
        except StoreError:
            self.total = None
