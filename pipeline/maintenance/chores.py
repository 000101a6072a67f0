"""Keeps the lake small and quick: retention, pairing, folding, merging, expiring, cleaning.

Each chore first counts, without the writers' turn, and takes the turn only when there is something to do, in short
pieces. A second round changes nothing, and answers stay as they were, retention aside.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

from pipeline.maintenance.compact import files_to_merge, fold_tables, foldable_rows, merge_files
from pipeline.maintenance.pairing import pair_days, unpaired_days
from pipeline.maintenance.retention import drop_old_rows, old_rows
from pipeline.store.ducklake_workarounds import (
    CATALOG,
    NEWEST_SCHEDULED,
    OLD_SNAPSHOTS,
    cleanup_statement,
    expire_statement,
    orphans_statement,
)
from pipeline.store.fence import forget_old_fences
from pipeline.store.lake import Store

logger = logging.getLogger(__name__)

Work = Mapping[str, int]
"A table, or the lake, to a count of units."
GRACE = timedelta(minutes=5)
"How long a snapshot and the files of none stay at least: a question that began earlier may still read them."
LISTED_FILES = (
    f"select path from {CATALOG}.ducklake_data_file union all select path from {CATALOG}.ducklake_delete_file"
)
ORPHAN_AGE = timedelta(hours=1)
"Younger unknown files may be of a transaction that is still running."


@dataclass(frozen=True)
class Chore:
    """One thing that maintenance does, in two halves."""

    name: str
    unit: str
    count: Callable[[Store, datetime], Work]
    "What there is to do."
    run: Callable[[Store, Work, datetime], None]


@dataclass(frozen=True)
class Done:
    """What a chore did, or in a dry run would do."""

    chore: str
    subject: str
    amount: int
    unit: str


def maintain(store: Store, now: datetime, *, dry_run: bool = False) -> list[Done]:
    """Runs every chore that has something to do and returns what each did; a dry run counts. `now` has its zone."""
    done: list[Done] = []
    for chore in CHORES:
        work = {subject: amount for subject, amount in chore.count(store, now).items() if amount}
        if work and not dry_run:
            chore.run(store, work, now)
        done += [Done(chore.name, subject, amount, chore.unit) for subject, amount in work.items()]
    return done


def old_snapshots(store: Store, now: datetime) -> Work:
    """Counts the snapshots that are past PROVISIONING_KEEP_SNAPSHOTS."""
    return {"lake": len(snapshots_to_expire(store, now))}


def expire_snapshots(store: Store, _work: Work, now: datetime) -> None:
    """Forgets old snapshots."""
    call(store, expire_statement(snapshots_to_expire(store, now)))
    if store.settings.catalog_file is None:
        with closing(store.cursor()) as cursor:
            forget_old_fences(cursor)


def snapshots_to_expire(store: Store, now: datetime) -> list[int]:
    """Returns the ids of old snapshots, never the newest."""
    before = now - max(timedelta(seconds=store.settings.keep_snapshots), GRACE)
    return [int(row[0]) for row in store.rows(OLD_SNAPSHOTS, [before, store.revision()])]


def unlisted_files(store: Store, now: datetime) -> Work:
    """Counts the files that merging and expiring have left, once all are so old that no question still reads them."""
    return {"lake": len(store.rows(cleanup(store, now, dry_run=True)))}


def clean_up(store: Store, _work: Work, now: datetime) -> None:
    """Deletes these files."""
    call(store, cleanup(store, now, dry_run=False))


def cleanup(store: Store, now: datetime, *, dry_run: bool) -> str:
    """Returns the statement that deletes the files which are due."""
    [(newest,)] = store.rows(NEWEST_SCHEDULED)
    return cleanup_statement(newest, now, GRACE, dry_run)


def orphans(store: Store, now: datetime) -> Work:
    """Counts the files that a killed writer left. A file that is not surely one stops it: nothing is deleted then."""
    unknown = {PurePath(row[0]).name: row[0] for row in store.rows(orphans_statement(now - ORPHAN_AGE, True))}
    listed = {PurePath(row[0]).name for row in store.rows(LISTED_FILES)} if unknown else set()
    doubtful = [file for name, file in unknown.items() if name in listed or not name.startswith("ducklake-")]
    if doubtful:
        logger.warning("%s is no leftover of the lake; move it away, or orphaned files stay.", doubtful[0])
        return {}
    return {"lake": len(unknown)}


def delete_orphans(store: Store, _work: Work, now: datetime) -> None:
    """Deletes these files, in the writers' turn, when no other transaction can be running."""
    call(store, orphans_statement(now - ORPHAN_AGE, False))


def call(store: Store, statement: str) -> list[Any]:
    """Runs one of DuckLake's functions in a turn of its own and returns its rows."""
    return store.write(lambda cursor: cursor.execute(statement).fetchall())


CHORES = (
    Chore("clean up", "files", unlisted_files, clean_up),
    Chore("retention", "rows", old_rows, drop_old_rows),
    Chore("pair", "days", unpaired_days, pair_days),
    Chore("fold", "rows", foldable_rows, fold_tables),
    Chore("merge", "files", files_to_merge, merge_files),
    Chore("expire", "snapshots", old_snapshots, expire_snapshots),
    Chore("orphans", "files", orphans, delete_orphans),
)
