"""Who was to go and whether they went: cases, the survival curve by hand, and the traps, each firing and silent."""

import json
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from pipeline.config.settings import read_settings
from pipeline.store.lake import Store, open_store
from tests.support.given import Given, moment
from tests.support.given import job_id as job
from tests.support.pages import app, healthy, table, text

NOW = {"as_of": moment(14)}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One lake for all of these: opening one takes longer than what most of them do with it."""
    catalog = tmp_path_factory.mktemp("lake") / "catalog.sqlite"
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{catalog}"))
    yield store
    store.close()


@pytest.fixture
def given(lake: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Given]:
    """The lake, emptied of what the test before has said."""
    monkeypatch.setenv("PROVISIONING_STORE", lake.settings.store)
    yield Given(lake)
    lake.write(lambda cursor: [cursor.execute(f"delete from {table}") for table in READ])


READ = (
    "events", "exchanges", "job_snapshots", "identity_parts", "hourly_parts", "cycle_parts", "problems", "footings",
    "pending_retries", "event_spine", "member_claims", "account_writers",
)  # fmt: skip
"What the questions and pages of these tests read."


def step(kind: str, **details: str) -> dict[str, str]:
    """A step that saw something; two underscores in a name stand for spaces."""
    seen = json.dumps({name.replace("__", " "): value for name, value in details.items()})
    return {"name": "EntryImport", "type": kind, "status": "success", "description": "", "details": seen}


def resource(who: str, **more: object) -> str:
    """The body of somebody's account in the app."""
    return json.dumps({"id": f"target-{who}", "userName": f"{who}@example.com"} | more)


def answered(given: Given, who: str, day: int, hour: int, minute: int = 0, **more: object) -> None:
    """The app shows somebody's account."""
    given.exchanged(
        "GET", f"/Users/target-{who}", 200, moment(day, hour, minute), app_id="app-cerby", resource_id=f"target-{who}",
        operation="read", response_body=resource(who, **more),
    )  # fmt: skip


def group(given: Given, name: str, day: int, hour: int, *, add: str = "", take: str = "", **more: Any) -> None:
    """A group's membership was written."""
    change = {"attribute": "members", "old_value": take or None, "new_value": add or None}
    told = {"source_type": "Group", "upn": None, "changes": [change]} | more
    given.succeeded(name, day, hour, **told)


def tried(given: Given, who: str, day: int, hour: int, **more: Any) -> None:
    """A disable that failed."""
    given.failed(who, day, hour, action="disable", **more)


def cases(given: Given, **more: Any) -> dict[str, dict[str, Any]]:
    """Gives each person's case, by the part of the name before the @."""
    return {row["name"].split("@")[0]: row for row in given.answer("leaver_cases", **NOW, **more)}


def test_a_case_lasts_from_the_first_request_through_failures_until_it_is_done(given: Given) -> None:
    tried(given, "ada", 1, 9)
    tried(given, "ada", 1, 15)
    given.disabled("ada", 2, 9)
    row = cases(given)["ada"]
    assert (row["kind"], row["outcome"], row["started_from"]) == ("disable", "done", "event")
    assert (row["started_at"], row["took_s"], row["requests"], row["failures"]) == (moment(1, 9), 86_400, 3, 2)


def test_what_an_import_showed_before_the_request_starts_the_case_as_its_trigger(given: Given) -> None:
    given.succeeded("ada", 1)
    seen = step("import", accountEnabled="False", IsSoftDeleted="True")
    given.skipped("ada", "NotEffectivelyEntitled", 2, steps=[seen], action="other")
    given.disabled("ada", 3, steps=[seen])
    row = cases(given)["ada"]
    assert (row["started_from"], row["left_as"], row["started_at"]) == ("trigger", "account disabled", moment(2))
    assert row["took_s"] == 86_400


