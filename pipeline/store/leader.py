"""Who runs the beats: one process at a time holds this lease, and the OS frees it when that process dies.

The lease is the lock on a file beside the catalog; a note next to it says who its holder is.
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
    """The process that runs the beats."""

    role: str
    "What it is: watch or dashboard."
    pid: int
    host: str
    since: str
    "ISO 8601, UTC."

    def __str__(self) -> str:
        return f"{self.role} (process {self.pid} on {self.host}, since {self.since})"


class Lease:
    """The held lease; `take_lease` makes one."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def release(self) -> None:
        """Gives the lease up."""
        self._lock.release()

    @classmethod
    def take(cls, settings: Settings, role: str) -> Self | None:
        """Takes the lease at once, or gives None when another process, or another part of this one, has it."""
        # Not thread-local: whoever stops the beats need not be the thread that started them.
        lock = FileLock(lock_file(settings, "beats"), thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        holder = Holder(role, os.getpid(), socket.gethostname(), since)
        lock_file(settings, "beats.json").write_text(json.dumps(asdict(holder)), encoding="utf-8")
        return cls(lock)


def holder(settings: Settings) -> Holder | None:
    """Says who runs the beats now, if anybody does. Looking holds the lease for a moment if it is free."""
    lock = FileLock(lock_file(settings, "beats"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with suppress(OSError, ValueError, TypeError):
            return Holder(**json.loads(lock_file(settings, "beats.json").read_text(encoding="utf-8")))
        return Holder("another process", 0, "unknown", "unknown")
    lock.release()
    return None
