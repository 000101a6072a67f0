"""The portal's CSV download: three files joined on the change id, or the zip that holds them.

Their exact headers are published nowhere, so columns are matched by meaning.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.ingest.formats.events import GRAPH
from pipeline.ingest.formats.source import Source, read_csv
from pipeline.ingest.layout import Head
from pipeline.ingest.records.event import Event, Step
from pipeline.ingest.records.instants import Instant
from pipeline.ingest.records.wire import CUT_OFF, Id, Wire, column_type

MAIN = {
    "changeId": r"change(id|identifier)",
    "id": r"(id|eventid|logid|activityid|recordid)",
    "activityDateTime": r"(date|datetime|time|timestamp|activitydatetime|activitydate)(utc)?",
    "tenantId": r"(aad)?tenantid",
    "jobId": r"jobid",
    "cycleId": r"cycleid",
    "provisioningAction": r"(provisioning)?action",
    "status": r"(provisioning)?(status|result)",
    "app_name": r"(application|app|serviceprincipal)(displayname|name)?",
    "app_id": r"(application|app|serviceprincipal)id",
    "source_system": r"sourcesystem(displayname|name)?",
    "target_system": r"targetsystem(displayname|name)?",
    "source_id": r"source(identity|object)?id",
    "source_name": r"(identity|source(identity)?(display)?name|displayname)",
    "source_type": r"(source(identity|object)?|identity|object)type",
    "upn": r"(source)?(user)?(userprincipalname|upn)",
    "target_id": r"target(identity|object)?id",
    "target_type": r"target(identity|object)?type",
    "duration": r"duration(ms|inmilliseconds|milliseconds)?",
    "error_code": r"errorcode",
    "error_category": r"errorcategory",
    "reason": r"(status|error)?(reason|description|details)",
    "recommended_action": r"recommended(action|solution)?",
}
STEPS = {
    "changeId": r"change(id|identifier)",
    "ordinal": r"(step)?(number|order|ordinal|index|sequence)",
    "name": r"(provisioning)?(step)?name|step",
    "provisioningStepType": r"(provisioning)?(step)?type",
    "status": r"(provisioning)?(step)?(status|result)",
    "description": r"(step)?description",
    "details": r"(step)?details",
}
CHANGES = {
    "changeId": r"change(id|identifier)",
    "displayName": r"((modified)?property|attribute)(display)?(name)?|displayname|name",
    "oldValue": r"old(property|attribute)?value",
    "newValue": r"new(property|attribute)?value",
}
"Each field's meaning, as a pattern that a header matches once everything but letters and digits is gone."

RELATION = """
with main_rows as materialized ({main})
select
    {number} as number,
    {id} as id,
    {activityDateTime} as "activityDateTime",
    {tenantId} as "tenantId",
    {jobId} as "jobId",
    {cycleId} as "cycleId",
    {changeId} as "changeId",
    {provisioningAction} as "provisioningAction",
    null::varchar as "action",
    try_cast({duration} as bigint) as "durationInMilliseconds",
    struct_pack(status := {status}, "errorInformation" := struct_pack("errorCode" := {error_code}, reason := {reason},
        "errorCategory" := {error_category}, "recommendedAction" := {recommended_action}), "errorCode" := null::varchar,
        reason := null::varchar, "errorCategory" := null::varchar, "recommendedAction" := null::varchar)
        as "provisioningStatusInfo",
    null::{status_info} as "statusInfo",
    raw_steps as "provisioningSteps",
    raw_changes as "modifiedProperties",
    struct_pack(id := {app_id}, "displayName" := {app_name}) as "servicePrincipal",
    struct_pack(id := null::varchar, "displayName" := {source_system}) as "sourceSystem",
    struct_pack(id := null::varchar, "displayName" := {target_system}, details := struct_pack(
        "ServicePrincipalId" := null::varchar, "ServicePrincipalDisplayName" := null::varchar)) as "targetSystem",
    struct_pack(id := {source_id}, "displayName" := {source_name}, "identityType" := {source_type},
        details := struct_pack("UserPrincipalName" := {upn})) as "sourceIdentity",
    struct_pack(id := {target_id}, "displayName" := null::varchar, "identityType" := {target_type}) as "targetIdentity"
from main_rows left join ({steps}) using (joined) left join ({changes}) using (joined)
order by line
"""
NO_STEPS = f"select null::varchar as joined, null::{column_type(list[Step], [])} as raw_steps where false"
NO_CHANGES = (
    'select null::varchar as joined, null::struct("displayName" varchar, "oldValue" varchar, "newValue" varchar)[] '
    "as raw_changes where false"
)


IN_ORDER = "list_select(list(part), list_grade_up(list(place)))"
"The parts of a group by their places; an aggregate with an order of its own takes twice as long for many small groups."


class PortalRow(Wire):
    """A row of the main file, under the fields' names; the rest of its columns need no judging."""

    id: Id
    activityDateTime: Instant


