"""One provisioning event: Graph's `provisioningObjectSummary`, and the envelope that Azure Monitor puts around it.

v1.0, beta and the 2019 shape differ only in which fields are there; diagnostic records spell them `Id`, `Name`,
`Type`, `Status` and give numbers for enumerations.
"""

from typing import Annotated

from pipeline.ingest.records.instants import Instant
from pipeline.ingest.records.wire import Also, Id, Json, Wire


class Party(Wire):
    """An application or a system."""

    id: str | None = None
    displayName: Annotated[str | None, Also("Name")] = None


class SystemDetails(Wire):
    """What the log says of the app beside its system's name."""

    ServicePrincipalId: str | None = None
    ServicePrincipalDisplayName: str | None = None


class System(Party):
    """The system on one side, which is named after the connector and not after the app."""

    details: SystemDetails | None = None


class IdentityDetails(Wire):
    """What the log says of an object beside its id."""

    UserPrincipalName: str | None = None
    "Present for users, absent for groups."


class Identity(Wire):
    """The object on one side."""

    id: str | None = None
    displayName: Annotated[str | None, Also("Name")] = None
    identityType: Annotated[str | None, Also("type")] = None
    details: IdentityDetails | None = None


class ErrorInformation(Wire):
    """Why an event failed; any member may be null."""

    errorCode: str | None = None
    reason: str | None = None
    errorCategory: str | None = None
    recommendedAction: str | None = None


class StatusInfo(Wire):
    """How the event ended; 2019's `statusInfo` carries the error's members itself."""

    status: str | None = None
    errorInformation: Annotated[ErrorInformation | None, Also("errorInfo")] = None
    errorCode: str | None = None
    reason: str | None = None
    errorCategory: str | None = None
    recommendedAction: str | None = None


class Step(Wire):
    """One step of the event."""

    name: str | None = None
    provisioningStepType: Annotated[str | None, Also("type")] = None
    status: str | None = None
    description: str | None = None
    details: Json = None
    "An open type: any key to a string."


class ModifiedProperty(Wire):
    """One attribute that the event wanted altered."""

    displayName: Annotated[str | None, Also("name")] = None
    oldValue: str | None = None
    newValue: str | None = None


class Event(Wire):
    """One action on one object in one cycle."""

    id: Id
    activityDateTime: Instant
    tenantId: str | None = None
    jobId: str | None = None
    cycleId: str | None = None
    changeId: str | None = None
    provisioningAction: str | None = None
    action: str | None = None
    "Deprecated in favour of provisioningAction; the only one in 2019."
    durationInMilliseconds: int | None = None
    provisioningStatusInfo: Annotated[StatusInfo | None, Also("provisioningStatus")] = None
    statusInfo: StatusInfo | None = None
    provisioningSteps: list[Step] | None = None
    modifiedProperties: list[ModifiedProperty] | None = None
    servicePrincipal: Party | None = None
    sourceSystem: Party | None = None
    targetSystem: System | None = None
    sourceIdentity: Identity | None = None
    targetIdentity: Identity | None = None


class DiagnosticRecord(Wire):
    """The envelope of a diagnostic-settings record, category ProvisioningLogs."""

    time: str | None = None
    category: str | None = None
    "One of the logs that a diagnostic setting sends to one place; only ProvisioningLogs has events."
    resourceId: str | None = None
    tenantId: str | None = None
    "Missing in some records; resourceId holds it too, in any case."
    resultType: str | None = None
    resultSignature: str | None = None
    resultDescription: str | None = None
    durationMs: str | None = None
    "A number in some records and text in others."
    properties: Event
