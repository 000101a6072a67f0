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

from pipeline.maintenance.compact import merge, ragged_files
from pipeline.maintenance.folding import fold_parts, spare_parts
from pipeline.maintenance.retention import drop_old_rows, old_rows
from pipeline.store.lake import CATALOG, LAKE, Store

logger = logging.getLogger(__name__)

Found = Mapping[str, int]
GRACE = timedelta(minutes=5)
"How long a snapshot and the files of none stay at least: a question that began earlier may still read them."
KNOWN = f"select path from {CATALOG}.ducklake_data_file union all select path from {CATALOG}.ducklake_delete_file"
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
    """Does every chore that has something to do and tells of each; a dry run only tells. `now` has its zone."""
    done: list[Done] = []
    for chore in CHORES:
        found = {subject: amount for subject, amount in chore.find(store, now).items() if amount}
        if found and not dry_run:
            chore.do(store, found, now)
        done += [Done(chore.name, subject, amount, chore.unit) for subject, amount in found.items()]
    return done


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
    kept = now - max(timedelta(seconds=store.settings.keep_snapshots), GRACE)
    old = (
        f"select snapshot_id from ducklake_snapshots('{LAKE}') where snapshot_time < ? and snapshot_id < ? order by all"
    )
    return [int(row[0]) for row in store.rows(old, [kept, store.revision()])]


def unlisted_files(store: Store, now: datetime) -> Found:
    """Counts the files that merging and expiring have left, once all are so old that no question still reads them.

    They go all at once, since `older_than` knows only days here too; in a stream of new ones, those of two days ago do.
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
    """Gives the statement that deletes unknown files; young ones may be of a transaction still under way."""
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
    Chore("merge", "files", ragged_files, merge),
    Chore("expire", "snapshots", old_snapshots, expire),
    Chore("orphans", "files", orphans, delete_orphans),
)
