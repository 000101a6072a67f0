"""Which files there are to read: paths named, folders walked, zip files opened, pipes and standard input.

What has no file of its own is held in memory, so that a log's secrets are not written to any disk.
"""

import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.config.errors import IngestError

UNREAD = {".md", ".py", ".pyc", ".toml", ".lock", ".wal", ".tmp", ".part"}
"What a walk through a folder passes over; a file that is named is always looked at."
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError)


@dataclass(frozen=True)
class File:
    """A file to be read, under the name that the ledger has it by."""

    name: str
    path: Path
    group: str
    "The folder or zip file whose files belong together."
    fault: str = ""
    "Why nothing in it can be read, for its reject; `path` is then whatever holds it."


def found(paths: Iterable[str | Path], held: ExitStack, leave: Container[Path] = ()) -> Iterator[File]:
    """Gives the files of the paths, folders walked in order; what is held in memory lasts until `held` is closed.

    A walk passes over what is in `leave`.
    """
    for given in paths:
        path = Path(given)
        if str(given) == "-":
            yield File("-", in_memory(sys.stdin.buffer, held), "-")
        elif path.is_dir():
            for file in sorted(path.rglob("*")):
                if file not in leave and file.is_file() and wanted(file.relative_to(path)):
                    yield from opened(file, str(file.resolve()), held)
        elif path.is_fifo():
            with path.open("rb") as stream:
                yield File(str(path), in_memory(stream, held), str(path))
        elif not path.exists():
            raise IngestError(f"{path} does not exist; give a file or a folder of logs.")
        elif not os.access(path, os.R_OK):
            raise IngestError(f"{path} may not be read by this user; change its permissions or run as a user who may.")
        else:
            yield from opened(path, str(path.resolve()), held)


def wanted(file: Path | PurePosixPath) -> bool:
    """Whether a walk reads a file: nothing hidden, no program, no prose."""
    return file.suffix.lower() not in UNREAD and not any(
        part.startswith((".", "__MACOSX")) and part != ".." for part in file.parts
    )


def opened(path: Path, name: str, held: ExitStack) -> Iterator[File]:
    """Gives a file, or what a zip file holds."""
    group = str(Path(name).parent)
    try:
        with path.open("rb") as stream:
            begins = stream.read(4)
    except OSError as error:
        fault = f"cannot be read ({error.strerror}); a file this user may read was expected. Change its permissions"
        yield File(name, path, group, fault)
        return
    if begins not in ZIP:
        yield File(name, path, group)
        return
    try:
        with zipfile.ZipFile(path) as packed:
            yield from members(packed, path, name, held)
    except BROKEN_ZIP as error:
        yield File(name, path, group, f"is a damaged zip file ({error}); a whole one was expected. Download it again")


def members(packed: zipfile.ZipFile, path: Path, name: str, held: ExitStack) -> Iterator[File]:
    """Gives the files of a zip file; one that cannot be unpacked does not spoil the others."""
    names = [member for member in sorted(packed.namelist()) if not member.endswith("/")]
    if not names:
        yield File(name, path, str(Path(name).parent), "is a zip file that holds no file; a log was expected")
    for member in names:
        if not wanted(PurePosixPath(member)):
            continue
        try:
            with packed.open(member) as stream:
                inside = in_memory(stream, held)
        except BROKEN_ZIP as error:
            fault = f"cannot be unpacked ({error}); a whole file was expected. Download the zip file again"
            yield File(f"{name}/{member}", path, name, fault)
        else:
            yield from opened(inside, f"{name}/{member}", held)


def in_memory(stream: IO[bytes], held: ExitStack) -> Path:
    """Keeps what a stream still gives under a path of its own."""
    handle = os.memfd_create("file")
    held.callback(os.close, handle)
    with open(handle, "wb", closefd=False) as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
    return Path(f"/proc/self/fd/{handle}")
