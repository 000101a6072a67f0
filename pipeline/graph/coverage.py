"""The rows of `coverage` that a tenant's polls write: they are its watermark, and there is no other."""

from datetime import datetime

from pipeline.graph.windows import Covered, united
from pipeline.store import Cursor, Store
from pipeline.tenants import Tenant

ROWS = """
    select since, settled_until, until
    from coverage
    where source = 'graph' and job_id is null and tenant_id = ? and origin = ?
    order by since"""


def origin_of(tenant: Tenant) -> str:
    """Gives what coverage calls a tenant's polls."""
    return f"graph:{tenant.name}"


def read_covered(store: Store, tenant: Tenant) -> list[Covered]:
    """Gives what was read of a tenant's events, oldest first."""
    return [Covered(*row) for row in store.rows(ROWS, key(tenant))]


def keep_covered(cursor: Cursor, tenant: Tenant, new: Covered, read_at: datetime) -> None:
    """Adds a stretch, united with those that it touches; `read_at` is UTC without a zone."""
    if new.until <= new.since:
        return
    known = [Covered(*row) for row in cursor.execute(ROWS, key(tenant)).fetchall()]
    after = united([*known, new])
    for gone in set(known) - set(after):
        cursor.execute(
            "delete from coverage where source = 'graph' and job_id is null and tenant_id = ? and origin = ? "
            "and since = ? and settled_until = ? and until = ?",
            [*key(tenant), gone.since, gone.settled_until, gone.until],
        )
    for each in sorted(set(after) - set(known)):
        cursor.execute(
            "insert into coverage values ('graph', ?, null, ?, ?, ?, ?, ?)",
            [*key(tenant), each.since, each.settled_until, each.until, read_at],
        )


def key(tenant: Tenant) -> list[str]:
    """Gives the values that name a tenant's rows."""
    return [tenant.tenant_id.lower(), origin_of(tenant)]
