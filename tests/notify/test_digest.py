"""The digest: its numbers are the dashboard's for the same window, and nobody gets it twice."""

from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from pipeline.config.settings import Settings
from pipeline.notify.deliver import deliver_due
from pipeline.notify.digest import App, Summary, body_of, digest, send_digest, title_of
from pipeline.notify.messages import DIGEST
from pipeline.notify.outbox import waiting
from pipeline.rules.evaluate import check
from pipeline.rules.rule import find_rule
from pipeline.store.lake import Store, open_store
from tests.support.given import Given, job_id, moment
from tests.support.posts import post_office, routes_in

SINCE, UNTIL = moment(1), moment(2)
DAILY = '[route.team]\nemail = "team@example.com"\ndigest = {every="daily", at="00:00"}'


@pytest.fixture
def day(given: Given) -> Given:
    """A day with something of everything, in two apps, and some of it before and after."""
    for app in ("Cerby", "Zoom"):
        given.succeeded("old", day=0, hour=23, app=app)
        given.failed("late", day=2, hour=1, app=app)
    for minute in range(3):
        given.succeeded(f"ada{minute}", day=1, hour=3, minute=minute)
    given.failed("bob", day=1, hour=4, cycle_id="scim.cerby-2")
    given.failed("eve", day=1, hour=5, action="disable", cycle_id="scim.cerby-2")
    given.disabled("mel", day=1, hour=6)
    given.succeeded("zoe", day=1, hour=7, app="Zoom")
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 8))
    given.quarantined("Zoom", day=1, hour=9, since=moment(1, 8))
    rule = [find_rule("quarantined")]
    check(given.stored(), moment(1, 9, 5), overrides={}, chosen=rule)
    given.observed("Zoom", "Active", day=1, hour=12)
    check(given.stored(), moment(1, 12, 5), overrides={}, chosen=rule)
    return given


def test_every_number_is_what_the_dashboard_answers_for_the_same_window(day: Given) -> None:
    told = digest(day.store, SINCE, UNTIL)
    window = {"since": SINCE, "until": UNTIL}
    assert [one.app_name for one in told.apps] == ["Cerby", "Zoom"]
    for app in told.apps:
        [share] = day.answer("daily_success", job=app.job_id, **window)
        assert (app.successes, app.failures, app.success_share) == (
            share["successes"],
            share["failures"],
            share["success_share"],
        )
        states = {one["state"]: one["objects"] for one in day.answer("people_by_state", job=app.job_id)}
        assert app.failing == states["failing"]
        assert app.cycles == len(day.answer("cycles_lately", job=app.job_id, **window))
        assert app.waiting == len(day.answer("open_escrows", job=app.job_id))
        assert app.leavers == day.answer("leavers_active", job=app.job_id, until=UNTIL, as_of=UNTIL)
    incidents = day.answer("incidents", **window)
    assert (told.count("is_new"), told.count("is_over"), len(told.open)) == (
        sum(one["is_new"] for one in incidents),
        sum(one["is_over"] for one in incidents),
        sum(not one["is_over"] for one in incidents),
    )


def test_and_they_are_what_one_counts_by_hand(day: Given) -> None:
    told = digest(day.store, SINCE, UNTIL)
    cerby, zoom = told.apps
    assert (cerby.successes, cerby.failures, cerby.failing, cerby.waiting) == (4, 2, 3, 3)
    assert [one["name"] for one in cerby.leavers] == ["eve@example.com"]
    assert (zoom.successes, zoom.failures, zoom.success_share) == (1, 0, 1.0)
    assert (told.count("is_new"), told.count("is_over"), len(told.open)) == (2, 1, 1)


