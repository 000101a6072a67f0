"""Ends a question that takes longer than a screen may wait, or that a person cancels."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import duckdb
import pyarrow as pa

from pipeline.config.errors import QuestionCancelled, QuestionTooLong
from pipeline.store.writer_lock import Cursor

AGAIN = 0.05
"Seconds between two interrupts: one that comes just before DuckDB begins a statement does nothing."


class Stop:
    """Cancels a question from another thread."""

    def __init__(self) -> None:
        self.asked = False
        self.wakes: set[Event] = set()
        "What the watchers of its statements wait for."

    def ask(self) -> None:
        """Ends what is being answered as soon as DuckDB looks."""
        self.asked = True
        for wake in list(self.wakes):
            wake.set()


@contextmanager
def time_limit(cursor: Cursor, seconds: float | None, stop: Stop | None = None) -> Iterator[None]:
    """Ends what a cursor is answering after so many seconds, or when `stop` is asked.

    Raises QuestionTooLong then, or QuestionCancelled.
    """
    if seconds is None and stop is None:
        yield
        return
    stop = stop or Stop()
    wake, over, ended = Event(), Event(), Event()

    def watch() -> None:
        wake.wait(seconds)
        while not over.wait(AGAIN if ended.is_set() else 0):
            ended.set()
            cursor.interrupt()

    watcher = Thread(target=watch, daemon=True)
    stop.wakes.add(wake)
    if stop.asked:
        wake.set()
    watcher.start()
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError):
        if stop.asked:
            raise QuestionCancelled("The question was cancelled.") from None
        if not ended.is_set():
            raise
        raise QuestionTooLong(
            f"The question took longer than {seconds:g} s and was ended (PROVISIONING_SCREEN_SECONDS); ask about a "
            "shorter time, or write the answer with --csv, --json or --parquet, which may take as long as they need."
        ) from None
    finally:
        over.set()
        wake.set()
        stop.wakes.discard(wake)
        watcher.join()
