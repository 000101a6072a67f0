"""A backup is of one moment while everything runs; it is put back elsewhere, checked, and nothing else is touched."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import sleep

import pytest

from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.maintenance.backup import back_up, check_backup, restore
from pipeline.maintenance.chores import maintain
from pipeline.maintenance.verify import verify
from pipeline.store.lake import Store, open_store
from tests.support.lakes import add_events, command, ended

LATER = timedelta(hours=2)


@pytest.fixture
def backup(store: Store, tmp_path: Path) -> Path:
    """A backup of two hundred events."""
    add_events(store, 0, 200)
    back_up(store, tmp_path / "backup")
    return tmp_path / "backup"


def at(folder: Path) -> Settings:
    return Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite", threads=1)  # type: ignore[call-arg]


def counted(settings: Settings) -> int:
    """Counts the events of a lake, of which every aggregate must agree, and every file be sound."""
    store = open_store(settings)
    assert [one.sentence for one in verify(store, datetime.now(UTC)).faults if one.kind != "ledger"] == []
    [(stored, hourly)] = store.rows("select (select count(*) from events), (select sum(events)::bigint from hourly)")
    assert stored == hourly
    store.close()
    return int(stored)


def test_a_backup_is_of_one_moment_while_others_write_and_maintenance_goes_on(store: Store, tmp_path: Path) -> None:
    over = Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            add_events(store, number, 10)
            number += 10
            if number % 40 == 0:
                maintain(store, datetime.now(UTC) + LATER)
                maintain(store, datetime.now(UTC) + LATER + timedelta(minutes=10))

    writer = Thread(target=write)
    writer.start()
    try:
        made = [back_up(store, tmp_path / "b0")]
        while store.revision() <= made[0].revision and writer.is_alive():
            sleep(0.05)
        made.append(back_up(store, tmp_path / "b1"))
    finally:
        over.set()
        writer.join()
    assert all(one.broken == () for one in made)
    assert made[0].revision < made[-1].revision
    restore(tmp_path / "b1", tmp_path / "c" / "catalog.sqlite", tmp_path / "c" / "files")
    assert counted(at(tmp_path / "c")) % 10 == 0
    assert not list(store.folder.glob(".backup-*"))


def test_a_backup_is_a_lake_of_its_own_and_is_put_back_elsewhere(store: Store, backup: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not empty"):
        back_up(store, backup)
    with pytest.raises(StoreError, match="the store's own files"):
        back_up(store, store.folder / "backup")
    restore(backup, tmp_path / "c" / "catalog.sqlite", tmp_path / "c" / "files")
    away = store.folder.with_name("away")
    store.folder.rename(away)
    shutil.rmtree(tmp_path / "backup")
    assert counted(at(tmp_path / "c")) == 200
    copy = open_store(at(tmp_path / "c"))
    add_events(copy, 200, 50)
    copy.close()
    assert counted(at(tmp_path / "c")) == 250
    away.rename(store.folder)
    assert store.rows("select count(*) from events") == [(200,)]


def test_a_damaged_backup_is_named_and_nothing_is_restored(backup: Path, tmp_path: Path) -> None:
    damaged = sorted((backup / "files" / "main" / "events").glob("*.parquet"))[-1]
    content = bytearray(damaged.read_bytes())
    content[9] ^= 1
    damaged.write_bytes(content)
    for attempt in (lambda: check_backup(backup), lambda: restore(backup, tmp_path / "c" / "x", tmp_path / "c" / "f")):
        with pytest.raises(StoreError, match=f"{damaged.name} is not as it was backed up"):
            attempt()
    damaged.unlink()
    with pytest.raises(StoreError, match=f"{damaged.name} cannot be read"):
        restore(backup, tmp_path / "c" / "x", tmp_path / "c" / "f")
    assert not [file for file in (tmp_path / "c").rglob("*") if file.is_file()]
    (backup / "backup.json").unlink()
    with pytest.raises(StoreError, match=r"has no backup\.json"):
        check_backup(backup)


@pytest.mark.deep
def test_the_commands_bring_back_a_lost_catalog_and_move_aside_what_is_there(
    store: Store, backup: Path, settings: Settings
) -> None:
    store.close()
    catalog = settings.catalog_file
    assert catalog is not None
    catalog.unlink()
    assert "Put the catalog back" in ended(command("maintain"))[2]
    code, _, said = ended(command("restore", str(backup)))
    assert (code, "--replace" in said) == (2, True)
    assert ended(command("restore", str(backup), "--replace"))[0] == 0
    code, printed, _ = ended(command("verify", "--json"))
    assert (code, json.loads(printed)["counted"]) == (0, True)
    assert len(list(settings.folder.parent.glob("files.before-restore-*"))) == 1
    assert counted(settings) == 200


@pytest.fixture
def broken(store: Store) -> Iterator[Store]:
    add_events(store, 0, 100)
    [(file,)] = store.rows("select data_file from ducklake_list_files('provisioning', 'hourly_parts')")
    Path(file).write_bytes(Path(file).read_bytes()[:-1])
    yield store


def test_a_backup_of_a_damaged_lake_says_what_is_damaged(broken: Store, tmp_path: Path) -> None:
    [path] = back_up(broken, tmp_path / "b").broken
    assert path.startswith("main/hourly_parts/")
