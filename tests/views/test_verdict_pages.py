"""Every page on real stores of every kind of world: nothing is green beside a fact that contradicts it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import health
from pipeline.config.settings import read_settings
from pipeline.monitoring.metrics import metrics
from pipeline.notify.digest import body_of, digest, title_of
from pipeline.rules.evaluate import check
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.store.lake import Store
from tests.support.cases import thinned
from tests.support.given import Given, moment
from tests.support.job_states import NOW, World, build, clock, cover, status
from tests.support.pages import app, healthy, text
from views.frame.header import JUDGED
from views.frame.places import PLACES

WORLDS = (
    World(),
    World(job="running", incident="info"),
    World(job="initial", coverage="gap"),
    World(job="late", rules="never"),
    World(job="dead", age="old", leaver="open"),
    World(job="quarantined", coverage="none", rules="never"),
    World(job="quarantined", incident="critical", failing=2, leaver="open"),
    World(job="paused", coverage="none", age="old", rules="old"),
    World(job="disabled", incident="warning"),
    World(job="never_run", rules="failed"),
    World(job="unobserved", coverage="gap"),
    World(job="unobserved", coverage="none", age="old", rules="never", failing=1),
    World(coverage="gap", rules="never"),
    World(coverage="none", incident="warning", age="old status"),
    World(age="old"),
    World(rules="old"),
    World(rules="failed"),
    World(rules="never"),
    World(failing=3),
    World(leaver="staged", rules="old"),
    World(job="initial", leaver="open", age="old status"),
)
CASES = thinned(WORLDS, 3)
LIES = ("events only", "status only", "requests only", "most fail", "one stale", "last year", "never checked")
"Worlds in which a page could easily say more than the data shows."
CLAIMING = ("home", "apps", "cycles", "issues", "leavers")
NEEDING = {"action_needed": "1 of 2 apps needs attention", "running": "Running", "ok": "OK", "unknown": "Unknown"}
"The chip of a page about all apps."
OTHERS = tuple(place for place in PLACES if place not in CLAIMING)


def green(test: AppTest) -> list[str]:
    """Returns what a page says in green or with a tick."""
    marked = [line for line in text(test).splitlines() if ":green" in line or ":material/check_circle:" in line]
    boxes = [f"{box.value} {box.icon}" for box in test.success]
    return [*boxes, *marked]


def number_of(test: AppTest, label: str) -> str:
    """Returns one of a page's numbers."""
    [value] = [str(each.value) for each in test.metric if each.label == label]
    return value


def surfaces(shown: World, store: Store) -> None:
    """Holds /healthz, /metrics and the digest to the verdict that is right."""
    assert f'provisioning_verdict{{state="{shown.state}"}} 1' in metrics(store)
    assert health()["verdict"]["state"] == shown.state
    json.dumps(health())
    summary = digest(store, moment(12), NOW)
    assert summary.verdict is not None and summary.verdict.state == shown.state
    unknown = shown.job not in ("on_time", "running", "initial", "late") or shown.coverage != "covered"
    if shown.leaver == "none" and (unknown or shown.age != "current"):
        assert "leavers unknown" in title_of(summary, "daily")
    assert "No pending removals" not in body_of(summary, "")


@pytest.fixture(params=CASES, ids=lambda world: "-".join(str(part) for part in vars(world).values()))
def world(request: pytest.FixtureRequest, given: Given, monkeypatch: pytest.MonkeyPatch) -> tuple[World, Store]:
    """A store of each world, and its clock."""
    shown: World = request.param
    monkeypatch.setenv("PROVISIONING_CLOCK", clock(shown, datetime.now(UTC)))
    store = build(given, shown)
    store.settings = read_settings(_env_file=None)
    return shown, store


def test_verdict_is_the_same_on_every_page_and_nothing_is_green_beside_a_contradiction(
    world: tuple[World, Store],
) -> None:
    shown, store = world
    assert verdict(read_facts(store)).state == shown.state
    surfaces(shown, store)
    number = WORLDS.index(shown)
    other = OTHERS[(number // 2 + (10 if number % 2 == 0 else 0)) % len(OTHERS)]
    # The page of one app is a claim of its own.
    for page, words in [*((place, {}) for place in (*CLAIMING, other)), ("apps", {"job": "Zoom"})]:
        test = healthy(app(page, **words))
        drawn = text(test)
        labels = {"action_needed": "Action needed", "running": "Running", "ok": "OK", "unknown": "Unknown"}
        if test.title[0].value in (*JUDGED, "Zoom"):
            assert f"{labels[shown.state]}]" in drawn or f"{NEEDING[shown.state]}]" in drawn, page
        if shown.state != "ok":
            assert green(test) == [], page
        elif page in CLAIMING:
            assert test.success, page
        assert ("Viewing data up to" in drawn) == (shown.age == "old"), page
        unseen = shown.job == "quarantined" or shown.coverage != "covered"
        if page == "leavers" and unseen:
            assert "**Unknown for " in drawn or "nknown whether all leavers are removed" in drawn
        if page == "home" and shown.leaver == "none" and (unseen or shown.age == "old"):
            assert number_of(test, "Leavers still with access") == "Unknown"
        if page == "home" and not shown.failing and shown.leaver != "open" and unseen:
            assert number_of(test, "Users and groups failing") != "0"


@pytest.mark.parametrize("kind", thinned(LIES))
def test_verdict_pages_promise_nothing_that_the_data_cannot_show(
    kind: str, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind != "last year":
        monkeypatch.setenv("PROVISIONING_CLOCK", clock(World(), datetime.now(UTC)))
    expected = fill(given, kind)
    store = given.stored()
    if kind not in ("never checked", "events only"):
        check(store, NOW, overrides={})
    for page in ("home", "leavers", "issues", "scope", "apps"):
        test = healthy(app(page))
        drawn = text(test)
        assert green(test) == [], page
        assert expected in drawn.replace("*", ""), page
        if page == "leavers" and kind not in ("most fail", "never checked"):
            assert "**Unknown for " in drawn or "nknown whether all leavers are removed" in drawn
        if page == "leavers" and kind in ("status only", "requests only"):
            assert "No pending removals" not in drawn and "found nothing" not in drawn
        if page == "issues" and kind in ("status only", "requests only"):
            assert "Unknown: no provisioning logs" in drawn and "No failures" not in drawn


def fill(given: Given, kind: str) -> str:
    """Says what happened, and returns the chip that every page must bear."""
    if kind == "requests only":
        given.exchanged("GET", "/Users", 200, NOW)
        return "Unknown]"
    if kind != "events only":
        status(given, "Zoom", "on_time")
    if kind == "one stale":
        status(given, "Docs", "on_time", NOW - timedelta(days=3))
        given.succeeded("bob", day=10, hour=7, app="Docs")
    if kind != "status only":
        for day in range(14):
            given.succeeded("bob", day=day, hour=7, app="Zoom")
        cover(given, "Zoom", "covered")
    if kind == "most fail":
        # A quarter succeeds, and each who failed is well again, so that no rule and no open attempt shows it.
        for number in range(15):
            given.failed(f"ada-{number % 5}", 13, 8, number, app="Zoom", error_code=f"code-{number}")
        for number in range(5):
            given.skipped(f"ada-{number}", "RedundantExport", 13, 9, number, app="Zoom")
    if kind == "one stale":
        return "1 of 2 apps needs attention]"
    return "Action needed]" if kind == "most fail" else "Unknown]"
