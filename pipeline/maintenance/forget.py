"""Removes what a file brought: its rows, its rejects and its line of the ledger.

The store does not keep which row came from which file. So the file is read once more, into a store of its own that
goes again: its records are those to remove, but for those that came first by another route, or that another file of
the ledger holds as well, which is read in the same way.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa

from pipeline.config.errors import StoreError
from pipeline.ingest.characters import fit_name
from pipeline.ingest.files import ingest
from pipeline.ingest.formats import SOURCES
from pipeline.ingest.offsets import Entry, keep_replaced, ledger_of
from pipeline.maintenance.data_files import Progress
from pipeline.maintenance.lost_hours import Bringing, Stretch, bringing_files, cut_coverage
from pipeline.maintenance.pairing import pair
from pipeline.maintenance.rebuild import rebuild, unpair
from pipeline.store.lake import Cursor, Store, open_store

SELECTED = {
    "events": "select event_id, job_id, source, occurred_at from events",
    "exchanges": 'select exchange_id, occurred_at, "method", "path", http_status, request_id from exchanges',
    "job_snapshots": "select snapshot_id from job_snapshots",
}
SAME = {
    "events": "k.event_id = t.event_id and k.job_id is not distinct from t.job_id",
    "exchanges": """k.occurred_at = t.occurred_at and (k.exchange_id = t.exchange_id
        or k.request_id is not distinct from t.request_id and k."method" is not distinct from t."method"
        and k."path" is not distinct from t."path" and k.http_status is not distinct from t.http_status)""",
    "job_snapshots": "k.snapshot_id = t.snapshot_id",
}
"By what a record of the file is the row of the store."
BROUGHT = {"events": "and k.source = t.source"}
"What makes a row one that the file brought first."
CHOSEN = """
create or replace temp table chosen_{table} as
select t.rowid as rid
from {table} t
semi join file_{table} k on {same} {brought}
anti join other_{table} k on {same}
"""
GONE = """
create or replace temp table removed_events as
select event_id, occurred_at, case when source_id is not null then object_number(job_id, source_id) end as object,
    order_of(occurred_at, event_id, "action", status) as order_key, job_id, cycle_id
from events
where rowid in (select rid from chosen_events)
"""
HOURS = """
create or replace temp table lost_hours as
select distinct 'events' as kind, job_id, date_trunc('hour', occurred_at) as "hour" from removed_events
union
select distinct 'exchanges', null, date_trunc('hour', occurred_at)
from exchanges
where rowid in (select rid from chosen_exchanges)
"""
FORGET = "delete from {table} where rowid in (select rid from chosen_{table})"
UNNAMED = (
    'delete from rejects where "file" in (select unnest($names))',
    "delete from coverage where origin in (select unnest($names))",
    'delete from files where "file" in (select unnest($names))',
)
OVERLAPPING = """
select distinct o."file"
from files o
join files f on f."file" in (select unnest($names)) and o."file" not in (select unnest($names))
where o.first_event_at <= f.last_event_at and o.last_event_at >= f.first_event_at
    and list_contains($alike, o.source)
