"""Which permissions each tenant's collector has, over Graph and storage: asked, kept, and told on a terminal.

Whatever is asked is only read.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from pipeline.clock import naive, now
from pipeline.container.trial import try_container
from pipeline.graph.client import Graph, Patience
from pipeline.graph.features import CONTAINER
from pipeline.graph.preflight import Permission, permissions_of
from pipeline.settings import Settings
from pipeline.store import Cursor, Store, open_store
from pipeline.tenants import Tenant, TenantsError, read_tenants


def look(settings: Settings) -> list[Permission]:
    """Asks every tenant of PROVISIONING_TENANTS; raises TenantsError where there is none."""
    tenants = read_tenants(settings)
    if not tenants:
        unset = "PROVISIONING_TENANTS is not set; it must name the file of tenants"
        seen = f"{settings.tenants} names no tenant" if settings.tenants else unset
        raise TenantsError(f"{seen}; docs/graph.md shows how such a file is written.")
    store = open_store(settings)
    try:
        patience = Patience(attempts=2)
        return preflight(store, tenants, now(settings), lambda tenant: Graph(tenant, settings, patience=patience))
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


def verdict(found: Sequence[Permission]) -> int:
    """Gives the exit code: 0 all present, 1 something missing, 2 when no tenant could be asked at all."""
    needed = [one.state for one in found if one.state != "excess"]
    if needed and set(needed) == {"unknown"}:
        return 2
    return 0 if set(needed) <= {"present"} else 1


def permissions_document(found: Sequence[Permission]) -> dict[str, Any]:
    """Gives what `preflight --json` prints."""
    return {"complete": verdict(found) == 0, "permissions": [asdict(one) for one in found]}


def print_permissions(found: Sequence[Permission], page: Console) -> None:
    """Prints what was found, tenant by tenant; a reason that all its features share is said once."""
    for tenant in dict.fromkeys(one.tenant for one in found):
        mine = [one for one in found if one.tenant == tenant]
        page.print(f"[bold]{escape(tenant)}[/bold]")
        reasons = {one.detail for one in mine}
        if len(reasons) == 1 and mine[0].state == "unknown":
            page.print(f"  {escape(reasons.pop())}", highlight=False)
            continue
        for one in mine:
            style = {"present": "green", "missing": "red"}.get(one.state, "yellow")
            page.print(f"  [{style}]{one.state:8}[/{style}] {one.feature:24} {escape(one.scope)}", highlight=False)
            if one.state != "present":
                told = (one.detail, one.lost and f"Lost: {one.lost}", one.remedy)
                page.print(Padding("\n".join(escape(line) for line in told if line), (0, 0, 0, 11)), highlight=False)
