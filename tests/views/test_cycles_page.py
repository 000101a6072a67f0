"""The page Cycles: what moves, the lanes of a day, and what one cycle did; its numbers are those of its questions."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.store.lake import Store
from tests.support.given import Given, Row, job_id, moment
from tests.support.job_states import World, build, clock
from tests.support.pages import app, healthy, questions, table, text
from views.parts.cycles.progress import progress_sentence

MINUTE = timedelta(minutes=1)
NOW = moment(13, 14, 30)
WINDOW = {"since": moment(), "until": moment(14)}
STEPS = ("import", "scoping", "matching", "processing", "referenceResolution", "export")


def failing(kind: str) -> dict[str, Any]:
    """Gives an event's steps up to the one of that type, which failed."""
    done = [*STEPS[: STEPS.index(kind)], kind]
    told = [
        {
            "name": f"Entry{step}",
            "type": step,
            "status": "failure" if step == kind else "success",
            "description": "",
            "details": "{}",
        }
        for step in done
    ]
    return {"steps": told}


def leaky(given: Given, cycle: str, day: int = 0) -> None:
    """A cycle of eleven objects in which every kind of leak has one, except that two are exported."""
    told: dict[str, Any] = {"day": day, "cycle_id": cycle}
    given.succeeded("ada", **told)
    given.event("bob", "warning", moment(day), cycle_id=cycle)
    given.skipped("carol", "NotEffectivelyEntitled", **told)
    given.skipped("dan", "RedundantExport", **told)
    given.skipped("eve", "AttributeValidationFailed", **told)
    given.skipped("fred", "SomethingNew", **told)
    given.failed("gina", **told, **failing("import"))
    given.failed("hal", **told, **failing("matching"))
    given.failed("ida", **told, **failing("referenceResolution"))
    given.failed("joe", **told, **failing("export"))
    given.event("kim", "success", moment(day), cycle_id=cycle, action="stagedDelete")


def observed(given: Given, app: str, at: datetime, ended: datetime | None, **more: Any) -> Row:
    """What Graph says of a job that runs every forty minutes and took one minute the last time."""
    told: Row = {"observed_at": at, "snapshot_id": f"{app}-{at}", "interval_s": 2400, "schedule_state": "Active"}
    told |= {"last_ended_at": ended, "last_began_at": ended and ended - MINUTE, "last_state": "Succeeded"}
    return given.observed(app, str(more.pop("state", "Active")), **(told | {"steady_since": moment(-9)} | more))


# The questions


def test_what_reaches_a_stage_and_what_leaks_before_it_make_up_the_stage_above(given: Given) -> None:
    leaky(given, "c")
    rows = given.answer("cycle_funnel", job=job_id("Cerby"), cycle="c", **WINDOW)
    reached = {row["stage"]: row["objects"] for row in rows if row["leak"] is None}
    leaks = {(row["stage"], row["leak"]): row["objects"] for row in rows if row["leak"]}
    assert reached == {"seen": 11, "in scope": 9, "matched": 8, "changed": 5, "exported": 2}
    assert leaks == {
        ("in scope", "out of scope"): 1,
        ("in scope", "import failed"): 1,
        ("matched", "matching failed"): 1,
        ("changed", "nothing to change"): 1,
        ("changed", "validation"): 1,
        ("changed", "other skip"): 1,
        ("exported", "unresolved reference"): 1,
        ("exported", "export failed"): 1,
        ("exported", "held back"): 1,
    }
    stages = list(reached)
    for above, stage in pairwise(stages):
        assert reached[above] == reached[stage] + sum(each for (at, _), each in leaks.items() if at == stage)
    assert reached["seen"] == given.store.rows("select count(distinct source_id) from events")[0][0]


def test_an_object_counts_once_by_its_last_event(given: Given) -> None:
    given.failed("ada", minute=1, cycle_id="c")
    given.succeeded("ada", minute=2, cycle_id="c")
    given.succeeded("bob", minute=1, cycle_id="c")
    given.failed("bob", minute=2, cycle_id="c")
    rows = given.answer("cycle_funnel", job=job_id("Cerby"), cycle="c", **WINDOW)
    assert [(row["stage"], row["leak"], row["objects"]) for row in rows][-2:] == [
        ("exported", None, 1),
        ("exported", "export failed", 1),
    ]


def test_everybody_behind_a_number_of_the_funnel_is_told_by_name(given: Given) -> None:
    leaky(given, "c")
    asked: dict[str, Any] = {"job": job_id("Cerby"), "cycle": "c", **WINDOW}
    for row in given.answer("cycle_funnel", **asked):
        if row["leak"]:
            assert len(given.answer("cycle_objects", here=row["leak"], **asked)) == row["objects"]
    assert {row["source_id"] for row in given.answer("cycle_objects", here="exported,held back", **asked)} == {
        "id-ada",
        "id-bob",
        "id-kim",
    }


