"""The background jobs: one process runs them, a failing one harms no other, and an idle store does not grow."""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from dashboard import health
from pipeline.collect.contacts import Contact, write_contacts
from pipeline.config.clock import naive
from pipeline.config.settings import Settings
from pipeline.maintenance.chores import maintain
from pipeline.monitoring.status import status
from pipeline.scheduler import scheduler as schedule
from pipeline.scheduler.jobs import BackgroundJob, InboxJob, Publishing, Stopping, read_inbox, record_run
from pipeline.scheduler.scheduler import Scheduler, Standby
from pipeline.store.ducklake_workarounds import CATALOG
from pipeline.store.lake import Store, open_store
from pipeline.store.leader import current_leader, take_leadership
from tests.support.capabilities import only_permitted_files
from tests.support.lakes import add_events, command, ended, next_line, script
from tests.support.loads import put
from tests.support.shapes import event, lines

LEADER = """
    import time
    from pipeline.store.leader import take_leadership
    from pipeline.config.settings import read_settings
    leadership = take_leadership(read_settings(), "watch")
    print("taken" if leadership else "refused", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def quiet(settings: Settings) -> Settings:
    """Background jobs that do not come round by themselves during a test."""
    return settings.model_copy(update={"ingest_every": 3600, "maintain_every": 3600, "publish_every": 3600})


@pytest.fixture
def running(store: Store, quiet: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    """Running background jobs, after the one look at the inbox that they begin with."""
    monkeypatch.setattr(schedule, "FIRST_S", 3600)
    started = Scheduler.start(quiet)
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


def last_run(store: Store, job: str) -> tuple[str, str] | None:
    rows = store.rows("select outcome, detail from background_jobs where job = ?", [job])
    assert len(rows) <= 1
    return (rows[0][0], rows[0][1]) if rows else None


def test_only_one_process_runs_the_jobs_and_leaves_a_note_of_itself(store: Store, quiet: Settings) -> None:
    # Whoever only asks may have no right to write.
    assert current_leader(quiet) is None and not Path(f"{quiet.catalog_file}.beats").exists()
    other = script(LEADER)
    assert next_line(other) == "taken"
    assert Scheduler.start(quiet) is None
    running = current_leader(quiet)
    assert running is not None
    assert (running.role, running.pid) == ("watch", other.pid)
    other.kill()
    ended(other)


def test_the_leadership_of_a_dead_process_is_free_at_once(store: Store, quiet: Settings) -> None:
    other = script(LEADER)
    assert next_line(other) == "taken"
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert current_leader(quiet) is None
    taken = take_leadership(quiet, "dashboard")
    assert taken is not None
    taken.release()
    ended(other)


def test_a_standby_takes_over_when_the_leader_ends(store: Store, quiet: Settings) -> None:
    first = Scheduler.start(quiet, "watch")
    assert first is not None
    standby = Standby(quiet, "dashboard", retry_s=0.05).start()
    assert standby.scheduler is None
    first.stop()
    until(lambda: standby.scheduler is not None)
    running = current_leader(quiet)
    assert running is not None
    assert running.role == "dashboard"
    standby.stop()
    assert current_leader(quiet) is None


def test_a_standby_ends_when_stopped_though_the_leadership_never_came(store: Store, quiet: Settings) -> None:
    leadership = take_leadership(quiet, "watch")
    assert leadership is not None
    standby = Standby(quiet, "dashboard", retry_s=60).start()
    standby.stop()
    assert standby.scheduler is None
    leadership.release()


def test_a_job_that_raises_is_recorded_and_the_next_one_runs(store: Store, running: Scheduler) -> None:
    def fail(_store: Store, _stop: Event) -> str:
        raise OSError("the disk is gone")

    running.run(BackgroundJob("breaks", 60, fail))
    running.run(BackgroundJob("works", 60, lambda _store, _stop: "did something"))
    assert last_run(store, "breaks") == ("failed", "the disk is gone")
    assert last_run(store, "works") == ("ok", "did something")


def test_ingest_fails_while_a_file_of_the_inbox_is_unreadable_and_all_name_it(store: Store, quiet: Settings) -> None:
    inbox = put(store.settings.inbox, {"closed.json": lines([event("ada", 1)]), "open.json": lines([event("bob", 2)])})
    for file in inbox.iterdir():
        os.utime(file, (1e9, 1e9))
    (inbox / "closed.json").chmod(0)
    fault = "closed.json cannot be read (Permission denied)"
    ingesting = InboxJob()
    job = BackgroundJob("ingest", 3600, ingesting)
    with only_permitted_files():
        running = Scheduler.start(quiet)
        assert running is not None
        for _look in range(2):
            ingesting.inbox.report_change()
            running.run(job)
            outcome, detail = last_run(store, "ingest") or ("", "")
            assert outcome == "failed" and fault in detail
    assert any(fault in one["sentence"] for one in status(store, datetime.now(UTC))["troubles"])
    answer = health()
    assert answer["status"] == "failed" and fault in answer["reason"]
    assert store.rows("select count(*) from events") == [(1,)], "the other file is there"
    (inbox / "closed.json").chmod(0o600)
    ingesting.inbox.report_change()
    running.run(job)
    assert (last_run(store, "ingest") or ("",))[0] == "ok" and store.rows("select count(*) from events") == [(2,)]
    assert fault not in health().get("reason", "")
    running.stop()


def test_an_idle_job_is_recorded_once_in_five_minutes_and_a_busy_one_each_time(
    store: Store, running: Scheduler
) -> None:
    idle = BackgroundJob("idle", 1, lambda _store, _stop: "")
    running.run(idle)
    revision = store.revision()
    for _round in range(5):
        running.run(idle)
    assert (last_run(store, "idle"), store.revision()) == (("ok", "nothing new"), revision)
    running.record(idle, datetime.now(UTC) + timedelta(seconds=301), "ok", "")
    running.record(idle, datetime.now(UTC) + timedelta(seconds=302), "ok", "3 files")
    assert (last_run(store, "idle"), store.revision()) == (("ok", "3 files"), revision + 2)


def test_jobs_without_news_are_recorded_in_one_commit(store: Store, running: Scheduler) -> None:
    jobs = [BackgroundJob(name, 1, lambda _store, _stop: "") for name in ("one", "two", "three")]
    for job in jobs:
        running.run(job)
    revision, later = store.revision(), datetime.now(UTC) + timedelta(seconds=290)
    for job in jobs[:2]:
        running.record(job, later, "ok", "")
    assert store.revision() == revision
    running.record(jobs[2], later + timedelta(seconds=20), "ok", "")
    assert store.revision() == revision + 1
    [(oldest,)] = store.rows("select min(began_at) from background_jobs where job in ('one', 'two', 'three')")
    assert oldest == naive(later)


def test_a_job_that_keeps_failing_does_not_fill_the_store(store: Store, running: Scheduler) -> None:
    def fail(_store: Store, _stop: Event) -> str:
        raise OSError("the disk is gone")

    running.run(BackgroundJob("breaks", 1, fail))
    revision = store.revision()
    for _round in range(5):
        running.run(BackgroundJob("breaks", 1, fail))
    assert store.revision() == revision


def test_runs_and_contacts_write_no_file_and_the_catalog_keeps_their_last_rows_alone(store: Store) -> None:
    def files() -> set[Path]:
        return set(store.folder.rglob("*.parquet"))

    def rows_in_catalog() -> int:
        tables = store.rows(f"select table_name from {CATALOG}.ducklake_inlined_data_tables")
        return sum(int(store.rows(f"select count(*) from {CATALOG}.{table}")[0][0]) for (table,) in tables)

    before, contacts = files(), dict[str, Contact]()
    for number in range(5):
        at = datetime(2026, 3, 1, number, tzinfo=UTC)
        record_run(store, "poll", at, "ok", f"read {number} events")
        contacts = write_contacts(store, [Contact("contoso", "events", naive(at), naive(at))], contacts)
    assert files() == before
    assert rows_in_catalog() == 10
    maintain(store, datetime.now(UTC) + timedelta(days=2))
    assert rows_in_catalog() == 2
    assert store.rows("select job, detail from background_jobs") == [("poll", "read 4 events")]
    assert store.rows("select tenant, reached_at from contacts") == [("contoso", naive(at))]


def test_a_job_that_recovers_is_recorded_at_once(store: Store, running: Scheduler) -> None:
    running.record(BackgroundJob("ingest", 1, read_inbox), datetime.now(UTC), "failed", "the disk is gone")
    running.run(BackgroundJob("ingest", 1, lambda _store, _stop: ""))
    assert last_run(store, "ingest") == ("ok", "nothing new")


def test_a_job_that_runs_for_long_is_recorded_as_running(store: Store, running: Scheduler) -> None:
    def work(_store: Store, _stop: Event) -> str:
        running._running["long"] -= timedelta(minutes=2)
        running.record_long_runs()
        assert last_run(store, "long") == ("running", "at work")
        return ""

    running.run(BackgroundJob("long", 1, work))
    assert last_run(store, "long") == ("ok", "nothing new")


def test_two_runs_of_a_job_do_not_overlap(store: Store, running: Scheduler) -> None:
    inside, most = [0], [0]

    def work(_store: Store, _stop: Event) -> str:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        sleep(0.05)
        inside[0] -= 1
        return ""

    job = BackgroundJob("twice", 1, work)
    turns = [Thread(target=running.run, args=[job]) for _ in range(4)]
    for each in turns:
        each.start()
    for each in turns:
        each.join()
    assert most == [1]


def test_a_job_that_was_stopped_has_not_failed(store: Store, running: Scheduler) -> None:
    def stop(_store: Store, _stop: Event) -> str:
        raise Stopping

    running.run(BackgroundJob("ingest-like", 60, stop))
    assert last_run(store, "ingest-like") is None


def test_the_inbox_is_made_and_looked_at_without_a_trace(store: Store) -> None:
    assert read_inbox(store, Event()) == ""
    assert store.settings.inbox.is_dir()
    revision = store.revision()
    assert read_inbox(store, Event()) == ""
    assert store.revision() == revision


def test_the_file_is_published_when_there_is_news_and_not_when_only_a_job_ran(store: Store, tmp_path: Path) -> None:
    store.settings.publish = tmp_path / "published.duckdb"
    publishing = Publishing()
    add_events(store, 0, 10)
    assert publishing(store, Event()).endswith("bytes")
    store.write(lambda cursor: cursor.execute("insert into background_jobs (job) values ('ingest')"))
    store.write(lambda cursor: cursor.execute("insert into contacts (tenant) values ('contoso')"))
    assert publishing(store, Event()) == ""
    add_events(store, 10, 10)
    assert publishing(store, Event()).endswith("bytes")
    store.settings.publish.unlink()
    assert publishing(store, Event()).endswith("bytes")


def test_watch_runs_the_jobs_and_ends_cleanly_when_stopped(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_INGEST_EVERY", "1")
    watch = command("watch")
    until(lambda: last_run(store, "ingest") is not None)
    watch.send_signal(signal.SIGTERM)
    code, _out, err = ended(watch)
    assert code == 0
    assert "Traceback" not in err
    assert current_leader(settings) is None


def test_watch_is_a_standby_while_another_runs_the_jobs(store: Store, running: Scheduler) -> None:
    watch = command("watch")
    line = watch.stderr.readline() if watch.stderr else ""
    assert f"The background jobs are run by watch (process {os.getpid()}" in line
    watch.send_signal(signal.SIGINT)
    assert ended(watch)[0] == 0


def test_a_new_reader_sees_what_the_jobs_wrote(store: Store, running: Scheduler, settings: Settings) -> None:
    running.run(BackgroundJob("works", 60, lambda lake, _stop: str(add_events(lake, 0, 10) or "wrote")))
    assert open_store(settings, read_only=True).rows("select count(*) from events") == [(10,)]
