"""The page Quarantine: its questions, ticks and figures, and the page itself, on one fleet with a job of each kind."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.config.settings import read_settings
from pipeline.knowledge.quarantine_reasons import REASONS, Fact, find_reason
from pipeline.rules.evaluate import check
from pipeline.rules.rule import find_rule, rules
from pipeline.rules.verdict import JobFacts
from pipeline.store.lake import Store, open_store
from tests.support.given import Given, Row, job_id, moment
from tests.support.job_states import World, build
from tests.support.pages import app, healthy, questions, table, text
from views.charts.quarantine import headroom, status_lanes
from views.frame.look import look
from views.frame.state import Key
from views.parts.apps import recovery
from views.parts.apps.facts import Facts, Job
from views.parts.apps.limits import course, pace, trend
from views.parts.apps.recovery import TICKS, Ticked

NOW = moment(13, 12)
BEGAN = moment(11, 4)
GRAPH = (
    "EncounteredBaseEscrowThreshold",
    "EncounteredTotalEscrowThreshold",
    "EncounteredEscrowProportionThreshold",
    "EncounteredQuarantineException",
    "QuarantinedOnDemand",
    "TooManyDeletes",
    "IngestionInterrupted",
    "Unknown",
)
LIMITS = "[quarantine_ahead]\nleast = 5\nmost = 20\naltogether = 90\n[disable_clock]\nlimit = 14\n"


def hourly(given: Given, app: str, first: datetime, last: datetime, state: str = "Active", **more: Any) -> None:
    """Says what Graph said of a job every hour."""
    told: Row = {
        "app_id": f"app-{app.lower()}",
        "interval_s": 2400,
        "schedule_state": "Active",
        "users": 900,
        "groups": 0,
    }
    told |= {"successive_failures": 0, "steady_since": moment(-9)}
    for number in range(int((last - first) / timedelta(hours=1)) + 1):
        at = first + number * timedelta(hours=1)
        given.observed(app, state, observed_at=at, snapshot_id=f"{app}-{at}", **(told | more))


def fill(given: Given) -> None:
    """Zoom holds back deletions, Desk lost its token, Cerby rises, Docs has a gap, Wiki and Hush have no status."""
    hourly(given, "Zoom", moment(10), moment(11, 3), deletion_threshold=500)
    held: Row = {"quarantine_since": BEGAN, "next_attempt_at": moment(14), "deletion_threshold": 6}
    crowd, removed = (
        {"quarantine_reason": "EncounteredEscrowProportionThreshold"},
        {"quarantine_reason": "TooManyDeletes"},
    )
    hourly(given, "Zoom", moment(11, 5), moment(12), "Quarantine", **held, **crowd)
    hourly(given, "Zoom", moment(12, 1), NOW, "Quarantine", **held, **removed)
    for number, action in enumerate(("create", "disable", "update", "delete")):
        given.failed(f"zoe-{number}", 12, number, app="Zoom", action=action)
    for number in range(7):
        given.event(f"held-{number}", "success", moment(13, 8, number), app="Zoom", action="stagedDelete", cycle_id="z")
    given.succeeded("held-0", 13, 9, app="Zoom", action="delete", cycle_id="z2")
    for at, scope in ((moment(9), "assigned"), (moment(11, 2), "all")):
        given.rows["configurations"].append(
            {"job_id": job_id("Zoom"), "app_name": "Zoom", "observed_at": at, "scope_mode": scope, "digest": scope}
        )
    error = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"
    hourly(given, "Desk", moment(10), moment(12, 9))
    refused: Row = {"quarantine_reason": "EncounteredQuarantineException", "quarantine_since": moment(12, 9, 23)}
    refused |= {"successive_failures": 4, "error_code": error, "next_attempt_at": moment(13, 15)}
    hourly(given, "Desk", moment(12, 10), NOW, "Quarantine", **refused)
    given.succeeded("dan", 12, 8, app="Desk")
    given.exchanged("PATCH", "/Users/1", 200, moment(12, 8, 43), app_id="app-desk")
    for hour in (9, 15, 21):
        given.exchanged("GET", "/Users", 401, moment(12, hour, 23), app_id="app-desk", filter='userName eq "x"')
    given.exchanged("PATCH", "/Users/2", 409, moment(12, 22), app_id="app-desk")
    given.rows["tokens"].append(
        {"app_name": "Desk", "expires_at": moment(12, 9), "recorded_by": "Grace", "recorded_at": moment(1)}
    )
    hourly(given, "Cerby", moment(10), NOW, deletion_threshold=500)
    for who in range(40):
        given.succeeded(f"fine-{who}", 12, 22, app="Cerby")
    for hour in range(12):
        given.failed(f"new-{hour}", 13, hour, app="Cerby")
    hourly(given, "Docs", moment(10), moment(10, 12))
    hourly(given, "Docs", moment(12), NOW)
    for day in (9, 10, 11):
        for hour in range(24):
            given.succeeded("wil", day, hour, app="Wiki")
    for hour in (0, 6, 12, 24):
        given.failed("wil", 12, hour, app="Wiki")
    given.succeeded("hal", 13, app="Hush")
    given.stored()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    folder = tmp_path_factory.mktemp("fleet")
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    given = Given(store)
    fill(given)
    (folder / "rules.toml").write_text(LIMITS)
    chosen = [find_rule(name) for name in ("quarantined", "escrow_growth")]
    check(store, moment(12, 12), overrides={}, chosen=chosen)
    check(store, NOW, overrides={}, chosen=chosen)
    yield given
    store.close()


@pytest.fixture
def drawn(fleet: Given, monkeypatch: pytest.MonkeyPatch) -> Given:
    """The fleet, with the page pointed at it."""
    place = str(fleet.store.settings.store)
    monkeypatch.setenv("PROVISIONING_STORE", place)
    monkeypatch.setenv("PROVISIONING_CLOCK", f"{NOW:%Y-%m-%dT%H:%M}Z,1,{datetime.now(UTC).isoformat()}")
    monkeypatch.setenv("PROVISIONING_RULES", str(Path(place.removeprefix("ducklake:sqlite:")).with_name("rules.toml")))
    return fleet


def page(*folds: str, **words: str) -> AppTest:
    """Opens the overview of Apps, or of one app, with some of its expanders open."""
    test = healthy(app("apps", **words))
    for fold in folds:
        test.session_state[Key.FOLDED.of(fold)] = True
    return healthy(test.run()) if folds else test


def words_of(test: AppTest) -> str:
    """Returns all the words of a page as a person reads them."""
    return text(test).replace("\\", "")


# The reasons


def test_every_reason_of_graph_is_explained_with_how_sure_that_is_and_ends_in_leaving() -> None:
    assert set(REASONS) == set(GRAPH)
    for reason in REASONS.values():
        assert reason.meaning.endswith(".") and reason.source
        assert [step.fact for step in reason.steps][-1] == "left"
    standings = {word: find_reason(word).standing for word in GRAPH}
    assert [word for word, how in standings.items() if how == "documented"] == [*GRAPH[2:6]]
    assert [word for word, how in standings.items() if how == "inferred"] == [*GRAPH[:2]]
    assert set(TICKS) == set(get_args(Fact))


def test_a_reason_nobody_has_heard_of_says_so_and_the_prose_pages_spelling_is_known() -> None:
    assert find_reason("QuarantineOnDemand") is REASONS["QuarantinedOnDemand"]
    strange = find_reason("MoonPhase")
    assert (strange.word, strange.standing) == ("MoonPhase", "unverified")
    assert strange.meaning
    assert find_reason(None).meaning == "Graph gives no reason."


# The questions


def test_each_job_stands_as_its_newest_status_says_and_one_without_is_unknown(fleet: Given) -> None:
    rows = {row["app_name"]: row for row in fleet.answer("quarantine_states", at=NOW)}
    assert {app: row["word"] for app, row in rows.items()} == {
        "Zoom": "quarantined",
        "Desk": "quarantined",
        "Cerby": "healthy",
        "Docs": "healthy",
        "Wiki": "unknown",
        "Hush": "unknown",
    }
    assert (rows["Zoom"]["since"], rows["Zoom"]["disabled_at"]) == (BEGAN, BEGAN + timedelta(days=28))
    before = fleet.answer("quarantine_states", at=moment(11), job=job_id("Zoom"))
    assert [row["word"] for row in before] == ["healthy"]


@pytest.mark.parametrize(
    ("state", "schedule", "word"),
    [
        ("Quarantine", "Active", "quarantined"),
        ("Active", "Disabled", "switched_off"),
        ("Active", "Paused", "paused"),
        ("NotRun", "Active", "never_run"),
        ("Active", None, "healthy"),
        ("Sleeping", "Active", "unknown"),
    ],
)
def test_a_job_stands_as_its_state_and_its_schedule_say(fleet: Given, state: str, schedule: Any, word: str) -> None:
    assert fleet.store.rows("select job_condition(?, ?)", [state, schedule]) == [(word,)]


def lane(fleet: Given, app: str, **more: Any) -> list[tuple[Any, ...]]:
    given = {"since": moment(10), "until": moment(14), "at": NOW, "job": job_id(app)}
    rows = fleet.answer("quarantine_lanes", **(given | more))
    return [(row["word"], row["began_at"], row["ended_at"], row["why"]) for row in rows]


def test_the_time_line_begins_a_quarantine_by_graphs_date_and_parts_it_where_its_reason_changed(fleet: Given) -> None:
    assert lane(fleet, "Zoom") == [
        ("healthy", moment(10), BEGAN, None),
        ("quarantined", BEGAN, moment(12, 1), "EncounteredEscrowProportionThreshold"),
        ("quarantined", moment(12, 1), NOW, "TooManyDeletes"),
    ]


def test_a_time_without_a_status_is_unknown_on_the_time_line(fleet: Given) -> None:
    assert lane(fleet, "Docs", gap=3600 * 3) == [
        ("healthy", moment(10), moment(10, 15), None),
        ("unknown", moment(10, 15), moment(12), None),
        ("healthy", moment(12), NOW, None),
    ]
    assert lane(fleet, "Hush") == [("unknown", moment(10), NOW, None)]


def test_what_a_rule_found_of_a_healthy_job_is_watched_on_the_time_line(fleet: Given) -> None:
    assert lane(fleet, "Cerby") == [
        ("healthy", moment(10), moment(13), None),
        ("watch", moment(13), NOW, "escrow_growth"),
    ]


def test_the_first_failing_call_and_the_last_good_one_are_told_to_the_minute(fleet: Given) -> None:
    rows = {row["what"]: row for row in fleet.answer("quarantine_calls", at=NOW, job=job_id("Desk"))}
    assert {what: (row["occurred_at"], row["http_status"]) for what, row in rows.items()} == {
        "last good": (moment(12, 8, 43), 200),
        "first failing": (moment(12, 9, 23), 401),
        "newest failing": (moment(12, 21, 23), 401),
    }
    assert rows["first failing"]["failing"] == 3
    assert fleet.answer("quarantine_calls", at=NOW, job=job_id("Zoom")) == []


def test_what_was_changed_before_is_told_with_the_two_instants_it_lies_between(fleet: Given) -> None:
    rows = fleet.answer("quarantine_changes", job=job_id("Zoom"), since=moment(5), until=NOW)
    assert [(row["setting"], row["before"], row["after"], row["before_at"], row["seen_at"]) for row in rows] == [
        ("deletion limit", "500", "6", moment(11, 3), moment(11, 5)),
        ("scope", "assigned", "all", moment(9), moment(11, 2)),
    ]


def test_a_job_without_status_is_inferred_from_thinning_cycles_in_which_all_fails(fleet: Given) -> None:
    [row] = fleet.answer("quarantine_inferred", at=NOW)
    assert (row["app_name"], row["since"], row["tries"], row["sign"]) == ("Wiki", moment(12), 4, "cycles")
    assert fleet.answer("quarantine_inferred", at=moment(12, 5)) == []


def test_deletions_count_by_cycle_and_one_that_was_decided_is_not_held_back(fleet: Given) -> None:
    [row] = fleet.answer("quarantine_deletions", at=NOW, job=job_id("Zoom"))
    assert (row["at_most"], row["reached"], row["most"]) == (6, 1, 7)
    assert (row["staged"], row["was_staged"], row["staged_at"]) == (6, 7, moment(13, 8, 1))


def test_the_burn_down_ends_at_the_escrows_that_are_open(fleet: Given) -> None:
    rows = fleet.answer("quarantine_burn_down", at=NOW, job=job_id("Cerby"))
    [(waiting,)] = fleet.store.rows(
        "select count(*) from escrows where job_id = ? and closed_at is null", [job_id("Cerby")]
    )
    assert rows[-1]["open"] == waiting == 12
    assert sum(row["opened"] - row["closed"] for row in rows) == waiting


def test_an_episode_says_when_it_was_noticed(fleet: Given) -> None:
    rows = {row["app_name"]: row for row in fleet.answer("quarantine_episodes", at=NOW)}
    assert (rows["Zoom"]["opened_at"], rows["Zoom"]["noticed_at"]) == (BEGAN, moment(12, 12))
    assert rows["Zoom"]["closed_at"] is None


def test_every_rule_of_quarantine_leads_to_the_page() -> None:
    names = {"quarantined", "quarantine_ahead", "disable_clock", "failing_runs", "token_refused", "silence"}
    names |= {"escrow_growth", "escrow_drops", "mass_leavers"}
    assert {name for name in names if rules()[name].page != "quarantine"} == set()


# The ticks


STATE: Row = {
    "job_id": "j",
    "app_name": "Zoom",
    "word": "quarantined",
    "observed_at": NOW,
    "since": BEGAN,
    "disabled_at": BEGAN + timedelta(days=28),
    "reason": "TooManyDeletes",
    "series_count": 3,
    "next_attempt_at": None,
    "error_code": None,
    "assigned": 1000,
}
BURN = pd.DataFrame({"ended_at": [moment(12), moment(13)], "outcome": "succeeded", "opened": 0, "closed": 0, "open": 1})
CALL: Row = {"occurred_at": moment(12, 9, 23), "method": "GET", "path": "/Users", "http_status": 401, "refused": True}


def facts_of(state: Row | None = None, deletions: Row | None = None, calls: dict[str, Row] | None = None) -> Facts:
    job = Job(STATE | (state or {}), None, [], deletions, NOW, 28)
    log = JobFacts("j", "Zoom", state="quarantined", observed_at=NOW, covered_until=NOW, unknown_hours=0)
    return Facts(job, BEGAN, calls or {}, pd.DataFrame({"error_code": []}), BURN, None, [], True, log)


AGAIN = CALL | {"occurred_at": moment(13), "http_status": 200, "refused": False}


@pytest.mark.parametrize(
    ("calls", "word"),
    [
        ({}, "untold"),
        ({"last good": AGAIN | {"occurred_at": moment(9)}}, "untold"),
        ({"first failing": CALL}, "not_yet"),
        ({"first failing": CALL, "good again": AGAIN}, "done"),
        ({"last good": AGAIN}, "done"),
        ({"newest failing": CALL | {"refused": False, "http_status": 503}}, "untold"),
    ],
)
def test_a_credential_is_ticked_by_a_good_call_after_the_last_refusal(calls: dict[str, Row], word: Ticked) -> None:
    assert TICKS["credential"](facts_of(calls=calls)).word == word


def test_a_search_answered_with_404_is_not_yet_mended_until_a_good_call_follows() -> None:
    lost = CALL | {"http_status": 404, "refused": False}
    assert TICKS["answers"](facts_of(calls={"newest failing": lost})).why.startswith(
        "Last failure: GET /Users, HTTP 404"
    )
    assert TICKS["answers"](facts_of(calls={"newest failing": lost, "good again": AGAIN})).word == "done"
    assert TICKS["answers"](facts_of()).word == "untold"


def test_two_cycles_without_a_new_failure_are_ticked_and_cycles_that_tried_nobody_tell_nothing() -> None:
    assert TICKS["escrows"](facts_of()).word == "done"
    assert TICKS["escrows"](replace(facts_of(), burn=BURN.assign(opened=1))).word == "not_yet"
    assert TICKS["escrows"](replace(facts_of(), burn=BURN.assign(outcome="failed"))).word == "untold"
    # What began to fail was tried, whatever Graph calls the run.
    failing = pd.concat([BURN, BURN.assign(ended_at=[moment(13, 1), moment(13, 2)], outcome="failed", opened=3)])
    assert TICKS["escrows"](replace(facts_of(), burn=failing)).why.startswith("6 new failures")


def test_nothing_is_ticked_by_logs_that_are_missing() -> None:
    log = facts_of().log
    assert log is not None
    gap = replace(log, unknown_hours=3, gap_at=moment(13, 2), gap_until=moment(13, 4))
    before = replace(log, unknown_hours=3, gap_at=moment(11, 1), gap_until=moment(11, 3))
    for name in ("escrows", "error"):
        assert TICKS[name](replace(facts_of(), burn=BURN.assign(closed=1))).word == "done"  # type: ignore[index]
        for lacking in (gap, replace(log, covered_until=None), None):
            tick = TICKS[name](replace(facts_of(), burn=BURN.assign(closed=1), log=lacking))  # type: ignore[index]
            assert tick.word == "untold" and "provisioning logs" in tick.why
    assert TICKS["escrows"](replace(facts_of(), log=before)).word == "done"


def test_the_commonest_error_of_those_who_wait_must_be_gone() -> None:
    waiting = pd.DataFrame({"error_code": ["Timeout", "EntryConflict", "EntryConflict"]})
    tick = TICKS["error"](replace(facts_of(), waiting=waiting))
    assert (tick.word, tick.why) == ("not_yet", "2 of 3 users and groups pending retry fail with EntryConflict.")
    assert TICKS["error"](facts_of()).word == "untold"
    assert TICKS["error"](replace(facts_of(), burn=BURN.assign(closed=1))).word == "done"


def test_deletions_are_decided_when_none_is_held_back_any_more() -> None:
    seen: Row = {"was_staged": 7, "staged": 2, "staged_at": moment(13, 8)}
    assert TICKS["deletions"](facts_of(deletions=seen)).why == "2 staged deletions since 1 Feb, 08:00 UTC."
    assert TICKS["deletions"](facts_of(deletions=seen | {"staged": 0})).word == "done"
    assert TICKS["deletions"](facts_of(deletions=seen | {"was_staged": 0, "staged": 0})).word == "untold"


def test_the_next_try_is_due_or_its_outcome_is_not_known() -> None:
    assert TICKS["attempt"](facts_of({"next_attempt_at": NOW + timedelta(hours=5)})).why.endswith("in 5 h.")
    assert TICKS["attempt"](facts_of({"next_attempt_at": NOW - timedelta(hours=5)})).word == "untold"
    assert TICKS["left"](facts_of()).word == "not_yet"
    assert TICKS["left"](facts_of({"word": "healthy"})).word == "done"


def test_a_restart_says_how_long_an_initial_cycle_takes_by_microsofts_formula() -> None:
    cost = recovery.restart(facts_of().job)
    assert "about 10 min to 1 h 20 min for 1,000 users and groups" in cost
    assert "“certain provisioning events might be dropped”" in cost
    assert "the number of assigned users and groups is unknown" in recovery.restart(facts_of({"assigned": None}).job)


# The figures


def test_the_band_of_the_next_three_cycles_lies_between_the_slopes() -> None:
    row: Row = {"label": "All failures", "reached": 40, "at_most": 100, "per_cycle_low": -30, "per_cycle_high": 10}
    figure = headroom([row, row | {"per_cycle_low": None, "per_cycle_high": None}])
    now, *bands = figure.data
    assert list(now.x) == [0.4, 0.4]
    assert [(list(band.base), round(band.base[0] + band.x[0], 2)) for band in bands] == [
        ([0.1], 0.5),
        ([0], 0.6),
        ([0], 0.7),
    ]


def test_a_word_on_the_time_line_is_told_by_label_and_pattern_and_a_new_reason_is_marked(fleet: Given) -> None:
    given = {"since": moment(10), "until": moment(14), "at": NOW}
    rows = pd.DataFrame(fleet.answer("quarantine_lanes", **given))
    traces = {trace.name: trace for trace in status_lanes(rows, moment(10), moment(14), NOW).data}
    words = ("healthy", "watch", "quarantined", "unknown")
    assert list(traces) == [*(look(word).label for word in words), "Reason changed"]
    shapes = {word: traces[look(word).label].marker.pattern.shape for word in words}
    assert shapes == {"healthy": "", "watch": ".", "quarantined": "", "unknown": "/"}
    assert "Unknown" in traces["Unknown"].text and "Quarantine" in traces["Quarantine"].text
    assert len(traces["Reason changed"].x) == 1


def test_no_end_is_promised_while_the_number_rises() -> None:
    assert "rising" in trend(12, 1.5, None)
    assert "too few cycles" in trend(12, None, None)
    falls = replace(facts_of().job, limits=[{"measure": "total", "per_cycle": -2.0}])
    rows = pd.DataFrame({"ended_at": [NOW - timedelta(hours=1), NOW], "open": [9, 7]})
    slope, ends_at = pace(falls, rows)
    assert (slope, ends_at) == (-2.0, NOW + timedelta(hours=4))
    assert trend(7, slope, ends_at).endswith("none left by **1 Feb, 16:00 UTC** at this trend.")


def test_a_job_paused_for_what_its_first_cycle_cleared_is_told() -> None:
    paused = facts_of({"word": "paused", "escrows_pruned": True}).job
    assert course(paused).startswith("was paused by Entra after its first cycle: too many failures")
    assert course(facts_of({"word": "paused", "escrows_pruned": False}).job) == ""


# The page


@pytest.mark.usefixtures("drawn")
def test_apps_are_listed_with_their_status_and_the_sentence_names_those_that_are_out_or_near() -> None:
    test = page("past-quarantines", "pending-retries", "failures-by-app-over-time")
    [answer] = [box.value for box in test.error if "in quarantine" in box.value]
    held = "**Zoom** has been in quarantine since 30 Jan, 04:00: more deletions than allowed. Day 3 of 14, "
    assert answer.startswith(f"{held}Entra disables the job on 13 Feb, 04:00 (in 11 days 16 h)")
    assert "**Desk** has been in quarantine since 31 Jan, 09:23: the app rejects the token" in answer
    assert "**Wiki** is probably in quarantine since 31 Jan, 00:00. Inferred from cycles" in answer
    assert "**Cerby** will reach a quarantine limit (failures without references) in about 9 cycles" in answer
    assert "Quarantine status unknown for **Hush**" in answer
    fleet = table(test, "in_place_share")
    assert list(fleet["app_name"][:2]) == ["Desk", "Zoom"] or list(fleet["app_name"][:2]) == ["Zoom", "Desk"]
    assert {"Cerby", "Wiki", "Hush"} < set(fleet["app_name"])
    assert {"quarantine_lanes", "failures_by_hour", "open_escrows", "quarantine_episodes"} <= set(questions(test))
    assert set(table(test, "to_notice")["app_name"]) == {"Zoom", "Desk"}
    assert len(table(test, "dropped_at")) == 17
    # What is folded is asked for only once it is opened.
    assert "failures_by_hour" not in questions(page())


@pytest.mark.usefixtures("drawn")
def test_an_app_in_quarantine_shows_its_clock_steps_impact_and_blocked_users() -> None:
    test = page("blocked-users-and-groups", "effects-of-a-restart", "technical-details", job="Zoom")
    assert test.get("progress")[0].proto.text == "Day 3 of 14 until Entra disables the job (11 days 16 h left)."
    drawn = words_of(test)
    assert "Scope: from assigned to all" in drawn
    assert "6 staged deletions since" in drawn and "rejecting them does" in drawn
    assert "**TooManyDeletes** :blue-badge[:material/menu_book: documented]" in drawn
    assert list(table(test, "dropped_at")["leaver"]) == [True, True, False, False]
    kinds = ":red[**2 leavers**] with access, 1 new user without an account, 1 with old values"
    assert f"**4 users and groups** pending retry: {kinds}" in drawn
    shown = {each.label: each.value for each in test.metric}
    assert shown["New users blocked"] == "1" and shown["Leavers still with access"].startswith("At least ")


@pytest.mark.usefixtures("drawn")
def test_a_dead_token_shows_the_requests_around_it_and_what_of_its_recovery_is_done() -> None:
    test = page(job="Desk")
    drawn = words_of(test)
    [answer] = [box.value for box in test.error if "in quarantine" in box.value]
    assert answer.startswith(
        "**Desk is in quarantine: the app rejects the token.** Entra has been getting HTTP 401 since 31 Jan, 09:23, "
        "40 minutes after the last successful request. Unless it recovers, Entra disables the job on 14 Feb, 09:23."
    )
    assert "3 failed requests since " in drawn
    assert ", the first 40 min after the last success, none successful since." in drawn
    assert "4 consecutive cycles failed" in drawn
    assert "The token expired 31 Jan, 09:00, 1 day 3 h ago (entered by Grace)" in drawn
    assert "Last rejected 31 Jan, 21:23 (HTTP 401)." in drawn
    assert "Due 1 Feb, 15:00, in 3 h." in drawn
    assert test.get("progress")[0].proto.text.startswith("Day 2 of 14")
    calls = table(test, "http_status")
    assert list(calls["what"]) == ["Last success", "First failure", "Latest failure"]
    assert list(calls["request"])[1] == 'GET /Users?filter=userName eq "x"'
    # A step is ticked by evidence alone.
    assert ":green-badge" not in drawn and ":orange-badge[:material/radio_button_unchecked: To do]" in drawn
    # What people do about it stands beside its steps: its incident is open.
    assert [each.label for each in test.button if each.label == "Acknowledge"]


@pytest.mark.usefixtures("drawn")
def test_a_job_without_status_is_labelled_inferred_and_promises_no_date() -> None:
    test = page("technical-details", job="Wiki")
    drawn = words_of(test)
    assert [box.value for box in test.warning if "probably in quarantine" in box.value]
    assert ":material/question_mark: Inferred]" in drawn
    assert "Collect the job status" in drawn
    assert not test.get("progress") and "Entra disables the job on" not in drawn


@pytest.mark.usefixtures("drawn")
def test_an_app_that_is_not_in_quarantine_shows_its_next_cycle_and_promises_nothing() -> None:
    test = page("quarantine-thresholds", "job-status-history", job="Docs")
    drawn = words_of(test)
    [answer] = [box.value for box in test.error]
    assert answer.startswith("**Docs** has missed several cycles since 19 Jan, 01:40. Next step for **Docs**: ")
    assert "Recovery checklist" not in drawn and not test.get("progress") and "What to do" in drawn
    assert "No events of this app in the store, so nothing can be counted." in drawn
    shown = {each.label: each.value for each in test.metric}
    assert {"Next cycle", "In sync", "Pending retries", "Token expiry"} < set(shown)
    assert shown["Pending retries"] == shown["Leavers still with access"] == "Unknown"


def test_the_thresholds_are_asked_with_what_rules_toml_has(drawn: Given) -> None:
    test = page("quarantine-thresholds", job="Cerby")
    asked = questions(test)["quarantine_headroom"]
    assert (asked["least"], asked["most"], asked["altogether"]) == (5, 20, 90)
    shown = words_of(test)
    assert "40% of users and groups from 5 failures on; 20 failures without references; 90 in all" in shown
    [row] = [
        row
        for row in drawn.answer("quarantine_headroom", at=NOW, job=job_id("Cerby"), least=5, most=20, altogether=90)
        if row["measure"] == "count"
    ]
    assert (row["reached"], row["at_most"], row["cycles_left"], row["per_cycle_low"]) == (12, 21, 9, 1)
    assert "in about 9 cycles (80% band: 9 to 9), 1 Feb, 21:00" in shown
    assert "What to do" in shown and "12 failing" not in shown


def test_calm_apps_are_green_only_once_every_rule_has_answered(
    given: Given, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_CLOCK", f"{NOW:%Y-%m-%dT%H:%M}Z,1,{datetime.now(UTC).isoformat()}")
    build(given, World(rules="never"))
    test = page()
    assert not test.success and "never evaluated" in words_of(test)
    assert "were **never evaluated**" in words_of(test)
    check(store, NOW, overrides={}, chosen=[rule for rule in rules().values() if rule.page == "quarantine"])
    assert not page().success
    check(store, NOW + timedelta(seconds=1), overrides={})
    [green] = [box.value for box in page().success]
    assert "Closest to a limit: **Docs**, 0% used." in green
    assert page(job="Docs").success