def test_a_delete_after_a_disable_is_a_case_of_its_own_and_waits_from_its_own_request(given: Given) -> None:
    gone = step("import", IsSoftDeleted="True")
    given.disabled("ada", 1, steps=[gone])
    given.skipped("ada", "NotEffectivelyEntitled", 3, steps=[gone])
    given.failed("ada", 9, action="delete", steps=[gone])
    rows = given.answer("leaver_cases", **NOW)
    assert [(row["kind"], row["outcome"], row["started_at"]) for row in rows] == [
        ("delete", "open", moment(9)),
        ("disable", "done", moment(1)),
    ]


def test_a_success_that_wants_the_account_again_calls_the_case_off_and_a_skip_for_entitlement_does_not(
    given: Given,
) -> None:
    for who in ("ada", "bob"):
        tried(given, who, 1, 9)
    given.succeeded("ada", 2)
    given.skipped("bob", "NotEffectivelyEntitled", 2, action="other")
    assert {who: row["outcome"] for who, row in cases(given).items()} == {"ada": "called off", "bob": "open"}
    [left] = given.answer("leavers_active", **NOW)
    assert (left["name"], left["skip_reason"], left["started_at"]) == (
        "bob@example.com",
        "NotEffectivelyEntitled",
        moment(1, 9),
    )


@pytest.mark.parametrize("spelled", ["False", "false", "FALSE", "0", "No", "no"])
def test_a_boolean_is_read_in_every_spelling(given: Given, spelled: str) -> None:
    given.succeeded("ada", 1, steps=[step("import", accountEnabled=spelled)])
    given.failed("ada", 2, action="disable")
    assert cases(given)["ada"]["left_as"] == "account disabled"
    [values] = given.store.rows("select truth_value(?), truth_value('Yes'), truth_value('perhaps')", [spelled])
    assert values == (False, True, None)


def test_a_disable_that_both_sides_match_already_is_done(given: Given) -> None:
    tried(given, "ada", 1, 9)
    given.skipped("ada", "RedundantExport", 1, 10, action="disable")
    assert cases(given)["ada"]["outcome"] == "done"


def test_a_disable_is_known_by_its_last_step_too(given: Given) -> None:
    given.succeeded("ada", 1, action="update", last_step="EntryExportUpdateSoftDelete")
    assert cases(given)["ada"]["kind"] == "disable"


def test_a_staged_delete_is_held_back_until_somebody_decides_and_is_no_time(given: Given) -> None:
    for who in ("ada", "bob"):
        given.succeeded(who, 1, action="stagedDelete")
    given.succeeded("bob", 3, action="delete")
    given.observed("Cerby", "Quarantine", 2, deletion_threshold=500)
    [held] = given.answer("leavers_held", **NOW)
    assert (held["name"], held["staged_at"], held["threshold"]) == ("ada@example.com", moment(1), 500)
    [times] = given.answer("deprovision_times", **NOW)
    assert (times["kind"], times["cases"], times["done"]) == ("delete", 1, 1)


def test_groups_are_no_leavers_and_the_window_is_that_of_the_beginning(given: Given) -> None:
    given.succeeded("crew", 1, action="delete", source_type="Group")
    given.disabled("ada", 1)
    given.disabled("bob", 5)
    assert list(cases(given, since=moment(2))) == ["bob"]


def test_the_survival_curve_is_that_of_a_hand_computed_example(given: Given) -> None:
    # Hours: went at 1, 3, 3 and 8; seen without going until 2 (called off) and 6 (open at the end).
    # S(1) = 5/6; S(3) = 5/6 * 2/4 = 5/12; S(8) = 5/12 * 0/1 = 0.
    end = {"as_of": moment(3)}
    for who, hours in (("ada", 1), ("bob", 3), ("cy", 3), ("dan", 8)):
        tried(given, who, 2, 0)
        given.disabled(who, 2, hours)
    tried(given, "eve", 2, 0)
    given.succeeded("eve", 2, 2)
    tried(given, "fay", 2, 18)
    curve = given.answer("deprovision_curve", until=moment(3), **end)
    told = [(row["took_s"] / 3600, row["at_risk"], row["went"], row["left_sight"]) for row in curve]
    assert told == [(1, 6, 1, 0), (2, 5, 0, 1), (3, 4, 2, 0), (6, 2, 0, 1), (8, 1, 1, 0)]
    assert [row["still_share"] for row in curve] == pytest.approx([5 / 6, 5 / 6, 5 / 12, 5 / 12, 0])
    # Greenwood: 1/(6*5) + 2/(4*2) = 0.28333; S ** exp(±1.96 * sqrt(0.28333) / ln(5/12)).
    assert (curve[2]["low_share"], curve[2]["high_share"]) == pytest.approx((0.0560, 0.7665), abs=1e-3)
    [times] = given.answer("deprovision_times", until=moment(3), **end)
    assert (times["p50_s"], times["p95_s"]) == (3 * 3600, 8 * 3600)
    assert (times["done"], times["still_open"], times["called_off"]) == (4, 1, 1)


