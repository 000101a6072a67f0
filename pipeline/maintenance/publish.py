"""Writes the store into one plain DuckDB file, for tools that only open files.

The file appears whole or not at all: it is written beside its place and moved over it. Views stay views, over the
file's own tables; no extension is needed to read it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.config.errors import PublishError
from pipeline.config.settings import lock_file
from pipeline.store.lake import LAKE, Cursor, Store, quoted, store_errors
from pipeline.store.migrate import build_schema

PUBLISHED = "published"
TABLES = ("events", "exchanges", "job_snapshots", "incidents", "rule_runs", "rejects", "files")
PARTS = (
    "identity_parts",
    "hourly_parts",
    "cycle_parts",
    "coverage",
    "problems",
    "skips",
    "scope_parts",
    "member_claims",
    "footings",
    "request_matches",
    "clock_days",
    "log_owner_hits",
    "unpaired_days",
)
"Not for readers, but the views identities, hourly, cycles, completeness, and escrows through them, are made of them."
INTERNAL = ("background_jobs", "contacts", "configurations", "permissions", "outbox", "tokens", "migrations")


def publish(store: Store, file: Path, progress: Callable[[float], None] | None = None) -> int:
    """Writes `file` from one revision of the store and returns its size in bytes; `progress` gets the share done.

    Raises PublishError when its folder is missing, another process is writing it, or something else is in its place.
    """
    check(file)
    part = file.with_name(f".{file.name}.part")
    with one_at_a_time(store, file), store_errors(f"{file} could not be written"):
        part.unlink(missing_ok=True)
        try:
            with attached(store, part) as cursor:
                copy(cursor, progress or (lambda _share: None))
            part.replace(file)
        finally:
            for leftover in (part, part.with_name(f"{part.name}.wal")):
                leftover.unlink(missing_ok=True)
    return file.stat().st_size


def check(file: Path) -> None:
    """Refuses a place where the file cannot go, or where something lies that is no DuckDB file."""
    if not file.parent.is_dir():
        raise PublishError(f"{file.parent} is not a folder; make it first, or name another file.")
    if not file.exists():
        return
    ours = file.is_file() and (file.stat().st_size == 0 or magic(file) == b"DUCK")
    if not ours:
        raise PublishError(f"{file} exists and is not a DuckDB file; it is left alone: name another file.")


def magic(file: Path) -> bytes:
    """Returns the four bytes that mark DuckDB's own files."""
    with file.open("rb") as stream:
        return stream.read(12)[8:]


@contextmanager
def one_at_a_time(store: Store, file: Path) -> Iterator[None]:
    """Keeps two processes from writing the same published file."""
    lock = FileLock(lock_file(store.settings, "publish"))
    try:
        lock.acquire(timeout=store.settings.lock_wait)
    except Timeout:
        raise PublishError(f"{file}: another process is publishing; try again when it is done.") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def attached(store: Store, file: Path) -> Iterator[Cursor]:
    """Opens a cursor whose current database is the new file, and detaches the file afterwards."""
    cursor = store.cursor()
    cursor.execute(f"attach '{quoted(file)}' as {PUBLISHED}")
    try:
        cursor.execute(f"use {PUBLISHED}")
        yield cursor
        cursor.execute(f"checkpoint {PUBLISHED}")
    finally:
        cursor.execute(f"use {LAKE}")
        cursor.execute(f"detach {PUBLISHED}")
        cursor.close()


def copy(cursor: Cursor, progress: Callable[[float], None]) -> None:
    """Makes tables and views and fills them in one transaction, so that all are of the same revision."""
    build_schema(cursor)
    for table in INTERNAL:
        cursor.execute(f"drop table {table}")
    cursor.execute("begin")
    try:
        tables = TABLES + PARTS
        weights = [count(cursor, table) + 1 for table in tables]
        for place, table in enumerate(tables, 1):
            cursor.execute(f"insert into {table} by name from {LAKE}.main.{table}")
            progress(sum(weights[:place]) / sum(weights))
        cursor.execute("commit")
    except BaseException:
        cursor.execute("rollback")
        raise


def count(cursor: Cursor, table: str) -> int:
    """Counts a table of the lake."""
    return int(cursor.execute(f"select count(*) from {LAKE}.main.{table}").fetchall()[0][0])
