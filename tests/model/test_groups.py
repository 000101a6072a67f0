"""The ledger of groups' members: from events, from requests, against the app's own list; and the page that shows it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import read_settings
from pipeline.ingest.files import ingest
from pipeline.store.lake import Store, open_store
from tests.support.given import Given, Row, job_id, moment
from tests.support.pages import app, healthy, table, text

CERBY = job_id("Cerby")
SAMPLE = Path(__file__).parents[2] / "sample_logs"
TEN = [f"person{number}" for number in range(10)]


def grouped(
    given: Given, status: str, day: int, *, group: str = "design", new: str | None = None, old: str | None = None,
    **more: Any,
) -> None:  # fmt: skip
    """An event of a group that wanted its members altered."""
    changes = [{"attribute": "members", "old_value": old, "new_value": new}]
    who: Row = {"source_name": group.title(), "source_type": "Group", "upn": None, "changes": changes}
    given.event(group, status, moment(day, 9), **(who | more))


def requested(
    given: Given, day: int, group: str, *, method: str = "PATCH", status: int | None = 204, **more: Any
) -> None:
    """A request about a group in the app."""
    path, number = f"/Groups/target-{group}", len(given.rows["exchanges"])
    named: Row = {"exchange_id": f"{group}-{day}-{number}", "resource_id": f"target-{group}", "resource_type": "Group"}
    given.exchanged(method, path, status, moment(day, 9, 1), **(named | more))


def patched(given: Given, day: int, *operations: Row, group: str = "design", **more: Any) -> None:
    """A request that alters the members of a group in the app."""
    requested(given, day, group, request_body=json.dumps({"Operations": list(operations)}), **more)


def added(*who: str) -> Row:
    return {"op": "Add", "path": "members", "value": [{"value": one} for one in who]}


def replaced(*who: str) -> Row:
    return {"op": "Replace", "path": "members", "value": [{"value": one} for one in who]}


def people(given: Given, *who: str) -> None:
    """Events that name people and their accounts in the app."""
    for one in who:
        given.succeeded(one)


def say_everything(given: Given) -> None:
    """A tenant in which each group is there for one claim."""
    people(given, "ada", "bob", "eve", "kim", *TEN)
    unable = "We were unable to assign person0@example.com, person1@example.com, Person2 as the members of Ten."
    for day in (1, 2):
        grouped(given, "failure", day, group="ten", new=", ".join(f"id-{one}" for one in TEN), reason=unable)

    step: Row = {"name": "EntryExportUpdate", "type": "export", "status": "failure", "details": "{}"}
    step["description"] = "We were unable to assign ada@example.com as the members of Step."
    grouped(given, "failure", 1, group="step", new="id-ada", steps=[step])

    grouped(given, "success", 1, group="both", new="id-ada")
    patched(given, 1, added("TARGET-ADA", "target-bob"), group="both")
    patched(given, 2, {"op": "remove", "path": 'members[value eq "target-bob"]'}, group="both")

    grouped(given, "success", 1, group="lists", new='["id-ada", "id-bob"]')
    grouped(given, "success", 2, group="lists", old="id-ada;id-bob", new="id-bob")

    grouped(given, "success", 1, group="refused", new="id-eve")
    patched(given, 2, added("target-ada"), group="refused", status=400)
    patched(given, 3, added("target-bob"), group="refused", status=None)
    patched(given, 4, {"op": "remove", "path": "members"}, group="refused", status=500)

    grouped(given, "success", 1, group="nameless")
    patched(given, 1, added("f648f8d5"), group="nameless")

    for name in ("emptied", "refilled", "deleted"):
        grouped(given, "success", 1, group=name, new="id-ada, id-bob, id-eve")
    patched(given, 2, {"op": "Remove", "path": "members"}, group="emptied")
    patched(given, 2, {"op": "Remove", "path": "members"}, added("target-ada", "target-bob"), group="refilled")
    requested(given, 2, "deleted", method="DELETE")
    grouped(given, "success", 1, group="unknown")
    patched(given, 2, {"op": "remove", "path": "members"}, group="unknown")

    grouped(given, "success", 1, group="halved", new="id-ada, id-bob, id-eve, id-kim")
    patched(given, 2, replaced("target-ada", "target-bob"), group="halved")
    patched(given, 3, added("target-eve", "target-kim"), group="halved")
    patched(given, 4, replaced("target-ada"), group="halved")

    grouped(given, "success", 1, group="listed", new="id-ada, id-bob")
    answer = {"id": "target-listed", "members": [{"value": "target-bob"}, {"value": "target-eve"}]}
    requested(given, 2, "listed", method="GET", status=200, response_body=json.dumps(answer))
    grouped(given, "success", 3, group="listed", new="id-eve", old="id-ada, id-bob")
    grouped(given, "success", 1, group="silent", new="id-ada")
    requested(given, 2, "silent", method="GET", status=200, response_body='{"id": "target-silent"}')


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One lake for all claims: they only ask."""
    folder = tmp_path_factory.mktemp("groups")
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    given = Given(store)
    say_everything(given)
    yield given.stored()
    store.close()


