"""An event in each wire shape that Entra and Azure Monitor give it.

The shapes disagree on casing, on integers for enums, and on how much of the instant they show; the event is the same.
"""

from __future__ import annotations

import hashlib
import json
import uuid

from pipeline.sample.nouns import Event, Facts, Subject, stamp
from pipeline.sample.steps import SOURCE

STEP_TYPES = ("import", "scoping", "matching", "processing", "referenceResolution", "export")
STATUSES = ("success", "failure", "skipped", "warning")
SERVICE = "Azure AD Provisioning Service"


def dump(value: object) -> str:
    """Returns compact JSON with its letters unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def title(word: str) -> str:
    """Returns a word as the portal spells it; only the first letter changes."""
    return word[:1].upper() + word[1:]


def _passing_id(event: Event, side: str) -> str:
    """Returns a system's id, which differs from record to record of one job."""
    return str(uuid.UUID(bytes=hashlib.md5(f"{side}{event.change_id}".encode(), usedforsecurity=False).digest()))


def _source_details(subject: Subject) -> Facts:
    """Returns the source identity's details; groups have no UPN."""
    details: Facts = {"id": subject.source_id, "odatatype": subject.kind, "DisplayName": subject.name}
    return details | ({"UserPrincipalName": subject.upn} if subject.upn else {})


def _target_details(event: Event) -> Facts:
    """Returns what the target system tells of the app behind the connector."""
    app = event.app
    return {
        "ApplicationId": app.application_id,
        "ServicePrincipalId": app.app_id,
        "ServicePrincipalDisplayName": app.name,
    }


def target_type(event: Event) -> str:
    """Returns the SCIM schema that types the target identity."""
    return f"urn:ietf:params:scim:schemas:core:2.0:{event.intent.subject.kind}"


def _error(event: Event) -> Facts | None:
    """Returns the error information, null unless the event failed."""
    if event.failure is None:
        return None
    return {
        "errorCode": event.failure.code,
        "reason": event.failure.reason,
        "additionalDetails": None,
        "errorCategory": event.failure.category,
        "recommendedAction": event.failure.advice,
    }


def _common(event: Event) -> Facts:
    """Returns the members that every shape names alike."""
    return {
        "tenantId": event.app.tenant_id,
        "jobId": event.app.job_id,
        "cycleId": event.cycle_id,
        "changeId": event.change_id,
        "provisioningAction": event.action,
        "durationInMilliseconds": event.duration_ms,
        "modifiedProperties": [
            {"displayName": change.attribute, "oldValue": change.old, "newValue": change.new}
            for change in event.changes
        ],
    }


def graph(event: Event, beta: bool = False) -> Facts:
    """Returns the event as Microsoft Graph has it; beta adds the two deprecated members."""
    subject = event.intent.subject
    extra: Facts = {"action": title(event.action), "statusInfo": {"status": event.status}} if beta else {}
    return {
        "id": event.event_id,
        "activityDateTime": stamp(event.at),
        **_common(event),
        **extra,
        "provisioningStatusInfo": {"status": event.status, "errorInformation": _error(event)},
        "provisioningSteps": [
            {
                "name": step.name,
                "provisioningStepType": step.type,
                "status": step.status,
                "description": step.description,
                "details": step.details,
            }
            for step in event.steps
        ],
        "servicePrincipal": {"id": event.app.app_id, "displayName": event.app.name},
        "sourceSystem": {"id": _passing_id(event, "source"), "displayName": SOURCE, "details": {}},
        "targetSystem": {
            "id": _passing_id(event, "target"),
            "displayName": event.app.target_system,
            "details": _target_details(event),
        },
        "initiatedBy": {"id": "", "displayName": SERVICE, "initiatorType": "system"},
        "sourceIdentity": {
            "id": subject.source_id,
            "displayName": subject.name,
            "identityType": subject.kind,
            "details": _source_details(subject),
        },
        "targetIdentity": {"id": event.target_id, "displayName": "", "identityType": target_type(event), "details": {}},
    }


