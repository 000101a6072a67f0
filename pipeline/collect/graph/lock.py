"""The lock of a tenant: one process at a time polls it. The OS frees the lock when its holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from pipeline.config.settings import Settings
from pipeline.store.process_lock import ProcessLock, noted_holder


class TenantBusy(Exception):
    """Another process polls this tenant; the message says which."""


@contextmanager
def tenant_lock(settings: Settings, tenant: str, role: str) -> Iterator[None]:
    """Holds the tenant's lock; raises TenantBusy at once when another has it."""
    kind = f"poll-{quote(tenant, safe='')}"
    lock = ProcessLock.take(settings, kind, role)
    if lock is None:
        raise TenantBusy(f"{tenant} is being polled by {noted_holder(settings, kind)}; wait until that is done.")
    try:
        yield
    finally:
        lock.release()
