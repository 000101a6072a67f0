"""What Microsoft Graph reports of each job at one moment after another: `synchronizationJob` documents.

A snapshot knows only the past, so the state is replayed cycle by cycle beside the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipeline.sample.nouns import App, Cycle, Event, Facts, stamp
from pipeline.sample.timeline import RETRY_HOURS, Outage, Timeline

LATELY, OFTEN = timedelta(hours=1), timedelta(minutes=2)
NEVER = "0001-01-01T00:00:00Z"
CREDENTIALS = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"
_REFUSAL: Facts = {
    "code": CREDENTIALS,
    "message": "The credentials for the target are invalid or expired (the endpoint answered 401 Unauthorized). "
    "Enter a new secret token, test the connection and save.",
    "tenantActionable": True,
}
_NO_ERROR: Facts = {"code": "None", "message": "", "tenantActionable": False}


@dataclass(slots=True)
class Job:
    """A job's state as of the last cycle it finished."""

    app: App
    escrow: set[str] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)
    """The kind of each object that exists in the target, by source id."""
    failures: int = 0
    last: Facts | None = None
    last_good: Facts | None = None
    last_export: Facts | None = None
    steady_first: str = NEVER
    steady_last: str = NEVER

    def finish(self, cycle: Cycle) -> None:
        """Takes in a finished cycle or a refused attempt."""
        for event in cycle.events:
            self._take(event)
        self.last = _execution(cycle, len(self.escrow), len(self.held))
        self.failures = self.failures + 1 if cycle.refused else 0
        if self.last["state"] == "Succeeded":
            self.last_good = self.last
            self.steady_last = stamp(cycle.ended)
            self.steady_first = self.steady_last if self.steady_first == NEVER else self.steady_first
            self.last_export = self.last if self.last["countExported"] else self.last_export

    def _take(self, event: Event) -> None:
        """Follow one event into the escrow and into the target."""
        subject = event.intent.subject
        if event.status == "failure":
            self.escrow.add(subject.source_id)
        elif event.settles:
            self.escrow.discard(subject.source_id)
        if event.status == "success" and event.intent.what == "create":
            self.held[subject.source_id] = subject.kind
        if event.status == "success" and event.intent.what == "delete":
            self.held.pop(subject.source_id, None)


def _execution(cycle: Cycle, escrowed: int, entitled: int) -> Facts:
    """Returns a finished cycle as a synchronizationTaskExecution."""
    exports = [event for event in cycle.events if event.status != "skipped"]
    exported = sum(event.status in ("success", "warning") for event in exports)
    state = "Failed" if cycle.refused else "EntryLevelErrors" if exported < len(exports) else "Succeeded"
    return {
        "activityIdentifier": cycle.cycle_id,
        "countEntitled": entitled,
        "countEntitledForProvisioning": entitled,
        "countEscrowed": escrowed,
        "countEscrowedRaw": escrowed,
        "countExported": exported,
        "countExports": len(exports),
        "countImported": len(cycle.events),
        "countImportedDeltas": len(cycle.events),
        "countImportedReferenceDeltas": sum(event.intent.what == "members" for event in cycle.events),
        "state": state,
        "timeBegan": stamp(cycle.began),
        "timeEnded": stamp(cycle.ended),
        "error": _REFUSAL if cycle.refused else _NO_ERROR,
    }


