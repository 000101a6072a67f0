"""Whether this machine's clock can be believed, before anything is dropped for being old.

A clock that jumps ahead once would make everything old. The newest event and request have their instants from Entra and
the apps, and the last round of maintenance left its own: where neither is near the clock, nothing is dropped.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.config.clock import naive
from pipeline.config.wording import dated, span
from pipeline.store.lake import Store
from pipeline.store.synced_files import write_synced

LAST_ROUND = "maintenance.json"
"The note, in the lake's folder, of when the clock was last believed."
AHEAD = timedelta(days=7)
"How far the clock may be ahead of the last round, and of the newest record, where snapshots and files expire."
AHEAD_FOR_ROWS = timedelta(days=2)
"The same where rows are dropped, but at most half of what is kept: a jump that goes unseen costs so much of it."
BEHIND = timedelta(days=1)
"How far it may be behind them."
NEWEST = """
select greatest(
    (select max(occurred_at) from events), (select max(occurred_at) from exchanges)
) as newest
"""
REMEDY = "If this machine's clock is right, run `python -m pipeline maintain --trust-clock` once; else set it right."


@dataclass(frozen=True)
class LastRound:
    """When the clock was last believed, ISO 8601 and UTC: for expiring and cleaning, and for retention."""

    expiry: str | None = None
    retention: str | None = None


def expiry_stop(store: Store, now: datetime) -> str | None:
    """Returns why nothing may expire or be cleaned away, in a sentence; None where the clock can be believed."""
    return jump(store, now, instant(read_last_round(store.folder).expiry), AHEAD, needs_evidence=False)


def retention_stop(store: Store, now: datetime) -> str | None:
    """Returns why retention may drop nothing, in a sentence; None where the clock can be believed, or all is kept.

    Retention needs evidence of the present: what it drops does not come back.
    """
    if not store.settings.keep_days:
        return None
    ahead = min(AHEAD_FOR_ROWS, timedelta(days=store.settings.keep_days) / 2)
    return jump(store, now, instant(read_last_round(store.folder).retention), ahead, needs_evidence=True)


def jump(store: Store, now: datetime, last: datetime | None, ahead: timedelta, *, needs_evidence: bool) -> str | None:
    """Compares the clock with the last round and with the newest record."""
    if store.settings.clock:
        # A demonstration's time is not this machine's.
        return None
    at, newest = naive(now), newest_record(store)
    if last is not None and at < last - BEHIND:
        return f"This machine's clock shows {dated(at)}, {span_between(at, last)} before the last round of maintenance."
    if newest is not None and at < newest - BEHIND:
        return f"This machine's clock shows {dated(at)}, and the newest record is of {dated(newest)}: it is behind."
    is_recent = newest is not None and at - newest <= ahead
    if is_recent or (last is not None and at - last <= ahead):
        return None
    if last is None and (not needs_evidence or newest is None):
        return None
    round_at = f"{span_between(last, at)} after the last round of maintenance" if last else "and no round was before"
    record = f"{span_between(newest, at)} after the newest record" if newest else "and there is no record"
    return f"This machine's clock shows {dated(at)}, {round_at}, {record}: it may have jumped ahead."


def remember_round(store: Store, now: datetime, *, expiry: bool, retention: bool) -> None:
    """Keeps that the clock was believed at `now`."""
    at = naive(now).isoformat(timespec="seconds")
    before = read_last_round(store.folder)
    after = replace(before, expiry=at if expiry else before.expiry, retention=at if retention else before.retention)
    if after != before:
        write_synced(store.folder / LAST_ROUND, json.dumps(asdict(after), indent=2) + "\n")


def read_last_round(folder: Path) -> LastRound:
    """Reads when the clock was last believed."""
    with suppress(OSError, ValueError, TypeError):
        return LastRound(**json.loads((folder / LAST_ROUND).read_text(encoding="utf-8")))
    return LastRound()


def newest_record(store: Store) -> datetime | None:
    """Returns the newest instant of an event or a request, naive UTC."""
    newest: datetime | None = store.ask(NEWEST)["newest"][0].as_py()
    return newest


def instant(text: str | None) -> datetime | None:
    """Reads an instant of the note."""
    return naive(datetime.fromisoformat(text).replace(tzinfo=UTC)) if text else None


def span_between(earlier: datetime, later: datetime) -> str:
    """Writes the time between two instants."""
    return span((later - earlier).total_seconds())
