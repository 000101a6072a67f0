"""synchronizationJob documents and lists: the state of a job at one moment, as Graph has it.

A document does not say when it was asked; whoever asks adds `observedAt`. Without it the newest instant inside counts,
and a document without any counts from when its file was last written. `0001-01-01` and `""` mean never.
"""

from pipeline.ingest.formats.events import of_dotnet
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.job import Job
from pipeline.ingest.redaction import Redaction


def moment(value: str) -> str:
    """Builds SQL for one of Graph's instants in ISO 8601 or .NET's milliseconds, its sentinels as null."""
    return (
        f"case when {value} like '%/Date(%' then {of_dotnet(value)} "
        f"when {value} not like '0001-%' then timezone('UTC', try_cast(nullif({value}, '') as timestamptz)) end"
    )


def part(pattern: str) -> str:
    """Builds SQL for one number of the interval, 0 where it is absent."""
    return f"coalesce(try_cast(nullif(regexp_extract(schedule.interval, '{pattern}', 1), '') as double), 0)"


def seconds(*patterns: str) -> str:
    """Builds SQL for the seconds of an interval, from the patterns of its days, hours, minutes and seconds."""
    days, hours, minutes, rest = map(part, patterns)
    return f"try_cast(86400 * {days} + 3600 * {hours} + 60 * {minutes} + {rest} as bigint)"


ISO = (r"P(\d+)D", r"T(?:.*?)(\d+)H", r"T(?:.*?)(\d+)M", r"T(?:.*?)([\d.]+)S")
SPAN = (r"^(\d+)\.\d+:", r"^(?:\d+\.)?(\d+):\d+:\d", r"^(?:\d+\.)?\d+:(\d+):\d", r":\d+:([\d.]+)$")
"How .NET writes an interval of so many days, hours, minutes and seconds: 1.02:03:04.5."
TICKS = r'"Ticks"\s*:\s*(\d+)'
"How PowerShell writes one as an object, in ten-millionths of a second."
INTERVAL = f"""case
        when schedule.interval like 'P10675199D%' or schedule.interval like '10675199.%'
            or schedule.interval like '%9223372036854775807%' then null
        when regexp_full_match(schedule.interval, 'P[\\dDTHMS.]+') then {seconds(*ISO)}
        when regexp_full_match(schedule.interval, '(\\d+\\.)?\\d+:\\d+:[\\d.]+') then {seconds(*SPAN)}
        when regexp_matches(schedule.interval, '{TICKS}') then try_cast({part(TICKS)} / 1e7 as bigint)
    end"""
KINDS = 'list_filter(status."synchronizedEntryCountByType", lambda c: lower(c."key") like \'{}%\')'
ENTRIES = f'list_sum(list_transform({KINDS}, lambda c: c."value"))'

MESSAGE = """nullif(coalesce(status.quarantine.error.message, status."lastExecution".error.message), '')"""

TIMES = (
    '"observedAt"',
    'status."lastExecution"."timeBegan"',
    'status."lastExecution"."timeEnded"',
    'status."lastSuccessfulExecution"."timeEnded"',
    'status.quarantine."currentBegan"',
    'status.quarantine."nextAttempt"',
    'status.quarantine."seriesBegan"',
    'status."steadyStateFirstAchievedTime"',
    'status."steadyStateLastAchievedTime"',
)
ISO_OR_DOTNET = r"(\||\d{4}-\d\d-\d\d[T ][\d:.]+(Z| ?[+-]\d\d:?\d\d)?\||[^|]*/Date\(-?\d+[^|]*\|)*"
ALL_TIMES = " || ".join(f"coalesce({each}, '') || '|'" for each in TIMES)
UNREAD = f"not regexp_full_match({ALL_TIMES}, '{ISO_OR_DOTNET}')"
"Some instant is in another form, which the model may read."
LOST = f"""coalesce(schedule is null or status is null or status.code is null
        or (status.code = 'Quarantine' and (status.quarantine is null or status.quarantine.reason is null))
        or (status.quarantine is not null and status.quarantine."currentBegan" is null)
        or (status."lastExecution" is not null and status."lastExecution".state is null)
        or (schedule.interval <> '' and schedule.interval not like 'P%' and ({INTERVAL}) is null)
        or ("servicePrincipal" is not null and "servicePrincipal"."displayName" is null)
        or {UNREAD}, false)"""
