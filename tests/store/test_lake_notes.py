"""Which lake is whose: a lost catalog is not replaced, two catalogs share no folder, a copy reads its own files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config.errors import StoreError, StoreMissing
from pipeline.config.settings import Settings
from pipeline.store.lake import open_store
from pipeline.store.lake_notes import NOTE, catalog_note
from tests.support.lakes import add_events, copied


@pytest.fixture(scope="module")
def filled(blank: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake of a hundred events, made once."""
    settings = Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path_factory.mktemp('filled')}/catalog.sqlite")
    copied(blank, settings)
    store = open_store(settings)
    add_events(store, 0, 100)
    store.close()
    return settings


@pytest.fixture
def lake(filled: Settings, settings: Settings) -> Settings:
    """A copy of it that nobody has open, with its notes."""
    copied(filled, settings)
    open_store(settings).close()
    return settings


def catalog_of(settings: Settings) -> Path:
    catalog = settings.catalog_file
    assert catalog is not None
    return catalog


def parquet(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*.parquet")}


def counted(settings: Settings) -> tuple[int, int]:
    """Reads the events of a lake, all of each, and how many there are."""
    store = open_store(settings, read_only=True)
    [(rows, people)] = store.rows("select count(*), count(distinct source_id) from events")
    store.close()
    return int(rows), int(people)


def refused(settings: Settings, *, read_only: bool = False) -> str:
    with pytest.raises(StoreError) as error:
        open_store(settings, read_only=read_only)
    assert not isinstance(error.value, StoreMissing)
    return str(error.value)


def moved_away(settings: Settings, away: Path) -> None:
    shutil.move(catalog_of(settings), away)


def emptied(settings: Settings, away: Path) -> None:
    shutil.copy(catalog_of(settings), away)
    catalog_of(settings).write_bytes(b"")


@pytest.mark.parametrize(
    ("lose", "notes"),
    [(moved_away, "neither"), (emptied, "both")]
    + [pytest.param(moved_away, notes, marks=pytest.mark.deep) for notes in ("beside", "folder", "both")]
    + [pytest.param(emptied, notes, marks=pytest.mark.deep) for notes in ("beside", "folder", "neither")],
)
def test_a_catalog_is_never_made_over_the_files_of_a_lost_one(
    lake: Settings, tmp_path: Path, lose: Callable[[Settings, Path], None], notes: str
) -> None:
    if notes in ("beside", "neither"):
        (lake.folder / NOTE).unlink()
    if notes in ("folder", "neither"):
        catalog_note(catalog_of(lake)).unlink()
    lose(lake, tmp_path / "away")
    before = parquet(lake.folder)
    for read_only in (False, True) if lose is moved_away else (False,):
        sentence = refused(lake, read_only=read_only)
        assert f"{catalog_of(lake)} is missing or empty" in sentence
        assert f"{len(before)} Parquet files" in sentence and "Put the catalog back" in sentence
    assert parquet(lake.folder) == before
    shutil.move(tmp_path / "away", catalog_of(lake))
    open_store(lake).close()
    assert counted(lake) == (100, 50)


def test_a_catalog_is_not_made_where_one_is_noted_whose_files_are_elsewhere(lake: Settings, tmp_path: Path) -> None:
    shutil.move(lake.folder, tmp_path / "disk")
    open_store(lake.model_copy(update={"files": tmp_path / "disk"})).close()
    moved_away(lake, tmp_path / "away")
    assert "is missing or empty" in refused(lake)


def test_a_new_catalog_over_another_lakes_files_is_refused(lake: Settings, tmp_path: Path) -> None:
    before = parquet(lake.folder)
    other = Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path}/b/catalog.sqlite", files=lake.folder)
    assert f"{lake.folder} holds {len(before)} Parquet files" in refused(other)
    assert parquet(lake.folder) == before


def test_a_catalog_is_not_opened_over_another_lakes_files(lake: Settings) -> None:
    note = lake.folder / NOTE
    theirs = json.loads(note.read_text()) | {"lake_id": "another", "catalog": "/elsewhere/catalog.sqlite"}
    note.write_text(json.dumps(theirs))
    before = parquet(lake.folder)
    for read_only in (False, True):
        sentence = refused(lake, read_only=read_only)
        assert f"{lake.folder} holds the files of lake another (catalog /elsewhere/catalog.sqlite)" in sentence
    assert (parquet(lake.folder), json.loads(note.read_text())) == (before, theirs)


