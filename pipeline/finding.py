"""Which files there are to read: paths named, folders walked, zip files unpacked, standard input."""

import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

UNREAD = {".md", ".py", ".pyc", ".toml", ".lock", ".wal", ".tmp", ".part"}
"What a walk through a folder passes over; a file that is named is always looked at."


class IngestError(Exception):
    """A path cannot be read at all; the message says which and why."""


@dataclass(frozen=True)
class File:
    """A file to be read, under the name that the ledger has it by."""

    name: str
    path: Path
    group: Path
    "The folder whose files belong together."


def found(paths: Iterable[str | Path], folder: Path) -> Iterator[File]:
    """Gives the files of the paths, folders walked in order and zip files unpacked into `folder`."""
    for given in paths:
        if str(given) == "-":
            yield standard_input(folder)
            continue
        path = Path(given)
        if not path.exists():
            raise IngestError(f"{path} does not exist; give a file or a folder of logs.")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and (not path.is_dir() or wanted(file, path)):
                yield from opened(file, folder)


def wanted(file: Path, folder: Path) -> bool:
    """Whether a walk reads a file: nothing hidden, no program, no prose."""
    inside = file.relative_to(folder).parts
    return file.suffix.lower() not in UNREAD and not any(part.startswith(".") for part in inside)


def opened(file: Path, folder: Path) -> Iterator[File]:
    """Gives a file, or what a zip file holds."""
    name = str(file.resolve())
    if not os.access(file, os.R_OK):
        raise IngestError(f"{file} may not be read by this user; change its permissions or run as a user who may.")
    if not zipfile.is_zipfile(file):
        yield File(name, file, file.resolve().parent)
        return
    into = folder / hashlib.sha256(name.encode()).hexdigest()[:16]
    with zipfile.ZipFile(file) as packed:
        for member in sorted(packed.namelist()):
            if not member.endswith("/"):
                yield File(f"{name}/{member}", Path(packed.extract(member, into)), into)


def standard_input(folder: Path) -> File:
    """Gives standard input as a file that lives in memory."""
    handle = os.memfd_create("stdin")
    with open(handle, "wb", closefd=False) as stream:
        shutil.copyfileobj(sys.stdin.buffer, stream)
    return File("-", Path(f"/proc/self/fd/{handle}"), folder)
