"""Whether a job keeps its rhythm, and how far a cycle has come: only what is known, and never backwards."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.support.given import TENANT, Given, Row, moment

MINUTE = timedelta(minutes=1)
INTERVAL = 2400
GRACE = 1200


def store_status(given: Given, at: datetime, ended: datetime | None, **more: Any) -> Row:
    """What Graph says of Cerby at a moment: its last run took a minute, the interval is forty."""
    told: Row = {"observed_at": at, "snapshot_id": f"{at}", "interval_s": INTERVAL, "last_ended_at": ended}
    told |= {"last_began_at": ended and ended - MINUTE, "steady_since": moment(-9), "last_state": "Succeeded"}
    return given.observed("Cerby", more.pop("state", "Active"), **(told | more))


def paged(given: Given, at: datetime, ended: datetime | None, done: int, total: int = 100, **more: Any) -> Row:
    """What Graph says while a run is under way."""
    return store_status(given, at, ended, completed_units=done, total_units=total, progress_unit="pages", **more)


def progress(given: Given, as_of: datetime, **values: Any) -> Row:
    """The one job's answer."""
    [row] = given.answer("progress", as_of=as_of, **values)
    return row


def fleet(given: Given, until: datetime) -> tuple[str, bool]:
    """The one job's state, and whether it needs somebody."""
    [row] = given.answer("fleet", until=until)
    return row["state"], row["needs_you"]


def past_cycles(given: Given, minutes: list[float], *, objects: int = 3, day: int = 0) -> datetime:
    """Cycles every two hours that took so long, each told of by Graph afterwards; gives the last one's end."""
    ended = moment(day)
    for number, length in enumerate(minutes):
        began = moment(day, 2 * number)
        for who in range(objects):
            given.succeeded(f"p{who}", day, 2 * number, cycle_id=f"past-{day}-{number}")
        ended = began + length * MINUTE
        store_status(given, ended + MINUTE, ended, last_began_at=began)
    return ended


def test_an_idle_job_is_on_time_for_its_runs_go_on_though_its_log_is_silent(given: Given) -> None:
    given.succeeded("ada", day=0)
    for run in range(36):
        store_status(given, moment(3) + (run * 40 + 5) * MINUTE, moment(3) + run * 40 * MINUTE)
    now = moment(3) + (35 * 40 + 6) * MINUTE
    assert progress(given, now)["rhythm"] == "on_time"
    assert fleet(given, now) == ("idle", False)


@pytest.mark.parametrize(
    ("minutes", "rhythm", "state", "needy"),
    [
        (59, "on_time", "idle", False),
        (60, "on_time", "idle", False),
        (61, "late", "late", False),
        (100, "late", "late", False),
        (101, "dead", "dead", True),
        (500, "dead", "dead", True),
    ],
)
def test_a_job_without_a_new_run_is_late_after_the_grace_and_dead_an_interval_later(
    given: Given, minutes: int, rhythm: str, state: str, needy: bool
) -> None:
    for at in range(5, minutes, 5):
        store_status(given, moment(3) + at * MINUTE, moment(3))
    store_status(given, moment(3) + minutes * MINUTE, moment(3))
    now = moment(3) + minutes * MINUTE
    found = progress(given, now)
    assert (found["rhythm"], found["due_at"]) == (rhythm, moment(3, 0, 40))
    assert fleet(given, now) == (state, needy)
    if rhythm == "dead":
        assert found["since"] == moment(3, 1, 40)
        assert (
            found["explanation"]
            == "Two cycles are missing: the last ended 22 Jan, 00:00 UTC, and one is due every 40 minutes."
        )


def test_a_longer_grace_makes_nobody_late(given: Given) -> None:
    store_status(given, moment(3, 1, 30), moment(3))
    assert progress(given, moment(3, 1, 30))["rhythm"] == "late"
    assert progress(given, moment(3, 1, 30), grace=3600)["rhythm"] == "on_time"


def test_events_do_not_make_up_for_a_run_that_job_status_misses(given: Given) -> None:
    store_status(given, moment(3, 2), moment(3))
    given.succeeded("ada", day=2, hour=23, minute=59)
    assert progress(given, moment(3, 2))["rhythm"] == "dead"


