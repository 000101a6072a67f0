"""Keeps the lake small and quick: retention, pairing, folding, merging, expiring, cleaning.

Each chore first counts, without the writers' turn, and takes the turn only when there is something to do, in short
pieces. A second round changes nothing, and answers stay as they were, retention aside.

What drops anything is held back where this machine's clock may have jumped, and orphans stay where they are many.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.maintenance.checksums import prune_checksums, stale_checksums
from pipeline.maintenance.clock_jumps import REMEDY, expiry_stop, remember_round, retention_stop
from pipeline.maintenance.compact import files_to_merge, fold_tables, foldable_rows, merge_files
from pipeline.maintenance.orphans import empty_trash, find_orphans, move_orphans, orphan_count, trash_count
from pipeline.maintenance.pairing import pair_days, unpaired_days
from pipeline.maintenance.retention import drop_old_rows, old_rows
from pipeline.maintenance.successors import changed_successors, keep_successors
from pipeline.store.ducklake_workarounds import (
    NEWEST_SCHEDULED,
    OLD_SNAPSHOTS,
    cleanup_statement,
    delete_old_rows_in_catalog,
    expire_statement,
)
from pipeline.store.lake import Store

Work = Mapping[str, int]
"A table, or the lake, to a count of units."
GRACE = timedelta(minutes=5)
"How long a snapshot and the files of none stay at least: a question that began earlier may still read them."


@dataclass(frozen=True)
class Chore:
    """One thing that maintenance does, in two halves."""

    name: str
    unit: str
    count: Callable[[Store, datetime], Work]
    "What there is to do."
    run: Callable[[Store, Work, datetime], object]
    stop: Callable[[Store, datetime], str | None] = lambda _store, _now: None
    "Why it must not run, in a sentence."


@dataclass(frozen=True)
class Done:
    """What a chore did, or in a dry run would do."""

    chore: str
    subject: str
    amount: int
    unit: str


def maintain(store: Store, now: datetime, *, dry_run: bool = False) -> list[Done]:
    """Runs every chore that has something to do and returns what each did; a dry run counts. `now` has its zone.

    A chore that is held back does nothing; `stop_sentences` says why.
    """
    done: list[Done] = []
    stops = {chore.stop: chore.stop(store, now) for chore in CHORES}
    for chore in CHORES:
        if stops[chore.stop]:
            continue
        work = {subject: amount for subject, amount in chore.count(store, now).items() if amount}
        if work and not dry_run:
            chore.run(store, work, now)
        done += [Done(chore.name, subject, amount, chore.unit) for subject, amount in work.items()]
    if not dry_run:
        retention = bool(store.settings.keep_days) and not stops[retention_stop]
        remember_round(store, now, expiry=not stops[expiry_stop], retention=retention)
    return done


def stop_sentences(store: Store, now: datetime) -> list[str]:
    """Returns why some chores do not run, a sentence each; none where all may."""
    clock = retention_stop(store, now) or expiry_stop(store, now)
    sentences = [f"{clock} Nothing is dropped, expired or cleaned away meanwhile. {REMEDY}"] if clock else []
    orphans = find_orphans(store, now).stop
    return sentences + ([orphans] if orphans else [])


def trust_clock(store: Store, now: datetime) -> None:
    """Takes somebody's word that this machine's clock is right."""
    remember_round(store, now, expiry=True, retention=True)


def old_snapshots(store: Store, now: datetime) -> Work:
    """Counts the snapshots that are past PROVISIONING_KEEP_SNAPSHOTS."""
    return {"lake": len(snapshots_to_expire(store, now))}


def expire_snapshots(store: Store, _work: Work, now: datetime) -> None:
    """Forgets old snapshots."""
    call(store, expire_statement(snapshots_to_expire(store, now)))
    if store.settings.catalog_file is None:
        with closing(store.cursor()) as cursor:
            delete_old_rows_in_catalog(cursor, in_postgres=True)
    else:
        store.write(lambda cursor: delete_old_rows_in_catalog(cursor, in_postgres=False))


def snapshots_to_expire(store: Store, now: datetime) -> list[int]:
    """Returns the ids of old snapshots, never the newest; none while files of others wait to be cleaned up.

    Those go all at once, when the newest of them is old enough: where rounds follow fast, new ones would keep all.
    """
    if store.rows(NEWEST_SCHEDULED) != [(None,)]:
        return []
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


def call(store: Store, statement: str) -> list[Any]:
    """Runs one of DuckLake's functions in a turn of its own and returns its rows."""
    return store.write(lambda cursor: cursor.execute(statement).fetchall())


CHORES = (
    Chore("clean up", "files", unlisted_files, clean_up, expiry_stop),
    Chore("retention", "rows", old_rows, drop_old_rows, retention_stop),
    Chore("pair", "days", unpaired_days, pair_days),
    Chore("replaced jobs", "rows", changed_successors, keep_successors),
    Chore("fold", "rows", foldable_rows, fold_tables),
    Chore("merge", "files", files_to_merge, merge_files),
    Chore("expire", "snapshots", old_snapshots, expire_snapshots, expiry_stop),
    Chore("orphans", "files", orphan_count, lambda store, _work, now: move_orphans(store, now), expiry_stop),
    Chore("trash", "files", trash_count, empty_trash, expiry_stop),
    Chore("checksums", "lines", stale_checksums, prune_checksums),
)
