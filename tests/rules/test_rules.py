"""Each rule fires, stays silent and closes; tests/docs/test_house.py holds this file to queries/health/."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.maintenance.pairing import pair
from pipeline.rules.evaluate import evaluate
from pipeline.rules.rule import find_rule
from tests.support.given import Given, job_id, moment

CERBY = job_id("Cerby")


def opens(given: Given, rule: str, at: datetime, **values: Any) -> dict[str, dict[str, Any]]:
    """What a rule finds as of an instant: subject to evidence, with `summary`, `since` and `severity`."""
    store = given.stored() if given.rows else given.store
    result = evaluate(store, find_rule(rule), {rule: values}, at)
    return {
        subject: {**one.evidence, "summary": one.summary, "since": one.since, "severity": result.severities[subject]}
        for subject, one in result.firing.items()
    }


def lasts(given: Given, rule: str, at: datetime, **values: Any) -> set[str]:
    """The subjects that an open incident of a rule would go on with."""
    store = given.stored() if given.rows else given.store
    return evaluate(store, find_rule(rule), {rule: values}, at).still_open


def refused(given: Given, day: int, hour: int, minute: int = 0, status: int = 401) -> None:
    given.exchanged("GET", "/Users", status, moment(day, hour, minute), app_id="app-cerby", detail="Expired.")


def app_of_cerby(given: Given, day: int = 0, hour: int = 0, **more: Any) -> None:
    given.observed("Cerby", "Active", day, hour, app_id="app-cerby", **more)


def history(given: Given, day: int = -10) -> None:
    """A first cycle long ago, so that what comes is not new because everything is."""
    given.succeeded("old", day=day, hour=1)


def test_quarantined_fires_with_graphs_own_beginning(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    found = opens(given, "quarantined", moment(1, 10))[CERBY]
    assert (found["since"], found["severity"], found["disabled_at"]) == (moment(1, 2), "critical", moment(29, 2))


def test_quarantined_is_silent_on_an_active_job(given: Given) -> None:
    given.observed("Cerby", "Active", day=1, hour=9)
    assert opens(given, "quarantined", moment(1, 10)) == {}


def test_quarantined_closes_with_the_first_status_that_says_otherwise(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    given.observed("Cerby", "Active", day=1, hour=15)
    assert lasts(given, "quarantined", moment(1, 14)) == {CERBY}
    assert lasts(given, "quarantined", moment(1, 16)) == set()


def test_disable_clock_fires_two_weeks_before_and_is_critical_in_the_last(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(0))
    found = opens(given, "disable_clock", moment(15))[CERBY]
    assert (found["since"], found["severity"], found["disabled_at"]) == (moment(14), "warning", moment(28))
    assert opens(given, "disable_clock", moment(22))[CERBY]["severity"] == "critical"


def test_disable_clock_is_silent_while_there_is_time(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(0))
    assert opens(given, "disable_clock", moment(13)) == {}


def test_disable_clock_closes_when_the_job_leaves_quarantine(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(0))
    given.observed("Cerby", "Active", day=16)
    assert lasts(given, "disable_clock", moment(17)) == set()


def test_failing_runs_fires_from_the_second_complete_failure(given: Given) -> None:
    given.observed("Cerby", "Active", day=1, hour=1, successive_failures=0)
    given.observed("Cerby", "Active", day=1, hour=2, successive_failures=1, error_code="Unauthorized")
    given.observed("Cerby", "Active", day=1, hour=3, successive_failures=2, error_code="Unauthorized")
    found = opens(given, "failing_runs", moment(1, 4))[CERBY]
    assert (found["since"], found["failures"], found["error_code"]) == (moment(1, 2), 2, "Unauthorized")


def test_failing_runs_is_silent_on_one_failure_and_on_a_job_that_never_ran(given: Given) -> None:
    given.observed("Cerby", "Active", day=1, hour=2, successive_failures=1)
    given.observed("Zoom", "NotRun", day=1, hour=2, successive_failures=4)
    assert opens(given, "failing_runs", moment(1, 4)) == {}


def test_failing_runs_closes_only_with_a_run_that_is_no_failure(given: Given) -> None:
    given.observed("Cerby", "Active", day=1, hour=2, successive_failures=1)
    assert lasts(given, "failing_runs", moment(1, 3)) == {CERBY}
    given.observed("Cerby", "Active", day=1, hour=4, successive_failures=0)
    assert lasts(given, "failing_runs", moment(1, 5)) == set()


def test_token_refused_fires_to_the_minute_of_the_first_refusal(given: Given) -> None:
    app_of_cerby(given)
    given.exchanged("GET", "/Users", 200, moment(1, 8, 43), app_id="app-cerby")
    refused(given, 1, 9, 23)
    refused(given, 1, 9, 25)
    found = opens(given, "token_refused", moment(1, 10))[CERBY]
    assert (found["since"], found["last_good_at"]) == (moment(1, 9, 23), moment(1, 8, 43))
    assert found["summary"] == "Cerby has been rejecting the access token since 20 Jan, 09:23 UTC"


def test_token_refused_is_silent_on_a_refusal_between_good_calls(given: Given) -> None:
    refused(given, 1, 9, 23)
    given.exchanged("GET", "/Users", 200, moment(1, 9, 24), app_id="app-cerby")
    assert opens(given, "token_refused", moment(1, 10)) == {}


def test_token_refused_closes_with_the_first_good_call(given: Given) -> None:
    refused(given, 1, 9, 23)
    refused(given, 1, 9, 25)
    given.exchanged("GET", "/Users", 200, moment(1, 12), app_id="app-cerby")
    assert lasts(given, "token_refused", moment(1, 11)) == {"app-cerby"}
    assert lasts(given, "token_refused", moment(1, 13)) == set()


def test_token_refused_is_of_the_job_that_events_name_where_no_status_was_read(given: Given) -> None:
    # Two tenants have an app of this name: the incident must be of the one whose log it is.
    given.succeeded("ada", 1, 8)
    given.succeeded("bob", 1, 8, job_id="scim.other", app_id="app-other", tenant_id="other")
    refused(given, 1, 9, 23)
    refused(given, 1, 9, 25)
    assert set(opens(given, "token_refused", moment(1, 10))) == {CERBY}
    assert lasts(given, "token_refused", moment(1, 11)) == {CERBY}
    given.exchanged("GET", "/Users", 200, moment(1, 12), app_id="app-cerby")
    assert lasts(given, "token_refused", moment(1, 13)) == set()


@pytest.mark.parametrize("operation", ["list", "query"])
def test_token_refused_leaves_out_a_client_that_only_lists_and_never_succeeded(given: Given, operation: str) -> None:
    app_of_cerby(given)
    good = {"app_id": "app-cerby", "client": "192.0.2.7", "operation": "query"}
    given.exchanged("GET", "/Users", 200, moment(1, 8, 43), **good)
    for minute in (23, 25):
        bad = {"app_id": "app-cerby", "client": "203.0.113.9", "operation": operation}
        given.exchanged("GET", "/Users", 401, moment(1, 9, minute), **bad)
    assert set(opens(given, "token_refused", moment(1, 10))) == ({CERBY} if operation == "query" else set())


def test_token_refused_leaves_out_nobody_where_a_log_does_not_show_what_is_looked_up(given: Given) -> None:
    app_of_cerby(given)
    for minute in (23, 25):
        for client in ("192.0.2.7", "203.0.113.9"):
            bad = {"app_id": "app-cerby", "client": client, "operation": "list"}
            given.exchanged("GET", "/Users", 401, moment(1, 9, minute), **bad)
    assert set(opens(given, "token_refused", moment(1, 10))) == {CERBY}


@pytest.mark.parametrize(
    ("state", "escrowed", "fires"), [("Succeeded", 0, False), ("Succeeded", 1, True), ("Failed", 0, True)]
)
def test_token_refused_is_over_once_a_later_cycle_succeeds_with_nothing_in_error(
    given: Given, state: str, escrowed: int, fires: bool
) -> None:
    refused(given, 1, 9, 23)
    refused(given, 1, 9, 25)
    run = {"last_began_at": moment(1, 9, 40), "last_ended_at": moment(1, 9, 41), "last_state": state}
    app_of_cerby(given, 1, 10, escrowed=escrowed, **run)
    assert bool(opens(given, "token_refused", moment(1, 11))) == fires


def token(given: Given, day: int) -> None:
    given.rows["tokens"] = [
        {"app_name": "Cerby", "expires_at": moment(day), "recorded_by": "Ada", "recorded_at": moment(), "note": None}
    ]


def test_token_due_fires_before_a_new_one_could_be_had_and_is_critical_after(given: Given) -> None:
    token(given, 20)
    assert opens(given, "token_due", moment(10), lead=5, spare=7)["Cerby"]["severity"] == "warning"
    assert opens(given, "token_due", moment(16), lead=5, spare=7)["Cerby"]["severity"] == "critical"


def test_token_due_is_silent_while_there_is_time(given: Given) -> None:
    token(given, 20)
    assert opens(given, "token_due", moment(7), lead=5, spare=7) == {}


def test_token_due_closes_when_a_later_end_is_entered(given: Given) -> None:
    token(given, 200)
    assert lasts(given, "token_due", moment(16)) == set()


def test_escrow_growth_fires_with_the_leavers_counted(given: Given) -> None:
    for number in range(3):
        given.failed(f"ada{number}", day=1, hour=1)
    given.failed("gone", day=1, hour=2, action="disable")
    found = opens(given, "escrow_growth", moment(1, 3))[CERBY]
    assert (found["waiting"], found["before"], found["leavers"], found["since"]) == (4, 0, 1, moment(1, 1))


def test_escrow_growth_is_silent_while_no_more_wait_than_before(given: Given) -> None:
    for number in range(4):
        given.failed(f"ada{number}", day=0, hour=1)
    assert opens(given, "escrow_growth", moment(2)) == {}


def test_escrow_growth_closes_when_they_are_cleared(given: Given) -> None:
    for number in range(4):
        given.failed(f"ada{number}", day=1, hour=1)
        given.succeeded(f"ada{number}", day=1, hour=5)
    assert lasts(given, "escrow_growth", moment(1, 4)) == {CERBY}
    assert lasts(given, "escrow_growth", moment(1, 6)) == set()


def test_escrow_drops_fires_three_days_before_the_end_and_leavers_make_it_critical(given: Given) -> None:
    given.failed("ada", day=0, hour=1)
    found = opens(given, "escrow_drops", moment(26))[CERBY]
    assert (found["severity"], found["dropped_at"], found["people"]) == ("warning", moment(28, 1), ["ada@example.com"])
    given.failed("gone", day=0, hour=2, action="disable")
    found = opens(given, "escrow_drops", moment(26))[CERBY]
    assert (found["severity"], found["people"][0]) == ("critical", "gone@example.com")


def test_escrow_drops_is_silent_while_entra_will_try_for_longer(given: Given) -> None:
    given.failed("ada", day=0, hour=1)
    assert opens(given, "escrow_drops", moment(24)) == {}


def test_escrow_drops_closes_when_the_object_is_settled(given: Given) -> None:
    given.failed("ada", day=0, hour=1)
    given.succeeded("ada", day=26, hour=12)
    assert lasts(given, "escrow_drops", moment(26)) == {CERBY}
    assert lasts(given, "escrow_drops", moment(27)) == set()


def test_leaver_waiting_fires_when_a_disable_has_waited_a_day(given: Given) -> None:
    given.failed("gone", day=1, hour=1, action="disable")
    found = opens(given, "leaver_waiting", moment(2, 2))[CERBY]
    assert (found["leavers"], found["people"], found["since"]) == (1, ["gone@example.com"], moment(2, 1))


def test_leaver_waiting_is_silent_on_joiners_and_on_a_disable_that_has_time(given: Given) -> None:
    given.failed("ada", day=0, hour=1, action="create")
    given.failed("gone", day=1, hour=1, action="disable")
    assert opens(given, "leaver_waiting", moment(1, 20)) == {}


def test_leaver_waiting_closes_when_the_disable_succeeds(given: Given) -> None:
    given.failed("gone", day=1, hour=1, action="disable")
    given.disabled("gone", day=3, hour=1)
    assert lasts(given, "leaver_waiting", moment(2, 12)) == {CERBY}
    assert lasts(given, "leaver_waiting", moment(3, 2)) == set()


def test_mass_leavers_fires_at_thrice_the_busiest_day(given: Given) -> None:
    history(given)
    given.disabled("first", day=-3, hour=1)
    for number in range(6):
        given.disabled(f"gone{number}", day=1, hour=1, minute=number)
    found = opens(given, "mass_leavers", moment(1, 2))[CERBY]
    assert (found["leavers"], found["busiest_day"], found["since"]) == (6, 1, moment(1, 1))


def test_mass_leavers_fires_at_half_the_deletion_threshold(given: Given) -> None:
    history(given)
    given.observed("Cerby", "Active", day=1, deletion_threshold=12)
    for number in range(6):
        given.disabled(f"usual{number}", day=-3, hour=1)
        given.event(f"gone{number}", "success", moment(1, 1), action="stagedDelete")
    assert opens(given, "mass_leavers", moment(1, 2))[CERBY]["threshold"] == 12


def test_mass_leavers_fires_in_a_first_week_too_where_there_is_a_threshold_and_is_critical_at_it(given: Given) -> None:
    given.observed("Cerby", "Active", day=1, deletion_threshold=8)
    for number in range(6):
        given.disabled(f"gone{number}", day=1, hour=1, cycle_id=f"cycle-{number % 2}")
    found = opens(given, "mass_leavers", moment(1, 2))[CERBY]
    assert (found["leavers"], found["in_one_cycle"], found["severity"]) == (6, 3, "warning")
    for number in range(5):
        given.event(f"held{number}", "success", moment(1, 1, 30), action="stagedDelete", cycle_id="cycle-0")
    found = opens(given, "mass_leavers", moment(1, 2))[CERBY]
    assert (found["in_one_cycle"], found["severity"]) == (8, "critical")
    assert "one cycle reached the deletion threshold" in found["summary"]


def test_mass_leavers_is_silent_in_a_jobs_first_week_and_when_few_are_removed(given: Given) -> None:
    for number in range(6):
        given.disabled(f"gone{number}", day=1, hour=1, minute=number)
    assert opens(given, "mass_leavers", moment(1, 2)) == {}
    history(given)
    assert opens(given, "mass_leavers", moment(1, 1, 3)) == {}


def test_mass_leavers_closes_after_a_day_without(given: Given) -> None:
    history(given)
    for number in range(6):
        given.disabled(f"gone{number}", day=1, hour=1, minute=number)
    assert lasts(given, "mass_leavers", moment(1, 12)) == {CERBY}
    assert lasts(given, "mass_leavers", moment(2, 2)) == set()


def test_error_spreads_fires_on_an_error_that_was_not_there(given: Given) -> None:
    history(given)
    for number in range(3):
        given.failed(f"ada{number}", day=1, hour=1, error_code="LicenseLimitExceeded")
    found = opens(given, "error_spreads", moment(1, 2))[f"{CERBY} LicenseLimitExceeded"]
    assert (found["people_hit"], found["regressed"], found["since"]) == (3, False, moment(1, 1))
    assert found["summary"] == "Cerby: new error for several users or groups (no licence is left in the app)"


def test_error_spreads_says_when_an_error_is_back(given: Given) -> None:
    history(given, day=-20)
    given.failed("ada0", day=-15, hour=1)
    for number in range(3):
        given.failed(f"ada{number}", day=1, hour=1)
    assert "recurring error" in opens(given, "error_spreads", moment(1, 2))[f"{CERBY} EntryConflict"]["summary"]


def test_error_spreads_is_silent_on_what_goes_on_as_before_and_in_a_first_week(given: Given) -> None:
    for number in range(3):
        given.failed(f"ada{number}", day=1, hour=1)
    assert opens(given, "error_spreads", moment(1, 2)) == {}
    history(given)
    given.failed("other", day=-2, hour=1)
    assert opens(given, "error_spreads", moment(1, 2)) == {}


def test_error_spreads_closes_after_a_day_without(given: Given) -> None:
    history(given)
    for number in range(3):
        given.failed(f"ada{number}", day=1, hour=1)
    assert lasts(given, "error_spreads", moment(1, 12)) == {f"{CERBY} EntryConflict"}
    assert lasts(given, "error_spreads", moment(2, 2)) == set()


def week_of(given: Given, days: list[int], failing: int) -> None:
    """Twelve attempts on Tuesday mornings, of which some fail."""
    for day in days:
        for number in range(12):
            tell = given.failed if number < failing else given.succeeded
            tell(f"ada{number}", day=day, hour=9, minute=number)


def test_failure_rate_unusual_fires_against_the_same_hours_of_the_weeks_before(given: Given) -> None:
    week_of(given, [-13, -6], failing=1)
    week_of(given, [1], failing=6)
    found = opens(given, "failure_rate_unusual", moment(1, 10))[CERBY]
    assert (found["failures"], found["attempts"], found["weeks_stored"]) == (6, 12, 2)


def test_failure_rate_unusual_is_silent_without_two_weeks_and_where_failing_is_usual(given: Given) -> None:
    week_of(given, [-6], failing=1)
    week_of(given, [1], failing=6)
    assert opens(given, "failure_rate_unusual", moment(1, 10)) == {}
    week_of(given, [-13], failing=6)
    assert opens(given, "failure_rate_unusual", moment(1, 10)) == {}


def test_failure_rate_unusual_closes_when_those_hours_are_past(given: Given) -> None:
    week_of(given, [-13, -6], failing=1)
    week_of(given, [1], failing=6)
    assert lasts(given, "failure_rate_unusual", moment(1, 14)) == set()


def lacking(given: Given, who: str, day: int) -> None:
    given.skipped(
        who,
        "AttributeValidationFailed",
        day=day,
        hour=1,
        steps=[
            {
                "name": "EntrySynchronizationSkip",
                "type": "processing",
                "status": "skipped",
                "description": "",
                "details": '{"PropertyName": "name.familyName"}',
            }
        ],
    )


def test_required_missing_fires_with_the_attribute_and_the_people(given: Given) -> None:
    lacking(given, "ada", day=1)
    found = opens(given, "required_missing", moment(2))[CERBY]
    assert (found["people_hit"], found["attribute"]) == (1, "name.familyName")
    assert (found["people"], found["severity"]) == (["ada@example.com"], "info")


def test_required_missing_is_silent_on_people_out_of_scope(given: Given) -> None:
    given.skipped("ada", "NotEffectivelyEntitled", day=1, hour=1)
    assert opens(given, "required_missing", moment(2)) == {}


def test_required_missing_closes_when_the_person_is_created(given: Given) -> None:
    lacking(given, "ada", day=1)
    given.succeeded("ada", day=2, hour=1)
    assert lasts(given, "required_missing", moment(1, 12)) == {CERBY}
    assert lasts(given, "required_missing", moment(2, 2)) == set()


def test_collision_fires_on_one_account_for_two_people(given: Given) -> None:
    given.succeeded("ada", day=1, hour=1, target_id="account")
    given.succeeded("grace", day=1, hour=2, target_id="account")
    found = opens(given, "collision", moment(1, 3))[f"{CERBY} account"]
    assert found["people"] == ["ada@example.com", "grace@example.com"]


def test_collision_fires_on_nobody_found_and_then_refused(given: Given) -> None:
    app_of_cerby(given)
    asked = {"filter": 'userName eq "ada@example.com"', "response_body": '{"totalResults": 0, "Resources": []}'}
    given.exchanged("GET", "/Users", 200, moment(1, 1), app_id="app-cerby", **asked)
    body = '{"userName": "ada@example.com"}'
    given.exchanged("POST", "/Users", 409, moment(1, 1) + timedelta(seconds=1), app_id="app-cerby", request_body=body)
    [found] = opens(given, "collision", moment(1, 3)).values()
    assert (found["kind"], found["people"]) == ("found_by_none", ["ada@example.com"])


def test_collision_is_silent_on_people_with_accounts_of_their_own(given: Given) -> None:
    given.succeeded("ada", day=1, hour=1)
    given.succeeded("grace", day=1, hour=2)
    given.succeeded("ada", day=1, hour=2)
    assert opens(given, "collision", moment(1, 3)) == {}


def test_collision_closes_after_a_day_without(given: Given) -> None:
    given.succeeded("ada", day=1, hour=1, target_id="account")
    given.succeeded("grace", day=1, hour=2, target_id="account")
    assert lasts(given, "collision", moment(2, 3)) == set()


def traffic(given: Given, day: int, hour: int, duration_ms: int, status: int = 200) -> None:
    for minute in range(30):
        given.exchanged("GET", "/Users", status, moment(day, hour, minute), app_id="app-cerby", duration_ms=duration_ms)


def test_target_slow_fires_on_twice_the_usual_latency(given: Given) -> None:
    traffic(given, -2, 1, 400)
    traffic(given, 1, 1, 1200)
    found = opens(given, "target_slow", moment(1, 2))["app-cerby"]
    assert (found["p95_ms"], found["usual_p95_ms"]) == (1200, 400)


def test_target_slow_fires_on_429(given: Given) -> None:
    traffic(given, -2, 1, 100)
    traffic(given, 1, 1, 100, status=429)
    assert "throttles more requests (429)" in opens(given, "target_slow", moment(1, 2))["app-cerby"]["summary"]


def test_target_slow_is_silent_on_fast_apps_and_without_a_week_to_compare(given: Given) -> None:
    traffic(given, 1, 1, 1200)
    assert opens(given, "target_slow", moment(1, 2)) == {}
    traffic(given, 2, 1, 100)
    assert opens(given, "target_slow", moment(2, 2)) == {}


def test_target_slow_closes_when_it_is_near_the_usual_again(given: Given) -> None:
    traffic(given, -2, 1, 400)
    traffic(given, 1, 1, 1200)
    traffic(given, 1, 8, 410)
    assert lasts(given, "target_slow", moment(1, 3)) == {"app-cerby"}
    assert lasts(given, "target_slow", moment(1, 9)) == set()


def store_request(given: Given, hour: int, minute: int, target: str, method: str = "PATCH") -> None:
    path = f"/Users/{target}"
    given.exchanged(
        method, path, 200, moment(1, hour, minute), app_id="app-cerby", resource_id=target, client="10.0.0.9"
    )


def test_success_without_call_fires_when_the_app_never_heard_of_it(given: Given) -> None:
    store_request(given, 1, 0, "target-grace")
    given.succeeded("ada", day=1, hour=1, minute=5)
    store_request(given, 1, 10, "target-grace")
    found = opens(given, "success_without_call", moment(1, 3))[CERBY]
    assert (found["successes"], found["people"]) == (1, ["ada@example.com"])


def test_success_without_call_is_silent_when_it_was_heard_and_where_the_log_has_gaps(given: Given) -> None:
    store_request(given, 1, 0, "target-grace")
    given.succeeded("ada", day=1, hour=1, minute=5)
    store_request(given, 1, 6, "target-ada")
    given.succeeded("grace", day=1, hour=2, minute=5)
    assert opens(given, "success_without_call", moment(1, 4)) == {}


def test_success_without_call_closes_after_a_day(given: Given) -> None:
    store_request(given, 1, 0, "target-grace")
    given.succeeded("ada", day=1, hour=1, minute=5)
    store_request(given, 1, 10, "target-grace")
    assert lasts(given, "success_without_call", moment(2, 3)) == set()


def rejected_update(given: Given, status: int = 400) -> None:
    """An update that Entra reports as successful, and what the app answered to its request."""
    given.succeeded("ada", day=1, hour=1)
    path = {"app_id": "app-cerby", "resource_id": "target-ada"}
    given.exchanged("PATCH", "/Users/target-ada", status, moment(1, 1), **path)


def test_success_rejected_fires_while_nothing_later_shows_the_change_done(given: Given) -> None:
    rejected_update(given)
    pair(given.stored())
    found = opens(given, "success_rejected", moment(30))[CERBY]
    assert (found["objects"], found["people"], found["http_status"]) == (1, ["ada@example.com"], 400)


def test_success_rejected_is_silent_on_success_and_on_failures_that_entra_reports(given: Given) -> None:
    rejected_update(given, 200)
    given.failed("grace", day=1, hour=1)
    given.exchanged("PATCH", "/Users/target-grace", 400, moment(1, 1), app_id="app-cerby", resource_id="target-grace")
    pair(given.stored())
    assert opens(given, "success_rejected", moment(2)) == {}


def test_success_rejected_closes_with_a_later_success_in_the_app_s_log(given: Given) -> None:
    rejected_update(given)
    store_request(given, 5, 0, "target-ada")
    pair(given.stored())
    assert lasts(given, "success_rejected", moment(1, 4)) == {CERBY}
    assert lasts(given, "success_rejected", moment(1, 6)) == set()


def logged_around(given: Given) -> None:
    """Events of the app on both sides of what happens at 01:00."""
    for hour in (0, 2):
        given.succeeded("grace", day=1, hour=hour)


def test_write_without_event_fires_on_a_write_of_whom_entra_knows_nothing(given: Given) -> None:
    logged_around(given)
    store_request(given, 1, 0, "target-ada", method="DELETE")
    found = opens(given, "write_without_event", moment(1, 3))[CERBY]
    assert (found["writes"], found["clients"], found["paths"]) == (1, ["10.0.0.9"], ["/Users/target-ada"])


def test_write_without_event_is_silent_on_entras_own_writes_and_on_reads(given: Given) -> None:
    store_request(given, 1, 0, "target-ada")
    given.succeeded("ada", day=1, hour=1, minute=3)
    store_request(given, 1, 10, "target-grace", method="GET")
    assert opens(given, "write_without_event", moment(1, 3)) == {}


def test_write_without_event_is_silent_where_no_event_of_the_app_was_read(given: Given) -> None:
    given.succeeded("grace", day=1, hour=0)
    store_request(given, 1, 0, "target-ada", method="DELETE")
    assert opens(given, "write_without_event", moment(1, 3)) == {}


def test_write_without_event_closes_after_a_day(given: Given) -> None:
    logged_around(given)
    store_request(given, 1, 0, "target-ada", method="DELETE")
    assert lasts(given, "write_without_event", moment(2, 3)) == set()


def contact(given: Given, failures: int, outcome: str = "failed") -> None:
    given.rows["contacts"] = [
        {
            "tenant": "contoso",
            "feed": "events",
            "reached_at": moment(1, 1),
            "tried_at": moment(1, 2),
            "outcome": outcome,
            "detail": "The secret has expired.",
            "failures": failures,
        }
    ]


def test_collection_troubled_fires_on_a_feed_that_fails_and_on_rejects(given: Given) -> None:
    contact(given, 3)
    given.rejected("log", 4, "log:4: no JSON")
    found = opens(given, "collection_troubled", moment(0, 12))
    assert set(found) == {"rejects"}
    found = opens(given, "collection_troubled", moment(1, 3))
    assert found["contoso/events"]["detail"] == "The secret has expired."
    assert found["contoso/events"]["since"] == moment(1, 1)


def test_collection_troubled_is_silent_on_a_single_failure(given: Given) -> None:
    contact(given, 1)
    assert opens(given, "collection_troubled", moment(1, 3)) == {}


def test_collection_troubled_closes_when_the_feed_answers(given: Given) -> None:
    contact(given, 1)
    assert lasts(given, "collection_troubled", moment(1, 3)) == {"contoso/events"}
    given.store.write(lambda cursor: cursor.execute("delete from contacts"))
    contact(given, 0, "ok")
    assert lasts(given, "collection_troubled", moment(1, 3)) == set()


def run_of(given: Given, hour: int, outcome: str) -> None:
    given.rows["rule_runs"].append(
        {"rule": "quarantined", "ran_at": moment(1, hour), "outcome": outcome, "findings": 0, "duration_ms": 1}
    )


def test_rule_failed_fires_from_the_first_failure_on(given: Given) -> None:
    for hour, outcome in ((1, "ok"), (2, "failed"), (3, "failed")):
        run_of(given, hour, outcome)
    found = opens(given, "rule_failed", moment(1, 4))["quarantined"]
    assert (found["since"], found["runs"]) == (moment(1, 2), 2)


def test_rule_failed_is_silent_on_rules_that_find_nothing_or_do_not_know(given: Given) -> None:
    run_of(given, 1, "unknown")
    run_of(given, 2, "ok")
    assert opens(given, "rule_failed", moment(1, 4)) == {}


def test_rule_failed_closes_with_the_next_good_run(given: Given) -> None:
    run_of(given, 1, "failed")
    run_of(given, 2, "found")
    assert lasts(given, "rule_failed", moment(1, 1, 30)) == {"quarantined"}
    assert lasts(given, "rule_failed", moment(1, 3)) == set()


def known_but_for(given: Given, since: datetime, until: datetime) -> None:
    """Three days of Cerby's log of which one stretch was not read."""
    given.succeeded("ada", day=0, hour=1)
    given.succeeded("ada", day=2, hour=23)
    given.vouched(moment(0), since)
    given.vouched(until, moment(40))


def test_retention_cliff_fires_before_a_gap_is_gone_and_is_critical_on_the_last_day(given: Given) -> None:
    known_but_for(given, moment(1, 2), moment(1, 5))
    [found] = opens(given, "retention_cliff", moment(28)).values()
    assert (found["hours"], found["began_at"], found["severity"]) == (3, moment(1, 2), "warning")
    assert (found["leaves_at"], found["since"]) == (moment(31, 3), moment(26, 3))
    [found] = opens(given, "retention_cliff", moment(30, 12)).values()
    assert found["severity"] == "critical"


def test_retention_cliff_is_silent_while_there_is_time_and_where_nothing_lacks(given: Given) -> None:
    known_but_for(given, moment(1, 2), moment(1, 5))
    assert opens(given, "retention_cliff", moment(20)) == {}
    assert opens(given, "retention_cliff", moment(28), days=1) == {}


def test_retention_cliff_closes_when_the_gap_is_filled(given: Given) -> None:
    known_but_for(given, moment(1, 2), moment(1, 5))
    assert len(lasts(given, "retention_cliff", moment(28))) == 1
    given.vouched(moment(1, 2), moment(1, 5))
    assert lasts(given, "retention_cliff", moment(28)) == set()
