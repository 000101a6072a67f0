"""Which lake a catalog and a folder of files belong to, so that neither is ever taken for another's.

DuckLake gives each catalog an id. A note with that id lies in the folder of the files and another beside a SQLite
catalog: a new catalog is never made where a lake is known to have been, two catalogs never share a folder, and a copy
reads the files that were copied with it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.store.ducklake_workarounds import Executes
from pipeline.store.synced_files import sync_folder, write_synced

NOTE = "lake.json"
"The note's name in the folder; beside a catalog the catalog's name stands before it."
LAKE_FACTS = """
select
    (select schema_uuid::varchar from {catalog}.ducklake_schema where schema_name = 'main' and end_snapshot is null),
    (select "value" from {catalog}.ducklake_metadata where "key" = 'data_path' and scope is null),
    (
        select s.path || t.path || f.path
        from {catalog}.ducklake_data_file f
        join {catalog}.ducklake_table t on t.table_id = f.table_id and t.end_snapshot is null
        join {catalog}.ducklake_schema s on s.schema_id = t.schema_id and s.end_snapshot is null
        where f.end_snapshot is null and f.path_is_relative
        order by f.data_file_id desc
        limit 1
    )
"""
MOVE_FILES = 'update {catalog}.ducklake_metadata set "value" = ? where "key" = \'data_path\' and scope is null'
"Writes into a catalog where its files are now, for clients that attach it by themselves."


@dataclass(frozen=True)
class Note:
    """What lies in a lake's folder and beside its catalog."""

    lake_id: str
    folder: str
    "Where the files were when it was written, by which a copied folder is told from the original."
    catalog: str
    "The SQLite catalog's file; empty where the catalog is in PostgreSQL."


@dataclass(frozen=True)
class LakeFacts:
    """What a catalog says of its lake."""

    lake_id: str
    data_path: Path
    newest_file: str | None
    "The newest listed file, below the folder; None where there is none."


def facts_of(cursor: Executes, catalog: str) -> LakeFacts:
    """Reads a catalog's id, the folder that it names and one of its files."""
    lake_id, data_path, newest_file = cursor.execute(LAKE_FACTS.format(catalog=catalog)).fetchall()[0]
    return LakeFacts(str(lake_id), Path(data_path), newest_file)


def read_note(file: Path) -> Note | None:
    """Reads a note; None where there is none that can be read."""
    with suppress(OSError, ValueError, TypeError):
        return Note(**json.loads(file.read_text(encoding="utf-8")))
    return None


def catalog_note(catalog: Path) -> Path:
    """Returns where the note beside a catalog lies."""
    return catalog.with_name(f"{catalog.name}.{NOTE}")


def is_expected(settings: Settings) -> bool:
    """Whether a lake is known to have been here: by a note, or by Parquet files in the folder."""
    catalog, folder = settings.catalog_file, settings.folder
    if catalog is not None and catalog_note(catalog).exists():
        return True
    return (folder / NOTE).exists() or next(parquet_files(folder), None) is not None


