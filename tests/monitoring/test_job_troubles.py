"""A background job that fails is a trouble until it succeeds: /healthz, the header, `status`, and whose it is."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import dashboard
from pipeline.config.errors import JobFailed
from pipeline.config.settings import Settings
from pipeline.monitoring.status import needs_a_look, status
from pipeline.monitoring.troubles import troubles
from pipeline.scheduler.jobs import InboxJob, Publishing, check_rules, record_run, record_running
from pipeline.store.lake import Store
from tests.monitoring.test_status import leader, present, ran, sentences, shown
from tests.support.cases import thinned
from tests.support.given import Given, moment

__all__ = ["leader", "present"]
JOBS = ("ingest", "poll", "check", "maintain", "publish")


@pytest.fixture
def every_job(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that ask for every job."""
    secret = tmp_path / "secret"
    secret.write_text("invented")
    tenants = tmp_path / "tenants.toml"
    tenants.write_text(
        '[contoso]\ntenant = "11111111-1111-4111-8111-111111111111"\n'
        f'client_id = "22222222-2222-4222-8222-222222222222"\nsecret_file = "{secret}"\n'
    )
    monkeypatch.setenv("PROVISIONING_TENANTS", str(tenants))
    monkeypatch.setenv("PROVISIONING_PUBLISH", str(tmp_path / "published.duckdb"))
    monkeypatch.setenv("PROVISIONING_BEATS", "false")
    settings.tenants, settings.publish = tenants, tmp_path / "published.duckdb"


def answered() -> tuple[int, dict[str, Any]]:
    """What /healthz answers."""
    answer = asyncio.run(dashboard.healthz(None))  # type: ignore[arg-type]
    return answer.status_code, json.loads(bytes(answer.body))


def kinds(store: Store) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in troubles(store, datetime.now(UTC))]


@pytest.mark.parametrize("job", thinned(JOBS))
def test_a_job_that_fails_is_a_trouble_everywhere_until_it_succeeds(
    store: Store, given: Given, every_job: None, leader: None, job: str
) -> None:
    given.succeeded("ada")
    given.stored()
    for other in JOBS:
        ran(store, other)
    assert (answered()[0], kinds(store)) == (200, [])
    ran(store, job, outcome="failed", detail="contoso: it did not work")
    code, said = answered()
    assert (code, said["status"]) == (503, "failed")
    assert f"{job} failed" in said["reason"]
    assert "contoso: it did not work" in said["reason"]
    assert any("it did not work" in text for text in sentences(shown()))
    state = status(store, datetime.now(UTC))
    assert needs_a_look(state)
    assert [(one["kind"], one["subject"]) for one in state["troubles"]] == [("failed", job)]
    record_running(store, job, datetime.now(UTC) - timedelta(minutes=2))
    record_running(store, job, datetime.now(UTC) - timedelta(minutes=1))
    assert "contoso: it did not work" in answered()[1]["reason"], "it failed, and has not succeeded since"
    ran(store, job)
    assert (answered()[0], kinds(store)) == (200, [])
    record_running(store, job, datetime.now(UTC))
    assert kinds(store) == []


def failure(work: Callable[[], object]) -> str:
    with pytest.raises(JobFailed) as raised:
        work()
    return str(raised.value)


def left_in_the_inbox(settings: Settings, *names: str) -> None:
    """Files that were written some time ago."""
    settings.inbox.mkdir(parents=True, exist_ok=True)
    for name in names:
        (settings.inbox / name).write_text('{"id": "1"}\n')
        os.utime(settings.inbox / name, (1_700_000_000, 1_700_000_000))


def test_ingest_keeps_a_link_that_leads_out_of_the_inbox_as_a_reject_and_reads_the_others(
    store: Store, settings: Settings
) -> None:
    settings.inbox.mkdir(parents=True)
    job = InboxJob()
    (settings.inbox / "broken.ndjson").symlink_to("/proc/self/mem")
    left_in_the_inbox(settings, "good.ndjson")
    job(store, Event())
    assert store.rows("select count(*) from files where file like '%good.ndjson'") == [(1,)], "the others are read"
    [(file, reason)] = store.rows("select file, reason from rejects where file like '%broken.ndjson'")
    assert "inbox" in reason, file
    assert job(store, Event()) == ""


def test_ingest_names_the_files_of_a_batch_that_the_store_refused(store: Store, settings: Settings) -> None:
    left_in_the_inbox(settings, "a.ndjson", "b.ndjson")
    store.write(lambda cursor: cursor.execute("alter table rejects rename to elsewhere"))
    assert "a.ndjson and 1 more file: " in failure(lambda: InboxJob()(store, Event()))
    store.write(lambda cursor: cursor.execute("alter table elsewhere rename to rejects"))
    assert InboxJob()(store, Event()).startswith("2 files")


def test_check_fails_with_the_rules_that_could_not_be_asked_also_while_no_check_is_due(
    store: Store, given: Given
) -> None:
    store.settings.check_every = 3600
    given.succeeded("ada", hour=1)
    given.stored()
    views = "select sql from duckdb_views() where view_name = 'escrows' and database_name = 'provisioning'"
    [(broken,)] = store.rows(views)
    store.write(lambda cursor: cursor.execute("drop view escrows"))
    for _turn in range(2):
        said = failure(lambda: check_rules(store, Event()))
        assert "escrow_drops, escrow_growth" in said
        assert "quarantined" not in said
    assert store.rows("select count(distinct ran_at) from rule_runs") == [(1,)]
    store.write(lambda cursor: cursor.execute(broken))
    given.succeeded("ada", hour=2)
    given.stored()
    check_rules(store, Event())


def test_publish_fails_with_the_file_until_it_can_be_written(store: Store, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "place"
    folder.write_text("a file where a folder is expected")
    settings.publish = folder / "published.duckdb"
    job = Publishing()
    for _turn in range(2):
        assert str(settings.publish) in failure(lambda: job(store, Event()))
    folder.unlink()
    folder.mkdir()
    assert job(store, Event()).startswith(str(settings.publish))


def test_what_a_poll_fails_for_is_said_once_for_the_tenant(store: Store, every_job: None, leader: None) -> None:
    at, detail = datetime.now(UTC).replace(tzinfo=None), "contoso: the client secret has expired"
    for job in JOBS:
        ran(store, job)
    row = ["contoso", "events", at, at, "failed", detail, 4, at, 3, 0.0]
    store.write(lambda cursor: cursor.execute("insert into contacts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row))
    record_run(store, "poll", datetime.now(UTC), "failed", detail)
    assert kinds(store) == [("contact", "contoso: events")]
    code, said = answered()
    assert (code, "contoso (events): the client secret has expired." in said["reason"]) == (503, True)
    store.write(lambda cursor: cursor.execute("update contacts set outcome = 'ok', detail = ''"))
    ran(store, "poll")
    assert (answered()[0], kinds(store)) == (200, [])


def test_an_event_in_the_past_leaves_no_trouble(store: Store, given: Given, leader: None) -> None:
    given.succeeded("ada", day=0)
    given.stored()
    assert check_rules(store, Event()) == ""
    assert store.rows("select max(ran_at) from rule_runs") == [(moment(),)]
    assert kinds(store) == []