"""What a row lacks that was read in one spelling, or read as no instant, where the document has it: it is read again by
the model."""

ROWS = f"""
select
    md5(concat_ws('|', id, "observedAt", to_json(status)::varchar, to_json(schedule)::varchar)) as snapshot_id,
    lower(nullif("tenantId", '')) as tenant_id,
    nullif(id, '') as job_id,
    nullif("servicePrincipal".id, '') as app_id,
    nullif("servicePrincipal"."displayName", '') as app_name,
    coalesce(
        {moment('"observedAt"')},
        {moment('status."lastExecution"."timeEnded"')},
        {moment('status.quarantine."currentBegan"')},
        timestamp '{{written_at}}') as observed_at,
    status.code as state,
    nullif(status.quarantine.reason, '') as quarantine_reason,
    coalesce({moment('status.quarantine."seriesBegan"')}, {moment('status.quarantine."currentBegan"')})
        as quarantine_since,
    status.quarantine."seriesCount" as quarantine_count,
    {moment('status.quarantine."nextAttempt"')} as next_attempt_at,
    {INTERVAL} as interval_s,
    {moment('status."lastExecution"."timeBegan"')} as last_began_at,
    {moment('status."lastExecution"."timeEnded"')} as last_ended_at,
    case when status.code <> 'NotRun' then status."lastExecution".state end as last_state,
    status."lastExecution"."countEscrowed" as escrowed,
    status."lastExecution"."countExported" as exported,
    status."lastExecution"."countImported" as imported,
    try_cast(list_sum(list_transform(status.progress, lambda p: p."completedUnits")) as bigint) as completed_units,
    try_cast(list_sum(list_transform(status.progress, lambda p: p."totalUnits")) as bigint) as total_units,
    try_cast({ENTRIES.format("user")} as bigint) as users,
    try_cast({ENTRIES.format("group")} as bigint) as groups,
    {moment('status."steadyStateFirstAchievedTime"')} as steady_since,
    status."countSuccessiveCompleteFailures" as successive_failures,
    try_cast(list_filter("synchronizationJobSettings",
        lambda s: s."name" = 'QuarantineTooManyDeletesThreshold')[1]."value" as bigint) as deletion_threshold,
    nullif(nullif(coalesce(status.quarantine.error.code, status."lastExecution".error.code), 'None'), '') as error_code,
    {MESSAGE} as error_message,
    nullif("templateId", '') as template_id,
    nullif(schedule.state, '') as schedule_state,
    nullif(status."lastExecution"."activityIdentifier", '') as activity_id,
    status."lastExecution"."countEntitledForProvisioning" as entitled,
    status."lastExecution"."countExports" as expected_exports,
    nullif(status.progress[-1].units, '') as progress_unit,
    {moment('status.progress[-1]."progressObservationDateTime"')} as progress_at,
    {moment('status."lastSuccessfulExecution"."timeEnded"')} as last_good_at,
    {moment('status."steadyStateLastAchievedTime"')} as steady_last_at,
    status."escrowsPruned" as escrows_pruned,
    coalesce(status.quarantine.error."tenantActionable", status."lastExecution".error."tenantActionable")
        as tenant_actionable,
    number,
    {LOST} as lost
from ({{relation}})
"""


def recognises(head: Head) -> bool:
    """A job has a schedule and a status of its own."""
    return head.has("schedule", "status") and (head.has("templateId") or head.inner("status").has("code"))


IDS = ("job_id", "tenant_id", "app_id", "activity_id")
TEXTS = (
    *IDS, "app_name", "state", "quarantine_reason", "last_state", "error_code", "error_message", "template_id",
    "schedule_state", "progress_unit",
)  # fmt: skip


def job_rows(relation: str, written_at: str, redaction: Redaction) -> str:
    """Builds SQL for the columns of `job_snapshots`; `written_at` dates documents that hold no instant at all."""
    rows = ROWS.replace("{written_at}", written_at).replace("{relation}", relation)
    return redaction(rows, TEXTS, {}, IDS)


SOURCE = Source("jobs", "job_snapshots", Job, recognises, lambda records: f"select * from ({records})")
