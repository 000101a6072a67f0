"""Asks every tenant of Microsoft Graph, side by side: the command `poll`, what it prints, and the poll beat.

Tenants do not wait for each other, and one that fails harms no other.
"""

import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from pipeline import terminal
from pipeline.asking import Refused
from pipeline.clock import now
from pipeline.settings import Settings, read_settings
from pipeline.store import Store, open_store
from pipeline.tenants import Tenant, read_tenants

if TYPE_CHECKING:
    from pipeline.container import ContainerReport
    from pipeline.graph.poll import Poller
    from pipeline.graph.turn import Polled, Progress

AT_ONCE = 8
COUNTS = ("requests", "pages", "kept", "duplicates", "rejects", "windows", "jobs")
NONE = "No tenant is known; name a file of tenants in PROVISIONING_TENANTS, as docs/graph.md shows."


def poll(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Ask Microsoft Graph for new events, jobs and what was missed; stopped, it goes on from there the next time."""
    from pipeline.graph.errors import Stopped

    settings = read_settings()
    tenants = read_tenants(settings)
    if not tenants:
        raise Refused(NONE)
    stop, caught = Event(), [0]

    def heed(number: int, _frame: object) -> None:
        caught[0] = number
        stop.set()

    signal.signal(signal.SIGINT, heed)
    signal.signal(signal.SIGTERM, heed)
    store = open_store(settings)
    asking = Asking(settings)
    try:
        with terminal.share_bar("Reading what was missed") as bar:
            found = asking.all(store, tenants, stop, "poll", forced=True, progress=shared(bar, len(tenants)))
        contained = containers(store, tenants, stop)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        raise typer.Exit(128 + caught[0]) from None
    finally:
        asking.close()
        store.close()
    if as_json:
        terminal.page().print_json(data=document(found) | {"containers": [vars(one) for one in contained]})
    else:
        print_polled(terminal.page(), found)
        for one in contained:
            told = one.detail.removeprefix(f"{one.tenant}: ")
            terminal.page().print(f"{one.tenant}, container: {told}", highlight=False, markup=False, soft_wrap=True)
    wrong = any(one.outcome == "failed" or one.rejects for one in contained)
    raise typer.Exit(max(verdict(found), int(wrong)))


def containers(store: Store, tenants: Sequence[Tenant], stop: Event) -> "list[ContainerReport]":
    """Reads what is new in the storage containers of the tenants that have one; raises Stopped when told to stop."""
    from pipeline.container import read_container
    from pipeline.graph.errors import Stopped

    found = [read_container(store, one, now(store.settings), stop) for one in tenants if one.container]
    if any(one.outcome == "stopped" for one in found):
        raise Stopped("Stopped; what was read is kept, and the next poll goes on from there.")
    return found


def shared(bar: Any, tenants: int) -> "Progress":
    """Shows the mean of all tenants' shares on one bar."""
    shares: dict[str, float] = {}
    guard = Lock()

    def tell(tenant: str, share: float) -> None:
        with guard:
            shares[tenant] = share
            bar(sum(shares.values()) / tenants)

    return tell


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
        from pipeline.graph.contacts import forget_contacts

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
        from pipeline.graph.poll import Poller

        return self._pollers.setdefault(tenant.name, (tenant, Poller(self._settings, tenant)))[1]

    def _drop(self, tenants: Sequence[Tenant]) -> None:
        """Forgets the pollers of tenants whose table is gone or has changed."""
        for name, (tenant, poller) in list(self._pollers.items()):
            if tenant not in tenants:
                poller.close()
                del self._pollers[name]


def turn(poller: "Poller", store: Store, stop: Event, role: str, **how: Any) -> "Polled":
    """Does a tenant's turn; one that another process polls is told as such."""
    from pipeline.graph.lock import Busy
    from pipeline.graph.turn import Polled

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


def verdict(found: "Sequence[Polled]") -> int:
    """Gives the exit code: 2 when a tenant is polled elsewhere, 1 when one failed or had rejects."""
    if any(one.busy for one in found):
        return 2
    return 1 if any(one.failures or one.rejects for one in found) else 0


def document(found: "Sequence[Polled]") -> dict[str, Any]:
    """Gives what `poll --json` prints."""
    total = {name: sum(getattr(one, name) for one in found) for name in COUNTS}
    return {"tenants": [one.document() for one in found], "total": total}


def print_polled(console: Console, found: "Sequence[Polled]") -> None:
    """Prints a line a tenant, and under it what is to be said of it."""
    console.print("".join(f"{name:>12}" for name in (*COUNTS, "seconds")) + "  tenant", style="bold", soft_wrap=True)
    for one in found:
        counts = "".join(f"{getattr(one, name):>12,}" for name in COUNTS)
        bad = bool(one.failures or one.busy)
        console.print(f"{counts}{one.seconds:>12.1f}  {one.tenant}", style="yellow" if bad else "", soft_wrap=True)
    for one in found:
        for said in dict.fromkeys([one.busy, *one.failures.values(), *one.details.values()]):
            if said:
                told = said if said.startswith(one.tenant) else f"{one.tenant}: {said}"
                console.print(told, highlight=False, markup=False, soft_wrap=True)
    if any(one.rejects for one in found):
        console.print(f"There are rejects; see why: {terminal.WHY}", highlight=False, soft_wrap=True)
