"""Loading for tests: files given as bytes, read into a real lake, with the ledger's sums checked every time."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.ingest.files import FileResult, ingest
from pipeline.store.lake import Store

SUMS = "select count(*) from files where lines <> kept + duplicates + rejects or read_to > size"

OPENED: list[str] = []
LISTENING: list[Path] = []


def note_opening(name: str, words: tuple[object, ...]) -> None:
    """Notes every file below a folder that is opened by Python."""
    if LISTENING and name == "open" and str(words[0]).startswith(str(LISTENING[0])):
        OPENED.append(str(words[0]))


sys.addaudithook(note_opening)


@contextmanager
def openings(folder: Path) -> Iterator[list[str]]:
    """Lists the files of a folder that are opened meanwhile, each time that they are."""
    OPENED.clear()
    LISTENING.append(folder)
    try:
        yield OPENED
    finally:
        LISTENING.clear()


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Writes files, below folders where their names have some; returns the folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def read(store: Store, folder: Path) -> dict[str, FileResult]:
    """Reads a folder, or one file; returns each file's result, by its name below the folder."""
    report = ingest(store, [folder])
    for one in report.files:
        assert one.lines == one.kept + one.duplicates + one.rejects, one
    assert store.rows(SUMS) == [(0,)]
    base = folder.resolve() if folder.is_dir() else folder.resolve().parent
    return {one.file.removeprefix(f"{base}/"): one for one in report.files}


def load(store: Store, folder: Path, files: Mapping[str, bytes]) -> dict[str, FileResult]:
    """Writes files and reads their folder."""
    return read(store, put(folder, files))


def load_one(store: Store, folder: Path, data: bytes, name: str = "log") -> FileResult:
    """Writes one file and reads it."""
    put(folder, {name: data})
    return read(store, folder / name)[name]


def tally(one: FileResult) -> tuple[int, int, int, int]:
    """Returns a file's lines, kept, duplicates and rejects."""
    return one.lines, one.kept, one.duplicates, one.rejects


def rows(store: Store, sql: str) -> list[dict[str, Any]]:
    """Returns an answer's rows by column name."""
    answer: list[dict[str, Any]] = store.fetch(sql).to_pylist()
    return answer


def one(store: Store, column: str, table: str = "events") -> Any:
    """Returns the one value of a column."""
    [(value,)] = store.rows(f'select distinct "{column}" from {table}')
    return value


def reasons(store: Store) -> list[str]:
    """Returns the reasons of all rejects, by file and line."""
    return [str(row[0]) for row in store.rows('select reason from rejects order by "file", line')]