def test_old_job_status_says_nothing_of_today_and_kills_nobody(given: Given) -> None:
    store_status(given, moment(3, 0, 5), moment(3))
    found = progress(given, moment(6))
    assert (found["rhythm"], found["since"]) == ("unknown", moment(3, 0, 5))
    assert (
        found["explanation"] == "No job status since 22 Jan, 00:05 UTC, so it is unknown what the job has done since."
    )


@pytest.mark.parametrize(
    ("more", "rhythm"),
    [
        ({"state": "Paused"}, "paused"),
        ({"schedule_state": "Paused"}, "paused"),
        ({"schedule_state": "Disabled", "interval_s": None}, "disabled"),
        ({"state": "Quarantine"}, "quarantined"),
        ({"quarantine_since": moment(1)}, "quarantined"),
        ({"interval_s": None}, "unknown"),
    ],
)
def test_what_graph_says_of_a_job_comes_before_its_lateness(given: Given, more: Row, rhythm: str) -> None:
    store_status(given, moment(3), moment(2, 23, 50))
    store_status(given, moment(3, 9), moment(2, 23, 50), **more)
    found = progress(given, moment(3, 9, 1))
    assert found["rhythm"] == rhythm
    assert found["explanation"].endswith(".")
    since = {"quarantined": more.get("quarantine_since", moment(3, 9)), "unknown": moment(3, 9)}
    if "state" in more or rhythm in since:
        assert found["since"] == since.get(rhythm, moment(3, 9))


def test_a_job_that_never_finished_a_run_is_not_late(given: Given) -> None:
    store_status(given, moment(3), None, state="NotRun", steady_since=None, last_state=None)
    assert progress(given, moment(3, 0, 1))["rhythm"] == "never_run"


def test_a_cycle_that_ran_when_graph_was_last_asked_is_unknown_an_interval_later_and_not_on_time(given: Given) -> None:
    given.succeeded("ada", day=3, hour=0, minute=42, cycle_id="running")
    paged(given, moment(3, 0, 45), moment(3), 20)
    found = {minutes: progress(given, moment(3, 0, 45) + minutes * MINUTE) for minutes in (0, 10, 40, 41, 60, 1440)}
    assert [row["rhythm"] for row in found.values()] == ["running"] * 3 + ["unknown"] * 3
    sentence = "A cycle was running at 22 Jan, 00:45 UTC, and its outcome is unknown."
    assert {row["explanation"] for minutes, row in found.items() if minutes > 40} == {sentence}


@pytest.mark.parametrize("pages", [20, None])
def test_where_nothing_newer_comes_a_cycle_is_unknown_once_its_status_is_old_or_its_likely_end_over(
    given: Given, pages: int | None
) -> None:
    more = {"steady_since": None, "last_ended_at": None, "last_began_at": moment(3)}
    given.succeeded("ada", day=3, hour=0, minute=2, cycle_id="running")
    given.succeeded("bo", day=3, hour=0, minute=30, cycle_id="running")
    if pages is None:
        store_status(given, moment(3, 0, 30), None, **more)
    else:
        paged(given, moment(3, 0, 30), None, pages, **more)
    at = moment(3, 0, 30)
    live = progress(given, at)
    assert (live["rhythm"], live["kind"], live["ends_high_at"] > at + 2 * MINUTE) == ("running", "initial", True)
    assert progress(given, at, now=at + 2 * MINUTE) == live
    over = min(live["ends_high_at"], at + 40 * MINUTE)
    assert progress(given, at, now=over)["rhythm"] == "running"
    for later in (MINUTE, 60 * MINUTE, 1440 * MINUTE):
        found = progress(given, at, now=over + later)
        assert (found["rhythm"], found["since"], found["stalled_since"]) == ("unknown", at, None)
        assert found["explanation"].startswith("A cycle was running at 22 Jan, 00:30 UTC,")
        assert found["progress_share"] == live["progress_share"]


def test_a_job_that_graph_was_never_asked_about_is_unknown_and_nothing_is_said_of_a_cycle(given: Given) -> None:
    given.succeeded("ada", day=3)
    found = progress(given, moment(3, 0, 1))
    assert (found["rhythm"], found["app_name"], found["tenant_id"]) == ("unknown", "Cerby", TENANT)
    assert (found["cycle_id"], found["objects_done"], found["phase"]) == (None, None, None)


