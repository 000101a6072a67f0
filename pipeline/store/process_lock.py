"""Locks that one process at a time holds, with a note of the holder; one whose holder dies is free at once.

Beside a SQLite catalog the lock is on a file and the OS frees it; in PostgreSQL it is an advisory lock of a session, so
that processes on several machines exclude each other, and a process that loses its session has lost the lock.
"""

import fcntl
import json
import os
from contextlib import suppress
from dataclasses import asdict
from typing import Self

from filelock import FileLock, Timeout

from pipeline.config.settings import Settings, lock_file
from pipeline.store.advisory_lock import AdvisoryLock, holder
from pipeline.store.process_holder import UNKNOWN, Holder

__all__ = ["UNKNOWN", "Holder", "ProcessLock", "current_holder", "noted_holder"]


class ProcessLock:
    """A lock that this process holds; `take` makes one."""

    def __init__(self, lock: FileLock | AdvisoryLock) -> None:
        self._lock = lock

    @classmethod
    def take(cls, settings: Settings, kind: str, role: str, wait_s: float = 0) -> Self | None:
        """Takes a lock, waiting for some seconds; None when another process, or another part of this one, has it.

        Raises StoreError when PostgreSQL does not answer.
        """
        if settings.catalog_file is None:
            advisory = AdvisoryLock.take(settings, kind, role, wait_s)
            return cls(advisory) if advisory else None
        # Not thread-local: the thread that releases the lock need not be the one that took it.
        lock = FileLock(lock_file(settings, kind), thread_local=False)
        try:
            lock.acquire(timeout=wait_s)
        except Timeout:
            return None
        note = json.dumps(asdict(Holder.this_process(role)))
        lock_file(settings, f"{kind}.json").write_text(note, encoding="utf-8")
        return cls(lock)

    def is_valid(self) -> bool:
        """Whether this process still has the lock; a lock on a file is only lost with the process."""
        return self._lock.is_valid() if isinstance(self._lock, AdvisoryLock) else self._lock.is_locked

    def release(self) -> None:
        """Lets another process take the lock."""
        self._lock.release()


def noted_holder(settings: Settings, kind: str) -> Holder:
    """Returns the process that took a lock last."""
    if settings.catalog_file is None:
        return holder(settings, kind) or UNKNOWN
    with suppress(OSError, ValueError, TypeError):
        return Holder(**json.loads(lock_file(settings, f"{kind}.json").read_text(encoding="utf-8")))
    return UNKNOWN


def current_holder(settings: Settings, kind: str) -> Holder | None:
    """Returns the process that holds a lock now; takes a lock on a file for a moment if it is free.

    The file is only read, since whoever asks may have no right to write.
    """
    if settings.catalog_file is None:
        return holder(settings, kind)
    try:
        handle = os.open(lock_file(settings, kind), os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return noted_holder(settings, kind)
    finally:
        os.close(handle)
    return None
