"""The product tells of its own trouble: the same sentences for the page, `status` and /healthz."""

import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.config.settings import Settings
from pipeline.monitoring import troubles as pulse
from pipeline.monitoring.status import needs_a_look, status
from pipeline.monitoring.troubles import Trouble, troubles
from pipeline.scheduler.jobs import background_jobs, record_run, record_running
from pipeline.store.lake import Cursor, Store
from pipeline.store.leader import take_leadership
from tests.scheduler.test_scheduler import last_run, until
from tests.support.given import Given
from tests.support.lakes import ROOT, command, ended

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock when the test begins: when its file was read may be half an hour ago."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC))


@pytest.fixture
def leader(store: Store, settings: Settings, present: None) -> Iterator[None]:
    """Somebody runs the beats, has for long, and each ran just now."""
    leadership = take_leadership(settings, "watch")
    assert leadership is not None
    note = leadership._lock.lock_file + ".json"
    with open(note, "w") as file:
        file.write('{"role": "watch", "pid": 1, "host": "here", "since": "2026-01-05T00:00:00Z"}')
    for job in background_jobs(settings):
        ran(store, job.name)
    yield
    leadership.release()


def ran(store: Store, beat: str, ago_s: float = 0, outcome: str = "ok", detail: str = "nothing new") -> None:
    record_run(store, beat, NOW, outcome, detail)
    at = (NOW - timedelta(seconds=ago_s)).replace(tzinfo=None)
    store.write(lambda cursor: cursor.execute("update background_jobs set ended_at = ? where job = ?", [at, beat]))


def contact(store: Store, feed: str, outcome: str, detail: str, tenant: str = "contoso") -> None:
    def write(cursor: Cursor) -> None:
        reached, again = datetime(2026, 1, 5, 9, 31), datetime(2026, 1, 5, 9, 45)
        row = [tenant, feed, reached, reached, outcome, detail, 1, again, 3, 0.0]
        cursor.execute("insert into contacts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    store.write(write)


def sentences_by_kind(store: Store) -> list[tuple[str, str]]:
    return [(one.kind, one.sentence) for one in troubles(store, NOW)]


def kinds(store: Store) -> list[str]:
    return [one.kind for one in troubles(store, NOW)]


def test_a_store_that_is_loaded_by_hand_lacks_no_pipeline(store: Store) -> None:
    assert sentences_by_kind(store) == []
    assert not needs_a_look(status(store, NOW))


def test_a_pipeline_that_ran_and_does_not_is_said_with_when(store: Store) -> None:
    ran(store, "ingest", ago_s=600)
    at = NOW - timedelta(seconds=600)
    [(kind, sentence)] = sentences_by_kind(store)
    assert (kind, sentence) == (
        "dead",
        f"The pipeline has not run since {at:%H:%M} UTC: nothing new is read; start `python -m pipeline watch`.",
    )
    assert needs_a_look(status(store, NOW))


def test_a_dashboard_that_may_not_run_the_beats_misses_them_at_once(store: Store) -> None:
    store.settings.beats = False
    assert sentences_by_kind(store)[0][1].startswith("The pipeline has never run here")


def test_beats_on_time_are_no_trouble(store: Store, leader: None) -> None:
    ran(store, "ingest", ago_s=60)
    ran(store, "maintain", ago_s=1000)
    assert sentences_by_kind(store) == []


def test_a_beat_that_hangs_is_late(store: Store, leader: None) -> None:
    ran(store, "ingest", ago_s=500)
    [(kind, sentence)] = sentences_by_kind(store)
    assert kind == "late"
    assert sentence.startswith(
        f"The background job ingest is late: it last ran at {NOW - timedelta(seconds=500):%H:%M} UTC and is"
    )
    assert sentence.endswith("is due every 5 s; see the log of watch (process 1 on here, since 2026-01-05T00:00:00Z).")


def test_a_beat_that_never_ran_is_late_but_not_before_its_first_turn(store: Store, settings: Settings) -> None:
    leadership = take_leadership(settings, "watch")
    assert leadership is not None
    assert sentences_by_kind(store) == []
    later = troubles(store, NOW + timedelta(hours=1))
    assert [(one.kind, one.subject) for one in later] == [("late", job.name) for job in background_jobs(settings)]
    assert "it never ran" in later[0].sentence
    leadership.release()


def test_a_beat_that_is_at_work_is_not_late_and_is_told_of_after_an_hour(store: Store, leader: None) -> None:
    record_running(store, "ingest", NOW - timedelta(minutes=50))
    assert sentences_by_kind(store) == []
    record_running(store, "ingest", NOW - timedelta(minutes=70))
    assert kinds(store) == ["long"]


def test_a_beat_that_fails_says_why_and_that_it_is_tried_again(store: Store, leader: None) -> None:
    ran(store, "ingest", outcome="failed", detail="/data/inbox: Permission denied")
    assert sentences_by_kind(store) == [
        (
            "failed",
            f"The background job ingest failed at {NOW:%H:%M} UTC and is retried every 5 s: "
            "/data/inbox: Permission denied.",
        )
    ]


def test_a_beat_that_nobody_asks_for_any_more_is_no_trouble(store: Store, leader: None) -> None:
    ran(store, "publish", ago_s=10**6, outcome="failed", detail="no such folder")
    assert sentences_by_kind(store) == []


def test_a_contact_that_fails_is_one_sentence_for_all_feeds_that_fail_alike(store: Store) -> None:
    contact(store, "events", "failed", "contoso: the client secret has expired; make a new one")
    contact(store, "jobs", "failed", "contoso: the client secret has expired; make a new one")
    contact(store, "container", "ok", "3 blobs, nothing new.")
    contact(store, "events", "failed", "the host's name could not be resolved", tenant="fabrikam")
    times = "It last answered at 5 Jan 2026, 09:31 UTC; the next attempt is at 5 Jan 2026, 09:45 UTC."
    assert [sentence for _, sentence in sentences_by_kind(store)] == [
        f"contoso (events, jobs): the client secret has expired; make a new one. {times}",
        f"fabrikam (events): the host's name could not be resolved. {times}",
    ]


def test_a_full_disk_is_said_where_the_store_cannot_keep_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "ROOM", 1 << 60)
    [trouble] = troubles(store, NOW)
    assert trouble.kind == "disk"
    assert "nothing new can be stored until there is room" in trouble.sentence


