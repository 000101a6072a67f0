"""Asks every tenant of Microsoft Graph, side by side.

Tenants do not wait for each other, and one that fails harms no other.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

from pipeline.config.clock import now
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant, read_tenants
from pipeline.store.lake import Store

if TYPE_CHECKING:
    from pipeline.collect.blobs import ContainerReport
    from pipeline.collect.graph.poll import Poller
    from pipeline.collect.graph.turn import Polled, Progress

AT_ONCE = 8


def containers(store: Store, tenants: Sequence[Tenant], stop: Event) -> "list[ContainerReport]":
    """Reads what is new in the storage containers of the tenants that have one; raises Stopped when told to stop."""
    from pipeline.collect.blobs import read_container
    from pipeline.collect.graph.errors import Stopped

    found = [read_container(store, one, now(store.settings), stop) for one in tenants if one.container]
    if any(one.outcome == "stopped" for one in found):
        raise Stopped("Stopped; what was read is kept, and the next poll goes on from there.")
    return found


class Asking:
    """The tenants' pollers; kept between turns, they keep their tokens and connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pollers: dict[str, tuple[Tenant, Poller]] = {}

    def all(
        self,
        store: Store,
        tenants: Sequence[Tenant],
        stop: Event,
        role: str,
        *,
        budget_s: float | None = None,
        forced: bool = False,
        progress: "Progress" = lambda _tenant, _share: None,
    ) -> "list[Polled]":
        """Asks every tenant once and forgets the contacts of those that are not asked any more.

        Raises Stopped and StoreError when every tenant's turn is over.
        """
        from pipeline.collect.contacts import forget_contacts

        forget_contacts(store, {tenant.name: off(tenant) for tenant in tenants})
        self._drop(tenants)

        def ask(tenant: Tenant) -> "Polled":
            poller = self._poller(tenant)
            return turn(poller, store, stop, role, budget_s=budget_s, forced=forced, progress=progress)

        with ThreadPoolExecutor(min(AT_ONCE, len(tenants)), "poll") as pool:
            return list(pool.map(ask, tenants))

    def close(self) -> None:
        """Ends every connection."""
        self._drop([])

    def _poller(self, tenant: Tenant) -> "Poller":
        """Gives the tenant's poller."""
        from pipeline.collect.graph.poll import Poller

        return self._pollers.setdefault(tenant.name, (tenant, Poller(self._settings, tenant)))[1]

    def _drop(self, tenants: Sequence[Tenant]) -> None:
        """Forgets the pollers of tenants whose table is gone or has changed."""
        for name, (tenant, poller) in list(self._pollers.items()):
            if tenant not in tenants:
                poller.close()
                del self._pollers[name]


def turn(poller: "Poller", store: Store, stop: Event, role: str, **how: Any) -> "Polled":
    """Does a tenant's turn; one that another process polls is told as such."""
    from pipeline.collect.graph.lock import Busy
    from pipeline.collect.graph.turn import Polled

    try:
        return poller.turn(store, stop, role, **how)
    except Busy as busy:
        return Polled(tenant=poller.tenant.name, busy=str(busy))


def off(tenant: Tenant) -> set[str]:
    """Names the feeds that a tenant is not asked for."""
    feeds = set() if tenant.events else {"events"}
    feeds |= set() if tenant.container else {"container"}
    return feeds | (set() if tenant.jobs else {"jobs", "apps", "configuration"})


class Polling:
    """The poll beat: each turn asks every tenant, and reads what was missed for as long as one interval lasts."""

    def __init__(self) -> None:
        self._asking: Asking | None = None

    def __call__(self, store: Store, stop: Event) -> str:
        settings = store.settings
        tenants = read_tenants(settings)
        if not tenants:
            return ""
        self._asking = self._asking or Asking(settings)
        found = self._asking.all(store, tenants, stop, "beat", budget_s=float(settings.poll_every))
        return "; ".join(said for one in found if (said := news(one)))

    def close(self) -> None:
        """Ends every connection."""
        if self._asking is not None:
            self._asking.close()


def news(one: "Polled") -> str:
    """Says what a turn brought or why it failed; nothing when there is nothing to say."""
    if one.failures:
        return " ".join(dict.fromkeys(one.failures.values()))
    if one.busy or not (one.kept - one.jobs > 0 or one.rejects):
        return ""
    return f"{one.tenant}: {one.kept:,} records kept, {one.rejects} rejects, {one.requests} requests"