@pytest.fixture(scope="module")
def records(tenant: Store) -> dict[str, Row]:
    """What is known of each group two weeks later."""
    asked = tenant.ask("from group_records($at)", {"at": moment(14)}).to_pylist()
    return {row["group_id"].removeprefix("id-"): row for row in asked}


def states(record: Row) -> dict[str, str]:
    """How a group's members stand."""
    return {one["name"].partition("@")[0]: one["state"] for one in record["members"]}


def test_a_group_of_ten_with_three_unresolved_shows_seven_and_the_three(tenant: Store, records: dict[str, Row]) -> None:
    ledger = {row["group_name"]: row for row in Given(tenant).answer("group_ledger")}
    row = ledger["Ten"]
    assert (row["attempted"], row["confirmed"], row["not_refused"], row["unresolved"]) == (10, 0, 7, 3)
    assert row["unresolved_names"] == "person0@example.com, person1@example.com, person2@example.com"
    assert list(ledger)[:4] == ["Ten", "Step", "Emptied", "Halved"]
    assert states(records["ten"]) == {one: "unresolved" if one in TEN[:3] else "not refused" for one in TEN}
    assert {one["since"] for one in records["ten"]["members"]} == {moment(1, 9)}
    assert [one["after"] for one in records["ten"]["units"]] == [7, 7]


def test_the_failing_steps_text_is_read_where_there_is_no_reason(records: dict[str, Row]) -> None:
    assert states(records["step"]) == {"ada": "unresolved"}


def test_events_and_requests_name_one_member_by_different_ids(records: dict[str, Row]) -> None:
    assert states(records["both"]) == {"ada": "in place", "bob": "removed"}
    assert [one["source"] for one in records["both"]["units"]] == ["event", "wire", "wire"]


def test_an_event_that_takes_members_out_counts_as_such(records: dict[str, Row]) -> None:
    assert states(records["lists"]) == {"ada": "removed", "bob": "in place"}


def test_an_event_that_only_spells_a_member_otherwise_takes_nobody_out(given: Given) -> None:
    people(given, "ada")
    grouped(given, "success", 1, new="id-ada")
    grouped(given, "success", 2, old="id-ada", new="ada@example.com")
    grouped(given, "success", 3, old="ada@example.com", new="ID-ADA")
    assert states(asked(given)["id-design"]) == {"ada": "in place"}


def test_a_refused_request_and_one_without_an_answer_confirm_nobody(records: dict[str, Row]) -> None:
    assert states(records["refused"]) == {"ada": "failed", "bob": "unknown", "eve": "in place"}


def test_a_member_whom_nobody_names_keeps_the_id_of_the_request(records: dict[str, Row]) -> None:
    [one] = records["nameless"]["members"]
    assert (one["name"], one["known"], one["state"]) == ("f648f8d5", False, "in place")


def test_a_remove_without_a_value_is_flagged_with_everybody_it_lost(records: dict[str, Row]) -> None:
    [_, newest] = records["emptied"]["units"]
    assert (newest["flag"], newest["before"], newest["after"]) == ("emptied", 3, 0)
    assert newest["lost"] == ["ada@example.com", "bob@example.com", "eve@example.com"]
    assert set(states(records["emptied"]).values()) == {"removed"}


def test_a_replace_by_less_than_half_is_flagged_and_one_by_half_is_not(records: dict[str, Row]) -> None:
    flags = [(one["flag"], one["before"], one["after"]) for one in records["halved"]["units"]]
    assert flags == [(None, 0, 4), (None, 4, 2), (None, 2, 4), ("halved", 4, 1)]


def test_a_request_that_empties_and_fills_again_loses_only_whom_it_leaves_out(records: dict[str, Row]) -> None:
    [_, newest] = records["refilled"]["units"]
    assert (newest["flag"], newest["lost"], newest["after"]) == (None, ["eve@example.com"], 2)


def test_an_emptied_group_of_unknown_size_is_flagged_too(records: dict[str, Row]) -> None:
    [only] = records["unknown"]["units"]
    assert (only["flag"], only["before"], only["lost"]) == ("emptied", 0, [])


