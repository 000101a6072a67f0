"""Transactions on a PostgreSQL catalog, fenced: a writer that has lost its turn cannot commit, and none commits twice.

DuckLake lets two transactions append to one table at the same time, though neither saw the rows of the other: two loads
of the same file stored every event twice. So every transaction first updates the one row of `writer_fence`, and of two
that overlap the second fails and runs again, over what the first has written. The row is kept in the catalog, not in
Parquet; a commit of one row takes 34 ms of processor time instead of 12.

A connection that breaks during a commit leaves unknown whether it was done. Each transaction therefore carries a mark,
which is looked for before it runs again, and its files are kept until then (`new_files.py`).
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from itertools import count
from typing import Protocol, TypeVar
from uuid import uuid4

import duckdb

from pipeline.config.errors import StoreError, StoreUnreachable
from pipeline.config.retry_policy import COMMITS
from pipeline.config.settings import Settings
from pipeline.store.advisory_lock import AdvisoryLock
from pipeline.store.connections import is_lost
from pipeline.store.ducklake_workarounds import CATALOG, LAKE, keep_in_catalog
from pipeline.store.new_files import NewFiles

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection
FENCE = "writer_fence"


class Lease(Protocol):
    """A lock that this process may lose."""

    def is_valid(self) -> bool:
        """Whether this process still has it."""


class TurnLost(StoreUnreachable):
    """The session that held the writers' turn has ended, so another process may have it; the change is made again."""


class LeaseLost(StoreUnreachable):
    """The session of another lock has ended, so another process may be doing this work."""


def has_fence(cursor: Cursor) -> bool:
    """Whether the catalog has the row."""
    try:
        return cursor.execute(f"select 1 from {FENCE}").fetchone() is not None
    except duckdb.CatalogException:
        return False


def make_fence(cursor: Cursor) -> None:
    """Makes the row, or what of it was not made; the caller has the writers' turn."""
    cursor.execute(f"create table if not exists {FENCE} (turn bigint)")
    keep_in_catalog(cursor, FENCE)
    cursor.execute(f"insert into {FENCE} select 0 where not exists (from {FENCE})")


def begin(cursor: Cursor, mark: str) -> None:
    """Begins a transaction behind the fence."""
    cursor.execute("begin")
    if cursor.execute(f"update {FENCE} set turn = turn + 1").fetchone() != (1,):
        raise StoreError(f"The one row of {FENCE} is not there, so writers cannot be kept apart; restore the catalog.")
    cursor.execute(f"call {LAKE}.set_commit_message(null, null, extra_info => '{mark}')")


def committed_mark(cursor: Cursor, marks: Sequence[str]) -> str | None:
    """Returns which of some transactions was committed after all."""
    marked = (
        f"select commit_extra_info from {CATALOG}.ducklake_snapshot_changes where list_contains(?, commit_extra_info)"
    )
    found = cursor.execute(marked, [marks]).fetchone()
    return found[0] if found else None


def write_fenced(
    cursor: Cursor,
    change: Callable[[Cursor], T],
    turn: Callable[[], AbstractContextManager[AdvisoryLock | None]],
    settings: Settings,
    leases: Sequence[Lease] = (),
) -> T:
    """Runs `change` as one whole transaction in the writers' turn; again when it met another or lost its session.

    A server that went away is waited for as long as another writer. Raises LeaseLost when a lease is lost.
    """
    conflicts, until = 0, float("inf")
    tried: dict[str, T] = {}
    "The marks and results of transactions whose commit failed; one may still be done, or only be seen later."
    with ExitStack() as held_files:
        for failures in count(1):
            try:
                with turn() as held:
                    if done := tried and committed_mark(cursor, list(tried)):
                        return tried[done]
                    mark = uuid4().hex
                    files = held_files.enter_context(NewFiles(settings.folder))
                    begin(cursor, mark)
                    result = change(cursor)
                    files.hold()
                    check_locks(held, leases)
                    try:
                        cursor.execute("commit")
                    except duckdb.Error:
                        files.restore()
                        tried[mark] = result
                        raise
                    return result
            except BaseException as error:
                # A transaction that failed to commit has ended by itself.
                with suppress(duckdb.Error):
                    cursor.execute("rollback")
                if isinstance(error, LeaseLost):
                    raise
                if is_lost(error):
                    until = min(until, time.monotonic() + settings.lock_wait)
                    if time.monotonic() >= until:
                        raise
                else:
                    conflicts += 1
                    if not isinstance(error, duckdb.TransactionException) or not COMMITS.allows(conflicts):
                        raise
            time.sleep(COMMITS.pause_s(failures))
    raise AssertionError("unreachable")


def check_locks(turn: Lease | None, leases: Sequence[Lease]) -> None:
    """Raises LeaseLost or TurnLost when a lock was lost since the transaction began."""
    if not all(lease.is_valid() for lease in tuple(leases)):
        raise LeaseLost("This process lost its connection to the catalog, and with it this job's lock.")
    if turn is not None and not turn.is_valid():
        raise TurnLost("The connection that held the writers' turn has ended.")
