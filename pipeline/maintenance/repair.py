"""Takes out of a lake what `verify` finds broken, and says what that makes unknown and which files bring it back.

A broken data file ends with the next snapshot, which also writes a line of `rejects` about it; older snapshots still
name it, and it stays where it is until they expire. Then rows that are there twice go once, what is derived from
events is made anew, and the coverage of the lost hours is cut. Each step can be repeated: a repair that was killed is
finished by the next one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from pipeline.config.clock import naive
from pipeline.config.wording import count
from pipeline.maintenance.data_files import BrokenFile, Progress, broken_files, listed_files
from pipeline.maintenance.lost_hours import Bringing, Stretch, bringing_files, cut_coverage
from pipeline.maintenance.pairing import pair
from pipeline.maintenance.rebuild import DERIVED, PAIRED, rebuild, unpair
from pipeline.maintenance.verify import KEYS, SUMS, TAKEN_OUT, double_faults
from pipeline.store.advisory_lock import AdvisoryLock
from pipeline.store.ducklake_workarounds import CATALOG
from pipeline.store.lake import Cursor, Store
from pipeline.store.migrate import MODEL_NUMBER, migration_files, read_migration, record

ENDED = """
update {catalog}.ducklake_data_file set end_snapshot = {next}
where data_file_id in ({numbers}) and end_snapshot is null;
update {catalog}.ducklake_delete_file set end_snapshot = {next}
where data_file_id in ({numbers}) and end_snapshot is null;
"""
BOUNDS = """
select min(try_cast(min_value as timestamp)), max(try_cast(max_value as timestamp))
from {catalog}.ducklake_file_column_stats c
join {catalog}.ducklake_column k on k.column_id = c.column_id and k.table_id = c.table_id
where c.data_file_id in ({numbers}) and k.column_name = 'occurred_at'
"""
GONE = """
create or replace temp table removed_events as
select null::varchar as event_id, s.occurred_at, s.object, s.order_key, s.job_id, s.cycle_id
from event_spine s
anti join (select order_of(occurred_at, event_id, "action", status) as order_key, job_id from events) e
    on e.order_key = s.order_key and e.job_id is not distinct from s.job_id
"""
NOTHING_GONE = """
create or replace temp table removed_events as
select null::varchar as event_id, occurred_at, object, order_key, job_id, cycle_id from event_spine limit 0
"""
HOURS_OF_GONE = """
create or replace temp table lost_hours as
select distinct 'events' as kind, job_id, date_trunc('hour', occurred_at) as "hour" from removed_events
"""
HOURS_BETWEEN = """
insert into lost_hours
select $kind, null, unnest(generate_series(date_trunc('hour', $since::timestamp), $until::timestamp, interval 1 hour))
"""
REJECT = """insert into rejects ("file", line, reason, "raw", rejected_at) values (?, 0, ?, ''::blob, ?)"""
ONCE = """
delete from {table}
where rowid in (
    select rid
    from (select rowid as rid, row_number() over (partition by {key} order by {order}) as nth from {table})
    where nth > 1)
