"""From what any event source holds to the one canonical row, so that a route never changes an event.

Status fields can disagree inside one record. Precedence: provisioningStatusInfo, then statusInfo, then the envelope's
resultType, then the last step. The same holds for errors.
"""

from collections.abc import Mapping

from pipeline.config.booleans import FALSE, boolean_pattern
from pipeline.ingest.answers import answer_text, answer_words, http_number
from pipeline.ingest.records.event import ModifiedProperty, Step
from pipeline.ingest.records.instants import AMERICAN, DAY_FIRST, LOCAL, DateOrder
from pipeline.ingest.records.wire import column_type
from pipeline.ingest.records.words import Action, Status, StepType, spelled, undocumented
from pipeline.ingest.redaction import Redaction

GRAPH = """
select
    *,
    null::varchar as envelope_status,
    null::varchar as envelope_error,
    null::varchar as envelope_reason,
    null::bigint as envelope_duration
from ({records})
"""
"Records that are events already need only the columns an envelope would add."

INFOS = ("provisioningStatusInfo", "statusInfo")
NOTHING = "''"


def instant(value: str, order: DateOrder) -> str:
    """Builds SQL that reads an ISO 8601 text, one of numbers with slashes or .NET's milliseconds as UTC.

    It is null where it cannot be read, also where neither the file's order nor the value shows which is the month.
    """
    return (
        f"case when {value} like '%Z' then try_cast({value} as timestamp) "
        f"when {value} like '%/Date(%' then {of_dotnet(value)} "
        f"when {value} like '%/%' then {of_numbers(value, order)} "
        f"when {value} = '' then null else timezone('UTC', try_cast({value} as timestamptz)) end"
    )


def of_numbers(value: str, order: DateOrder) -> str:
    """Builds SQL that reads a date of numbers with slashes, by its file's order or else by its own, if it has one."""
    month, day = (
        f"try_strptime({value}, [{', '.join(repr(form) for form in forms if '%z' not in form)}])"
        for forms in (LOCAL, DAY_FIRST)
    )
    if order in ("mdy", "dmy"):
        return month if order == "mdy" else day
    return (
        f"case when {month} is null then {day} when {day} is null or {day} = {month} "
        f"or regexp_matches({value}, '{AMERICAN}') then {month} end"
    )


def of_dotnet(value: str) -> str:
    """Builds SQL that reads .NET's milliseconds; before 1970 they mean never."""
    return f"try(epoch_ms(try_cast(nullif(regexp_extract({value}, 'Date\\((\\d+)', 1), '') as bigint)))"


def from_reason(pattern: str) -> str:
    """Builds SQL for the first group of a pattern in `reason`, null where it is absent."""
    return f"nullif(regexp_extract(reason, '{pattern}', 1), '')"


def unescaped(value: str) -> str:
    """Builds SQL that undoes JSON's escapes in a text cut out of JSON."""
    return f"coalesce(try_cast('\"' || {value} || '\"' as json)->>'$', {value})"


def error_member(member: str, envelope: str) -> str:
    """Builds SQL for a member of the error: the first of the places it may be in that is not empty."""
    places = [f'"{info}"{inner}."{member}"' for info in INFOS for inner in ('."errorInformation"', "")] + [envelope]
    return f"coalesce({', '.join(f'nullif({place}, {NOTHING})' for place in places)})"


def any_of(values: str, condition: str) -> str:
    """Builds SQL that is true where a condition, which names each value `x`, holds for one of a list's values."""
    return f"len(list_filter({values}, lambda x: {condition})) > 0"


def respelled(values: str, kind: str, keys: Mapping[str, str]) -> str:
    """Builds SQL that gives the members of a list's structs other names, without copying them."""
    names = ", ".join(f"'{name}': '{key}'" for name, key in keys.items())
    return f"remap_struct({values}, null::{kind}, {{'list': row('list', {{{names}}})}}, null)"


ODD_STEPS = any_of(
    "raw_steps",
    f"""x is null or x."name" = '' or x.description = '' or {undocumented(StepType, 'x."provisioningStepType"')}
        or {undocumented(Status, "x.status")}""",
)
"A step is not spelled as it is stored; most are, and are kept as they are."
STEPS_KEPT = respelled(
    "raw_steps",
    'struct("name" varchar, "type" varchar, status varchar, description varchar, details json)[]',
    {"name": "name", "type": "provisioningStepType", "status": "status", "description": "description"}
    | {"details": "details"},
)
STEPS = f"""case
        when {ODD_STEPS} then list_transform(raw_steps, lambda s: struct_pack(
            "name" := nullif(s."name", ''),
            "type" := {spelled(StepType, 's."provisioningStepType"')},
            status := {spelled(Status, "s.status")},
            description := nullif(s.description, ''),
            details := s.details))
        else {STEPS_KEPT}
    end"""
