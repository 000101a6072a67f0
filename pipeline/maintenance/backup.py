"""Copies a lake while everything runs, with a checksum of every file, and puts such a copy back, also elsewhere.

A backup is a folder with `catalog.sqlite`, `files`, and last of all `backup.json`, which lists the SHA-256 of every
file: without it the backup was not finished. The catalog is copied and its files are linked within the writers' turn,
so that the copy is of one moment; what the links hold is then copied without it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.maintenance.data_files import Progress, listed_files
from pipeline.store.lake import Store
from pipeline.store.lake_notes import NOTE, Note, catalog_note, parquet_files
from pipeline.store.synced_files import CHECKSUMS, read_checksums, sync_folder, write_synced

MANIFEST = "backup.json"
CATALOG_NAME = "catalog.sqlite"
FILES_NAME = "files"
LINKS = ".backup-"
"How the folder of links begins, before the number of the process; it is in the lake's, since links need its disk."
BLOCK = 1 << 20
# SQLite's own copy is of one moment, whoever writes meanwhile. In a process of its own: closing the catalog in this one
# would let go of the locks that DuckDB's SQLite has on it.
COPY_CATALOG = """
import sqlite3, sys
from contextlib import closing
source, target, folder = sys.argv[1:]
with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as original, closing(sqlite3.connect(target)) as copy:
    original.backup(copy)
    with copy:
        copy.execute("update ducklake_metadata set value = ? where key = 'data_path' and scope is null", [folder])
    copy.execute("pragma journal_mode = delete")
    print(copy.execute("select schema_uuid from ducklake_schema where schema_name = 'main'").fetchone()[0])
    print(copy.execute("select max(snapshot_id) from ducklake_snapshot").fetchone()[0])
"""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds."""

    lake_id: str
    made_at: str
    revision: int
    files: dict[str, tuple[int, str]]
    "Each file's size and SHA-256, by its path below the backup."
    broken: tuple[str, ...] = ()
    "Files that were not as they had been written when they were copied, or were missing."

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(size for size, _digest in self.files.values())


def back_up(store: Store, target: Path, progress: Progress = lambda _share: None) -> Manifest:
    """Copies the lake into a new or empty folder; raises StoreError where that cannot be."""
    if store.settings.catalog_file is None:
        raise StoreError(
            "The catalog is in PostgreSQL, which has its own backup, and no copy was made. Copy the catalog first: "
            f'pg_dump --file=catalog.sql "{store.settings.catalog_address}". Then copy {store.folder}, before files of '
            f"expired snapshots go ({store.settings.keep_snapshots} seconds, PROVISIONING_KEEP_SNAPSHOTS). To restore, "
            "load the dump into an empty database with psql, point PROVISIONING_STORE and PROVISIONING_FILES at the "
            "two copies, and check them with python -m pipeline verify."
        )
    if target.absolute().is_relative_to(store.folder):
        raise StoreError(f"{target} is in the folder of the store's own files; name a folder elsewhere.")
    if target.exists() and any(target.iterdir()):
        raise StoreError(f"{target} is not empty; a backup goes into a new folder. Name another one.")
    target.mkdir(parents=True, exist_ok=True)
    catalog, folder = target / CATALOG_NAME, target / FILES_NAME
    with linked_files(store, target) as (links, facts):
        folder.mkdir()
        kept, copied, broken = read_checksums(store.folder), dict[str, tuple[int, str]](), list[str]()
        total, done = sum(link.stat().st_size for link in links.values() if link.exists()) or 1, 0
        for path, link in sorted(links.items()):
            if not link.exists():
                broken.append(path)
                continue
            copied[f"{FILES_NAME}/{path}"] = size, digest = copy_file(link, folder / path)
            if digest != kept.get(path, digest):
                broken.append(path)
            done += size
            progress(done / total)
    lines = [f"{digest}  {path.removeprefix(f'{FILES_NAME}/')}\n" for path, (_size, digest) in sorted(copied.items())]
    write_synced(folder / CHECKSUMS, "".join(lines))
    note = json.dumps(asdict(Note(facts[0], str(folder.absolute()), str(catalog.absolute()))), indent=2) + "\n"
    for place in (folder / NOTE, catalog_note(catalog)):
        write_synced(place, note)
    copied[CATALOG_NAME] = catalog.stat().st_size, digest_and_size(catalog)[1]
    made_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    manifest = Manifest(facts[0], made_at, int(facts[1]), copied, tuple(broken))
    write_synced(target / MANIFEST, json.dumps(asdict(manifest), indent=1) + "\n")
    return manifest


