"""The events of events.py in every shape that they arrive in, and requests as an access log."""

import csv
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from events import BEGAN, Record, events, guid, person, word

ENUMERATED = {"success": 0, "failure": 1, "skipped": 2}
STEP_TYPES = ("import", "scoping", "matching", "processing", "referenceResolution", "export")
PARTIES = ("servicePrincipal", "sourceSystem", "targetSystem", "initiatedBy", "sourceIdentity", "targetIdentity")
NESTED = (*PARTIES, "provisioningStatusInfo", "statusInfo", "provisioningSteps", "modifiedProperties")
MAIN = "Date (UTC),Change ID,ID,Tenant ID,Job ID,Cycle ID,Action,Status,Application,Service Principal ID,Source ID"
MAIN += ",Identity,User Principal Name,Target ID,Duration (ms),Error Code,Error Category,Reason"
STEPS = "Change ID,Step Number,Step Name,Step Type,Step Status,Description,Details"
CHANGES = "Change ID,Property Name,Old Value,New Value"


def compact(value: object) -> str:
    """Writes JSON as services do."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write_lines(file: Path, records: Iterable[object]) -> Path:
    """Writes records as JSON lines."""
    with file.open("w", encoding="utf-8") as out:
        out.writelines(f"{compact(record)}\n" for record in records)
    return file


def write_array(file: Path, count: int) -> Path:
    """Writes events as the portal's JSON download: one bare array."""
    with file.open("w", encoding="utf-8") as out:
        out.write("[" + ",".join(map(compact, events(count))) + "]")
    return file


def diagnostics(count: int) -> Iterator[Record]:
    """Yields events in Azure Monitor's envelope."""
    return map(diagnostic, events(count))


def diagnostic(record: Mapping[str, Any]) -> Record:
    """Puts an event into Azure Monitor's envelope, in its spelling."""
    info = record["provisioningStatusInfo"]
    error = info["errorInformation"] or {}
    return {
        "time": record["activityDateTime"][:-1] + ".8695470Z",
        "resourceId": f"/tenants/{record['tenantId']}/providers/Microsoft.aadiam",
        "operationName": "Provisioning activity",
        "operationVersion": "1.0",
        "category": "ProvisioningLogs",
        "tenantId": record["tenantId"],
        "resultType": info["status"].title(),
        "resultSignature": error.get("errorCode", "None"),
        "resultDescription": error.get("reason", ""),
        "durationMs": record["durationInMilliseconds"],
        "correlationId": record["changeId"],
        "Level": 4,
        "properties": cased(record),
    }


def cased(record: Mapping[str, Any]) -> dict[str, Any]:
    """Spells an event's members as diagnostic records do, with numbers for enumerations."""
    info = record["provisioningStatusInfo"]
    parties = {
        name: {("Name" if k == "displayName" else k.title() if k == "id" else k): v for k, v in record[name].items()}
        for name in PARTIES
    }
    steps = [
        step
        | {"provisioningStepType": STEP_TYPES.index(step["provisioningStepType"]), "status": ENUMERATED[step["status"]]}
        for step in record["provisioningSteps"]
    ]
    return {
        **record,
        **parties,
        "action": record["provisioningAction"].title(),
        "provisioningStatusInfo": {"Status": info["status"], "errorInformation": info["errorInformation"]},
        "statusInfo": {"Status": ENUMERATED[info["status"]]},
        "provisioningSteps": steps,
    }


def write_hourly(folder: Path, count: int, blobs: int) -> Path:
    """Writes diagnostic records as a storage account lays out hours: a folder a blob."""
    records, each = diagnostics(count), -(-count // blobs)
    for hour in range(blobs):
        at = BEGAN + timedelta(hours=hour)
        blob = folder / f"tenantId=t/y={at:%Y}/m={at:%m}/d={at:%d}/h={at:%H}/m=00/PT1H.json"
        blob.parent.mkdir(parents=True)
        write_lines(blob, islice(records, each))
    return folder


def write_csv(file: Path, count: int) -> Path:
    """Writes events as Log Analytics exports its table: nested members are JSON in a cell."""
    rows = (analytics(record) for record in events(count))
    first = next(rows)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, first)
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)
    return file