ODD_CHANGES = any_of("raw_changes", "x is null or x.oldValue = '' or x.newValue = ''")
CHANGES_KEPT = respelled(
    "raw_changes",
    "struct(attribute varchar, old_value varchar, new_value varchar)[]",
    {"attribute": "displayName", "old_value": "oldValue", "new_value": "newValue"},
)
CHANGES = f"""case
        when {ODD_CHANGES} then list_transform(raw_changes, lambda c: struct_pack(
            attribute := c."displayName", old_value := nullif(c.oldValue, ''), new_value := nullif(c.newValue, '')))
        else {CHANGES_KEPT}
    end"""
ACTION = spelled(Action, f'coalesce(nullif("provisioningAction", {NOTHING}), nullif("action", {NOTHING}))')
STATUS = spelled(Status, "coalesce(raw_status, raw_steps[-1].status)")
SCIM_TYPE = from_reason(r'"scimType"\s*:\s*"([^"]*)"')
QUOTED_DETAIL = unescaped(from_reason(r'"detail"\s*:\s*"((?:[^"\\]|\\.)*)"'))
SCIM_DETAIL = f"coalesce({answer_words('answer')}, {QUOTED_DETAIL})"
RETRIED = from_reason(r"retried (\d+) times")
AGAIN = from_reason(r"again after this date: (\S+?)Z? UTC")
OUT_OF_SCOPE = (
    r'(?i)"(Active in the source system|Assigned to the application|(User|Group) has the required role'
    r"|Scoping filter evaluation passed|IsActive|Assigned|IsEffectivelyEntitledForProvisioning"
    r'|IsInProvisioningScopeDisplayName)"\s*:\s*' + boolean_pattern(FALSE)
)
"An answer of Graph's scoping step, in either spelling, that leaves the object out."
SKIP_OF_STEPS = """list_filter(
            list_transform(raw_steps, lambda s: nullif(s.details->>'SkipReason', '')), lambda w: w is not null)[-1]"""
"The reason of a skip, where not the last step has it."
SKIP_OF_CODE = "nullif(regexp_extract(error_code, '(RedundantExport|NotEffectivelyEntitled)$', 1), '')"
"The reason of a skip, where a record without steps has it as its code."

