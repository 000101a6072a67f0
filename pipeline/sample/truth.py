"""The field's terms, counted from the neutral events: states, escrows, cycles, errors.

Order is the whole second, then the event id, as the store has it; nothing here has seen a file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.sample.nouns import Event, Exchange, Facts, stamp

Identity = tuple[str, str]
"""A job's id and a source id."""


@dataclass(slots=True)
class Escrow:
    """A subject whose last attempt failed, from the first failure to what settled it."""

    job_id: str
    source_id: str
    opened_at: datetime
    error_code: str
    attempts: int = 0
    closed_at: datetime | None = None
    retry_at: datetime | None = None


@dataclass(slots=True)
class History:
    """Everything one job did to one subject, in order."""

    events: list[Event] = field(default_factory=list)

    @property
    def state(self) -> str | None:
        """Returns failing while an attempt is open, else what the account is, else what the last event left."""
        last = next((state for event in reversed(self.events) if (state := _state(event))), None)
        account = next((account for event in reversed(self.events) if (account := _account(event))), None)
        return account if last != "failing" and account in ("disabled", "deleted") else last

    def count(self, status: str) -> int:
        """Returns how many events ended so."""
        return sum(event.status == status for event in self.events)


def _state(event: Event) -> str | None:
    """Returns the state an event leaves its subject in, or None when it decides nothing."""
    if event.action == "stagedDelete":
        return None
    if event.status == "failure":
        return "failing"
    if event.status == "skipped":
        return "in_sync" if event.skip_reason == "RedundantExport" else "skipped"
    ended = {"disable": "disabled", "delete": "deleted"} if event.status == "success" else {}
    return ended.get(event.action, "in_sync")


def _account(event: Event) -> str | None:
    """Returns what an event shows its subject's account to be, or None when it leaves it as it was."""
    if event.skip_reason == "RedundantExport":
        return "active"
    if event.status not in ("success", "warning"):
        return None
    shown = {"disable": "disabled", "delete": "deleted", "create": "active"}
    return "active" if event.intent.what == "enable" else shown.get(event.action)


def in_order(events: Iterable[Event]) -> list[Event]:
    """Returns events as the store orders them."""
    return sorted(events, key=lambda event: (event.at, event.event_id))


def histories(events: list[Event]) -> dict[Identity, History]:
    """Returns one history per job and subject; `events` are in order."""
    found: dict[Identity, History] = defaultdict(History)
    for event in events:
        found[event.app.job_id, event.intent.subject.source_id].events.append(event)
    return dict(found)


def escrows(found: dict[Identity, History]) -> list[Escrow]:
    """Returns every escrow, the closed ones included."""
    return [escrow for identity, history in found.items() for escrow in _escrows(identity, history.events)]


def _escrows(identity: Identity, events: list[Event]) -> list[Escrow]:
    """Returns a subject's escrows: opened by a failure, closed by what settles, untouched by anything else."""
    all_of_them: list[Escrow] = []
    current: Escrow | None = None
    for event in events:
        if event.failure:
            if current is None:
                current = Escrow(*identity, opened_at=event.at, error_code=event.failure.code)
                all_of_them.append(current)
            current.attempts += 1
            current.error_code, current.retry_at = event.failure.code, event.intent.retry_at
        elif event.settles and current:
            current.closed_at, current = event.at, None
    return all_of_them


def escrow_summary(found: list[Escrow], job_id: str) -> Facts:
    """Returns a job's escrows, counted."""
    own = [escrow for escrow in found if escrow.job_id == job_id]
    still = [escrow for escrow in own if escrow.closed_at is None]
    return {
        "open": len(still),
        "closed": len(own) - len(still),
        "attempts": sum(escrow.attempts for escrow in own),
        "reference": sum(escrow.error_code == "UnableToResolveReferenceAttributeValue" for escrow in own),
        "open_error_codes": dict(sorted(Counter(escrow.error_code for escrow in still).items())),
    }


def identity_summary(found: dict[Identity, History], job_id: str) -> Facts:
    """Returns how many of a job's subjects are in each state."""
    states = Counter(history.state for (job, _), history in found.items() if job == job_id)
    return {"all": sum(states.values()), **{state: states[state] for state in sorted(filter(None, states))}}


def cycle_summary(events: list[Event], job_id: str) -> Facts:
    """Returns a job's cycles that left a record: how many, the first, the last and the largest."""
    cycles: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.app.job_id == job_id:
            cycles[event.cycle_id].append(event)
    rows = sorted(map(_cycle, cycles.values()), key=lambda row: str(row["began_at"]))
    largest = max(rows, key=lambda row: int(str(row["events"])))
    return {"count": len(rows), "first": rows[0], "last": rows[-1], "largest": largest}


