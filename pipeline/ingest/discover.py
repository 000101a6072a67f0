"""Discovers which files there are to read: paths named, folders walked, zip files unpacked, pipes and standard input.

No file is opened here, and each is asked for its state once, by which one that is as it was is known without opening
it. What has no file of its own is kept in memory, so that a log's secrets are not written to any disk.
"""

import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from pipeline.config.errors import IngestError
from pipeline.ingest.characters import fit_name
from pipeline.ingest.private_copy import PrivateCopy

PASSED_OVER = (".md", ".py", ".pyc", ".toml", ".lock", ".wal", ".tmp", ".part")
"What a walk through a folder passes over; a file that is named is always looked at."
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
SETTLED_NS = 2_000_000_000
"A file changed so lately may change again and keep its time: the clocks of file systems take steps of up to 2 s."


class Readable(Protocol):
    """Something that is read to its end, in parts."""

    def read(self, amount: int, /) -> bytes:
        """Returns the next bytes, at most so many; none at the end."""


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
    root: str | None = None
    "The folder that the file must be in when it is opened: others may write to the inbox, and put links into it."

    @property
    def group(self) -> str:
        """The folder, or the folder of a zip file, whose files belong together."""
        return self.name.rpartition("/")[0]


def discover(paths: Iterable[str | Path | File], streams: ExitStack, inbox: Path) -> Iterator[File]:
    """Yields the files of the paths, folders walked in order; what is kept in memory lasts until `streams` is closed.

    Links that lead out of the inbox are not followed. Raises IngestError for a path that cannot be read at all.
    """
    root = str(inbox.resolve())
    for each in paths:
        if isinstance(each, File):
            yield each
            continue
        path = Path(each)
        if not str(each).strip():
            raise IngestError("A path is empty, perhaps from a variable without a value; give a file or a folder.")
        if str(each) == "-":
            yield from_stream("-", sys.stdin.buffer, streams)
            continue
        own, status = states_of(path)
        if stat.S_ISDIR(status.st_mode):
            yield from walk(path, root if is_below(str(path.resolve()), root) else None)
        elif stat.S_ISFIFO(status.st_mode):
            with path.open("rb") as stream:
                yield from_stream(fit_name(str(path)), stream, streams)
        elif not os.access(path, os.R_OK):
            raise IngestError(f"{path} may not be read by this user; change its permissions or run as a user who may.")
        else:
            linked = stat.S_ISLNK(own.st_mode)
            name = str(path.resolve() if linked else path.parent.resolve() / path.name)
            yield File(fit_name(name), path, status.st_size, state=settled_state(status, time.time_ns()))


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


LEADS_OUT = "is a link that leads out of the inbox; a file inside it was expected. Copy the file there"


def is_below(path: str, root: str) -> bool:
    """Whether a path without links is a folder or lies below it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def walk(folder: Path, root: str | None = None) -> Iterator[File]:
    """Yields the files below a folder in their order; links to folders are not followed, what is gone is left out.

    A link that leads out of `root` has that as its fault, and nothing behind it is looked at.
    """
    whole_path, length, at_ns = str(folder.resolve()), len(str(folder)), time.time_ns()
    for entry in entries_below(folder):
        with suppress(OSError):
            own, real = fit_name(whole_path + entry.path[length:]), ""
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                if root is not None and not is_below(real, root):
                    state = settled_state(entry.stat(follow_symlinks=False), at_ns)
                    yield File(own, entry.path, 0, LEADS_OUT, state)
                    continue
            status = entry.stat()
            if stat.S_ISREG(status.st_mode):
                name = fit_name(real) if real else own
                yield File(name, entry.path, status.st_size, state=settled_state(status, at_ns), root=root)


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


def is_log_suffix(name: str) -> bool:
    """Whether a file's name is none of a program or of prose."""
    return not name.lower().endswith(PASSED_OVER)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or what macOS adds to a zip file."""
    return name.startswith((".", "__MACOSX"))


def from_stream(name: str, stream: Readable, streams: ExitStack) -> File:
    """Copies what a stream still holds, under a path of its own."""
    copy = PrivateCopy()
    streams.callback(os.close, copy.handle)
    while block := stream.read(1 << 20):
        copy.write(block)
    return File(name, Path(copy.path), copy.size)
