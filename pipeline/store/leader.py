"""Which process runs the background jobs: one at a time has the leadership, and the OS frees it when that process dies.

The leadership is the lock on a file beside the catalog; a note next to it names the process.
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

KIND = "beats"
"The lock's name of version 0.1: a process of that version and one of this never lead side by side."


@dataclass(frozen=True)
class Leader:
    """The process that runs the background jobs."""

    role: str
    "What it is: watch or dashboard."
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
        return f"{self.role} (process {self.pid} on {self.host}, since {self.since})"


class Leadership:
    """The leadership of this process; `take` makes one."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    @classmethod
    def take(cls, settings: Settings, role: str) -> Self | None:
        """Takes the leadership at once; None when another process, or another part of this one, has it."""
        # Not thread-local: the thread that stops the jobs need not be the one that started them.
        lock = FileLock(lock_file(settings, KIND), thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        note = lock_file(settings, f"{KIND}.json")
        note.write_text(json.dumps(asdict(Leader.this_process(role))), encoding="utf-8")
        return cls(lock)

    def release(self) -> None:
        """Lets another process take the leadership."""
        self._lock.release()


def current_leader(settings: Settings) -> Leader | None:
    """Returns the process that runs the background jobs now; takes the lock for a moment if it is free."""
    lock = FileLock(lock_file(settings, KIND))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with suppress(OSError, ValueError, TypeError):
            return Leader(**json.loads(lock_file(settings, f"{KIND}.json").read_text(encoding="utf-8")))
        return Leader("another process", 0, "unknown", "unknown")
    lock.release()
    return None