@contextmanager
def linked_files(store: Store, target: Path) -> Iterator[tuple[dict[str, Path], list[str]]]:
    """Copies the catalog and links its files, which maintenance then cannot take away; the links go with the block.

    Yields the links by the files' paths, and the lake's id and revision.
    """
    catalog, kept_links = store.settings.catalog_file, store.folder / f"{LINKS}{os.getpid()}"
    for left in store.folder.glob(f"{LINKS}*"):
        # Of a backup that was killed.
        if not Path("/proc", left.name.removeprefix(LINKS)).exists():
            shutil.rmtree(left)
    try:
        with store.turn():
            words = [str(catalog), str(target / CATALOG_NAME), f"{(target / FILES_NAME).absolute()}/"]
            copy = subprocess.run([sys.executable, "-c", COPY_CATALOG, *words], capture_output=True, text=True)
            if copy.returncode:
                raise StoreError(f"{catalog} cannot be copied: {copy.stderr.strip().rpartition(chr(10))[2]}.")
            kept_links.mkdir()
            links = {file.path: link(store.folder / file.path, kept_links / file.path) for file in listed_files(store)}
        yield links, copy.stdout.split()
    finally:
        shutil.rmtree(kept_links, ignore_errors=True)


def link(file: Path, place: Path) -> Path:
    """Links a file; returns the file itself where that is not possible."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.hardlink_to(file)
    except OSError:
        return file
    return place


def copy_file(source: Path, target: Path) -> tuple[int, str]:
    """Copies a file, syncs it, and returns its size and SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as held, target.open("wb") as made:
        while block := held.read(BLOCK):
            digest.update(block)
            made.write(block)
            size += len(block)
        made.flush()
        os.fsync(made.fileno())
    return size, digest.hexdigest()


def digest_and_size(file: Path) -> tuple[int, str]:
    """Returns a file's size and SHA-256."""
    with file.open("rb") as held:
        digest = hashlib.file_digest(held, "sha256").hexdigest()
    return file.stat().st_size, digest


def read_manifest(backup: Path) -> Manifest:
    """Reads what a backup holds; raises StoreError for a folder that is none, or was not finished."""
    try:
        document = json.loads((backup / MANIFEST).read_text(encoding="utf-8"))
        files = {str(path): (int(size), str(digest)) for path, (size, digest) in document["files"].items()}
        about = (str(document["lake_id"]), str(document["made_at"]), int(document["revision"]))
        return Manifest(*about, files, tuple(document["broken"]))
    except FileNotFoundError:
        raise StoreError(
            f"{backup} has no {MANIFEST}; a folder that `python -m pipeline backup` has finished was expected."
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{backup / MANIFEST} cannot be read ({error}); what `backup` has written was expected."
        ) from None


def check_backup(backup: Path, progress: Progress = lambda _share: None) -> Manifest:
    """Checks the size and checksum of every file of a backup; raises StoreError for the first that is another."""
    manifest = read_manifest(backup)
    total, done = manifest.size or 1, 0
    for path, expected in manifest.files.items():
        check_file(backup / path, expected)
        done += expected[0]
        progress(done / total)
    return manifest


