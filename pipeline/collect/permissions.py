"""Checks which permissions each tenant's collector has, over Graph and storage, and stores the result.

Every check only reads.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime

import pyarrow as pa

from pipeline.collect.blobs.permission_check import check_container
from pipeline.collect.graph.client import Graph, RequestPolicy
from pipeline.collect.graph.permission_checks import Permission, graph_permissions
from pipeline.collect.graph.permission_requirements import CONTAINER
from pipeline.config.clock import naive, now
from pipeline.config.errors import TenantsError
from pipeline.config.retry_policy import GRAPH_REQUESTS
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant, read_tenants
from pipeline.store.lake import Cursor, Store, open_store


def check_tenants(settings: Settings) -> list[Permission]:
    """Checks every tenant of PROVISIONING_TENANTS; raises TenantsError where there is none."""
    tenants = read_tenants(settings)
    if not tenants:
        unset = "PROVISIONING_TENANTS is not set; it must name the file of tenants"
        reason = f"{settings.tenants} names no tenant" if settings.tenants else unset
        raise TenantsError(f"{reason}; docs/graph.md shows how such a file is written.")
    store = open_store(settings)
    try:
        policy = RequestPolicy(replace(GRAPH_REQUESTS, attempts=2))
        return check_permissions(store, tenants, now(settings), lambda tenant: Graph(tenant, settings, policy=policy))
    finally:
        store.close()


def check_permissions(
    store: Store, tenants: Sequence[Tenant], at: datetime, connect: Callable[[Tenant], Graph]
) -> list[Permission]:
    """Checks what each feature of each tenant needs, replaces the stored rows, and returns the new ones."""
    checked: list[Permission] = []
    for tenant in tenants:
        permissions = [*graph_permissions(store, tenant, connect), *container_permissions(tenant)]
        replace_permissions(store, tenant, permissions, at)
        checked += permissions
    return checked


def container_permissions(tenant: Tenant) -> list[Permission]:
    """Checks a tenant's container of diagnostic logs, where it has one."""
    if not CONTAINER.applies(tenant):
        return []
    state, detail = check_container(tenant)
    lost, remedy = (None if state == "present" else CONTAINER.lost), (CONTAINER.grant if state == "missing" else None)
    return [Permission(tenant.name, CONTAINER.name, CONTAINER.scopes[0], state, detail, lost, remedy)]


def replace_permissions(store: Store, tenant: Tenant, permissions: Sequence[Permission], at: datetime) -> None:
    """Replaces the stored permissions of a tenant."""
    moment = naive(at)
    rows = [asdict(one) | {"asked_at": moment} for one in permissions]

    def write(cursor: Cursor) -> None:
        cursor.execute("delete from permissions where tenant = ?", [tenant.name])
        if rows:
            cursor.register("checked", pa.Table.from_pylist(rows))
            cursor.execute("insert into permissions by name select * from checked")
            cursor.unregister("checked")

    store.write(write)
