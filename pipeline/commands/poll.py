"""The command `poll`: collects from Microsoft Graph once, for every tenant."""

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
    from pipeline.collect.graph.poll import PollResult, Progress


def poll(as_json: terminal.Json = False) -> None:
    """Collect new events, jobs and missed periods from Microsoft Graph; after a stop the next run continues there."""
    from pipeline.collect.graph.errors import Stopped
    from pipeline.collect.polling import TenantPollers, read_containers

    settings = read_settings()
    tenants = read_tenants(settings)
    if not tenants:
        raise InvalidRequest(NONE)
    stop, caught = Event(), [0]

    def stop_on(number: int, _frame: object) -> None:
        caught[0] = number
        stop.set()

    signal.signal(signal.SIGINT, stop_on)
    signal.signal(signal.SIGTERM, stop_on)
    store = terminal.open_to_write(settings)
    pollers = TenantPollers(settings)
    try:
        with terminal.share_bar("Reading what was missed") as bar:
            polled = pollers.poll_all(store, tenants, stop, "poll", forced=True, progress=shared(bar, len(tenants)))
        contained = read_containers(store, tenants, stop)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        raise typer.Exit(128 + caught[0]) from None
    finally:
        pollers.close()
        store.close()
    if as_json:
        terminal.page().print_json(data=document(polled) | {"containers": [vars(one) for one in contained]})
    else:
        print_polled(terminal.page(), polled)
        for one in contained:
            detail = one.detail.removeprefix(f"{one.tenant}: ")
            terminal.page().print(f"{one.tenant}, container: {detail}", highlight=False, soft_wrap=True)
    wrong = any(one.outcome == "failed" or one.rejects for one in contained)
    raise typer.Exit(max(verdict(polled), int(wrong)))


COUNTS = ("requests", "pages", "kept", "duplicates", "rejects", "windows", "jobs")
NONE = "No tenant is known; name a file of tenants in PROVISIONING_TENANTS, as docs/graph.md shows."


def shared(bar: Any, tenants: int) -> "Progress":
    """Shows the mean of all tenants' shares on one bar."""
    shares: dict[str, float] = {}
    guard = Lock()

    def show(tenant: str, share: float) -> None:
        with guard:
            shares[tenant] = share
            bar(sum(shares.values()) / tenants)

    return show


def verdict(polled: "Sequence[PollResult]") -> int:
    """Returns the exit code: 2 when a tenant is polled elsewhere, 1 when one failed or had rejects."""
    if any(one.busy for one in polled):
        return 2
    return 1 if any(one.failures or one.rejects for one in polled) else 0


def document(polled: "Sequence[PollResult]") -> dict[str, Any]:
    """Builds what `poll --json` prints."""
    total = {name: sum(getattr(one, name) for one in polled) for name in COUNTS}
    return {"tenants": [one.document() for one in polled], "total": total}


def print_polled(console: Console, polled: "Sequence[PollResult]") -> None:
    """Prints a line a tenant, and under them what was notable."""
    console.print("".join(f"{name:>12}" for name in (*COUNTS, "seconds")) + "  tenant", style="bold", soft_wrap=True)
    for one in polled:
        counts = "".join(f"{getattr(one, name):>12,}" for name in COUNTS)
        bad = bool(one.failures or one.busy)
        console.print(f"{counts}{one.seconds:>12.1f}  {one.tenant}", style="yellow" if bad else "", soft_wrap=True)
    for one in polled:
        for detail in dict.fromkeys([one.busy, *one.failures.values(), *one.details.values()]):
            if detail:
                sentence = detail if detail.startswith(one.tenant) else f"{one.tenant}: {detail}"
                console.print(sentence, highlight=False, soft_wrap=True)
    if any(one.rejects for one in polled):
        console.print(f"There are rejects; see why: {terminal.WHY}", highlight=False, soft_wrap=True)
