"""What was staged lands in the store, inside one transaction: what is new is kept, what is known is counted.

An event is known by (event_id, job_id), an exchange by its id, a snapshot by its content. The store is searched only
around the batch's own instants, which keeps the cost of a batch the same however much is stored, before it and behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from pipeline.ingest.records.words import Action, Status, undocumented
from pipeline.ingest.stage import Reject
from pipeline.store.lake import Cursor
from pipeline.store.migrate import schema_text

TABLES = ("events", "exchanges", "job_snapshots")
LATE_DAYS = 31
"Log Analytics replaces an instant more than two days late by when it arrived, and Entra keeps events for 30 days."

EMPTY = """
create or replace temp table staged_events as select *, 0 as number, false as lost from events limit 0;
create or replace temp table staged_exchanges as
    select *, false as partial, false as counted, 0 as number from exchanges limit 0;
create or replace temp table staged_job_snapshots as select *, 0 as number, false as lost from job_snapshots limit 0;
"""

# A table of fewer than 122,880 rows is scanned by one core, unless DuckDB is told to share out small tables as well.
# Only the lines whose hash is there more than once are sorted. Joins are written as joins: for a correlated subquery
# DuckDB copies every wide row to find out which are wanted.
REPEATED = """
pragma verify_parallelism;
create or replace temp table repeated as
with lines as materialized (
    select rowid as rid, number, event_id, job_id, hash(event_id, job_id) as word from staged_events
)
select rid
from (
    select rid, row_number() over (partition by event_id, job_id order by number, rid) > 1 as again
    from lines
    where word in (select word from lines group by word having count(*) > 1)
)
where again
union
select b.rid
from lines b
semi join (
    select event_id, job_id from events where occurred_at between timestamp '{low}' and timestamp '{high}'
) e
    on e.event_id = b.event_id and e.job_id is not distinct from b.job_id;
pragma disable_verify_parallelism;
"""
ARRIVING = "create or replace temp view arriving as select s.* exclude (number, lost) from staged_events s"
NOT_REPEATED = " anti join repeated r on r.rid = s.rowid"
"Wide rows are joined only where there is something to leave out."
EVENTS = """
pragma verify_parallelism;
insert into events select * from arriving;
{fold}
pragma disable_verify_parallelism;
"""
EVENT_COUNTS = f"""
select
    s.number,
    count(*) as lines,
    count(r.rid) as duplicates,
    count(*) filter (where r.rid is null
        and ({undocumented(Action, 's."action"')} or {undocumented(Status, "s.status")})) as unfamiliar,
    min(occurred_at),
    max(occurred_at)
from staged_events s
left join repeated r on r.rid = s.rowid
group by s.number
"""

MERGED = (
    "tenant_id", "app_id", '"method"', '"path"', "resource_type", "resource_id", '"filter"', "operation", "http_status",
    "scim_type", "detail", "duration_ms", "request_id", "client", "request_body", "response_body",
)  # fmt: skip
# Only lines whose id is there more than once, or of which the store has a part, are merged: that takes 16 aggregates.
EXCHANGES = f"""
create or replace temp table exchange_lines as
with lines as materialized (
    select rowid as rid, number, exchange_id, partial, counted, occurred_at, hash(exchange_id) as word
    from staged_exchanges
), repeated_words as materialized (
    select word from lines group by word having count(*) > 1
), numbered as (
    select * exclude (counted, word), false as again from lines anti join repeated_words using (word)
    union all
    select
        * exclude (counted, word, nth) replace (
            exchange_id || case when counted and nth > 1 then '-' || nth else '' end as exchange_id),
        true as again
    from (
        select *, row_number() over (partition by number, exchange_id order by rid) as nth
        from lines
        semi join repeated_words using (word)
    )
)
select n.*, k.exchange_id is not null as stored
from numbered n
left join (
    select distinct exchange_id
    from exchanges
    where occurred_at between timestamp '{{low}}' and timestamp '{{high}}'
) k using (exchange_id);
create or replace temp table merged_lines as
with merged as (select distinct exchange_id from exchange_lines where again or (stored and partial))
select l.*, row_number() over (order by number, rid) as place
from exchange_lines l
semi join merged using (exchange_id);
create or replace temp table folded as
select
    f.exchange_id,
    least(f.occurred_at, k.occurred_at) as occurred_at,
    {", ".join(f"coalesce(k.{name}, f.{name}) as {name}" for name in MERGED)},
    k.occurred_at as stored_at,
    k.exchange_id is not null as was_known,
    k.exchange_id is not null and not (f.partial and (
        (k.http_status is null and f.http_status is not null)
        or (k.request_body is null and f.request_body is not null))) as unchanged
from (
    select
        l.exchange_id,
        min(l.occurred_at) as occurred_at,
        bool_or(l.partial) as partial,
        {", ".join(f"arg_min({name}, place) as {name}" for name in MERGED)}
    from staged_exchanges s
    join merged_lines l on l.rid = s.rowid
    group by l.exchange_id
) f
left join (
    from exchanges
    semi join merged_lines using (exchange_id)
    where occurred_at between timestamp '{{low}}' and timestamp '{{high}}'
) k using (exchange_id);
delete from exchanges
where occurred_at between timestamp '{{low}}' and timestamp '{{high}}'
    and exchange_id in (select exchange_id from folded where was_known and not unchanged);
