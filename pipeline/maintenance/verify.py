"""Checks a lake: its catalog, every data file, counts against the ledger, doubles and orphans."""

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.config.settings import Settings
from pipeline.config.wording import count
from pipeline.ingest.formats import SOURCES
from pipeline.maintenance.data_files import BrokenFile, Progress, broken_files, listed_files
from pipeline.maintenance.orphans import find_orphans
from pipeline.store.failures import RESTORE
from pipeline.store.lake import Store
from pipeline.store.synced_files import read_checksums

# In a process of its own: closing the catalog in this one would let go of the locks that DuckDB's SQLite has on it.
QUICK_CHECK = """
import sqlite3, sys
with sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True) as catalog:
    print(*(row[0] for row in catalog.execute("pragma quick_check(5)")), sep="; ")
"""
TAKEN_OUT = "repair took it out."
"How the line of `rejects` ends that a repair writes about a data file."
KEYS = {
    "events": "event_id, job_id",
    "exchanges": "exchange_id",
    "job_snapshots": "snapshot_id",
    "files": '"file"',
}
"Tables and what no two of their rows share."
DOUBLES = "select count(*) - count(distinct hash({key})) from {table}"
SUMS = (
    ("the hourly counts", "select coalesce(sum(events), 0) from hourly_parts", "events"),
    ("the rows of event_spine", "select count(*) from event_spine", "events"),
)
"Tables that hold a row, or a count, for each row of another."
LEDGER = f"""
select
    coalesce(sum(kept), 0)::bigint,
    coalesce(sum(kept + duplicates), 0)::bigint,
    exists (from coverage where source = 'forgotten')
        or exists (from rejects where line = 0 and ends_with(reason, '{TAKEN_OUT}')),
    count(*) filter (is_present) = 0
        or exists (from rejects where line = 0 and ends_with(reason, '{TAKEN_OUT}') and contains(reason, '(files, '))
from (
    select source, kept, duplicates, true as is_present from files
    {{replaced}}
)
where list_contains(?, source)
"""
REPLACED = "union all select source, kept, duplicates, false from replaced_files"
COUNTS_REPLACED = "select count(*) > 0 from duckdb_tables() where table_name = 'replaced_files'"
MISSUMMED = 'select "file", lines, kept, duplicates, rejects from files where lines <> kept + duplicates + rejects'


@dataclass(frozen=True)
class Fault:
    """Something that is not as it should be."""

    kind: str
    "catalog, file, double, count, ledger or orphans."
    subject: str
    sentence: str


@dataclass
class Verified:
    """What was checked of a lake, and what is wrong with it."""

    files: int = 0
    size: int = 0
    checksums: int = 0
    "Files whose checksum was kept when they were written; the others were read instead."
    rows: int = 0
    "Rows of all tables."
    orphans: int = 0
    counted: bool = True
    "Whether rows could be counted."
    is_former: bool = False
    "Whether the store is of before replaced files were counted, so that rows beyond the ledger's counts mean nothing."
    broken: list[BrokenFile] = field(default_factory=list)
    past: list[BrokenFile] = field(default_factory=list)
    "Broken files that only older snapshots read, which expire."
    faults: list[Fault] = field(default_factory=list)


def catalog_fault(settings: Settings) -> Fault | None:
    """Checks a SQLite catalog's own structure."""
    catalog = settings.catalog_file
    if catalog is None or not catalog.is_file():
        return None
    check = subprocess.run([sys.executable, "-c", QUICK_CHECK, str(catalog)], capture_output=True, text=True)
    said = " ".join(check.stdout.split()) or check.stderr.strip().rpartition("\n")[2]
    return None if said == "ok" else Fault("catalog", str(catalog), f"{catalog}: {said}; {RESTORE}.")


def verify(store: Store, now: datetime, progress: Progress = lambda _share: None) -> Verified:
    """Checks every data file, then counts; a lake with broken files is not counted."""
    files, kept = listed_files(store), read_checksums(store.folder)
    verified = Verified(
        files=len(files),
        size=sum(file.size for file in files),
        checksums=sum(file.path in kept for file in files),
        rows=sum(file.rows * (-1 if file.is_delete else 1) for file in files if file.is_current),
    )
    broken = broken_files(store, files, lambda share: progress(0.9 * share))
    verified.broken = [one for one in broken if one.file.is_current]
    verified.past = [one for one in broken if not one.file.is_current]
    verified.faults += map(file_fault, verified.broken)
    verified.counted = not verified.broken
    if verified.counted:
        verified.faults += [*double_faults(store), *count_faults(store), *ledger_faults(store)]
        verified.is_former = not counts_replaced(store)
    orphans = find_orphans(store, now)
    verified.orphans = len(orphans.files)
    if orphans.stop:
        verified.faults.append(Fault("orphans", str(store.folder), orphans.stop))
    progress(1.0)
    return verified


def file_fault(broken: BrokenFile) -> Fault:
    """Describes a broken file."""
    file = broken.file
    what = f"of {count(file.rows, 'deleted row')}" if file.is_delete else f"with {count(file.rows, 'row')}"
    return Fault("file", file.path, f"{file.path} ({file.table}, {what}) {broken.fault}.")


def double_faults(store: Store) -> list[Fault]:
    """Finds rows that are there twice."""
    doubles = {table: store.rows(DOUBLES.format(key=key, table=table))[0][0] for table, key in KEYS.items()}
    return [
        Fault("double", table, f"{table} has {count(many, 'row')} twice, by {KEYS[table]}.")
        for table, many in doubles.items()
        if many
    ]


def count_faults(store: Store) -> list[Fault]:
    """Compares tables that are made of others with these."""
    faults = []
    for name, sql, table in SUMS:
        [(found,)], [(expected,)] = store.rows(sql), store.rows(f"select count(*) from {table}")
        if found != expected:
            sentence = f"{table} has {expected:,} rows; {name} count {found:,}."
            faults.append(Fault("count", table, sentence))
    return faults


def counts_replaced(store: Store) -> bool:
    """Whether a store counts what was replaced; it is checked before it is migrated."""
    return store.rows(COUNTS_REPLACED) == [(True,)]


def ledger_faults(store: Store) -> list[Fault]:
    """Compares the rows that are there with what the ledger says of the files that brought them.

    What was counted of a file whose content was replaced since counts as well. Several lines of a log may be one
    request; a file that was read anew has duplicates; retention and repairs drop
    rows, and repairs lines of the ledger. Where it has no line at all the store is of before the ledger.
    """
    faults = [
        Fault(
            "ledger", file, f"{file}: {lines:,} lines are not {kept:,} kept, {doubles:,} duplicates, {bad:,} rejects."
        )
        for file, lines, kept, doubles, bad in store.rows(MISSUMMED)
    ]
    is_former = not counts_replaced(store)
    ledger = LEDGER.format(replaced="" if is_former else REPLACED)
    for table in ("events", "exchanges", "job_snapshots"):
        sources = [source.name for source in SOURCES if source.table == table]
        [(kept, seen, is_cut, is_lost)] = store.rows(ledger, [sources])
        [(stored,)] = store.rows(f"select count(*) from {table}")
        if (stored > seen and not is_former and not is_lost) or (stored < kept and table != "exchanges" and not is_cut):
            sentence = (
                f"The ledger has {kept:,} kept records of {table}, {seen:,} with duplicates; {stored:,} are stored."
            )
            faults.append(Fault("ledger", table, sentence))
    return faults
