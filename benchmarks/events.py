"""Writes realistic Graph events of about 2.9 KB as JSON lines, for measuring loaders against each other.

Not the sample tenant: no story, only the sizes, shapes and variety that decide a loader's speed. Names, ids, attributes
and messages differ from person to person, so that the text compresses no better than a tenant's does.
"""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
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


SYLLABLES = ("an", "bel", "cor", "da", "el", "fi", "gar", "hu", "is", "jo", "kal", "li", "mar", "no", "ol", "pe", "qui")
TITLES = (
    "Engineer",
    "Analyst",
    "Nurse",
    "Clerk",
    "Director of Sales",
    "Support Agent",
    "Technician",
    "Buyer",
    "Intern",
)
PLACES = ("Berlin", "München", "New York", "Zürich", "São Paulo", "Kraków", "Leeds", "Lyon", "大阪", "Tallinn", "Porto")
WHY = ("RedundantExport", "NotEffectivelyEntitled", "UserNotActive", "UnableToResolveReferenceAttributeValue")
CODES = (
    "CerbyEntryConflict",
    "SystemForCrossDomainIdentityManagementServiceIncompatible",
    "InsufficientRights",
    "Timeout",
)
Record = dict[str, object]


@dataclass(frozen=True)
class Person:
    """One invented person."""

    source_id: str
    target_id: str
    name: str
    upn: str
    job: int
    attributes: dict[str, str]


@lru_cache(maxsize=1 << 17)
def person(number: int) -> Person:
    """Invents a person, the same for the same number."""
    rng = random.Random(number)
    given, family = (word(rng).title() for _ in range(2))
    upn = f"{given}.{family}{number % 97}@{word(rng)}.example.com".lower()
    attributes = {
        "userName": upn,
        'emails[type eq "work"].value': upn,
        "active": "True",
        "name.givenName": given,
        "name.familyName": family,
        "displayName": f"{given} {family}",
        "title": f"{rng.choice(TITLES)} {rng.randrange(5)}",
        'addresses[type eq "work"].locality': rng.choice(PLACES),
        'phoneNumbers[type eq "work"].value': f"+{rng.randrange(10**11)}",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": word(rng).title(),
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager": str(guid(rng)),
        "externalId": str(guid(rng)),
    }
    return Person(str(guid(rng)), str(guid(rng)), f"{given} {family}", upn, number % 4, attributes)


def word(rng: random.Random) -> str:
    """Invents a name."""
    return "".join(rng.choices(SYLLABLES, k=rng.randrange(2, 5)))


def guid(rng: random.Random) -> uuid.UUID:
    """Draws a GUID."""
    return uuid.UUID(int=rng.getrandbits(128), version=4)


def write_events(file: Path, count: int, *, seed: int = 1, began: datetime = BEGAN, people: int = 50_000) -> Path:
    """Writes `count` events, one a second on average, to `file`; the same seed gives the same bytes."""
    with file.open("w", encoding="utf-8") as out:
        for record in events(count, seed=seed, began=began, people=people):
            out.write(json.dumps(record, separators=(",", ":")) + "\n")
    return file


def events(count: int, *, seed: int = 1, began: datetime = BEGAN, people: int = 50_000) -> Iterator[Record]:
    """Yields events, one a second."""
    rng = random.Random(seed)
    for index in range(count):
        yield event(rng, index, began, person(rng.randrange(people)))


