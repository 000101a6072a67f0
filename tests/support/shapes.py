"""One event in every shape that it arrives in: a Graph v1.0 record, and what the other routes make of it.

A record is said in words, `failed("ada", minute=3)`, and `SHAPES` writes a list of records as the bytes of one file.
"""

import csv
import gzip
import io
import json
import uuid
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Record = dict[str, Any]
TENANT = "11111111-1111-4111-8111-111111111111"
WORKSPACE = "99999999-9999-4999-8999-999999999999"
JOB = "scim.11111111111141118111111111111111.5ca1ab1e-0000-4000-8000-000000000001"
APP = "44444444-4444-4444-8444-444444444444"
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
STEP_TYPES = ("import", "scoping", "matching", "processing", "referenceResolution", "export")
STATUSES = ("success", "failure", "skipped", "warning")
ACTIONS = ("other", "create", "delete", "disable", "update", "stagedDelete")
CONFLICT = (
    'StatusCode: Conflict\r\nMessage: The request failed.\r\nWeb Response: \r\n{"schemas":["urn:ietf:params:scim:api:'
    'messages:2.0:Error"],"detail":"user \\"ada\\" exists, or \\u00e9 does\\n","status":409,"scimType":"uniqueness"}. '
    "This operation was retried 2 times. It will be retried again after this date: 2026-01-05T18:00:00.1234567Z UTC"
)


def named(word: str) -> str:
    """Gives the id that always belongs to a word."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, word))


def event(who: str = "ada", minute: int = 0, status: str = "success", **members: Any) -> Record:
    """A Graph v1.0 record about a person, `minute` minutes past noon on 5 January 2026."""
    at = f"2026-01-{5 + minute // 720:02d}T{12 + minute % 720 // 60:02d}:{minute % 60:02d}:07Z"
    record: Record = {
        "id": named(f"event {who} {minute}"),
        "activityDateTime": at,
        "tenantId": TENANT,
        "jobId": JOB,
        "cycleId": named(f"cycle {minute // 40}"),
        "changeId": named(f"change {who} {minute}"),
        "provisioningAction": "create",
        "durationInMilliseconds": 828 + minute,
        "provisioningStatusInfo": {"status": status, "errorInformation": None},
        "provisioningSteps": [
            step("EntryImportAdd", "import", f"{who} came from Microsoft Entra ID\r\nas 'new', é 漢"),
            step("EntrySynchronizationScoping", "scoping", details={"Assigned to the application": "True"}),
            step("EntryExportAdd", "export", status=status, details={"ReportableIdentifier": f"{who}@example.com"}),
        ],
        "modifiedProperties": [
            {"displayName": "userName", "oldValue": None, "newValue": f"{who}@example.com"},
            {"displayName": "name.familyName", "oldValue": 'd\'Or, "the"\nfirst', "newValue": "Lovelace é"},
        ],
        "servicePrincipal": {"id": APP, "displayName": "Cerby"},
        "sourceSystem": {"id": named(f"source {minute}"), "displayName": "Microsoft Entra ID", "details": {}},
        "targetSystem": {
            "id": named(f"target {minute}"),
            "displayName": "customappsso",
            "details": {
                "ApplicationId": named("app"),
                "ServicePrincipalId": APP,
                "ServicePrincipalDisplayName": "Cerby",
            },
        },
        "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
        "sourceIdentity": {
            "id": named(who),
            "displayName": who.title(),
            "identityType": "User",
            "details": {
                "id": named(who),
                "odatatype": "User",
                "DisplayName": who,
                "UserPrincipalName": f"{who}@example.com",
            },
        },
        "targetIdentity": {"id": named(f"{who} there"), "displayName": "", "identityType": USER_SCHEMA, "details": {}},
    }
    return record | members


def step(name: str, kind: str, description: str = "done", status: str = "success", details: object = None) -> Record:
    """One step of a record."""
    return {
        "name": name,
        "provisioningStepType": kind,
        "status": status,
        "description": description,
        "details": {} if details is None else details,
    }


def failed(who: str = "ada", minute: int = 0, reason: str = CONFLICT, **members: Any) -> Record:
    """A record of a failure; a conflict unless `reason` says otherwise."""
    error = {
        "errorCode": "CerbyEntryConflict",
        "reason": reason,
        "additionalDetails": None,
        "errorCategory": "nonServiceFailure",
        "recommendedAction": "Rename one of the two.",
    }
    record = event(who, minute, "failure")
    return record | {"provisioningStatusInfo": {"status": "failure", "errorInformation": error}} | members


def skipped(who: str = "ada", minute: int = 0, why: str = "RedundantExport") -> Record:
    """A record of a skip, which its last step explains."""
    record = event(who, minute, "skipped", provisioningAction="other", modifiedProperties=[])
    record["provisioningSteps"][-1] = step("EntrySynchronizationSkip", "export", "", "skipped", {"SkipReason": why})
    return record


def beta(record: Record) -> Record:
    """The record as Graph's beta has it: both field sets."""
    return record | {
        "action": titled(record["provisioningAction"]),
        "statusInfo": {"@odata.type": "#microsoft.graph.statusDetails", **status_details(record)},
    }