def test_an_initial_cycle_under_way_tells_pages_and_objects_apart_and_an_end_by_its_pages(given: Given) -> None:
    for minute in range(5):
        given.succeeded(f"p{minute}", day=3, minute=minute, cycle_id="first")
    paged(given, moment(3, 0, 5), None, 30, state="NotRun", steady_since=None, last_state=None)
    found = progress(given, moment(3, 0, 6))
    assert (found["rhythm"], found["kind"], found["cycle_id"], found["began_at"]) == (
        "running",
        "initial",
        "first",
        moment(3),
    )
    assert (found["objects_done"], found["objects_expected"], found["objects_share"]) == (5, None, None)
    assert (found["pages_done"], found["pages_total"], found["pages_share"]) == (30, 100, 0.3)
    assert (found["progress_share"], found["progress_from"]) == (
        0.3,
        "estimated from page progress, as in the Entra portal",
    )
    assert moment(3, 0, 6) < found["ends_low_at"] < found["ends_at"] < found["ends_high_at"] < moment(3, 3)
    assert found["ends_from"] == "page progress and the pace so far"


@pytest.mark.parametrize("done", [4, 10, 25, 40, 50, 62, 75, 90, 97])
def test_pages_that_take_the_same_time_each_end_within_the_band(given: Given, done: int) -> None:
    began, end = moment(1, 8), moment(1, 10)
    given.succeeded("ada", 1, 8, cycle_id="initial")
    for page in range(1, done + 1):
        at = began + page * (end - began) / 100
        paged(given, at, None, page, state="NotRun", steady_since=None)
    row = progress(given, at)
    assert row["ends_low_at"] <= end <= row["ends_high_at"]


def test_an_initial_cycle_that_is_restarted_in_its_middle_begins_anew(given: Given) -> None:
    first: Row = {"state": "NotRun", "steady_since": None, "last_state": None}
    for minute in (1, 2, 9):
        given.succeeded(f"p{minute}", day=3, minute=minute, cycle_id="first")
    paged(given, moment(3, 0, 5), None, 30, **first)
    paged(given, moment(3, 0, 10), None, 60, **first)
    # Pages that fall within one cycle are a measure that changed: the cycle goes on.
    paged(given, moment(3, 0, 12), None, 50, **first)
    assert progress(given, moment(3, 0, 12))["pages_done"] == 60
    given.skipped("p1", "RedundantExport", day=3, minute=20, cycle_id="second")
    paged(given, moment(3, 0, 25), None, 10, **first)
    found = progress(given, moment(3, 0, 25))
    assert (found["rhythm"], found["kind"], found["cycle_id"]) == ("running", "initial", "second")
    assert (found["began_at"], found["pages_done"], found["objects_done"]) == (moment(3, 0, 20), 10, 1)
    assert found["progress_share"] < 0.6
    assert progress(given, moment(3, 0, 12))["pages_done"] == 60


def test_a_finished_cycle_is_not_under_way(given: Given) -> None:
    given.succeeded("ada", day=3, minute=1)
    paged(given, moment(3, 0, 2), moment(2, 23), 100)
    assert progress(given, moment(3, 0, 2))["rhythm"] == "running"
    store_status(given, moment(3, 0, 5), moment(3, 0, 3))
    found = progress(given, moment(3, 0, 5))
    assert (found["rhythm"], found["cycle_id"], found["pages_share"], found["began_at"]) == (
        "on_time",
        None,
        None,
        None,
    )


def test_pages_that_graph_goes_on_reporting_after_the_end_are_no_cycle(given: Given) -> None:
    paged(given, moment(3, 0, 10), moment(3, 0, 3), 100, progress_at=moment(3, 0, 2))
    assert progress(given, moment(3, 0, 10))["rhythm"] == "on_time"


def test_a_log_that_moves_is_a_cycle_even_where_graph_gives_no_pages(given: Given) -> None:
    store_status(given, moment(3), moment(2, 23, 50))
    given.succeeded("ada", day=3, minute=28)
    assert progress(given, moment(3, 0, 29))["rhythm"] == "running"
    assert progress(given, moment(3, 0, 50))["rhythm"] == "on_time"


