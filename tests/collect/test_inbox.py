"""The watched inbox: what comes is read at once, and what is still being written waits."""

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from time import time

import pytest

from pipeline.collect.inbox import RESTS_S, unfinished, watch
from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.scheduler import scheduler as schedule
from pipeline.scheduler.jobs import read_inbox
from pipeline.scheduler.scheduler import Scheduler
from pipeline.store.lake import Store
from tests.scheduler.test_scheduler import last_run, until
from tests.support.shapes import array, event, lines

AGO = time() - 2 * RESTS_S


@pytest.fixture
def inbox(store: Store) -> Path:
    store.settings.inbox.mkdir()
    return store.settings.inbox


@pytest.fixture
def watching(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    """Background jobs whose own look at the inbox comes round once an hour, so that only watching can be quick."""
    monkeypatch.setattr(schedule, "FIRST_S", 3600)
    rare = {"ingest_every": 3600, "maintain_every": 3600}
    started = Scheduler.start(settings.model_copy(update=rare))
    assert started is not None
    until(lambda: last_run(store, "ingest") is not None)
    yield started
    started.stop()


def events(store: Store) -> int:
    return int(store.rows("select count(*) from events")[0][0])


def rested(file: Path) -> Path:
    os.utime(file, (AGO, AGO))
    return file


def test_a_new_file_and_its_growth_are_read_though_no_beat_is_due(store: Store, watching: Scheduler) -> None:
    file = store.settings.inbox / "events.jsonl"
    file.write_bytes(lines([event("ada", 1)]))
    until(lambda: events(store) == 1)
    with file.open("ab") as log:
        log.write(lines([event("ada", 2)]))
    until(lambda: events(store) == 2)


def test_a_file_in_a_new_folder_is_read_too(store: Store, watching: Scheduler) -> None:
    folder = store.settings.inbox / "contoso" / "today"
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_bytes(lines([event("ada", 1)]))
    until(lambda: events(store) == 1)


def test_an_array_that_is_copied_slowly_is_read_once_and_whole(store: Store, watching: Scheduler) -> None:
    whole = array([event("ada", number) for number in range(3)])
    file = store.settings.inbox / "events.json"

    def noticed() -> bool:
        # Whoever copies goes on, so that the file never rests, however slow the machine is.
        os.utime(file)
        return "events.json is still being written" in (last_run(store, "ingest") or ("", ""))[1]

    with file.open("wb") as slow:
        slow.write(whole[: len(whole) // 2])
        slow.flush()
        until(noticed)
        slow.write(whole[len(whole) // 2 :])
    until(lambda: events(store) == 3)
    assert store.rows("select (select count(*) from rejects), (select sum(duplicates) from files)") == [(0, 0)]


@pytest.mark.parametrize("end", [".json", ".json.gz", ".zip", ".csv"])
def test_what_cannot_be_read_in_part_waits_until_it_rests(store: Store, inbox: Path, tmp_path: Path, end: str) -> None:
    begun = {
        ".json": array([event()])[:200],
        ".json.gz": gzip.compress(array([event()]))[:50],
        ".zip": b"PK\x03\x04rest",
        ".csv": b"ID,Date,Status\n1,2",
    }
    file = inbox / f"events{end}"
    file.write_bytes(begun[end])
    assert read_inbox(store, Event()) == f"events{end} is still being written and waits"
    assert store.rows("select count(*) from files") == [(0,)]
    rested(file)
    assert unfinished(inbox) == set()


def test_lines_are_read_while_they_are_written_and_the_last_one_waits(store: Store, inbox: Path) -> None:
    (inbox / "events.jsonl").write_bytes(lines([event("ada", 1), event("ada", 2)])[:-100])
    assert "1 files: 1 lines, 1 kept" in read_inbox(store, Event())


def test_a_file_that_is_named_is_read_however_young(store: Store, inbox: Path) -> None:
    file = inbox / "events.json"
    file.write_bytes(array([event()]))
    assert ingest(store, [file]).files[0].kept == 1


def test_a_clock_that_is_ahead_keeps_no_file_waiting(inbox: Path) -> None:
    file = inbox / "events.json"
    file.write_bytes(array([event()]))
    os.utime(file, (time() + 3600, time() + 3600))
    assert unfinished(inbox) == set()


def test_watching_ends_when_told_and_survives_a_folder_that_goes(inbox: Path) -> None:
    stop, seen = Event(), Event()
    thread = Thread(target=watch, args=[inbox, stop, seen.set])
    thread.start()
    until(lambda: bool((inbox / "a.jsonl").write_bytes(b"{}\n")) and seen.wait(0.3))
    shutil.rmtree(inbox)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