def in_2019(record: Record) -> Record:
    """The record as it was in 2019: `action` and `statusInfo`, and no newer name for either."""
    told = beta(record)
    del told["provisioningAction"], told["provisioningStatusInfo"]
    return told


def status_details(record: Record) -> Record:
    """The status with the error's own members beside it."""
    info = record["provisioningStatusInfo"]
    return {"status": info["status"], **(info["errorInformation"] or {})}


def diagnostic(record: Record, graph_cased: bool = False, text_duration: bool = False, tenant: str = "both") -> Record:
    """The record in Azure Monitor's envelope; `tenant` says where it stands: both, resource or properties."""
    properties = dict(record) if graph_cased else cased(record)
    error = record["provisioningStatusInfo"].get("errorInformation")
    duration = record["durationInMilliseconds"]
    told: Record = {
        "time": fractional(record["activityDateTime"], 7),
        "resourceId": f"/tenants/{record['tenantId']}/providers/Microsoft.aadiam",
        "operationName": "Provisioning activity",
        "operationVersion": "1.0",
        "category": "ProvisioningLogs",
        "tenantId": record["tenantId"],
        "resultType": titled(record["provisioningStatusInfo"]["status"]),
        **({"resultSignature": error["errorCode"], "resultDescription": error["reason"]} if error else {}),
        "durationMs": str(duration) if text_duration else duration,
        "correlationId": record["changeId"],
        "identity": record["id"],
        "Level": 4,
        "properties": properties,
    }
    if tenant != "both":
        del told["tenantId"]
    if tenant == "resource":
        del properties["tenantId"]
        told["resourceId"] = told["resourceId"].upper()
    if text_duration:
        properties.pop("durationInMilliseconds")
    return told


def cased(record: Record) -> Record:
    """The record with Id, Name, Type, Status and with numbers for enumerations, as `properties` has it."""
    told = record | {
        key: renamed(record[key])
        for key in (
            "servicePrincipal",
            "sourceSystem",
            "targetSystem",
            "initiatedBy",
            "sourceIdentity",
            "targetIdentity",
        )
    }
    info = record["provisioningStatusInfo"]
    return told | {
        "activityDateTime": fractional(record["activityDateTime"], 6),
        "action": titled(record["provisioningAction"]),
        "provisioningStatusInfo": {"Status": info["status"], "errorInformation": info.get("errorInformation")},
        "statusInfo": {"Status": STATUSES.index(info["status"]) if info["status"] in STATUSES else info["status"]},
        "provisioningSteps": [
            one
            | {
                "provisioningStepType": STEP_TYPES.index(one["provisioningStepType"]),
                "status": STATUSES.index(one["status"]),
            }
            for one in record["provisioningSteps"]
        ],
    }


def renamed(party: Record) -> Record:
    """A party under the diagnostic names; what the names do not touch stays."""
    names = {"id": "Id", "displayName": "Name", "initiatorType": "Type"}
    return {names.get(key, key): value for key, value in party.items()}


def fractional(at: str, digits: int) -> str:
    """The instant with a fraction of so many digits."""
    return f"{at[:-1]}.{'8695470'[:digits]}Z"


def titled(word: str) -> str:
    """The word as the portal spells it."""
    return word[:1].upper() + word[1:]


