"""The forecast's score: what counts as foreseen, in the question, on the page and in the benchmark's replay."""

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.given import Given, job_id, moment
from tests.support.pages import healthy, text

sys.path[:0] = [str(Path(__file__).parents[2] / "benchmarks")]
import forecast as benchmark  # noqa: E402

CERBY = job_id("Cerby")


def checked(given: Given, rule: str, day: int = 0) -> None:
    """A check in which a rule was asked."""
    run = {"rule": rule, "ran_at": moment(day), "outcome": "ok", "findings": 0, "duration_ms": 1}
    given.rows["rule_runs"].append(run)


def noticed(given: Given, rule: str, at: datetime, app: str = "Cerby", *, of_job: bool = True) -> None:
    """An incident that a check found."""
    row: dict[str, Any] = {
        "incident_id": f"{rule}-{at}-{app}",
        "rule": rule,
        "severity": "critical",
        "subject": app,
        "app_name": app,
        "job_id": job_id(app) if of_job else None,
        "opened_at": at - timedelta(hours=1),
        "noticed_at": at,
        "summary": "x",
        "evidence": "{}",
    }
    given.rows["incidents"].append(row)


def quarantined(given: Given, at: datetime, reason: str) -> None:
    """A quarantine that a status told of an hour later."""
    given.observed("Cerby", "Quarantine", at.day - 19, at.hour + 1, quarantine_reason=reason, quarantine_since=at)


def store_jobs(given: Given, *apps: str) -> None:
    for app in apps:
        given.observed(app, "Active", day=-1, app_id=f"app-{app}")


def scores(given: Given, day: int = 20, **values: Any) -> dict[str, dict[str, Any]]:
    return {row["rule"]: row for row in given.answer("forecast_score", at=moment(day), **values)}


def test_a_finding_within_a_week_before_a_quarantine_foresaw_it_and_the_others_were_for_nothing(given: Given) -> None:
    store_jobs(given, "Cerby", "Zoom")
    checked(given, "quarantine_ahead")
    noticed(given, "quarantine_ahead", moment(2))
    noticed(given, "quarantine_ahead", moment(9, 20))
    noticed(given, "quarantine_ahead", moment(3), app="Zoom")
    quarantined(given, moment(10, 2), "EncounteredBaseEscrowThreshold")
    row = scores(given)["quarantine_ahead"]
    assert (row["fired"], row["quarantines"], row["announced"], row["false_alarms"]) == (3, 1, 1, 2)
    assert (row["lead_s"], row["least_lead_s"], row["since"]) == (6 * 3600, 6 * 3600, moment())


def test_a_quarantine_of_another_kind_is_a_coincidence_for_a_rule_that_looks_for_others(given: Given) -> None:
    store_jobs(given, "Cerby")
    for rule in ("mass_leavers", "failing_runs"):
        checked(given, rule)
        noticed(given, rule, moment(9))
    quarantined(given, moment(10, 2), "EncounteredQuarantineException")
    found = scores(given)
    assert [(row["announced"], row["false_alarms"]) for row in found.values()] == [(1, 0), (0, 1)]
    assert list(found) == ["failing_runs", "mass_leavers"]


def test_a_finding_after_it_foresaw_nothing_and_a_young_one_is_not_judged_yet(given: Given) -> None:
    store_jobs(given, "Cerby")
    checked(given, "failing_runs")
    given.quarantined("Cerby", day=10, hour=3, since=moment(10, 2))
    noticed(given, "failing_runs", moment(10, 3))
    row = scores(given, day=12)["failing_runs"]
    assert (row["fired"], row["announced"], row["lead_s"], row["false_alarms"]) == (1, 0, None, 0)
    assert scores(given, day=18)["failing_runs"]["false_alarms"] == 1


