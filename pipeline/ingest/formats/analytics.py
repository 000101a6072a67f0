"""Rows of the Log Analytics table AADProvisioningLogs, as CSV or JSON; nested objects are JSON inside strings."""

import json
from collections.abc import Mapping

from pipeline.ingest.formats.source import Source, text
from pipeline.ingest.layout import Head
from pipeline.ingest.records.analytics import AnalyticsRow
from pipeline.ingest.records.event import Event
from pipeline.ingest.records.wire import column_type, renamed

NESTED = {
    "ProvisioningStatusInfo": "provisioningStatusInfo",
    "StatusInfo": "statusInfo",
    "ProvisioningSteps": "provisioningSteps",
    "ModifiedProperties": "modifiedProperties",
    "ServicePrincipal": "servicePrincipal",
    "SourceSystem": "sourceSystem",
    "TargetSystem": "targetSystem",
    "SourceIdentity": "sourceIdentity",
    "TargetIdentity": "targetIdentity",
}
"The columns that hold JSON, and the event's field each is."

RELATION = """
select
    number,
    "Id" as id,
    "TimeGenerated" as "activityDateTime",
    "AADTenantId" as "tenantId",
    "JobId" as "jobId",
    "CycleId" as "cycleId",
    "ChangeId" as "changeId",
    "ProvisioningAction" as "provisioningAction",
    "Action" as "action",
    null::bigint as "durationInMilliseconds",
    {nested},
    "ResultType" as envelope_status,
    nullif(nullif("ResultSignature", 'None'), '') as envelope_error,
    nullif("ResultDescription", '') as envelope_reason,
    "DurationMs" as envelope_duration
from ({records})
"""


def recognises(head: Head) -> bool:
    """The table's own columns, in JSON or in a CSV's header."""
    wanted = {"timegenerated", "jobid", "provisioningstatusinfo", "sourceidentity"}
    header = {name.casefold().removesuffix(" [utc]") for name in head.header}
    return wanted <= header or head.has("TimeGenerated", "JobId", "SourceIdentity")


def relation(records: str) -> str:
    """Parses the nested columns in both spellings that they come in, and takes whichever holds something."""
    nested = ",\n    ".join(f'{parsed(column, field)} as "{field}"' for column, field in NESTED.items())
    return RELATION.format(nested=nested, records=records)


def parsed(column: str, field: str) -> str:
    """Builds SQL that reads one nested column; a row whose keys are spelled like Graph's is read as Graph's."""
    annotation = Event.model_fields[field].annotation
    diagnostic = DIAGNOSTIC.get(field, {})
    graph = f'json_transform(try_cast("{column}" as json), {text(structure(column_type(annotation, [])))})'
    if not diagnostic:
        return graph
    other = f'json_transform(try_cast("{column}" as json), {text(structure(column_type(annotation, [diagnostic])))})'
    key = next(iter(diagnostic))
    respelled = renamed(annotation, f"({other})", [diagnostic])
    return f'case when contains("{column}", \'"{key}"\') then {respelled} else {graph} end'


PARTY: Mapping[str, object] = {"Id": "", "Name": ""}
DIAGNOSTIC: dict[str, Mapping[str, object]] = {
    "servicePrincipal": PARTY,
    "sourceSystem": PARTY,
    "targetSystem": PARTY,
    "sourceIdentity": PARTY,
    "targetIdentity": PARTY,
    "provisioningStatusInfo": {"Status": ""},
    "statusInfo": {"Status": ""},
}
"How diagnostic records spell the members of each nested object."


def structure(kind: str) -> str:
    """Turns a DuckDB type into the structure that json_transform takes.

    >>> structure('STRUCT("id" VARCHAR, "name" VARCHAR)[]')
    '[{"id": "VARCHAR", "name": "VARCHAR"}]'
    """
    if kind.endswith("[]"):
        return f"[{structure(kind[:-2])}]"
    if not kind.startswith("STRUCT("):
        return json.dumps(kind)
    return "{" + ", ".join(f"{json.dumps(name)}: {structure(inner)}" for name, inner in members(kind)) + "}"


def members(kind: str) -> list[tuple[str, str]]:
    """Splits a STRUCT type into its members' names and types."""
    parts: list[str] = [""]
    depth = 0
    for letter in kind[len("STRUCT(") : -1]:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    pairs = [part.strip().split(" ", 1) for part in parts]
    return [(name.strip('"'), inner) for name, inner in pairs]


SOURCE = Source("log_analytics", "events", AnalyticsRow, recognises, relation)
