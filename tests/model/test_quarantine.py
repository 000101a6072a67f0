"""Microsoft's limits, the forecast, and the causes of silence; each row of its truth table has a test."""

from typing import Any

import pytest

from pipeline.store.lake import Store
from tests.rules.test_rules import CERBY, lasts, opens
from tests.support.given import Given, job_id, moment

NOW = moment(1, 12)
SLOPE = {"least": 5, "part": 0.4, "most": 8, "altogether": 12}


@pytest.mark.parametrize(
    ("non_reference", "reference", "succeeded", "verdict"),
    [
        (4_000, 0, 0, "below"),
        (5_000, 0, 100_000, "watched"),
        (5_000, 0, 0, "share"),
        (45_000, 0, 200_000, "count"),
        (30_000, 0, 5_000, "share"),
        (20_000, 0, 100_000, "watched"),
        (40_000, 21_000, 200_000, "total"),
        (40_000, 20_000, 200_000, "watched"),
    ],
)
def test_oracle_microsofts_worked_examples(
    store: Store, non_reference: int, reference: int, succeeded: int, verdict: str
) -> None:
    asked = "select quarantine_verdict(?, ?, ?)"
    assert store.rows(asked, [non_reference, reference, succeeded]) == [(verdict,)]


def rising(given: Given, cycles: int = 4, each: int = 1) -> None:
    """So many cycles of an hour, each with new failures, and twenty people who are fine."""
    for who in range(20):
        given.succeeded(f"fine-{who}", day=1, hour=0, cycle_id="first")
    for cycle in range(cycles):
        for who in range(each):
            given.failed(f"new-{cycle}-{who}", day=1, hour=cycle + 1)


def measured(given: Given, at: Any = NOW, **limits: Any) -> dict[str, dict[str, Any]]:
    return {row["measure"]: row for row in given.answer("quarantine_headroom", at=at, **limits)}


def test_the_slope_tells_after_how_many_cycles_each_limit_is_crossed(given: Given) -> None:
    rising(given, cycles=4)
    found = measured(given, **SLOPE)
    assert {name: (row["reached"], row["at_most"], row["cycles_left"]) for name, row in found.items()} == {
        "share": (4, 14, 10),
        "count": (4, 9, 5),
        "total": (4, 13, 9),
    }
    assert (found["count"]["per_cycle"], found["count"]["cycles_least"], found["count"]["cycles_most"]) == (1, 5, 5)
    assert found["count"]["crosses_at"] == moment(1, 17)


def test_two_cycles_tell_no_slope_and_nothing_is_forecast(given: Given) -> None:
    rising(given, cycles=1)
    found = measured(given)["count"]
    assert (found["reached"], found["per_cycle"], found["cycles_left"], found["crosses_at"]) == (1, None, None, None)


def test_retries_of_one_object_are_one_escrow_and_no_slope(given: Given) -> None:
    for day in range(28):
        given.failed("ada", day=day)
    found = measured(given, at=moment(27, 12))["count"]
    assert (found["reached"], found["per_cycle"], found["cycles_left"]) == (1, 0, None)
    [ada] = given.answer("quarantine_waiting", at=moment(27, 12))
    assert (ada["attempts"], ada["opened_at"], ada["dropped_at"]) == (28, moment(0), moment(28))


def test_who_waits_is_told_with_leavers_before_joiners(given: Given) -> None:
    given.failed("ada", hour=1, action="create")
    given.failed("bob", hour=2, action="disable")
    given.failed("carol", hour=3, action="disable")
    given.disabled("carol", hour=4)
    rows = given.answer("quarantine_waiting", at=NOW)
    assert [(row["name"], row["leaver"]) for row in rows] == [("bob@example.com", True), ("ada@example.com", False)]


def test_quarantine_ahead_fires_within_three_cycles_and_says_which_limit(given: Given) -> None:
    rising(given, cycles=6)
    found = opens(given, "quarantine_ahead", NOW, **SLOPE)[CERBY]
    assert (found["measure"], found["cycles_left"], found["since"]) == ("count", 3, moment(1, 1))


