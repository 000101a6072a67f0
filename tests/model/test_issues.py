"""Error issues: how one lives, whom it hits and who owns it."""

from typing import Any

from pipeline.knowledge.causes import evidence
from tests.support.given import Given, Row, job_id, moment


def cycling(given: Given, until: int, since: int = 0) -> None:
    """A cycle every hour, in which somebody who has nothing to do with it is updated."""
    for hour in range(since, until):
        given.succeeded("zoe", hour=hour, minute=30)


def issue(given: Given, hour: int, minute: int = 50) -> Row:
    """Gives the one issue as of an instant."""
    [row] = given.answer("issues", until=moment(hour=hour, minute=minute))
    return row


# Its life


def test_an_issue_is_new_until_three_cycles_have_ended_with_it(given: Given) -> None:
    cycling(given, 10)
    given.failed("ada", hour=1)
    given.failed("ada", hour=7)
    told = [issue(given, hour)["state"] for hour in range(1, 8)]
    assert told == ["new", "new", "ongoing", "ongoing", "ongoing", "ongoing", "ongoing"]


def test_it_escalates_when_half_as_many_more_wait_than_before_the_newest_cycle(given: Given) -> None:
    cycling(given, 10)
    for who in ("ada", "bob"):
        given.failed(who, hour=1)
    for who in ("carol", "dan"):
        given.failed(who, hour=8)
    assert issue(given, 7)["state"] == "ongoing"
    assert (issue(given, 8)["state"], issue(given, 8)["waiting"]) == ("escalating", 4)
    assert issue(given, 9)["state"] == "ongoing"


def test_one_person_more_is_no_escalation(given: Given) -> None:
    cycling(given, 10)
    given.failed("ada", hour=1)
    given.failed("bob", hour=8)
    assert issue(given, 8)["state"] == "ongoing"


def test_it_is_quiet_when_nobody_waits_and_resolved_after_three_cycles_of_that(given: Given) -> None:
    cycling(given, 12)
    given.failed("ada", hour=1)
    given.succeeded("ada", hour=6)
    told = [issue(given, hour) for hour in range(5, 10)]
    assert [row["state"] for row in told] == ["ongoing", "quiet", "quiet", "resolved", "resolved"]
    assert [row["waiting"] for row in told] == [1, 0, 0, 0, 0]
    assert [row["settled_at"] for row in told] == [None] + 4 * [moment(hour=6)]


def test_it_is_quiet_when_somebody_waits_and_nothing_was_tried_for_a_day(given: Given) -> None:
    cycling(given, 40)
    given.failed("ada", hour=1)
    assert issue(given, 25)["state"] == "ongoing"
    quiet = issue(given, 27)
    assert (quiet["state"], quiet["waiting"]) == ("quiet", 1)


def test_what_comes_back_after_three_quiet_cycles_has_regressed_and_is_another_episode(given: Given) -> None:
    cycling(given, 20)
    given.failed("ada", hour=1)
    given.succeeded("ada", hour=3)
    given.failed("bob", hour=10)
    assert (issue(given, 8)["state"], issue(given, 8)["episodes"]) == ("resolved", 1)
    assert (issue(given, 10)["state"], issue(given, 10)["episodes"]) == ("regressed", 2)
    assert (issue(given, 16)["state"], issue(given, 16)["people"]) == ("ongoing", 2)


def test_what_comes_back_at_once_is_the_same_episode(given: Given) -> None:
    cycling(given, 10)
    given.failed("ada", hour=1)
    given.succeeded("ada", hour=3)
    given.failed("bob", hour=4)
    assert (issue(given, 8)["state"], issue(given, 8)["episodes"]) == ("ongoing", 1)


def test_retries_are_one_issue_of_one_person_and_no_benign_skip_is_one(given: Given) -> None:
    for hour in range(6):
        given.failed("ada", hour=hour, reason=f"No answer to request {hour}", retry_count=hour)
    given.skipped("bob", "RedundantExport", hour=3)
    given.skipped("carol", "NotEffectivelyEntitled", hour=3)
    row = issue(given, 6)
    assert (row["events"], row["people"], row["names"]) == (6, 1, ["ada@example.com"])


