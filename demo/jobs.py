"""A job's document at any instant, always in agreement with the events that are there by then.

The pages of `progress` are counted from the running cycle's events, so that neither can run ahead of the other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.sample.jobs import NEVER, Job, next_attempt
from pipeline.sample.nouns import Cycle, Subject, stamp
from pipeline.sample.timeline import Outage

Document = dict[str, Any]
OBJECTS_A_PAGE = 10
COUNTS = (
    *("Entitled", "EntitledForProvisioning", "Escrowed", "EscrowedRaw", "Exported", "Exports"),
    *("Imported", "ImportedDeltas", "ImportedReferenceDeltas"),
)
NO_ERROR = {"code": "None", "message": "", "tenantActionable": False}
NEVER_RAN: Document = {
    "activityIdentifier": None,
    **{f"count{name}": 0 for name in COUNTS},
    "state": "Failed",
    "timeBegan": NEVER,
    "timeEnded": NEVER,
    "error": NO_ERROR,
}
"Graph shows a job that never ran as failed, at the beginning of time."


class JobHistory:
    """Builds one job's document at any instant; cheapest when instants come in order."""

    def __init__(
        self,
        cycles: Sequence[Cycle],
        *,
        in_target: Sequence[Subject] = (),
        steady_since: datetime | None = None,
        outage: Outage | None = None,
    ) -> None:
        self._cycles, self._in_target, self._steady_since, self._outage = cycles, in_target, steady_since, outage
        self._job = self._fresh()
        self._place = 0
        self._at: datetime | None = None

    def _fresh(self) -> Job:
        """Returns the job as it was before its first cycle here."""
        job = Job(self._cycles[0].app)
        job.held = {subject.source_id: subject.kind for subject in self._in_target}
        if self._steady_since is not None:
            job.steady_first = stamp(self._steady_since)
        return job

    def _until(self, at: datetime) -> Cycle | None:
        """Finishes what is over by an instant, and returns the cycle under way."""
        if self._at is not None and at < self._at:
            self._job, self._place = self._fresh(), 0
        self._at = at
        while self._place < len(self._cycles) and self._cycles[self._place].ended <= at:
            self._finish(self._cycles[self._place])
            self._place += 1
        after = self._cycles[self._place] if self._place < len(self._cycles) else None
        return after if after is not None and after.began <= at else None

    def _finish(self, cycle: Cycle) -> None:
        """Takes in a cycle that is over; after its initial cycle a job is steady, whatever is in escrow."""
        self._job.finish(cycle)
        if self._job.steady_first == NEVER and not cycle.refused:
            self._job.steady_first = self._job.steady_last = stamp(cycle.ended)

    def __call__(self, at: datetime) -> Document:
        """Returns the document as of an instant."""
        running = self._until(at)
        app = self._job.app
        return {
            "id": app.job_id,
            "templateId": app.template_id,
            "schedule": {"expiration": None, "interval": "PT40M", "state": "Active"},
            "status": self._status(running, at),
            "synchronizationJobSettings": [
                {"name": "AzureIngestionAttributeOptimization", "value": "False"},
                {"name": "LookaheadQueryEnabled", "value": "False"},
                {"name": "QuarantineTooManyDeletesThreshold", "value": "500"},
            ],
        }

    def _status(self, running: Cycle | None, at: datetime) -> Document:
        """Returns a synchronizationStatus."""
        job, outage = self._job, self._in_quarantine(at)
        counts = Counter(job.held.values()) + Counter(created(running, at))
        return {
            "code": "Quarantine" if outage else "Active" if job.last else "NotRun",
            "countSuccessiveCompleteFailures": job.failures,
            "escrowsPruned": False,
            "lastExecution": job.last or NEVER_RAN,
            "lastSuccessfulExecution": job.last_good,
            "lastSuccessfulExecutionWithExports": job.last_export,
            "progress": progress(running, at),
            "quarantine": quarantine(outage, job, at) if outage else None,
            "steadyStateFirstAchievedTime": job.steady_first,
            "steadyStateLastAchievedTime": job.steady_last,
            "synchronizedEntryCountByType": [
                {"key": f"{kind.lower()} to {kind}", "value": counts[kind]} for kind in sorted(counts)
            ],
            "troubleshootingUrl": "",
        }

    def _in_quarantine(self, at: datetime) -> Outage | None:
        """Returns the outage of a job in quarantine: from the end of the first refusal to the try that works."""
        outage = self._outage
        if outage is None or self._job.failures == 0 or not outage.began < at < (outage.ended or at):
            return None
        return outage


def created(running: Cycle | None, at: datetime) -> list[str]:
    """Returns the kind of each object that a running cycle has created so far."""
    done = [event for event in (running.events if running else ()) if event.at <= at and event.status == "success"]
    return [event.intent.subject.kind for event in done if event.intent.what == "create"]


def pages(objects: int) -> int:
    """Returns how many pages so many objects fill.

    >>> pages(0), pages(1), pages(10), pages(11)
    (0, 1, 1, 2)
    """
    return -(-objects // OBJECTS_A_PAGE)


def progress(running: Cycle | None, at: datetime) -> list[Document]:
    """Returns how many pages a running cycle has done; nothing between two cycles, nor for one that found nothing."""
    if running is None or not running.events:
        return []
    done = sum(event.at <= at for event in running.events)
    return [
        {
            "completedUnits": done // OBJECTS_A_PAGE if done < len(running.events) else pages(done),
            "totalUnits": pages(len(running.events)),
            "units": "pages",
            "progressObservationDateTime": stamp(at),
        }
    ]


def quarantine(outage: Outage, job: Job, at: datetime) -> Document:
    """Returns the quarantine as of its last refusal, with the next try on the ladder."""
    past = [moment for moment in outage.refusals if moment < at]
    return {
        "currentBegan": stamp(past[-1]),
        "nextAttempt": stamp(next_attempt(outage, at)),
        "reason": "EncounteredQuarantineException",
        "seriesBegan": stamp(outage.began),
        "seriesCount": len(past),
        "error": (job.last or NEVER_RAN)["error"],
    }


class Jobs:
    """Every app's job at an instant, by service principal."""

    def __init__(self, job_histories: Mapping[str, JobHistory]) -> None:
        self._job_histories = job_histories

    def __call__(self, at: datetime) -> Mapping[str, list[Document]]:
        return {app_id: [history(at)] for app_id, history in self._job_histories.items()}