def test_it_reads_well(day: Given) -> None:
    told = digest(day.store, SINCE, UNTIL)
    assert title_of(told, "daily") == "Daily digest: Action needed, 1 open incident, 1 leaver with access, 4 failing"
    lines = body_of(told, "http://localhost:8501").splitlines()
    assert "From 20 Jan 2026, 00:00 UTC to 21 Jan 2026, 00:00 UTC" in lines
    assert "Incidents: 2 new, 1 resolved, 1 open" in lines
    assert "  eve@example.com in Cerby: disable due since 20 Jan 2026, 05:00 UTC" in lines
    assert any(line.startswith("  Cerby: 66.7% of 6 succeeded, ") for line in lines)
    assert "  http://localhost:8501/?since=2026-01-20&until=2026-01-21" in lines
    assert "http" not in body_of(told, "") and "set PROVISIONING_DASHBOARD_URL" in body_of(told, "")


def test_a_share_below_all_never_reads_all() -> None:
    app = App("job", "Cerby", 4998, 2, 4998 / 5000, cycles=12, failing=2, waiting=2, rejected=0, leavers=[])
    body = body_of(Summary(SINCE, UNTIL, UNTIL, apps=[app]), "")
    assert "  Cerby: 99.9% of 5,000 succeeded, 12 cycles, " in body
    assert "100" not in body


def test_a_route_of_one_app_gets_that_apps_digest(day: Given) -> None:
    told = digest(day.store, SINCE, UNTIL, ["Zoom"])
    assert [one.app_name for one in told.apps] == ["Zoom"]
    assert {one["app_name"] for one in told.incidents} == {"Zoom"}


def test_zero_and_unknown_are_told_apart(day: Given) -> None:
    later = digest(day.store, moment(9), moment(10))
    body = body_of(later, "")
    assert "Nothing was collected for this period: the newest record is from 21 Jan 2026, 01:00 UTC." in body
    assert "Cerby: no attempts" in body


def test_of_an_empty_store_it_says_that_nothing_is_known(store: Store) -> None:
    assert "Nothing has been collected yet" in body_of(digest(store, SINCE, UNTIL), "")


def test_it_goes_out_once_a_period_whoever_asks_and_however_often(
    day: Given, settings: Settings, tmp_path: Path
) -> None:
    with post_office() as (box, port):
        routes = routes_in(settings, tmp_path, DAILY, port=port)
        other = open_store(settings)
        assert len(send_digest(day.store, UNTIL, routes)) == 1
        assert send_digest(other, UNTIL + timedelta(minutes=1), routes) == []
        assert len(deliver_due(day.store, UNTIL, routes)) == 1
        assert send_digest(day.store, UNTIL + timedelta(hours=23), routes) == []
        assert len(send_digest(other, UNTIL + timedelta(days=1), routes)) == 1
        other.close()
    assert box.subjects[0].strip().startswith("Daily digest: ")
    assert len(box.letters) == 1


def test_two_that_write_it_at_once_write_one(day: Given, settings: Settings, tmp_path: Path) -> None:
    routes, other = routes_in(settings, tmp_path, DAILY), open_store(settings)
    written: list[int] = []
    threads = [
        Thread(target=lambda one=one: written.append(len(send_digest(one, UNTIL, routes))))
        for one in (day.store, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sorted(written) == [0, 1]
    assert [one.change for one in waiting(day.store)] == [DIGEST]


def test_a_route_without_a_digest_gets_none(day: Given, settings: Settings, tmp_path: Path) -> None:
    assert send_digest(day.store, UNTIL, routes_in(settings, tmp_path)) == []
    assert day.store.rows("select count(*) from outbox") == [(0,)]


def test_an_incident_of_a_job_is_asked_for_by_its_job(day: Given) -> None:
    assert [one["app_name"] for one in day.answer("incidents", job=job_id("Zoom"))] == ["Zoom"]


def test_messages_are_listed_with_how_they_went(day: Given, settings: Settings, tmp_path: Path) -> None:
    send_digest(day.store, UNTIL, routes_in(settings, tmp_path, DAILY))
    [row] = day.answer("messages")
    assert (row["change"], row["address"], row["state"], row["due_at"]) == (
        "digest",
        "team@example.com",
        "waiting",
        UNTIL,
    )
