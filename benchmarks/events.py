"""Writes realistic Graph events of about 2.7 KB as JSON lines, for measuring loaders against each other.

Not the sample tenant: no story, only the sizes, shapes and repetition that decide a loader's speed.
"""

import json
import random
import uuid
from datetime import datetime, timedelta
from pathlib import Path

TENANT = "7d1f0b52-6c1e-4f6e-9a44-0c9d8f2b7a10"
BEGAN = datetime(2026, 1, 1)
FAILURE = (
    "StatusCode: Conflict\r\nMessage: Processing of the HTTP request resulted in an exception. Please see the HTTP "
    "response returned by the 'Response' property of this exception for details.\r\nWeb Response: \r\n"
    '{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"a user with that name exists already",'
    '"status":409,"scimType":"uniqueness"}. This operation was retried 3 times. It will be retried again after this '
    "date: 2026-03-24T13:23:44.9198514Z UTC"
)


def write_events(file: Path, count: int, *, seed: int = 1, began: datetime = BEGAN, people: int = 50_000) -> Path:
    """Writes `count` events, one a second on average, to `file`; the same seed gives the same bytes."""
    rng = random.Random(seed)
    with file.open("w", encoding="utf-8") as out:
        for index in range(count):
            out.write(json.dumps(event(rng, index, began, people), separators=(",", ":")) + "\n")
    return file


def event(rng: random.Random, index: int, began: datetime, people: int) -> dict[str, object]:
    """Returns one event in the shape of `GET /auditLogs/provisioning`."""
    person = rng.randrange(people)
    job = person % 4
    status = rng.choices(("success", "failure", "skipped"), (70, 8, 22))[0]
    action = rng.choice(("create", "update", "update", "disable", "other"))
    upn = f"person.{person}@example.com"
    source_id = str(uuid.UUID(int=person + (1 << 100)))
    facts = attributes(person, upn)
    return {
        "id": str(uuid.UUID(int=rng.getrandbits(128))),
        "activityDateTime": f"{began + timedelta(seconds=index):%Y-%m-%dT%H:%M:%SZ}",
        "tenantId": TENANT,
        "jobId": f"scim.{TENANT.replace('-', '')}.{uuid.UUID(int=job)}",
        "cycleId": str(uuid.UUID(int=index // 400)),
        "changeId": str(uuid.UUID(int=rng.getrandbits(128))),
        "provisioningAction": action,
        "durationInMilliseconds": rng.randrange(80, 4000),
        "provisioningStatusInfo": {"status": status, "errorInformation": fault(status)},
        "provisioningSteps": steps(upn, status, facts),
        "modifiedProperties": [] if status == "skipped" else modified(facts),
        "servicePrincipal": {"id": str(uuid.UUID(int=job + 7)), "displayName": f"App {job}"},
        "sourceSystem": {"id": str(uuid.UUID(int=11)), "displayName": "Microsoft Entra ID", "details": {}},
        "targetSystem": {
            "id": str(uuid.UUID(int=12)),
            "displayName": "customappsso",
            "details": {"ApplicationId": str(uuid.UUID(int=13)), "ServicePrincipalDisplayName": f"App {job}"},
        },
        "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
        "sourceIdentity": {
            "id": source_id,
            "displayName": f"Person {person}",
            "identityType": "User",
            "details": {
                "id": source_id,
                "odatatype": "User",
                "DisplayName": f"Person {person}",
                "UserPrincipalName": upn,
            },
        },
        "targetIdentity": {
            "id": str(uuid.UUID(int=person)),
            "displayName": "",
            "identityType": "urn:ietf:params:scim:schemas:core:2.0:User",
            "details": {},
        },
    }


def attributes(person: int, upn: str) -> dict[str, str]:
    """Returns the attributes that Cerby's tutorial maps, for one invented person."""
    return {
        "userName": upn,
        'emails[type eq "work"].value': upn,
        "active": "True",
        "name.givenName": f"Given{person}",
        "name.familyName": f"Family{person}",
        "externalId": str(uuid.UUID(int=person + (1 << 100))),
    }


def modified(facts: dict[str, str]) -> list[dict[str, str | None]]:
    """Returns the attributes as `modifiedProperties` of a create."""
    return [{"displayName": name, "oldValue": None, "newValue": value} for name, value in facts.items()]


def fault(status: str) -> dict[str, str | None] | None:
    """Returns the error of a failure, and null otherwise, as Graph does."""
    if status != "failure":
        return None
    return {
        "errorCode": "SystemForCrossDomainIdentityManagementServiceIncompatible",
        "reason": FAILURE,
        "additionalDetails": None,
        "errorCategory": "nonServiceFailure",
        "recommendedAction": None,
    }


def steps(upn: str, status: str, facts: dict[str, str]) -> list[dict[str, object]]:
    """Returns the four steps of an update: import, scoping, matching and export or skip."""
    details = {name.replace(".", ""): value for name, value in facts.items()} | {"ReportableIdentifier": upn}
    scope = {
        "Active in the source system": "True",
        "Assigned to the application": "True",
        "User has the required role": "True",
        "Scoping filter evaluation passed": "True",
        "ScopeEvaluationResult": "{\"Staff.department EQUALS 'Sales'\":true}",
    }
    last = {"skipped": "EntrySynchronizationSkip"}.get(status, "EntryExportUpdate")
    end = {"SkipReason": "RedundantExport"} if status == "skipped" else details
    return [
        step(
            "EntryImportUpdate",
            "import",
            "success",
            f"Received User '{upn}' change of type (Update)",
            {"userName": upn, "active": "True"},
        ),
        step("EntrySynchronizationScoping", "scoping", "success", "Determine if User in scope by evaluating", scope),
        step("EntryImport", "matching", "success", f"Retrieved User '{upn}' from customappsso", {"userName": upn}),
        step(last, "export", status, f"User '{upn}' was handled in customappsso", end),
    ]


def step(name: str, kind: str, status: str, description: str, details: dict[str, str]) -> dict[str, object]:
    """Returns one element of `provisioningSteps`."""
    return {
        "name": name,
        "provisioningStepType": kind,
        "status": status,
        "description": description,
        "details": details,
    }
