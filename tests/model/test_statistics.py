"""The model's statistics beside scipy, statsmodels and numpy, which compute the same by other means."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.multitest import multipletests

from pipeline.store.lake import Cursor
from pipeline.store.migrate import build_schema
from tests.support.given import Given, job_id, moment

RANDOM = np.random.default_rng(20260119)
TABLES = [tuple(int(one) for one in RANDOM.integers((0, 2, 0, 2), (41, 42, 41, 400))) for _ in range(80)]
FOURFOLD = [(min(a, n), n, min(c, m), m) for a, n, c, m in TABLES] + [(5, 5, 0, 7), (0, 4, 3, 3), (1, 2, 1, 2)]
"a of n against c of m."


@pytest.fixture(scope="module")
def macros() -> Iterator[Cursor]:
    """The model's macros in memory."""
    cursor = duckdb.connect()
    build_schema(cursor)
    yield cursor
    cursor.close()


def computed(macros: Cursor, call: str, *values: Any) -> Any:
    """Computes one call of a macro."""
    [(result,)] = macros.execute(f"select {call}", list(values)).fetchall()
    return result


def test_the_exact_test_is_that_of_scipy(macros: Cursor) -> None:
    for a, n, c, m in FOURFOLD:
        exact = stats.fisher_exact([[a, n - a], [c, m - c]], alternative="greater").pvalue
        assert computed(macros, "fisher(?, ?, ?, ?)", a, n, c, m) == pytest.approx(exact, rel=1e-9, abs=1e-15)


def test_a_risk_ratio_and_its_interval_are_those_of_statsmodels(macros: Cursor) -> None:
    filled = [(a, n, c, m) for a, n, c, m in FOURFOLD if a > 0 and c > 0 and (a < n or c < m)]
    assert len(filled) > 50
    for a, n, c, m in filled:
        table = Table2x2([[a, n - a], [c, m - c]], shift_zeros=False)
        low, high = table.riskratio_confint(0.05)
        ratio = [computed(macros, f"katz_{word}(?, ?, ?, ?)", a, n, c, m) for word in ("ratio", "low", "high")]
        assert ratio == pytest.approx([table.riskratio, low, high], rel=1e-6)


def test_an_empty_cell_gets_half_a_person(macros: Cursor) -> None:
    for a, n, c, m in [(5, 5, 0, 7), (0, 4, 3, 3)]:
        halved = Table2x2([[a + 0.5, n - a + 0.5], [c + 0.5, m - c + 0.5]])
        low, high = halved.riskratio_confint(0.05)
        ratio = [computed(macros, f"katz_{word}(?, ?, ?, ?)", a, n, c, m) for word in ("ratio", "low", "high")]
        assert ratio == pytest.approx([halved.riskratio, low, high], rel=1e-6)


def test_a_quantile_is_numpy_s_by_weibull_as_far_as_ranks_reach(macros: Cursor) -> None:
    for size in (1, 2, 5, 9, 19, 40):
        values = sorted(RANDOM.exponential(100, size).tolist())
        for share in (0.05, 0.1, 0.5, 0.9, 0.95):
            within = 1 <= (size + 1) * share <= size
            expected = pytest.approx(float(np.quantile(values, share, method="weibull"))) if within else None
            assert computed(macros, "quantile_of(?, ?)", values, share) == expected


def test_the_survival_curve_is_that_of_statsmodels(given: Given) -> None:
    hours = RANDOM.integers(1, 40, 60)
    done = RANDOM.random(60) < 0.6
    for number, (length, went) in enumerate(zip(hours, done, strict=True)):
        who, end = f"leaver-{number}", moment(1) + timedelta(hours=int(length))
        given.failed(who, day=1, action="disable")
        if went:
            given.event(who, "success", end, action="disable")
        else:
            given.event(who, "success", end)  # Wanted again.
    curve = given.answer("deprovision_curve", as_of=moment(13))
    fitted = SurvfuncRight(hours, done)
    table = dict(
        zip(fitted.surv_times, zip(fitted.n_risk, fitted.n_events, fitted.surv_prob, strict=True), strict=True)
    )
    errors = dict(zip(fitted.surv_times, fitted.surv_prob_se, strict=True))
    share, error = 1.0, 0.0
    for row in curve:
        at = row["took_s"] / 3600
        if at in table:
            at_risk, went, share = table[at]
            error = errors[at]
            assert (row["at_risk"], row["went"]) == (at_risk, went)
        else:
            assert (row["at_risk"], row["went"]) == (int((hours >= at).sum()), 0)
        assert row["still_share"] == pytest.approx(share)
        if 0 < share < 1:
            # Greenwood's error on the scale of log(-log).
            width = stats.norm.ppf(0.975) * error / (share * abs(np.log(share)))
            band = [share ** np.exp(width), share ** np.exp(-width)]
            assert [row["low_share"], row["high_share"]] == pytest.approx(band, abs=1e-4)
    assert [row["took_s"] / 3600 for row in curve] == sorted(set(hours.tolist()))
    [times] = given.answer("deprovision_times", as_of=moment(13))
    assert times["p50_s"] / 3600 == fitted.quantile(0.5)


def test_q_values_are_those_of_benjamini_and_hochberg(given: Given) -> None:
    for number in range(40):
        traits = {key: f"{RANDOM.integers(0, 3)}{'x' * 9}" for key in ("title", "city", "office", "team")}
        step = {"name": "EntryImportAdd", "type": "import", "status": "success", "description": ""}
        traits |= {"mail": "" if number < 12 else f"a{number}@example.com"}
        steps = [step | {"details": str(traits).replace("'", '"')}]
        if number < 15:
            given.failed(f"bad{number}", action="create", steps=steps)
        else:
            given.succeeded(f"good{number}", action="create", steps=steps)
    [issue] = given.answer("issues")
    rows = given.answer("attribute_blame", job=job_id("Cerby"), issue=issue["issue"])
    assert 5 < len(rows) < 100
    corrected = multipletests([row["p"] for row in rows], method="fdr_bh")[1]
    assert [row["q"] for row in rows] == pytest.approx(corrected.tolist())
    for row in rows:
        hit, of_hit, others, of_others = (row[name] for name in ("hit", "of_hit", "others", "of_others"))
        if hit * of_others > others * of_hit:
            table = [[hit, of_hit - hit], [others, of_others - others]]
            assert row["p"] == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)


def test_the_slope_of_failures_is_theil_and_sen_s(given: Given) -> None:
    given.succeeded("start")
    waiting, counts = 0, []
    for hour, new in enumerate((1, 0, 4, 2, 0, 7, 1, 3), start=1):
        given.succeeded("steady", hour=hour)
        for number in range(new):
            given.failed(f"stuck-{hour}-{number}", hour=hour)
        waiting += new
        counts.append(waiting)
    rows = given.answer("quarantine_headroom", at=moment(0, 9))
    [row] = [row for row in rows if row["measure"] == "count"]
    # The first cycle had none.
    slope = stats.theilslopes([0, *counts], range(9)).slope
    assert (row["reached"], row["per_cycle"]) == (counts[-1], pytest.approx(slope))
