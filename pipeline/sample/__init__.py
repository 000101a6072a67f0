"""A believable tenant's logs, written from a seed: several wire shapes, planted incidents and an answer key.

The same arguments give the same bytes. Nobody in it exists, and every address is in a reserved domain.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.sample import placement
from pipeline.sample.answers import World, answers
from pipeline.sample.directory import build
from pipeline.sample.files import KEY, Ledger, clear
from pipeline.sample.jobs import snapshots
from pipeline.sample.latest import BEFORE_MIDNIGHT
from pipeline.sample.planted import plan
from pipeline.sample.story import history
from pipeline.sample.timeline import Timeline
from pipeline.sample.truth import in_order
from pipeline.sample.wire import exchanges

__all__ = ["imagine", "write_tenant"]

UNTIL = datetime(2026, 1, 26, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEAST_USERS, LEAST_GROUPS, LEAST_DAYS = 40, 4, 10


def write_tenant(
    folder: Path,
    *,
    seed: int,
    users: int = 800,
    groups: int = 40,
    days: int = 21,
    until: datetime = UNTIL,
    move_to: datetime | None = None,
    snapshot_every: timedelta = HOUR,
    skew: float = 0,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Writes a tenant's logs below `folder`, in place of those written there before, and returns its `answers.json`.

    `until` is a UTC midnight. `move_to` moves the tenant whole, so that its logs end at that instant, in the midst of
    work. `progress` hears the share done, up to 1; Cerby's clock is `skew` seconds ahead. A tenant too small for its
    stories is a ValueError.
    """
    world = imagine(seed=seed, users=users, groups=groups, days=days, until=until, move_to=move_to, skew=skew)
    clear(folder)
    return _write(Ledger(folder), world, snapshot_every, progress or _silent)


def imagine(
    *,
    seed: int,
    users: int,
    groups: int,
    days: int,
    until: datetime = UNTIL,
    move_to: datetime | None = None,
    skew: float = 0,
) -> World:
    """Returns everything that happens in a tenant, before any of it is written."""
    _check(users, groups, days)
    timeline = _timeline(seed, days, _utc(until), move_to and _utc(move_to).replace(microsecond=0))
    directory = build(seed, users, groups)
    histories = [history(timeline, roster, plan(timeline, roster, users), users) for roster in directory.rosters]
    events = in_order(event for cycles in histories for cycle in cycles for event in cycle.events)
    return World(
        timeline,
        directory,
        histories,
        list(exchanges(histories[0], seed, skew)),
        [event for event in events if event.at < timeline.until],
    )


def _utc(at: datetime) -> datetime:
    """Returns an instant in UTC, which one without a zone is in already."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _timeline(seed: int, days: int, end: datetime, move_to: datetime | None) -> Timeline:
    """Returns the window of a tenant that ends at a midnight, or that is moved to end at an instant."""
    since = end - timedelta(days=days)
    if move_to is None:
        return Timeline(seed, since, end)
    moved = move_to - (end - BEFORE_MIDNIGHT)
    return Timeline(seed, since + moved, move_to, moved)


def _check(users: int, groups: int, days: int) -> None:
    """Refuses a tenant that has no room for the planted stories."""
    for name, given, least in (
        ("users", users, LEAST_USERS),
        ("groups", groups, LEAST_GROUPS),
        ("days", days, LEAST_DAYS),
    ):
        if given < least:
            raise ValueError(f"{name} is {given}; the planted stories need at least {least}.")


def _silent(_share: float) -> None:
    """Reports nothing."""


def _write(ledger: Ledger, world: World, snapshot_every: timedelta, report: Callable[[float], None]) -> Path:
    """Writes every file, and the answer key last."""
    timeline, directory = world.timeline, world.directory
    report(0.3)
    cerby, contoso, fabrikam = ([event for event in world.events if event.app == app] for app in world.apps)
    placement.cerby(ledger, timeline, cerby)
    report(0.6)
    placement.contoso(ledger, timeline, contoso, directory.workspace_id)
    report(0.7)
    placement.fabrikam(ledger, timeline, fabrikam)
    report(0.8)
    placement.scim(ledger, timeline, world.exchanges)
    report(0.9)
    placement.jobs(ledger, timeline, snapshots(timeline, world.histories, snapshot_every))
    path = ledger.document(KEY, answers(world, ledger))
    report(1.0)
    return path
