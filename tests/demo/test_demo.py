"""The demonstration's story agrees with itself at every instant, and its processes play it for real."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.jobs import NEVER_RAN, OBJECTS_A_PAGE
from demo.story import (
    IDLE_SINCE,
    INTERVAL,
    OUTAGE,
    RECOVERED,
    START,
    SWITCHED_ON,
    TOKEN_DIES,
    Story,
    make_story,
)
from pipeline.config.settings import read_settings
from pipeline.ingest.formats.jobs import recognises
from pipeline.sample.nouns import Cycle
from pipeline.store.lake import open_store

STEP = timedelta(minutes=5)


@pytest.fixture(scope="module")
def story() -> Story:
    """A small story; the large one differs in numbers only."""
    return make_story(7, users=1000, groups=12)


def instants(story: Story) -> Iterator[datetime]:
    """Every five minutes of the story, and a little beyond it."""
    at = START
    while at < story.ends + timedelta(hours=3):
        yield at
        at += STEP


def seen(story: Story, app: str) -> list[tuple[datetime, dict[str, Any]]]:
    """An app's job, instant by instant, with what is not told as it stands in a document."""
    history = next(each for key, each in story.job_histories.items() if key == app_id(story, app))
    return [(at, json.loads(json.dumps(history(at)))) for at in instants(story)]


def app_id(story: Story, name: str) -> str:
    """An app's service principal."""
    return str(next(each["id"] for each in story.tenant.principals if each["displayName"] == name))


def by_name(story: Story) -> dict[str, list[Cycle]]:
    """Each app's cycles."""
    return {"Cerby": story.cerby, "Contoso Docs": story.docs, "Fabrikam Desk": story.desk}


APPS = ["Cerby", "Contoso Docs", "Fabrikam Desk"]


def test_the_same_seed_tells_the_same_story(story: Story) -> None:
    again = make_story(7, users=1000, groups=12)
    assert again.tenant.events == story.tenant.events and again.lines == story.lines


def test_every_event_stands_within_its_cycle_and_cycles_do_not_meet(story: Story) -> None:
    for cycles in by_name(story).values():
        for cycle in cycles:
            assert all(cycle.began <= event.at <= cycle.ended for event in cycle.events)
            assert [event.at for event in cycle.events] == sorted(event.at for event in cycle.events)
        assert all(before.ended <= after.began for before, after in pairwise(cycles))


def test_cycles_begin_on_the_jobs_own_beat(story: Story) -> None:
    for cycles in by_name(story).values():
        assert {(cycle.began - cycles[0].began) % INTERVAL for cycle in cycles} == {timedelta()}


def test_ids_are_events_own_and_nobody_has_a_real_address(story: Story) -> None:
    events = story.tenant.events
    assert len({each["id"] for each in events}) == len(events)
    upns = {each["sourceIdentity"]["details"].get("UserPrincipalName", "@example.com") for each in events}
    assert {upn.rpartition("@")[2].rpartition(".")[2] for upn in upns} <= {"example", "com", "org"}
    assert {upn.rpartition("@")[2] for upn in upns} <= {"contoso.example", "example.com", "example.org"}


@pytest.mark.parametrize("app", APPS)
def test_progress_never_runs_backwards_within_a_cycle_and_agrees_with_the_events(story: Story, app: str) -> None:
    latest: dict[str, int] = {}
    for at, job in seen(story, app):
        running = next((cycle for cycle in by_name(story)[app] if cycle.began <= at < cycle.ended), None)
        told = job["status"]["progress"]
        if running is None or not running.events:
            assert told == []
            continue
        done = sum(event.at <= at for event in running.events)
        assert 0 <= told[0]["completedUnits"] <= told[0]["totalUnits"]
        assert abs(told[0]["completedUnits"] * OBJECTS_A_PAGE - done) <= OBJECTS_A_PAGE
        assert told[0]["completedUnits"] >= latest.get(running.cycle_id, 0)
        latest[running.cycle_id] = told[0]["completedUnits"]


@pytest.mark.parametrize("app", APPS)
def test_the_last_execution_is_the_cycle_that_ended_last(story: Story, app: str) -> None:
    for at, job in seen(story, app):
        over = [cycle for cycle in by_name(story)[app] if cycle.ended <= at]
        last = job["status"]["lastExecution"]
        if not over:
            assert last == NEVER_RAN and job["status"]["code"] == "NotRun"
            continue
        assert last["activityIdentifier"] == over[-1].cycle_id
        assert last["timeBegan"] == f"{over[-1].began:%Y-%m-%dT%H:%M:%SZ}"
        assert last["countImported"] == len(over[-1].events)


@pytest.mark.parametrize("app", APPS)
def test_a_document_is_one_that_the_pipeline_recognises(story: Story, app: str) -> None:
    from pipeline.ingest.layout import head_of

    for _, job in seen(story, app)[::50]:
        assert recognises(head_of(json.dumps(job).encode(), cut=False))


def test_the_initial_cycle_is_within_the_documented_pace(story: Story) -> None:
    whole = story.cerby[0]
    minutes = (whole.ended - whole.began).total_seconds() / 60
    groups = [event.intent.subject for event in whole.events if event.intent.what == "members"]
    counted = len({event.intent.subject.source_id for event in whole.events}) + sum(
        len(each.members) for each in groups
    )
    assert whole.began == SWITCHED_ON
    assert 0.01 * counted <= minutes <= 0.08 * counted


