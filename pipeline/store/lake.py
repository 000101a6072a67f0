"""The lake: a DuckLake that is opened, asked and written in whole transactions.

A question gets a cursor of its own, so threads share nothing but the attached lake.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from pipeline.config.errors import SettingsError, StoreError, StoreMissing, StoreUnreachable, Unreadable
from pipeline.config.settings import Settings
from pipeline.store.advisory_lock import PASSWORD, AdvisoryLock, add_secret, has_catalog, password_of
from pipeline.store.connections import is_lost, lost_connections, while_reconnecting
from pipeline.store.ducklake_workarounds import (
    CATALOG,
    LAKE,
    METADATA,
    READING,
    WITHOUT_INLINING,
    OpenCatalog,
    attach_for_reading,
    is_made,
    make_sqlite_catalog,
)
from pipeline.store.extensions import extension_files
from pipeline.store.failures import BY_DATA, brief, reason, remedy, store_errors
from pipeline.store.fence import write_fenced
from pipeline.store.lake_notes import (
    MOVE_FILES,
    check_folder,
    facts_of,
    files_folder,
    is_elsewhere,
    is_expected,
    leave_notes,
    lost_catalog,
)
from pipeline.store.migrate import Progress, bring_up_to_date, missing
from pipeline.store.process_lock import ProcessLock
from pipeline.store.result_cache import ResultCache
from pipeline.store.spill_folder import SpillFolder
from pipeline.store.synced_files import SyncedFiles
from pipeline.store.time_limit import Stop, time_limit
from pipeline.store.value_limits import limit_values
from pipeline.store.writer_lock import Cursor, commit, writers_turn

__all__ = ["CATALOG", "LAKE", "Cursor", "Store", "open_store"]

T = TypeVar("T")
Values = Mapping[str, Any] | Sequence[Any] | None
Stamp = tuple[tuple[int, int], ...]
DUCKDB_OPTIONS: dict[str, Any] = {}
"DuckDB's own options of every opening, beside memory and the folder to spill into. The tests' own process adds one."
PIECE_ROWS = 10_000
"How many rows a streamed answer has in a piece."
NO_STORE = "does not exist; load logs first: python -m pipeline ingest sample_logs"
NOT_MADE = "creating a new DuckLake is explicitly disabled"
"What DuckLake's error says where there is no catalog and none may be made."
TICK_NS = 50_000_000
"Two changes of a file within this may leave the same time; kernels count in 1 to 10 milliseconds."


class Store:
    """An attached lake; `open_store` makes one."""

    def __init__(self, connection: Cursor, settings: Settings, reading: str, folder: Path, spill: SpillFolder) -> None:
        self._connection = connection
        self._spill = spill
        self.folder = folder
        "Where the Parquet files are."
        self.files = SyncedFiles(folder)
        self._reading = reading
        self._guard = Lock()
        self.leases: list[ProcessLock] = []
        "Locks without which nothing is committed: what this process does may by now be another's work."
        self._newest: tuple[Stamp | None, int] = None, -1
        self.answers = ResultCache(self.fetch, self.rows, self.revision, METADATA + reading)
        self.settings = settings
        catalog = settings.catalog_file
        self._open_catalog = OpenCatalog(connection, catalog) if catalog and reading != LAKE else None

    def cursor(self, lake: str = LAKE) -> Cursor:
        """Opens a connection to the lake for one thread, which closes it."""

        def open_cursor() -> Cursor:
            with self._guard:
                cursor = self._connection.cursor()
            try:
                cursor.execute(f"use {lake}")
            except duckdb.Error:
                cursor.close()
                raise
            return cursor

        with store_errors("The store cannot be reached"):
            return while_reconnecting(open_cursor)

    def revision(self) -> int:
        """Returns the lake's snapshot id: it moves with every commit of any process."""
        catalog = self.settings.catalog_file
        stamp = file_stamp(catalog, f"{catalog}-wal") if catalog else None
        last_stamp, revision = self._newest
        if stamp is None or stamp != last_stamp:
            revision = int(self.rows(f"select id from ducklake_current_snapshot('{self._reading}')")[0][0])
            self._newest = stamp, revision
        return revision

    def rows(self, sql: str, values: Values = None) -> list[tuple[Any, ...]]:
        """Answers a statement of the program's own as plain tuples."""
        cursor = self.cursor(self._reading)
        try:
            with store_errors("The store could not answer"):
                return while_reconnecting(lambda: cursor.execute(sql, values).fetchall())
        finally:
            cursor.close()

    def ask(self, sql: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        """Answers a question as an Arrow table; from memory while no table that it may read has changed."""
        return self.answers.get(sql, values)

    def fetch(self, sql: str, values: Mapping[str, Any] | None = None, stop: Stop | None = None) -> pa.Table:
        """Answers a question as an Arrow table, afresh; where `stop` is asked it is ended, as `stream` says."""
        cursor = self.cursor(self._reading)
        try:
            with store_errors("The store could not answer"), time_limit(cursor, None, stop):
                return while_reconnecting(lambda: cursor.execute(sql, values or None).to_arrow_table())
        finally:
            cursor.close()

    @contextmanager
    def stream(
        self,
        sql: str,
        values: Mapping[str, Any] | None = None,
        seconds: float | None = None,
        stop: Stop | None = None,
    ) -> Iterator[pa.RecordBatchReader]:
        """Answers a question piece by piece, so that a long answer takes no more memory than a short one.

        After so many `seconds`, or when `stop` is asked, it is ended and raises StoreError.
        """
        cursor = self.cursor(self._reading)
        try:
            with store_errors("The store could not answer"), time_limit(limit_values(cursor), seconds, stop):
                yield cursor.execute(sql, values or None).to_arrow_reader(PIECE_ROWS)
        finally:
            cursor.close()

    def first_rows(self, sql: str, values: Mapping[str, Any] | None = None) -> tuple[pa.Table, bool]:
        """Answers a question for a screen: at most as many rows, and for as long, as the settings say.

        Returns these rows and whether there are more.
        """
        wanted, kept = self.settings.screen_rows, 0
        with self.stream(sql, values, self.settings.screen_seconds) as answer:
            batches: list[pa.RecordBatch] = []
            while kept <= wanted and (batch := next(answer, None)) is not None:
                batches.append(batch)
                kept += batch.num_rows
        return pa.Table.from_batches(batches, answer.schema).slice(0, wanted), kept > wanted

    def write(self, change: Callable[[Cursor], T], on: Cursor | None = None, *, under_leases: bool = True) -> T:
        """Runs `change` as one whole transaction and returns its result; it may be run again after a conflict.

        `on` is the cursor whose temporary tables `change` reads. Raises StoreBusy when another writer does not finish.
        Raises LeaseLost when one of the leases was lost; without `under_leases` it is written all the same.
        """
        cursor, leases = on or self.cursor(), self.leases if under_leases else []
        try:
            with store_errors(f"{self.settings.store} could not be written and is as before"):
                synced = self.files.synced(change)
                if self.settings.catalog_file is None:
                    return write_fenced(cursor, synced, self.turn, self.settings, leases)
                with self.turn():
                    result = commit(cursor, synced)
            if self._open_catalog is not None:
                self._open_catalog.renew()
            return result
        finally:
            if on is None:
                cursor.close()

    @contextmanager
    def turn(self) -> Iterator[AdvisoryLock | None]:
        """Holds the writers' turn."""
        with writers_turn(self.settings) as held:
            yield held

    def commit_in_turn(self, cursor: Cursor, change: Callable[[Cursor], T], held: AdvisoryLock | None) -> T:
        """Runs `change` as one transaction in the turn that the caller holds."""
        with store_errors(f"{self.settings.store} could not be written and is as before"):
            if self.settings.catalog_file is None:
                return write_fenced(cursor, self.files.synced(change), lambda: nullcontext(held), self.settings)
            return commit(cursor, self.files.synced(change))

    def is_broken(self) -> bool:
        """Whether DuckDB has shut this store down after an error of its own, so that only another one answers."""
        try:
            with self._guard:
                self._connection.execute("select 1")
        except duckdb.FatalException:
            return True
        return False

    def close(self) -> None:
        """Closes the lake, after the questions that are being answered."""
        self.answers.close()
        if self._open_catalog is not None:
            self._open_catalog.close()
        self._connection.close()
        self._spill.close()


def file_stamp(*files: Path | str) -> Stamp | None:
    """Returns what changes whenever one of these files is written: their sizes and times; it takes microseconds.

    None where that is uncertain: none is there, or one is so new that its next change could have the same time.
    """
    seen = []
    for file in files:
        with suppress(FileNotFoundError):
            status = Path(file).stat()
            seen.append((status.st_size, status.st_mtime_ns))
    settled = all(time.time_ns() - changed > TICK_NS for _, changed in seen)
    return tuple(seen) if seen and settled else None


def stage(cursor: Cursor, sql: str) -> None:
    """Runs a statement that reads what arrived into a temporary table; raises Unreadable when DuckDB cannot read it.

    Raises StoreUnreachable when the catalog's server went away. It is not tried again then: the rows may be in the
    temporary table all the same.
    """
    try:
        with lost_connections():
            cursor.execute(sql)
    except (*BY_DATA, duckdb.ProgrammingError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        unreadable = Unreadable(str(error))
        unreadable.full = isinstance(error, duckdb.OutOfMemoryException)
        raise unreadable from error


def open_store(
    settings: Settings, *, read_only: bool = False, migrate: bool = True, progress: Progress | None = None
) -> Store:
    """Attaches the lake, making it first where there is none; a read-only one raises StoreMissing and cannot write.

    A store that an earlier version has written is migrated first, also to be read; `progress` shows how far that is.
    Without `migrate` it is taken as it is, for which nothing of it is read: it may be damaged.
    """
    catalog = settings.catalog_file
    if catalog is not None and catalog.is_dir():
        raise StoreError(f"{catalog} is a folder; a file was expected. Set PROVISIONING_STORE to ducklake:sqlite:FILE.")
    if os.sep == "/" and "\\" in str(settings.folder):
        raise StoreError(
            f"The lake's files cannot lie in {settings.folder}: DuckDB takes a backslash for a slash when it "
            "makes their folders. Set PROVISIONING_FILES to a folder without one in its path."
        )
    if read_only and catalog is not None and not catalog.exists():
        if is_expected(settings):
            raise lost_catalog(settings)
        raise StoreMissing(f"{catalog} {NO_STORE}")
    try:
        spill = SpillFolder()
    except OSError as error:
        raise StoreError(
            f"No folder can be made for what does not fit into memory ({error}); set TMPDIR to a writable one."
        ) from error
    # What is freed goes back to the machine at once: a load took up to 140 MB more without these threads.
    memory = {"memory_limit": settings.memory, "allocator_background_threads": True}
    config = DUCKDB_OPTIONS | memory | {"temp_directory": str(spill.path)}
    try:
        connection = duckdb.connect(config=config)
    except duckdb.Error as error:
        spill.close()
        raise SettingsError(
            f"PROVISIONING_MEMORY is '{settings.memory}' ({brief(error)}); give a size or a share, such as 1GB or 50%."
        ) from None
    try:
        # Log lines without a zone are UTC, whatever the machine's own zone is.
        connection.execute("set timezone = 'UTC'")
        if settings.threads:
            connection.execute(f"set threads = {settings.threads}")
        load_extensions(connection, settings)
        folder = attach(connection, settings, read_only)
        reading = LAKE if read_only or settings.catalog_file is None else READING
        if reading != LAKE:
            attach_for_reading(connection, f"ducklake:sqlite:{quoted(settings.catalog_file)}", quoted(folder))
        store = Store(connection, settings, reading, folder, spill)
        cursor = store.cursor()
        if not migrate:
            pass
        elif not read_only:
            bring_up_to_date(cursor, settings, store.files, progress)
        elif missing(cursor, settings):
            connection.close()
            spill.close()
            migrate_for_reader(settings, progress)
            return open_store(settings, read_only=True)
        cursor.close()
        return store
    except StoreError:
        connection.close()
        spill.close()
        raise
    except (duckdb.Error, OSError) as error:
        connection.close()
        spill.close()
        if read_only and catalog is None and not has_catalog(settings):
            raise StoreMissing(f"{settings.store} {NO_STORE}") from None
        kind = StoreUnreachable if is_lost(error) else StoreError
        raise kind(f"{settings.store} cannot be opened: {reason(error)}{remedy(error)}") from error


def migrate_for_reader(settings: Settings, progress: Progress | None) -> None:
    """Migrates a store of an earlier version that is opened to be read; raises StoreError where this user may not."""
    try:
        open_store(settings, progress=progress).close()
    except (StoreError, OSError) as error:
        raise StoreError(
            f"{settings.store} was written by an earlier version, or not made to its end, and must be migrated before "
            f"it is read; run `python -m pipeline status` once as a user who may write to it ({error})"
        ) from error


def load_extensions(connection: Cursor, settings: Settings) -> None:
    """Loads what the catalog needs, side by side: DuckDB checks the signature of each, 0.15 s of one core a file."""
    files = extension_files("ducklake", "sqlite_scanner" if settings.catalog_file else "postgres_scanner")
    cursors = [connection.cursor() for _file in files]
    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(lambda cursor, file: cursor.execute(f"load '{quoted(file)}'"), cursors, files))


def attach(connection: Cursor, settings: Settings, read_only: bool) -> Path:
    """Attaches the catalog that the settings name and returns the folder of its files.

    Makes the catalog where there is none; raises StoreError where one was expected, or where its files are another's.
    """
    folder = settings.folder
    if not read_only:
        folder.mkdir(parents=True, exist_ok=True)
        if settings.catalog_file:
            settings.catalog_file.parent.mkdir(parents=True, exist_ok=True)
    attach_catalog(connection, settings, folder, read_only)
    facts = facts_of(connection, CATALOG)
    chosen = files_folder(facts, settings, read_only)
    check_folder(facts, settings, chosen)
    if chosen != folder:
        connection.execute(f"detach {LAKE}")
        attach_catalog(connection, settings, chosen, read_only)
    if not read_only:
        leave_notes(facts, settings, chosen)
        if is_elsewhere(facts, chosen):
            with writers_turn(settings):
                connection.execute(MOVE_FILES.format(catalog=CATALOG), [f"{chosen}/"])
    connection.execute(f"use {LAKE}")
    return chosen


def attach_catalog(connection: Cursor, settings: Settings, folder: Path, read_only: bool) -> None:
    """Attaches a catalog over a folder of files, making it where there is none and none was expected."""
    catalog = settings.catalog_file
    where = f"ducklake:sqlite:{catalog}" if catalog else settings.store
    options = [f"DATA_PATH '{quoted(folder)}'", "OVERRIDE_DATA_PATH true"]
    if read_only:
        options += ["READ_ONLY"]
    else:
        options += [WITHOUT_INLINING]
        if catalog:
            options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 10000"]
    if password := password_of(settings):
        add_secret(connection, password)
        options.append(f"META_SECRET {PASSWORD}")
    # DuckLake makes a catalog with the first attachment, and of two at once one would fail: each takes its turn.
    is_new = not read_only and not (is_made(catalog) if catalog else has_catalog(settings))
    try:
        with writers_turn(settings) if is_new else nullcontext():
            if not read_only and is_expected(settings):
                if catalog and not catalog.exists():
                    raise lost_catalog(settings)
                options.append("CREATE_IF_NOT_EXISTS false")
            statement = f"attach '{quoted(where)}' as {LAKE} ({', '.join(options)})"
            if catalog and not read_only and not catalog.exists():
                make_sqlite_catalog(catalog)
            connection.execute(statement)
            return
    except duckdb.Error as error:
        if not catalog or read_only or is_new:
            if is_lost_catalog(settings, error):
                raise lost_catalog(settings) from error
            raise
    # Another process may be making the catalog: its file is there before what is in it. Its turn ends with that.
    with writers_turn(settings):
        try:
            connection.execute(statement)
        except duckdb.Error as error:
            if is_lost_catalog(settings, error):
                raise lost_catalog(settings) from error
            raise


def is_lost_catalog(settings: Settings, error: duckdb.Error) -> bool:
    """Whether there is no catalog, which was expected, and none was made."""
    return NOT_MADE in str(error) and is_expected(settings)


def quoted(text: object) -> str:
    """Doubles single quotes, for the few places where DuckDB takes no parameter: LOAD and ATTACH."""
    return str(text).replace("'", "''")


def seal(store: Store) -> None:
    """Closes a read-only store to everything but its own files: no other path, no setting can be reached after it."""
    catalog = store.settings.catalog_file
    paths = [f"{catalog}{end}" for end in ("", "-wal", "-shm", "-journal")] if catalog else []
    allowed = f"set allowed_directories = {[str(store.folder)]!r}; set allowed_paths = {paths!r}"
    store._connection.execute(f"{allowed}; set enable_external_access = false; set lock_configuration = true")


def kinds_of(sql: str) -> list[str]:
    """Returns the kind of each statement of a text: SELECT, INSERT, EXPLAIN … Raises StoreError for what is no SQL."""
    with store_errors("This is not SQL that DuckDB understands"):
        return [str(statement.type).rpartition(".")[2] for statement in duckdb.extract_statements(sql)]


def parse_tree(sql: str) -> dict[str, Any] | None:
    """Returns a question as DuckDB's parser reads it; None for what is no SELECT alone."""
    # A database of its own: the tests' stores allow what this need not.
    with duckdb.connect() as parser:
        [(text,)] = parser.execute("select json_serialize_sql(?::varchar)::varchar", [sql]).fetchall()
    tree: dict[str, Any] = json.loads(text)
    return None if tree["error"] else tree
