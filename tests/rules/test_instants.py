"""Asking a rule as of many instants at once, and rules side by side, is asking each by itself, in random worlds."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from pipeline.rules import evaluate as evaluation
from pipeline.rules.backtest import backtest
from pipeline.rules.evaluate import check, evaluate, evaluations
from pipeline.rules.rule import Rule, find_rule, rules
from pipeline.store.lake import Store
from pipeline.store.time_limit import Stop
from tests.support.given import Given, moment

DAYS = 30
APPS = ("Cerby", "Zoom")
SKIPS = ("RedundantExport", "NotEffectivelyEntitled", "AttributeValidationFailed", "out of scope")
ACTIONS = ("update", "update", "update", "create", "disable", "delete", "stagedDelete")
LOW: dict[str, dict[str, Any]] = {
    "collection_troubled": {"least": 1},
    "error_spreads": {"quiet": 2, "least": 1, "hours": 30},
    "escrow_drops": {"days": 20, "limit": 25},
    "escrow_growth": {"least": 1, "hours": 7},
    "failure_rate_unusual": {"least": 1, "points": 0.05, "hours": 8},
    "group_shrank": {"hours": 300, "share": 0.9, "least": 1},
    "leaver_waiting": {"hours": 3},
    "mass_leavers": {"hours": 10, "times": 1.2, "least": 2},
    "quarantine_ahead": {"most": 2, "altogether": 3},
    "success_without_call": {"hours": 60, "skew": 5000},
    "target_slow": {"least": 2, "floor": 10, "times": 1.05, "hours": 30},
    "token_due": {"lead": 20, "spare": 30},
    "token_refused": {"least": 1, "hours": 200},
}
"Levels low enough for a small world to reach them."


def any_moment(chance: Random) -> datetime:
    """Returns a minute of the month; several rows share one."""
    return moment(chance.randrange(DAYS), chance.randrange(24), chance.randrange(60))


def events(given: Given, chance: Random) -> None:
    """People who are provisioned, fail, leave and come back, in no order, and groups that gain and lose members."""
    for _ in range(300):
        who, at, app = f"ada{chance.randrange(12)}", any_moment(chance), chance.choice(APPS)
        more: dict[str, Any] = {"app": app, "action": chance.choice(ACTIONS), "cycle_id": f"{app}-{at:%d-%H}"}
        more |= {"target_id": f"target-{chance.choice([who, who, who, 'ada1'])}"}
        match chance.randrange(4):
            case 0:
                given.event(who, "success", at, **more)
            case 1:
                given.event(who, "failure", at, error_code=chance.choice(["Conflict", "Throttled", f"{at:%d}"]), **more)
            case 2:
                given.event(who, "skipped", at, skip_reason=chance.choice(SKIPS), last_step="Skip", **more)
            case _:
                given.event(who, "warning", at, **more)
        if chance.random() < 0.01:
            given.stored()
    for _ in range(30):
        names = [f"id-ada{number}" for number in range(12)]
        old, new = chance.sample(names, 7), chance.sample(names, chance.randrange(4))
        change = {"attribute": "members", "old_value": ", ".join(old), "new_value": ", ".join(new)}
        who = f"group{chance.randrange(3)}"
        given.event(who, "success", any_moment(chance), app="Cerby", source_type="Group", upn=None, changes=[change])


def statuses(given: Given, chance: Random) -> None:
    """Jobs in and out of quarantine, with runs that fail."""
    for app in APPS:
        for hour in range(0, DAYS * 24, 5):
            at, failures = moment(0, 0) + timedelta(hours=hour), chance.choice([0, 0, 1, 2, None])
            more = {"successive_failures": failures, "deletion_threshold": chance.choice([None, 4]), "interval_s": 2400}
            more |= {"app_id": f"app-{app.lower()}", "last_began_at": at - timedelta(minutes=20)}
            if chance.random() < 0.3:
                more |= {"quarantine_since": chance.choice([None, at - timedelta(days=18)]), "quarantine_reason": "No"}
                given.observed(app, "Quarantine", 0, hour, **more)
            else:
                given.observed(app, chance.choice(["Active", "Active", "NotRun"]), 0, hour, **more)


def calls(given: Given, chance: Random) -> None:
    """Requests of two apps, some refused, some slow, some by strangers."""
    for _ in range(500):
        app, who, at = chance.choice(APPS), f"ada{chance.randrange(14)}", any_moment(chance)
        method, status = chance.choice(["GET", "PATCH", "DELETE"]), chance.choice([200, 200, 200, 401, 429, 409])
        duration = chance.randrange(50, 2000 if at.day % 5 == 0 else 200)
        more: dict[str, Any] = {"app_id": f"app-{app.lower()}", "duration_ms": duration, "client": "10.0.0.1"}
        given.exchanged(method, f"/Users/target-{who}", status, at, resource_id=f"target-{who}", **more)
        if chance.random() < 0.1:
            asked = {"filter": f'userName eq "{who}"', "response_body": '{"totalResults": 0}'} | more
            given.exchanged("GET", "/Users", 200, at, **asked)
            given.exchanged("POST", "/Users", 409, at + timedelta(seconds=9), request_body=f'{{"u": "{who}"}}', **more)


def rest(given: Given, chance: Random) -> None:
    """Tokens, feeds, rejects, checks and what readings cover."""
    for number in range(4):
        token = {"app_name": chance.choice(APPS), "expires_at": moment(chance.randrange(60)), "recorded_by": "Ada"}
        given.rows["tokens"].append(token | {"recorded_at": moment(chance.randrange(DAYS)), "note": None})
        feed = {"tenant": "contoso", "feed": f"feed-{number}", "outcome": "failed", "detail": "No.", "failures": number}
        at = moment(chance.randrange(DAYS))
        given.rows["contacts"].append(feed | {"reached_at": at, "tried_at": at, "requests": 1})
    for number in range(20):
        given.rejected("log", number, f"log:{number}: no JSON")
        given.rows["rejects"][-1]["rejected_at"] = any_moment(chance)
        since = any_moment(chance)
        given.vouched(since, since + timedelta(hours=chance.randrange(1, 90)), chance.choice([*APPS, None]))
    for _ in range(150):
        ran = {"rule": chance.choice(["silence", "collision"]), "ran_at": any_moment(chance), "findings": 0}
        ran |= {"outcome": chance.choice(["ok", "failed", "failed", "found"]), "duration_ms": 1}
        given.rows["rule_runs"].append(ran)


@pytest.fixture(params=[0, pytest.param(1, marks=pytest.mark.deep)])
def world(request: pytest.FixtureRequest, given: Given) -> Iterator[Store]:
    """A random month."""
    chance = Random(request.param)
    for write in (events, statuses, calls, rest):
        write(given, chance)
    yield given.stored()


def instants(seed: int) -> list[datetime]:
    """Returns instants before, in and after the month, some of them between two minutes."""
    chance = Random(seed)
    return sorted(moment(-1) + timedelta(seconds=chance.randrange(86400 * (DAYS + 5))) for _ in range(6))


@pytest.mark.deep
def test_every_rule_answers_as_of_many_instants_as_of_each(world: Store) -> None:
    asked, fired = instants(7), set[str]()
    for name, rule in rules().items():
        if rule.takes_many:
            together = evaluations(world, rule, LOW, asked)
            assert together == [evaluate(world, rule, LOW, at) for at in asked], name
            fired |= {name for one in together if one.firing}
    often = LOW.keys() - {
        "escrow_drops",
        "failure_rate_unusual",
        "success_without_call",
        "target_slow",
        "token_refused",
    }
    assert fired >= often | {"collision", "disable_clock", "failing_runs", "quarantined", "required_missing"}


def test_a_check_side_by_side_changes_what_one_after_another_does(
    world: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes() -> Any:
        checked = check(world, moment(20, 5), overrides=LOW, keep=False)
        runs = [(run.rule, run.outcome, run.findings, run.detail) for run in checked.runs]
        return runs, checked.opened, checked.changed, checked.closed

    together = changes()
    monkeypatch.setattr(evaluation, "SIDE_BY_SIDE", 1)
    assert changes() == together
    assert [rule for rule, *_ in together[0]] == list(rules())


def test_a_backtest_is_one_statement_a_level_where_the_rule_takes_many_instants(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, asked, fetch = given.stored(), list[str](), Store.fetch

    def counted(self: Store, sql: str, values: Any = None, stop: Stop | None = None) -> Any:
        asked.append(sql)
        return fetch(self, sql, values, stop)

    monkeypatch.setattr(Store, "fetch", counted)

    def statements(rule: Rule) -> int:
        asked.clear()
        backtest(store, rule, {}, moment(), moment(90), timedelta(hours=1))
        return len(asked)

    assert statements(find_rule("quarantined")) == 1
    assert statements(find_rule("escrow_growth")) == 2
