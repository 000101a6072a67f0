"""Writers take turns, each for as long as one whole transaction lasts; readers never wait, unless the
store is of an earlier version and has to be migrated first.

On a SQLite catalog the turn is an OS lock on a file beside it, which is free as soon as its process dies. A PostgreSQL
catalog has no such lock: there the catalog itself decides.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from itertools import count
from typing import TypeVar

import duckdb
from filelock import FileLock, Timeout

from pipeline.config.errors import StoreBusy
from pipeline.config.retry_policy import COMMITS
from pipeline.config.settings import Settings, lock_file

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection


@contextmanager
def writers_turn(settings: Settings) -> Iterator[None]:
    """Waits for the turn and keeps it until the block ends; raises StoreBusy when another writer does not finish."""
    wait = settings.lock_wait
    lock = FileLock(lock_file(settings, "lock"), timeout=wait) if settings.catalog_file else nullcontext()
    with ExitStack() as stack:
        try:
            stack.enter_context(lock)
        except Timeout:
            raise StoreBusy(
                f"{settings.store} has been held by another writer for {wait} seconds; "
                "see which `python -m pipeline` process is busy, or raise PROVISIONING_LOCK_WAIT."
            ) from None
        yield


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