def moments(timeline: Timeline, every: timedelta) -> Iterator[datetime]:
    """Yields when the jobs are looked at: at a quarter past, the first before anything ran.

    Where the logs end in the midst of work, also often in the last hour, and at the end.
    """
    at, lately = timeline.since - every + timedelta(minutes=15), timeline.until - LATELY
    while at <= (timeline.until if timeline.moved is None else lately):
        yield at
        at += every
    if timeline.moved is not None:
        yield from (lately + number * OFTEN for number in range(1, LATELY // OFTEN + 1))


def snapshots(timeline: Timeline, histories: list[list[Cycle]], every: timedelta) -> Iterator[tuple[datetime, Facts]]:
    """Yields one document per job and moment."""
    waiting = [list(reversed(cycles)) for cycles in histories]
    jobs = [Job(cycles[0].app) for cycles in histories]
    for at in moments(timeline, every):
        for job, rest in zip(jobs, waiting, strict=True):
            while rest and rest[-1].ended <= at:
                job.finish(rest.pop())
            running = rest[-1] if rest and rest[-1].began <= at else None
            yield at, _document(timeline, job, running, at)


def _document(timeline: Timeline, job: Job, running: Cycle | None, at: datetime) -> Facts:
    """Returns a synchronizationJob with the moment it was seen and the app it belongs to."""
    outage = next(
        (out for out in timeline.outages(job.app) if out.began < at < (out.ended or timeline.until + timedelta(1))),
        None,
    )
    return {
        "observedAt": stamp(at),
        "servicePrincipal": {"id": job.app.app_id, "displayName": job.app.name},
        "id": job.app.job_id,
        "templateId": job.app.template_id,
        "schedule": {"expiration": None, "interval": "PT40M", "state": "Active"},
        "status": _status(job, running, outage, at),
        "synchronizationJobSettings": [
            {"name": "AzureIngestionAttributeOptimization", "value": "False"},
            {"name": "QuarantineTooManyDeletesThreshold", "value": "500"},
        ],
    }


def _status(job: Job, running: Cycle | None, outage: Outage | None, at: datetime) -> Facts:
    """Returns a synchronizationStatus; a job that never ran has a failed execution at the beginning of time."""
    kinds = Counter(job.held.values())
    # A restart takes the steady state back until everything was looked at.
    restarted = running is not None and running.restarted
    return {
        "code": "Quarantine" if outage else "Active" if job.last else "NotRun",
        "countSuccessiveCompleteFailures": job.failures,
        "escrowsPruned": False,
        "lastExecution": job.last or _never_ran(),
        "lastSuccessfulExecution": job.last_good,
        "lastSuccessfulExecutionWithExports": job.last_export,
        "progress": _progress(running, at),
        "quarantine": _quarantine(outage, at) if outage else None,
        "steadyStateFirstAchievedTime": NEVER if restarted else job.steady_first,
        "steadyStateLastAchievedTime": NEVER if restarted else job.steady_last,
        "synchronizedEntryCountByType": [{"key": f"{kind} to {kind}", "value": kinds[kind]} for kind in sorted(kinds)],
        "troubleshootingUrl": "",
    }


def _never_ran() -> Facts:
    """Returns the execution of a job that has not run yet: it reads as failed and is not."""
    counts = ("Entitled", "EntitledForProvisioning", "Escrowed", "EscrowedRaw", "Exported", "Exports")
    imports = ("Imported", "ImportedDeltas", "ImportedReferenceDeltas")
    zeros: Facts = {f"count{name}": 0 for name in counts + imports}
    return (
        {"activityIdentifier": None}
        | zeros
        | {"state": "Failed", "timeBegan": NEVER, "timeEnded": NEVER, "error": _NO_ERROR}
    )


def _progress(running: Cycle | None, at: datetime) -> list[Facts]:
    """Returns how far a running cycle has come; nothing between two cycles."""
    if running is None or not running.events:
        return []
    done = sum(event.at <= at for event in running.events)
    return [
        {
            "completedUnits": done,
            "totalUnits": len(running.events),
            "units": "entries",
            "progressObservationDateTime": stamp(at),
        }
    ]


def _quarantine(outage: Outage, at: datetime) -> Facts:
    """Returns the quarantine as of its last refusal, with the next try on the ladder."""
    past = [moment for moment in outage.refusals if moment < at]
    return {
        "currentBegan": stamp(past[-1]),
        "nextAttempt": stamp(next_attempt(outage, at)),
        "reason": "EncounteredQuarantineException",
        "seriesBegan": stamp(outage.began),
        "seriesCount": len(past),
        "error": _REFUSAL,
    }


def next_attempt(outage: Outage, at: datetime) -> datetime:
    """Returns when the service will try again."""
    tries = (outage.began + timedelta(hours=hours) for hours in RETRY_HOURS)
    return next(moment for moment in tries if moment >= at)
