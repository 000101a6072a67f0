"""The data files that a lake's catalog lists, and what is wrong with one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.errors import StoreError
from pipeline.store.ducklake_workarounds import CATALOG
from pipeline.store.lake import Store, quoted
from pipeline.store.synced_files import digest_of, read_checksums

LISTED = f"""
with placed as (
    select t.table_id, t.table_name, s.path || t.path as place
    from {CATALOG}.ducklake_table t
    join {CATALOG}.ducklake_schema s using (schema_id)
)
select data_file_id, table_name, case when path_is_relative then place || path else path end, file_size_bytes,
    record_count, false, end_snapshot is null, begin_snapshot
from {CATALOG}.ducklake_data_file join placed using (table_id)
union
select data_file_id, table_name, case when path_is_relative then place || path else path end, file_size_bytes,
    delete_count, true, end_snapshot is null, begin_snapshot
from {CATALOG}.ducklake_delete_file join placed using (table_id)
order by 3
"""
Progress = Callable[[float], None]
"Is called with the share that is done, 0 to 1."


@dataclass(frozen=True)
class DataFile:
    """A Parquet file that the catalog lists."""

    number: int
    "DuckLake's number of the data file; a delete file has that of the data file whose rows it leaves out."
    table: str
    path: str
    "Below the lake's folder."
    size: int
    rows: int
    is_delete: bool
    "Whether it names rows of another file that are deleted."
    is_current: bool
    "Whether the newest snapshot reads it; others are kept for older snapshots alone."
    since: int
    "The snapshot that added it."


@dataclass(frozen=True)
class BrokenFile:
    """A data file that is not as it was written."""

    file: DataFile
    fault: str


def listed_files(store: Store) -> list[DataFile]:
    """Lists every data file of every snapshot."""
    return [DataFile(*row) for row in store.rows(LISTED)]


def broken_files(store: Store, files: Iterable[DataFile], progress: Progress = lambda _share: None) -> list[BrokenFile]:
    """Checks files and returns those that are missing, changed or unreadable."""
    files, kept = list(files), read_checksums(store.folder)
    total, done, broken = sum(file.size for file in files) or 1, 0, list[BrokenFile]()
    for file in files:
        if fault := fault_of(store, file, kept):
            broken.append(BrokenFile(file, fault))
        done += file.size
        progress(done / total)
    return broken


def fault_of(store: Store, file: DataFile, kept: Mapping[str, str]) -> str | None:
    """Returns what is wrong with a file: its size, its checksum, or, where none was kept, that it cannot be read."""
    place = store.folder / file.path
    try:
        size = place.stat().st_size
        if size != file.size:
            return f"has {size:,} bytes; {file.size:,} were written"
        if file.path in kept:
            return None if digest_of(place) == kept[file.path] else "has other bytes than were written (SHA-256)"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return reading_fault(store, place, file.rows)


def reading_fault(store: Store, place: Path, rows: int) -> str | None:
    """Reads every value of a file of which no checksum was kept; returns why that fails."""
    columns = f"select max(hash(columns(*)))::varchar from read_parquet('{quoted(place)}')"
    try:
        store.rows(columns)
        [(found,)] = store.rows(f"select count(*) from read_parquet('{quoted(place)}')")
    except StoreError as error:
        return f"cannot be read: {str(error).partition(': ')[2]}"
    return None if found == rows else f"holds {found:,} rows; {rows:,} were written"
