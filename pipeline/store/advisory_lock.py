"""Advisory locks of a PostgreSQL catalog, each held by a session of its own; the server frees one whose session ends.

A lock belongs to a transaction that stays open and does nothing else. It reads committed rows only, so that it keeps no
row from being vacuumed, and the session's application_name says which process holds it.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from threading import Lock
from typing import Any, Self
from zlib import crc32

import duckdb

from pipeline.config.errors import StoreUnreachable
from pipeline.config.postgres_address import with_options
from pipeline.config.settings import Settings
from pipeline.store.extensions import extension_files
from pipeline.store.process_holder import Holder

CATALOG_DATABASE, PASSWORD = "catalog", "catalog_password"
"What DuckDB calls the attached database and the secret."
LOOK_S = 0.05
"How often a lock that another session has is tried again."
SERVER_OPTIONS = (
    "-c idle_in_transaction_session_timeout=0 "
    "-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
"A session may be idle for days; that of a machine which has vanished ends within a minute."
CLIENT_OPTIONS = {"connect_timeout": "10", "keepalives_idle": "20", "tcp_user_timeout": "30000"}
NAME = re.compile(r"provisioning (?P<role>\S+) (?P<pid>\d+) (?P<host>\S*)")
"How a holder is called; PostgreSQL cuts a name off after 63 bytes."
ADDRESS = re.compile(r'^.*Unable to connect to Postgres at "[^"]*": ', re.DOTALL)
"How an error begins; the message has the address, without the options of this module."
HOLDER = """
    select
        a.application_name,
        coalesce(to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'unknown') as since
    from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and l.objsubid = 2 and l.classid::bigint = {space}
        and l.objid::bigint = {key} and a.datname = current_database()"""

OWN = "select count(*) as locks from pg_locks where locktype = 'advisory' and granted and pid = pg_backend_pid()"


@lru_cache
def database(address: str, password: str | None) -> duckdb.DuckDBPyConnection:
    """Connects to the catalog's database beside DuckLake; kept for as long as the process lives."""
    connection = duckdb.connect(config={"threads": 1})
    [extension] = extension_files("postgres_scanner")
    connection.execute(f"load '{extension}'")
    add_secret(connection, password)
    where = with_options(address, SERVER_OPTIONS, **CLIENT_OPTIONS).replace("'", "''")
    options = "type postgres, isolation_level 'read committed'" + (f", secret {PASSWORD}" if password else "")
    connection.execute(f"attach '{where}' as {CATALOG_DATABASE} ({options})")
    return connection


def add_secret(connection: duckdb.DuckDBPyConnection, password: str | None) -> None:
    """Gives DuckDB the catalog's password as a secret, which it shows nowhere."""
    if password:
        value = password.replace("'", "''")
        connection.execute(f"create or replace secret {PASSWORD} (type postgres, password '{value}')")


def password_of(settings: Settings) -> str | None:
    """Returns the catalog's password where the settings have it."""
    return settings.catalog_password.get_secret_value() if settings.catalog_password else None


@contextmanager
def session(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens a cursor whose transaction is a session of its own; raises StoreUnreachable without an answer."""
    try:
        cursor = database(settings.catalog_address, password_of(settings)).cursor()
        try:
            cursor.execute("begin")
            yield cursor
        except BaseException:
            close(cursor)
            raise
    except duckdb.Error as error:
        reason = " ".join(ADDRESS.sub("", str(error)).partition("LINE 1")[0].split())
        raise StoreUnreachable(f"{settings.store} cannot be reached: {reason}") from error


def close(cursor: duckdb.DuckDBPyConnection) -> None:
    """Ends a session's transaction, and with it the locks that it held."""
    with suppress(duckdb.Error):
        cursor.execute("rollback")
    cursor.close()


def answer(cursor: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """Asks PostgreSQL itself."""
    return cursor.execute(f"from postgres_query('{CATALOG_DATABASE}', ?)", [sql]).fetchall()


def has_catalog(settings: Settings) -> bool:
    """Whether DuckLake has made its catalog in the database."""
    with session(settings) as cursor:
        [(there,)] = answer(cursor, "select to_regclass('ducklake_snapshot') is not null as there")
        close(cursor)
        return bool(there)


class AdvisoryLock:
    """A lock that this process holds; `take` makes one."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._guard = Lock()
        "Jobs ask from threads of their own."

    @classmethod
    def take(cls, settings: Settings, kind: str, role: str, wait_s: float = 0) -> Self | None:
        """Takes a lock, waiting for some seconds; None when another session has it. Raises StoreUnreachable."""
        this = Holder.this_process(role)
        name = f"provisioning {role} {this.pid} {this.host}".replace("'", "''")
        until = time.monotonic() + wait_s
        with session(settings) as cursor:
            asked = f"pg_try_advisory_xact_lock({SPACE}, {signed(key_of(kind))}) as taken"
            named = f"set_config('application_name', '{name}', true) as name"
            while not answer(cursor, f"select {asked}, {named}")[0][0]:
                if time.monotonic() >= until:
                    close(cursor)
                    return None
                time.sleep(LOOK_S)
            return cls(cursor)

    def is_valid(self) -> bool:
        """Whether the session still lives; a lock is lost with its session."""
        with self._guard:
            try:
                return bool(answer(self._cursor, OWN)[0][0])
            except duckdb.Error:
                return False

    def release(self) -> None:
        """Lets another session take the lock."""
        with self._guard:
            close(self._cursor)


def holder(settings: Settings, kind: str) -> Holder | None:
    """Returns the process that holds a lock now, as its session is called."""
    with session(settings) as cursor:
        found = answer(cursor, HOLDER.format(space=SPACE, key=key_of(kind)))
        close(cursor)
    if not found:
        return None
    name, since = found[0]
    match = NAME.match(name or "")
    return (
        Holder(match["role"], int(match["pid"]), match["host"], since) if match else Holder(name, 0, "unknown", since)
    )


def key_of(kind: str) -> int:
    """Returns the number of a lock."""
    return crc32(kind.encode())


def signed(key: int) -> int:
    """Returns a number as PostgreSQL's integer of four bytes.

    >>> signed(0xFFFFFFFF)
    -1
    """
    return key - (1 << 32) if key >= 1 << 31 else key


SPACE = crc32(b"provisioning") >> 1
"The numbers of all these locks, apart from those of other programs; positive, so that it is spelled one way."