def test_the_transition_matrix_sums_to_the_union_of_objects(given: Given) -> None:
    leaky(given, "new", day=1)
    for who in ("ada", "joe", "zoe"):
        given.failed(who, cycle_id="old", **failing("export"))
    asked: dict[str, Any] = {"job": job_id("Cerby"), "cycle": "new", "with": "old", **WINDOW}
    rows = given.answer("cycle_transitions", **asked)
    [(union,)] = given.store.rows("select count(distinct source_id) from events where cycle_id in ('new', 'old')")
    assert sum(row["objects"] for row in rows) == union == 12
    seen = {(row["there"], row["here"]): row["objects"] for row in rows}
    assert seen["export failed", "exported"] == seen["export failed", "export failed"] == 1
    assert seen["export failed", "absent"] == 1
    assert seen["absent", "exported"] == 1
    behind = given.answer("cycle_objects", there="export failed", **asked)
    assert Counter((row["there"], row["here"]) for row in behind) == {
        pair: number for pair, number in seen.items() if pair[0] == "export failed"
    }


def test_errors_are_new_gone_or_shared(given: Given) -> None:
    given.failed("ada", cycle_id="old", error_code="Timeout")
    given.failed("ada", cycle_id="old", error_code="EntryConflict")
    given.failed("bob", day=1, cycle_id="new", error_code="EntryConflict")
    given.failed("ada", day=1, cycle_id="new", error_code=None)
    asked: dict[str, Any] = {"job": job_id("Cerby"), "cycle": "new", "with": "old", **WINDOW}
    rows = given.answer("cycle_errors_compared", **asked)
    assert [(row["error_code"], row["verdict"], row["there"], row["here"]) for row in rows] == [
        (None, "new", 0, 1),
        ("EntryConflict", "shared", 1, 1),
        ("Timeout", "gone", 1, 0),
    ]


def test_the_previous_of_its_kind_is_offered_first(given: Given) -> None:
    for day in (1, 2, 3):
        given.succeeded("ada", day=day, cycle_id=f"day-{day}")
    observed(given, "Cerby", moment(4), moment(3, 23))
    rows = given.answer("cycles_beside", cycle="day-2")
    assert [(row["relation"], row["cycle_id"]) for row in rows] == [
        ("this", "day-2"),
        ("previous of its kind", "day-1"),
        ("later", "day-3"),
    ]
    assert given.answer("cycles_beside", cycle="nothing") == []


def test_a_day_shows_when_runs_were_due_where_none_came_and_what_nobody_knows(given: Given) -> None:
    observed(given, "Cerby", moment(1, 10, 5), moment(1, 10))
    observed(given, "Cerby", moment(1, 12), moment(1, 10))
    observed(given, "Cerby", moment(1, 15), moment(1, 14, 30))
    asked: dict[str, Any] = {"since": moment(1), "until": moment(2), "as_of": moment(1, 15)}
    rows = given.answer("day_lanes", **asked)
    assert [(row["what"], row["began_at"], row["ended_at"], row["why"]) for row in rows] == [
        ("due", moment(1, 10, 40), moment(1, 11), None),
        ("hole", moment(1, 10, 40), moment(1, 12), "missed"),
        ("unknown", moment(1, 12), moment(1, 14, 29), None),
        ("due", moment(1, 15, 10), moment(1, 15, 30), None),
    ]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"state": "Quarantine"}, "quarantine"),
        ({"state": "Paused"}, "paused"),
        ({"schedule_state": "Disabled"}, "paused"),
    ],
)
def test_a_hole_says_why_no_run_was_to_be_expected(given: Given, more: dict[str, Any], why: str) -> None:
    observed(given, "Cerby", moment(1, 10, 5), moment(1, 10))
    observed(given, "Cerby", moment(1, 13), moment(1, 10), **more)
    rows = given.answer("day_lanes", since=moment(1), until=moment(2), as_of=moment(1, 13))
    assert [row["why"] for row in rows if row["what"] == "hole"] == [why]


def test_a_run_within_its_grace_leaves_no_hole(given: Given) -> None:
    observed(given, "Cerby", moment(1, 10, 5), moment(1, 10))
    observed(given, "Cerby", moment(1, 10, 59), moment(1, 10))
    observed(given, "Cerby", moment(1, 11, 5), moment(1, 11))
    rows = given.answer("day_lanes", since=moment(1), until=moment(2), as_of=moment(1, 11, 5))
    assert {row["what"] for row in rows} == {"due"}


# The page