def test_a_cycle_in_which_no_page_and_no_event_moves_is_stalled(given: Given) -> None:
    given.succeeded("ada", day=3, minute=1)
    for minute in (2, 7, 12, 17):
        paged(given, moment(3, 0, minute), moment(2, 23, 30), 40)
    assert progress(given, moment(3, 0, 12))["rhythm"] == "running"
    found = progress(given, moment(3, 0, 17))
    assert (found["rhythm"], found["stalled_since"]) == ("stalled", moment(3, 0, 2))
    assert fleet(given, moment(3, 0, 17)) == ("stalled", False)
    paged(given, moment(3, 0, 22), moment(2, 23, 30), 41)
    assert progress(given, moment(3, 0, 22))["rhythm"] == "running"


def test_events_keep_a_cycle_from_being_stalled(given: Given) -> None:
    for minute in (2, 7, 12, 17):
        paged(given, moment(3, 0, minute), moment(2, 23, 30), 40)
        given.succeeded("ada", day=3, minute=minute, cycle_id="now")
    assert progress(given, moment(3, 0, 17))["rhythm"] == "running"


def test_no_bar_runs_backwards_and_none_knows_what_came_later(given: Given) -> None:
    shares = [5, 20, 15, 40, 38, 70, 90]
    for poll, done in enumerate(shares):
        paged(given, moment(3, 0, 5 * poll), moment(2, 23, 30), done, 100 if poll < 5 else 160)
        for who in range(poll + 1):
            given.succeeded(f"p{who}", day=3, minute=5 * poll, cycle_id="now")
    found = [progress(given, moment(3, 0, minute)) for minute in range(0, 34, 3)]
    for bar in ("pages_share", "pages_done", "objects_done"):
        seen = [row[bar] for row in found]
        assert seen == sorted(seen), bar
        assert len(set(seen)) > 3
    assert found[0]["objects_done"] == 1
    points = given.answer("burn_up", job="scim.cerby", as_of=moment(3, 0, 33))
    assert [point["objects_done"] for point in points] == [1, 2, 3, 4, 5, 6, 7]
    assert [point["pages_share"] for point in points] == [0.05, 0.2, 0.2, 0.4, 0.4, 0.4375, 0.5625]
    assert given.answer("burn_up", job="scim.cerby", as_of=moment(3, 0, 33), cycle="now") == points


def test_a_burn_up_of_many_points_keeps_the_last_and_at_most_five_hundred(given: Given) -> None:
    for second in range(1201):
        given.event(f"p{second}", "success", moment(3, 0, 0, second), cycle_id="long")
    points = given.answer("burn_up", job="scim.cerby", as_of=moment(4), cycle="long")
    assert 400 <= len(points) <= 500
    assert points[-1] == {"at": moment(3, 0, 20), "objects_done": 1201, "pages_share": None}


def test_nothing_is_expected_before_five_like_cycles_were_seen(given: Given) -> None:
    ended = past_cycles(given, [10, 12, 14, 16])
    given.succeeded("ada", day=3)
    paged(given, moment(3, 0, 1), ended, 10)
    found = progress(given, moment(3, 0, 1))
    assert found["rhythm"] == "running"
    unknown = ("objects_expected", "objects_share", "expected_from", "usual_per_minute", "ends_low_at", "ends_high_at")
    assert [found[name] for name in unknown] == [None] * 6


def test_past_cycles_that_took_longer_than_this_one_so_far_bound_its_end(given: Given) -> None:
    ended = past_cycles(given, [10, 12, 14, 16, 18, 20, 22, 24, 26])
    given.succeeded("ada", day=3)
    store_status(given, moment(3, 0, 1), ended)
    found = progress(given, moment(3, 0, 1))
    assert (found["ends_low_at"], found["ends_at"], found["ends_high_at"]) == (
        moment(3, 0, 10),
        moment(3, 0, 18),
        moment(3, 0, 26),
    )
    assert found["ends_from"] == "9 past cycles of its kind that took longer than this one has so far"
    assert (found["objects_done"], found["objects_expected"], found["expected_from"]) == (
        1,
        3,
        "like the last 9 cycles of its kind",
    )
    later = progress(given, moment(3, 0, 9))
    assert later["ends_low_at"] >= moment(3, 0, 9)


def test_a_cycle_that_outlasts_all_past_ones_has_no_known_end(given: Given) -> None:
    ended = past_cycles(given, [10, 12, 14, 16, 18, 20, 22, 24, 26])
    for minute in range(31):
        given.succeeded("ada", day=3, minute=minute, cycle_id="now")
    store_status(given, moment(3, 0, 30), ended)
    found = progress(given, moment(3, 0, 30))
    assert (found["rhythm"], found["ends_high_at"], found["ends_from"]) == ("running", None, None)


