"""Polls every tenant of Microsoft Graph, side by side.

Tenants do not wait for each other, and one that fails harms no other. Azure's libraries are loaded at the first poll: a
process without tenants never needs them.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

from pipeline.config.clock import now
from pipeline.config.errors import JobFailed
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant, read_tenants
from pipeline.store.lake import Store

if TYPE_CHECKING:
    from pipeline.collect.blobs import ContainerReport
    from pipeline.collect.graph.poll import Poller, PollResult, Progress

AT_ONCE = 8


def read_containers(store: Store, tenants: Sequence[Tenant], stop: Event) -> "list[ContainerReport]":
    """Reads what is new in the storage containers of the tenants that have one; raises Stopped when told to stop."""
    from pipeline.collect.blobs import read_container
    from pipeline.collect.graph.errors import Stopped

    reports = [read_container(store, one, now(store.settings), stop) for one in tenants if one.container]
    if any(one.outcome == "stopped" for one in reports):
        raise Stopped("Stopped; what was read is kept, and the next poll goes on from there.")
    return reports


class TenantPollers:
    """One poller a tenant; kept between polls, they keep their tokens and connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pollers: dict[str, tuple[Tenant, Poller]] = {}

    def poll_all(
        self,
        store: Store,
        tenants: Sequence[Tenant],
        stop: Event,
        role: str,
        *,
        budget_s: float | None = None,
        forced: bool = False,
        progress: "Progress" = lambda _tenant, _share: None,
    ) -> "list[PollResult]":
        """Polls every tenant once and deletes the feed status of those that are not configured any more.

        Raises Stopped and StoreError when every tenant's poll is over.
        """
        from pipeline.collect.contacts import delete_contacts

        delete_contacts(store, {tenant.name: disabled_feeds(tenant) for tenant in tenants})
        self._drop(tenants)

        def poll(tenant: Tenant) -> "PollResult":
            poller = self._poller(tenant)
            return poll_tenant(poller, store, stop, role, budget_s=budget_s, forced=forced, progress=progress)

        with ThreadPoolExecutor(min(AT_ONCE, len(tenants)), "poll") as pool:
            return list(pool.map(poll, tenants))

    def close(self) -> None:
        """Ends every connection."""
        self._drop([])

    def _poller(self, tenant: Tenant) -> "Poller":
        """Returns the tenant's poller."""
        from pipeline.collect.graph.poll import Poller

        return self._pollers.setdefault(tenant.name, (tenant, Poller(self._settings, tenant)))[1]

    def _drop(self, tenants: Sequence[Tenant]) -> None:
        """Closes the pollers of tenants whose table was removed or has changed."""
        for name, (tenant, poller) in list(self._pollers.items()):
            if tenant not in tenants:
                poller.close()
                del self._pollers[name]


def poll_tenant(poller: "Poller", store: Store, stop: Event, role: str, **how: Any) -> "PollResult":
    """Polls a tenant; one that another process is polling has that in its result."""
    from pipeline.collect.graph.lock import TenantBusy
    from pipeline.collect.graph.poll import PollResult

    try:
        return poller.poll(store, stop, role, **how)
    except TenantBusy as busy:
        return PollResult(tenant=poller.tenant.name, busy=str(busy))


def disabled_feeds(tenant: Tenant) -> set[str]:
    """Returns the feeds that are switched off for a tenant."""
    feeds = set() if tenant.events else {"events"}
    feeds |= set() if tenant.container else {"container"}
    return feeds | (set() if tenant.jobs else {"jobs", "apps", "configuration"})


class PollJob:
    """The background job that polls every tenant, and reads what was missed for as long as one interval lasts."""

    def __init__(self) -> None:
        self._pollers: TenantPollers | None = None

    def __call__(self, store: Store, stop: Event) -> str:
        settings = store.settings
        tenants = read_tenants(settings)
        if not tenants:
            return ""
        self._pollers = self._pollers or TenantPollers(settings)
        results = self._pollers.poll_all(store, tenants, stop, "beat", budget_s=float(settings.poll_every))
        if any(one.failures or one.waiting for one in results):
            raise JobFailed(" ".join(dict.fromkeys(text for one in results for text in failures_of(one))))
        return "; ".join(text for one in results if (text := summary(one)))

    def close(self) -> None:
        """Ends every connection."""
        if self._pollers is not None:
            self._pollers.close()


def failures_of(one: "PollResult") -> list[str]:
    """Returns why feeds of a tenant fail, also those that are not tried again yet; each sentence names the tenant."""
    sentences = dict.fromkeys([*one.failures.values(), *one.waiting.values()])
    return [text if text.startswith(f"{one.tenant}: ") else f"{one.tenant}: {text}" for text in sentences]


def summary(one: "PollResult") -> str:
    """Describes what a poll brought; empty when there is nothing new."""
    if one.busy or not (one.kept - one.jobs > 0 or one.rejects):
        return ""
    return f"{one.tenant}: {one.kept:,} records kept, {one.rejects} rejects, {one.requests} requests"
