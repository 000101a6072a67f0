"""The command `sample --load`: loads the sample tenant once, whole, and never beside data of other origin."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.__main__ import run
from pipeline.config.clock import wall_clock
from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.store.lake import Store
from pipeline.store.present import newest_instant
from tests.support.shapes import event

SMALL = ["--users", "40", "--groups", "4", "--days", "10"]
COUNTS = "select (select count(*) from events), (select count(*) from exchanges), (select count(*) from job_snapshots)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the sample goes."""
    return tmp_path / "sample"


def load(folder: Path, *more: str) -> int:
    """Loads the sample, with logs until now."""
    return run(["sample", str(folder), *SMALL, "--until", "now", "--load", *more])


def own_file(folder: Path) -> Path:
    """Writes a log of somebody's own."""
    file = folder / "own.json"
    file.write_text(json.dumps([event()]), "utf-8")
    return file


def test_an_empty_store_gets_the_sample_until_now_and_a_second_time_changes_nothing(
    store: Store, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = wall_clock(store.settings)
    assert load(folder) == 0
    newest, counts = newest_instant(store), store.rows(COUNTS)
    assert newest is not None and timedelta() <= newest - before.replace(microsecond=0) < timedelta(minutes=2)
    totals = json.loads((folder / "answers.json").read_text("utf-8"))["totals"]
    assert counts == [(totals["events"], totals["exchanges"], totals["job_snapshots"])]
    files = sorted(path.stat().st_mtime_ns for path in folder.rglob("*"))
    capsys.readouterr()
    assert load(folder) == 0
    assert (store.rows(COUNTS), sorted(path.stat().st_mtime_ns for path in folder.rglob("*"))) == (counts, files)
    assert capsys.readouterr().out.startswith("The store holds the sample tenant until ")


@pytest.mark.deep
def test_a_load_that_was_cut_off_is_completed_with_the_same_logs(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sample", str(folder), *SMALL, "--until", "2026-03-18T15:41:07Z"]) == 0
    ingest(store, [folder / "graph"])
    assert load(folder) == 0
    totals = json.loads((folder / "answers.json").read_text("utf-8"))["totals"]
    assert store.rows(COUNTS) == [(totals["events"], totals["exchanges"], totals["job_snapshots"])]
    out = capsys.readouterr().out
    assert "The store holds the sample tenant until 18 Mar 2026, 15:41 UTC; nothing newer comes by itself." in out
    assert "To see it until now, remove the store" in out
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    assert load(folder) == 0 and not folder.exists()


@pytest.mark.parametrize("first", ["own", "sample"])
def test_the_sample_is_never_loaded_beside_other_data(
    store: Store, folder: Path, tmp_path: Path, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if first == "sample":
        assert run(["sample", str(folder), *SMALL]) == 0
        ingest(store, [folder / "graph"])
    ingest(store, [own_file(tmp_path)])
    counts, written = store.rows(COUNTS), sorted(folder.rglob("*"))
    capsys.readouterr()
    assert load(folder) == 0
    assert (store.rows(COUNTS), sorted(folder.rglob("*"))) == (counts, written)
    said = capsys.readouterr().out
    assert said.startswith("The sample tenant is not loaded: the store holds other data, until ") and "STORE" in said


def test_the_sample_is_not_loaded_where_real_data_is_about_to_come(
    settings: Settings,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    own = own_file(inbox)
    assert load(folder) == 0
    assert f"not loaded: files wait in {inbox}" in capsys.readouterr().out
    own.unlink()
    monkeypatch.setenv("PROVISIONING_TENANTS", str(tmp_path / "tenants.toml"))
    assert load(folder) == 0
    assert "not loaded: PROVISIONING_TENANTS is set" in capsys.readouterr().out
    monkeypatch.delenv("PROVISIONING_TENANTS")
    folder.mkdir()
    own_file(folder)
    assert load(folder) == 0
    assert f"not loaded: {folder} holds other files" in capsys.readouterr().out
    assert [path.name for path in folder.iterdir()] == ["own.json"]


def test_logs_cannot_end_in_the_time_to_come_or_at_no_instant(
    settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for until, sentence in (("2999-01-01", "which is to come"), ("soon", "'soon' is no instant")):
        assert run(["sample", str(folder), "--until", until]) == 2
        assert sentence in capsys.readouterr().err
    assert not folder.exists()
