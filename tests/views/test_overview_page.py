"""Home: the verdict, four numbers with their change, root causes, and the apps; what is not known is not said."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.config.clock import wall_clock
from pipeline.config.wording import count
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import open_incidents, snooze
from pipeline.store.lake import Store
from tests.support.given import Given, moment
from tests.support.pages import app, healthy, questions, table, text
from views.frame.export import label_text
from views.frame.state import SHOWN_TABLES
from views.frame.viewer import Seen
from views.parts.overview.numbers import Changes, counted


def numbers(test: AppTest) -> dict[str, tuple[str, str]]:
    """Returns each number of the page with its change."""
    return {each.label: (each.value, each.delta) for each in test.metric}


def test_home_leads_with_what_is_wrong_and_its_numbers_are_those_of_sql(tenant: Store) -> None:
    test = healthy(app())
    [verdict] = [box.value for box in test.error if "Next step" in box.value]
    assert verdict.startswith("**Cerby** is in quarantine (") and "2 of 2 apps need attention]" in text(test)
    assert "**Zoom**: 1 user is failing (the first since 1 Feb, 22:30). Next step for **Cerby**: " in verdict
    # Until when the data goes stands above; what else is missing stands in the line below.
    assert "Viewing data up to 1 Feb 2026, 23:00" in text(test) and "the data ends" not in verdict
    assert "Unknown: " in text(test)
    assert {name: value for name, (value, _) in numbers(test).items()} == {
        "Apps needing attention": "2 of 2",
        "Users and groups failing": "1",
        "Leavers still with access": "Unknown",
        "Success rate": share_of(tenant),
    }
    assert numbers(test)["Users and groups failing"][1] == "+1 vs 24 h earlier"
    assert numbers(test)["Leavers still with access"][1] == "Cerby cannot be checked"
    fleet = table(test, "in_place_share")
    assert list(fleet["app_name"]) == ["Cerby", "Zoom"]
    assert list(fleet["in_place_share"]) == [1.0, 2 / 3]
    assert list(fleet["open_escrows"]) == [0, 1]
    assert [list(days)[-1] for days in fleet["daily_failures"]] == [0, 1]
    # Without a check of the rules each job that needs attention has a row of its own, the gravest first.
    causes = table(test, "problem")
    assert list(causes["problem"].str.partition(" ")[0]) == ["Cerby", "Zoom:"]
    assert list(causes["severity"]) == ["critical", "warning"]
    assert list(causes["impact"]) == ["Removals blocked", "1 user failing"]
    assert causes["issue"][1] and causes["cause"][1].endswith("· since 1 Feb") and causes["owner"][1] == "Unassigned"
    issue = healthy(app(issue=causes["issue"][1], of=causes["job_id"][1]))
    assert "What to do" in text(issue)
    [columns] = [columns for title, (_, columns) in test.session_state[SHOWN_TABLES.name].items() if title == "Apps"]
    shown = [label_text(name, column) for name, column in columns.items()]
    assert shown[:4] == ["App", "Status", "In sync (%)", "Success (%)"] and "Token expiry" in shown
    assert causes["deadline"][0].startswith("Disabled by Entra 28 Feb") and causes["deadline"][1].startswith(
        "Next retry"
    )
    assert {"fleet", "attention_at", "progress", "daily_success", "token_calendar"} <= set(questions(test))


def share_of(store: Store) -> str:
    """Counts the success rate of all events by itself."""
    [(good, bad)] = store.rows(
        "select count(*) filter (status = 'success'), count(*) filter (status = 'failure') from events"
    )
    return f"{100 * good / (good + bad):.1f}%"


def test_a_root_cause_has_one_row_and_opens_its_incident(tenant: Store) -> None:
    check(tenant, moment(13, 23), overrides={})
    test = healthy(app())
    incidents = {str(one.incident_id): one for one in open_incidents(tenant)}
    roots = {name for name, one in incidents.items() if one.explained_by is None}
    rows = table(test, "problem")
    assert set(rows["incident_id"]) - {""} == roots and len(rows) < len(incidents) + 2
    assert "Checked 1 Feb, 23:00" in text(test)
    opened = healthy(app(incident=next(iter(roots))))
    assert [each.label for each in opened.button if each.label == "Acknowledge"]
    for name in roots:
        snooze(tenant, name, wall_clock(tenant.settings) + timedelta(hours=1))
    test = healthy(app())
    # The quarantine lasts, whoever snoozed its incident, and is a row again.
    assert [box.value for box in test.error if "**Cerby**" in box.value] and not test.success
    assert [link for link in test.get("page_link") if link.proto.label == count(len(roots), "snoozed incident")]
    assert list(table(test, "problem")["incident_id"].unique()) == [""]


def test_a_number_is_compared_with_the_last_visit_and_fewer_is_green_only_where_all_is_known() -> None:
    before = Changes("your last visit", moment(), failing=-2)
    assert counted(before.failing, before, False) == ("-2 vs your last visit", "inverse", "auto")
    assert counted(before.failing, before, True) == ("-2 vs your last visit", "off", "auto")
    assert counted(2, before, True)[1] == "inverse"
    assert counted(0, before, False) == ("Same as your last visit", "off", "off")
    assert counted(None, before, False) == ("No earlier data", "off", "off")


def test_home_compares_with_the_viewers_last_visit_and_names_new_and_resolved_problems(
    given: Given, tenant: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = [Seen(moment(14), moment(12), moment(12))]
    monkeypatch.setattr("views.parts.overview.numbers.last_visit", lambda: visits[0])
    check(tenant, moment(13, 23), overrides={})
    test = healthy(app())
    assert numbers(test)["Users and groups failing"][1] == "+1 vs your last visit"
    assert questions(test)["attention_at"]["at"] == moment(13, 23)
    assert "Since your last visit, new:" in text(test) and "esolved" not in text(test)
    problem = next(each for each in test.button if str(each.key).startswith("new-problem-"))
    problem.click().run()
    assert healthy(test).query_params["incident"] == str(problem.key).removeprefix("new-problem-")

    # A check found them at the last visit as well: only what a later one finds is new or resolved.
    given.observed("Cerby", "Active", day=14, hour=1)
    given.succeeded("ada", day=14, hour=1, app="Cerby")
    given.stored()
    visits[0] = Seen(moment(14), moment(13, 23), moment(13, 23))
    assert "Since your last visit" not in text(healthy(app()))
    check(tenant, moment(14, 1), overrides={})
    ended = {str(one["incident_id"]) for one in given.answer("incidents", since=moment(14), until=moment(15))}
    test = healthy(app())
    assert "Since your last visit, resolved:" in text(test) and ", new:" not in text(test)
    shown = {str(each.key).removeprefix("resolved-problem-") for each in test.button if "resolved" in str(each.key)}
    assert shown and shown <= ended
    visits[0] = Seen(moment(14, 1), moment(14), moment(14, 1))
    assert "esolved" not in text(healthy(app()))
    check(tenant, moment(14, 2), overrides={})
    assert "Since your last visit: no new or resolved problems found by the checks that ran." in text(app())


def test_attention_at_an_instant_is_what_was_open_then(given: Given) -> None:
    given.failed("ada", day=3, app="Zoom")
    given.succeeded("ada", day=5, app="Zoom")
    given.failed("eve", day=4, app="Zoom", action="disable")
    given.quarantined("Cerby", day=6, hour=2, since=moment(6))
    given.stored()

    def then(day: int) -> dict[str, tuple[Any, ...]]:
        rows = given.answer("attention_at", at=moment(day, 12))
        names = ("failing", "leavers", "incidents", "in_quarantine")
        return {row["job_id"]: tuple(row[name] for name in names) for row in rows}

    assert then(2) == {}
    assert list(then(3).values()) == [(1, 0, 0, False)]
    assert list(then(4).values()) == [(2, 1, 0, False)]
    assert sorted(then(7).values()) == [(0, 0, 0, True), (1, 1, 0, False)]


def test_in_sync_is_not_said_until_the_initial_cycle_has_ended_and_its_progress_has_an_estimate(given: Given) -> None:
    given.succeeded("ada", day=13, hour=12, app="Cerby", cycle_id="first")
    given.observed("Cerby", "NotRun", day=13, hour=12, last_ended_at=None, total_units=40, completed_units=10)
    given.succeeded("ada", day=13, hour=12, app="Zoom")
    given.stored()
    test = healthy(app())
    fleet = table(test, "in_place_share").set_index("app_name")
    assert pd.isna(fleet["in_place_share"]["Cerby"]) and fleet["in_place_share"]["Zoom"] == 1
    assert "In sync is n/a until the initial cycle has ended: Cerby." in text(test) and "as of the end" not in text(
        test
    )
    [bar] = test.get("progress")
    assert bar.proto.value == 25
    assert bar.proto.text == (
        "**25%** (estimated from page progress, as in the Entra portal) · 1 user or group processed"
    )


def test_events_or_requests_alone_are_no_evidence_that_all_is_well(given: Given) -> None:
    given.succeeded("ada", day=13)
    given.stored()
    test = healthy(app())
    assert not test.success and not [box for box in test.error if "Next step" in box.value]
    assert "Status unknown: the data ends 1 Feb 2026, 00:00; no job status of **Cerby**" in text(test)
    assert "Unknown whether anything is wrong" in text(test)
    shown = numbers(test)
    assert shown["Apps needing attention"][0] == shown["Leavers still with access"][0] == "Unknown"
    assert shown["Users and groups failing"][0] == "Unknown"


def test_requests_alone_show_no_app(given: Given) -> None:
    given.exchanged("GET", "/Users", 200, moment())
    given.stored()
    assert "only SCIM requests are loaded" in text(healthy(app()))


def test_of_many_apps_one_is_found_by_its_name(given: Given) -> None:
    for number in range(13):
        given.succeeded("ada", 13, 9, app=f"Desk {number:02}")
    given.stored()
    test = healthy(app("apps"))
    assert len(table(test, "in_place_share")) == 13
    test.text_input(key="apps-search").set_value(" dESK 1").run()
    assert list(table(healthy(test), "in_place_share")["app_name"]) == ["Desk 10", "Desk 11", "Desk 12"]
    test.text_input(key="apps-search").set_value("<b>").run()
    assert "No app has \\<b\\> in its name." in text(healthy(test))
    assert not [frame for frame in test.dataframe if "in_place_share" in frame.value]


def test_a_row_of_what_needs_attention_says_only_what_is_its_own(given: Given) -> None:
    for who in ("bob", "eve"):
        given.succeeded(who, 13, 8)
    given.failed("ada", 13, 9, action="create", error_code="DuplicateTargetEntries", retry_at=moment(13, 10))
    given.failed("bob", 13, 9, action="disable", error_code="InternalServerError", retry_at=moment(13, 15))
    given.skipped("cyd", "AttributeValidationFailed", 13, 9, action="create")
    given.skipped("crew", "EntityTypeNotSupported", 13, 9, source_type="Group", upn=None)
    given.event("eve", "success", moment(13, 9), action="stagedDelete")
    given.stored()
    rows = table(healthy(app()), "problem").fillna("").set_index("problem")
    # The commonest error of the job is another's, and its retry; what needs no action is not there.
    leaver = rows.loc["Cerby: 1 leaver still has an account"]
    assert (leaver["cause"], leaver["deadline"]) == ("since 1 Feb", "")
    shown = {row["cause"].partition(" · ")[0]: (row["impact"], row["deadline"]) for _, row in rows[1:].iterrows()}
    assert shown["AttributeValidationFailed"] == ("1 user skipped", "") and len(shown) == 3
    assert shown["409 DuplicateTargetEntries"][0] == "1 user failing" and "EntityTypeNotSupported" not in shown
    # Deletions that are held back are among them on every page.
    assert numbers(healthy(app("leavers")))["Leavers still with access"][0] == "At least 2"
    before = text(healthy(app("leavers", since="2026-01-01T00:00", until="2026-01-02T00:00")))
    assert "Unknown: no provisioning logs of the time until 2 Jan, 00:00" in before