def test_more_objects_than_usual_have_no_known_share(given: Given) -> None:
    ended = past_cycles(given, [10, 12, 14, 16, 18, 20])
    for who in range(4):
        given.succeeded(f"q{who}", day=3, cycle_id="now")
    store_status(given, moment(3, 0, 1), ended)
    found = progress(given, moment(3, 0, 1))
    assert (found["objects_done"], found["objects_expected"], found["objects_share"]) == (4, None, None)


def test_pages_tell_the_end_where_ten_like_cycles_were_watched(given: Given) -> None:
    for number in range(10):
        began = moment(0, number)
        for share in (25, 50, 75):
            paged(given, began + share / 5 * MINUTE, moment(-1) if number == 0 else began - 40 * MINUTE, share)
        given.succeeded("ada", hour=number, cycle_id=f"past-{number}")
        store_status(given, began + 21 * MINUTE, began + 20 * MINUTE, last_began_at=began)
    given.succeeded("ada", day=3)
    paged(given, moment(3, 0, 30), moment(0, 9, 20), 50)
    found = progress(given, moment(3, 0, 30))
    assert found["ends_from"] == "pages done, and how 10 cycles of its kind went on from there"
    assert (found["ends_low_at"], found["ends_at"], found["ends_high_at"]) == (moment(3, 1),) * 3


def test_a_restarted_job_falls_back_to_the_documented_minutes_and_says_so(given: Given) -> None:
    store_status(given, moment(2), moment(1, 23), entitled=500)
    store_status(given, moment(2, 23, 50), moment(2, 23, 40), entitled=500, steady_since=None)
    given.succeeded("ada", day=3)
    paged(given, moment(3, 0, 1), moment(2, 23, 40), 1, entitled=500, steady_since=None)
    found = progress(given, moment(3, 0, 1))
    assert (found["kind"], found["objects_expected"]) == ("restarted", 500)
    assert found["expected_from"] == "assigned objects as Graph counts them"
    assert (found["ends_low_at"], found["ends_high_at"]) == (moment(3, 0, 5), moment(3, 0, 40))
    assert found["ends_low_at"] < found["ends_at"] < found["ends_high_at"]
    assert found["ends_from"].startswith("the documented 0.01 to 0.08 minutes for each of 500 assigned objects")
    assert (found["progress_share"], found["progress_from"]) == (
        1 / 500,
        "of 500 assigned objects as Graph counts them",
    )
    assert progress(given, moment(3, 0, 41))["ends_high_at"] > moment(3, 0, 42)


def test_half_of_the_assigned_objects_are_half_of_the_cycle_and_pages_do_not_matter(given: Given) -> None:
    for who in range(50):
        given.event(f"p{who}", "success", moment(3, 0, who), cycle_id="now")
    begun: Row = {"entitled": 100, "steady_since": None, "state": "Active"}
    for minute in range(0, 50, 5):
        paged(given, moment(3, 0, minute), moment(2, 23, 30), 90, **begun)
    found = progress(given, moment(3, 0, 50))
    assert (found["progress_share"], found["objects_share"]) == (0.5, 0.5)
    assert found["ends_from"] == "the pace so far, and 100 assigned objects as Graph counts them"
    assert moment(3, 1) < found["ends_low_at"] < moment(3, 1, 40) < found["ends_high_at"] < moment(3, 2, 30)


def test_events_alone_give_an_initial_cycle_an_estimate_by_the_time_that_passed(given: Given) -> None:
    store_status(given, moment(2, 23, 50), None, state="NotRun", steady_since=None, last_state=None)
    for minute in range(0, 200, 5):
        given.event("ada", "success", moment(3, 0, minute), cycle_id="first")
        store_status(given, moment(3, 0, minute, 30), None, state="NotRun", steady_since=None, last_state=None)
    answers = [progress(given, moment(3, 0, minute)) for minute in range(0, 200, 20)]
    assert {row["progress_from"] for row in answers} == {"from pace alone"}
    shares = [row["progress_share"] for row in answers]
    assert shares == sorted(set(shares)) and shares[-1] < 0.9
    assert all(row["ends_low_at"] < row["ends_high_at"] for row in answers)


