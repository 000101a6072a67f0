"""Polling a tenant through good and bad days: the same rows whatever goes wrong, nothing lost and nothing twice."""

import json
import logging
import os
import random
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest

from demo.faults import Trigger
from demo.graph import TenantData
from demo.standin import StandIn
from pipeline.collect.graph import events
from pipeline.collect.graph.client import Graph, RequestPolicy
from pipeline.collect.graph.errors import Stopped
from pipeline.collect.graph.limiter import RateLimiter
from pipeline.collect.graph.lock import TenantBusy, tenant_lock
from pipeline.collect.graph.poll import Poller, PollResult
from pipeline.collect.polling import PollJob, TenantPollers
from pipeline.collect.windows import Window
from pipeline.config import clock
from pipeline.config.errors import JobFailed
from pipeline.config.retry_policy import RetryPolicy
from pipeline.config.settings import Settings
from pipeline.config.tenants import read_tenants
from pipeline.scheduler.jobs import Stopping, background_jobs
from pipeline.store.lake import Store
from tests.support.cases import thinned
from tests.support.lakes import command, ended, next_line, script
from tests.support.tenants import APP, JOB, small_tenant

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
RETENTION = 3
EVENTS = 90
PATIENT = RequestPolicy(RetryPolicy(0.001, 0.01, attempts=8, longest_retry_after_s=150))
HASTY = replace(PATIENT, read_timeout_s=0.5)
"Gives up before an answer of SLOW_S comes."
SLOW_S = 1.2
PAGE = 15


