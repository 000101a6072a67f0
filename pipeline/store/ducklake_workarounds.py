"""Every workaround of DuckDB 1.5.5 and its DuckLake 1.0 in one place, each with what lets it go.

DuckDB 2.0 has no wheels of these extensions yet, so none of this could be tried there. Where a
test is named, take the workaround away with the next version and see whether it still passes.
"""

import sqlite3
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from importlib.abc import MetaPathFinder
from pathlib import Path
from threading import Lock, Timer
from typing import Any, Protocol

import duckdb

from pipeline.store.synced_files import sync_folder
from pipeline.store.writer_lock import Cursor

LAKE = "provisioning"
METADATA = "__ducklake_metadata_"
CATALOG = METADATA + LAKE
"Where DuckLake keeps what it knows of the lake's files and snapshots."
READING = f"{LAKE}_read"
WITHOUT_INLINING = "DATA_INLINING_ROW_LIMIT 0"
"""Small inserts go into files, not into the catalog: readers missed inlined rows while they were flushed (wrong counts
without an error in 1 of 221 loops; 0 of 883 without inlining). Nor does it save anything but the files: one event into
300,000 took 0.40 s of processor time and 159 KB with it, 0.37 and 144 without; after 150 commits 0.49 and 0.46. Can go
when duckdb/ducklake #1413, #1305 and #650 are closed."""
IN_CATALOG = ("background_jobs", "contacts")
"""Tables of a few rows that background jobs replace without end: their rows stay in the catalog and are never flushed
into a file, so that they write no Parquet. A recorded run takes 35 ms of processor time either way."""


class Executes(Protocol):
    """Something that runs SQL."""

    def execute(self, query: str, /) -> Any:
        """Runs one or several statements."""


# Tables without statistics. Measured: a question that names a table which never had a row takes 4 ms more for each of
# its columns, since DuckLake looks for their statistics at every planning. Can go when a question of a new lake is as
# quick without.
EMPTY_TABLES = """
select table_name from {catalog}.ducklake_table t left join {catalog}.ducklake_table_stats s using (table_id)
where t.end_snapshot is null and coalesce(s.record_count, 0) = {rows}
"""


def write_placeholder_rows(cursor: Executes, catalog: str = CATALOG) -> None:
    """Puts an empty row into each table that never had one; `remove_placeholder_rows` follows in the next commit."""
    for (table,) in cursor.execute(EMPTY_TABLES.format(catalog=catalog, rows=0)).fetchall():
        cursor.execute(f'insert into "{table}" default values')


def remove_placeholder_rows(cursor: Executes, catalog: str = CATALOG) -> None:
    """Removes empty rows from tables that never had another one."""
    for (table,) in cursor.execute(EMPTY_TABLES.format(catalog=catalog, rows=1)).fetchall():
        empty = f'select rowid from "{table}" where columns(*) is null'
        cursor.execute(f'delete from "{table}" where rowid in ({empty})')


def attach_for_reading(cursor: Executes, where: str, folder: str) -> None:
    """Attaches the lake once more, read-only, for questions.

    A connection that may write sleeps whole seconds when many questions run side by side on a SQLite catalog; one that
    only reads does not. Can go when questions side by side are as quick on the first.
    """
    cursor.execute(f"attach '{where}' as {READING} (read_only, data_path '{folder}', override_data_path true)")


class NoPandas(MetaPathFinder):
    """Answers an import of pandas as where it is not installed."""

    def find_spec(self, fullname: str, *_path_and_target: Any) -> None:
        """Raises ModuleNotFoundError for pandas; what else is imported is left to the finders behind."""
        if fullname == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=fullname)


def leave_out_pandas() -> None:
    """Has this process do without pandas, which DuckDB imports at the first parameter, for pandas' own nulls.

    Takes 0.2 to 0.3 s of processor time off every command. For processes that use no pandas of their own. Can go when
    DuckDB asks for pandas only where it is loaded.
    """
    sys.meta_path.insert(0, NoPandas())


PAGE_BYTES = 1024
"""The pages of a new SQLite catalog: a commit touches some 17 places of it and writes their pages twice, into the
journal and into the catalog, 116 KB at SQLite's 4,096 bytes and 48 at 1,024. Can go when DuckLake sets it."""


def make_sqlite_catalog(file: Path) -> None:
    """Makes an empty SQLite file in which DuckLake then makes its catalog; raises OSError."""
    try:
        with closing(sqlite3.connect(file)) as catalog:
            catalog.execute(f"pragma page_size = {PAGE_BYTES}")
            catalog.execute("pragma journal_mode = wal")
            catalog.execute("vacuum")
        sync_folder(file.parent)
    except sqlite3.Error as error:
        raise OSError(f"{file}: {error}") from error


JOURNAL_HEADER_BYTES = 32


def is_made(file: Path) -> bool:
    """Whether a SQLite file holds a catalog: one that is being made is a page or two, with an empty journal."""
    sizes = []
    for part in (file, Path(f"{file}-wal")):
        try:
            sizes.append(part.stat().st_size)
        except FileNotFoundError:
            sizes.append(0)
    return sizes[0] > 2 * PAGE_BYTES or sizes[1] > JOURNAL_HEADER_BYTES


JOURNAL_BYTES = 4 * 1024 * 1024
"A journal that is longer is copied into the catalog, by whoever closes the catalog last."
HELD_S = 30.0


