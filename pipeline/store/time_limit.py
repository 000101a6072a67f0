"""Ends a question that takes longer than a screen may wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Timer

import duckdb
import pyarrow as pa

from pipeline.config.errors import StoreError
from pipeline.store.writer_lock import Cursor


@contextmanager
def time_limit(cursor: Cursor, seconds: float | None) -> Iterator[None]:
    """Ends what a cursor is answering after so many seconds, and then raises StoreError."""
    if seconds is None:
        yield
        return
    ended = Event()

    def end() -> None:
        ended.set()
        cursor.interrupt()

    clock = Timer(seconds, end)
    clock.daemon = True
    clock.start()
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError):
        if not ended.is_set():
            raise
        raise StoreError(
            f"The question took longer than {seconds:g} s and was ended (PROVISIONING_SCREEN_SECONDS); ask about a "
            "shorter time, or write the answer with --csv, --json or --parquet, which may take as long as they need."
        ) from None
    finally:
        clock.cancel()
