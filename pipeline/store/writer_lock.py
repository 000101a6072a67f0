"""Writers take turns, each for as long as one whole transaction lasts; readers never wait, unless the
store is of an earlier version and has to be migrated first.

On a SQLite catalog the turn is an OS lock on a file beside it, which is free as soon as its process dies; on a
PostgreSQL catalog an advisory lock, free as soon as its session ends, and transactions are fenced (`fence.py`).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import TypeVar

import duckdb
from filelock import FileLock, Timeout

from pipeline.config.errors import StoreBusy
from pipeline.config.retry_policy import COMMITS
from pipeline.config.settings import Settings, lock_file
from pipeline.store.advisory_lock import AdvisoryLock

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection


@contextmanager
def writers_turn(settings: Settings) -> Iterator[AdvisoryLock | None]:
    """Waits for the turn and keeps it until the block ends; raises StoreBusy when another writer does not finish.

    Yields the lock of a PostgreSQL catalog, which its holder can lose.
    """
    lock = (
        file_turn(settings)
        if settings.catalog_file
        else AdvisoryLock.take(settings, "lock", "writer", settings.lock_wait)
    )
    if lock is None:
        raise StoreBusy(
            f"{settings.store} has been held by another writer for {settings.lock_wait} seconds; "
            "see which `python -m pipeline` process is busy, or raise PROVISIONING_LOCK_WAIT."
        )
    try:
        yield lock if isinstance(lock, AdvisoryLock) else None
    finally:
        lock.release()


def file_turn(settings: Settings) -> FileLock | None:
    """Takes the lock beside a SQLite catalog; None when it stays another's."""
    lock = FileLock(lock_file(settings, "lock"), timeout=settings.lock_wait)
    with suppress(Timeout):
        lock.acquire()
        return lock
    return None


def commit(cursor: Cursor, change: Callable[[Cursor], T]) -> T:
    """Runs `change` between begin and commit, again from the start when another writer's commit came in between."""
    for attempt in count(1):
        cursor.execute("begin")
        try:
            result = change(cursor)
            cursor.execute("commit")
            return result
        except BaseException as error:
            # A transaction that failed to commit has ended by itself.
            with suppress(duckdb.Error):
                cursor.execute("rollback")
            if not isinstance(error, duckdb.TransactionException) or not COMMITS.allows(attempt):
                raise
            time.sleep(COMMITS.pause_s(attempt))
    raise AssertionError("unreachable")