def test_a_finding_on_a_token_is_of_every_job_of_its_app_and_counts_once(given: Given) -> None:
    store_jobs(given, "Cerby")
    given.observed("Cerby", "Active", day=-1, job_id="second")
    checked(given, "token_due")
    noticed(given, "token_due", moment(9), of_job=False)
    given.quarantined("Cerby", day=10, hour=3, since=moment(10))
    row = scores(given)["token_due"]
    assert (row["fired"], row["announced"], row["lead_s"], row["false_alarms"]) == (1, 1, 24 * 3600, 0)


def test_a_quarantine_from_before_the_first_check_is_not_held_against_a_rule_and_other_rules_are_not_scored(
    given: Given,
) -> None:
    store_jobs(given, "Cerby")
    given.quarantined("Cerby", day=1, hour=3, since=moment(1))
    checked(given, "quarantine_ahead", day=5)
    checked(given, "silence", day=0)
    found = scores(given)
    assert list(found) == ["quarantine_ahead"]
    assert (found["quarantine_ahead"]["quarantines"], found["quarantine_ahead"]["lead_s"]) == (0, None)
    assert scores(given, job="another")["quarantine_ahead"]["fired"] == 0


def drawn() -> None:
    """A page of nothing but the score."""
    from datetime import datetime

    from views.frame.filters import Bar
    from views.frame.state import BAR
    from views.parts.apps.forecast import draw_score

    window = datetime(2026, 1, 20, 5), datetime(2026, 1, 20, 9)
    BAR.set(Bar(*window, {}, newest=datetime(2026, 1, 21)))
    draw_score()


@pytest.mark.usefixtures("store")
def test_the_page_says_when_no_rule_was_evaluated_yet() -> None:
    assert "No alert rule was evaluated yet" in text(healthy(AppTest.from_function(drawn, default_timeout=60).run()))


def test_the_page_shows_the_score_in_a_line_and_replays_the_window_on_demand(given: Given) -> None:
    store_jobs(given, "Cerby")
    checked(given, "quarantine_ahead")
    checked(given, "failing_runs")
    noticed(given, "failing_runs", moment(1, 2))
    given.succeeded("ada", day=0)
    given.observed("Cerby", "Active", day=1, hour=1, successive_failures=3)
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 8))
    given.stored()
    test = healthy(AppTest.from_function(drawn, default_timeout=60).run())
    said = text(test)
    assert "1 prediction, 0 of them from rising failures; 1 of 1 quarantine predicted" in said
    assert "median lead 6 h; 0 false alarms (no quarantine within 7 days)." in said
    test.button(key="replay-forecasts").click()
    said = text(healthy(test.run()))
    assert "rising failures, evaluated every 40 min: fired 0 times, 0 of 1 quarantine predicted" in said
    assert "evaluated every 40 min: fired 1 time, 1 of 1 quarantine predicted" in said


def test_an_alarm_before_a_crossing_is_a_lead_one_that_closes_is_false_and_a_leap_is_missed() -> None:
    watch = benchmark.Watch()
    turns = [(9, False), (3, False), (5, False), (6, False), (2, False), (4, False), (0, True), (0, True)]
    for hour, (left, crossed) in enumerate(turns):
        watch.turn(moment(0, hour), left, crossed)
    assert (watch.leads, watch.false, watch.missed) == ([timedelta(hours=2)], 1, 0)
    leap = benchmark.Watch()
    for hour, (left, crossed) in enumerate([(9, False), (0, True)]):
        leap.turn(moment(0, hour), left, crossed)
    assert (leap.leads, leap.false, leap.missed) == ([], 0, 1)


def test_on_imagined_jobs_the_forecast_announces_every_steady_rise_and_no_quiet_job() -> None:
    scores = benchmark.imagined_scores(seeds=1, cycles=60, each=1)
    rising, quiet = scores["rising"]["ours"], scores["quiet"]["ours"]
    assert [watch.missed for watch in rising.watches] == [0] and len(rising.watches[0].leads) == 1
    assert rising.watches[0].leads[0] >= 2 * benchmark.CYCLE
    assert [(watch.leads, watch.missed, watch.false) for watch in quiet.watches] == [([], 0, 0)]
