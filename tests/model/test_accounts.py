"""What an object's account is, whether it is in scope, and under which names it was known."""

from typing import Any

import pytest

from tests.support.given import Given, moment

IN_SCOPE = {"Active in the source system": "True", "Assigned to the application": "True"}
UNASSIGNED = IN_SCOPE | {"Assigned to the application": "False"}


def judged(facts: dict[str, str]) -> list[dict[str, Any]]:
    """A scoping step that judged the object so."""
    details = "{" + ", ".join(f'"{name}": "{value}"' for name, value in facts.items()) + "}"
    step = {"name": "EntrySynchronizationScoping", "type": "scoping", "status": "success", "description": ""}
    return [step | {"details": details}]


def wrote(attribute: str, value: str | None, old: str | None = None) -> list[dict[str, str | None]]:
    """One change."""
    return [{"attribute": attribute, "old_value": old, "new_value": value}]


def state(given: Given) -> list[tuple[Any, ...]]:
    """Returns name, state, account and scope of everybody."""
    given.stored()
    return given.store.rows("select upn, state, account, in_scope from identities order by all")


def test_a_disabled_account_stays_disabled_at_the_next_routine_skip(given: Given) -> None:
    given.succeeded("hal", 1, action="create")
    given.disabled("hal", 2)
    given.skipped("hal", "NotEffectivelyEntitled", 3)
    given.skipped("hal", "RedundantExport", 4)
    given.succeeded("hal", 5, changes=wrote("title", "Lead"))
    assert state(given) == [("hal@example.com", "disabled", "disabled", True)]


