"""What was staged lands in the store, inside one transaction: what is new is kept, what is known is counted.

An event is known by (event_id, job_id), an exchange as load_exchanges.py says, a snapshot by its content. An event of a
portal download without ids is known by its change, also where another route brings it before or after. The store is
searched only around the batch's own instants, which keeps the cost of a batch the same however much is stored, before
it and behind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from pipeline.config.errors import StoreError
from pipeline.config.secrets import without_secrets
from pipeline.config.settings import Settings
from pipeline.ingest import unnamed_jobs
from pipeline.ingest.aggregates import add_to_aggregates
from pipeline.ingest.bounds import set_latest
from pipeline.ingest.characters import fit
from pipeline.ingest.load_exchanges import EXCHANGE_COUNTS, EXCHANGES, prepare_exchanges
from pipeline.ingest.piece_context import Reject
from pipeline.ingest.records.words import Action, Status, undocumented
from pipeline.ingest.staged_values import INSTANTS, make_fit, unfit_condition
from pipeline.ingest.unnamed_jobs import name_jobs
from pipeline.store.connections import lost_connections, while_reconnecting
from pipeline.store.lake import Cursor

TABLES = ("events", "exchanges", "job_snapshots")
LATE_DAYS = 31
"Log Analytics replaces an instant more than two days late by when it arrived, and Entra keeps events for 30 days."

STAGE = """
create or replace temp table staged_events as select *, 0 as number, false as lost from events limit 0;
create or replace temp table staged_exchanges as
    select *, false as partial, false as counted, false as passed_over, '' as former_id, '' as path_tenant, 0 as number
    from exchanges
    limit 0;