def test_objects_in_the_target_only_grow_while_the_initial_cycle_runs(story: Story) -> None:
    whole, counts = story.cerby[0], []
    for at, job in seen(story, "Cerby"):
        if at <= whole.ended + STEP:
            counts.append(sum(each["value"] for each in job["status"]["synchronizedEntryCountByType"]))
    created = Counter(event.status for event in whole.events if event.intent.what == "create")["success"]
    assert counts == sorted(counts) and counts[-1] == created


def test_after_its_initial_cycle_cerby_is_steady_and_stays_so(story: Story) -> None:
    ended = f"{story.cerby[0].ended:%Y-%m-%dT%H:%M:%SZ}"
    steady = {
        job["status"]["steadyStateFirstAchievedTime"] for at, job in seen(story, "Cerby") if at >= story.cerby[0].ended
    }
    assert steady == {ended}


def test_the_quarantine_climbs_its_ladder_and_ends_with_the_try_that_works(story: Story) -> None:
    said: list[tuple[Any, ...]] = []
    for at, job in seen(story, "Cerby"):
        quarantine = job["status"]["quarantine"]
        assert (job["status"]["code"] == "Quarantine") == (quarantine is not None)
        assert (quarantine is not None) == (TOKEN_DIES < at < RECOVERED)
        if quarantine:
            row = (
                quarantine["seriesCount"],
                quarantine["nextAttempt"],
                quarantine["reason"],
                job["status"]["countSuccessiveCompleteFailures"],
            )
            said += [row] if row not in said else []
            assert quarantine["error"]["code"].endswith("CredentialValidationFailure")
    assert said == [
        (1, f"{OUTAGE.refusals[1]:%Y-%m-%dT%H:%M:%SZ}", "EncounteredQuarantineException", 1),
        (2, f"{RECOVERED:%Y-%m-%dT%H:%M:%SZ}", "EncounteredQuarantineException", 2),
    ]


def test_no_event_of_cerbys_falls_into_the_quarantine_and_many_follow_it(story: Story) -> None:
    after = next(cycle for cycle in story.cerby if cycle.began == RECOVERED)
    assert not [event for cycle in story.cerby for event in cycle.events if TOKEN_DIES <= event.at < RECOVERED]
    assert len(after.events) > 100


def test_one_wave_stalls_for_hours_and_every_other_one_does_not(story: Story) -> None:
    waves = [cycle for cycle in story.docs if len(cycle.events) > 150]
    spans = [(cycle.ended - cycle.began, cycle.began.date()) for cycle in waves]
    assert max(spans)[1] == START.date() and len(waves) >= 14
    assert max(spans)[0] > timedelta(hours=4) > timedelta(minutes=100) > sorted(spans)[-2][0]


def test_the_idle_app_has_cycles_without_events(story: Story) -> None:
    late = [cycle for cycle in story.desk if cycle.began >= IDLE_SINCE]
    assert late and not any(cycle.events for cycle in late)
    began = {job["status"]["lastExecution"]["timeBegan"] for _, job in seen(story, "Fabrikam Desk")}
    assert len(began) > 30


def test_what_is_told_comes_in_the_order_of_time_and_the_page_is_named(story: Story) -> None:
    moments = [line.at for line in story.lines]
    assert moments == sorted(moments) and moments[0] == START
    assert [line for line in story.lines if "{url}/cycles" in line.text]


def test_jobs_may_be_asked_for_an_earlier_instant_again(story: Story) -> None:
    assert callable(story.tenant.jobs)
    first = json.dumps(story.tenant.jobs(START))
    story.tenant.jobs(RECOVERED)
    assert json.dumps(story.tenant.jobs(START)) == first


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    """Starts a small and very fast demonstration."""
    words = ["-m", "demo", "--folder", str(folder), "--port", str(port), "--speed", "1200", "--users", "1000"]
    return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(store: Any, statement: str, seconds: float = 120) -> Any:
    """Waits until a question has an answer, which another process writes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := store.rows(statement)[0][0]:
            return found
        time.sleep(0.5)
    raise AssertionError(f"still nothing for: {statement}")


@pytest.mark.deep
def test_the_processes_play_the_story_and_end_together(tmp_path: Path) -> None:
    port = free_port()
    process = start(tmp_path, port)
    try:
        # It is written when the tenant is imagined and the back-fill is done or has had its minute.
        until = time.monotonic() + 240
        while not (tmp_path / "environment").exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.2)
        settings = dict(
            line.removeprefix("export ").split("=", 1) for line in (tmp_path / "environment").read_text().splitlines()
        )
        store = open_store(read_settings(store=settings["PROVISIONING_STORE"].strip("'")))
        assert wait_for(store, "select count(*) from events where app_name = 'Cerby'")
        assert wait_for(store, "select count(*) from job_snapshots where app_name = 'Cerby'")
        assert wait_for(store, "select count(*) from exchanges")
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30).json()["runs_beats"] is False
        store.close()
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Cerby is switched on" in said and "Ended." in said
    pid = int(said.partition("(process ")[2].partition(")")[0])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_port_in_use_is_told_in_a_sentence_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(tmp_path / "never", taken.getsockname()[1])
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "is in use; give another one" in said and not (tmp_path / "never").exists()