order by all
"""


AGAIN = 'delete from files where "file" in (select unnest($names))'


@dataclass
class Forgotten:
    """What a file brought."""

    names: tuple[str, ...]
    "Its name in the ledger, or those of a zip file's members."
    rows: dict[str, int] = field(default_factory=dict)
    "Rows that go, by table."
    unknown: list[Stretch] = field(default_factory=list)
    "Hours of which rows went."
    bringing: list[Bringing] = field(default_factory=list)
    "Other files of the ledger of these hours."
    missing: tuple[str, ...] = ()
    "Other files that may hold the same records and are not there any more, so that nothing of them stays for that."


def names_of(path: str) -> str:
    """Returns the name by which the ledger would have a path."""
    return path if path.startswith("graph:") else fit_name(str(place_of(path)))


def place_of(path: str) -> Path:
    """Returns the file that a path leads to, under the name by which it was read."""
    place = Path(path)
    return place.resolve() if place.is_symlink() else place.parent.resolve() / place.name


def entries_below(store: Store, path: str) -> list[Entry]:
    """Returns the ledger's lines of a file, of a zip file's members, or of all files below a folder."""
    return sorted(ledger_of(store, [names_of(path).rstrip("/")]).values(), key=lambda entry: entry.file)


def forget(store: Store, path: str, *, dry_run: bool = False, progress: Progress = lambda _share: None) -> Forgotten:
    """Removes what a file brought; raises StoreError for one that was never read, or that is not there any more."""
    entries = entries_below(store, path)
    if not entries:
        raise StoreError(
            f"{path} is not in the ledger, so nothing of it is stored; see the files that are: "
            'python -m pipeline sql "select file from files"'
        )
    file = place_of(path)
    if not file.exists():
        raise StoreError(
            f"{names_of(path)} is not there any more. Its rows are found by reading it once more: put it back where "
            "it was, forget it, and remove it then."
        )
    names = tuple(entry.file for entry in entries)
    there, missing = others(store, names)
    forgotten = Forgotten(names, missing=missing)
    with (
        read_apart(store, [file]) as own,
        read_apart(store, there) as other,
        store.turn() as held,
    ):
        cursor = store.cursor()
        try:
            progress(0.3)
            choose(cursor, own, other)
            for table in SELECTED:
                [(count,)] = cursor.execute(f"select count(*) from chosen_{table}").fetchall()
                forgotten.rows[table] = int(count)
            if not dry_run:
                change = partial(remove, forgotten=forgotten, progress=lambda share: progress(0.3 + 0.6 * share))
                store.commit_in_turn(cursor, change, held)
        finally:
            cursor.close()
    if not dry_run and store.rows("select count(*) > 0 from exchanges") == [(True,)]:
        pair(store, lambda share: progress(0.9 + 0.1 * share))
    progress(1.0)
    return forgotten


def forget_reading(store: Store, paths: Sequence[str], *, dry_run: bool = False) -> list[Entry]:
    """Removes the ledger's lines of paths that are there, so that the next reading begins anew; returns these lines."""
    entries = [entry for path in paths if Path(path).exists() for entry in entries_below(store, path)]
    if entries and not dry_run:
        names = [entry.file for entry in entries]
        store.write(partial(begin_anew, names=names))
    return entries


def begin_anew(cursor: Cursor, names: Sequence[str]) -> None:
    """Removes the ledger's lines of files whose rows stay."""
    keep_replaced(cursor, names)
    cursor.execute(AGAIN, {"names": list(names)})


def others(store: Store, names: Sequence[str]) -> tuple[list[Path], tuple[str, ...]]:
    """Lists the other files of the ledger that may hold the same records: those that are there, and the others' names.

    Of a zip file's member that is the zip file.
    """
    tables = {source.name: source.table for source in SOURCES}
    sources = {entry.source for entry in ledger_of(store, names).values() if entry.source}
    alike = [name for name, table in tables.items() if table in {tables.get(source) for source in sources}]
    rows = store.rows(OVERLAPPING, {"names": list(names), "alike": alike})
    places = {name: Path(name) for (name,) in rows if name.startswith("/")}
    files = {
        name: next((one for one in (place, *place.parents) if one.is_file()), None) for name, place in places.items()
    }
    there = sorted({file for file in files.values() if file is not None})
    return there, tuple(name for name, file in files.items() if file is None)


@contextmanager
def read_apart(store: Store, files: Sequence[Path]) -> Iterator[dict[str, pa.Table]]:
    """Reads files into a store of their own and yields the records that it has, by table."""
    if not files:
        yield {table: store.fetch(f"{sql} limit 0") for table, sql in SELECTED.items()}
        return
    folder = Path(mkdtemp(prefix="provisioning-forget-"))
    place = {"store": f"ducklake:sqlite:{folder}/catalog.sqlite", "files": None}
    try:
        apart = open_store(store.settings.model_copy(update=place))
        try:
            ingest(apart, files)
            yield {table: apart.fetch(sql) for table, sql in SELECTED.items()}
        finally:
            apart.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def choose(cursor: Cursor, own: dict[str, pa.Table], other: dict[str, pa.Table]) -> None:
    """Finds the rows of the store that are a file's alone, as temporary tables `chosen_…`."""
    for table, same in SAME.items():
        cursor.register(f"file_{table}", own[table])
        cursor.register(f"other_{table}", other[table])
        cursor.execute(CHOSEN.format(table=table, same=same, brought=BROUGHT.get(table, "")))
        cursor.unregister(f"file_{table}")
        cursor.unregister(f"other_{table}")


def remove(cursor: Cursor, forgotten: Forgotten, progress: Progress) -> None:
    """Removes the chosen rows and what is derived from them, and all that bears the file's name."""
    cursor.execute(GONE)
    cursor.execute(HOURS)
    for table in SELECTED:
        cursor.execute(FORGET.format(table=table))
    names = list(forgotten.names)
    for statement in UNNAMED:
        cursor.execute(statement, {"names": names})
    if forgotten.rows["events"]:
        rebuild(cursor, set(), progress)
    unpair(cursor, everything=False)
    forgotten.unknown = cut_coverage(cursor)
    forgotten.bringing = bringing_files(cursor)