def test_a_redundant_export_or_leaving_scope_settles_it_and_another_cause_takes_over(given: Given) -> None:
    cycling(given, 8)
    for who in ("ada", "bob", "carol"):
        given.failed(who, hour=1)
    given.skipped("ada", "RedundantExport", hour=2)
    given.skipped("bob", "NotEffectivelyEntitled", hour=2)
    given.failed("carol", hour=2, error_code="Timeout", http_status=None, reason="too slow")
    rows = {row["code"]: row for row in given.answer("issues", until=moment(hour=4))}
    assert rows["EntryConflict"]["waiting_names"] == []
    assert rows["Timeout"]["waiting_names"] == ["carol@example.com"]


def test_issues_are_ranked_by_who_waits_then_by_whom_they_hit_and_not_by_rows(given: Given) -> None:
    for hour in range(9):
        given.failed("ada", hour=hour, error_code="Timeout")
    for who in ("bob", "carol"):
        given.failed(who, hour=1)
    for who in ("dan", "eve", "fay"):
        given.failed(who, hour=1, error_code="TooManyRequests")
        given.succeeded(who, hour=2)
    rows = given.answer("issues")
    assert [row["code"] for row in rows] == ["EntryConflict", "Timeout", "TooManyRequests"]
    assert [row["daily"][0] for row in rows] == [2, 1, 3] and {len(row["daily"]) for row in rows} == {14}


def test_an_issue_is_of_one_job_and_a_window_lists_what_was_seen_in_it_or_waits(given: Given) -> None:
    given.failed("ada", day=1)
    given.failed("ada", day=1, app="Zoom")
    given.succeeded("ada", day=2, app="Zoom")
    rows = given.answer("issues", since=moment(5), until=moment(6))
    assert [(row["app_name"], row["people_lately"], row["waiting"]) for row in rows] == [("Cerby", 0, 1)]
    assert given.answer("issues", job=job_id("Zoom"))[0]["state"] in ("new", "quiet")
    assert given.answer("issues", tenant="another") == []


# Whose fault


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("source data", {"error_code": "ZoomMandatoryFieldsMissing"}),
    ("source data", {"error_code": "SystemForCrossDomainIdentityManagementServiceIncompatibleFiltering"}),
    ("mapping", {"error_code": "SchemaAttributeNotFound", "http_status": None}),
    ("target", {"error_code": "TooManyRequests", "http_status": 429}),
    ("target", {"error_code": "Rebadged", "http_status": 502}),
    ("service", {"error_code": "InternalError", "http_status": None}),
    ("service", {"error_code": "Rebadged", "http_status": None, "error_category": "serviceFailure"}),
    ("credentials", {"error_code": "Rebadged", "http_status": 401}),
    ("unknown", {"error_code": None, "http_status": None, "reason": None}),
]


def test_a_fault_follows_from_code_answer_category_and_step(given: Given) -> None:
    for number, (_, told) in enumerate(FAULTS):
        given.failed("ada", app=f"App {number}", **told)
    found = {row["app_name"]: row["fault"] for row in given.answer("issues")}
    assert found == {f"App {number}": fault for number, (fault, _) in enumerate(FAULTS)}


def test_the_evidence_names_what_the_fault_was_read_from() -> None:
    row = {"code": "ContosoEntryConflict", "http_status": 409, "category": "nonServiceFailure", "step_type": "export"}
    assert evidence(row) == [
        "the code ends in EntryConflict, which is known as “another object has this value already”",
        "the app answered 409",
        "Graph's category is nonServiceFailure",
        "it went wrong at the step export",
    ]
    assert evidence({"code": "Rebadged"}) == ["the code Rebadged is not documented"]
    assert evidence({}) == []


def test_a_skip_of_a_kind_of_object_that_is_not_provisioned_is_no_issue(given: Given) -> None:
    given.skipped("crew", "EntityTypeNotSupported", 1, source_type="Group")
    given.skipped("ada", "EntrySynchronizationSkipped", 1)
    given.event("bob", "skipped", moment(1), error_code="EntityTypeNotSupported")
    given.skipped("eve", "AttributeValidationFailed", 1)
    assert [row["code"] for row in given.answer("issues")] == ["AttributeValidationFailed"]
