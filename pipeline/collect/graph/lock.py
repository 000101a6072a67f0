"""The lock of a tenant: one process at a time polls it. It is free when its holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from pipeline.store.lake import Store
from pipeline.store.process_lock import ProcessLock, noted_holder


class TenantBusy(Exception):
    """Another process polls this tenant; the message says which."""


@contextmanager
def tenant_lock(store: Store, tenant: str, role: str) -> Iterator[None]:
    """Holds the tenant's lock, without which nothing is committed; raises TenantBusy at once when another has it."""
    kind = f"poll-{quote(tenant, safe='')}"
    lock = ProcessLock.take(store.settings, kind, role)
    if lock is None:
        raise TenantBusy(f"{tenant} is being polled by {noted_holder(store.settings, kind)}; wait until that is done.")
    store.leases.append(lock)
    try:
        yield
    finally:
        store.leases.remove(lock)
        lock.release()