def recognises(head: Head) -> bool:
    """The main file: a change id, an instant and an action; no cells in which PowerShell cut objects off."""
    return {"changeId", "activityDateTime", "provisioningAction"} <= set(
        meanings(head.header, MAIN)
    ) and not holds_cut_objects(head)


def holds_cut_objects(head: Head) -> bool:
    """Whether a CSV has the names of types where objects were, as Export-Csv of PowerShell writes them."""
    return any(isinstance(cell, str) and CUT_OFF.match(cell) for row in head.rows for cell in row.values())


def is_steps(head: Head) -> bool:
    """The file of steps."""
    return not recognises(head) and {"changeId", "name", "provisioningStepType"} <= set(meanings(head.header, STEPS))


def is_changes(head: Head) -> bool:
    """The file of modified properties."""
    return not recognises(head) and {"changeId", "displayName", "newValue"} <= set(meanings(head.header, CHANGES))


def meanings(header: tuple[str, ...], patterns: Mapping[str, str]) -> dict[str, str]:
    """Finds the column of each field; a column is used once, a field the header lacks is absent.

    >>> meanings(("Date (UTC)", "Change ID"), MAIN)
    {'changeId': 'Change ID', 'activityDateTime': 'Date (UTC)'}
    """
    columns: dict[str, str] = {}
    for field, pattern in patterns.items():
        for column in header:
            bare = re.sub(r"[^a-z0-9]", "", column.lower())
            if column not in columns.values() and re.fullmatch(pattern, bare):
                columns[field] = column
                break
    return columns


def portal_relation(
    number: int, main: tuple[str, Head], steps: tuple[str, Head] | None, changes: tuple[str, Head] | None
) -> str:
    """Builds SQL for the raw events of the three files, each given as its path and head."""
    file, head = main
    columns = named(head)
    fields = {field: cell(columns.get(field)) for field in MAIN}
    rows = (
        f"select *, row_number() over () as line, {fields['changeId']} as joined from {read_csv(file, head.delimiter)}"
    )
    return GRAPH.format(
        records=RELATION.format(
            **fields,
            number=number,
            status_info=column_type(Event.model_fields["statusInfo"].annotation, []),
            main=rows,
            steps=step_rows(*steps) if steps else NO_STEPS,
            changes=change_rows(*changes) if changes else NO_CHANGES,
        )
    )


def step_rows(file: str, head: Head) -> str:
    """Builds SQL for the steps of each change id, in their order."""
    names = {field: cell(column) for field, column in meanings(head.header, STEPS).items()}
    at = f"coalesce(try_cast({names.get('ordinal', 'null')} as bigint), line)::hugeint * {1 << 32} + line"
    details = names.get("details", "null::varchar")
    packed = (
        f'struct_pack("name" := {names["name"]}, "provisioningStepType" := {names["provisioningStepType"]}, '
        f"status := {names.get('status', 'null::varchar')}, "
        f"description := {names.get('description', 'null::varchar')}, "
        f"details := coalesce(try(json_extract({details}, '$')), to_json({details})))"
    )
    return (
        f"select joined, {IN_ORDER} as raw_steps from ({parts(file, head, names['changeId'], packed, at)}) group by all"
    )


def change_rows(file: str, head: Head) -> str:
    """Builds SQL for the modified properties of each change id, in file order."""
    names = {field: cell(column) for field, column in meanings(head.header, CHANGES).items()}
    packed = ", ".join(
        f'"{field}" := {names.get(field, "null::varchar")}' for field in ("displayName", "oldValue", "newValue")
    )
    rows = parts(file, head, names["changeId"], f"struct_pack({packed})", "line")
    return f"select joined, {IN_ORDER} as raw_changes from ({rows}) group by all"


def parts(file: str, head: Head, joined: str, packed: str, at: str) -> str:
    """Builds SQL for each part of the main file's events, the change id that it belongs to, and its place."""
    rows = f"select *, row_number() over () as line from {read_csv(file, head.delimiter)}"
    every = f"select {joined} as joined, {packed} as part, {at} as place from ({rows})"
    return f"select joined, part, place from ({every}) semi join (select joined from main_rows) using (joined)"


def named(head: Head) -> dict[str, str]:
    """Finds the main file's column of each field; its change id where it has no id."""
    columns = meanings(head.header, MAIN)
    return {"id": columns["changeId"], **columns}


def respelled(head: Head, verdict: Mapping[str, object]) -> dict[str, object]:
    """Returns what the model made of a row's own fields, by column."""
    columns = named(head)
    return {columns[field]: value for field, value in verdict.items()}


def csv_of(header: tuple[str, ...], delimiter: str, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Writes rows as the CSV that they were."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(header)
    writer.writerows([row.get(name) for name in header] for row in rows)
    return text.getvalue().encode()


def cell(column: str | None) -> str:
    """Builds SQL for a column's text, an empty cell as null."""
    return f"""nullif("{column.replace('"', '""')}", '')""" if column else "null::varchar"


SOURCE = Source("portal", "events", PortalRow, recognises, lambda records: records, renames=named)
