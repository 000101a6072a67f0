"""The watched inbox: what comes is read at once, and what is still being written waits."""

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from time import sleep, time

import pytest

from pipeline.collect import inbox as looking
from pipeline.collect.inbox import RESTS_S, Inbox, unfinished, watch
from pipeline.config.settings import Settings
from pipeline.ingest import discover
from pipeline.ingest.files import ingest
from pipeline.scheduler import scheduler as schedule
from pipeline.scheduler.jobs import InboxJob, read_inbox
from pipeline.scheduler.scheduler import Scheduler
from pipeline.store.lake import Store
from tests.scheduler.test_scheduler import last_run, until
from tests.support.loads import openings, put
from tests.support.shapes import array, event, lines, portal, zipped

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


def test_an_idle_look_opens_and_writes_nothing(store: Store, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "SETTLED_NS", 50_000_000)
    for number in range(60):
        rested(put(inbox / str(number % 7), {f"{number}.jsonl": lines([event(f"p{number}", 1)])}) / f"{number}.jsonl")
    put(inbox, {"a.zip": zipped({"x": lines([event("zip", 1)])}), "empty": b"", "half": lines([event()])[:-9]})
    rested(inbox / "a.zip")
    sleep(0.06)
    looks = Inbox()
    report, waiting = looks.read(store)
    assert (sum(file.kept for file in report.files), waiting) == (61, [])
    revision = store.revision()
    with openings(inbox) as opened:
        assert looks.read(store)[0].files == []
    assert opened == [] and store.revision() == revision
    with (inbox / "half").open("ab") as half:
        half.write(lines([event()])[-9:])
    with openings(inbox) as opened:
        assert sum(file.kept for file in looks.read(store)[0].files) == 1
    assert {Path(name).name for name in opened} == {"half"}


def test_a_process_that_starts_anew_knows_from_the_ledger_what_it_need_not_open(
    store: Store, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "SETTLED_NS", 50_000_000)
    put(inbox, {f"{number}.jsonl": lines([event(f"p{number}", 1)]) for number in range(30)})
    sleep(0.06)
    Inbox().read(store)
    with openings(inbox) as opened:
        Inbox().read(store)
    assert opened == []


def test_looks_that_find_nothing_are_as_rare_as_they_are_dear_unless_a_change_is_reported(
    store: Store, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "SETTLED_NS", 50_000_000)
    monkeypatch.setattr(looking, "IDLE_SHARE", 10**9)
    put(inbox, {"a.jsonl": lines([event("ada", 1)])})
    sleep(0.06)
    job = InboxJob()
    assert "1 files: 1 lines" in job(store, Event()) and job.inbox.is_due
    assert job(store, Event()) == "" and not job.inbox.is_due
    put(inbox, {"b.jsonl": lines([event("bob", 1)])})
    assert job(store, Event()) == "", "it does not look"
    job.inbox.report_change()
    assert "1 files: 1 lines" in job(store, Event())


def test_a_download_whose_main_file_is_still_written_to_waits_as_a_whole(
    store: Store, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = portal([event("ada", 1), event("bob", 2)])
    main, *others = sorted(parts)
    for name in others:
        rested(put(inbox, {name: parts[name]}) / name)
    (inbox / main).write_bytes(parts[main])
    looks = Inbox()
    assert [Path(file.name).name for file in looks.read(store)[1]] == [main]
    rested(inbox / main)
    looks.read(store)
    assert store.rows("select count(*), sum(len(steps)) from events") == [(2, 6)]
    assert store.rows("select count(*) from rejects") == [(0,)]