@pytest.fixture
def busy(given: Given) -> Store:
    """Cerby's initial cycle runs, Northwind's has stalled, Contoso is dead, Fabrikam idle; nobody asked about Zoom."""
    for number in range(12):
        who = f"new{number}"
        given.succeeded(who, 13, 14, number, app="Cerby", action="create", cycle_id="first")
    begun: Row = {"steady_since": None, "total_units": 40, "entitled": 600, "progress_unit": "entries"}
    for number in range(6):
        at = moment(13, 14, 5 * number)
        observed(given, "Cerby", at, moment(12), completed_units=2 * number, **begun)
        stuck = {"completed_units": 3, "total_units": 9}
        observed(given, "Northwind", at, moment(13, 13), **stuck)
        observed(given, "Contoso", at, moment(13, 11))
        observed(given, "Fabrikam", at, moment(13, 14))
    observed(given, "Northwind", moment(13, 13, 30), moment(13, 13), completed_units=3, total_units=9)
    given.succeeded("ada", 13, 13, app="Zoom")
    given.succeeded("bob", 13, 14, 30, app="Zoom", cycle_id="zoom")
    return given.stored()


def cycles(**words: str) -> AppTest:
    """Opens the tab as an address with these words would."""
    return healthy(app("cycles", **words))


def test_the_tab_answers_in_a_sentence_and_cards_whose_numbers_are_those_of_the_question(busy: Store) -> None:
    rows = {row["app_name"]: row for row in Given(busy).answer("progress", as_of=NOW)}
    assert {name: row["rhythm"] for name, row in rows.items()} == {
        "Cerby": "running",
        "Northwind": "stalled",
        "Contoso": "dead",
        "Fabrikam": "on_time",
        "Zoom": "unknown",
    }
    test = cycles()
    [sentence] = [box.value for box in test.error if "Cerby" in box.value]
    cerby = rows["Cerby"]
    assert (cerby["objects_done"], cerby["objects_expected"]) == (12, 600)
    low, high = (cerby[name] for name in ("ends_low_at", "ends_high_at"))
    assert "**Cerby**: initial cycle running, 2%, 12 of about 600 users and groups processed" in sentence
    assert f"({low:%H:%M} to {high:%H:%M})" in sentence
    assert "**Contoso**: no cycle for 2 h 50 min, the last one due was 1 Feb, 11:40" in sentence
    assert "**Northwind**: incremental cycle stalled, no progress since" in sentence
    assert "**Fabrikam**: up to date, next cycle at 1 Feb, 14:40" in sentence
    drawn = text(test)
    assert f"**{cerby['per_minute']:.1f}** per minute, no earlier cycle to compare with." in drawn
    assert "pages are not proportional to them; Entra calls the unit “entries”" in drawn
    bars = [(bar.proto.value, bar.proto.text) for bar in test.get("progress")]
    assert bars[0] == (2, "**2%** · 12 of about 600 users and groups processed")
    assert bars[1] == (25, "Pages (Microsoft's measure): **10 of 40, 25%**")
    assert bars[2] == (33, "**33.3%** of pages (Microsoft's measure) · 0 users and groups processed")
    # The same cards on Home, whose table of apps agrees with them.
    home = healthy(app())
    own = [bar.proto.text for bar in home.get("progress")]
    assert own == [bars[0][1], bars[2][1]]
    states = dict(zip(table(home, "in_place_share")["app_name"], table(home, "in_place_share")["state"], strict=True))
    assert states == {
        "Contoso": "dead",
        "Northwind": "stalled",
        "Cerby": "running",
        "Fabrikam": "idle",
        "Zoom": "healthy",
    }
    assert "**Contoso** has missed several cycles since" in text(home)


def test_an_initial_cycle_of_unknown_size_has_an_estimate_that_says_where_it_comes_from(given: Given) -> None:
    begun: Row = {"state": "NotRun", "steady_since": None, "last_state": None, "schedule_state": "Active"}
    given.succeeded("ada", 13, 14, 20, cycle_id="first")
    observed(given, "Cerby", moment(13, 14, 20), None, completed_units=1, total_units=10, **begun)
    observed(given, "Cerby", moment(13, 14, 30), None, completed_units=4, total_units=10, **begun)
    given.succeeded("ada", 13, 14, 30, app="Zoom", cycle_id="zoom")
    observed(given, "Zoom", moment(13, 14, 30), None, **begun)
    observed(given, "Contoso", moment(13, 14, 30), None, last_began_at=moment(13, 14), **begun)
    given.stored()
    test = cycles()
    drawn = text(test)
    bars = [(bar.proto.value, bar.proto.text) for bar in test.get("progress")]
    assert bars[0] == (40, "**40%** (estimated from page progress, as in the Entra portal) · 1 user or group processed")
    assert (0, "**0%** (from pace alone) · 1 user or group processed") in bars
    assert "Progress unknown (" in drawn and "End unknown" in drawn
    assert "In sync is n/a until the initial cycle has ended." in drawn
    assert "80% band" in drawn and " left (" in drawn


