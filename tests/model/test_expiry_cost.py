"""What a token's end would leave undone: what counts, the range beside scipy's, and whether what comes lies in it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pipeline.config.settings import read_settings
from pipeline.store.lake import open_store
from tests.support.given import Given, moment
from views.parts.configuration.token_terms import cost_sentence

APPS, DRAWS = 6, 60
SATURDAY, NOON = moment(5, 2), moment(7, 12)
KINDS = {"disable": 0.4, "create": 0.8, "update": 2.0}
"How many an hour at work, on average."


def rate(hour: int) -> float:
    """Gives how busy an hour of the week is: at work on weekdays, a little in between."""
    return 1.0 if hour // 24 < 5 and 8 <= hour % 24 < 18 else 0.08


def drawn(rng: np.random.Generator, mean: float, since: datetime, until: datetime, uneven: bool) -> Iterator[datetime]:
    """Imagines what arrives hour by hour; on an uneven day up to several times as much comes as on another."""
    at, busy = since, 1.0
    while at < until:
        if at.hour == 0 or at == since:
            busy = rng.gamma(4, 0.25) if uneven else 1.0
        for _ in range(rng.poisson(mean * busy * rate(at.weekday() * 24 + at.hour))):
            yield at + timedelta(minutes=int(rng.integers(60)))
        at += timedelta(hours=1)


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """Eight weeks of several apps, every second one uneven from day to day."""
    folder = tmp_path_factory.mktemp("lake")
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    given, rng = Given(store), np.random.default_rng(7)
    for number in range(APPS):
        app = f"App {number}"
        given.succeeded("first", day=-70, app=app, cycle_id="initial")
        given.vouched(moment(-70), moment(1), app)
        for kind, mean in KINDS.items():
            for count, at in enumerate(drawn(rng, mean, moment(-56), moment(), uneven=number % 2 == 1)):
                given.event(f"{kind}-{count}", "success", at, app=app, action=kind, cycle_id=f"{at:%m-%d %H}")
    given.stored()
    yield given
    store.close()


@pytest.fixture(scope="module")
def answers(tenant: Given) -> dict[tuple[str, str], dict[str, Any]]:
    """The answer for every app, by app and kind."""
    return {(f"App {number}", row["kind"]): row for number in range(APPS) for row in cost(tenant, f"App {number}")}


def cost(given: Given, app: str = "Cerby", **more: Any) -> list[dict[str, Any]]:
    return given.answer("expiry_cost", **({"at": moment(), "app": app, "expires": SATURDAY, "repaired": NOON} | more))


def test_the_range_is_that_of_scipy_s_negative_binomial(answers: dict[tuple[str, str], dict[str, Any]]) -> None:
    agree = []
    for row in answers.values():
        mean, variance = max(row["expected"], 1e-9), row["variance"]
        counts = stats.nbinom(mean**2 / (variance - mean), mean / variance)
        agree.append([row["low"], row["high"]] == counts.ppf([0.1, 0.9]).tolist())
    # Means and variances are shown to three digits, by which a range may move in a rare case.
    assert sum(agree) >= 0.95 * len(agree)


@pytest.mark.parametrize(("since", "until"), [(SATURDAY, NOON), (moment(1, 9), moment(9, 9))])
def test_four_in_five_of_what_comes_lies_within_the_range(tenant: Given, since: datetime, until: datetime) -> None:
    rng, within, widths = np.random.default_rng(11), [], []
    for number in range(APPS):
        for row in cost(tenant, f"App {number}", expires=since, repaired=until):
            if row["kind"] in KINDS:
                widths.append((row["high"] - row["low"]) / max(1.0, row["expected"]))
                for _ in range(DRAWS):
                    came = sum(1 for _ in drawn(rng, KINDS[row["kind"]], since, until, uneven=number % 2 == 1))
                    within.append(row["low"] <= came <= row["high"])
    assert 0.7 <= sum(within) / len(within) <= 0.9
    assert sum(widths) / len(widths) < 2


def test_what_never_came_is_hardly_expected_and_the_sentence_leaves_it_out(
    answers: dict[tuple[str, str], dict[str, Any]],
) -> None:
    assert {(answers[f"App {n}", "delete"]["low"], answers[f"App {n}", "delete"]["high"]) for n in range(APPS)} == {
        (0, 0)
    }
    rows = [row for (app, _), row in answers.items() if app == "App 0"]
    sentence = cost_sentence(rows, "If this token ends on 24 Jan, 02:00 UTC")
    low, high = answers["App 0", "disable"]["low"], answers["App 0", "disable"]["high"]
    assert sentence.startswith(f"If this token ends on 24 Jan, 02:00 UTC: {low} to {high} leaver")
    assert "deleted" not in sentence and sentence.endswith("(80% range each).")


def test_an_hour_of_the_week_counts_by_its_own_rate_and_a_part_of_an_hour_in_part(tenant: Given) -> None:
    def expected(since: datetime, until: datetime) -> float:
        [row] = [row for row in cost(tenant, "App 0", expires=since, repaired=until) if row["kind"] == "update"]
        return float(row["expected"])

    night, day = expected(moment(5, 2), moment(5, 6)), expected(moment(7, 10), moment(7, 14))
    assert day > 4 * night
    assert expected(moment(7, 10), moment(7, 10, 30)) == pytest.approx(expected(moment(7, 10), moment(7, 11)) / 2, 0.01)


def weekdays(given: Given, first: int = -28, last: int = 0) -> None:
    """Somebody leaves on every weekday at ten; every hour until the last day is known."""
    given.succeeded("old", day=first - 1, cycle_id="initial")
    given.vouched(moment(first - 1), moment(last), "Cerby")
    for day in range(first, last):
        if moment(day).weekday() < 5:
            given.disabled(f"leaver-{day}", day=day, hour=10)


def cost_of(given: Given, kind: str = "disable") -> dict[str, Any]:
    return next(row for row in cost(given) if row["kind"] == kind)


def test_one_leaver_a_weekday_makes_about_one_from_saturday_to_monday_noon(given: Given) -> None:
    weekdays(given)
    row = cost_of(given)
    assert 0.9 < row["expected"] < 1.4
    assert (row["low"], row["weeks"]) == (0, pytest.approx(4.14, abs=0.01))


def test_retries_first_cycles_and_skips_are_not_arrivals_and_each_member_is_one(given: Given) -> None:
    weekdays(given)
    before = cost_of(given)["expected"]
    given.failed("stuck", day=-10, hour=10, action="disable")
    once = cost_of(given)["expected"]
    for day in range(-9, -1):
        given.failed("stuck", day=day, hour=10, action="disable", retry_count=1)
        given.skipped(f"same-{day}", "RedundantExport", day=day, hour=10, action="disable")
        given.disabled(f"first-{day}", day=day, hour=11, cycle_id="initial")
    assert before < once == cost_of(given)["expected"]
    member = {"attribute": "members", "old_value": None, "new_value": "x"}
    group: dict[str, Any] = {"source_type": "Group", "action": "update"}
    given.succeeded("team", day=-8, hour=10, changes=[member] * 3, **group)
    given.succeeded("name", day=-8, hour=10, changes=[member | {"attribute": "displayName"}], **group)
    given.stored()
    rows = given.store.rows("select kind, sum(things) from arrivals(?::timestamp, 'Cerby') group by kind", [moment()])
    assert dict(rows) == {"disable": 21, "membership": 3}


def test_time_in_a_quarantine_that_lasts_is_not_taken_for_quiet_time(given: Given) -> None:
    weekdays(given, last=-14)
    given.vouched(moment(-14), moment(), "Cerby")
    quiet = cost_of(given)
    given.observed("Cerby", "Quarantine", day=-1, quarantine_since=moment(-14), steady_since=moment(-29))
    held = cost_of(given)
    assert held["expected"] > 1.5 * quiet["expected"]
    assert (round(quiet["weeks"], 1), round(held["weeks"], 1)) == (4.1, 2.1)


def test_fewer_than_two_weeks_of_complete_hours_give_no_range(given: Given) -> None:
    weekdays(given, first=-12)
    row = cost_of(given)
    assert (row["low"], row["high"]) == (None, None) and row["weeks"] < 2
    assert "impact unknown" in cost_sentence([row], "If it ended now")


def test_an_app_of_which_nothing_is_known_has_no_cost(given: Given) -> None:
    weekdays(given)
    assert cost(given, "Zoom") == []
    assert "impact unknown" in cost_sentence([], "If it ended now")