create or replace temp view new_lines as
select s.*
from staged_exchanges s
anti join (select rid from exchange_lines where stored union all select rid from merged_lines) o on o.rid = s.rowid;
insert into exchanges
select * exclude (partial, counted, number) from new_lines
union all
select * exclude (was_known, unchanged, stored_at) from folded where not unchanged;
create or replace temp view arriving_requests as
select occurred_at from new_lines
union all
select unnest([occurred_at, stored_at]) from folded where not unchanged;
insert into unpaired_days from days_to_pair('arriving_requests');
"""
EXCHANGE_COUNTS = """
select
    number,
    count(*) as lines,
    count(*) filter (where case when m.rid is null then stored else unchanged or (not partial and later) end),
    0 as unfamiliar,
    min(occurred_at),
    max(occurred_at)
from exchange_lines l
left join (
    select rid, unchanged, row_number() over (partition by exchange_id order by place) > 1 as later
    from merged_lines
    join folded using (exchange_id)
) m using (rid)
group by number
"""

SNAPSHOTS = """
create or replace temp table repeated_snapshots as
select rid
from (
    select rowid as rid, snapshot_id, row_number() over (partition by snapshot_id order by number, rowid) > 1 as again
    from staged_job_snapshots
) b
where again or snapshot_id in (select snapshot_id from job_snapshots);
insert into job_snapshots
select * exclude (number, lost) from staged_job_snapshots where rowid not in (select rid from repeated_snapshots);
"""
SNAPSHOT_COUNTS = """
select number, count(*), count(r.rid), 0, min(observed_at), max(observed_at)
from staged_job_snapshots s
left join repeated_snapshots r on r.rid = s.rowid
group by number
"""

LOADING = {
    "events": (EVENTS, EVENT_COUNTS, LATE_DAYS * 86400),
    "exchanges": (EXCHANGES, EXCHANGE_COUNTS, 86400),
    "job_snapshots": (SNAPSHOTS, SNAPSHOT_COUNTS, 0),
}


@dataclass(frozen=True)
class Loaded:
    """What became of one piece's staged rows."""

    lines: int
    duplicates: int
    unfamiliar: int
    first: datetime | None
    last: datetime | None


def empty_stage(cursor: Cursor) -> None:
    """Makes the staging tables, or makes them empty again."""
    cursor.execute(EMPTY)


def load_staged(cursor: Cursor) -> dict[int, Loaded]:
    """Moves what is staged into the store's tables; returns what became of each piece's rows, by its number."""
    loaded: dict[int, Loaded] = {}
    for table in TABLES:
        count, low, high = stretch(cursor, table)
        if count:
            statements, counts, _ = LOADING[table]
            if table == "events":
                find_repeated(cursor, low, high)
            cursor.execute(statements.format(low=low, high=high, fold=fold()))
            for number, *rest in cursor.execute(counts).fetchall():
                loaded[int(number)] = Loaded(*rest)
    return loaded


def find_repeated(cursor: Cursor, low: str, high: str) -> None:
    """Makes the view of the staged events that are new: neither stored nor staged before."""
    cursor.execute(REPEATED.format(low=low, high=high))
    [(some,)] = cursor.execute("select count(*) > 0 from repeated").fetchall()
    cursor.execute(ARRIVING + NOT_REPEATED if some else ARRIVING)


def moment(table: str) -> str:
    """Returns the name of a table's instant."""
    return "observed_at" if table == "job_snapshots" else "occurred_at"


def stretch(cursor: Cursor, table: str) -> tuple[int, str, str]:
    """Counts what is staged, and returns the instants between which the store is searched for it.

    An event's instant is the same by every route but through Log Analytics, where it may be later.
    """
    before, after = "true", "true"
    if table == "events":
        before = "bool_or(source = 'log_analytics')"
        after = f"{before} or exists (from files where source = 'log_analytics')"
    instant, margin = moment(table), LOADING[table][2]
    query = f"""
        select
            count(*),
            (coalesce(min({instant}), 'infinity') - to_seconds(case when {before} then {margin} else 1 end))::varchar,
            (coalesce(max({instant}), '-infinity') + to_seconds(case when {after} then {margin} else 1 end))::varchar
        from staged_{table}
    """
    [(count, low, high)] = cursor.execute(query).fetchall()
    return int(count), str(low), str(high)


def fold() -> str:
    """Returns the statements that add the arriving events to the aggregates."""
    return schema_text("load_aggregates.sql")


def keep_rejects(cursor: Cursor, rejects: Sequence[tuple[str, Reject]], at: datetime) -> None:
    """Adds rejects, each under its file; one that is there already is not added again."""
    if not rejects:
        return
    arriving = pa.table(
        {
            "file": [file for file, _ in rejects],
            "line": pa.array([reject.line for _, reject in rejects], pa.int64()),
            "reason": [reject.reason for _, reject in rejects],
            "raw": pa.array([reject.raw for _, reject in rejects], pa.binary()),
        }
    )
    cursor.register("arriving_rejects", arriving)
    cursor.execute(
        """
        insert into rejects
        select distinct "file", line, reason, "raw", ?::timestamp from arriving_rejects a
        where not exists (
            select 1 from rejects r
            where r."file" = a."file" and r.line is not distinct from a.line and r."raw" = a."raw")
        """,
        [at],
    )
    cursor.unregister("arriving_rejects")


def rejected_before(cursor: Cursor, file: str) -> set[bytes]:
    """Reads what was rejected under a name before."""
    return {bytes(raw) for (raw,) in cursor.execute('select "raw" from rejects where "file" = ?', [file]).fetchall()}
