"""What a file vouches for: the stretch from its first record to its last, for the jobs that it names, in `coverage`.

A diagnostic blob in a storage account's layout vouches for its hour and every job of its tenant: Azure writes an
hour's records there and nowhere else. A file that grows stretches what it vouched for before; one that took another's
name adds to it. Duplicates vouch as well. Job status needs no such line: an observation speaks for itself.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from pipeline.ingest.offsets import Entry
from pipeline.ingest.results import Arrival
from pipeline.store.lake import Cursor

HOURLY = re.compile(r"(?:^|\W)y=(\d{4})\Wm=(\d{1,2})\Wd=(\d{1,2})\Wh=(\d{1,2})(?!\d)")
"How a storage account lays out hours; also with its slashes replaced, as a download may name the file."
FREEZES = 600
"Seconds after its hour within which a blob still grows: 2 to 8 minutes were seen with sister categories."
TOLD_SCHEMA = pa.schema(
    [("number", pa.int64()), ("origin", pa.string()), ("source", pa.string())]
    + [(name, pa.timestamp("us")) for name in ("first_at", "last_at", "hour")]
)

STRETCHES = f"""
create or replace temp table arriving_stretches as
with told as (
    select number, tenant_id, job_id, min(occurred_at) as first_at, max(occurred_at) as last_at
    from staged_events
    where job_id is not null
    group by all
    union all
    select number, tenant_id, null, min(occurred_at), max(occurred_at) from staged_exchanges group by all
), hourly as (
    select origin, source, tenant_id, "hour" as since, "hour" + interval 1 hour as until, max(t.last_at) as last_at
    from told t
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
        from told t
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


def vouch(cursor: Cursor, arrivals: Sequence[Arrival], former: Mapping[str, Entry], at: datetime) -> None:
    """Writes what the staged rows of some files vouch for; `former` has each file's line before this transaction.

    `at` is the present, by which an hour that may still grow is told from a settled one.
    """
    cursor.register("arriving_files", told(arrivals, former))
    cursor.execute(STRETCHES, {"at": at})
    cursor.execute(CONTAINED)
    cursor.execute(ADDED, {"at": at})
    if any(one.entry.source == "diagnostic" for one in arrivals):
        # The run has looked at every file: an hour's blob that did not grow since is as long as it will be.
        cursor.execute(FROZEN, {"at": at})
    cursor.unregister("arriving_files")


def told(arrivals: Sequence[Arrival], former: Mapping[str, Entry]) -> pa.Table:
    """Gives a row for each piece: its file, its source, what was read of the file before, and the hour in its name."""
    rows = [
        (one.number, one.file.name, one.entry.source, before.first_event_at, before.last_event_at, hour_of(one))
        for one in arrivals
        for before in [former[one.file.name]]
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(TOLD_SCHEMA)
    return pa.table(
        [pa.array(column, kind.type) for column, kind in zip(columns, TOLD_SCHEMA, strict=True)], TOLD_SCHEMA
    )


def hour_of(arrival: Arrival) -> datetime | None:
    """Gives the hour that a diagnostic blob's path names; None for any other file."""
    return named_hour(arrival.file.name) if arrival.entry.source == "diagnostic" else None


def named_hour(name: str) -> datetime | None:
    """Reads an hour from a path in a storage account's layout.

    >>> named_hour("tenantId=b03d/y=2026/m=01/d=17/h=09/m=00/PT1H.json")
    datetime.datetime(2026, 1, 17, 9, 0)
    """
    found = HOURLY.search(name)
    try:
        return datetime.strptime("-".join(found.groups()), "%Y-%m-%d-%H") if found else None
    except ValueError:
        return None
