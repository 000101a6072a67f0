"""The kept checksums of data files that are gone are dropped, once they are many."""

from collections.abc import Mapping
from datetime import datetime

from pipeline.store.lake import Store
from pipeline.store.synced_files import CHECKSUMS, data_folders, read_checksums, write_synced

SPARE_LINES = 1000
"Fewer lines than this are not worth writing the file anew."


def stale_checksums(store: Store, _now: datetime) -> Mapping[str, int]:
    """Counts the lines of files that are gone, where they are more than half of all."""
    kept = read_checksums(store.folder)
    if len(kept) < SPARE_LINES:
        return {}
    stale = len(kept.keys() - present_files(store))
    return {"lake": stale if stale > len(kept) // 2 else 0}


def prune_checksums(store: Store, _work: Mapping[str, int], _now: datetime) -> None:
    """Writes the file anew without them, in the writers' turn, in which nobody adds a line."""
    with store.turn():
        present = present_files(store)
        lines = [f"{digest}  {file}\n" for file, digest in read_checksums(store.folder).items() if file in present]
        write_synced(store.folder / CHECKSUMS, "".join(lines))


def present_files(store: Store) -> set[str]:
    """Lists the data files that are there, by their paths below the folder."""
    folder = store.folder
    return {str((table / name).relative_to(folder)) for table, names in data_folders(folder) for name in names}
