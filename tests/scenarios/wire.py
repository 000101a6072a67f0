"""Writes the records of one tenant's day as Microsoft Graph and an app's own log would: dictionaries, nothing else.

Nothing here is taken from `pipeline/`: the shapes are those of Microsoft's documentation and of published records.
"""

import json
from datetime import UTC, datetime
from typing import Any

Doc = dict[str, Any]
SCOPING = {
    "active": "Active in the source system",
    "assigned": "Assigned to the application",
    "role": "User has the required role",
    "filter": "Scoping filter evaluation passed",
}
EXPORT = {
    "create": "EntryExportAdd",
    "update": "EntryExportUpdate",
    "disable": "EntryExportUpdateSoftDelete",
    "delete": "EntryExportDelete",
    "stagedDelete": "EntryExportDelete",
}
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
NEVER = "0001-01-01T00:00:00Z"


def stamp(at: datetime) -> str:
    """Writes an instant as Graph does: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def scoping(**failed: bool) -> Doc:
    """Writes the scoping step; name what is not so: `scoping(assigned=False)`."""
    details = {question: str(failed.get(key, True)) for key, question in SCOPING.items()}
    if not failed.get("filter", True):
        details["ScopeEvaluationResult"] = json.dumps({"HQ.department EQUALS 'Sales'": False})
    return step("EntrySynchronizationScoping", "scoping", "success", details)


def step(name: str, kind: str, status: str, details: Doc | None = None) -> Doc:
    """Writes one step of an event."""
    return {
        "name": name, "provisioningStepType": kind, "status": status,
        "description": f"{name}: {status}", "details": details or {},
    }  # fmt: skip


def change(attribute: str, old: str | None, new: str | None) -> Doc:
    """Writes one attribute that an event wanted altered."""
    return {"displayName": attribute, "oldValue": old, "newValue": new}


def failure(code: str, word: str, detail: str, retried: int, again: datetime | None, scim_type: str = "") -> Doc:
    """Writes what went wrong, as Entra quotes the app."""
    status = {"Conflict": 409, "BadRequest": 400, "InternalServerError": 500, "TooManyRequests": 429}[word]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": detail, "status": status}
    body |= {"scimType": scim_type} if scim_type else {}
    reason = f"StatusCode: {word}\r\nMessage: Processing of the HTTP request resulted in an exception.\r\n"
    reason += f"Web Response: \r\n{json.dumps(body)}."
    if again:
        reason += f" This operation was retried {retried} times."
        reason += f" It will be retried again after this date: {stamp(again)[:-1]}.9198514Z UTC"
    return {
        "errorCode": code, "reason": reason, "additionalDetails": None,
        "errorCategory": "nonServiceFailure", "recommendedAction": None,
    }  # fmt: skip


def event(job: Doc, cycle: str, at: datetime, ident: str, change_id: str, action: str, status: str, who: Doc,
          steps: list[Doc], changes: list[Doc], error: Doc | None = None) -> Doc:  # fmt: skip
    """Writes one event of the provisioning log."""
    details: Doc = {"id": who["id"], "odatatype": who["type"], "DisplayName": who["name"]}
    if who["upn"]:
        details["UserPrincipalName"] = who["upn"]
    app = {"id": job["app_id"], "displayName": job["app"]}
    named = {
        "ApplicationId": job["app_id"],
        "ServicePrincipalId": job["app_id"],
        "ServicePrincipalDisplayName": job["app"],
    }
    return {
        "id": ident, "activityDateTime": stamp(at), "tenantId": job["tenant"], "jobId": job["id"],
        "cycleId": cycle, "changeId": change_id, "provisioningAction": action,
        "durationInMilliseconds": 100 + int(at.timestamp()) % 900,
        "provisioningStatusInfo": {"status": status, "errorInformation": error},
        "provisioningSteps": steps, "modifiedProperties": changes, "servicePrincipal": app,
        "sourceSystem": {"id": "source", "displayName": "Microsoft Entra ID", "details": {}},
        "targetSystem": {"id": "target", "displayName": job["connector"], "details": named},
        "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
        "sourceIdentity": {
            "id": who["id"], "displayName": who["name"], "identityType": who["type"], "details": details,
        },
        "targetIdentity": {
            "id": who["target"] or "", "displayName": "", "details": {},
            "identityType": USER if who["type"] == "User" else GROUP,
        },
    }  # fmt: skip


def run(state: str, began: datetime | None, ended: datetime | None, escrowed: int, exported: int) -> Doc:
    """Writes one execution of a job."""
    counts = ("Entitled", "EntitledForProvisioning", "ImportedDeltas", "ImportedReferenceDeltas")
    return {
        **{f"count{name}": 0 for name in counts}, "activityIdentifier": None, "countImported": exported,
        "countEscrowed": escrowed, "countEscrowedRaw": escrowed, "countExported": exported, "countExports": exported,
        "state": state, "timeBegan": stamp(began) if began else NEVER, "timeEnded": stamp(ended) if ended else NEVER,
        "error": None if state != "Failed" or began else {"code": "None", "message": "", "tenantActionable": False},
    }  # fmt: skip


def job_status(job: Doc, at: datetime, code: str, last: Doc, steady: datetime | None, quarantine: Doc | None) -> Doc:
    """Writes a synchronizationJob with the moment at which it was asked for."""
    return {
        "observedAt": stamp(at), "id": job["id"], "templateId": "scim",
        "servicePrincipal": {"id": job["app_id"], "displayName": job["app"]},
        "schedule": {"expiration": None, "interval": "PT40M", "state": job["schedule"]},
        "status": {
            "code": code, "countSuccessiveCompleteFailures": 0, "escrowsPruned": False, "lastExecution": last,
            "lastSuccessfulExecution": None, "lastSuccessfulExecutionWithExports": None, "progress": [],
            "quarantine": quarantine, "steadyStateFirstAchievedTime": stamp(steady) if steady else NEVER,
            "steadyStateLastAchievedTime": stamp(steady) if steady else NEVER,
            "synchronizedEntryCountByType": [{"key": "user to User", "value": 5}], "troubleshootingUrl": "",
        },
        "synchronizationJobSettings": [
            {"name": "QuarantineTooManyDeletesThreshold", "value": str(job["threshold"])},
        ],
    }  # fmt: skip


def request(job: Doc, at: datetime, ident: str, method: str, path: str, status: int, body: Doc | None = None,
            answer: Doc | None = None) -> Doc:  # fmt: skip
    """Writes one SCIM request as the app's own log has it."""
    return {
        "time": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"), "method": method,
        "path": f"/{job['mount']}/scim/v2{path}", "status": status, "duration_ms": 20 + at.second * 7,
        "request_id": ident, "tenant_id": job["tenant"], "app_id": job["app_id"], "client": "192.0.2.7",
        "request_body": body, "response_body": answer,
    }  # fmt: skip
