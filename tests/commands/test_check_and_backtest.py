"""`check` and `backtest` on the command line, and the checks that were missed while nobody made them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from pipeline.__main__ import run
from pipeline.rules.backtest import backtest
from pipeline.rules.catch_up import check_due, last_check
from pipeline.rules.evaluate import check
from pipeline.rules.rule import find_rule
from tests.support.given import Given, moment

Printed = pytest.CaptureFixture[str]


def in_trouble(given: Given) -> None:
    """Cerby in quarantine from Tuesday 2:00 to Wednesday 2:00, observed every hour; escrows grow on Monday."""
    for hour in range(72):
        if 26 <= hour < 50:
            given.quarantined("Cerby", day=hour // 24, hour=hour % 24, since=moment(1, 2))
        else:
            given.observed("Cerby", "Active", day=hour // 24, hour=hour % 24)
    for number in range(4):
        given.failed(f"ada{number}", day=0, hour=20)
        given.succeeded(f"ada{number}", day=2, hour=20)
    given.stored()


def run_json(words: list[str], printed: Printed) -> tuple[int, Any]:
    code = run([*words, "--json"])
    return code, json.loads(printed.readouterr().out)


def test_check_prints_what_opened_and_exits_with_a_look(given: Given, capsys: Printed) -> None:
    in_trouble(given)
    code, document = run_json(["check", "--at", "2026-01-20T12:00:00Z"], capsys)
    assert code == 1
    assert document["kept"]
    assert "quarantined" in {one["rule"] for one in document["opened"]}
    code, document = run_json(["check", "--at", "2026-01-21T12:00:00Z"], capsys)
    assert [one["rule"] for one in document["closed"]] == ["quarantined"]


def test_brackets_and_colons_in_a_name_are_printed_as_they_are(given: Given, capsys: Printed) -> None:
    given.quarantined("Desk [/x] [red] :warning:", day=1, hour=12, since=moment(1, 2))
    given.stored()
    assert run(["check", "--at", "2026-01-20T12:00:00Z"]) == 1
    assert "critical  Desk [/x] [red] :warning: is in quarantine" in capsys.readouterr().out
    assert run(["status"]) in (0, 1) and "[/x] [red] :warning:" in capsys.readouterr().out


def test_a_look_back_keeps_nothing_and_closes_nothing(given: Given, capsys: Printed) -> None:
    in_trouble(given)
    run_json(["check", "--at", "2026-01-20T12:00:00Z"], capsys)
    before = given.store.rows("from incidents order by incident_id"), given.store.rows("select count(*) from rule_runs")
    code, document = run_json(["check", "--at", "2026-01-19T12:00:00Z"], capsys)
    assert (code, document["kept"], document["opened"]) == (0, False, [])
    assert (
        given.store.rows("from incidents order by incident_id"),
        given.store.rows("select count(*) from rule_runs"),
    ) == before


def test_missed_checks_are_made_up_for_in_the_time_of_the_log(given: Given) -> None:
    in_trouble(given)
    given.store.settings.check_every = 9 * 3600
    store = given.store
    ran = "insert into rule_runs (rule, ran_at, outcome) values ('quarantined', ?, 'ok')"
    store.write(lambda cursor: cursor.execute(ran, [moment(0)]))
    done = check_due(store)
    assert [one.at for one in done] == [*(moment(0, 9 * turn) for turn in range(1, 7)), moment(2, 23)]
    episodes = store.rows("select opened_at, closed_at from incidents where rule = 'quarantined'")
    assert len(episodes) == 1
    assert episodes[0][0] == moment(1, 2)
    assert episodes[0][1] == moment(2, 6)
    assert last_check(store) == moment(2, 23)
    assert check_due(store) == []


def test_a_check_that_another_process_has_made_meanwhile_is_not_made_twice(given: Given) -> None:
    in_trouble(given)
    store, rule = given.store, [find_rule("quarantined")]
    first = check(store, moment(1, 12), overrides={}, chosen=rule, unless_checked=True)
    second = check(store, moment(1, 12), overrides={}, chosen=rule, unless_checked=True)
    assert ([one.rule for one in first.opened], second.opened, second.runs) == (["quarantined"], [], [])
    assert store.rows("select count(*) from rule_runs") == [(1,)]
    assert check(store, moment(1, 13), overrides={}, chosen=rule, unless_checked=True).runs


def test_backtest_tells_lead_time_and_false_alarms(given: Given) -> None:
    in_trouble(given)
    found = backtest(given.store, find_rule("escrow_growth"), {}, moment(0), moment(2, 23), timedelta(hours=1))
    [firing] = found.firings
    assert (firing.fired_at, firing.closed_at) == (moment(0, 20), moment(1, 20))
    assert (found.quarantines, found.warned, found.leads_s) == (1, 1, [6 * 3600])
    assert found.false_alarms == 0


def test_backtest_takes_other_values_and_refuses_unknown_ones(given: Given, capsys: Printed) -> None:
    in_trouble(given)
    code, document = run_json(["backtest", "escrow_growth", "--set", "least=5/2", "--step", "120"], capsys)
    assert (code, document["firings"], document["set"]) == (0, [], {"least": ["5", "2"]})
    assert run(["backtest", "escrow_growth", "--set", "lest=5"]) == 2
    assert "lest is nothing of this rule" in capsys.readouterr().err
    assert run(["backtest", "escrow_growt"]) == 2
    assert "did you mean escrow_growth?" in capsys.readouterr().err