def event(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    """One event of Graph's, as much of it as is compared here."""
    return {
        "id": f"{number:08d}-0000-4000-8000-000000000000",
        "activityDateTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "tenantId": small_tenant().tenant_id,
        "jobId": JOB,
        "cycleId": f"cycle-{number // 10}",
        "changeId": f"change-{number}",
        "provisioningAction": "create",
        "provisioningStatusInfo": {"status": "success", "errorInformation": None},
        "provisioningSteps": [],
        "modifiedProperties": [],
        "servicePrincipal": {"id": APP, "displayName": "Cerby"},
        "sourceIdentity": {"id": f"person-{number % 50}", "displayName": "Ada", "identityType": "User"},
    } | more


def busy_tenant(count: int = EVENTS) -> TenantData:
    """A tenant with so many events over the days that Graph keeps, the last one just now."""
    data = small_tenant()
    step = (RETENTION * DAY - HOUR) / count
    data.events = [event(number, NOW - timedelta(minutes=5) - number * step) for number in range(count)]
    data.retention_days = RETENTION
    return data


class Bench:
    """A stand-in, a lake, and a present that only tests move on."""

    def __init__(self, data: TenantData, store: Store, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.data, self.store, self.policy = data, store, PATIENT
        self.graph = StandIn([data], clock=lambda: clock.now(self.store.settings), page_size=PAGE)
        self.graph.faults.throttle = False
        self.graph.start()
        for name, secret in self.graph.environment().items():
            patch.setenv(name, secret)
        self.file = self.graph.tenants_toml(folder)
        self.more = store.settings.model_copy(update={"tenants": self.file, "configuration_every": 10**9})
        patch.setenv("PROVISIONING_TENANTS", str(self.file))
        self.at(NOW)

    def at(self, moment: datetime) -> None:
        """Makes it another time, from which on the clock runs."""
        text = f"{moment.isoformat()},1,{datetime.now(UTC).isoformat()}"
        self.store.settings = self.more.model_copy(update={"clock": text})

    def later(self, moment: datetime, poller: Poller) -> None:
        """Makes it another time for a poller that goes on, as well."""
        self.at(moment)
        poller._state.graph._settings = self.store.settings

    def now(self) -> datetime:
        """Returns the present as the store has it."""
        return clock.naive(clock.now(self.store.settings))

    def poller(self, **changed: object) -> Poller:
        """Gives a new poller, as a new process has."""
        [tenant] = read_tenants(self.store.settings)
        made = tenant.model_copy(update=changed)
        return Poller(self.store.settings, made, policy=self.policy, limiter=RateLimiter(10**6))

    def poll(self, poller: Poller | None = None, forced: bool = True, **changed: object) -> PollResult:
        """Does one turn."""
        asking = poller or self.poller(**changed)
        try:
            return asking.poll(self.store, Event(), forced=forced)
        finally:
            if poller is None:
                asking.close()

    def poll_until_done(self) -> list[PollResult]:
        """Does turns until one of them has nothing left to do, as the beat would."""
        turns = [self.poll()]
        while turns[-1].failures or turns[-1].gaps_left:
            assert len(turns) < 20, turns[-1]
            turns.append(self.poll())
        return turns

    def rows(self) -> list[dict[str, Any]]:
        """Gives every event as it is stored."""
        return list(self.store.fetch("select * from events order by event_id, job_id").to_pylist())

    def asked(self, path: str = "auditLogs/provisioning") -> list[str]:
        """Gives the filters of the requests for a path, in order."""
        return [each.query.get("$filter", "") for each in self.graph.requests if each.path.endswith(path)]

    def contact(self, feed: str) -> dict[str, Any]:
        """Gives a row of contacts."""
        [row] = self.store.fetch("select * from contacts where feed = $feed", {"feed": feed}).to_pylist()
        return dict(row)


@pytest.fixture
def bench(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(busy_tenant(), store, tmp_path, monkeypatch)
    yield made
    made.graph.close()


def test_a_poll_keeps_every_event_once_and_vouches_for_all_that_entra_keeps(bench: Bench) -> None:
    done = bench.poll()
    assert (done.kept, done.rejects, done.failures, done.gaps_left) == (EVENTS + 1, 0, {}, [])
    assert [row["event_id"] for row in bench.rows()] == [one["id"] for one in bench.data.events]
    [(since, settled, until)] = bench.store.rows("select since, settled_until, until from coverage")
    assert until - since > RETENTION * DAY - timedelta(minutes=5)
    # What is settled counts from Graph's answer, in whole seconds; the stand-in notes each just before it leaves.
    answered = [one.at.replace(tzinfo=None, microsecond=0) for one in bench.graph.requests]
    assert any(settled + 2 * HOUR - at in (timedelta(0), timedelta(seconds=1)) for at in answered)
    assert until <= settled + 2 * HOUR
    assert bench.store.rows("select sum(events) from hourly") == [(EVENTS,)]


def test_another_poll_asks_only_for_what_may_be_new_and_finds_it(bench: Bench) -> None:
    bench.poll()
    [(settled,)] = bench.store.rows("select settled_until from coverage")
    bench.graph.requests.clear()
    bench.data.events.append(event(900, NOW + timedelta(minutes=20)))
    bench.at(NOW + timedelta(minutes=30))
    done = bench.poll()
    assert (done.windows, done.pages) == (1, 1)
    assert len(bench.rows()) == EVENTS + 1
    assert bench.store.rows("select count(*) from coverage") == [(1,)]
    assert bench.asked()[0].startswith(f"activityDateTime gt {(settled - timedelta(seconds=1)).isoformat()}Z")


def test_an_event_at_the_very_edge_of_a_window_is_read(bench: Bench) -> None:
    bench.poll()
    [(settled,)] = bench.store.rows("select settled_until from coverage")
    bench.data.events += [event(901, settled), event(902, settled - timedelta(seconds=1))]
    bench.at(NOW + timedelta(minutes=1))
    bench.poll()
    kept = {row["event_id"][:8] for row in bench.rows()}
    assert "00000901" in kept


FAULTS: dict[str, Callable[[Any], None]] = {
    "throttled_says_when": lambda f: setattr(f, "throttled", Trigger(every=7, times=2)),
    "throttled_silently": lambda f: setattr(f, "throttled_silently", Trigger(every=3)),
    "failing": lambda f: setattr(f, "failing", Trigger(every=3)),
    "tokens_failing": lambda f: setattr(f, "tokens_failing", Trigger(every=1, times=1)),
    "slow": lambda f: (setattr(f, "slow", Trigger(every=5, times=3)), setattr(f, "slow_s", SLOW_S)),
    "dropped": lambda f: setattr(f, "dropped", Trigger(every=3)),
    "duplicate_page": lambda f: setattr(f, "duplicate_page", Trigger(every=2)),
    "malformed": lambda f: setattr(f, "malformed", Trigger(every=3)),
    "truncated": lambda f: setattr(f, "truncated", Trigger(every=3)),
    "expired_token": lambda f: setattr(f, "token_requests", 4),
}


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows of a poll that nothing disturbs."""
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store

    folder = tmp_path_factory.mktemp("undisturbed")
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    with pytest.MonkeyPatch.context() as patch:
        bench = Bench(busy_tenant(), store, folder, patch)
        bench.poll()
        rows = bench.rows()
        bench.graph.close()
    store.close()
    assert len(rows) == EVENTS
    return rows


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=pytest.mark.deep if number % 4 != 2 else ()) for number, fault in enumerate(FAULTS)],
)
def test_every_fault_and_every_throttle_gives_the_same_rows_as_none(
    bench: Bench, undisturbed: list[dict[str, Any]], fault: str
) -> None:
    FAULTS[fault](bench.graph.faults)
    bench.policy = HASTY if fault == "slow" else PATIENT
    bench.poll_until_done()
    assert bench.rows() == undisturbed
    assert bench.store.rows("select count(*) from rejects") == [(0,)]
    assert bench.store.rows("select count(*) from job_snapshots") != [(0,)]


def test_all_faults_at_once_with_a_throttle_give_the_same_rows_as_none(
    bench: Bench, undisturbed: list[dict[str, Any]]
) -> None:
    faults = bench.graph.faults
    for name in ("throttled_silently", "failing", "dropped", "malformed", "truncated", "duplicate_page"):
        setattr(faults, name, Trigger(rate=0.08))
    faults.throttled, faults.token_requests = Trigger(rate=0.05, times=2), 9
    faults.slow, faults.slow_s, bench.policy = Trigger(rate=0.05, times=3), SLOW_S, HASTY
    bench.poll_until_done()
    assert bench.rows() == undisturbed
    assert bench.store.rows("select sum(events) from hourly") == [(EVENTS,)]


def test_windows_that_time_out_are_halved_until_they_do_not(bench: Bench, undisturbed: list[dict[str, Any]]) -> None:
    bench.graph.faults.slow_hours, bench.graph.faults.slow_s = 13.0, SLOW_S
    bench.policy = replace(HASTY, timeout_attempts=1)
    done = bench.poll()
    assert (done.failures, done.gaps_left) == ({}, [])
    assert done.windows >= 2 * RETENTION
    assert bench.rows() == undisturbed


def test_a_window_that_times_out_however_small_is_given_up_in_a_sentence(bench: Bench) -> None:
    bench.graph.faults.slow, bench.graph.faults.slow_s = Trigger(every=1, path="auditLogs"), 0.1
    impatient = replace(PATIENT, timeout_attempts=1, read_timeout_s=0.02)
    [tenant] = read_tenants(bench.store.settings)
    poller = Poller(bench.store.settings, tenant, policy=impatient, limiter=RateLimiter(10**6))
    done = bench.poll(poller)
    poller.close()
    assert "did not answer within" in done.failures["events"]
    assert len(bench.asked()) < 24
    assert bench.store.rows("select count(*) from coverage") == [(0,)]


def test_late_events_are_found_by_the_overlap(bench: Bench) -> None:
    bench.graph.faults.late, bench.graph.faults.late_s = 0.5, 3600
    bench.data.events += [event(1000 + number, NOW - timedelta(minutes=number)) for number in range(40)]
    bench.poll()
    assert len(bench.rows()) < EVENTS + 40
    for minutes in (20, 40, 61):
        bench.at(NOW + timedelta(minutes=minutes))
        bench.poll()
    assert len(bench.rows()) == EVENTS + 40


def test_a_missing_permission_for_one_feed_leaves_the_other_alone(bench: Bench) -> None:
    bench.graph.faults.missing = {"Synchronization.Read.All"}
    done = bench.poll()
    assert "lacks a permission" in done.failures["jobs"]
    assert (done.kept, done.gaps_left) == (EVENTS, [])
    assert bench.contact("events")["outcome"] == "ok"
    assert bench.contact("jobs")["outcome"] == "failed"
    bench.graph.faults.missing = {"ProvisioningLog.Read.All", "AuditLog.Read.All"}
    bench.at(NOW + HOUR)
    again = bench.poll()
    assert (again.jobs, list(again.failures)) == (1, ["events"])


def test_without_the_directory_the_apps_of_stored_events_are_asked(bench: Bench) -> None:
    bench.graph.faults.missing = {"Application.Read.All", "Directory.Read.All"}
    done = bench.poll()
    assert (done.jobs, done.failures) == (1, {})
    assert "Application.Read.All is missing" in done.details["jobs"]
    assert bench.store.rows("select app_name from job_snapshots") == [("Cerby",)]


def test_the_directory_is_looked_through_once_a_day_and_idle_apps_asked_no_more_often(bench: Bench) -> None:
    bench.data.principals += [{"id": f"app-{number}", "displayName": f"App {number}"} for number in range(7)]
    bench.poll()
    asked = lambda: [each.path for each in bench.graph.requests if "servicePrincipals" in each.path]  # noqa: E731
    assert sum("app-" in path for path in asked()) == 7
    bench.graph.requests.clear()
    bench.at(NOW + HOUR)
    bench.poll()
    assert asked() == [f"/v1.0/servicePrincipals/{APP}/synchronization/jobs"]
    bench.at(NOW + 25 * HOUR)
    bench.poll()
    assert sum("app-" in path for path in asked()) == 7


def test_a_job_document_says_when_it_was_asked_of_whom(bench: Bench) -> None:
    before = bench.now()
    bench.poll()
    found = bench.store.rows("select job_id, app_id, app_name, tenant_id, observed_at, state from job_snapshots")
    assert [row[:4] for row in found] == [(JOB, APP, "Cerby", small_tenant().tenant_id)]
    assert before - timedelta(seconds=1) <= found[0][4] <= bench.now()


def test_a_job_that_was_made_anew_is_read_and_the_old_one_named(bench: Bench) -> None:
    bench.poll()
    bench.graph.faults.recreated = {JOB: "scim.new"}
    bench.at(NOW + HOUR)
    done = bench.poll()
    assert done.failures == {}
    assert f"The job {JOB} of Cerby is gone" in bench.contact("jobs")["detail"]
    assert bench.store.rows("select count(distinct job_id) from job_snapshots") == [(2,)]


def test_an_app_that_was_deleted_is_no_error(bench: Bench) -> None:
    bench.poll()
    bench.graph.faults.deleted = {APP}
    bench.at(NOW + HOUR)
    done = bench.poll()
    assert done.failures == {}
    assert "Cerby is not in the tenant any more" in bench.contact("jobs")["detail"]


def test_a_revoked_secret_is_said_and_backed_off_from_and_what_is_there_stays(bench: Bench) -> None:
    bench.poll()
    bench.graph.faults.revoked = {bench.data.client_id}
    pauses = []
    for _ in range(8):
        done, contact = bench.poll(forced=False), bench.contact("events")
        assert "AADSTS7000215" in done.failures["events"]
        pauses.append((contact["next_try_at"] - contact["tried_at"]).total_seconds())
        asked = len(bench.graph.requests)
        assert bench.poll(forced=False).failures == {}
        assert len(bench.graph.requests) == asked
        bench.at(contact["next_try_at"].replace(tzinfo=UTC) + timedelta(seconds=30))
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert (bench.contact("events")["failures"], bench.contact("jobs")["failures"]) == (8, 8)
    assert len(bench.rows()) == EVENTS
    bench.graph.faults.revoked = set()
    assert bench.poll(forced=True).failures == {}
    assert bench.contact("events")["next_try_at"] is None


def test_a_host_that_does_not_resolve_is_said_and_harms_no_other_tenant(bench: Bench, tmp_path: Path) -> None:
    table = bench.file.read_text()
    lost = table.replace("[contoso]", "[lost]").replace('["contoso"]', '["lost"]').replace('"contoso"', '"lost"')
    lost = "\n".join(
        line if not line.startswith("graph") else 'graph = "https://graph.invalid"' for line in lost.splitlines()
    )
    bench.file.write_text(f"{lost}\n{table}")
    pollers = [
        Poller(bench.store.settings, tenant, policy=PATIENT, limiter=RateLimiter(10**6))
        for tenant in read_tenants(bench.store.settings)
    ]
    done = [bench.poll(poller) for poller in pollers]
    assert "could not be resolved" in done[0].failures["events"]
    assert (done[1].tenant, done[1].failures, len(bench.rows())) == ("contoso", {}, EVENTS)
    assert bench.store.rows("select distinct tenant, outcome from contacts order by 1") == [
        ("contoso", "ok"),
        ("lost", "failed"),
    ]
    for poller in pollers:
        poller.close()


@pytest.mark.parametrize("skew_s", thinned([-3 * 3600, -90, 90, 3 * 3600], 3))
def test_a_skewed_clock_is_said_and_graphs_time_counts(bench: Bench, skew_s: float) -> None:
    bench.graph.faults.skew_s = skew_s
    before = bench.now()
    done = bench.poll()
    kept_from = f"{NOW + timedelta(seconds=skew_s) - RETENTION * DAY:%Y-%m-%dT%H:%M:%SZ}"
    still_kept = [one for one in bench.data.events if one["activityDateTime"] >= kept_from]
    assert 0 <= len(bench.rows()) - len(still_kept) <= 1
    assert "This machine's clock is" in done.details["events"]
    assert abs(bench.contact("events")["skew_s"] - skew_s) < 60
    [(until,)] = bench.store.rows("select max(until) from coverage")
    # Graph's dates have whole seconds.
    assert before - timedelta(seconds=1) <= until - timedelta(seconds=skew_s) <= bench.now()
    assert done.gaps_left == []


def test_a_skew_below_a_minute_is_not_worth_a_sentence(bench: Bench) -> None:
    bench.graph.faults.skew_s = 30
    assert "clock" not in bench.poll().details["events"]


def test_a_bad_record_is_one_reject_however_often_it_comes(bench: Bench) -> None:
    bench.data.events[1] = bench.data.events[1] | {"id": ""}
    first = bench.poll()
    bench.at(NOW + HOUR)
    again = bench.poll()
    assert (first.rejects, again.rejects, len(bench.rows())) == (1, 0, EVENTS - 1)
    assert bench.store.rows("select count(*) from rejects") == [(1,)]


def test_a_tenant_taken_out_of_the_file_loses_its_contacts_and_keeps_its_data(bench: Bench) -> None:
    bench.poll()
    bench.store.write(lambda c: c.execute("insert into contacts (tenant, feed) values ('gone', 'events')"))
    pollers = TenantPollers(bench.store.settings)
    [tenant] = read_tenants(bench.store.settings)
    pollers.poll_all(bench.store, [tenant.model_copy(update={"jobs": False})], Event(), "poll")
    pollers.close()
    assert bench.store.rows("select tenant, feed from contacts") == [("contoso", "events")]
    assert len(bench.rows()) == EVENTS


def test_turns_without_news_commit_nothing_for_minutes(bench: Bench) -> None:
    poller = bench.poller()
    bench.poll(poller)
    revision, requests = bench.store.revision(), bench.contact("events")["requests"]
    bench.graph.requests.clear()
    for minutes in (1, 2, 3, 4):
        bench.later(NOW + timedelta(minutes=minutes), poller)
        done = bench.poll(poller, forced=False)
        assert (done.kept, done.failures) == (0, {})
    assert bench.store.revision() == revision
    bench.later(NOW + timedelta(minutes=9), poller)
    bench.poll(poller)
    assert bench.store.revision() == revision + 3, "coverage, the job's state, the feeds' status"
    assert bench.contact("events")["requests"] == requests + len(bench.asked()), "those of the turns between, too"
    poller.close()


def test_news_among_what_is_read_again_is_kept_and_the_rest_is_not_staged(bench: Bench) -> None:
    poller = bench.poller()
    bench.poll(poller)
    read = lambda: bench.store.rows("select lines, kept from files where \"file\" like '%provisioning'")  # noqa: E731
    [(lines, kept)] = read()
    bench.data.events.append(event(950, NOW + timedelta(seconds=30)))
    bench.later(NOW + timedelta(minutes=1), poller)
    done = bench.poll(poller)
    assert (done.kept, done.duplicates > 0) == (1, True)
    bench.data.events[0] = bench.data.events[0] | {"provisioningAction": "update"}
    bench.later(NOW + timedelta(minutes=2), poller)
    bench.poll(poller)
    assert len(bench.rows()) == EVENTS + 1
    assert read()[0][1] == kept + 1
    assert read()[0][0] > lines
    poller.close()


def test_what_was_read_lands_together_by_amount(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVENTS_TOGETHER", 40)
    before = bench.store.revision()
    done = bench.poll(jobs=False)
    assert done.pages > EVENTS // PAGE
    # The newest window, two lots of 40 or more, and the status of the feed twice at most.
    assert bench.store.revision() - before <= 5
    assert len(bench.rows()) == EVENTS


def test_pages_land_before_a_wait_that_would_delay_them(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SECONDS_TOGETHER", 0.01)
    monkeypatch.setattr(events.EventReader, "_amount_is_reached", lambda _reader: False)
    landed: list[int] = []

    def look(_seconds: float) -> None:
        landed.append(len(bench.rows()))

    poller = bench.poller()
    monkeypatch.setattr(poller, "_pause", look)
    bench.graph.faults.throttled = Trigger(every=3)
    [tenant] = read_tenants(bench.store.settings)
    with Graph(tenant, bench.store.settings, policy=PATIENT, limiter=RateLimiter(1, 0.2), wait=look) as graph:
        window = Window(bench.now() - RETENTION * DAY, bench.now())
        with events.EventReader(bench.store, graph, events.PollCounts()) as reader:
            reader.read(window)
    poller.close()
    assert len(set(landed)) > 2
    assert len(bench.rows()) == EVENTS


def test_only_one_process_polls_a_tenant_and_the_other_says_who(bench: Bench) -> None:
    with tenant_lock(bench.store, "contoso", "watch"):
        with pytest.raises(TenantBusy, match=rf"watch \(process {os.getpid()} on "):
            bench.poll()
        code, out, err = ended(command("poll"))
    assert code == 2
    assert "is being polled by watch" in out + err
    assert bench.rows() == []


def test_a_backfill_within_a_budget_resumes_at_the_next_turn(bench: Bench) -> None:
    [tenant] = read_tenants(bench.store.settings)
    poller = Poller(bench.store.settings, tenant, policy=PATIENT, limiter=RateLimiter(10**6))
    first = poller.poll(bench.store, Event(), budget_s=0.0)
    assert (first.windows, len(first.gaps_left)) == (1, 1)
    assert re.search(r"\d days? (\d+ h )?of the last 3 days are still to be read", first.details["events"])
    assert bench.contact("events")["detail"].endswith("are still to be read.")
    rest = poller.poll(bench.store, Event(), budget_s=600.0, forced=True)
    assert rest.gaps_left == []
    assert len(bench.rows()) == EVENTS
    assert len([text for text in bench.asked() if text]) == len(bench.asked())
    poller.close()


def test_a_stopped_backfill_keeps_what_it_read_and_resumes(bench: Bench) -> None:
    stop, poller = Event(), bench.poller()

    def after_two(_tenant: str, share: float) -> None:
        if share > 0.3:
            stop.set()

    with pytest.raises(Stopped, match="the next poll goes on from there"):
        poller.poll(bench.store, stop, progress=after_two)
    poller.close()
    before, windows = len(bench.rows()), set(bench.asked())
    assert 0 < before < EVENTS
    assert bench.contact("events")["outcome"] == "ok"
    bench.graph.requests.clear()
    bench.poll_until_done()
    assert len(bench.rows()) == EVENTS
    assert len(set(bench.asked()) & windows) <= 1


def fast(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    """Lets the clock of this and of other processes run so fast that Graph's ten seconds are over at once."""
    text = f"{NOW.isoformat()},100,{datetime.now(UTC).isoformat()}"
    bench.store.settings = bench.more.model_copy(update={"clock": text})
    patch.setenv("PROVISIONING_CLOCK", text)
    patch.setenv("PROVISIONING_CONFIGURATION_EVERY", "1000000000")


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Waits until something has happened; says whether the process ended before."""
    end = monotonic() + 60
    while not condition():
        assert monotonic() < end, "it did not happen"
        if process.poll() is not None:
            return True
        sleep(0.005)
    return False


def test_the_command_resumes_after_sigterm_and_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fast(bench, monkeypatch)
    # So that the signal meets a process that still reads, however busy the machine is.
    bench.graph.faults.slow, bench.graph.faults.slow_s = Trigger(every=1), 0.5
    process = command("poll")
    until(lambda: len(bench.asked()) >= 3, process)
    process.send_signal(signal.SIGTERM)
    code, _, err = ended(process)
    bench.graph.faults.slow = Trigger()
    assert (code, err.strip().endswith("the next poll goes on from there.")) == (143, True), err
    code, out, err = ended(command("poll", "--json"))
    assert code == 0, err
    [told] = json.loads(out)["tenants"]
    assert told["gaps_left"] == []
    assert told["kept"] < EVENTS
    assert len(bench.rows()) == EVENTS


KILLS = int(os.environ.get("KILLS", "4"))
"More than a few take long; 50 were tried."
POLLS = """
    # Loads everything once, so that each process that is to be killed begins at once.
    import os, sys
    from pipeline.__main__ import run
    import pipeline.collect.graph.poll, pipeline.collect.polling
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(run(["poll"]))
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)
"""


def gone(process: int) -> bool:
    """Whether a process has ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.deep
def test_kill_between_pages_loses_nothing_and_doubles_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fast(bench, monkeypatch)
    chance, polls, killed = random.Random(5), script(POLLS), 0
    assert polls.stdin is not None
    for _ in range(KILLS):
        pages = len(bench.asked()) + chance.randint(1, 6)
        print(file=polls.stdin, flush=True)
        child = int(next_line(polls))
        until(lambda pages=pages, child=child: len(bench.asked()) >= pages or gone(child), polls)  # type: ignore[misc]
        sleep(chance.random() * 0.2)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        if int(next_line(polls)) == signal.SIGKILL:
            killed += 1
        else:
            bench.store.write(lambda cursor: cursor.execute("delete from coverage"))
    print(file=polls.stdin, flush=True)
    next_line(polls)
    last = next_line(polls)
    assert (last, ended(polls)[2]) == ("0", "")
    assert killed >= KILLS // 2
    assert [row["event_id"] for row in bench.rows()] == [one["id"] for one in bench.data.events]
    assert bench.store.rows("select sum(events) from hourly") == [(EVENTS,)]
    assert bench.store.rows("select count(*) from rejects") == [(0,)]


def test_the_beat_polls_and_stops_between_pages(bench: Bench) -> None:
    fast_enough = f"{NOW.isoformat()},100,{datetime.now(UTC).isoformat()}"
    bench.store.settings = bench.more.model_copy(update={"clock": fast_enough})
    assert [job.name for job in background_jobs(bench.store.settings.model_copy(update={"tenants": None}))].count(
        "poll"
    ) == 0
    [job] = [job for job in background_jobs(bench.store.settings) if job.name == "poll"]
    stopped = Event()
    stopped.set()
    with pytest.raises(Stopping):
        job.work(bench.store, stopped)
    assert bench.rows() == []
    assert "contoso: 91 records kept" in job.work(bench.store, Event())
    job.end()
    assert len(bench.rows()) == EVENTS


def test_poll_without_tenants_says_what_to_set(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVISIONING_TENANTS", raising=False)
    code, _, err = ended(command("poll"))
    assert code == 2
    assert "PROVISIONING_TENANTS" in err


def test_neither_secret_nor_token_is_written_anywhere(
    bench: Bench, caplog: pytest.LogCaptureFixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    bench.poll()
    bench.graph.faults.revoked = {bench.data.client_id}
    with suppress(Stopped):
        bench.poll()
    said = capsys.readouterr()
    stored = [
        str(bench.store.rows(f"from {table}"))
        for table in ("contacts", "files", "rejects", "coverage", "background_jobs")
    ]
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    for text in (bench.data.secret, "eyJ"):
        assert text not in caplog.text + said.out + said.err + "".join(stored)
        assert not any(text.encode() in data for data in written)


def test_a_store_that_is_held_by_another_is_said_and_nothing_is_half_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast(bench, monkeypatch)
    monkeypatch.setenv("PROVISIONING_LOCK_WAIT", "1")
    with bench.store.turn():
        code, _, err = ended(command("poll"))
    assert (code, "has been held by another writer" in err) == (2, True), err
    assert bench.rows() == []
    assert bench.store.rows("select count(*) from coverage") == [(0,)]


def test_a_full_disk_is_said_and_nothing_is_half_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fast(bench, monkeypatch)
    limited = script(
        """
        import resource, sys
        from pipeline.__main__ import run
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        sys.exit(run(["poll"]))
        """
    )
    code, _, err = ended(limited)
    assert code == 2, err
    assert "could not be" in err or "cannot be" in err
    assert bench.rows() == []
    assert bench.store.rows("select count(*) from coverage") == [(0,)]


@pytest.mark.deep
def test_the_poll_job_fails_with_the_tenant_for_as_long_as_a_feed_does(bench: Bench) -> None:
    job = PollJob()
    job(bench.store, Event())
    bench.graph.faults.revoked = {bench.data.client_id}
    job.close()
    for _turn in range(2):
        with pytest.raises(JobFailed, match=r"^contoso: .*AADSTS7000215"):
            job(bench.store, Event())
    bench.graph.faults.revoked = set()
    bench.at(bench.contact("events")["next_try_at"].replace(tzinfo=UTC) + timedelta(seconds=30))
    assert job(bench.store, Event()) == ""
    job.close()