def analytics(record: Record) -> Record:
    """The record as a row of AADProvisioningLogs: nested members are text, TenantId is the workspace."""
    told = cased(record)
    error = record["provisioningStatusInfo"]["errorInformation"] or {}
    nested = ("ModifiedProperties", "ProvisioningStatusInfo", "ProvisioningSteps", "ServicePrincipal", "SourceSystem")
    nested += ("TargetSystem", "SourceIdentity", "TargetIdentity", "InitiatedBy", "StatusInfo")
    return {
        "TenantId": WORKSPACE,
        "AADTenantId": record["tenantId"],
        "TimeGenerated": fractional(record["activityDateTime"], 7),
        "OperationName": "Provisioning activity",
        "Category": "ProvisioningLogs",
        "ResultType": titled(record["provisioningStatusInfo"]["status"]),
        "ResultSignature": error.get("errorCode", "None"),
        "ResultDescription": error.get("reason", ""),
        "DurationMs": record["durationInMilliseconds"],
        "CorrelationId": record["changeId"],
        "ChangeId": record["changeId"],
        "CycleId": record["cycleId"],
        "Id": record["id"],
        "JobId": record["jobId"],
        "Action": titled(record["provisioningAction"]),
        "ProvisioningAction": record["provisioningAction"],
        **{name: json.dumps(told[name[:1].lower() + name[1:]]) for name in nested},
        "Type": "AADProvisioningLogs",
    }


PLAIN = ("Date (UTC)", "Change ID", "ID", "Tenant ID", "Job ID", "Cycle ID", "Action", "Status", "Application")
PLAIN += ("Service Principal ID", "Source System", "Target System", "Source ID", "Identity", "Source Type")
PLAIN += ("User Principal Name", "Target ID", "Target Type", "Duration (ms)", "Error Code", "Error Category", "Reason")
PLAIN += ("Recommended Action",)
CAMEL = ("activityDateTime", "changeId", "id", "tenantId", "jobId", "cycleId", "provisioningAction")
CAMEL += ("provisioningStatus", "servicePrincipalDisplayName", "servicePrincipalId", "sourceSystemDisplayName")
CAMEL += ("targetSystemDisplayName", "sourceIdentityId", "sourceIdentityDisplayName", "sourceIdentityType")
CAMEL += ("userPrincipalName", "targetIdentityId", "targetIdentityType", "durationInMilliseconds", "errorCode")
CAMEL += ("errorCategory", "statusReason", "recommendedAction")
STEPS_PLAIN = ("Change ID", "Step Number", "Step Name", "Step Type", "Step Status", "Description", "Details")
STEPS_CAMEL = ("changeId", "index", "name", "provisioningStepType", "status", "description", "details")
CHANGES_PLAIN = ("Change ID", "Property Name", "Old Value", "New Value")
CHANGES_CAMEL = ("changeId", "displayName", "oldValue", "newValue")
PLAIN_HEADERS = (PLAIN, STEPS_PLAIN, CHANGES_PLAIN)
CAMEL_HEADERS = (CAMEL, STEPS_CAMEL, CHANGES_CAMEL)


def portal(
    records: Sequence[Record], headers: Sequence[Sequence[str]] = PLAIN_HEADERS, bom: bool = True
) -> dict[str, bytes]:
    """The three files of a portal download, by name."""
    rows: tuple[list[list[object]], ...] = ([], [], [])
    for record in records:
        info = record["provisioningStatusInfo"]
        error = info["errorInformation"] or {}
        source, target = record["sourceIdentity"], record["targetIdentity"]
        rows[0].append([
            record["activityDateTime"], record["changeId"], record["id"], record["tenantId"], record["jobId"],
            record["cycleId"], titled(record["provisioningAction"]), titled(info["status"]),
            record["servicePrincipal"]["displayName"], record["servicePrincipal"]["id"],
            record["sourceSystem"]["displayName"], record["targetSystem"]["displayName"], source["id"],
            source["displayName"], source["identityType"], source["details"].get("UserPrincipalName", ""), target["id"],
            target["identityType"], record["durationInMilliseconds"],
            *(error.get(key) or "" for key in ("errorCode", "errorCategory", "reason", "recommendedAction")),
        ])  # fmt: skip
        for number, one in enumerate(record["provisioningSteps"], 1):
            kind, status = titled(one["provisioningStepType"]), titled(one["status"])
            told = [
                record["changeId"],
                number,
                one["name"],
                kind,
                status,
                one["description"],
                json.dumps(one["details"]),
            ]
            rows[1].append(told)
        for one in record["modifiedProperties"]:
            rows[2].append([record["changeId"], one["displayName"], one["oldValue"] or "", one["newValue"] or ""])
    names = ("ProvisioningLogs", "ProvisioningLogs_ProvisioningSteps", "ProvisioningLogs_ModifiedProperties")
    pairs = zip(names, headers, rows, strict=True)
    return {f"{name}.csv": table(header, found, bom) for name, header, found in pairs}