def test_a_deleted_group_is_not_called_emptied(records: dict[str, Row]) -> None:
    assert [one["flag"] for one in records["deleted"]["units"]] == [None, "deleted"]


def test_the_apps_own_list_is_held_against_the_records(records: dict[str, Row]) -> None:
    seen = records["listed"]["seen"]
    assert (seen["seen"], seen["implied"]) == (2, 2)
    assert (seen["missing"], seen["unexplained"]) == (["ada@example.com"], ["eve@example.com"])


def test_an_answer_without_members_says_nothing_about_them(records: dict[str, Row]) -> None:
    assert records["silent"]["seen"] is None


def test_what_came_later_than_the_instant_asked_about_is_left_out(tenant: Store) -> None:
    [row] = tenant.ask("from group_records($at, only_group := 'id-halved')", {"at": moment(2, 12)}).to_pylist()
    assert states(row) == {"ada": "in place", "bob": "in place", "eve": "removed", "kim": "removed"}


def asked(given: Given, more: str = "") -> dict[str, Row]:
    """What is known of the groups of a lake of a test's own, two weeks later, by group."""
    rows = given.stored().ask(f"from group_records($at{more})", {"at": moment(14)}).to_pylist()
    return {row["group_id"]: row for row in rows}


def test_the_apps_log_may_spell_ids_in_another_case(given: Given) -> None:
    people(given, "ada")
    grouped(given, "success", 1, new="ID-ADA", target_id="Target-Design")
    patched(given, 2, {"op": "remove", "path": 'members[value eq "Target-Ada"]'}, resource_id="TARGET-design")
    patched(given, 3, added("target-ADA"), resource_id="target-DESIGN")
    [(group, record)] = asked(given).items()
    assert (group, record["job_id"], states(record)) == ("id-design", CERBY, {"ada": "in place"})
    assert [(one["source"], one["after"]) for one in record["units"]] == [("event", 1), ("wire", 0), ("wire", 1)]
    [one] = record["members"]
    assert (one["member_id"], one["since"], one["attempts"]) == ("id-ada", moment(3, 9, 1), 3)


def test_a_group_that_no_event_knows_goes_by_its_id_in_the_app(given: Given) -> None:
    people(given, "ada")
    patched(given, 1, added("id-ada", "f648f8d5"), group="only")
    listing = json.dumps({"members": [{"value": "id-ada"}]})
    requested(given, 2, "only", method="GET", status=200, response_body=listing)
    requested(given, 2, "unwritten", method="GET", status=200, response_body=listing)
    records = asked(given)
    record = records["target-only"]
    assert (record["job_id"], states(record)) == (None, {"ada": "in place", "f648f8d5": "in place"})
    assert record["seen"]["missing"] == ["f648f8d5"]
    assert (records["target-unwritten"]["units"], records["target-unwritten"]["last_at"]) == ([], None)
    assert records["target-unwritten"]["seen"]["unexplained"] == ["ada@example.com"]
    named = {row["group_name"]: row for row in Given(given.store).answer("group_ledger")}
    assert (named["target-only"]["attempted"], named["target-only"]["missing"]) == (2, 1)
    [row] = Given(given.store).answer("group_people", group="target-only")[:1]
    assert (row["name"], row["known"]) == ("ada@example.com", True)


def test_one_group_in_two_jobs_and_in_none_that_is_told_has_three_ledgers(given: Given) -> None:
    people(given, "ada", "bob", "eve")
    grouped(given, "success", 1, new="id-ada")
    grouped(given, "success", 1, new="id-bob", app="Desk", target_id="desk-design")
    grouped(given, "success", 1, new="id-eve", job_id=None, target_id=None)
    patched(given, 2, {"op": "remove", "path": "members"}, resource_id="desk-design")
    rows = given.stored().ask("from group_records($at, only_group := 'id-design')", {"at": moment(14)}).to_pylist()
    assert {row["job_id"]: states(row) for row in rows} == {
        CERBY: {"ada": "in place"}, job_id("Desk"): {"bob": "removed"}, None: {"eve": "in place"},
    }  # fmt: skip
    [row] = Given(given.store).answer("group_people", group="id-design")
    assert (row["job_id"], row["name"]) == (None, "eve@example.com")