@pytest.mark.deep
def test_a_catalog_of_another_lake_does_not_find_its_files_in_this_ones_folder(lake: Settings, tmp_path: Path) -> None:
    other = Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path}/b/catalog.sqlite")
    open_store(other).close()
    for read_only in (False, True):
        assert "whose files are not in" in refused(other.model_copy(update={"files": lake.folder}), read_only=read_only)


def test_a_copy_of_a_catalog_beside_it_does_not_use_its_files(lake: Settings) -> None:
    copy = catalog_of(lake).with_name("copy.sqlite")
    shutil.copy(catalog_of(lake), copy)
    other = lake.model_copy(update={"store": f"ducklake:sqlite:{copy}"})
    for read_only in (False, True):
        assert f"{copy} is a copy of {catalog_of(lake)}, which is still there" in refused(other, read_only=read_only)
    catalog_of(lake).unlink()
    open_store(other).close()
    assert counted(other) == (100, 50)


def test_a_catalog_that_was_copied_alone_does_not_read_the_originals_files(lake: Settings, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    shutil.copy(catalog_of(lake), tmp_path / "b" / "catalog.sqlite")
    other = lake.model_copy(update={"store": f"ducklake:sqlite:{tmp_path}/b/catalog.sqlite"})
    for read_only in (False, True):
        assert "whose files are not in" in refused(other, read_only=read_only)


@pytest.mark.parametrize(
    ("with_notes", "read_only"), [(True, False), pytest.param(False, True, marks=pytest.mark.deep)]
)
def test_a_copied_lake_reads_its_own_files_and_leaves_the_originals_alone(
    lake: Settings, tmp_path: Path, with_notes: bool, read_only: bool
) -> None:
    shutil.copytree(catalog_of(lake).parent, tmp_path / "b", ignore=lambda *_: {"b"})
    copy = Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path}/b/catalog.sqlite")
    if not with_notes:
        (copy.folder / NOTE).unlink()
        catalog_note(catalog_of(copy)).unlink()
    open_store(copy, read_only=read_only).close()
    for file in lake.folder.glob("main/events/*.parquet"):
        file.rename(f"{file}.away")
    assert counted(copy) == (100, 50)
    for file in lake.folder.glob("main/events/*.away"):
        file.rename(str(file).removesuffix(".away"))
    store = open_store(copy)
    add_events(store, 100, 50)
    assert store.rows(
        'select "value" from __ducklake_metadata_provisioning.ducklake_metadata where "key" = \'data_path\''
    ) == [(f"{copy.folder}/",)]
    store.close()
    assert (counted(copy), counted(lake)) == ((150, 50), (100, 50))


def test_a_lake_can_be_moved(lake: Settings, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for file in [catalog_of(lake), lake.folder, catalog_note(catalog_of(lake))]:
        shutil.move(file, tmp_path / "b" / file.name)
    there = Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path}/b/catalog.sqlite")
    assert counted(there) == (100, 50)
    store = open_store(there)
    add_events(store, 100, 50)
    store.close()
    assert counted(there) == (150, 50)


def test_files_that_are_not_there_are_not_written_anew_beside(lake: Settings, tmp_path: Path) -> None:
    shutil.move(lake.folder, tmp_path / "unmounted")
    for read_only in (True, False):
        assert "Is its disk mounted" in refused(lake, read_only=read_only)
    shutil.rmtree(lake.folder)
    shutil.move(tmp_path / "unmounted", lake.folder)
    assert counted(lake) == (100, 50)


def test_a_reader_finds_the_files_where_the_writer_had_them(lake: Settings, tmp_path: Path) -> None:
    shutil.move(lake.folder, tmp_path / "disk")
    there = lake.model_copy(update={"files": tmp_path / "disk"})
    open_store(there).close()
    assert counted(there) == (100, 50)
    assert counted(lake) == (100, 50)


def test_a_lake_is_reached_by_a_link_as_well(lake: Settings, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(catalog_of(lake).parent)
    assert counted(Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path}/link/catalog.sqlite")) == (100, 50)
