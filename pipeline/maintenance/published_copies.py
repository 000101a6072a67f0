"""The published file and the one before it, which is kept as a spare and becomes the next.

A file of gigabytes is not copied for a few new rows: the spare is brought up to date where it lies, and the two change
places. Nobody sees half of it, since the published file itself is never written.

A spare is used only where nobody has it open any more, and where neither its size nor its time changed since it was
written: whoever opened the published file to write into it has made another file of it, which is then written anew.
"""

import fcntl
import json
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

SETSIG = 10
"F_SETSIG, which Python does not name."


class Copies:
    """The files beside a published one, and which revision each holds."""

    def __init__(self, file: Path, made_of: str) -> None:
        self._file = file
        self._spare = file.with_name(f".{file.name}.spare")
        self._notes = file.with_name(f".{file.name}.json")
        self._made_of = made_of
        self.part = file.with_name(f".{file.name}.part")
        "The file that is being written."

    def revision(self, file: Path | None = None) -> int | None:
        """Returns the revision that a file, the published one, holds; None where it is not as it was written."""
        with suppress(FileNotFoundError):
            return self._revisions().get(mark(file or self._file))
        return None

    def prepare(self, is_kept: Callable[[int], bool]) -> int | None:
        """Makes the file to write into and returns its revision: the spare, else a copy; None for an empty one."""
        self.remove_leftovers()
        published, spare = self.revision(), self.revision(self._spare)
        if published is None or not is_kept(published):
            self._spare.unlink(missing_ok=True)
            return None
        if spare is not None and is_kept(spare) and not self._is_published(self._spare) and not is_open(self._spare):
            self._spare.replace(self.part)
            return spare
        copy(self._file, self.part)
        return published

    def exchange(self, revision: int) -> None:
        """Puts the written file in its place; the one that was there becomes the spare."""
        published = self.revision()
        notes = {mark(self.part): revision} | ({} if published is None else {mark(self._file): published})
        self._notes.write_text(json.dumps({"of": self._made_of, "revisions": notes}), encoding="utf-8")
        self._spare.unlink(missing_ok=True)
        if published is not None:
            # A file system without a second name for a file goes on by copies.
            with suppress(OSError):
                os.link(self._file, self._spare)
        self.part.replace(self._file)

    def remove_leftovers(self) -> None:
        """Removes what a publisher that was killed, or that failed, has left."""
        for leftover in (self.part, self.part.with_name(f"{self.part.name}.wal")):
            leftover.unlink(missing_ok=True)

    def _is_published(self, file: Path) -> bool:
        """Whether a file is the published one under another name: its writer was killed before the two parted."""
        return file.exists() and self._file.exists() and file.samefile(self._file)

    def _revisions(self) -> dict[str, int]:
        """Reads which files were written, with their revisions; none where they are of another store or schema."""
        try:
            notes: dict[str, Any] = json.loads(self._notes.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return dict(notes["revisions"]) if notes.get("of") == self._made_of else {}


def mark(file: Path) -> str:
    """Names a file's content without reading it: by its number, size and time."""
    status = file.stat()
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def is_open(file: Path) -> bool:
    """Whether any process of this machine has a file open: the kernel leases one for writing only where none has."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        # Whoever opens it just now is announced by a signal that is ignored unless somebody asks for it.
        fcntl.fcntl(descriptor, SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        # Somebody has, or the file system has no leases.
        return True
    finally:
        os.close(descriptor)
    return False


def copy(source: Path, target: Path) -> None:
    """Copies a file within the kernel; a file system that can shares its blocks."""
    try:
        with source.open("rb") as held, target.open("wb") as made:
            while os.copy_file_range(held.fileno(), made.fileno(), 1 << 30):
                pass
    except OSError:
        shutil.copyfile(source, target)
