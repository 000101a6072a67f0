"""Keeps the lake small and quick: retention, folding, merging, expiring, cleaning.

Each chore first looks, without the writers' turn, and takes the turn only when it found something to do, in pieces that
are short. Looking twice changes nothing, and answers stay as they were, retention aside.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any

from pipeline.folding import fold_parts, spare_parts
from pipeline.retention import drop_old_rows, old_rows
from pipeline.store import LAKE, Store

logger = logging.getLogger(__name__)

Found = Mapping[str, int]
SMALL_FILE = 32 * 1024 * 1024
"Bytes; larger Parquet files are left as they are, so that no row is rewritten round after round."
MANY_FILES = 8
FILES_A_TURN = 32
DELETED_SHARE = 0.25
GRACE = timedelta(minutes=5)
"How long a file that is no longer listed stays on disk: a question that began earlier may still read it."
CATALOG = f"__ducklake_metadata_{LAKE}"
KNOWN = (
    f"from (select path from {CATALOG}.ducklake_data_file union all select path from {CATALOG}.ducklake_delete_file)"
)
LISTED = f"""
    select t.table_name, f.record_count, f.file_size_bytes, coalesce(d.delete_count, 0) as deleted
    from {CATALOG}.ducklake_data_file f
    join {CATALOG}.ducklake_table t on t.table_id = f.table_id and t.end_snapshot is null
    left join {CATALOG}.ducklake_delete_file d
        on d.data_file_id = f.data_file_id and d.end_snapshot is null
    where f.end_snapshot is null"""
"The catalog's own list; DuckLake's function for it would be one call a table."
ORPHAN_AGE = timedelta(hours=1)


@dataclass(frozen=True)
class Chore:
    """One thing that maintenance does, in two halves."""

    name: str
    unit: str
    find: Callable[[Store, datetime], Found]
    "What there is to do: a table, or the lake, to a count of units."
    do: Callable[[Store, Found, datetime], None]


@dataclass(frozen=True)
class Done:
    """What a chore did, or in a dry run would do."""

    chore: str
    subject: str
    amount: int
    unit: str


def maintain(store: Store, now: datetime, *, dry_run: bool = False) -> list[Done]:
    """Does every chore that has something to do and tells of each; a dry run only tells. `now` is UTC, with its zone."""
    done: list[Done] = []
    for chore in CHORES:
        found = {subject: amount for subject, amount in chore.find(store, now).items() if amount}
        if found and not dry_run:
            chore.do(store, found, now)
        done += [Done(chore.name, subject, amount, chore.unit) for subject, amount in found.items()]
    return done


def worn_files(store: Store, _now: datetime) -> Found:
    """Counts the files of which retention or folding has deleted a good part, but not all."""
    return listed_files(store, f"deleted >= {DELETED_SHARE} * record_count")


def rewrite(store: Store, found: Found, _now: datetime) -> None:
    """Writes worn files anew without the rows that are gone."""
    for table in found:
        call(store, f"call ducklake_rewrite_data_files('{LAKE}', '{table}', delete_threshold => {DELETED_SHARE})")


def small_files(store: Store, _now: datetime) -> Found:
    """Counts a table's small files, where there are many."""
    small = listed_files(store, f"deleted = 0 and file_size_bytes < {SMALL_FILE}")
    return {table: count for table, count in small.items() if count >= MANY_FILES}


def merge(store: Store, found: Found, _now: datetime) -> None:
    """Merges small files, some in each turn, until a table has none that can be merged."""
    for table in found:
        limits = f"max_compacted_files => {FILES_A_TURN}, max_file_size => {SMALL_FILE}"
        for _turn in range(found[table]):
            if not call(store, f"call ducklake_merge_adjacent_files('{LAKE}', '{table}', {limits})"):
                break


def listed_files(store: Store, condition: str) -> Found:
    """Counts a table's present Parquet files that meet a condition on record_count, deleted and file_size_bytes."""
    return dict(store.rows(f"select table_name, count(*) from ({LISTED}) where {condition} group by all"))