class OpenCatalog:
    """A transaction that only reads a SQLite catalog and keeps it open for some seconds after each commit.

    Each transaction of DuckLake opens the catalog and closes it, and who closes it last copies its journal into it: the
    pages of one event's commit were written twice, with two more syncs. Held for long, the journal would only grow, so
    the transaction begins anew at each commit, ends some seconds after the last one, and at JOURNAL_BYTES. It is one of
    the attachment that may write, since another could not copy the journal when it closes the catalog last. Can go when
    DuckLake keeps its catalog open.
    """

    def __init__(self, connection: Cursor, catalog: Path, name: str = CATALOG) -> None:
        self._cursors = connection.cursor(), connection.cursor()
        "Two by turns: the next transaction begins before the one before ends, which would close the catalog."
        self._journal = Path(f"{catalog}-wal")
        self._look = f"select 1 from {name}.ducklake_metadata limit 1"
        self._guard = Lock()
        self._holder: Cursor | None = None
        self._timer: Timer | None = None

    def renew(self) -> None:
        """Holds the catalog as of now, unless its journal is long; what fails is only slower."""
        with self._guard:
            former, self._holder = self._holder, None
            with suppress(OSError, duckdb.Error):
                if not self._journal.exists() or self._journal.stat().st_size < JOURNAL_BYTES:
                    holder = self._cursors[former is self._cursors[0]]
                    holder.execute("begin")
                    self._holder = holder
                    holder.execute(self._look)
            self._end(former)
            if self._holder is not None:
                self._timer = Timer(HELD_S, self.release)
                self._timer.daemon = True
                self._timer.start()

    def release(self) -> None:
        """Lets the catalog be closed."""
        with self._guard:
            former, self._holder = self._holder, None
            self._end(former)

    def close(self) -> None:
        """Lets the catalog be closed, for good."""
        self.release()
        for cursor in self._cursors:
            cursor.close()

    def _end(self, holder: Cursor | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if holder is not None:
            with suppress(duckdb.Error):
                holder.execute("rollback")


# Expiring by number. `older_than` compares instants as text in a SQLite catalog, and so no more than their days. Can go
# when `ducklake_expire_snapshots(older_than)` keeps to the second, as tests/maintenance/test_chores.py wants it.
OLD_SNAPSHOTS = f"""
select snapshot_id from ducklake_snapshots('{LAKE}') where snapshot_time < ? and snapshot_id < ? order by all
"""


def expire_statement(snapshots: list[int]) -> str:
    """Returns the statement that forgets snapshots; what they alone used becomes a file to clean up.

    Its own rows have instants with a zone, for which DuckDB's Python client needs pytz, so they are only counted.
    """
    return f"select count(*) from ducklake_expire_snapshots('{LAKE}', versions => {snapshots})"


# Cleaning all at once, since `older_than` compares no more than days here too. `schedule_start` is text in SQLite.
NEWEST_SCHEDULED = f"""
select max(schedule_start::timestamptz) at time zone 'UTC' from {CATALOG}.ducklake_files_scheduled_for_deletion
"""


def cleanup_statement(newest: datetime | None, now: datetime, grace: timedelta, dry_run: bool) -> str:
    """Returns the statement that deletes the files which are due: all, once the newest is older than `grace`.

    In a stream of new ones those of two days ago go. `newest` is naive UTC. Can go when `older_than` does not.
    """
    due = newest is None or newest.replace(tzinfo=UTC) < now - grace
    which = "cleanup_all => true" if due else f"older_than => {instant_literal(now - timedelta(days=2))}"
    return f"from ducklake_cleanup_old_files('{LAKE}', dry_run => {str(dry_run).lower()}, {which})"


def instant_literal(instant: datetime) -> str:
    """Spells an instant as SQL: DuckLake's functions take TIMESTAMPTZ, and no parameters."""
    return f"timestamptz '{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def rewrite_files(cursor: Cursor, table: str, files: list[str]) -> None:
    """Merges files as any writer would: their rows are written again and the old ones deleted.

    `ducklake_merge_adjacent_files` takes from a SQLite catalog what older snapshots read: a question that runs
    meanwhile finds the table empty (8 of 250 reads at a merge a second). Can go when readers keep their snapshot.
    """
    cursor.execute(f"insert into {table} select * from {table} where filename in $files", {"files": files})
    cursor.execute(f"delete from {table} where filename in $files", {"files": files})


def keep_in_catalog(cursor: Executes, table: str) -> None:
    """Keeps the rows of a table of few rows in the catalog instead of files."""
    cursor.execute(f"call {LAKE}.set_option('data_inlining_row_limit', 10, table_name => '{table}')")


def delete_old_rows_in_catalog(cursor: Executes, in_postgres: bool) -> None:
    """Deletes from the catalog the rows that no snapshot shows any more: DuckLake keeps them, and reads them all."""
    tables = cursor.execute(f"select table_name from {CATALOG}.ducklake_inlined_data_tables").fetchall()
    for (table,) in tables:
        old = "where end_snapshot <= (select min(snapshot_id) from {}ducklake_snapshot)"
        if in_postgres:
            cursor.execute(f"call postgres_execute('{CATALOG}', 'delete from {table} {old.format('')}')")
        else:
            cursor.execute(f"delete from {CATALOG}.{table} {old.format(CATALOG + '.')}")
