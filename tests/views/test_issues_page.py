"""The page Issues: the list, the filters in the address, one issue in detail, and who is to fail next."""

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.rules.issue_actions import snooze_issue
from pipeline.store.lake import Store
from tests.support.given import Given, job_id, moment
from tests.support.page_words import faults_of_words
from tests.support.pages import app, healthy, table, text
from views.parts.issues import tab

IMPORT = {"name": "EntryImportAdd", "type": "import", "status": "success", "description": ""}
LACKING: dict[str, Any] = {
    "action": "create",
    "steps": [
        IMPORT | {"details": '{"userPrincipalName": "x"}'},
        {
            "name": "EntrySynchronizationSkip",
            "type": "processing",
            "status": "skipped",
            "description": "the required attribute name.familyName has no value",
            "details": '{"PropertyName": "name.familyName"}',
        },
    ],
}
SOUND: dict[str, Any] = {
    "action": "create",
    "steps": [IMPORT | {"details": '{"userPrincipalName": "x", "surname": "Lovelace"}'}],
}


@pytest.fixture
def tenant(given: Given) -> Store:
    """Three people in Cerby lack a surname, twenty do not; a leaver stays in Zoom, for a code that nobody knows."""
    for who in ("ada", "bob", "carol"):
        given.skipped(who, "AttributeValidationFailed", day=13, hour=9, **LACKING)
    for number in range(20):
        given.succeeded(f"good{number}", day=13, hour=8, **SOUND)
    given.failed("leah", day=13, hour=10, app="Zoom", action="disable", error_code="ZoomRebadged", http_status=None)
    given.skipped("dan", "RedundantExport", day=13, hour=9)
    return given.stored()


def fingerprint(store: Store, code: str) -> str:
    """Gives the fingerprint of the issue with that code."""
    [(found,)] = store.rows("select distinct fingerprint from problems where code = ?", [code])
    return str(found)


def opened(test: AppTest, **boxes: object) -> AppTest:
    """Draws a page again with sections or tabs opened, by their keys."""
    for key, value in boxes.items():
        test.session_state[key.replace("_", "-")] = value
    return healthy(test.run())


@pytest.mark.usefixtures("tenant")
def test_the_list_is_ranked_and_its_numbers_say_who_is_affected() -> None:
    test = healthy(app("issues"))
    said = text(test).replace("\\", "")
    assert "2 open issues; the largest: Required attribute missing or not valid: name.familyName in Cerby" in said, said
    listed = table(test, "what")
    assert list(listed["what"]) == [
        "Required attribute missing or not valid: name.familyName",
        "StatusCode: Conflict",
    ]
    assert list(listed["waiting"]) == [3, 1] and list(listed["owner"]) == ["Directory admin (likely)", "Unknown"]
    tiles = {tile.label: tile.value for tile in test.metric}
    assert tiles == {
        "Open incidents": "Unknown",
        "Open issues": "2",
        "Affected now": "4",
        "Success rate": "95.2%",
    }
    assert "1 no-op event (1 in sync already" in next(tile.help for tile in test.metric if tile.label == "Success rate")
    assert "At risk: required attribute missing for 3 users" in [box.label for box in test.expander]
    shown = text(opened(test, new_recurring=True, most_changed=True))
    assert "Drag across bars" in shown and "No attribute changes in this time range." in shown


@pytest.mark.usefixtures("tenant")
def test_filters_stand_in_the_address_and_narrow_the_list() -> None:
    test = healthy(app("issues", fault="unknown", noise="in"))
    assert list(table(test, "what")["app_name"]) == ["Zoom"]
    assert dict(test.query_params) == {"fault": "unknown", "noise": "in"}
    assert "No issues in this time range match the filters." in text(healthy(app("issues", state="resolved")))


@pytest.mark.usefixtures("tenant")
def test_a_searched_error_code_filters_the_list_until_it_is_cleared() -> None:
    test = healthy(app("issues", code="ZoomRebadged"))
    assert list(table(test, "what")["code"]) == ["ZoomRebadged"]
    test.button(key="clear-code").click().run()
    assert len(table(healthy(test), "what")) == 2 and "code" not in test.query_params
    drawn = text(healthy(app("issues", code="Elsewhere")))
    assert "No issues with the error code Elsewhere in this time range." in drawn


