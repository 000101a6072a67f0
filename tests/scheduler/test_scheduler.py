"""The beats: one process runs them, a failing one harms no other, and an idle store does not grow."""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from pipeline.config.settings import Settings
from pipeline.scheduler import scheduler as schedule
from pipeline.scheduler.jobs import Beat, Publishing, Stopping, read_inbox
from pipeline.scheduler.scheduler import Beats, Standby
from pipeline.store.lake import Store, open_store
from pipeline.store.leader import Lease, holder
from tests.support.lakes import add_events, command, ended, heard, script

HOLDER = """
    import time
    from pipeline.store.leader import Lease
    from pipeline.config.settings import read_settings
    lease = Lease.take(read_settings(), "watch")
    print("taken" if lease else "refused", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def quiet(settings: Settings) -> Settings:
    """Beats that do not come round by themselves during a test."""
    return settings.model_copy(update={"ingest_every": 3600, "maintain_every": 3600, "publish_every": 3600})


@pytest.fixture
def running(store: Store, quiet: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beats]:
    """Running beats, after the one look at the inbox that they begin with."""
    monkeypatch.setattr(schedule, "FIRST_S", 3600)
    started = Beats.start(quiet)
    assert started is not None
    until(lambda: last_run(store, "ingest") is not None)
    yield started
    started.stop()


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Waits until something in another thread or process has happened."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it did not happen"
        sleep(0.05)


def last_run(store: Store, beat: str) -> tuple[str, str] | None:
    rows = store.rows("select outcome, detail from beats where beat = ?", [beat])
    assert len(rows) <= 1
    return (rows[0][0], rows[0][1]) if rows else None


def test_only_one_process_runs_the_beats_and_says_who_it_is(store: Store, quiet: Settings) -> None:
    other = script(HOLDER)
    assert heard(other) == "taken"
    assert Beats.start(quiet) is None
    running = holder(quiet)
    assert running is not None
    assert (running.role, running.pid) == ("watch", other.pid)
    other.kill()
    ended(other)


def test_a_dead_holders_lease_is_free_at_once(store: Store, quiet: Settings) -> None:
    other = script(HOLDER)
    assert heard(other) == "taken"
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert holder(quiet) is None
    taken = Lease.take(quiet, "dashboard")
    assert taken is not None
    taken.release()
    ended(other)


def test_whoever_stands_by_takes_over_when_the_holder_ends(store: Store, quiet: Settings) -> None:
    first = Beats.start(quiet, "watch")
    assert first is not None
    standby = Standby(quiet, "dashboard", retry_s=0.05).start()
    assert standby.beats is None
    first.stop()
    until(lambda: standby.beats is not None)
    running = holder(quiet)
    assert running is not None
    assert running.role == "dashboard"
    standby.stop()
    assert holder(quiet) is None


def test_standing_by_ends_when_told_though_the_lease_never_came(store: Store, quiet: Settings) -> None:
    lease = Lease.take(quiet, "watch")
    assert lease is not None
    standby = Standby(quiet, "dashboard", retry_s=60).start()
    standby.stop()
    assert standby.beats is None
    lease.release()


def test_a_beat_that_raises_is_recorded_and_the_next_one_runs(store: Store, running: Beats) -> None:
    def fail(_store: Store, _stop: Event) -> str:
        raise OSError("the disk is gone")

    running.run(Beat("breaks", 60, fail))
    running.run(Beat("works", 60, lambda _store, _stop: "did something"))
    assert last_run(store, "breaks") == ("failed", "the disk is gone")
    assert last_run(store, "works") == ("ok", "did something")


def test_an_idle_beat_is_recorded_once_a_minute_and_a_busy_one_each_time(store: Store, running: Beats) -> None:
    idle = Beat("idle", 1, lambda _store, _stop: "")
    running.run(idle)
    revision = store.revision()
    for _round in range(5):
        running.run(idle)
    assert (last_run(store, "idle"), store.revision()) == (("ok", "nothing new"), revision)
    running.say(idle, datetime.now(UTC) + timedelta(seconds=61), "ok", "")
    running.say(idle, datetime.now(UTC) + timedelta(seconds=62), "ok", "3 files")
    assert (last_run(store, "idle"), store.revision()) == (("ok", "3 files"), revision + 2)


def test_a_beat_that_keeps_failing_alike_does_not_fill_the_store(store: Store, running: Beats) -> None:
    def fail(_store: Store, _stop: Event) -> str:
        raise OSError("the disk is gone")

    running.run(Beat("breaks", 1, fail))
    revision = store.revision()
    for _round in range(5):
        running.run(Beat("breaks", 1, fail))
    assert store.revision() == revision


def test_a_beat_that_recovers_says_so_at_once(store: Store, running: Beats) -> None:
    running.say(Beat("ingest", 1, read_inbox), datetime.now(UTC), "failed", "the disk is gone")
    running.run(Beat("ingest", 1, lambda _store, _stop: ""))
    assert last_run(store, "ingest") == ("ok", "nothing new")


def test_a_beat_that_is_long_at_work_says_so(store: Store, running: Beats) -> None:
    def work(_store: Store, _stop: Event) -> str:
        running._at_work["long"] -= timedelta(minutes=2)
        running.tell()
        assert last_run(store, "long") == ("running", "at work")
        return ""

    running.run(Beat("long", 1, work))
    assert last_run(store, "long") == ("ok", "nothing new")


def test_two_turns_of_a_beat_do_not_overlap(store: Store, running: Beats) -> None:
    inside, most = [0], [0]

    def work(_store: Store, _stop: Event) -> str:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        sleep(0.05)
        inside[0] -= 1
        return ""

    beat = Beat("twice", 1, work)
    turns = [Thread(target=running.run, args=[beat]) for _ in range(4)]
    for each in turns:
        each.start()
    for each in turns:
        each.join()
    assert most == [1]


def test_a_beat_that_was_told_to_stop_has_not_failed(store: Store, running: Beats) -> None:
    def stop(_store: Store, _stop: Event) -> str:
        raise Stopping

    running.run(Beat("ingest-like", 60, stop))
    assert last_run(store, "ingest-like") is None


def test_the_inbox_is_made_and_looked_at_without_a_trace(store: Store) -> None:
    assert read_inbox(store, Event()) == ""
    assert store.settings.inbox.is_dir()
    revision = store.revision()
    assert read_inbox(store, Event()) == ""
    assert store.revision() == revision


def test_the_file_is_published_when_there_is_news_and_not_when_only_a_beat_ran(store: Store, tmp_path: Path) -> None:
    store.settings.publish = tmp_path / "published.duckdb"
    publishing = Publishing()
    add_events(store, 0, 10)
    assert publishing(store, Event()).endswith("bytes")
    store.write(lambda cursor: cursor.execute("insert into beats (beat) values ('ingest')"))
    store.write(lambda cursor: cursor.execute("insert into contacts (tenant) values ('contoso')"))
    assert publishing(store, Event()) == ""
    add_events(store, 10, 10)
    assert publishing(store, Event()).endswith("bytes")
    store.settings.publish.unlink()
    assert publishing(store, Event()).endswith("bytes")


def test_watch_runs_the_beats_and_ends_cleanly_when_told(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_INGEST_EVERY", "1")
    watch = command("watch")
    until(lambda: last_run(store, "ingest") is not None)
    watch.send_signal(signal.SIGTERM)
    code, _out, err = ended(watch)
    assert code == 0
    assert "Traceback" not in err
    assert holder(settings) is None


def test_watch_stands_by_while_another_runs_the_beats(store: Store, running: Beats) -> None:
    watch = command("watch")
    line = watch.stderr.readline() if watch.stderr else ""
    assert f"The background jobs are run by watch (process {os.getpid()}" in line
    watch.send_signal(signal.SIGINT)
    assert ended(watch)[0] == 0


def test_a_new_reader_sees_what_the_beats_wrote(store: Store, running: Beats, settings: Settings) -> None:
    running.run(Beat("works", 60, lambda lake, _stop: str(add_events(lake, 0, 10) or "wrote")))
    assert open_store(settings, read_only=True).rows("select count(*) from events") == [(10,)]
