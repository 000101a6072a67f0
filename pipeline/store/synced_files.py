"""Files that survive a power cut: DuckLake syncs its catalog, but none of the data files that the catalog then names.

What a transaction has written is synced with its folders before the commit, and its checksum is kept beside: a line a
file in `checksums.sha256`, as `sha256sum` writes it, of which the last one counts.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TypeVar

import duckdb

from pipeline.config.errors import StoreError

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection
CHECKSUMS = "checksums.sha256"
AT_ONCE = 8
"Files that are synced side by side: one wait for the disk then serves several."


class SyncedFiles:
    """The data files of a lake's folder, of which those that are new are synced before a commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[Path, set[str]] | None = None
        self._guard = Lock()

    def synced(self, change: Callable[[Cursor], T]) -> Callable[[Cursor], T]:
        """Makes a change one that syncs what it wrote, to be run by a transaction just before its commit."""
        with self._guard:
            if self._known is None:
                self._known = dict(data_folders(self.folder))

        def change_and_sync(cursor: Cursor) -> T:
            result = change(cursor)
            self.sync()
            return result

        return change_and_sync

    def sync(self) -> None:
        """Syncs the files that are new since the last look, and their folders, and keeps their checksums."""
        with self._guard:
            known = {} if self._known is None else self._known
            folders, files = set[Path](), list[Path]()
            for folder, names in data_folders(self.folder):
                if new := names - known.get(folder, set()):
                    files += (folder / name for name in new)
                    folders.add(folder)
                    if folder not in known:
                        folders.update((folder.parent, self.folder))
                known[folder] = names
            if files:
                try:
                    self._keep(sorted(files), folders)
                except OSError as error:
                    file = error.filename or self.folder
                    raise StoreError(f"{file} could not be written to the disk: {error.strerror or error}.") from error

    def _keep(self, files: list[Path], folders: set[Path]) -> None:
        checksums = self.folder / CHECKSUMS
        if not checksums.exists():
            folders.add(self.folder)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            digests = pool.map(digest_and_sync, files)
            lines = zip(digests, (file.relative_to(self.folder) for file in files), strict=True)
            with checksums.open("a", encoding="utf-8") as kept:
                kept.write("".join(f"{digest}  {file}\n" for digest, file in lines))
                kept.flush()
                os.fdatasync(kept.fileno())
            list(pool.map(sync_folder, folders))


def data_folders(folder: Path) -> Iterator[tuple[Path, set[str]]]:
    """Lists the data files of a lake by folder; they are two folders deep: schema and table."""
    for schema in subfolders(folder):
        for table in subfolders(schema):
            with os.scandir(table) as entries:
                yield Path(table), {entry.name for entry in entries if entry.name.endswith(".parquet")}


def subfolders(folder: Path | str) -> list[str]:
    """Lists the folders in a folder; none where it is not there."""
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.name != TRASH and entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


TRASH = "trash"
"The folder beside the schemas into which maintenance moves what belongs to no snapshot."


def digest_and_sync(file: Path) -> str:
    """Syncs a file and returns the SHA-256 of what it holds."""
    with file.open("rb") as held:
        digest = hashlib.file_digest(held, "sha256").hexdigest()
        os.fsync(held.fileno())
    return digest


def digest_of(file: Path) -> str:
    """Returns the SHA-256 of what a file holds."""
    with file.open("rb") as held:
        return hashlib.file_digest(held, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Syncs a folder: the names of the files in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(file: Path, text: str) -> None:
    """Writes a small file whole or not at all, also across a power cut."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as made:
        made.write(text)
        made.flush()
        os.fsync(made.fileno())
    draft.replace(file)
    sync_folder(file.parent)


def read_checksums(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 that was kept of each data file when it was written, by its path below the folder."""
    try:
        text = (folder / CHECKSUMS).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    lines = (line.partition("  ") for line in text.splitlines())
    return {file: digest for digest, mark, file in lines if mark and len(digest) == 64}