def test_idle_is_calm_and_green_only_beside_evidence_that_all_is_well(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.succeeded("ada", 13, 9, cycle_id="past")
    given.vouched(moment(12), moment(14), "Cerby")
    observed(given, "Cerby", moment(13, 14, 10), moment(13, 14))
    given.stored()
    idle = "**Cerby**: up to date, next cycle at 1 Feb, 14:40."
    test = cycles()
    assert not test.success and f"{idle} Cycle status unknown: the data ends 1 Feb 2026, 14:10" in text(test)
    monkeypatch.setenv("PROVISIONING_CLOCK", f"2026-02-01T14:15Z,1,{datetime.now(UTC).isoformat()}")
    # The cycles are known to be in order; whether all is well is not.
    test = cycles()
    assert not test.success and idle in text(test)
    assert "Nothing running. Next: Cerby at 1 Feb, 14:40." in text(test)
    assert not test.get("progress")


def test_cycles_are_green_where_all_is_well(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_CLOCK", clock(World(), datetime.now(UTC)))
    build(given, World())
    [green] = [box.value for box in cycles().success]
    assert green.startswith("**Docs**: up to date") and "**Zoom**: up to date" in green


def test_the_table_has_the_cycles_of_the_question(busy: Store) -> None:
    test = cycles(cycle="first")
    shown = table(test, "length")
    asked = Given(busy).answer("cycles_lately", least=1, since=moment(-1), until=moment(13, 15))
    assert list(shown["cycle_id"]) == [row["cycle_id"] for row in asked]
    assert list(shown["objects"]) == [row["objects"] for row in asked]
    assert dict(zip(shown["cycle_id"], shown["outcome"], strict=True))["first"] == "running"
    # A running cycle is not said to have ended.
    running = ":blue[:material/play_circle: Running]: 12 users and groups, 12 events, 0 failed so far, in "
    assert running in text(test)
    test.toggle(key="every").set_value(True).run()
    assert len(table(healthy(test), "length")) > len(shown)


def test_a_link_opens_a_cycle_in_the_side_panel_with_what_it_is_compared_with(given: Given) -> None:
    leaky(given, "new", day=13)
    leaky(given, "old", day=12)
    given.failed("zoe", day=12, cycle_id="old")
    given.stored()
    test = cycles(cycle="new", **{"with": "old"})
    drawn = text(test)
    assert "11 users and groups, 11 events, 4 failed. Duration: 0 s" in drawn
    assert "12 users and groups in one or both." in drawn
    assert list(table(test, "verdict")["verdict"]) == ["shared"]
    assert {name: test.query_params[name] for name in ("cycle", "with")} == {"cycle": "new", "with": "old"}
    [way] = [link for link in test.get("page_link") if link.proto.label == "4 failures of this cycle"]
    assert "since=2026-02-01&until=2026-02-01T00%3A01" in way.proto.query_string


@pytest.mark.usefixtures("busy")
def test_a_cycle_or_a_day_that_is_not_there_is_no_error() -> None:
    test = cycles(cycle="no*where", day="some-day", **{"with": "nothing"})
    assert r"There is no cycle with the id no\*where in this store." in text(test)
    assert test.query_params["cycle"] == "no*where"
    assert "No events and no job status for this day." in text(cycles(day="2026-01-20"))


def test_a_job_that_graph_was_never_asked_about_is_unknown_and_not_late(given: Given) -> None:
    given.succeeded("ada", 13)
    given.stored()
    test = cycles()
    assert not [box.value for box in (*test.warning, *test.success) if "Cerby" in box.value]
    assert "**Cerby**: status unknown (" in text(test)
    assert "No running cycle is known. Unknown for 1 app." in text(test)


def test_a_tenant_that_is_being_polled_is_judged_as_of_now_and_old_logs_as_of_their_end(given: Given) -> None:
    given.succeeded("ada", 13)
    observed(given, "Cerby", moment(13, 0, 10), moment(13))
    given.stored()
    assert questions(cycles())["progress"]["as_of"] == moment(13, 0, 10)
    now = datetime.now(UTC).replace(tzinfo=None)
    given.rows["contacts"].append({"tenant": "example", "feed": "jobs", "reached_at": now, "outcome": "ok"})
    given.stored()
    test = cycles()
    assert questions(test)["progress"]["as_of"] > moment(14)
    assert "status unknown" in text(test)


def test_many_calm_jobs_are_counted_and_not_listed() -> None:
    calm = [{"app_name": f"App {number}", "rhythm": "on_time", "due_at": None} for number in range(9)]
    paused = {"app_name": "Zoom", "rhythm": "paused", "since": None}
    assert progress_sentence(pd.DataFrame([*calm, paused])) == "**Zoom**: paused; 9 apps up to date."