def parquet_files(folder: Path) -> Iterator[Path]:
    """Yields the Parquet files below a folder, but for those in hidden ones: the links of a backup that is running."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if name.endswith(".parquet"))


def lost_catalog(settings: Settings) -> StoreError:
    """Explains that the catalog of a lake is missing, and why none is made in its place."""
    catalog, folder = settings.catalog_file, settings.folder
    beside = read_note(catalog_note(catalog)) if catalog else None
    note = read_note(folder / NOTE) or beside
    files = list(parquet_files(folder))
    newest = max((file.stat().st_mtime for file in files), default=None)
    dated = f", the newest of {datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M} UTC" if newest is not None else ""
    place = f"The catalog {catalog}" if catalog else "The PostgreSQL catalog"
    whose = f" of lake {note.lake_id}" if note else ""
    away = f" and {catalog_note(catalog)}" if catalog and beside else ""
    return StoreError(
        f"{place} is missing or empty, but {folder} holds {len(files):,} Parquet files{whose}{dated}; the catalog that "
        "lists them was expected, and a new one in its place would make them unreadable. Put the catalog back, or a "
        "backup in its place (`python -m pipeline restore DIR --replace`), or point PROVISIONING_STORE to where it "
        "is; to begin anew, move "
        f"{folder}{away} away first."
    )


def files_folder(facts: LakeFacts, settings: Settings, read_only: bool) -> Path:
    """Returns where the files of an attached lake are: those that came with the catalog, where it was moved or copied.

    Raises StoreError where the settings' folder does not hold them.
    """
    folder, noted = settings.folder, read_note(settings.folder / NOTE)
    is_ours = noted is not None and noted.lake_id == facts.lake_id
    if is_ours or is_same(facts.data_path, folder):
        return folder
    if noted is None and facts.newest_file and (folder / facts.newest_file).exists():
        return folder
    if settings.files is None and (noted := read_note(facts.data_path / NOTE)) is not None:
        # The catalog was opened with PROVISIONING_FILES before, which is not set now.
        if noted.lake_id == facts.lake_id and is_same(Path(noted.catalog), settings.catalog_file):
            return facts.data_path
    elif settings.files is None and read_only and facts.data_path.exists():
        return facts.data_path
    raise StoreError(
        f"{place_of(settings)} is of lake {facts.lake_id}, whose files are not in {folder}: they were in "
        f"{facts.data_path}. A catalog alone was copied, or PROVISIONING_FILES is another; copy or move the folder as "
        "well and set PROVISIONING_FILES to it, or make a copy by `python -m pipeline backup` and `restore`."
    )


def check_folder(facts: LakeFacts, settings: Settings, folder: Path) -> None:
    """Checks that a folder is this catalog's; raises StoreError where it is another's, or holds none of its files."""
    note, catalog = read_note(folder / NOTE), settings.catalog_file
    if note is None:
        if facts.newest_file is None or (folder / facts.newest_file).exists():
            return
        raise StoreError(
            f"{folder} holds no note of a lake, and not {facts.newest_file}, which {place_of(settings)} lists: the "
            f"files of lake {facts.lake_id} were expected. Is its disk mounted, and PROVISIONING_FILES right? If files "
            "were lost, put them back from a backup: `python -m pipeline restore DIR --replace`."
        )
    if note.lake_id != facts.lake_id:
        raise StoreError(
            f"{folder} holds the files of lake {note.lake_id} (catalog {note.catalog or 'in PostgreSQL'}), and "
            f"{place_of(settings)} is of lake {facts.lake_id}; two catalogs on one folder delete each other's files. "
            "Set PROVISIONING_STORE and PROVISIONING_FILES to a catalog and a folder that belong together."
        )
    if is_same(Path(note.folder), folder) and is_another(note.catalog, catalog):
        raise StoreError(
            f"{catalog} is a copy of {note.catalog}, which is still there and owns {folder}; two catalogs on one "
            "folder delete each other's files. Use that catalog, or make a copy with its own files by "
            "`python -m pipeline backup` and `restore`; if that one is obsolete, move it away."
        )


def leave_notes(facts: LakeFacts, settings: Settings, folder: Path) -> None:
    """Writes the notes where they are not there, or say another place since the lake was moved."""
    catalog = settings.catalog_file
    note = Note(facts.lake_id, str(folder), str(catalog or ""))
    for file in [folder / NOTE, *([catalog_note(catalog)] if catalog else [])]:
        if read_note(file) != note:
            sync_folder(file.parent.parent)
            write_synced(file, json.dumps(asdict(note), indent=2) + "\n")


def is_elsewhere(facts: LakeFacts, folder: Path) -> bool:
    """Whether a catalog names another folder than the one where its files are."""
    return not is_same(facts.data_path, folder)


def place_of(settings: Settings) -> str:
    """Names a catalog without what may hold a password."""
    return str(settings.catalog_file) if settings.catalog_file else "The PostgreSQL catalog"


def is_another(noted: str, catalog: Path | None) -> bool:
    """Whether a noted catalog is there and is another file than this one."""
    return bool(noted) and catalog is not None and Path(noted).exists() and not is_same(Path(noted), catalog)


def is_same(one: Path, other: Path | None) -> bool:
    """Whether two paths lead to the same place."""
    if other is None:
        return False
    with suppress(OSError):
        return one.samefile(other)
    return one.absolute() == other.absolute()
