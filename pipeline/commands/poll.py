"""The command `poll`: asks every tenant of Microsoft Graph once."""

import signal
import sys
from collections.abc import Sequence
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from pipeline.commands import terminal
from pipeline.config.errors import InvalidRequest
from pipeline.config.settings import read_settings
from pipeline.config.tenants import read_tenants

if TYPE_CHECKING:
    from pipeline.collect.graph.turn import Polled, Progress


def poll(as_json: terminal.Json = False) -> None:
    """Ask Microsoft Graph for new events, jobs and what was missed; stopped, it goes on from there the next time."""
    from pipeline.collect.graph.errors import Stopped
    from pipeline.collect.polling import Asking, containers

    settings = read_settings()
    tenants = read_tenants(settings)
    if not tenants:
        raise InvalidRequest(NONE)
    stop, caught = Event(), [0]

    def heed(number: int, _frame: object) -> None:
        caught[0] = number
        stop.set()

    signal.signal(signal.SIGINT, heed)
    signal.signal(signal.SIGTERM, heed)
    store = terminal.open_to_write(settings)
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


COUNTS = ("requests", "pages", "kept", "duplicates", "rejects", "windows", "jobs")
NONE = "No tenant is known; name a file of tenants in PROVISIONING_TENANTS, as docs/graph.md shows."


def shared(bar: Any, tenants: int) -> "Progress":
    """Shows the mean of all tenants' shares on one bar."""
    shares: dict[str, float] = {}
    guard = Lock()

    def tell(tenant: str, share: float) -> None:
        with guard:
            shares[tenant] = share
            bar(sum(shares.values()) / tenants)

    return tell


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
