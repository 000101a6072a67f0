"""One synchronizationJob: what Microsoft Graph says of a provisioning job at one moment."""

from typing import Annotated

from pipeline.ingest.records.event import Party
from pipeline.ingest.records.instants import Moment, Observed
from pipeline.ingest.records.wire import Also, Id, Wire


class Fault(Wire):
    """A synchronizationError."""

    code: str | None = None
    message: str | None = None
    tenantActionable: bool | None = None


class Execution(Wire):
    """A synchronizationTaskExecution: one run of the job."""

    activityIdentifier: str | None = None
    state: str | None = None
    timeBegan: Moment = None
    timeEnded: Moment = None
    countEntitledForProvisioning: int | None = None
    countEscrowed: int | None = None
    countExports: int | None = None
    countExported: int | None = None
    countImported: int | None = None
    error: Fault | None = None


class Quarantine(Wire):
    """A synchronizationQuarantine; its times are empty strings in some documents."""

    currentBegan: Moment = None
    nextAttempt: Moment = None
    reason: str | None = None
    seriesBegan: Moment = None
    seriesCount: int | None = None
    error: Fault | None = None


class Progress(Wire):
    """A synchronizationProgress: pages done of pages known."""

    completedUnits: int | None = None
    totalUnits: int | None = None
    units: str | None = None
    progressObservationDateTime: Moment = None


class Count(Wire):
    """How many objects of one kind are synchronized."""

    key: str | None = None
    value: int | None = None


class Setting(Wire):
    """One name and value of synchronizationJobSettings."""

    name: str | None = None
    value: str | None = None


class JobStatus(Wire):
    """A synchronizationStatus."""

    code: str | None = None
    countSuccessiveCompleteFailures: int | None = None
    escrowsPruned: bool | None = None
    lastExecution: Execution | None = None
    lastSuccessfulExecution: Execution | None = None
    quarantine: Quarantine | None = None
    progress: list[Progress] | None = None
    steadyStateFirstAchievedTime: Moment = None
    steadyStateLastAchievedTime: Moment = None
    synchronizedEntryCountByType: list[Count] | None = None


class Schedule(Wire):
    """A synchronizationSchedule; `interval` is an ISO 8601 duration or .NET's, the longest of which means never."""

    interval: str | None = None
    state: str | None = None


class Job(Wire):
    """A synchronizationJob, with the two things its own document does not say."""

    id: Id
    observedAt: Annotated[Observed, Also("observed_at")] = None
    "When it was asked; added by whoever asked."
    tenantId: str | None = None
    templateId: str | None = None
    servicePrincipal: Party | None = None
    schedule: Schedule | None = None
    status: JobStatus | None = None
    synchronizationJobSettings: list[Setting] | None = None