@pytest.mark.parametrize(
    ("attribute", "value", "account"),
    [
        ("active", "True", "active"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:active", "true", "active"),
        ("accountEnabled", "1", "active"),
        ("IsSoftDeleted", "False", "active"),
        ("suspended", "false", "active"),
        ("accountDisabled", "False", "disabled"),
        ("title", "True", "disabled"),
    ],
)
def test_an_update_enables_an_account_only_where_it_writes_that(
    given: Given, attribute: str, value: str, account: str
) -> None:
    given.disabled("ada", 1)
    given.succeeded("ada", 2, changes=wrote(attribute, value))
    assert [row[2] for row in state(given)] == [account]


def test_what_writes_that_an_account_is_not_in_use_disables_it(given: Given) -> None:
    given.succeeded("ada", 1, changes=wrote("active", "False", "True"))
    given.succeeded("bob", 1, action="create", changes=wrote("active", "False"))
    given.failed("eve", 1, action="disable")
    assert [row[1:3] for row in state(given)] == [
        ("disabled", "disabled"),
        ("disabled", "disabled"),
        ("failing", "unknown"),
    ]


def test_failing_comes_before_what_the_account_is(given: Given) -> None:
    given.disabled("ada", 1)
    given.failed("ada", 2, changes=wrote("active", "True"))
    given.failed("bob", 1, action="create", target_id=None)
    assert [row[1:3] for row in state(given)] == [("failing", "disabled"), ("failing", "absent")]


def test_scope_is_what_the_scoping_step_judged_and_a_disable_of_somebody_assigned_leaves_it(given: Given) -> None:
    given.disabled("ann", 1, steps=judged(UNASSIGNED))
    given.disabled("bob", 1, steps=judged(IN_SCOPE))
    given.disabled("cyd", 1)
    given.skipped("dee", "NotEffectivelyEntitled", 1)
    given.failed("eve", 1)
    given.failed("fay", 1, action="disable", steps=judged(UNASSIGNED))
    assert [row[3] for row in state(given)] == [False, True, None, False, True, False]


def test_former_names_find_a_person_also_when_everything_came_in_one_load(given: Given) -> None:
    given.succeeded("cyd", 1, action="create", upn="cyd.three@example.com")
    given.succeeded("cyd", 2, upn="cyd.renamed@example.com")
    for search in ("cyd.three", "CYD.RENAMED", "target-cyd"):
        assert [row["name"] for row in given.answer("people", search=search)] == ["cyd.renamed@example.com"]
    names = {
        row["value"]: row["until"] for row in given.answer("account_changes", object="id-cyd") if row["fact"] == "UPN"
    }
    assert names == {"cyd.three@example.com": moment(2), "cyd.renamed@example.com": None}


def test_a_second_account_after_a_delete_is_told_apart_from_the_first(given: Given) -> None:
    given.failed("fay", 0, hour=1)
    given.succeeded("fay", 1, action="create", target_id="first")
    given.succeeded("fay", 2, action="delete", target_id="first")
    given.succeeded("fay", 3, action="create", target_id="second")
    changes = given.answer("account_changes", object="id-fay")
    accounts = [(row["value"], row["since"], row["until"]) for row in changes if row["fact"] == "account"]
    assert accounts == [
        ("active", moment(1), moment(2)),
        ("deleted", moment(2), moment(3)),
        ("active", moment(3), None),
    ]
    assert [row["value"] for row in changes if row["fact"] == "target id"] == ["target-fay", "first", "second"]
    assert state(given)[0][1:3] == ("in_sync", "active")
    [case] = given.answer("leaver_cases", as_of=moment(4))
    assert (case["outcome"], case["ended_at"], case["again_at"], case["again_as"]) == (
        "done",
        moment(2),
        moment(3),
        "second",
    )
    [issue] = given.answer("issues")
    [person] = given.answer("issue_people", issue=issue["issue"], job=issue["job_id"])
    assert (person["standing"], person["again_at"]) == ("settled", moment(3))


def test_assignment_taken_away_or_given_is_a_scope_move(given: Given) -> None:
    for who in ("ann", "cyd", "dee"):
        given.succeeded(who, 1, action="create", steps=judged(IN_SCOPE))
    given.disabled("ann", 2, steps=judged(UNASSIGNED))
    given.skipped("ann", "NotEffectivelyEntitled", 3)
    given.succeeded("bob", 2, hour=1, action="create", steps=judged(IN_SCOPE))
    given.succeeded("cyd", 2, hour=2, action="delete")
    given.disabled("dee", 2, hour=3, steps=judged(IN_SCOPE))
    moves = given.answer("scope_moves")
    assert [(row["turn"], row["name"], row["moved_at"]) for row in moves] == [
        ("came", "bob@example.com", moment(2, 1)),
        ("left", "ann@example.com", moment(2)),
    ]
    assert "not assigned" in moves[1]["sentence"] or "not entitled" in moves[1]["sentence"]
    assert [row["turn"] for row in given.answer("scope_moves", since=moment(2, 1))] == ["came"]


def test_whoever_is_in_scope_and_was_never_provisioned_waits_the_oldest_first(given: Given) -> None:
    new = {"action": "create", "target_id": None}
    given.failed("ivy", 2, **new)
    given.failed("hal", 1, **new)
    given.skipped("hal", "NotEffectivelyEntitled", 2, target_id=None)
    given.failed("hal", 3, **new)
    given.failed("jon", 1, **new)
    given.succeeded("jon", 2, action="create")
    given.failed("kim", 1)
    given.skipped("lea", "NotEffectivelyEntitled", 1, target_id=None)
    rows = given.answer("never_provisioned")
    assert [(row["name"], row["since"], row["attempts"]) for row in rows] == [
        ("ivy@example.com", moment(2), 1),
        ("hal@example.com", moment(3), 2),
    ]


def test_an_attribute_that_every_create_wrote_is_missed_once_the_stored_change_empties_it(given: Given) -> None:
    for who in ("ann", "bob", "gus"):
        given.succeeded(who, 1, action="create", changes=wrote("emails", f"{who}@example.com") + wrote("title", None))
    given.succeeded("gus", 2, changes=wrote("emails", None, "gus@example.com"))
    given.succeeded("ann", 2, changes=wrote("emails", None, "ann@example.com"))
    given.succeeded("ann", 3, changes=wrote("emails", "ann@example.org"))
    given.succeeded("bob", 2, changes=wrote("title", None, "Lead"))
    rows = given.answer("failing_next")
    assert [(row["name"], row["attribute"], row["known_by"], row["since"]) for row in rows] == [
        ("gus@example.com", "emails", "change", moment(2))
    ]


def test_the_leavers_of_the_digest_are_those_of_the_page(given: Given) -> None:
    given.succeeded("ann", 1, action="create")
    given.disabled("ann", 2)
    given.succeeded("ann", 3, changes=wrote("active", "True", "False"))
    given.failed("ann", 4, action="disable")
    page = given.answer("leavers_active", as_of=moment(5))
    assert [row["name"] for row in page] == ["ann@example.com"]
    assert [(row["name"], row["outcome"], row["done"]) for row in given.answer("leavers")] == [
        ("ann@example.com", "open", False)
    ]


ACTS: dict[str, dict[str, Any]] = {
    "create": {"action": "create"},
    "update": {"changes": wrote("title", "Lead")},
    "disable": {"action": "disable"},
    "delete": {"action": "delete"},
    "failing create": {"action": "create", "status": "failure", "error_code": "EntryConflict"},
    "failing update": {"status": "failure", "error_code": "EntryConflict"},
    "failing disable": {"action": "disable", "status": "failure", "error_code": "EntryConflict"},
    "skip": {"action": "other", "status": "skipped", "skip_reason": "NotEffectivelyEntitled"},
}
"What is done to one account in one second, in the order in which it is done."


@pytest.mark.parametrize(
    ("first", "then", "right"),
    [
        ("create", "update", ("in_sync", "active")),
        ("create", "disable", ("disabled", "disabled")),
        ("create", "delete", ("deleted", "deleted")),
        ("create", "failing update", ("failing", "active")),
        ("update", "disable", ("disabled", "disabled")),
        ("update", "failing update", ("failing", "active")),
        ("update", "failing disable", ("failing", "active")),
        ("disable", "delete", ("deleted", "deleted")),
        ("skip", "disable", ("disabled", "disabled")),
        ("failing create", "update", ("in_sync", "active")),
    ],
)
def test_events_of_one_second_are_in_the_order_of_what_they_do_however_they_come(
    given: Given, first: str, then: str, right: tuple[str, str]
) -> None:
    for number in range(12):
        who, at = f"p{number:02}", moment(1, 9)
        # The ids, and with them their hashes, are others each time; half of the pairs come backwards, in two loads.
        pair = [{"status": "success"} | ACTS[name] for name in (first, then)]
        for each in pair if number % 2 else pair[::-1]:
            given.event(who, at=at, event_id=f"{who}-{each.get('action')}-{each['status']}", **each)
            if number % 4 < 2:
                given.stored()
    assert [row[1:3] for row in state(given)] == [right] * 12


def test_a_create_that_the_app_did_not_answer_leaves_unknown_whether_there_is_an_account(given: Given) -> None:
    timeout = {"action": "create", "target_id": None, "error_code": "Timeout", "http_status": None}
    for who in ("tim", "tok", "okk", "rex"):
        given.failed(who, 2, **timeout)
    given.failed("ann", 2, action="create", target_id=None)
    given.skipped("ann", "NotEffectivelyEntitled", 3, steps=judged(UNASSIGNED))
    given.skipped("tim", "NotEffectivelyEntitled", 3, steps=judged(UNASSIGNED))
    given.failed("tok", 3, action="create", target_id=None)
    given.succeeded("okk", 3)
    given.succeeded("rex", 0, action="create")
    given.event("rex", "success", moment(1), action="delete")
    assert {row[0][:3]: row[2] for row in state(given)} == {
        "ann": "absent", "okk": "active", "rex": "unknown", "tim": "unknown", "tok": "unknown",
    }  # fmt: skip
    kept = given.answer("trap_unassigned", as_of=moment(4))
    assert [row["name"][:3] for row in kept] == ["tim"] and "did not answer the create" in kept[0]["seen"]
    history = [row for row in given.answer("account_changes", object="id-okk") if row["fact"] == "account"]
    assert [row["value"] for row in history] == ["unknown", "active"]


def test_an_account_that_was_made_disabled_stays_so_at_a_create_that_fails(given: Given) -> None:
    given.succeeded("dan", 1, action="create", changes=wrote("active", "False"))
    given.failed("dan", 2, action="create")
    assert [row[1:3] for row in state(given)] == [("failing", "disabled")]
    history = [row for row in given.answer("account_changes", object="id-dan") if row["fact"] == "account"]
    assert [row["value"] for row in history] == ["disabled"]