def test_an_issues_panel_says_what_it_is_whom_it_affects_and_why_it_is_grouped(tenant: Store) -> None:
    issue = fingerprint(tenant, "AttributeValidationFailed")
    test = healthy(app("issues", issue=issue, of=job_id("Cerby")))
    drawn = text(test)
    assert "**Likely owner:** the directory" in drawn
    assert "3 users, none recovered." in drawn and faults_of_words(test) == []
    assert "All 3 affected users have no surname; all 20 others have one." in drawn
    assert "Fill in the attribute at the source" in drawn and "/issues?since=" in drawn
    assert list(table(test, "label")["label"]) == ["Skipped"] * 3
    drawn = text(opened(test, issue_parts="Why grouped"))
    assert "the required attribute name.familyName has no value" in drawn and issue in drawn
    assert "**Why this owner:** the code ends in AttributeValidationFailed" in drawn
    assert "No other issue has the same cause or error code." in drawn
    assert "Affected users over time" in text(opened(test, issue_parts="Over time"))


def test_what_people_set_on_an_issue_is_shown_at_once_and_outlives_the_session(tenant: Store) -> None:
    issue = fingerprint(tenant, "AttributeValidationFailed")
    words = {"issue": issue, "of": job_id("Cerby")}
    test = healthy(app("issues", **words))
    assert "Unassigned · Not acknowledged" in text(test)
    test.text_input(key=f"who-{issue}").set_value("Ada").run()
    test.button(key=f"ack-{issue}").click().run()
    assert "Unassigned · Acknowledged by Ada" in text(healthy(test))
    test.text_input(key=f"owner-{issue}").set_value("Grace").run()
    test.text_area(key=f"note-{issue}").set_value("Asked HR").run()
    assert "Owner: Grace" in text(healthy(test)) and "Asked HR" in text(test)
    test.button(key=f"snooze-1 day-{issue}").click().run()
    test = healthy(app("issues", **words))
    assert "Owner: Grace · Acknowledged by Ada" in text(test) and " · Snoozed until" in text(test)
    assert list(table(test, "was")["label"]) == ["Snoozed", "Note written", "Owner set", "Acknowledged"]
    test = healthy(app("issues"))
    assert list(table(test, "what")["app_name"]) == ["Zoom"]
    assert "1 open issue: StatusCode: Conflict in Zoom (1 user)." in text(test).replace("\\", "")
    listed = table(healthy(app("issues", state="snoozed")), "what")
    assert list(zip(listed["owner"], listed["chip"], strict=True)) == [("Grace", ["Snoozed"])]
    snooze_issue(tenant, job_id("Cerby"), issue, None)
    assert tenant.rows("select owner, note, snoozed_until from issue_actions") == [("Grace", "Asked HR", None)]
    acts = table(healthy(app("access")), "actor")
    assert list(acts["label"]) == ["Snooze ended", "Snoozed", "Note written", "Owner set", "Acknowledged"]
    assert list(acts["actor"]) == ["Name not recorded", *["Ada"] * 4]
    assert set(acts["issue"]) == {issue} and set(acts["app_name"]) == {"Cerby"} and acts["incident_id"].isna().all()
    assert list(acts["detail"])[2:] == ["Asked HR", "Grace", "–"]


def test_an_affected_user_opens_in_the_place_of_the_issue_and_closing_leads_back(tenant: Store) -> None:
    words = {"issue": fingerprint(tenant, "AttributeValidationFailed"), "of": job_id("Cerby")}
    drawn = text(healthy(app("issues", object="id-ada", **words)))
    assert "**Skipped in Cerby on 1 Feb, 09:00.**" in drawn and "Likely owner" not in drawn
    assert "Likely owner" in text(healthy(app("issues", **words)))


def test_a_code_nobody_documented_says_so_and_a_leaver_is_named_as_one(tenant: Store) -> None:
    drawn = text(healthy(app("issues", issue=fingerprint(tenant, "ZoomRebadged"))))
    assert "The error code `ZoomRebadged` is not documented" in drawn
    assert "**1 leaver still has access.**" in drawn
    assert "A single user or group cannot be compared." in drawn


