"""The lock of a tenant: one process at a time polls it. The OS frees the lock when its holder dies."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

from pipeline.config.settings import Settings, lock_file
from pipeline.store.leader import Leader


class TenantBusy(Exception):
    """Another process polls this tenant; the message says which."""


@contextmanager
def tenant_lock(settings: Settings, tenant: str, role: str) -> Iterator[None]:
    """Holds the tenant's lock; raises TenantBusy at once when another has it."""
    kind = f"poll-{quote(tenant, safe='')}"
    lock, note = FileLock(lock_file(settings, kind), thread_local=False), lock_file(settings, f"{kind}.json")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise TenantBusy(f"{tenant} is being polled by {lock_holder(note)}; wait until that is done.") from None
    try:
        note.write_text(json.dumps(asdict(Leader.this_process(role))), encoding="utf-8")
        yield
    finally:
        lock.release()


def lock_holder(note: Path) -> str:
    """Describes the process that wrote a note; the note may be half-written, or not there yet."""
    with suppress(OSError, ValueError, TypeError):
        return str(Leader(**json.loads(note.read_text(encoding="utf-8"))))
    return "another process"