def test_quarantine_ahead_is_silent_far_from_every_limit(given: Given) -> None:
    rising(given, cycles=6)
    assert opens(given, "quarantine_ahead", NOW) == {}


def test_quarantine_ahead_closes_only_when_more_than_five_cycles_are_left(given: Given) -> None:
    rising(given, cycles=4)
    assert opens(given, "quarantine_ahead", NOW, **SLOPE) == {}
    assert lasts(given, "quarantine_ahead", NOW, **SLOPE) == {CERBY}
    assert lasts(given, "quarantine_ahead", NOW, **(SLOPE | {"most": 9})) == set()


def first_cycle(given: Given, done: int, *, failed: int = 4, fine: int = 2) -> None:
    """A first cycle under way: so many of a hundred pages done, and what has failed and succeeded so far."""
    for who in range(failed):
        given.failed(f"bad-{who}", day=1, hour=10, cycle_id="first")
    for who in range(fine):
        given.succeeded(f"good-{who}", day=1, hour=10, cycle_id="first")
    pages: dict[str, Any] = {"completed_units": done, "total_units": 100, "steady_since": None}
    given.observed("Cerby", "Active", day=1, hour=11, last_ended_at=None, **pages)


def test_quarantine_ahead_fires_in_a_first_cycle_that_will_cross_a_limit_before_its_end(given: Given) -> None:
    first_cycle(given, done=40)
    found = opens(given, "quarantine_ahead", NOW, **SLOPE)[CERBY]
    assert (found["cycles_left"], found["reached"]) == (1, 4)
    assert found["summary"].endswith("at this failure rate Entra will clear the failures and pause the first cycle")


@pytest.mark.parametrize(("done", "fine"), [(100, 2), (3, 2), (80, 20)])
def test_quarantine_ahead_is_silent_in_a_first_cycle_that_ends_below_or_has_hardly_begun(
    given: Given, done: int, fine: int
) -> None:
    first_cycle(given, done=done, fine=fine)
    assert opens(given, "quarantine_ahead", NOW, **SLOPE) == {}


def test_a_later_cycle_is_not_drawn_out_by_its_pages(given: Given) -> None:
    first_cycle(given, done=40)
    given.observed("Cerby", "Active", day=1, hour=12, steady_since=moment(1, 11), completed_units=40, total_units=100)
    assert opens(given, "quarantine_ahead", NOW, **SLOPE) == {}


# Silence: one test for each row of the truth table. The last event is twelve hours old.


def runs(given: Given, app: str = "Cerby", **more: Any) -> None:
    told = {"interval_s": 2400, "schedule_state": "Active", "app_id": "app-cerby", "successive_failures": 0}
    given.observed(app, str(more.pop("state", "Active")), day=1, hour=12, **(told | more))


def cause(given: Given) -> str | None:
    given.succeeded("ada", day=1, hour=0)
    [row] = given.answer("silence", at=NOW)
    fires = opens(given, "silence", NOW)
    assert (CERBY in fires) == (row["cause"] not in (None, "idle"))
    assert (row["receiver"] is None) == (row["cause"] in (None, "idle"))
    found: str | None = row["cause"]
    return found


def test_silence_is_silent_on_an_idle_job_that_runs_without_events(given: Given) -> None:
    runs(given)
    assert cause(given) == "idle"


def test_a_paused_job_is_silent_for_that(given: Given) -> None:
    runs(given, state="Paused", schedule_state="Paused")
    assert cause(given) == "paused"


def test_a_job_that_entra_paused_because_its_first_cycle_failed_is_not_said_to_be_paused_by_somebody(
    given: Given,
) -> None:
    runs(given, state="Paused", schedule_state="Paused", escrows_pruned=True)
    assert cause(given) == "paused"
    [row] = given.answer("silence", at=NOW)
    assert row["explanation"].startswith("Entra paused the job and cleared its failures: too many failed")


def test_a_job_that_misses_two_runs_is_dead(given: Given) -> None:
    runs(given, last_ended_at=moment(1, 8))
    assert cause(given) == "dead"