def analytics(record: Mapping[str, Any]) -> Record:
    """Makes a row of AADProvisioningLogs of an event."""
    spelled, envelope = cased(record), diagnostic(record)
    return {
        "AADTenantId": record["tenantId"],
        "TimeGenerated": envelope["time"],
        "ResultType": envelope["resultType"],
        "ResultSignature": envelope["resultSignature"],
        "ResultDescription": envelope["resultDescription"],
        "DurationMs": record["durationInMilliseconds"],
        "ChangeId": record["changeId"],
        "CycleId": record["cycleId"],
        "Id": record["id"],
        "JobId": record["jobId"],
        "Action": spelled["action"],
        "ProvisioningAction": record["provisioningAction"],
        **{name[:1].upper() + name[1:]: compact(spelled[name]) for name in NESTED},
    }


def write_portal(folder: Path, count: int) -> Path:
    """Writes events as the three CSV files of a portal download."""
    folder.mkdir(exist_ok=True)
    names = ("", "_ProvisioningSteps", "_ModifiedProperties")
    with (
        (folder / f"ProvisioningLogs{names[0]}.csv").open("w", encoding="utf-8-sig", newline="") as main,
        (folder / f"ProvisioningLogs{names[1]}.csv").open("w", encoding="utf-8-sig", newline="") as steps,
        (folder / f"ProvisioningLogs{names[2]}.csv").open("w", encoding="utf-8-sig", newline="") as changes,
    ):
        writers = [csv.writer(file) for file in (main, steps, changes)]
        for writer, header in zip(writers, (MAIN, STEPS, CHANGES), strict=True):
            writer.writerow(header.split(","))
        for record in events(count):
            for writer, rows in zip(writers, portal_rows(record), strict=True):
                writer.writerows(rows)
    return folder


def portal_rows(record: Mapping[str, Any]) -> tuple[list[list[object]], ...]:
    """Makes the rows of the three files of an event."""
    info, who, change = record["provisioningStatusInfo"], record["sourceIdentity"], record["changeId"]
    error = info["errorInformation"] or {}
    main = [
        record["activityDateTime"], change, record["id"], record["tenantId"], record["jobId"], record["cycleId"],
        record["provisioningAction"].title(), info["status"].title(), record["servicePrincipal"]["displayName"],
        record["servicePrincipal"]["id"], who["id"], who["displayName"], who["details"]["UserPrincipalName"],
        record["targetIdentity"]["id"], record["durationInMilliseconds"],
        *(error.get(key) or "" for key in ("errorCode", "errorCategory", "reason")),
    ]  # fmt: skip
    steps = [
        [change, number, one["name"], one["provisioningStepType"].title(), one["status"].title(), one["description"],
         compact(one["details"])]
        for number, one in enumerate(record["provisioningSteps"], 1)
    ]  # fmt: skip
    changes = [
        [change, one["displayName"], one["oldValue"] or "", one["newValue"]] for one in record["modifiedProperties"]
    ]
    return [main], steps, changes


def write_access(file: Path, count: int) -> Path:
    """Writes requests as nginx logs them with bodies: look-ups, reads, and writes with what was sent."""
    rng = random.Random(3)
    with file.open("w", encoding="utf-8") as out:
        out.writelines(access_line(rng, index) for index in range(count))
    return file


def access_line(rng: random.Random, index: int) -> str:
    """Makes one line of an access log."""
    who = person(rng.randrange(50_000))
    kind = rng.choices(("lookup", "read", "patch", "create"), (40, 20, 30, 10))[0]
    target, status, asked = {
        "lookup": (f"GET /scim/Users?filter=userName+eq+%22{who.upn.replace('@', '%40')}%22", 200, None),
        "read": (f"GET /scim/Users/{who.target_id}", 200, None),
        "patch": (f"PATCH /scim/Users/{who.target_id}", rng.choice((200, 204, 429)), patch(rng)),
        "create": ("POST /scim/Users", rng.choice((201, 201, 409)), who.attributes),
    }[kind]
    answer = {"id": who.target_id, "userName": who.upn, "displayName": who.name, "active": True}
    bodies = " ".join(f'"{escaped(body)}"' if body else '"-"' for body in (asked, answer if status < 204 else None))
    at = BEGAN + timedelta(milliseconds=250 * index)
    head = f'10.0.0.{index % 200} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "{target} HTTP/1.1" {status} {rng.randrange(4000)}'
    return f'{head} "-" "-" {rng.random() / 2:.3f} rid={guid(rng)} {bodies}\n'


def patch(rng: random.Random) -> Record:
    """Makes a PatchOp of one operation."""
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "Replace", "path": "title", "value": word(rng)}],
    }


def escaped(body: object) -> str:
    """Writes a body as nginx does: quotes and all that is not ASCII by their bytes."""
    text = compact(body).encode()
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02X}" for byte in text)
