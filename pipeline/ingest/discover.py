"""Discovers which files there are to read: paths named, folders walked, zip files unpacked, pipes and standard input.

No file is opened here, and each is asked for its state once. What has no file of its own is kept in memory, so that a
log's secrets are not written to any disk.
"""

import os
import shutil
import stat
import sys
import zipfile
import zlib
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.config.errors import IngestError

PASSED_OVER = {".md", ".py", ".pyc", ".toml", ".lock", ".wal", ".tmp", ".part"}
"What a walk through a folder passes over; a file that is named is always looked at."
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError)


@dataclass(frozen=True)
class File:
    """A file to be read, under the name that the ledger has it by."""

    name: str
    path: Path
    size: int = 0
    "As it was when the file was discovered."
    fault: str = ""
    "Why nothing in it can be read, for its reject; `path` is then whatever holds it."

    @property
    def group(self) -> str:
        """The folder, or the folder of a zip file, whose files belong together."""
        return str(Path(self.name).parent)


def discover(paths: Iterable[str | Path], streams: ExitStack, leave: Container[Path] = ()) -> Iterator[File]:
    """Yields the files of the paths, folders walked in order; what is kept in memory lasts until `streams` is closed.

    A walk passes over what is in `leave`. Raises IngestError for a path that cannot be read at all.
    """
    for each in paths:
        path = Path(each)
        if str(each) == "-":
            yield from_stream("-", sys.stdin.buffer, streams)
            continue
        own, state = states_of(path)
        if stat.S_ISDIR(state.st_mode):
            yield from walk(path, leave)
        elif stat.S_ISFIFO(state.st_mode):
            with path.open("rb") as stream:
                yield from_stream(str(path), stream, streams)
        elif not os.access(path, os.R_OK):
            raise IngestError(f"{path} may not be read by this user; change its permissions or run as a user who may.")
        else:
            linked = stat.S_ISLNK(own.st_mode)
            yield File(str(path.resolve() if linked else path.parent.resolve() / path.name), path, state.st_size)


def states_of(path: Path) -> tuple[os.stat_result, os.stat_result]:
    """Asks for a path's own state and for that of what it links to; raises IngestError for one that is not there."""
    try:
        own = path.lstat()
        return own, path.stat() if stat.S_ISLNK(own.st_mode) else own
    except OSError:
        raise IngestError(f"{path} does not exist; give a file or a folder of logs.") from None


def walk(folder: Path, leave: Container[Path]) -> Iterator[File]:
    """Yields the files below a folder in their order; links to folders are not followed, what is gone is left out."""
    entries = {Path(entry.path): entry for entry in entries_below(folder)}
    whole_path = folder.resolve()
    for path in sorted(entries):
        below = path.relative_to(folder)
        if path in leave or not is_log_name(below):
            continue
        with suppress(OSError):
            state = entries[path].stat()
            if stat.S_ISREG(state.st_mode):
                linked = entries[path].is_symlink()
                yield File(str(path.resolve() if linked else whole_path / below), path, state.st_size)


def entries_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yields what is below a folder but for folders; one that may not be listed is passed over."""
    folders = [str(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    yield entry


def is_log_name(file: Path | PurePosixPath) -> bool:
    """Whether a walk reads a file: nothing hidden, no program, no prose."""
    return file.suffix.lower() not in PASSED_OVER and not any(
        part.startswith((".", "__MACOSX")) and part != ".." for part in file.parts
    )


def members(archive: IO[bytes], file: File, streams: ExitStack) -> list[File]:
    """Unpacks a zip file into memory; a member that cannot be unpacked does not spoil the others."""
    try:
        with zipfile.ZipFile(archive) as packed:
            names = [name for name in sorted(packed.namelist()) if not name.endswith("/")]
            if not names:
                return [faulty(file, "is a zip file that holds no file; a log was expected")]
            return [member(packed, name, file, streams) for name in names if is_log_name(PurePosixPath(name))]
    except BROKEN_ZIP as error:
        return [faulty(file, f"is a damaged zip file ({error}); a whole one was expected. Download it again")]


def member(packed: zipfile.ZipFile, name: str, file: File, streams: ExitStack) -> File:
    """Unpacks one member of a zip file into memory."""
    try:
        with packed.open(name) as stream:
            return from_stream(f"{file.name}/{name}", stream, streams)
    except BROKEN_ZIP as error:
        fault = f"cannot be unpacked ({error}); a whole file was expected. Download the zip file again"
        return File(f"{file.name}/{name}", file.path, file.size, fault)


def faulty(file: File, fault: str) -> File:
    """Marks a file as one of which nothing can be read."""
    return File(file.name, file.path, file.size, fault)


def from_stream(name: str, stream: IO[bytes], streams: ExitStack) -> File:
    """Keeps what a stream still holds in memory, under a path of its own."""
    handle = os.memfd_create("file")
    streams.callback(os.close, handle)
    with open(handle, "wb", closefd=False) as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
        return File(name, Path(f"/proc/self/fd/{handle}"), copy.tell())