def test_a_quantile_that_the_curve_does_not_reach_is_null(given: Given) -> None:
    given.disabled("ada", 1)
    for who in ("bob", "cy"):
        tried(given, who, 1, 9)
    [times] = given.answer("deprovision_times", **NOW)
    assert (times["p50_s"], times["p95_s"], times["still_open"]) == (None, None, 2)


def test_the_unassigned_who_were_never_disabled_are_found(given: Given) -> None:
    for who in ("ada", "bob", "cy"):
        given.succeeded(who, 1, 9)
    for who in ("ada", "bob", "dan"):
        given.skipped(who, "NotEffectivelyEntitled", 2, action="other")
    given.disabled("bob", 2, 1)
    [row] = given.answer("trap_unassigned", **NOW)
    assert (row["name"], row["since"]) == ("ada@example.com", moment(2))
    assert "no disable was ever requested" in row["seen"]
    given.succeeded("ada", 3)
    assert given.answer("trap_unassigned", **NOW) == []


def test_the_unassigned_who_were_deleted_elsewhere_are_found_where_no_delete_was_sent(given: Given) -> None:
    unassigned = step("scoping", Assigned__to__the__application="False")
    for who in ("ada", "bob"):
        given.succeeded(who, 1, app="Cerby")
        given.succeeded(who, 1, app="Zoom")
        given.disabled(who, 2, app="Cerby", steps=[unassigned])
    given.succeeded("ada", 9, app="Zoom", action="delete")
    [row] = given.answer("trap_unassigned_deleted", **NOW)
    assert (row["app_name"], row["name"], row["since"]) == ("Cerby", "ada@example.com", moment(9))
    assert "Zoom received the deletion" in row["seen"] and "is disabled" in row["seen"]
    given.succeeded("ada", 9, 1, app="Cerby", action="delete")
    assert given.answer("trap_unassigned_deleted", **NOW) == []
    enabled = [{"attribute": "active", "old_value": "False", "new_value": "True"}]
    given.succeeded("bob", 10, app="Cerby", changes=enabled)
    given.skipped("bob", "NotEffectivelyEntitled", 11, action="other", app="Cerby")
    given.succeeded("bob", 12, app="Zoom", action="delete")
    [row] = given.answer("trap_unassigned_deleted", **NOW)
    assert (row["name"], row["seen"].partition("it. ")[2]) == (
        "bob@example.com",
        "The account there is in use as before.",
    )


@pytest.mark.parametrize("away", ["removed", "out of scope"])
def test_who_came_back_without_the_groups_of_before_is_found(given: Given, away: str) -> None:
    for who in ("ada", "bob", "cy"):
        given.succeeded(who, 1, 8)
    group(given, "crew", 1, 9, add="id-ada, id-bob, id-cy")
    group(given, "crew", 2, 9, take="id-cy")
    for who in ("ada", "bob", "cy"):
        if away == "removed":
            given.disabled(who, 3)
        else:
            given.skipped(who, "NotEffectivelyEntitled", 3, action="other")
        given.succeeded(who, 5)
    group(given, "crew", 6, 9, add="id-bob")
    [row] = given.answer("trap_memberships", **NOW)
    assert (row["name"], row["was"], row["since"]) == ("ada@example.com", away, moment(5))
    assert row["seen"].startswith("Back since" if away == "removed" else "In scope again")
    assert row["seen"].endswith("Before: Crew.")