def _cycle(events: list[Event]) -> Facts:
    """Returns one cycle as the store's row has it."""
    ended = Counter(event.status for event in events)
    return {
        "cycle_id": events[0].cycle_id,
        "began_at": stamp(min(event.at for event in events)),
        "ended_at": stamp(max(event.at for event in events)),
        "events": len(events),
        "objects": len({event.intent.subject.source_id for event in events}),
        "succeeded": ended["success"],
        "failed": ended["failure"],
        "skipped": ended["skipped"],
        "warnings": ended["warning"],
    }


def by_job_status(events: list[Event]) -> list[Facts]:
    """Returns events per job and status."""
    counts = Counter((event.app.job_id, event.status) for event in events)
    return [{"job_id": job_id, "status": status, "events": many} for (job_id, status), many in sorted(counts.items())]


def by_job_action(events: list[Event]) -> list[Facts]:
    """Returns events per job and action."""
    counts = Counter((event.app.job_id, event.action) for event in events)
    return [{"job_id": job_id, "action": action, "events": many} for (job_id, action), many in sorted(counts.items())]


def by_error(events: list[Event]) -> list[Facts]:
    """Returns failures per job and error code: attempts and distinct subjects."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in events:
        if event.failure:
            found[event.app.job_id, event.failure.code].append(event.intent.subject.source_id)
    return [
        {"job_id": job_id, "error_code": code, "events": len(ids), "objects": len(set(ids))}
        for (job_id, code), ids in sorted(found.items())
    ]


def by_skip_reason(events: list[Event]) -> list[Facts]:
    """Returns skips per job and reason."""
    counts = Counter((event.app.job_id, event.skip_reason) for event in events if event.skip_reason)
    return [
        {"job_id": job, "skip_reason": reason, "events": many}
        for (job, reason), many in sorted(counts.items(), key=str)
    ]


def matches(exchanges: list[Exchange]) -> Facts:
    """Returns the request that carried each event: its write, or its look-up where nothing was written.

    A benign skip's look-up carried nothing. A request is told by its instant and how long its answer took, which every
    shape of log shows.
    """
    carried = {each.event.key: each for each in exchanges if each.event and not each.event.benign}
    rows = [
        {
            "event_id": event_id,
            "job_id": job_id,
            "method": each.method,
            "at": stamp(each.at),
            "duration_ms": each.duration_ms,
        }
        for (event_id, job_id), each in carried.items()
    ]
    return {"events": len(rows), "requests": rows}


FAULTS = {
    "EntryConflict": "source data",
    "TooManyRequests": "target",
    "InternalServerError": "target",
    "Timeout": "target",
    "LicenseLimitExceeded": "target",
    "DuplicateTargetEntries": "source data",
    "UnableToResolveReferenceAttributeValue": "source data",
    "AttributeValidationFailed": "source data",
}
"""Who can fix each planted error, by its code."""
LACKED = {"name.familyName": "surname", 'emails[type eq "work"].value': "mail"}
"""The source attribute that is empty when a required one of the target is."""
Cause = tuple[str, str, str]
"""A job's id, the error code or skip reason, and the attribute that is lacking, if one is."""


def issues(found: dict[Identity, History]) -> list[Facts]:
    """Returns each planted cause: whom it hit, how often, and who waits for it at the end."""
    hit: dict[Cause, dict[str, str]] = defaultdict(dict)
    waiting: dict[Cause, set[str]] = defaultdict(set)
    attempts: Counter[Cause] = Counter()
    for (job_id, source_id), history in found.items():
        current: Cause | None = None
        for event in history.events:
            if event.failure or (event.skip_reason and not event.benign):
                code = event.failure.code if event.failure else str(event.skip_reason)
                current = (job_id, code, event.intent.lacks)
                hit[current][source_id] = event.intent.subject.upn or event.intent.subject.name
                attempts[current] += 1
            elif event.settles:
                current = None
        if current:
            waiting[current].add(hit[current][source_id])
    return [
        _issue(cause, sorted(hit[cause].values()), sorted(waiting[cause]), attempts[cause]) for cause in sorted(hit)
    ]


def _issue(cause: Cause, names: list[str], waiting: list[str], attempts: int) -> Facts:
    """Returns one cause as the question issues gives it."""
    job_id, code, lacks = cause
    return {
        "job_id": job_id,
        "code": code,
        "attribute": lacks or None,
        "fault": FAULTS[code],
        "events": attempts,
        "people": len(names),
        "waiting": len(waiting),
        "names": names,
        "waiting_names": waiting,
    }


def causes(rows: list[Facts]) -> list[Facts]:
    """Returns the attribute to blame for each issue that has one."""
    return [
        {"job_id": row["job_id"], "code": row["code"], "attribute": LACKED[str(row["attribute"])], "hit": row["people"]}
        for row in rows
        if row["attribute"]
    ]


def by_http_status(exchanges: list[Exchange]) -> list[Facts]:
    """Returns requests per HTTP status, and how many of them are probes."""
    counts = Counter(exchange.status for exchange in exchanges)
    probes = Counter(exchange.status for exchange in exchanges if exchange.probe)
    return [
        {"http_status": status, "exchanges": many, "probes": probes[status]} for status, many in sorted(counts.items())
    ]