def test_the_id_in_an_app_means_somebody_in_its_own_job_only(given: Given) -> None:
    given.succeeded("ada", app="Cerby", target_id="7")
    given.succeeded("bob", app="Desk", target_id="7")
    grouped(given, "success", 1)
    grouped(given, "success", 1, group="sales", app="Desk")
    for group in ("design", "sales", "only"):
        patched(given, 2, added("7"), group=group)
    found = {group: states(record) for group, record in asked(given).items()}
    assert found == {
        "id-design": {"ada": "in place"},
        "id-sales": {"bob": "in place"},
        "target-only": {"7": "in place"},
    }


def test_only_so_many_groups_are_told_of_those_with_most_trouble_first(given: Given) -> None:
    people(given, "ada", "bob")
    for group in ("calm", "refused", "taken"):
        grouped(given, "success", 1, group=group, new="id-ada")
    patched(given, 2, added("target-bob"), group="refused", status=400)
    patched(given, 2, added("target-bob"), group="calm")
    requested(given, 2, "taken", method="PUT", request_body=json.dumps({"members": [{"value": "target-bob"}]}))
    assert states(asked(given, ", most := 1")["id-refused"]) == {"ada": "in place", "bob": "failed"}
    assert set(asked(given, ", most := 2")) == {"id-refused", "id-taken"}
    assert set(asked(given, ", most := 2, only_job := 'scim.desk'")) == set()


def test_who_goes_and_comes_again_is_in_place_since_the_return(given: Given) -> None:
    people(given, "ada", "bob", "eve")
    grouped(given, "success", 1, new="id-ada, id-bob, id-eve")
    patched(given, 2, {"op": "remove", "path": "members"})
    grouped(given, "success", 3, new="id-ada")
    grouped(given, "success", 4, new="id-ada, id-bob")
    patched(given, 5, replaced("target-ada"), status=400)
    record = asked(given)["id-design"]
    came = [([one.partition("@")[0] for one in unit["added"]], unit["after"]) for unit in record["units"]]
    assert came == [(["ada", "bob", "eve"], 3), ([], 0), (["ada"], 1), (["bob"], 2), ([], 2)]
    assert states(record) == {"ada": "in place", "bob": "in place", "eve": "removed"}
    since = {one["name"].partition("@")[0]: (one["since"], one["attempts"]) for one in record["members"]}
    assert since == {"ada": (moment(5, 9, 1), 4), "bob": (moment(1, 9), 2), "eve": (moment(2, 9, 1), 1)}


def test_an_answer_that_breaks_off_says_nothing_and_spoils_nothing(given: Given) -> None:
    people(given, "ada")
    grouped(given, "success", 1, new="id-ada")
    for day, body in enumerate(['{"Members": [{"value": "id-ada"}]}', '{"members": [{"val', "", None], start=2):
        requested(given, day, "design", method="GET", status=200, response_body=body)
    assert asked(given)["id-design"]["seen"]["occurred_at"] == moment(2, 9, 1)


def test_the_page_ranks_what_lacks_most_and_opens_a_group_from_its_address(
    tenant: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", tenant.settings.store)
    test = app("groups", group="id-listed", of=CERBY)
    drawn = text(healthy(test))
    assert "In 2 of 13 groups, 4 members have no account in the app" in drawn
    assert "Most in Ten in Cerby (3)" in drawn
    assert "3 groups were emptied or halved: Emptied in Cerby lost 3 members at once." in drawn
    assert list(table(test, "unresolved_names")["group_name"])[:2] == ["Ten", "Step"]
    assert list(table(test, "attempts")["status"]) == [["Present"], ["Taken out"], ["Taken out"]]
    assert "the app listed 2 members; the records imply 2. Missing in the list: ada" in drawn
    drawn = text(healthy(app("groups", group="id-emptied", of=CERBY)))
    assert "a request emptied the group. 3 members of 3 lost:" in drawn
    assert "The app's log has no answer that lists this group's members" in drawn
    assert "No group “nobody” is known here" in text(healthy(app("groups", group="nobody")))


def test_the_planted_group_is_found_by_the_sample_and_its_key(store: Store) -> None:
    ingest(store, [SAMPLE / "log-analytics"])
    key = json.loads((SAMPLE / "answers.json").read_text())
    planted = next(story["facts"] for story in key["planted"] if story["story"] == "unresolved_members")
    rows = Given(store).answer("group_ledger", since=moment(-9), until=moment(9))
    [row, *others] = [row for row in rows if row["job_id"] in planted["job_ids"]]
    assert [row["group_name"]] == planted["subjects"]
    assert (row["attempted"], row["not_refused"]) == (10, 7)
    assert row["unresolved_names"].split(", ") == planted["unresolved"]
    assert {other["unresolved"] for other in others} == {0}