@pytest.mark.usefixtures("tenant")
def test_an_issue_that_is_not_there_is_said_not_to_be_and_what_was_asked_stays() -> None:
    test = healthy(app("issues", issue="v1-nothing"))
    assert "There is no issue" in "".join(box.value for box in test.warning)
    assert test.query_params["issue"] == "v1-nothing"


def test_where_nothing_went_wrong_it_says_so(given: Given) -> None:
    given.succeeded("ada", day=13)
    given.stored()
    test = healthy(app("issues"))
    assert "No failures were read between" in text(test)
    assert "At risk: no missing required attributes found" in [box.label for box in test.expander]


@pytest.mark.parametrize(
    ("brushed", "days"),
    [
        (("2026-01-21 21:00", "2026-01-24 13:00"), (3, 6)),
        (("2026-01-24 13:00", "2026-01-21 11:00"), (2, 6)),
        (("2026-01-22 01:00", "2026-01-22 02:30:10.5"), (3, 4)),
        (("2026-01-10", "2026-01-21 13:00"), (1, 3)),
    ],
)
def test_a_stretch_is_the_days_whose_middle_is_brushed(
    monkeypatch: pytest.MonkeyPatch, brushed: tuple[str, str], days: tuple[int, int]
) -> None:
    monkeypatch.setattr(tab, "bar", lambda: SimpleNamespace(since=moment(1), until=moment(12)))
    assert tab.stretch(brushed, 24) == (moment(days[0]), moment(days[1]))
    assert tab.stretch(None, 24) is None


# Its questions


def test_a_stretch_is_held_against_the_rest_in_every_dimension(given: Given) -> None:
    for number in range(10):
        given.failed(f"a{number}", day=2, hour=5, error_code="Timeout")
        given.failed(f"b{number}", day=8, hour=number, error_code="EntryConflict" if number else "Timeout")
    rows = given.answer("stretch_differences", begins=moment(2), ends=moment(3))
    code = next(row for row in rows if (row["dimension"], row["value"]) == ("Code", "Timeout"))
    assert (code["inside"], code["inside_all"], code["baseline"], code["baseline_all"]) == (10, 10, 1, 10)
    assert code["ratio"] == 10 and 1 < code["ratio_low"] < 10 < code["ratio_high"]
    assert {"Code", "Hour of the day (UTC)"} <= {row["dimension"] for row in rows if row["ratio_low"] > 1}


def test_what_goes_wrong_is_new_for_a_day_and_recurs_after_it_and_noise_is_apart(given: Given) -> None:
    given.failed("ada", day=1)
    given.failed("bob", day=3)
    same = {"attribute": "title", "old_value": "x", "new_value": "x"}
    noise = {"attribute": "accountDisabled", "old_value": None, "new_value": "False"}
    given.succeeded("carol", day=3, changes=[noise, same])
    given.succeeded("dan", day=3, changes=[noise, same | {"new_value": "y"}])
    told = [(row["bucket"].day, row["kind"], row["events"]) for row in given.answer("issues_over_time", noise="in")]
    assert told == [(20, "new", 1), (22, "noise", 1), (22, "recurring", 1)]
    assert {row["kind"] for row in given.answer("issues_over_time")} == {"new", "recurring"}
    [rates] = given.answer("success_and_noise")
    assert (rates["pseudo"], rates["share_without"], rates["share_with"]) == (1, 1 / 3, 1 / 2)
    assert [row["attribute"] for row in given.answer("changed_attributes")] == ["title"]


def test_who_lacks_a_required_value_is_told_before_it_fails(given: Given) -> None:
    for number in range(9):
        given.succeeded(f"good{number}", **SOUND)
    given.succeeded("ada", **LACKING | {"steps": LACKING["steps"][:1]})
    given.skipped("bob", "AttributeValidationFailed", **LACKING)
    given.skipped("carol", "AttributeValidationFailed", **LACKING)
    given.succeeded("carol", hour=1, **SOUND)
    rows = given.answer("failing_next", required=f"{job_id('Cerby')}=surname")
    assert [(row["name"], row["attribute"], row["known_by"], row["state"]) for row in rows] == [
        ("bob@example.com", "name.familyName", "skip", "skipped"),
        ("ada@example.com", "surname", "reading", "in_sync"),
    ]
