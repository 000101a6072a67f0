"""Which permissions each tenant's collector has, over Graph and storage: asked, kept, and told on a terminal.

Whatever is asked is only read.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime

import pyarrow as pa

from pipeline.collect.blobs.trial import try_container
from pipeline.collect.graph.client import Graph, RequestPolicy
from pipeline.collect.graph.features import CONTAINER
from pipeline.collect.graph.preflight import Permission, permissions_of
from pipeline.config.clock import naive, now
from pipeline.config.errors import TenantsError
from pipeline.config.retry_policy import GRAPH_REQUESTS
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant, read_tenants
from pipeline.store.lake import Cursor, Store, open_store


def look(settings: Settings) -> list[Permission]:
    """Asks every tenant of PROVISIONING_TENANTS; raises TenantsError where there is none."""
    tenants = read_tenants(settings)
    if not tenants:
        unset = "PROVISIONING_TENANTS is not set; it must name the file of tenants"
        seen = f"{settings.tenants} names no tenant" if settings.tenants else unset
        raise TenantsError(f"{seen}; docs/graph.md shows how such a file is written.")
    store = open_store(settings)
    try:
        policy = RequestPolicy(replace(GRAPH_REQUESTS, attempts=2))
        return preflight(store, tenants, now(settings), lambda tenant: Graph(tenant, settings, policy=policy))
    finally:
        store.close()


def preflight(
    store: Store, tenants: Sequence[Tenant], at: datetime, opened: Callable[[Tenant], Graph]
) -> list[Permission]:
    """Asks every tenant for what each feature needs, keeps what was found in place of what was, and gives it."""
    found: list[Permission] = []
    for tenant in tenants:
        mine = [*permissions_of(store, tenant, opened), *container_of(tenant)]
        keep(store, tenant, mine, at)
        found += mine
    return found


def container_of(tenant: Tenant) -> list[Permission]:
    """Tries a tenant's container of diagnostic logs, where it has one."""
    if not CONTAINER.wanted(tenant):
        return []
    state, said = try_container(tenant)
    lost, remedy = (None if state == "present" else CONTAINER.lost), (CONTAINER.grant if state == "missing" else None)
    return [Permission(tenant.name, CONTAINER.name, CONTAINER.scopes[0], state, said, lost, remedy)]


def keep(store: Store, tenant: Tenant, found: Sequence[Permission], at: datetime) -> None:
    """Writes what was found of a tenant in place of what was."""
    moment = naive(at)
    rows = [asdict(one) | {"asked_at": moment} for one in found]

    def write(cursor: Cursor) -> None:
        cursor.execute("delete from permissions where tenant = ?", [tenant.name])
        if rows:
            cursor.register("found", pa.Table.from_pylist(rows))
            cursor.execute("insert into permissions by name select * from found")
            cursor.unregister("found")

    store.write(write)
