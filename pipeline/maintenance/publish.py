"""Writes the store into one plain DuckDB file, for tools that only open files.

The file appears whole or not at all: it is written beside its place and moved over it, and never changed where it
stands. Views stay views, over the file's own tables; no extension is needed to read it.

What is new is added to the file before the last one, which is kept beside it as a spare (`published_copies.py`): the
work is that of what came since, however large the file is. A table of which rows are gone is written anew.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.config.errors import PublishError
from pipeline.config.settings import lock_file
from pipeline.maintenance.published_copies import Copies
from pipeline.store.dependencies import TableChanges
from pipeline.store.ducklake_workarounds import CATALOG
from pipeline.store.failures import store_errors
from pipeline.store.lake import LAKE, Cursor, Store, quoted
from pipeline.store.migrate import build_schema, schema_version

PUBLISHED = "published"
TABLES = ("events", "exchanges", "job_snapshots", "incidents", "action_log", "rule_runs", "rejects", "files")
PARTS = (
    "identity_parts",
    "account_writers",
    "hourly_parts",
    "cycle_parts",
    "coverage",
    "problems",
    "skips",
    "scope_parts",
    "member_claims",
    "footings",
    "pending_retries",
    "event_spine",
    "request_matches",
    "rejected_changes",
    "job_successors",
    "taken_over",
    "clock_days",
    "log_owner_hits",
    "unpaired_days",
)
"Not for readers, but the views identities, hourly, cycles, completeness, escrows and others are made of them."
INTERNAL = (
    "background_jobs", "contacts", "configurations", "permissions", "issue_actions", "outbox", "tokens", "migrations",
    "replaced_files",
)  # fmt: skip
INSERTED = f"ducklake_table_insertions('{LAKE}', 'main', '{{table}}', {{since}}, {{until}})"
DELETED = f"ducklake_table_deletions('{LAKE}', 'main', '{{table}}', {{since}}, {{until}})"
ADDED = """
create or replace temp table inserted_rows as
select i.*, hash(i) as digest, row_number() over (partition by hash(i)) as nth from {inserted} i
"""
"Merging files deletes rows and inserts them again, so what is the same in both has neither come nor gone."
REMOVED = """
create or replace temp table deleted_rows as select hash(d) as digest, count(*) as times from {deleted} d group by all
"""
LOST = """
select coalesce(sum(g.times), 0) <> (
    select count(*) from inserted_rows a join deleted_rows g on g.digest = a.digest and a.nth <= g.times)
from deleted_rows g
"""
Progress = Callable[[float], None]


def publish(store: Store, file: Path, progress: Progress | None = None) -> int:
    """Brings `file` to the store's present revision and returns its size in bytes; `progress` gets the share done.

    Nothing is written where nothing is new. Raises PublishError when its folder is missing, another process is writing
    it, or something else is in its place.
    """
    check(file)
    with one_at_a_time(store, file), store_errors(f"{file} could not be written"):
        # A digest, since the store's URL may hold a password.
        made_of = sha256(f"{store.settings.store} {schema_version()}".encode()).hexdigest()
        copies = Copies(file, made_of)
        published = copies.revision()
        if published is None or changed_tables(store, published, store.revision()):
            try:
                since = copies.prepare(lambda revision: is_kept(store, revision))
                with attached(store, copies.part) as cursor:
                    until = write(cursor, store, since, progress or (lambda _share: None))
                copies.exchange(until)
            finally:
                copies.remove_leftovers()
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


def is_kept(store: Store, revision: int) -> bool:
    """Whether the store still has a revision's snapshot, and so knows all that was done since."""
    return bool(store.rows(f"select 1 from {CATALOG}.ducklake_snapshot where snapshot_id = ?", [revision]))


def changed_tables(store: Store, since: int, until: int) -> list[str]:
    """Returns the published tables that changed after one revision and up to another."""
    changes = TableChanges(CATALOG, since)
    return [table for table in TABLES + PARTS if changes.changed(frozenset([table]), since, until, store.rows)]


@contextmanager
def attached(store: Store, file: Path) -> Iterator[Cursor]:
    """Opens a cursor whose current database is the file that is being written, and detaches the file afterwards."""
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


def write(cursor: Cursor, store: Store, since: int | None, progress: Progress) -> int:
    """Writes what changed since a revision, or everything, in one transaction, so that all is of the same revision.

    Returns that revision.
    """
    if since is None:
        build_schema(cursor)
        for table in INTERNAL:
            cursor.execute(f"drop table {table}")
    cursor.execute("begin")
    try:
        until = int(one_value(cursor, f"select id from ducklake_current_snapshot('{LAKE}')"))
        tables = list(TABLES + PARTS) if since is None else changed_tables(store, since, until)
        weights = [int(one_value(cursor, f"select count(*) from {LAKE}.main.{table}")) + 1 for table in tables]
        for place, table in enumerate(tables, 1):
            if since is None:
                cursor.execute(f"insert into {table} by name from {LAKE}.main.{table}")
            else:
                add_changes(cursor, table, since, until)
            progress(sum(weights[:place]) / sum(weights))
        cursor.execute("commit")
    except BaseException:
        cursor.execute("rollback")
        raise
    progress(1.0)
    return until


def add_changes(cursor: Cursor, table: str, since: int, until: int) -> None:
    """Adds a table's new rows, or writes it anew where rows of before are gone."""
    span = {"table": table, "since": since + 1, "until": until}
    inserted, deleted = INSERTED.format(**span), DELETED.format(**span)
    if not one_value(cursor, f"select count(*) from {deleted}"):
        cursor.execute(f"insert into {table} by name from {inserted}")
        return
    cursor.execute(REMOVED.format(deleted=deleted))
    cursor.execute(ADDED.format(inserted=inserted))
    if one_value(cursor, LOST):
        cursor.execute(f"delete from {table}")
        cursor.execute(f"insert into {table} by name from {LAKE}.main.{table}")
    else:
        cursor.execute(
            f"insert into {table} by name select a.* exclude (digest, nth) "
            "from inserted_rows a left join deleted_rows g using (digest) where a.nth > coalesce(g.times, 0)"
        )
    cursor.execute("drop table temp.inserted_rows")
    cursor.execute("drop table temp.deleted_rows")


def one_value(cursor: Cursor, sql: str) -> int:
    """Returns the one value of an answer."""
    return int(cursor.execute(sql).fetchall()[0][0])
