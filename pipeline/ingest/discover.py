"""Discovers which files there are to read: paths named, folders walked, zip files unpacked, pipes and standard input.

No file is opened here, and each is asked for its state once, by which one that is as it was is known without opening
it. What has no file of its own is kept in memory, so that a log's secrets are not written to any disk.
"""

import os
import shutil
import stat
import sys
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.config.errors import IngestError

PASSED_OVER = (".md", ".py", ".pyc", ".toml", ".lock", ".wal", ".tmp", ".part")
"What a walk through a folder passes over; a file that is named is always looked at."
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError)
SETTLED_NS = 2_000_000_000
"A file changed so lately may change again and keep its time: the clocks of file systems take steps of up to 2 s."


@dataclass(frozen=True)
class File:
    """A file to be read, under the name that the ledger has it by."""

    name: str
    path: Path | str
    size: int = 0
    "As it was when the file was discovered."
    fault: str = ""
    "Why nothing in it can be read, for its reject; `path` is then whatever holds it."
    state: str | None = None
    "What changes whenever the file does, as it was then; None where that is uncertain."

    @property
    def group(self) -> str:
        """The folder, or the folder of a zip file, whose files belong together."""
        return self.name.rpartition("/")[0]


def discover(paths: Iterable[str | Path | File], streams: ExitStack) -> Iterator[File]:
    """Yields the files of the paths, folders walked in order; what is kept in memory lasts until `streams` is closed.

    Raises IngestError for a path that cannot be read at all.
    """
    for each in paths:
        if isinstance(each, File):
            yield each
            continue
        path = Path(each)
        if str(each) == "-":
            yield from_stream("-", sys.stdin.buffer, streams)
            continue
        own, status = states_of(path)
        if stat.S_ISDIR(status.st_mode):
            yield from walk(path)
        elif stat.S_ISFIFO(status.st_mode):
            with path.open("rb") as stream:
                yield from_stream(str(path), stream, streams)
        elif not os.access(path, os.R_OK):
            raise IngestError(f"{path} may not be read by this user; change its permissions or run as a user who may.")
        else:
            linked = stat.S_ISLNK(own.st_mode)
            name = str(path.resolve() if linked else path.parent.resolve() / path.name)
            yield File(name, path, status.st_size, state=settled_state(status, time.time_ns()))


def states_of(path: Path) -> tuple[os.stat_result, os.stat_result]:
    """Asks for a path's own state and for that of what it links to; raises IngestError for one that is not there."""
    try:
        own = path.lstat()
        return own, path.stat() if stat.S_ISLNK(own.st_mode) else own
    except OSError:
        raise IngestError(f"{path} does not exist; give a file or a folder of logs.") from None


def settled_state(status: os.stat_result, at_ns: int) -> str | None:
    """Spells what changes whenever a file does; None for one changed so lately that its next change may not show.

    Whoever writes can set a file's time back, but not the time of its last change. A time in the future is a wrong
    clock, and no sign of a change.
    """
    written_ns = status.st_mtime_ns if status.st_mtime_ns <= at_ns else 0
    if at_ns - max(status.st_ctime_ns, written_ns) <= SETTLED_NS:
        return None
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def walk(folder: Path) -> Iterator[File]:
    """Yields the files below a folder in their order; links to folders are not followed, what is gone is left out."""
    whole_path, length, at_ns = str(folder.resolve()), len(str(folder)), time.time_ns()
    for entry in entries_below(folder):
        with suppress(OSError):
            status = entry.stat()
            if stat.S_ISREG(status.st_mode):
                name = str(Path(entry).resolve()) if entry.is_symlink() else whole_path + entry.path[length:]
                yield File(name, entry.path, status.st_size, state=settled_state(status, at_ns))


def entries_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yields what a walk reads below a folder but for folders, in the order of the paths' parts."""
    levels = [listed(str(folder))]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
        elif entry.is_dir(follow_symlinks=False):
            levels.append(listed(entry.path))
        elif is_log_suffix(entry.name):
            yield entry


def listed(folder: str) -> Iterator[os.DirEntry[str]]:
    """Lists what a walk reads in one folder, by name; one that may not be listed is passed over."""
    with suppress(OSError), os.scandir(folder) as entries:
        return iter(sorted((entry for entry in entries if not is_hidden(entry.name)), key=attrgetter("name")))
    return iter(())


def is_log_name(file: PurePosixPath) -> bool:
    """Whether a member of a zip file is read, as a walk would read it."""
    return is_log_suffix(file.name) and not any(is_hidden(part) and part != ".." for part in file.parts)


def is_log_suffix(name: str) -> bool:
    """Whether a file's name is none of a program or of prose."""
    return not name.lower().endswith(PASSED_OVER)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or what macOS adds to a zip file."""
    return name.startswith((".", "__MACOSX"))


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
