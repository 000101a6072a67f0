"""Lays a world's records down as files, in the shapes in which people have them, split, doubled, late and shuffled."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from tests.scenarios.lives import World
from tests.scenarios.wire import Doc

CODES = {
    "provisioningStepType": ["import", "scoping", "matching", "processing", "referenceResolution", "export"],
    "status": ["success", "failure", "skipped", "warning"],
}


def lay(world: World, folder: Path) -> list[list[Path]]:
    """Writes the world's files and returns them in batches, in the order in which they are to be loaded."""
    dice = Random(world.seed * 7 + 1)
    files: list[Path] = []
    events = list(world.events)
    # Some come twice, by another route; some come late, since what is cut into files is not in order everywhere.
    events += dice.sample(events, len(events) // 10)
    if dice.random() < 0.5:
        dice.shuffle(events)
    for number, part in enumerate(cut(dice, events, dice.randrange(1, 5))):
        shape = dice.choice(SHAPES)
        file = folder / f"events-{number}-{shape.__name__}"
        text = shape(part, dice)
        if dice.random() < 0.2:
            file = file.with_name(file.name + ".gz")
            file.write_bytes(gzip.compress(text.encode()))
        else:
            file.write_bytes(text.encode())
        files.append(file)
    for number, part in enumerate(cut(dice, world.statuses, dice.randrange(1, 3))):
        files.append(folder / f"statuses-{number}.jsonl")
        files[-1].write_text(lines(part, dice), encoding="utf-8")
    for number, part in enumerate(cut(dice, world.requests, dice.randrange(1, 3))):
        files.append(folder / f"requests-{number}.jsonl")
        files[-1].write_text(lines(part, dice), encoding="utf-8")
    dice.shuffle(files)
    return cut(dice, files, dice.randrange(1, 4))


def cut(dice: Random, things: list[Any], parts: int) -> list[list[Any]]:
    """Cuts a list into so many parts, none of which is empty."""
    if not things:
        return []
    places = sorted(dice.sample(range(1, len(things)), min(parts - 1, len(things) - 1)))
    return [things[a:b] for a, b in zip([0, *places], [*places, len(things)], strict=True)]


def page(records: list[Doc], dice: Random) -> str:
    """A page of Graph's answer."""
    return json.dumps({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata", "value": records})


def array(records: list[Doc], dice: Random) -> str:
    """The portal's download: one array."""
    return json.dumps(records, indent=dice.choice([None, 2]), ensure_ascii=False)


def lines(records: list[Doc], dice: Random) -> str:
    """One object a line."""
    end = dice.choice(["\n", "\r\n"])
    return "".join(json.dumps(record, ensure_ascii=dice.random() < 0.5) + end for record in records)


def blob(records: list[Doc], dice: Random) -> str:
    """An hour's blob of the diagnostic setting; its records can be in either spelling."""
    mixed = dice.random() < 0.3
    wrapped = [envelope(record, plain=mixed and number % 2 == 0) for number, record in enumerate(records)]
    return "".join(json.dumps(record) + "\r\n" for record in wrapped)


def hub(records: list[Doc], dice: Random) -> str:
    """An Event Hub message."""
    return json.dumps({"records": [envelope(record) for record in records]})


def table(records: list[Doc], dice: Random) -> str:
    """Rows of the Log Analytics table, nested values as text."""
    rows = []
    for record in records:
        inner = diagnostic(record)
        error = (record["provisioningStatusInfo"]["errorInformation"] or {}).get("errorCode", "")
        row: Doc = {
            "TimeGenerated": record["activityDateTime"], "TenantId": "8a3d3c2e-0000-4000-8000-00000000000a",
            "AADTenantId": record["tenantId"], "OperationName": "Provisioning activity", "Category": "ProvisioningLogs",
            "ResultType": record["provisioningStatusInfo"]["status"].capitalize(), "ResultSignature": error,
            "DurationMs": record["durationInMilliseconds"], "Type": "AADProvisioningLogs",
        }  # fmt: skip
        for name in ("Id", "JobId", "CycleId", "ChangeId", "ProvisioningAction"):
            row[name] = record[name[0].lower() + name[1:]]
        nested = "InitiatedBy ModifiedProperties ProvisioningStatusInfo ProvisioningSteps ServicePrincipal "
        for name in (nested + "SourceIdentity TargetIdentity SourceSystem TargetSystem").split():
            row[name] = json.dumps(inner[name[0].lower() + name[1:]])
        rows.append(row)
    return json.dumps(rows)


def envelope(record: Doc, plain: bool = False) -> Doc:
    """Wraps an event as a diagnostic setting does."""
    return {
        "time": record["activityDateTime"].replace("Z", ".0000000Z"),
        "resourceId": f"/tenants/{record['tenantId']}/providers/Microsoft.aadiam",
        "operationName": "Provisioning activity", "operationVersion": "1.0", "category": "ProvisioningLogs",
        "tenantId": record["tenantId"], "resultType": record["provisioningStatusInfo"]["status"].capitalize(),
        "durationMs": record["durationInMilliseconds"], "correlationId": record["changeId"], "identity": record["id"],
        "Level": 4, "properties": record if plain else diagnostic(record),
    }  # fmt: skip


def diagnostic(record: Doc) -> Doc:
    """Respells an event as the diagnostic setting does: Id and Name, numbers for words."""
    inner = dict(record)
    for name in ("servicePrincipal", "sourceSystem", "targetSystem", "sourceIdentity", "targetIdentity"):
        spelled = {"id": "Id", "displayName": "Name"}
        inner[name] = {spelled.get(key, key): value for key, value in record[name].items()}
    start = record["initiatedBy"]
    inner["initiatedBy"] = {"Id": start["id"], "Name": start["displayName"], "Type": start["initiatorType"]}
    status = record["provisioningStatusInfo"]
    inner["provisioningStatusInfo"] = {"Status": status["status"], "errorInformation": status["errorInformation"]}
    inner["statusInfo"] = {"Status": CODES["status"].index(status["status"])}
    inner["action"] = record["provisioningAction"].capitalize()
    inner["provisioningSteps"] = [
        step | {name: CODES[name].index(step[name]) for name in CODES} for step in record["provisioningSteps"]
    ]
    return inner


SHAPES: list[Callable[[list[Doc], Random], str]] = [page, array, lines, blob, hub, table]


def read(files: list[Path]) -> tuple[list[Doc], list[Doc], list[Doc]]:
    """Reads files back into events, job statuses and requests, whatever their shape; each event once."""
    events: dict[tuple[str, str], Doc] = {}
    statuses: dict[str, Doc] = {}
    requests: dict[str, Doc] = {}
    for file in files:
        data = file.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
        for record in records(text):
            if "method" in record:
                requests[record["request_id"]] = record
            elif "schedule" in record:
                statuses[record["id"] + record["observedAt"]] = record
            else:
                one = canonical(record)
                events.setdefault((one["job"], one["id"]), one)
    return list(events.values()), list(statuses.values()), list(requests.values())


def records(text: str) -> list[Doc]:
    """Splits a file's text into its records."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(whole, list):
        return whole
    return next((whole[key] for key in ("value", "records") if isinstance(whole.get(key), list)), [whole])


def canonical(record: Doc) -> Doc:
    """Reads one event in any spelling."""
    record = record.get("properties", record)
    if "TimeGenerated" in record:
        record = record | {"activityDateTime": record["TimeGenerated"], "tenantId": record["AADTenantId"]}
    low = {key[0].lower() + key[1:]: value for key, value in record.items()}
    low = {
        key: json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
        for key, value in low.items()
    }

    def of(thing: str, *names: str) -> str:
        return next((str(low[thing][name]) for name in names if low[thing].get(name)), "")

    info, source = low["provisioningStatusInfo"], low["sourceIdentity"]
    error = info.get("errorInformation") or {}
    steps = [
        {
            "name": step["name"], "details": step["details"], "type": word("provisioningStepType", step),
            "status": word("status", step),
        }
        for step in low["provisioningSteps"]
    ]  # fmt: skip
    return {
        "id": low["id"], "at": moment(low["activityDateTime"]), "tenant": low["tenantId"].lower(), "job": low["jobId"],
        "cycle": low["cycleId"], "action": low["provisioningAction"],
        "status": info.get("status") or info.get("Status"),
        "app": of("servicePrincipal", "displayName", "Name"), "app_id": of("servicePrincipal", "id", "Id"),
        "who": of("sourceIdentity", "id", "Id"), "name": of("sourceIdentity", "displayName", "Name"),
        "kind": source["identityType"], "upn": source["details"].get("UserPrincipalName"),
        "target": of("targetIdentity", "id", "Id") or None, "code": error.get("errorCode"),
        "reason": error.get("reason") or "", "steps": steps, "changes": low["modifiedProperties"],
        "ms": low.get("durationInMilliseconds") or low.get("durationMs"),
    }  # fmt: skip


def word(field: str, step: Doc) -> str:
    """Reads an enum that is a word or a number."""
    value = step[field]
    return CODES[field][value] if isinstance(value, int) else value


def moment(text: str) -> datetime:
    """Reads an instant as naive UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)