@pytest.mark.parametrize(
    ("attribute", "held"),
    [
        ("title", {"title": "Baker"}),
        ("name.givenName", {"name": {"givenName": "Baker"}}),
        (
            'emails[type eq "work"].value',
            {"emails": [{"type": "home", "value": ""}, {"type": "work", "value": "Baker"}]},
        ),
        ("urn:example:2.0:User:department", {"urn:example:2.0:User": {"department": "Baker"}}),
    ],
)
def test_a_null_that_never_flowed_is_found_in_the_app_s_own_answer(
    given: Given, attribute: str, held: dict[str, object]
) -> None:
    emptied = {"attribute": attribute, "old_value": "Baker", "new_value": None}
    for who in ("ada", "bob", "cy"):
        given.succeeded(who, 2, changes=[emptied])
    answered(given, "ada", 3, 9, **held)
    answered(given, "bob", 3, 9)
    [row] = given.answer("trap_null", **NOW)
    assert (row["name"], row["since"]) == ("ada@example.com", moment(2))
    assert f"{attribute} was emptied" in row["seen"] and "‹Baker›" in row["seen"]
    given.succeeded("ada", 4, changes=[emptied | {"old_value": None, "new_value": "Cook"}])
    assert given.answer("trap_null", **NOW) == []


@pytest.mark.parametrize("active", [True, "True"])
def test_an_account_that_stays_active_after_a_good_disable_is_found(given: Given, active: object) -> None:
    for who in ("ada", "bob", "cy"):
        given.disabled(who, 2)
    answered(given, "ada", 3, 9, active=active)
    answered(given, "bob", 3, 9, active=active)
    answered(given, "bob", 4, 9, active=False)
    given.succeeded("cy", 2, 12)
    answered(given, "cy", 3, 9, active=active)
    [row] = given.answer("trap_still_active", **NOW)
    assert (row["name"], row["since"]) == ("ada@example.com", moment(3, 9))


def test_an_account_that_was_passed_on_is_not_that_of_who_left(given: Given) -> None:
    for who in ("ada", "bob", "cy", "dan"):
        given.succeeded(who, 1)
    for who in ("ada", "bob"):
        given.disabled(who, 2)
        answered(given, who, 4, 9, active=True)
    for who in ("cy", "dan"):
        given.skipped(who, "NotEffectivelyEntitled", 2, action="other")
    # Ada and Cy are hired again: Entra finds their accounts and writes them for other ids.
    for who in ("ada", "cy"):
        given.succeeded("hired again", 4, source_id=f"id-{who}-2", target_id=f"target-{who}")
    assert [row["name"] for row in given.answer("trap_still_active", **NOW)] == ["bob@example.com"]
    assert [row["name"] for row in given.answer("trap_unassigned", **NOW)] == ["dan@example.com"]
    before = NOW | {"as_of": moment(3)}
    assert {row["name"] for row in given.answer("trap_unassigned", **before)} == {"cy@example.com", "dan@example.com"}


def test_a_read_from_before_the_disable_is_no_proof_against_it(given: Given) -> None:
    given.disabled("ada", 2)
    answered(given, "ada", 1, 9, active=True)
    assert given.answer("trap_still_active", **NOW) == []


def test_another_job_s_leavers_are_not_counted(given: Given) -> None:
    given.disabled("ada", 2, app="Zoom")
    tried(given, "bob", 2, 1, app="Cerby")
    assert [row["name"] for row in given.answer("leavers_active", **NOW, job=job("Zoom"))] == []
    assert [row["name"] for row in given.answer("leavers_active", **NOW, job=job("Cerby"))] == ["bob@example.com"]