def test_silence_fires_and_refused_calls_mean_credentials_whatever_the_job_says(given: Given) -> None:
    runs(given)
    given.exchanged("GET", "/Users", 401, moment(1, 9, 23), app_id="app-cerby")
    assert cause(given) == "credentials"


def test_a_quarantine_with_a_credential_error_means_credentials_without_the_apps_log(given: Given) -> None:
    error = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"
    runs(given, state="Quarantine", successive_failures=6, error_code=error)
    assert cause(given) == "credentials"


def test_an_app_that_answers_with_errors_of_its_own_is_down(given: Given) -> None:
    runs(given)
    given.exchanged("GET", "/Users", 503, moment(1, 9, 23), app_id="app-cerby")
    assert cause(given) == "target_down"


def test_writes_that_the_log_does_not_have_mean_a_broken_export(given: Given) -> None:
    runs(given)
    given.exchanged("PATCH", "/Users/1", 200, moment(1, 9), app_id="app-cerby")
    assert cause(given) == "log_export_broken"


def test_a_feed_that_fails_again_and_again_means_our_own_collector(given: Given) -> None:
    runs(given, state="Paused", schedule_state="Paused")
    broken = {"tenant": "t", "feed": "jobs", "tried_at": moment(1, 11), "outcome": "failed", "failures": 3}
    given.rows["contacts"].append(broken)
    assert cause(given) == "collector_broken"
    [row] = given.answer("silence", at=NOW)
    assert row["explanation"] == "data collection fails, so it is unknown what the job does"


def test_the_statuses_of_one_job_may_end_though_collection_does_not_fail(given: Given) -> None:
    given.observed("Cerby", "Paused", day=1, hour=2, interval_s=2400, schedule_state="Disabled")
    assert cause(given) == "collector_broken"
    [row] = given.answer("silence", at=NOW)
    assert row["explanation"] == "no recent job status, so it is unknown what the job does"


def test_a_quarantine_of_another_kind_has_a_cause_that_is_not_known(given: Given) -> None:
    runs(given, state="Quarantine", quarantine_reason="Unknown")
    assert cause(given) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [("Unauthorized", "the app does not let Entra do this"), ("AppInvalidCredentials", "the app rejects the token")],
)
def test_silence_has_the_words_of_the_quarantine_s_cause(given: Given, code: str, words: str) -> None:
    runs(given, state="Quarantine", quarantine_reason="EncounteredQuarantineException", error_code=code)
    assert cause(given) == "credentials"
    [row] = given.answer("silence", at=NOW)
    assert row["explanation"] == words


def test_silence_closes_with_the_next_event(given: Given) -> None:
    runs(given, last_ended_at=moment(1, 8))
    assert cause(given) == "dead"
    given.succeeded("ada", day=1, hour=11, minute=30)
    assert lasts(given, "silence", NOW) == set()


def test_cycle_late_fires_as_a_warning_at_one_missing_run_and_critical_at_two(given: Given) -> None:
    runs(given, last_ended_at=moment(1, 10, 50))
    runs(given, app="Zoom", last_ended_at=moment(1, 8))
    found = opens(given, "cycle_late", NOW)
    assert (found[CERBY]["severity"], found[CERBY]["rhythm"]) == ("warning", "late")
    assert (found[job_id("Zoom")]["severity"], found[job_id("Zoom")]["rhythm"]) == ("critical", "dead")


def test_cycle_late_is_silent_on_an_idle_a_paused_and_a_quarantined_job(given: Given) -> None:
    runs(given)
    runs(given, app="Zoom", state="Paused", last_ended_at=moment(1, 1))
    runs(given, app="Desk", state="Quarantine", last_ended_at=moment(1, 1))
    assert opens(given, "cycle_late", NOW) == {}


def test_cycle_late_closes_with_the_next_run(given: Given) -> None:
    runs(given, last_ended_at=moment(1, 8))
    assert lasts(given, "cycle_late", NOW) == {CERBY}
    given.observed("Cerby", "Active", day=1, hour=13, interval_s=2400, last_ended_at=moment(1, 12, 50))
    assert lasts(given, "cycle_late", moment(1, 13)) == set()