def table(header: Sequence[str], rows: Sequence[Sequence[object]], bom: bool = False) -> bytes:
    """Rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig" if bom else "utf-8")


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The bytes of a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return buffer.getvalue()


def dumped(value: object) -> str:
    """Compact JSON, as services write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def lines(records: Sequence[object], end: str = "\n") -> bytes:
    """Records as JSON lines."""
    return "".join(dumped(record) + end for record in records).encode()


def array(records: Sequence[object]) -> bytes:
    """Records as one bare array."""
    return dumped(list(records)).encode()


def pretty(value: object) -> bytes:
    """A value as an editor would lay it out."""
    return json.dumps(value, indent=4).encode()


def page(records: Sequence[object]) -> Record:
    """A page of Graph's, with the address of the next."""
    return {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#auditLogs/provisioning",
        "@odata.nextLink": "https://graph.microsoft.com/v1.0/auditLogs/provisioning?$skiptoken=x_1",
        "value": list(records),
    }


def paged(records: Sequence[object]) -> list[Record]:
    """One page a record, and an empty one."""
    return [page([record]) for record in records] + [page([])]


def hub(records: Sequence[object]) -> Record:
    """An Event Hub message."""
    return {"records": list(records)}


def captured(records: Sequence[object]) -> list[Record]:
    """The array that Azure's capture puts around messages."""
    more = {
        "EventProcessedUtcTime": "2026-01-05T13:00:00Z",
        "PartitionId": 1,
        "EventEnqueuedUtcTime": "2026-01-05T12:59:00Z",
    }
    return [hub([record]) | more for record in records]


def each(
    change: Callable[[Record], Record], write: Callable[[list[Record]], bytes]
) -> Callable[[Sequence[Record]], bytes]:
    """A shape: what each record becomes, and how they are written together."""
    return lambda records: write([change(record) for record in records])


def same(record: Record) -> Record:
    """The record itself."""
    return record


def rows_csv(rows: Sequence[Record]) -> bytes:
    """Rows of equal keys as CSV."""
    return table(list(rows[0]), [list(row.values()) for row in rows])


def renamed_time(rows: Sequence[Record]) -> bytes:
    """Rows as the Azure portal exports them: a byte order mark, and the zone in the header."""
    header = ["TimeGenerated [UTC]" if name == "TimeGenerated" else name for name in rows[0]]
    return table(header, [list(row.values()) for row in rows], bom=True)


SHAPES: dict[str, Callable[[Sequence[Record]], bytes]] = {
    "graph lines": lines,
    "graph lines crlf": lambda records: lines(records, "\r\n"),
    "graph lines bom": lambda records: b"\xef\xbb\xbf" + lines(records),
    "graph array": array,
    "graph array pretty": pretty,
    "graph page": lambda records: dumped(page(records)).encode(),
    "graph page pretty": lambda records: pretty(page(records)),
    "graph pages": lambda records: lines(paged(records)),
    "graph pages pretty": lambda records: b"\n".join(pretty(one) for one in paged(records)),
    "beta lines": each(beta, lines),
    "2019 lines": each(in_2019, lines),
    "2019 page pretty": each(in_2019, lambda records: pretty(page(records))),
    "diagnostic lines": each(diagnostic, lambda records: lines(records, "\r\n")),
    "diagnostic graph cased": each(lambda record: diagnostic(record, graph_cased=True), lines),
    "diagnostic text duration": each(lambda record: diagnostic(record, text_duration=True), lines),
    "diagnostic tenant in resource": each(lambda record: diagnostic(record, tenant="resource"), lines),
    "diagnostic tenant in properties": each(lambda record: diagnostic(record, tenant="properties"), lines),
    "event hub": each(diagnostic, lambda records: dumped(hub(records)).encode()),
    "event hub pretty": each(diagnostic, lambda records: pretty(hub(records))),
    "event hub lines": each(diagnostic, lambda records: lines([hub([record]) for record in records])),
    "capture": each(diagnostic, lambda records: array(captured(records))),
    "capture lines": each(diagnostic, lambda records: lines(captured(records))),
    "analytics csv": each(analytics, rows_csv),
    "analytics csv utc": each(analytics, renamed_time),
    "analytics array": each(analytics, array),
    "analytics array pretty": each(analytics, pretty),
    "analytics lines": each(analytics, lines),
    "portal zip": lambda records: zipped(portal(records)),
    "portal zip camel": lambda records: zipped(portal(records, CAMEL_HEADERS, bom=False)),
}
"Each shape of one file: records to bytes."


def packed(data: bytes) -> bytes:
    """The bytes, compressed."""
    return gzip.compress(data, mtime=0)
