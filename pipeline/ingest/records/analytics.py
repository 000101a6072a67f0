"""One row of the Log Analytics table AADProvisioningLogs; nested objects are columns of JSON text."""

from typing import Annotated

from pipeline.ingest.records.wire import Also, Id, Instant, Wire


class AnalyticsRow(Wire):
    """An event as Log Analytics keeps it, under Microsoft's documented column names."""

    Id: Id
    TimeGenerated: Annotated[Instant, Also("TimeGenerated [UTC]")]
    AADTenantId: str | None = None
    "The Entra tenant; `TenantId` is the workspace and is not read."
    JobId: str | None = None
    CycleId: str | None = None
    ChangeId: str | None = None
    ProvisioningAction: str | None = None
    Action: str | None = None
    ResultType: str | None = None
    ResultSignature: str | None = None
    ResultDescription: str | None = None
    DurationMs: int | None = None
    ModifiedProperties: str | None = None
    ProvisioningStatusInfo: str | None = None
    StatusInfo: str | None = None
    ProvisioningSteps: str | None = None
    ServicePrincipal: str | None = None
    SourceSystem: str | None = None
    TargetSystem: str | None = None
    SourceIdentity: str | None = None
    TargetIdentity: str | None = None