ROWS = f"""
select
    nullif(id, '') as event_id,
    '{{source}}' as source,
    lower(nullif("tenantId", '')) as tenant_id,
    job_id,
    cycle_id,
    change_id,
    date_trunc('second', {{occurred_at}}) as occurred_at,
    {ACTION} as "action",
    {STATUS} as status,
    app_id,
    app_name,
    source_system,
    target_system,
    source_id,
    source_name,
    source_type,
    upn,
    target_id,
    target_type,
    coalesce("durationInMilliseconds", envelope_duration) as duration_ms,
    error_code,
    error_category,
    reason,
    recommended_action,
    case when lower({STATUS}) = 'skipped' then coalesce(
        nullif(raw_steps[-1].details->>'SkipReason', ''),
        {SKIP_OF_STEPS},
        {SKIP_OF_CODE},
        case when len(list_filter(raw_steps, lambda s: lower(s."provisioningStepType") in ('scoping', '1')
            and regexp_matches(s.details::varchar, '{OUT_OF_SCOPE}'))) > 0 then 'out of scope' end) end as skip_reason,
    case when reason is not null then {http_number("reason")} end::integer as http_status,
    case when reason is not null then {SCIM_TYPE} end as scim_type,
    words as scim_detail,
    case when reason is not null then try_cast({RETRIED} as integer) end as retry_count,
    case when reason is not null then try_cast({AGAIN} as timestamp) end as retry_at,
    nullif(raw_steps[-1]."name", '') as last_step,
    {STEPS} as steps,
    {CHANGES} as changes,
    number,
    {{lost}} as lost
from (
    select *, case when reason is not null then {SCIM_DETAIL} end as words
    from (
    select *, case when reason is not null then {answer_text("reason")} end as answer
    from ({{cleaned}})
)
)
"""
RAW = f"""
    select
        * exclude ("provisioningSteps", "modifiedProperties"),
        coalesce("provisioningSteps", []) as raw_steps,
        coalesce("modifiedProperties", []) as raw_changes,
        "provisioningSteps" is null as no_steps,
        "modifiedProperties" is null as no_changes,
        coalesce(nullif("provisioningStatusInfo".status, ''), nullif("statusInfo".status, ''),
            nullif(envelope_status, '')) as raw_status,
        {error_member("errorCode", "envelope_error")} as error_code,
        {error_member("errorCategory", "null")} as error_category,
        {error_member("reason", "envelope_reason")} as reason,
        {error_member("recommendedAction", "null")} as recommended_action,
        nullif("jobId", '') as job_id,
        nullif("cycleId", '') as cycle_id,
        nullif("changeId", '') as change_id,
        coalesce(nullif("servicePrincipal".id, ''), nullif("targetSystem".details."ServicePrincipalId", '')) as app_id,
        coalesce(nullif("servicePrincipal"."displayName", ''),
            nullif("targetSystem".details."ServicePrincipalDisplayName", '')) as app_name,
        nullif("sourceSystem"."displayName", '') as source_system,
        nullif("targetSystem"."displayName", '') as target_system,
        nullif("sourceIdentity".id, '') as source_id,
        nullif("sourceIdentity"."displayName", '') as source_name,
        nullif("sourceIdentity"."identityType", '') as source_type,
        nullif("sourceIdentity".details."UserPrincipalName", '') as upn,
        nullif("targetIdentity".id, '') as target_id,
        nullif("targetIdentity"."identityType", '') as target_type
    from ({{relation}})
"""
TEXTS = (
    "id", '"tenantId"', "job_id", "cycle_id", "change_id", '"provisioningAction"', '"action"', "raw_status", "app_id",
    "app_name", "source_system", "target_system", "source_id", "source_name", "source_type", "upn", "target_id",
    "target_type", "error_code", "error_category", "reason", "recommended_action",
)  # fmt: skip
LISTS = {
    "raw_steps": (
        column_type(list[Step], []),
        """concat_ws(e'\\n', x."name", x."provisioningStepType", x.status, x.description, x.details::varchar)""",
    ),
    "raw_changes": (
        column_type(list[ModifiedProperty], []),
        """concat_ws(' ', x."displayName", x.oldValue, x.newValue)""",
    ),
}
IDS = ("id", "job_id", "cycle_id", "change_id", "source_id", "target_id")
PARTS_LOST = """
    coalesce("servicePrincipal" is not null
        and ("servicePrincipal".id is null or "servicePrincipal"."displayName" is null)
    or "sourceSystem" is not null and "sourceSystem"."displayName" is null
    or "targetSystem" is not null and "targetSystem"."displayName" is null
    or "sourceIdentity" is not null and ("sourceIdentity".id is null or "sourceIdentity"."displayName" is null
        or "sourceIdentity"."identityType" is null or (lower("sourceIdentity"."identityType") = 'user'
            and "sourceIdentity".details is not null and "sourceIdentity".details."UserPrincipalName" is null))
    or "targetIdentity" is not null and ("targetIdentity".id is null or "targetIdentity"."identityType" is null)
    or "provisioningStatusInfo" is not null and "provisioningStatusInfo".status is null
    or "statusInfo" is not null and "statusInfo".status is null
    or lower(raw_status) = 'failure' and error_code is null, false)
"""
RECORD_LOST = """
    or "jobId" is null or "cycleId" is null or "changeId" is null or "tenantId" is null or "servicePrincipal" is null
    or "sourceSystem" is null or "targetSystem" is null or "sourceIdentity" is null or no_steps or no_changes
    or ("provisioningAction" is null and "action" is null)
"""
STEPS_LOST = any_of(
    "raw_steps",
    """x is null or x."name" is null or x."provisioningStepType" is null or x.status is null
        or x.details::varchar like '"%' or contains(x.details::varchar, '"AdditionalProperties"')""",
)
CHANGES_LOST = any_of("raw_changes", 'x is null or x."displayName" is null')
LOST = {
    "graph": f"({PARTS_LOST} {RECORD_LOST} or {STEPS_LOST} or {CHANGES_LOST})",
    "diagnostic": f"({PARTS_LOST} {RECORD_LOST} or {STEPS_LOST} or {CHANGES_LOST})",
    "log_analytics": f'({PARTS_LOST} or "sourceIdentity" is null or no_steps or {STEPS_LOST} or {CHANGES_LOST})',
}
"""What a row lacks that was read in one spelling, where the record may have it in another, wrapped or as text: such a
record is read again by the model."""


def event_rows(source: str, relation: str, redaction: Redaction, order: DateOrder = "") -> str:
    """Builds SQL for the columns of `events`, after `ordinal`, from a relation of raw events."""
    rows = ROWS.replace("{lost}", LOST.get(source, "false")).replace("{source}", source)
    rows = rows.replace("{occurred_at}", instant('"activityDateTime"', order))
    return rows.replace("{cleaned}", redaction(RAW.replace("{relation}", relation), TEXTS, LISTS, IDS))