def test_an_initial_cycle_of_which_only_the_beginning_is_known_says_what_is_missing(given: Given) -> None:
    begun: Row = {"state": "NotRun", "steady_since": None, "last_state": None, "last_began_at": moment(3)}
    store_status(given, moment(3, 0, 5), None, **begun)
    found = progress(given, moment(3, 0, 6))
    assert (found["rhythm"], found["kind"], found["progress_share"], found["ends_high_at"]) == (
        "running",
        "initial",
        None,
        None,
    )
    assert (
        found["progress_from"] == "Graph reports neither pages nor assigned objects, and the log has no event of it yet"
    )


def test_an_incremental_cycle_has_no_estimate_of_an_initial_one(given: Given) -> None:
    given.succeeded("ada", day=3, minute=1)
    paged(given, moment(3, 0, 2), moment(2, 23), 50, entitled=9)
    found = progress(given, moment(3, 0, 2))
    assert (found["kind"], found["progress_share"], found["progress_from"]) == ("incremental", None, None)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(1, 6))])
def test_the_share_of_an_initial_cycle_never_falls_whatever_comes_and_however_late(given: Given, seed: int) -> None:
    """Statuses with and without pages and counts, totals that grow and shrink, records that come after later ones."""
    rng = random.Random(seed)
    over = rng.choice([None, moment(2, 23)])
    begun: Row = {"state": "Active" if over else "NotRun", "steady_since": None, "last_state": None}
    counted, total, done = rng.choice([None, 60, 400]), 30, 0
    records: list[tuple[int, Callable[[], Any]]] = []
    for minute in range(0, 180, 5):
        total = max(1, total + rng.choice([-3, 0, 0, 5, 40]))
        done = min(total, max(0, done + rng.choice([-2, 0, 1, 6])))
        more: Row = dict(begun)
        if minute == 25 or (minute > 25 and rng.random() < 0.8):
            more |= {"completed_units": done, "total_units": total}
        if counted and (minute > 40 or seed % 2):
            more |= {"entitled": rng.choice([counted, counted, counted + 9])}
        late = 0 if minute in (0, 5, 25, 45) else rng.choice([0, 0, 30])
        records.append((minute + late, partial(store_status, given, moment(3, 0, minute), over, **more)))
    for number in range(60):
        minute = rng.randrange(180)
        event = partial(given.event, f"p{number % 45}", "success", moment(3, 0, minute), cycle_id="first")
        records.append((minute + rng.choice([0, 0, 0, 50]), event))
    records.append((0, partial(given.event, "first", "success", moment(3), cycle_id="first")))
    shares: list[float] = []
    for until in range(0, 240, 30):
        for at, record in records:
            if until - 30 < at <= until:
                record()
        found = progress(given, moment(3, 0, until))
        if found["progress_share"] is not None:
            shares.append(found["progress_share"])
            assert found["ends_low_at"] <= found["ends_at"] <= found["ends_high_at"]
    assert shares == sorted(shares)
    assert len(set(shares)) > 2 and shares[0] >= 0 and shares[-1] <= 0.99
    replayed = [progress(given, moment(3, 0, minute))["progress_share"] for minute in range(0, 240, 24)]
    known = [share for share in replayed if share is not None]
    assert known == sorted(known) and known


def test_the_phase_is_what_the_latest_events_ended_with(given: Given) -> None:
    for minute, kind in ((1, "import"), (5, "export"), (9, "referenceResolution"), (13, "scoping")):
        step = {"name": "x", "type": kind, "status": "success", "description": None, "details": None}
        given.succeeded("ada", day=3, minute=minute, cycle_id="now", steps=[step])
    store_status(given, moment(3), moment(2, 23, 50))
    phases = [progress(given, moment(3, 0, minute))["phase"] for minute in (2, 6, 10, 14)]
    assert phases == ["import", "export", "references", "unknown"]


def test_one_job_or_one_tenant_can_be_asked_about(given: Given) -> None:
    store_status(given, moment(3), moment(2, 23, 50))
    given.observed("Zoom", "Active", day=3, tenant_id="another")
    given.stored()
    rows = given.answer("progress", as_of=moment(3, 0, 1), tenant=TENANT)
    assert [row["app_name"] for row in rows] == ["Cerby"]
    assert [row["app_name"] for row in given.answer("progress", as_of=moment(3, 0, 1), job="scim.zoom")] == ["Zoom"]
    assert given.answer("progress", as_of=moment(-40)) == []