def old_snapshots(store: Store, now: datetime) -> Found:
    """Counts the snapshots that are past PROVISIONING_KEEP_SNAPSHOTS."""
    return {"lake": len(expired(store, now))}


def expire(store: Store, _found: Found, now: datetime) -> None:
    """Forgets old snapshots; what they alone used becomes a file to clean up."""
    call(store, f"call ducklake_expire_snapshots('{LAKE}', versions => {expired(store, now)})")


def expired(store: Store, now: datetime) -> list[int]:
    """Gives the ids of old snapshots, never the newest.

    `older_than` cannot be used: in a SQLite catalog instants are text, and DuckLake compares no more than their days.
    """
    kept = now - timedelta(seconds=store.settings.keep_snapshots)
    old = (
        f"select snapshot_id from ducklake_snapshots('{LAKE}') where snapshot_time < ? and snapshot_id < ? order by all"
    )
    return [int(row[0]) for row in store.rows(old, [kept, store.revision()])]


def unlisted_files(store: Store, now: datetime) -> Found:
    """Counts the files that merging and expiring have left, once all are so old that no question still reads them.

    They go all at once, since `older_than` knows only days here too; under a stream of new ones, those of two days ago do.
    """
    return {"lake": len(store.rows(cleaning(store, now, "true")))}


def clean_up(store: Store, _found: Found, now: datetime) -> None:
    """Deletes them."""
    call(store, cleaning(store, now, "false"))


def cleaning(store: Store, now: datetime, dry_run: str) -> str:
    """Gives the statement that deletes the files which are due."""
    [(newest,)] = store.rows(
        f"select max(schedule_start::timestamptz) from {CATALOG}.ducklake_files_scheduled_for_deletion"
    )
    due = newest is None or newest < now - GRACE
    which = "cleanup_all => true" if due else f"older_than => {literal(now - timedelta(days=2))}"
    return f"call ducklake_cleanup_old_files('{LAKE}', dry_run => {dry_run}, {which})"


def orphans(store: Store, now: datetime) -> Found:
    """Counts the files that a killed writer left. A file that is not surely one stops it: nothing is deleted then."""
    left = {PurePath(row[0]).name: row[0] for row in store.rows(orphan_removal(now, "true"))}
    known = {PurePath(row[0]).name for row in store.rows(KNOWN)} if left else set()
    doubtful = [file for name, file in left.items() if name in known or not name.startswith("ducklake-")]
    if doubtful:
        logger.warning("%s is no leftover of the lake; move it away, or orphaned files stay.", doubtful[0])
        return {}
    return {"lake": len(left)}


def delete_orphans(store: Store, _found: Found, now: datetime) -> None:
    """Deletes them, in the writers' turn, when no other transaction can be under way."""
    call(store, orphan_removal(now, "false"))


def orphan_removal(now: datetime, dry_run: str) -> str:
    """Gives the statement that deletes unknown files; young ones may belong to a transaction that is still under way."""
    old = literal(now - ORPHAN_AGE)
    return f"call ducklake_delete_orphaned_files('{LAKE}', dry_run => {dry_run}, older_than => {old})"


def call(store: Store, statement: str) -> list[Any]:
    """Runs one of DuckLake's functions in a turn of its own and gives its rows."""
    return store.write(lambda cursor: cursor.execute(statement).fetchall())


def literal(instant: datetime) -> str:
    """Spells an instant as SQL: DuckLake's functions take TIMESTAMPTZ, and no parameters."""
    return f"timestamptz '{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


CHORES = (
    Chore("clean up", "files", unlisted_files, clean_up),
    Chore("retention", "rows", old_rows, drop_old_rows),
    Chore("fold", "rows", spare_parts, fold_parts),
    Chore("rewrite", "files", worn_files, rewrite),
    Chore("merge", "files", small_files, merge),
    Chore("expire", "snapshots", old_snapshots, expire),
    Chore("orphans", "files", orphans, delete_orphans),
)
