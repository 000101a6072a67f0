"""The one module that knows DuckDB: a DuckLake that is opened, asked, written in whole transactions and kept tidy.

On a SQLite catalog writers take turns under a file lock beside it, for as long as a transaction lasts and no longer;
readers never wait. A question gets a cursor of its own, so threads share nothing but the attached lake.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from threading import Lock
from typing import Any, TypeVar
from uuid import uuid4

import duckdb
import pyarrow as pa
from filelock import FileLock, Timeout

from pipeline.config.errors import StoreBusy, StoreError, StoreMissing, Unreadable
from pipeline.config.settings import Settings, lock_file
from pipeline.store.dependencies import Stamp, stamp
from pipeline.store.extensions import extension_files
from pipeline.store.migrate import build_schema, schema_version, take_back, write_once
from pipeline.store.result_cache import Remembered

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection
Values = Mapping[str, Any] | Sequence[Any] | None
LAKE = "provisioning"
METADATA = "__ducklake_metadata_"
CATALOG = METADATA + LAKE
"Where DuckLake keeps what it knows of the lake's files and snapshots."
READING = f"{LAKE}_read"
"The same lake attached once more, only to be read: questions side by side would wait for one another otherwise."
ATTEMPTS = 8
# Measured: groups of 16 to 30 thousand rows let both cores encode; the default of 122,880 takes over twice as long.
ROW_GROUP = 30_720


class Store:
    """An attached lake; `open_store` makes one."""

    def __init__(self, connection: Cursor, settings: Settings, reading: str) -> None:
        self._connection = connection
        self._reading = reading
        self._guard = Lock()
        self._looked: tuple[Stamp | None, int] = None, -1
        self.answers = Remembered(self.fetch, self.rows, self.revision, METADATA + reading)
        self.settings = settings

    def cursor(self, lake: str = LAKE) -> Cursor:
        """Gives a connection of its own that speaks to the lake; whoever takes it closes it."""
        with self._guard:
            cursor = self._connection.cursor()
        with said("The store cannot be reached"):
            cursor.execute(f"use {lake}")
        return cursor

    def revision(self) -> int:
        """Gives the lake's snapshot id: it moves with every commit of any process."""
        catalog = self.settings.catalog_file
        seen = stamp(catalog, f"{catalog}-wal") if catalog else None
        held, revision = self._looked
        if seen is None or seen != held:
            revision = int(self.rows(f"select id from ducklake_current_snapshot('{self._reading}')")[0][0])
            self._looked = seen, revision
        return revision

    def rows(self, sql: str, values: Values = None) -> list[tuple[Any, ...]]:
        """Answers a statement of the program's own as plain tuples."""
        cursor = self.cursor(self._reading)
        try:
            with said("The store could not answer"):
                return cursor.execute(sql, values).fetchall()
        finally:
            cursor.close()

    def ask(self, sql: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        """Answers a question as an Arrow table; from memory while no table that it may read has changed."""
        return self.answers.get(sql, values)

    def fetch(self, sql: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        """Answers a question as an Arrow table, afresh."""
        cursor = self.cursor(self._reading)
        try:
            with said("The store could not answer"):
                return cursor.execute(sql, values or None).to_arrow_table()
        finally:
            cursor.close()

    def write(self, change: Callable[[Cursor], T], on: Cursor | None = None) -> T:
        """Runs `change` as one whole transaction and gives what it returns; it may be run again after a conflict.

        `on` is the cursor whose temporary tables `change` reads. Raises StoreBusy when another writer does not finish.
        """
        cursor = on or self.cursor()
        try:
            with self.turn(), said(f"{self.settings.store} could not be written and is as before"):
                return commit(cursor, change)
        finally:
            if on is None:
                cursor.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Holds the writers' turn. PostgreSQL catalogs need none: there the catalog itself decides."""
        wait = self.settings.lock_wait
        lock = FileLock(lock_file(self.settings, "lock"), timeout=wait) if self.settings.catalog_file else nullcontext()
        with ExitStack() as held:
            try:
                held.enter_context(lock)
            except Timeout:
                raise StoreBusy(
                    f"{self.settings.store} has been held by another writer for {wait} seconds; "
                    "see which `python -m pipeline` process is busy, or raise PROVISIONING_LOCK_WAIT."
                ) from None
            yield

    def close(self) -> None:
        """Lets go of the lake."""
        self.answers.close()
        self._connection.close()


def commit(cursor: Cursor, change: Callable[[Cursor], T]) -> T:
    """Runs `change` between begin and commit, again from the start when another writer's commit came in between."""
    for attempt in range(1, ATTEMPTS + 1):
        cursor.execute("begin")
        try:
            given = change(cursor)
            cursor.execute("commit")
            return given
        except BaseException as error:
            # A transaction that failed to commit has ended by itself.
            with suppress(duckdb.Error):
                cursor.execute("rollback")
            if attempt == ATTEMPTS or not isinstance(error, duckdb.TransactionException):
                raise
    raise AssertionError("unreachable")


@contextmanager
def said(what: str) -> Iterator[None]:
    """Turns DuckDB's failures into one sentence that starts with `what`; its pointer into the SQL is left out."""
    try:
        yield
    except duckdb.Error as error:
        raise StoreError(f"{what}: {brief(error)}") from error


def brief(error: duckdb.Error) -> str:
    """Gives DuckDB's message as one line."""
    return " ".join(str(error).partition("\n\nLINE ")[0].split())


def stage(cursor: Cursor, sql: str) -> None:
    """Runs a statement that reads what arrived into a temporary table; raises Unreadable when DuckDB cannot read it."""
    try:
        cursor.execute(sql)
    except (duckdb.InvalidInputException, duckdb.DataError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        refused = Unreadable(str(error))
        refused.full = isinstance(error, duckdb.OutOfMemoryException)
        raise refused from error


def open_store(settings: Settings, *, read_only: bool = False) -> Store:
    """Attaches the lake, making it first where there is none; a read-only one raises StoreMissing and cannot write."""
    catalog = settings.catalog_file
    if read_only and catalog is not None and not catalog.exists():
        raise StoreMissing(f"{catalog} does not exist; load logs first: python -m pipeline ingest sample_logs")
    # Judging the signatures of two files takes 0.35 s at every start; they are this environment's own, as its code is.
    config: dict[str, Any] = {
        "memory_limit": settings.memory,
        "temp_directory": spill(),
        "allow_unsigned_extensions": True,
    }
    connection = duckdb.connect(config=config)
    try:
        # Log lines without a zone are UTC, whatever the machine's own zone is.
        connection.execute("set timezone = 'UTC'")
        if settings.threads:
            connection.execute(f"set threads = {settings.threads}")
        for file in extension_files("ducklake", "sqlite_scanner" if settings.catalog_file else "postgres_scanner"):
            connection.execute(f"load '{quoted(file)}'")
        # From here on every other extension is judged again; DuckDB refuses to take this back while it runs.
        connection.execute("set allow_unsigned_extensions = false")
        attach(connection, settings, read_only)
        reading = LAKE if read_only or settings.catalog_file is None else READING
        if reading != LAKE:
            connection.execute(f"attach 'ducklake:sqlite:{quoted(settings.catalog_file)}' as {READING} (read_only)")
        store = Store(connection, settings, reading)
        if not read_only:
            prepare(store)
        return store
    except (duckdb.Error, OSError) as error:
        connection.close()
        raise StoreError(f"{settings.store} cannot be opened: {error}") from error


def spill() -> str:
    """Names a folder of this connection's own for what does not fit into memory; DuckDB makes it when it needs one."""
    return str(Path(gettempdir()) / f"provisioning-{uuid4().hex}")


def attach(connection: Cursor, settings: Settings, read_only: bool) -> None:
    """Attaches the catalog that the settings name."""
    catalog = settings.catalog_file
    where = f"ducklake:sqlite:{catalog}" if catalog else settings.store
    options = ["READ_ONLY"]
    if not read_only:
        settings.folder.mkdir(parents=True, exist_ok=True)
        options = [f"DATA_PATH '{quoted(settings.folder)}'", "DATA_INLINING_ROW_LIMIT 0"]
        if catalog:
            catalog.parent.mkdir(parents=True, exist_ok=True)
            options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 10000"]
    statement = f"attach '{quoted(where)}' as {LAKE} ({', '.join(options)})"
    turn = FileLock(lock_file(settings, "lock")) if catalog and not read_only else nullcontext()
    try:
        with turn if catalog and not catalog.exists() else nullcontext():
            connection.execute(statement)
    except duckdb.Error:
        if not catalog or read_only:
            raise
        # Another process may be making the catalog: its file is there before what is in it. Its turn ends with that.
        with turn:
            connection.execute(statement)
    connection.execute(f"use {LAKE}")


def prepare(store: Store) -> None:
    """Brings tables and views up to this program's schema, once per version of it."""
    version = schema_version()
    if version in written_versions(store):
        return

    def build(cursor: Cursor) -> None:
        for option, value in (("data_inlining_row_limit", 0), ("parquet_row_group_size", ROW_GROUP)):
            cursor.execute(f"call {LAKE}.set_option('{option}', {value})")
        build_schema(cursor)

    def finish(cursor: Cursor) -> None:
        take_back(cursor, CATALOG)
        cursor.execute("create table if not exists schema_versions (version varchar)")
        cursor.execute("insert into schema_versions values (?)", [version])

    with store.turn():
        if version not in written_versions(store):
            cursor = store.cursor()
            for step in (build, partial(write_once, catalog=CATALOG), finish):
                commit(cursor, step)
            cursor.close()


def written_versions(store: Store) -> list[str]:
    """Gives the schema versions that the lake has had; none for a new one."""
    known = "select 1 from duckdb_tables() where database_name = ? and table_name = 'schema_versions'"
    return [str(row[0]) for row in store.rows("from schema_versions")] if store.rows(known, [LAKE]) else []


def quoted(text: object) -> str:
    """Doubles single quotes, for the few places where DuckDB takes no parameter: LOAD and ATTACH."""
    return str(text).replace("'", "''")


def seal(store: Store) -> None:
    """Closes a read-only store to everything but its own files: no other path, no setting can be reached after it."""
    catalog = store.settings.catalog_file
    paths = [f"{catalog}{end}" for end in ("", "-wal", "-shm", "-journal")] if catalog else []
    allowed = f"set allowed_directories = {[str(store.settings.folder)]!r}; set allowed_paths = {paths!r}"
    store._connection.execute(f"{allowed}; set enable_external_access = false; set lock_configuration = true")


def kinds_of(sql: str) -> list[str]:
    """Gives what each statement of a text is: SELECT, INSERT, EXPLAIN … Raises StoreError for what is no SQL."""
    with said("This is not SQL that DuckDB understands"):
        return [str(statement.type).rpartition(".")[2] for statement in duckdb.extract_statements(sql)]
