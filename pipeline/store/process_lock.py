"""Locks that one process at a time holds, each beside a note that names the holder; the OS frees one that dies.

The lock is on a file beside the catalog, or in the lake's folder where the catalog is in PostgreSQL.
"""

import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Self

from filelock import FileLock, Timeout

from pipeline.config.settings import Settings, lock_file


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock."""

    role: str
    "What it is: watch, dashboard, poll …"
    pid: int
    host: str
    since: str
    "ISO 8601, UTC."

    @classmethod
    def this_process(cls, role: str) -> Self:
        """Describes this process, from now on."""
        since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return cls(role, os.getpid(), socket.gethostname(), since)

    def __str__(self) -> str:
        return f"{self.role} (process {self.pid} on {self.host}, since {self.since})" if self.pid else self.role


UNKNOWN = Holder("another process", 0, "unknown", "unknown")
"Whose note is half-written, or not there yet."


class ProcessLock:
    """A lock that this process holds; `take` makes one."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    @classmethod
    def take(cls, settings: Settings, kind: str, role: str) -> Self | None:
        """Takes a lock at once; None when another process, or another part of this one, has it."""
        # Not thread-local: the thread that releases the lock need not be the one that took it.
        lock = FileLock(lock_file(settings, kind), thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        note = json.dumps(asdict(Holder.this_process(role)))
        lock_file(settings, f"{kind}.json").write_text(note, encoding="utf-8")
        return cls(lock)

    def release(self) -> None:
        """Lets another process take the lock."""
        self._lock.release()


def noted_holder(settings: Settings, kind: str) -> Holder:
    """Reads the note of the process that took a lock last."""
    with suppress(OSError, ValueError, TypeError):
        return Holder(**json.loads(lock_file(settings, f"{kind}.json").read_text(encoding="utf-8")))
    return UNKNOWN


def current_holder(settings: Settings, kind: str) -> Holder | None:
    """Returns the process that holds a lock now; takes the lock for a moment if it is free."""
    lock = FileLock(lock_file(settings, kind))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return noted_holder(settings, kind)
    lock.release()
    return None