def event(rng: random.Random, index: int, began: datetime, who: Person) -> Record:
    """Returns one event in the shape of `GET /auditLogs/provisioning`."""
    status = rng.choices(("success", "failure", "skipped"), (70, 8, 22))[0]
    changed = dict(rng.sample(list(who.attributes.items()), rng.randrange(1, 9)))
    return {
        "id": str(guid(rng)),
        "activityDateTime": f"{began + timedelta(seconds=index):%Y-%m-%dT%H:%M:%SZ}",
        "tenantId": TENANT,
        "jobId": f"scim.{TENANT.replace('-', '')}.{uuid.UUID(int=who.job)}",
        "cycleId": str(uuid.UUID(int=index // 400)),
        "changeId": str(guid(rng)),
        "provisioningAction": rng.choice(("create", "update", "update", "disable", "other")),
        "durationInMilliseconds": rng.randrange(80, 4000),
        "provisioningStatusInfo": {"status": status, "errorInformation": fault(rng, status, who)},
        "provisioningSteps": steps(rng, status, who, changed),
        "modifiedProperties": [] if status == "skipped" else modified(rng, changed),
        "servicePrincipal": {"id": str(uuid.UUID(int=who.job + 7)), "displayName": f"App {who.job}"},
        "sourceSystem": {"id": str(guid(rng)), "displayName": "Microsoft Entra ID", "details": {}},
        "targetSystem": {
            "id": str(guid(rng)),
            "displayName": "customappsso",
            "details": {"ApplicationId": str(uuid.UUID(int=13)), "ServicePrincipalDisplayName": f"App {who.job}"},
        },
        "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
        "sourceIdentity": {
            "id": who.source_id,
            "displayName": who.name,
            "identityType": "User",
            "details": {
                "id": who.source_id,
                "odatatype": "User",
                "DisplayName": who.name,
                "UserPrincipalName": who.upn,
            },
        },
        "targetIdentity": {
            "id": who.target_id,
            "displayName": "",
            "identityType": "urn:ietf:params:scim:schemas:core:2.0:User",
            "details": {},
        },
    }


def modified(rng: random.Random, changed: dict[str, str]) -> list[dict[str, str | None]]:
    """Returns attributes as `modifiedProperties`; some had a value before."""
    return [
        {"displayName": name, "oldValue": rng.choice((None, word(rng))), "newValue": value}
        for name, value in changed.items()
    ]


def fault(rng: random.Random, status: str, who: Person) -> dict[str, str | None] | None:
    """Returns the error of a failure, and null otherwise, as Graph does."""
    if status != "failure":
        return None
    detail = f"{rng.choice(('a user', 'another account'))} with the name {who.upn} exists already, request {guid(rng)}"
    return {
        "errorCode": rng.choice(CODES),
        "reason": FAILURE.replace("a user with that name exists already", detail),
        "additionalDetails": None,
        "errorCategory": "nonServiceFailure",
        "recommendedAction": None,
    }


def steps(rng: random.Random, status: str, who: Person, changed: dict[str, str]) -> list[dict[str, object]]:
    """Returns the four steps of an update: import, scoping, matching and export or skip."""
    details = changed | {"ReportableIdentifier": who.upn}
    department = next(value for name, value in who.attributes.items() if name.endswith("department"))
    scope = {
        "Active in the source system": "True",
        "Assigned to the application": "True",
        "User has the required role": "True",
        "Scoping filter evaluation passed": "True",
        "ScopeEvaluationResult": f"{{\"Staff.department EQUALS '{department}'\":true}}",
    }
    last = {"skipped": "EntrySynchronizationSkip"}.get(status, "EntryExportUpdate")
    end = {"SkipReason": rng.choice(WHY)} if status == "skipped" else details
    return [
        step(
            "EntryImportUpdate",
            "import",
            "success",
            f"Received User '{who.upn}' change of type (Update) from Microsoft Entra ID",
            {"objectId": who.source_id, "userPrincipalName": who.upn, "active": "True", **changed},
        ),
        step("EntrySynchronizationScoping", "scoping", "success", "Determine if User in scope by evaluating", scope),
        step(
            "EntryImport",
            "matching",
            "success",
            f"Retrieved User '{who.upn}' from customappsso",
            {"userName": who.upn, "id": who.target_id},
        ),
        step(last, "export", status, f"User '{who.upn}' was handled in customappsso", end),
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