def test_a_removal_is_held_against_the_app_s_own_log(given: Given) -> None:
    for place, who in enumerate(("ada", "bob", "cy")):
        given.disabled(who, 2, 9, place)
        if who != "bob":
            status = 200 if who == "ada" else 500
            given.exchanged(
                "PATCH", f"/Users/target-{who}", status, moment(2, 9, place, 2), app_id="app-cerby",
                resource_id=f"target-{who}", resource_type="User", operation="disable",
            )  # fmt: skip
    given.disabled("dan", 9)
    rows = given.answer("deprovision_heard", **NOW)
    assert {row["name"].split("@")[0]: (row["cell"], row["http_status"]) for row in rows} == {
        "ada": ("both well", 200),
        "bob": ("never seen", None),
        "cy": ("refused but well", 500),
        "dan": ("not known", None),
    }
    assert rows[-1]["name"] == "ada@example.com"


def test_the_page_says_who_is_still_there_since_when_and_why(given: Given) -> None:
    failure = {"error_code": "InternalServerError", "http_status": 500, "reason": "StatusCode: InternalServerError"}
    tried(given, "ada", 2, 9, **failure, retry_at=moment(2, 15))
    given.disabled("bob", 2, 9)
    given.succeeded("cy", 3, action="stagedDelete")
    given.stored()
    test = healthy(app("leavers"))
    [said] = [one.value for one in test.error]
    assert said.startswith("1 leaver still has access, the first since 21 Jan, 09:00: ada")
    why = "(failed: the app failed on its own side, retry was due 21 Jan, 15:00). 1 deletion is held."
    assert why in said.replace("\\", "")
    drawn = text(test)
    assert "Times count from the first event that requests the removal." in drawn
    assert "Allow deletes" in drawn and "6 of 7 checks found nothing in the data that was read" in drawn
    assert "Held deletions: 1" in [one.label for one in test.expander]
    [row] = table(test, "open_for").to_dict("records")
    assert (row["status"], row["action"], row["requests"]) == (["Has access"], "Disable", 1)
    assert list(table(test, "half")["half"]) == ["Immediately (first attempt)"]
    assert list(table(test, "half")["most"]) == ["Not reached"]
    assert [one.value for one in test.metric][:1] == ["At least 2"], "with the deletion that is held"
    [job] = table(test, "half")["job_id"]
    cases = table(healthy(app("leavers", cases=f"disable {job}")), "took")
    assert {name.split("@")[0] for name in cases["name"]} == {"ada", "bob"}
    panel = text(healthy(app("leavers", object=row["source_id"], event=row["event_id"])))
    assert "**Removal**" in panel and "- Error code: `InternalServerError`" in panel and "Status by app" in panel


def test_the_page_says_what_is_not_known_when_no_removal_is_pending(given: Given) -> None:
    given.disabled("bob", 2, 9)
    given.stored()
    test = healthy(app("leavers"))
    assert not test.success
    assert "Unknown] No pending removals in the log; 1 removal done in this time range." in text(test)
    assert "Unknown whether all leavers are removed: the data ends 21 Jan 2026, 09:00" in text(test)
    answered(given, "bob", 3, 9, active=True)
    given.stored()
    [said] = [one.value for one in healthy(app("leavers")).error]
    assert "1 more account may be in use without an error." in said


def test_nothing_stored_is_no_leaver(given: Given) -> None:
    assert given.answer("deprovision_times", **NOW) == []


def test_the_short_ways_to_open_and_to_held_cases_give_what_all_cases_hold(given: Given) -> None:
    chance = Random(7)
    for minute in range(600):
        who, kind = f"p{chance.randrange(40)}", chance.choice(("disable", "delete", "stagedDelete", "update"))
        status = chance.choice(("success", "failure", "skipped"))
        reason = chance.choice(("RedundantExport", "NotEffectivelyEntitled")) if status == "skipped" else None
        given.event(
            who, status, moment(1) + timedelta(minutes=minute), action=kind, skip_reason=reason, error_code=None
        )
    store = given.stored()
    found = {"open": 0, "held back": 0}
    for hour in range(11):
        at = [moment(1, hour)]
        for outcome, short in (("open", "unended := true"), ("held back", "only_kind := 'stagedDelete'")):
            every, few = (
                sorted(map(repr, store.rows(f"from leaver_cases(?{more}) where outcome = '{outcome}'", at)))
                for more in ("", f", {short}")
            )
            assert every == few
            found[outcome] += len(few)
    assert min(found.values()) > 50
