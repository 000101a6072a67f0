"""One row of the Log Analytics table AADProvisioningLogs; nested objects are columns of JSON text."""

from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from pipeline.ingest.records.event import Event
from pipeline.ingest.records.instants import Instant
from pipeline.ingest.records.wire import Also, Id, Wire, of_kind


def nested(field: str) -> BeforeValidator:
    """Builds the reading of a column that holds a field of an event as JSON; its spelling becomes Graph's."""
    kind: Any = Event.model_fields[field].annotation
    adapter = TypeAdapter(kind)

    def as_graph(value: object) -> object:
        inner = of_kind(kind, value)
        if not isinstance(inner, dict | list):
            return value
        try:
            return adapter.dump_json(adapter.validate_python(inner)).decode()
        except ValidationError:
            return value

    return BeforeValidator(as_graph)


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
    ModifiedProperties: Annotated[str | None, nested("modifiedProperties")] = None
    ProvisioningStatusInfo: Annotated[str | None, nested("provisioningStatusInfo")] = None
    StatusInfo: Annotated[str | None, nested("statusInfo")] = None
    ProvisioningSteps: Annotated[str | None, nested("provisioningSteps")] = None
    ServicePrincipal: Annotated[str | None, nested("servicePrincipal")] = None
    SourceSystem: Annotated[str | None, nested("sourceSystem")] = None
    TargetSystem: Annotated[str | None, nested("targetSystem")] = None
    SourceIdentity: Annotated[str | None, nested("sourceIdentity")] = None
    TargetIdentity: Annotated[str | None, nested("targetIdentity")] = None
