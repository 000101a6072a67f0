"""Rules become incidents: opened when the trouble began, closed when the rule falls silent, never by missing data."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.config.clock import wall_clock
from pipeline.config.errors import RulesError
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import acknowledge, annotate, assign, incident, open_incidents, snooze
from pipeline.rules.overrides import read_overrides
from pipeline.rules.rule import Rule, find_rule
from tests.support.given import Given, moment

NO_STATUS = "Cerby: no job status since 19 Jan 2026, 01:00 UTC; the last 6 hours are needed"


def checked(given: Given, at: datetime, rule: str = "quarantined", **overrides: Any) -> Any:
    store = given.stored() if given.rows else given.store
    return check(store, at, overrides=overrides, chosen=[find_rule(rule)])


def test_an_incident_is_dated_when_the_trouble_began_not_when_it_was_noticed(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    [opened] = checked(given, moment(1, 9, 5)).opened
    assert (opened.opened_at, opened.noticed_at, opened.closed_at) == (moment(1, 2), moment(1, 9, 5), None)
    assert opened.summary == "Cerby is in quarantine: sign-in to the app failed, or its answers are not SCIM"


def test_a_second_check_that_finds_the_same_writes_nothing_but_its_line(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    checked(given, moment(1, 9, 5))
    again = checked(given, moment(1, 10))
    assert (again.opened, again.changed, again.closed) == ([], [], [])
    assert given.store.rows("select count(*), count(distinct ran_at) from rule_runs") == [(2, 2)]
    assert given.store.rows("select count(*) from incidents") == [(1,)]


def test_an_incident_closes_when_the_rule_falls_silent_and_a_new_one_opens_afterwards(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    checked(given, moment(1, 9, 5))
    given.observed("Cerby", "Active", day=1, hour=12)
    assert len(checked(given, moment(1, 12, 5)).closed) == 1
    given.quarantined("Cerby", day=2, hour=9, since=moment(2, 8))
    assert len(checked(given, moment(2, 9, 5)).opened) == 1
    assert given.store.rows("select count(*), count(closed_at), max(closed_at) from incidents") == [
        (2, 1, moment(1, 12, 5))
    ]


def test_missing_data_is_unknown_and_closes_nothing(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    given.observed("Zoom", "Active", day=1, hour=9)
    checked(given, moment(1, 9, 5))
    given.observed("Zoom", "Active", day=3, hour=9)
    given.stored()
    given.store.write(lambda cursor: cursor.execute("delete from job_snapshots where state = 'Quarantine'"))
    given.observed("Cerby", "Active", day=0, hour=1)
    later = checked(given, moment(3, 9, 5))
    assert later.closed == []
    assert [(run.outcome, run.detail) for run in later.runs] == [("unknown", NO_STATUS)]


def test_nothing_at_all_is_unknown_never_ok(given: Given) -> None:
    assert [run.outcome for run in checked(given, moment(1)).runs] == ["unknown"]


def test_a_check_looks_only_at_what_was_known_then(given: Given) -> None:
    given.observed("Cerby", "Active", day=1, hour=1)
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    assert checked(given, moment(1, 1, 30)).opened == []
    assert len(checked(given, moment(1, 9)).opened) == 1


def test_what_people_say_survives_a_check_that_rewords_the_incident(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    [opened] = checked(given, moment(1, 9, 5)).opened
    acknowledge(given.store, opened.incident_id, "Ada")
    assign(given.store, opened.incident_id, "Grace")
    annotate(given.store, opened.incident_id, "Mailed Cerby support.")
    snooze(given.store, opened.incident_id, moment(1, 15))
    row = given.quarantined("Cerby", day=1, hour=10, since=moment(1, 2))
    row["quarantine_reason"] = "TooManyDeletes"
    given.rows["job_snapshots"][-1]["quarantine_reason"] = "TooManyDeletes"
    [changed] = checked(given, moment(1, 10, 5)).changed
    now = incident(given.store, changed.incident_id)
    assert now.summary == "Cerby is in quarantine: more deletions than allowed"
    assert (now.acknowledged_by, now.owner, now.note) == ("Ada", "Grace", "Mailed Cerby support.")
    assert now.snoozed_until == moment(1, 15)


def test_what_an_incident_names_is_as_of_the_newest_check_though_its_sentence_is_the_same(given: Given) -> None:
    refused = {"action": "disable", "error_code": "InternalServerError"}
    given.failed("ada", day=1, hour=1, **refused)
    [opened] = checked(given, moment(2, 2), "leaver_waiting").opened
    given.failed("bob", day=1, hour=2, **refused)
    given.disabled("ada", day=2, hour=1)
    later = checked(given, moment(2, 3), "leaver_waiting")
    now = incident(given.store, opened.incident_id)
    assert (later.opened, later.closed, [one.incident_id for one in later.changed]) == ([], [], [opened.incident_id])
    assert (now.summary, now.opened_at) == (opened.summary, opened.opened_at)
    assert json.loads(now.evidence)["people"] == ["bob@example.com"]
    assert checked(given, moment(2, 4), "leaver_waiting").changed == []


@pytest.mark.parametrize(
    ("rule", "action", "noticed"), [("leaver_waiting", "disable", 3), ("escrow_drops", "update", 27)]
)
def test_who_is_shown_to_be_settled_waits_no_more_whatever_else_is_missing(
    given: Given, rule: str, action: str, noticed: int
) -> None:
    for who in ("ada", "bob"):
        given.failed(who, day=1, hour=1, action=action, error_code="InternalServerError")
    given.event("cyd", "success", moment(noticed, 1))
    [opened] = checked(given, moment(noticed, 2), rule).opened
    given.event("ada", "success", moment(noticed, 3), action=action)
    # Bob may wait: the newest event is two days old.
    kept = checked(given, moment(noticed + 2, 3), rule)
    assert (kept.closed, incident(given.store, opened.incident_id).closed_at) == ([], None)
    given.event("bob", "success", moment(noticed, 4), action=action)
    assert [one.incident_id for one in checked(given, moment(noticed + 2, 4), rule).closed] == [opened.incident_id]
    assert checked(given, moment(noticed + 2, 5), rule).opened == []


def test_a_silenced_app_opens_nothing_and_the_others_do(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    given.quarantined("Zoom", day=1, hour=9, since=moment(1, 3))
    found = checked(given, moment(1, 9, 5), quarantined={"app": {"Cerby": {"silent": True}}, "severity": "warning"})
    assert [(one.app_name, one.severity) for one in found.opened] == [("Zoom", "warning")]


def grown(given: Given, people: int, *, day: int) -> None:
    for number in range(people):
        given.failed(f"ada{number}", day=day, hour=1)


def test_a_series_that_flaps_between_the_two_levels_is_one_incident(given: Given) -> None:
    grown(given, 3, day=1)
    assert len(checked(given, moment(1, 2), "escrow_growth", escrow_growth={"hours": 24}).opened) == 1
    given.succeeded("ada0", day=1, hour=3)
    after = checked(given, moment(1, 4), "escrow_growth")
    assert (after.closed, len(open_incidents(given.store))) == ([], 1)


def test_wrong_rules_toml_is_a_sentence_with_its_place(tmp_path: Any) -> None:
    file = tmp_path / "rules.toml"
    for text, said in [
        ("[quarantind]", "There is no rule 'quarantind'; did you mean quarantined?"),
        ("[quarantined]\nlevel = 3", "[quarantined] level is nothing of this rule; it has app, severity, silent."),
        ("[escrow_growth]\nleast = 'many'", "[escrow_growth] least is 'many'; a whole number was expected."),
        ("[quarantined]\nseverity = 'red'", "severity is 'red'; one of info, warning, critical was expected."),
        ("[quarantined", "is no TOML"),
    ]:
        file.write_text(text)
        with pytest.raises(RulesError) as raised:
            read_overrides(file)
        assert said in str(raised.value)
        assert str(raised.value).startswith(str(file))


def test_a_rule_that_fails_is_recorded_and_the_others_go_on(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    store = given.stored()
    store.write(lambda cursor: cursor.execute("drop view escrows"))
    found = check(store, moment(1, 9, 5), overrides={}, chosen=[find_rule("escrow_growth"), find_rule("quarantined")])
    assert [run.outcome for run in found.runs] == ["failed", "found"]
    assert "escrows" in found.runs[0].detail
    assert len(found.opened) == 1


def test_incidents_opened_by_another_check_in_between_are_not_opened_again(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    store, rule = given.stored(), find_rule("quarantined")

    def meanwhile() -> Iterator[Rule]:
        assert len(check(store, moment(1, 9, 4), overrides={}, chosen=[rule]).opened) == 1
        yield rule

    assert check(store, moment(1, 9, 5), overrides={}, chosen=meanwhile()).opened == []
    assert len(open_incidents(store)) == 1


def test_what_people_do_carries_the_wall_clock_and_what_a_check_finds_the_datas(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    [opened] = checked(given, moment(1, 9, 5)).opened
    store, before = given.store, wall_clock(given.store.settings)
    acknowledge(store, opened.incident_id, "Ada")
    snooze(store, opened.incident_id, before + timedelta(hours=1))
    assign(store, opened.incident_id, "Grace")
    done = annotate(store, opened.incident_id, "Mailed Cerby support.")
    for at in (done.acknowledged_at, done.snoozed_at, done.assigned_at, done.noted_at):
        assert at is not None and before <= at <= wall_clock(store.settings)
    assert (done.opened_at, done.noticed_at) == (moment(1, 2), moment(1, 9, 5))