create or replace temp table staged_job_snapshots as select *, 0 as number, false as lost from job_snapshots limit 0;
"""

# A table of fewer than 122,880 rows is scanned by one core, unless DuckDB is told to share out small tables as well.
# Only the lines whose hash is there more than once are sorted. Joins are written as joins: for a correlated subquery
# DuckDB copies every wide row to find out which are wanted.
REPEATED = """
pragma verify_parallelism;
create or replace temp table repeated as
with lines as materialized (
    select rowid as rid, number, event_id, job_id, hash(event_id, job_id) as word, change_id,
        source = 'portal' and event_id = change_id as by_change
    from staged_events
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
    on e.event_id = b.event_id and e.job_id is not distinct from b.job_id
union
select b.rid
from lines b
semi join (
    select event_id, job_id
    from events
    where source = 'portal' and event_id = change_id and occurred_at between timestamp '{low}' and timestamp '{high}'
) e
    on e.event_id = b.change_id and e.job_id is not distinct from b.job_id
union
select b.rid
from lines b
semi join (
    select change_id, job_id
    from events
    where occurred_at between timestamp '{low}' and timestamp '{high}'
        and change_id in (select change_id from lines where by_change)
    union all
    select change_id, job_id from lines where not by_change
) e
    on e.change_id = b.change_id and e.job_id is not distinct from b.job_id
where b.by_change;
pragma disable_verify_parallelism;
"""
ARRIVING = "create or replace temp view arriving as select s.* exclude (number, lost) from staged_events s"
NOT_REPEATED = " anti join repeated r on r.rid = s.rowid"
"Wide rows are joined only where there is something to leave out."
EVENTS = """
pragma verify_parallelism;
insert into events select * from arriving;
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
    passed_over: int = 0
    "Lines that are no SCIM requests; they are not among the others."


def make_stage(cursor: Cursor, settings: Settings) -> None:
    """Makes the staging tables, without rows, and tells them the last instant that a row may hold."""
    statements = STAGE + set_latest(settings)
    with lost_connections():
        while_reconnecting(lambda: cursor.execute(statements))


def drop_stage(cursor: Cursor) -> None:
    """Drops the staging tables: they hold memory, and the next ones may not be needed."""
    cursor.execute("".join(f"drop table if exists temp.staged_{table};" for table in TABLES))


def load_staged(cursor: Cursor, files: Mapping[int, str]) -> dict[int, Loaded]:
    """Moves what is staged into the store's tables; returns what became of each piece's rows, by its number.

    `files` has the name of each piece's file.
    """
    loaded: dict[int, Loaded] = {}
    for table in TABLES:
        count, low, high, unfit = stretch(cursor, table)
        if count:
            statements, counts, _ = LOADING[table]
            if unfit:
                make_fit(cursor, table)
            if table == "events":
                find_repeated(cursor, low, high, name_jobs(cursor))
            elif table == "exchanges":
                prepare_exchanges(cursor, files)
            inserted = store_rows(cursor, table, statements.format(low=low, high=high))
            if table == "events":
                add_to_aggregates(cursor)
                cursor.execute("pragma disable_verify_parallelism")
            found = {int(number): Loaded(*rest) for number, *rest in cursor.execute(counts).fetchall()}
            check_arrived(cursor, table, inserted, sum(one.lines - one.duplicates for one in found.values()))
            for number, rows in found.items():
                # Records of Entra's other logs are counted beside a file's events.
                before = loaded.get(number)
                loaded[number] = rows if before is None else replace(before, passed_over=rows.passed_over)
    return loaded


def store_rows(cursor: Cursor, table: str, statements: str) -> int:
    """Runs the statements that store a table's rows; returns how many DuckDB says that it inserted."""
    before, name, behind = statements.partition(f"insert into {table}")
    insert, end, rest = behind.partition(";")
    if before.strip():
        cursor.execute(before)
    [(inserted,)] = cursor.execute(name + insert + end).fetchall()
    if rest.strip():
        cursor.execute(rest)
    return int(inserted)


def check_arrived(cursor: Cursor, table: str, inserted: int, kept: int) -> None:
    """Checks what is counted as kept against the rows that arrived; raises StoreError, so that nothing is stored.

    Lines of one request are rows together, so that there are fewer of these.
    """
    if table == "exchanges":
        [(merged,)] = cursor.execute("select count(*) from folded").fetchall()
        kept = inserted if merged else kept
    if inserted != kept:
        raise StoreError(
            f"{kept} rows of {table} were to be kept and {inserted} arrived, so that none of them is stored; "
            "a program's fault, which the file's name and this sentence help to find."
        )


def find_repeated(cursor: Cursor, low: str, high: str, has_unnamed: bool) -> None:
    """Makes the view of the staged events that are new: neither stored nor staged before."""
    cursor.execute(REPEATED.format(low=low, high=high))
    if has_unnamed:
        cursor.execute(unnamed_jobs.REPEATED.format(low=low, high=high))
    [(some,)] = cursor.execute("select count(*) > 0 from repeated").fetchall()
    cursor.execute(ARRIVING + NOT_REPEATED if some else ARRIVING)


def stretch(cursor: Cursor, table: str) -> tuple[int, str, str, bool]:
    """Counts what is staged; returns that, the instants between which the store is searched for it, and whether some
    value of it is not fit to be stored.

    An event's instant is the same by every route but through Log Analytics, where it may be later.
    """
    before, after = "true", "true"
    if table == "events":
        before = "bool_or(source = 'log_analytics')"
        after = f"{before} or exists (from files where source = 'log_analytics')"
    instant, margin = INSTANTS[table], LOADING[table][2]
    query = f"""
        select
            count(*),
            (coalesce(min({instant}), 'infinity') - to_seconds(case when {before} then {margin} else 1 end))::varchar,
            (coalesce(max({instant}), '-infinity') + to_seconds(case when {after} then {margin} else 1 end))::varchar,
            coalesce(bool_or({unfit_condition(cursor, table)}), false)
        from staged_{table}
    """
    [(count, low, high, unfit)] = cursor.execute(query).fetchall()
    return int(count), str(low), str(high), bool(unfit)


def keep_rejects(cursor: Cursor, rejects: Sequence[tuple[str, Reject]], at: datetime) -> None:
    """Adds rejects, each under its file; one that is there already is not added again."""
    if not rejects:
        return
    arriving = pa.table(
        {
            "file": [file for file, _ in rejects],
            "line": pa.array([reject.line for _, reject in rejects], pa.int64()),
            "reason": [without_secrets(fit(reject.reason)) for _, reject in rejects],
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
