"""Files that no snapshot knows: they go to a trash folder, from where they can be put back for some weeks.

A killed writer leaves some. So do a catalog that was put back from an older copy and another catalog on the same
folder, whose files these then are: where they are more than a small share of the lake, none is moved.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import inf
from pathlib import Path

from pipeline.maintenance.data_files import listed_files
from pipeline.store.ducklake_workarounds import CATALOG
from pipeline.store.lake import Store
from pipeline.store.lake_notes import parquet_files
from pipeline.store.synced_files import TRASH, sync_folder

ORPHAN_AGE = timedelta(hours=1)
"Younger unknown files may be of a transaction that is still running."
SHARE = 0.1
"Of the lake's bytes, and of its files where there are more orphans than FEW: above it, something else is wrong."
FEW = 25
"Files that one killed writer may leave: at most one or two a table."
LISTED_FILES = f"""
select parse_filename(path) as "name", file_size_bytes as bytes from {CATALOG}.ducklake_data_file
union all
select parse_filename(path), file_size_bytes from {CATALOG}.ducklake_delete_file
"""
SCHEDULED = f"select parse_filename(path) from {CATALOG}.ducklake_files_scheduled_for_deletion"
"Files that expired and go soon."


@dataclass(frozen=True)
class Orphans:
    """The files that no snapshot knows, and why they stay where they are, if they do."""

    files: tuple[Path, ...]
    stop: str | None


def find_orphans(store: Store, now: datetime, *, whatever_share: bool = False) -> Orphans:
    """Finds the orphans that are old enough."""
    trash, before = store.folder / TRASH, (now - ORPHAN_AGE).timestamp()
    listed = dict(store.rows(LISTED_FILES))
    paths = {file.path for file in listed_files(store)}
    scheduled = {str(name) for (name,) in store.rows(SCHEDULED)}
    unknown = [
        file
        for file in parquet_files(store.folder)
        if file.name not in scheduled and str(file.relative_to(store.folder)) not in paths
    ]
    files = tuple(sorted(file for file in unknown if not file.is_relative_to(trash) and changed_at(file) < before))
    if not files:
        return Orphans((), None)
    doubtful = [file for file in files if file.name in listed or not file.name.startswith("ducklake-")]
    if doubtful:
        return Orphans(files, f"{doubtful[0]} is no leftover of the lake; move it away, or orphaned files stay.")
    size, lake_size = sum(file.stat().st_size for file in files), sum(listed.values())
    is_much = size > SHARE * lake_size or (len(files) > FEW and len(files) > SHARE * len(listed))
    if not is_much or whatever_share:
        return Orphans(files, None)
    return Orphans(
        files,
        f"{store.folder} holds {len(files):,} files ({size / 1e6:,.1f} MB) that the catalog does not list, beside "
        f"{len(listed):,} ({lake_size / 1e6:,.1f} MB) that it does; a killed writer leaves a few. Another catalog may "
        "use this folder, or an older catalog may have been put back: find out which. If none does, "
        f"`python -m pipeline maintain --all-orphans` moves them to {trash}.",
    )


def changed_at(file: Path) -> float:
    """Returns when a file was written; one that is just being deleted is the newest."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return inf


def orphan_count(store: Store, now: datetime) -> Mapping[str, int]:
    """Counts the files to move; none where they must stay."""
    found = find_orphans(store, now)
    return {} if found.stop else {"lake": len(found.files)}


def move_orphans(store: Store, now: datetime, *, whatever_share: bool = False) -> int:
    """Moves the orphans to the trash, in the writers' turn, when no other transaction can be running."""
    with store.turn():
        found = find_orphans(store, now, whatever_share=whatever_share)
        if found.stop:
            return 0
        for file in found.files:
            move_to_trash(store.folder, file, now)
    return len(found.files)


def move_to_trash(folder: Path, file: Path, now: datetime) -> Path:
    """Moves a file to the day's part of the trash, below which it keeps its path; returns where it is."""
    place = trash_place(folder, file, now)
    place.parent.mkdir(parents=True, exist_ok=True)
    file.replace(place)
    sync_folder(place.parent)
    sync_folder(file.parent)
    return place


def trash_place(folder: Path, file: Path, now: datetime) -> Path:
    """Returns where a file would lie in the trash."""
    return folder / TRASH / f"{now.astimezone(UTC):%Y-%m-%d}" / file.relative_to(folder)


def old_trash(store: Store, now: datetime) -> list[Path]:
    """Lists the days of the trash that are over PROVISIONING_KEEP_TRASH."""
    trash, oldest = store.folder / TRASH, now.astimezone(UTC).date() - timedelta(days=store.settings.keep_trash)
    days = sorted(trash.iterdir()) if trash.is_dir() else []
    return [day for day in days if (moved := day_of(day)) is not None and moved < oldest]


def trash_count(store: Store, now: datetime) -> Mapping[str, int]:
    """Counts the files to delete."""
    return {"trash": sum(1 for day in old_trash(store, now) for file in day.rglob("*") if file.is_file())}


def empty_trash(store: Store, _work: Mapping[str, int], now: datetime) -> None:
    """Deletes these files."""
    for day in old_trash(store, now):
        shutil.rmtree(day)


def day_of(folder: Path) -> date | None:
    """Reads the day from the name of a part of the trash."""
    try:
        return date.fromisoformat(folder.name)
    except ValueError:
        return None