def check_file(file: Path, expected: tuple[int, str]) -> None:
    """Raises StoreError where a file is not as it was backed up."""
    try:
        found = digest_and_size(file)
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}; the backup is damaged, use another.") from None
    if found != expected:
        raise StoreError(f"{file} is not as it was backed up (size or SHA-256); the backup is damaged, use another.")


def place_of_restored(settings: Settings, to: Path | None) -> tuple[Path, Path]:
    """Returns where the catalog and the files of a restored lake go: to a folder, or where the settings point."""
    if to is not None:
        return to.absolute() / CATALOG_NAME, to.absolute() / FILES_NAME
    if settings.catalog_file is None:
        raise StoreError("PROVISIONING_STORE is in PostgreSQL, and a backup has a SQLite catalog; restore it --to DIR.")
    return settings.catalog_file, settings.folder


def is_free(catalog: Path, folder: Path) -> bool:
    """Whether nothing of a lake is in the way."""
    return not catalog.exists() and next(parquet_files(folder), None) is None


def restore(
    backup: Path, catalog: Path, folder: Path, *, replace: bool = False, progress: Progress = lambda _share: None
) -> Manifest:
    """Puts a backup where a catalog and its files are to be; what is there is moved aside, where `replace` says so.

    The backup is checked as it is copied, and the catalog comes last: until then nothing of what was there is touched.
    """
    manifest = read_manifest(backup)
    if not replace and not is_free(catalog, folder):
        raise StoreError(
            f"{catalog if catalog.exists() else folder} is there already; a lake is restored where none is. Give "
            "`--to DIR`, or `--replace` to move what is there aside first."
        )
    draft, total, done = folder.with_name(f"{folder.name}.restoring"), manifest.size or 1, 0
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for path, expected in manifest.files.items():
        inside = draft / path.removeprefix(f"{FILES_NAME}/")
        if copied_file(backup / path, inside) != expected:
            shutil.rmtree(draft)
            check_file(backup / path, expected)
        done += expected[0]
        progress(done / total)
    exchange(draft, catalog, folder, manifest)
    return manifest


def copied_file(source: Path, target: Path) -> tuple[int, str] | None:
    """Copies a file of a backup; None where it cannot be read."""
    try:
        return copy_file(source, target)
    except OSError:
        if not source.exists():
            return None
        raise


def exchange(draft: Path, catalog: Path, folder: Path, manifest: Manifest) -> None:
    """Moves what is there aside and the draft in its place; the catalog comes last."""
    stamp = f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    lines = [f"{digest}  {path.removeprefix(f'{FILES_NAME}/')}\n" for path, (_size, digest) in manifest.files.items()]
    write_synced(draft / CHECKSUMS, "".join(line for line in lines if not line.endswith(f"  {CATALOG_NAME}\n")))
    note = json.dumps(asdict(Note(manifest.lake_id, str(folder), str(catalog))), indent=2) + "\n"
    write_synced(draft / NOTE, note)
    made = catalog.with_name(f"{catalog.name}.restoring")
    catalog.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(draft / CATALOG_NAME, made)
    set_folder(made, folder)
    for old in [*(Path(f"{catalog}{end}") for end in ("", "-wal", "-shm")), folder]:
        if old.exists():
            old.rename(old.with_name(f"{old.name}.{stamp}"))
    draft.rename(folder)
    sync_folder(folder.parent)
    write_synced(catalog_note(catalog), note)
    made.rename(catalog)
    sync_folder(catalog.parent)


SET_FOLDER = """
import sqlite3, sys
from contextlib import closing
with closing(sqlite3.connect(sys.argv[1])) as catalog, catalog:
    catalog.execute("update ducklake_metadata set value = ? where key = 'data_path' and scope is null", [sys.argv[2]])
"""


def set_folder(catalog: Path, folder: Path) -> None:
    """Writes into a catalog that nobody has open where its files are."""
    subprocess.run([sys.executable, "-c", SET_FOLDER, str(catalog), f"{folder}/"], check=True)