"""
NEWEST_FIRST = {"files": "finished_at desc nulls last, rowid"}


@dataclass
class Repaired:
    """What was wrong with a lake, and what came of mending it."""

    broken: list[BrokenFile] = field(default_factory=list)
    "Data files that were taken out."
    lost_rows: dict[str, int] = field(default_factory=dict)
    "Rows that went with them, by table; those of derived tables were made anew."
    doubled: dict[str, int] = field(default_factory=dict)
    "Rows that were there twice, by table."
    rebuilt: bool = False
    "Whether what is derived from events was made anew."
    unknown: list[Stretch] = field(default_factory=list)
    "Hours of which rows went: their coverage is unknown now."
    bringing: list[Bringing] = field(default_factory=list)
    "Files of the ledger that may bring the rows back."

    @property
    def needs_repair(self) -> bool:
        """Whether anything was wrong."""
        return bool(self.broken or self.doubled or self.rebuilt)


def find_damage(store: Store, progress: Progress = lambda _share: None) -> Repaired:
    """Finds what a repair would take out, without what it would make unknown."""
    files = [file for file in listed_files(store) if file.is_current]
    broken = broken_files(store, files, progress)
    numbers = {one.file.number for one in broken}
    # Rows that a broken delete file leaves out would come back with its data file; they go with it.
    gone = [file for file in files if file.number in numbers]
    lost = {table: rows for table in {file.table for file in gone} if (rows := rows_of(gone, table))}
    found = Repaired(broken, dict(sorted(lost.items())))
    if not broken:
        found.doubled = doubles(store)
        found.rebuilt = bool(found.doubled.get("events")) or any(is_off(store, *one) for one in SUMS)
    return found


def rows_of(files: Iterable[object], table: str) -> int:
    """Counts the rows of data files of a table, without those that their delete files leave out."""
    return sum(f.rows * (-1 if f.is_delete else 1) for f in files if f.table == table)  # type: ignore[attr-defined]


def doubles(store: Store) -> dict[str, int]:
    """Counts the rows that are there twice, by table."""
    found = {fault.subject for fault in double_faults(store)}
    sql = "select count(*) - count(distinct hash({key})) from {table}"
    return {table: store.rows(sql.format(key=KEYS[table], table=table))[0][0] for table in KEYS if table in found}


def is_off(store: Store, _name: str, sql: str, table: str) -> bool:
    """Whether a derived table does not agree with the one that it is derived from."""
    return store.rows(sql) != store.rows(f"select count(*) from {table}")


def repair(store: Store, progress: Progress = lambda _share: None) -> Repaired:
    """Takes out what is broken or doubled and makes anew what is derived; the writers wait meanwhile."""
    done = find_damage(store, lambda share: progress(0.3 * share))
    if not done.needs_repair:
        return done
    with store.turn() as held:
        cursor = store.cursor()
        try:
            take_out(store, cursor, done, held)
            if not done.doubled:
                done.doubled = doubles(store)
            change = partial(apply_repair, done=done, progress=lambda share: progress(0.3 + 0.6 * share))
            store.commit_in_turn(cursor, change, held)
        finally:
            cursor.close()
    if store.rows("select count(*) > 0 from exchanges") == [(True,)]:
        pair(store, lambda share: progress(0.9 + 0.1 * share))
    progress(1.0)
    return done


def take_out(store: Store, cursor: Cursor, done: Repaired, held: AdvisoryLock | None) -> None:
    """Ends broken data files with the next snapshot, which is that of the lines about them."""
    if not done.broken:
        return
    numbers = ", ".join(str(one.file.number) for one in done.broken)
    [(newest,)] = cursor.execute(f"select max(snapshot_id) from {CATALOG}.ducklake_snapshot").fetchall()
    cursor.execute("begin")
    for statement in ENDED.format(catalog=CATALOG, numbers=numbers, next=int(newest) + 1).strip().split(";\n"):
        cursor.execute(statement.rstrip(";"))
    cursor.execute("commit")
    at = naive(datetime.now(UTC))

    def note(cursor: Cursor) -> None:
        lines = [(one.file.path, sentence(one), at) for one in done.broken]
        cursor.executemany(
            'insert into rejects ("file", line, reason, "raw", rejected_at) values (?, 0, ?, \'\'::blob, ?)', lines
        )

    store.commit_in_turn(cursor, note, held)


def sentence(one: BrokenFile) -> str:
    """Says in `rejects` what was taken out."""
    file = one.file
    return f"The store's file {file.path} ({file.table}, {count(file.rows, 'row')}) {one.fault}: {TAKEN_OUT}"


def keep_migrations(cursor: Cursor) -> None:
    """Records the migrations of this program again, and not the model, which is then built anew."""
    cursor.execute("delete from migrations where number = ?", [MODEL_NUMBER])
    known = {number for (number,) in cursor.execute("select number from migrations").fetchall()}
    for number, file in migration_files().items():
        if number not in known:
            record(cursor, (number, read_migration(file).name))


def apply_repair(cursor: Cursor, done: Repaired, progress: Progress) -> None:
    """Removes doubles, makes what is derived anew and cuts the coverage of what was lost, in one transaction."""
    damaged = done.lost_rows.keys() | {one.file.table for one in done.broken}
    if "migrations" in damaged:
        keep_migrations(cursor)
    cursor.execute(GONE if "events" in damaged or done.rebuilt else NOTHING_GONE)
    cursor.execute(HOURS_OF_GONE)
    for table in ("events", "exchanges"):
        lost = [one.file.number for one in done.broken if one.file.table == table]
        if lost and (table == "exchanges" or "event_spine" in damaged):
            add_hours_of_files(cursor, table, lost)
    for table in done.doubled:
        cursor.execute(ONCE.format(table=table, key=KEYS[table], order=NEWEST_FIRST.get(table, "rowid")))
    done.rebuilt = done.rebuilt or bool(damaged & {"events", *DERIVED}) or "events" in done.doubled
    if done.rebuilt:
        rebuild(cursor, set(damaged), progress)
    unpair(cursor, everything=bool(done.doubled or damaged & {"unpaired_days", *PAIRED}))
    done.unknown = cut_coverage(cursor)
    done.bringing = bringing_files(cursor)


def add_hours_of_files(cursor: Cursor, table: str, numbers: Sequence[int]) -> None:
    """Adds all hours between the first and the last row of data files, by what the catalog knows of them."""
    listed = ", ".join(map(str, numbers))
    [(since, until)] = cursor.execute(BOUNDS.format(catalog=CATALOG, numbers=listed)).fetchall()
    if since is not None:
        cursor.execute(HOURS_BETWEEN, {"kind": table, "since": since, "until": until})
