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
from (select *, {read} from ({records}))
"""


def recognises(head: Head) -> bool:
    """The table's own columns, in JSON or in a CSV's header."""
    wanted = {"timegenerated", "jobid", "resulttype", "sourceidentity"}
    header = {name.casefold().removesuffix(" [utc]") for name in head.header}
    jobless = {"timegenerated", "id", "sourceidentity", "serviceprincipal", "provisioningaction"}
    return (
        wanted <= header
        or jobless <= header
        or head.has(*jobless)
        or wanted - {"resulttype"} | {"provisioningstatusinfo"} <= header
        or head.has("TimeGenerated", "JobId", "SourceIdentity")
    )


def relation(records: str) -> str:
    """Reads the nested columns in either of the spellings that they come in."""
    read = [text for column, field in NESTED.items() for text in readings(column, field)]
    nested = ",\n    ".join(f'{spelled_as_graph(field)} as "{field}"' for field in NESTED.values())
    return RELATION.format(nested=nested, read=",\n    ".join(read), records=records)


def readings(column: str, field: str) -> list[str]:
    """Builds the columns that read a nested one: in Graph's spelling, and in that of diagnostic records if it has one.

    Each is a column of its own, so that it is parsed once however many of its members are taken.
    """
    annotation, diagnostic = Event.model_fields[field].annotation, DIAGNOSTIC.get(field)
    if diagnostic is None:
        return [f'{transformed(column, column_type(annotation, []))} as "graph {field}"']
    other = f'contains("{column}", \'"{next(iter(diagnostic))}"\')'
    graph_type, other_type = column_type(annotation, []), column_type(annotation, [diagnostic])
    return [
        f'case when {other} then null else {transformed(column, graph_type)} end as "graph {field}"',
        f'case when {other} then {transformed(column, other_type)} end as "other {field}"',
    ]


def transformed(column: str, kind: str) -> str:
    """Builds SQL that reads a column's JSON as a type; null where it is no JSON."""
    return f'try(json_transform("{column}", {text(structure(kind))}))'


def spelled_as_graph(field: str) -> str:
    """Builds SQL that gives the members of what was read the names of Graph's."""
    diagnostic = DIAGNOSTIC.get(field)
    if diagnostic is None:
        return f'"graph {field}"'
    respelled = renamed(Event.model_fields[field].annotation, f'"other {field}"', [diagnostic])
    return f'case when "other {field}" is not null then {respelled} else "graph {field}" end'


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
