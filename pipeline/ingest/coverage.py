"""What a file covers: the stretch from its first record to its last, for the jobs that it names, in `coverage`.

A diagnostic blob in a storage account's layout covers its hour for every job of its tenant: Azure writes an hour's
records there and nowhere else. A file that grows stretches what it covered before; one that took another's name adds to
it. Duplicates count as well. Job status needs no such line: an observation is its own evidence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from pipeline.ingest.bounds import is_within
from pipeline.store.lake import Cursor

HOURLY = re.compile(r"(?:^|\W)y=(\d{4})\Wm=(\d{1,2})\Wd=(\d{1,2})\Wh=(\d{1,2})(?!\d)")
"How a storage account lays out hours; also with its slashes replaced, as a download may name the file."
FREEZES = 600
"Seconds after its hour within which a blob still grows: 2 to 8 minutes were seen with sister categories."
EVIDENCE_SCHEMA = pa.schema(
    [("number", pa.int64()), ("origin", pa.string()), ("source", pa.string())]
    + [(name, pa.timestamp("us")) for name in ("first_at", "last_at", "hour")]
)

STRETCHES = f"""
create or replace temp table arriving_stretches as
with staged_spans as (
    select number, tenant_id, job_id, min(occurred_at) as first_at, max(occurred_at) as last_at
    from staged_events
    where job_id is not null
    group by all
    union all
    select number, tenant_id, null, min(occurred_at), max(occurred_at) from staged_exchanges group by all
    having min(occurred_at) is not null
), hourly as (
    select origin, source, tenant_id, "hour" as since, "hour" + interval 1 hour as until, max(t.last_at) as last_at
    from staged_spans t
    join arriving_files using (number)
    where t.last_at >= "hour" and t.first_at < "hour" + interval 1 hour
    group by origin, source, tenant_id, "hour"
), former as (
    select c.origin, c.source, c.tenant_id, c.job_id, c.since, c.until
    from coverage c
    join (select distinct origin, source, first_at, last_at from arriving_files where "hour" is null) a
        on a.origin = c.origin and a.source = c.source and c.since >= date_trunc('second', a.first_at)
        and c.until <= date_trunc('second', a.last_at) + interval 1 second
), stretched as (
    select
        origin,
        source,
        tenant_id,
        job_id,
        min(since) over (partition by origin, source, tenant_id) as since,
        max(until) over (partition by origin, source, tenant_id) as until
    from (
        select
            origin,
            source,
            tenant_id,
            job_id,
            date_trunc('second', t.first_at) as since,
            date_trunc('second', t.last_at) + interval 1 second as until
        from staged_spans t
        join arriving_files using (number)
        where "hour" is null
        union all
        from former
    )
)
select
    origin,
    source,
    tenant_id,
    null::varchar as job_id,
    since,
    case
        when until + to_seconds({FREEZES}) <= $at then until
        else least(until, date_trunc('second', last_at) + interval 1 second)
    end as settled_until,
    until
from hourly
union all
select distinct origin, source, tenant_id, job_id, since, until, until from stretched
"""
CONTAINED = """
delete from coverage c
using arriving_stretches t
where c.origin = t.origin and c.source = t.source and c.tenant_id is not distinct from t.tenant_id
    and c.job_id is not distinct from t.job_id and c.since >= t.since and c.until <= t.until
    and c.settled_until <= t.settled_until
"""
ADDED = """
insert into coverage by name
select t.*, $at as read_at
from arriving_stretches t
where not exists (
    select 1
    from coverage c
    where c.origin = t.origin and c.source = t.source and c.tenant_id is not distinct from t.tenant_id
        and c.job_id is not distinct from t.job_id and c.since <= t.since and c.settled_until >= t.settled_until)
"""
FROZEN = f"""
update coverage
set settled_until = until
where source = 'diagnostic' and job_id is null and settled_until < until and starts_with(origin, '/')
    and until + to_seconds({FREEZES}) <= $at
"""


@dataclass(frozen=True)
class Evidence:
    """One piece of a file, and what had been read of the file before it."""

    number: int
    file: str
    source: str | None
    first_at: datetime | None
    last_at: datetime | None


def record_coverage(cursor: Cursor, evidence: Sequence[Evidence], at: datetime) -> None:
    """Writes which time the staged rows of some files cover.

    `at` is the present, by which an hour that may still grow is told from a settled one.
    """
    cursor.register("arriving_files", evidence_table(evidence))
    cursor.execute(STRETCHES, {"at": at})
    cursor.execute(CONTAINED)
    cursor.execute(ADDED, {"at": at})
    if any(one.source == "diagnostic" for one in evidence):
        # The run has looked at every file: an hour's blob that did not grow since is as long as it will be.
        cursor.execute(FROZEN, {"at": at})
    cursor.unregister("arriving_files")


def evidence_table(evidence: Sequence[Evidence]) -> pa.Table:
    """Builds a row for each piece, with the hour that a diagnostic blob's path names."""
    rows = [
        (one.number, one.file, one.source, one.first_at, one.last_at, named_hour(one.file) if diagnostic else None)
        for one in evidence
        for diagnostic in [one.source == "diagnostic"]
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(EVIDENCE_SCHEMA)
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, EVIDENCE_SCHEMA, strict=True)]
    return pa.table(arrays, EVIDENCE_SCHEMA)


def named_hour(name: str) -> datetime | None:
    """Reads an hour from a path in a storage account's layout.

    >>> named_hour("tenantId=b03d/y=2026/m=01/d=17/h=09/m=00/PT1H.json")
    datetime.datetime(2026, 1, 17, 9, 0)
    """
    match = HOURLY.search(name)
    try:
        hour = datetime.strptime("-".join(match.groups()), "%Y-%m-%d-%H") if match else None
    except ValueError:
        return None
    return hour if hour is not None and is_within(hour) else None
