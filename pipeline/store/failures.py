"""Failures of the store in words: what could not be done, why, and what to do about a damaged file."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from pipeline.config.errors import StoreError, StoreUnreachable
from pipeline.store.connections import is_lost

BY_DATA = (duckdb.DataError, duckdb.InvalidInputException, duckdb.NotSupportedError, duckdb.InternalException)
"What DuckDB raises for a value that it cannot hold or work with."
DATA_FILE = "ducklake-"
"How the names of a lake's data files begin, by which an error about one is known."
DAMAGED_CATALOG = ("database disk image is malformed", "file is not a database")
"What SQLite says of a catalog that is cut off, overwritten, or beside another one's journal."
RESTORE = (
    "the catalog is damaged; put a backup in its place: `python -m pipeline restore DIR --replace`. If it was just "
    "copied there, the files beside it that end in -wal and -shm were another catalog's: move them away and copy again"
)


@contextmanager
def store_errors(what: str) -> Iterator[None]:
    """Turns DuckDB's failures into one sentence that starts with `what`; its pointer into the SQL is left out."""
    try:
        yield
    except duckdb.Error as error:
        failed = (StoreUnreachable if is_lost(error) else StoreError)(f"{what}: {brief(error)}{remedy(error)}")
        failed.by_data = isinstance(error, BY_DATA) and not is_lost(error)
        raise failed from error


def remedy(error: Exception) -> str:
    """Returns what to do about a damaged file of the store; nothing about other errors."""
    if any(sign in str(error) for sign in DAMAGED_CATALOG):
        return f"; {RESTORE}"
    return "; `python -m pipeline verify` finds damaged files" if DATA_FILE in str(error) else ""


def brief(error: duckdb.Error) -> str:
    """Returns DuckDB's message as one line, without its own stack."""
    return " ".join(re.split(r"\n\nLINE |\s+Stack Trace:", str(error))[0].split())


def reason(error: Exception) -> str:
    """Returns why a store cannot be opened, in words: of a failed system call where it failed and what was expected."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}; a folder that this user may write to was expected"
    return str(error)