def _parts(event: Event) -> dict[str, object]:
    """Returns the nested members in the casing and with the integers of the diagnostic shape."""
    subject = event.intent.subject
    return {
        "servicePrincipal": {"Id": event.app.app_id, "Name": event.app.name},
        "sourceSystem": {"details": {}, "Id": _passing_id(event, "source"), "Name": SOURCE},
        "targetSystem": {
            "details": _target_details(event),
            "Id": _passing_id(event, "target"),
            "Name": event.app.target_system,
        },
        "initiatedBy": {"Type": "system", "Id": "", "Name": SERVICE},
        "sourceIdentity": {
            "identityType": subject.kind,
            "details": _source_details(subject),
            "Id": subject.source_id,
            "Name": subject.name,
        },
        "targetIdentity": {"identityType": target_type(event), "details": {}, "Id": event.target_id, "Name": ""},
        "provisioningStatusInfo": {"Status": event.status, "errorInformation": _error(event)},
        "statusInfo": {"Status": STATUSES.index(event.status)},
        "provisioningSteps": [
            {
                "name": step.name,
                "provisioningStepType": STEP_TYPES.index(step.type),
                "status": STATUSES.index(step.status),
                "description": step.description,
                "details": step.details,
            }
            for step in event.steps
        ],
    }


def diagnostic(event: Event, delay: int = 0) -> Facts:
    """Returns the event as a diagnostic record.

    A few records show the quirks of the wire: the duration as text, no `tenantId` beside a shouted `resourceId`, or
    Graph's casing inside `properties`. A delivery repeated after `delay` seconds has another envelope time.
    """
    odd = event.ticks % 16
    fraction = f".{event.ticks:07d}".rstrip("0").rstrip(".")
    properties = {
        "id": event.event_id,
        "activityDateTime": f"{event.at:%Y-%m-%dT%H:%M:%S}{fraction}Z",
        "action": title(event.action),
        **_common(event),
        **_parts(event),
    }
    envelope = _envelope(event, delay) | {"properties": graph(event) if odd == 3 else properties}
    if odd in (1, 5):
        envelope["durationMs"] = str(event.duration_ms)
    if odd == 2:
        del envelope["tenantId"], properties["tenantId"]
        envelope["resourceId"] = str(envelope["resourceId"]).upper()
    return envelope


def _envelope(event: Event, delay: int) -> Facts:
    """Returns the record around the properties; the result's signature and text exist only on failures."""
    moment = event.at.timestamp() + delay
    failed: Facts = {}
    if event.failure:
        failed = {"resultSignature": event.failure.code, "resultDescription": event.failure.reason}
    return {
        "time": stamp(event.at.fromtimestamp(moment, event.at.tzinfo), event.ticks),
        "resourceId": f"/tenants/{event.app.tenant_id}/providers/Microsoft.aadiam",
        "operationName": "Provisioning activity",
        "operationVersion": "1.0",
        "category": "ProvisioningLogs",
        "tenantId": event.app.tenant_id,
        "resultType": title(event.status),
        **failed,
        "durationMs": event.duration_ms,
        "correlationId": event.change_id,
        "identity": event.event_id,
        "Level": 4,
    }


def log_analytics(event: Event, workspace_id: str) -> Facts:
    """Returns the event as a row of AADProvisioningLogs: nested members are text, and TenantId is the workspace."""
    nested = {title(key): dump(value) for key, value in _parts(event).items()}
    return {
        "TenantId": workspace_id,
        "AADTenantId": event.app.tenant_id,
        "TimeGenerated": stamp(event.at, event.ticks),
        "OperationName": "Provisioning activity",
        "OperationVersion": "1.0",
        "Category": "ProvisioningLogs",
        "ResultType": title(event.status),
        "ResultSignature": event.failure.code if event.failure else "",
        "ResultDescription": event.failure.reason if event.failure else "",
        "DurationMs": event.duration_ms,
        "CorrelationId": event.change_id,
        "Action": title(event.action),
        "ChangeId": event.change_id,
        "CycleId": event.cycle_id,
        "Id": event.event_id,
        "JobId": event.app.job_id,
        "ModifiedProperties": dump(_common(event)["modifiedProperties"]),
        "ProvisioningAction": event.action,
        **nested,
        "Type": "AADProvisioningLogs",
    }