def test_status_tells_of_contacts_coverage_and_trouble(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    contact(store, "events", "failed", "contoso: the client secret has expired")
    store.write(
        lambda cursor: cursor.execute(
            "insert into coverage values ('graph', 't', null, 'graph:contoso', '2026-01-05', '2026-01-05 08:00', "
            "'2026-01-05 09:31', '2026-01-05 09:31')"
        )
    )
    told = status(store, NOW)
    assert [one["kind"] for one in told["troubles"]] == ["contact"]
    assert (told["contacts"][0]["tenant"], told["coverage"][0]["source"]) == ("contoso", "graph")
    code, out, _err = ended(command("status"))
    assert code == 1
    assert "graph covers 5 Jan 2026, 00:00 UTC" in out
    assert "the client secret has expired" in " ".join(out.split())


def test_every_page_says_that_the_pipeline_was_killed(
    store: Store, given: Given, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_BEATS", "false")
    given.succeeded("ada")
    given.stored()
    watch = command("watch")
    try:
        until(lambda: last_run(store, "ingest") is not None, 120)
        assert sentences(shown()) == []
    finally:
        os.kill(watch.pid, signal.SIGKILL)
        ended(watch)
    app = shown()
    for page in ("home.py", "sources.py"):
        said = sentences(app.switch_page(page).run(timeout=60))
        assert "has not run since" in said[0]
        assert "`python -m pipeline watch`" in said[0]


def test_a_store_that_breaks_under_an_open_page_is_a_sentence(store: Store, given: Given, settings: Settings) -> None:
    given.succeeded("ada")
    given.stored()
    app = shown()
    assert settings.catalog_file is not None
    for file in settings.catalog_file.parent.glob("catalog.sqlite*"):
        file.write_bytes(b"no catalog any more" * 1000)
    [said] = sentences(app.run(timeout=60))
    assert said.startswith("The store cannot be reached")


def shown() -> Any:
    return AppTest.from_file(str(ROOT / "views/app.py")).run(timeout=60)


def sentences(app: Any) -> list[str]:
    assert not app.exception
    return [str(element.value) for element in [*app.error, *app.warning]]


def test_a_trouble_is_one_line(store: Store) -> None:
    contact(store, "events", "failed", "two\nlines")
    assert isinstance(troubles(store, NOW)[0], Trouble)
    assert "\n" not in troubles(store, NOW)[0].sentence
