"""Maintenance drops nothing that may be wanted: orphans go to a trash folder, a clock that jumped is not believed."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from pipeline.config.errors import JobFailed
from pipeline.config.settings import Settings
from pipeline.maintenance.chores import maintain, stop_sentences, trust_clock
from pipeline.monitoring.troubles import troubles
from pipeline.scheduler import jobs
from pipeline.store.lake import Store, open_store
from tests.support.lakes import add_events, command, ended

LATER = timedelta(hours=2)


def files(folder: Path) -> set[str]:
    """The data files of a folder, but for those in its trash."""
    return {str(file.relative_to(folder)) for file in folder.rglob("*.parquet") if "trash" not in file.parts}


def chores(store: Store, now: datetime) -> set[str]:
    return {item.chore for item in maintain(store, now)}


def counted(store: Store) -> int:
    return int(store.rows("select count(*) from events")[0][0])


@pytest.fixture
def fresh(store: Store) -> Store:
    """A lake whose 200 events, one each six hours, end now, of which forty days are kept."""
    add_events(
        store, 0, 200, start=f"{datetime.now(UTC) - timedelta(hours=6 * 199):%Y-%m-%d %H:%M:%S}", step_s=6 * 3600
    )
    store.settings.keep_days = 40
    return store


@pytest.mark.parametrize("days", [400, *(pytest.param(days, marks=pytest.mark.deep) for days in (15, 60, 36500))])
def test_a_clock_that_jumps_ahead_drops_nothing_and_is_reported_until_it_is_right(fresh: Store, days: int) -> None:
    now = datetime.now(UTC)
    maintain(fresh, now)
    before, kept = counted(fresh), files(fresh.folder)
    jumped = now + timedelta(days=days)
    for later in (jumped, jumped + timedelta(minutes=10), jumped + timedelta(days=3)):
        assert chores(fresh, later) <= {"merge", "fold", "pair"}
        [sentence] = stop_sentences(fresh, later)
        assert "it may have jumped ahead" in sentence and "maintain --trust-clock" in sentence
        assert sentence.split(" Nothing is dropped")[0] in troubles(fresh, later)[0].sentence
    assert counted(fresh) == before
    assert files(fresh.folder) >= kept
    maintain(fresh, now + LATER)
    assert stop_sentences(fresh, now + LATER) == []
    assert not [one for one in troubles(fresh, now + LATER) if one.kind == "clock"]
    # A day more may be over by then.
    assert counted(fresh) > 0.9 * before


def test_a_short_jump_costs_no_rows(fresh: Store) -> None:
    now = datetime.now(UTC)
    for keep_days, jump in ((40, timedelta(days=5)), (2, timedelta(days=1, hours=7))):
        fresh.settings.keep_days = keep_days
        maintain(fresh, now)
        before = counted(fresh)
        assert "retention" not in chores(fresh, now + jump) and counted(fresh) == before > 0


def test_a_clock_that_jumps_back_drops_nothing(fresh: Store) -> None:
    now = datetime.now(UTC)
    maintain(fresh, now)
    back = now - timedelta(days=3)
    assert chores(fresh, back) <= {"merge", "fold", "pair"}
    assert "before the last round of maintenance" in stop_sentences(fresh, back)[0]
    store = open_store(fresh.settings)
    (store.folder / "maintenance.json").unlink()
    assert "it is behind" in stop_sentences(store, back)[0]
    store.close()


def test_a_first_round_long_after_the_newest_record_needs_somebodys_word(store: Store) -> None:
    add_events(store, 0, 100)
    store.settings.keep_days = 30
    now = datetime(2026, 9, 1, 12, tzinfo=UTC)
    for minutes in (0, 10, 20):
        assert "retention" not in chores(store, now + timedelta(minutes=minutes))
    assert counted(store) == 100
    trust_clock(store, now)
    assert stop_sentences(store, now + LATER) == []
    assert "retention" in chores(store, now + LATER)
    assert counted(store) == 0


def test_the_background_job_fails_with_the_sentence(fresh: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    maintain(fresh, datetime.now(UTC) - timedelta(days=90))
    trust_clock(fresh, datetime.now(UTC) + timedelta(days=90))
    with pytest.raises(JobFailed, match="Nothing is dropped, expired or cleaned away meanwhile"):
        jobs.tidy(fresh, Event())


@pytest.mark.deep
def test_the_command_says_what_is_held_back_and_takes_somebodys_word(store: Store, settings: Settings) -> None:
    add_events(store, 0, 100)
    trust_clock(store, datetime.now(UTC) - timedelta(days=200))
    store.close()
    code, _, said = ended(command("maintain"))
    assert (code, "it may have jumped ahead" in said) == (1, True)
    assert ended(command("maintain", "--trust-clock"))[::2] == (0, "")


def foreign(folder: Path, many: int, size: int = 3000) -> list[Path]:
    """Files as another catalog's lake would write them."""
    made = [folder / "main" / "events" / f"ducklake-00000000-0000-7000-8000-{n:012}.parquet" for n in range(many)]
    for file in made:
        file.write_bytes(b"x" * size)
        written = (datetime.now(UTC) - LATER).timestamp()
        os.utime(file, (written, written))
    return made


def test_many_orphans_stay_until_somebody_says_that_they_are_nobodys(store: Store, settings: Settings) -> None:
    add_events(store, 0, 100)
    later = datetime.now(UTC) + LATER
    others = foreign(store.folder, 200)
    assert "orphans" not in chores(store, later)
    assert all(file.exists() for file in others)
    [sentence] = stop_sentences(store, later)
    assert f"{store.folder} holds 200 files" in sentence and "maintain --all-orphans" in sentence
    with pytest.raises(JobFailed, match="holds 200 files"):
        jobs.tidy(store, Event())


def test_orphans_stay_in_the_trash_for_as_long_as_the_setting(store: Store) -> None:
    for batch in range(4):
        add_events(store, batch * 100, 100)
    now = datetime.now(UTC)
    [left] = foreign(store.folder, 1, size=10)
    assert "orphans" in chores(store, now + LATER)
    [trashed] = store.folder.glob("trash/*/main/events/ducklake-*")
    assert (left.exists(), trashed.read_bytes()) == (False, b"x" * 10)
    for days in (6, 12, 18, 24, 30):
        assert "trash" not in chores(store, now + timedelta(days=days))
    assert trashed.exists()
    assert "trash" in chores(store, now + timedelta(days=32))
    assert not trashed.parent.exists()


@pytest.mark.deep
def test_an_older_catalog_put_back_does_not_cost_the_files_that_it_does_not_list(store: Store, tmp_path: Path) -> None:
    settings = store.settings
    catalog = settings.catalog_file
    assert catalog is not None
    store.close()
    shutil.copy(catalog, tmp_path / "older")
    newer = open_store(settings)
    for batch in range(4):
        add_events(newer, batch * 100, 100)
    newer.close()
    shutil.copy(catalog, tmp_path / "newer")
    shutil.copy(tmp_path / "older", catalog)
    older = open_store(settings)
    written = files(older.folder)
    assert "orphans" not in chores(older, datetime.now(UTC) + LATER)
    older.close()
    assert files(older.folder) >= written
    shutil.copy(tmp_path / "newer", catalog)
    again = open_store(settings)
    assert counted(again) == 400
    again.close()
