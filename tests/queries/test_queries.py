"""Each question that a person acts on, asked of tenants small enough to be counted by hand."""

from datetime import timedelta

import pytest

from tests.support.given import FORTNIGHT, MONDAY, Given, Row, job_id, moment


def test_a_quarantined_job_needs_somebody_and_comes_first(given: Given) -> None:
    given.succeeded("ada", day=13, hour=1, app="Cerby")
    given.succeeded("ada", day=13, hour=1, app="Zoom")
    given.quarantined("Cerby", day=13, hour=5, since=moment(12, 4, 40))
    cerby, zoom = given.answer("fleet")
    assert (cerby["app_name"], cerby["state"], cerby["needs_you"]) == ("Cerby", "quarantine", True)
    assert (cerby["since"], cerby["cause"]) == (moment(12, 4, 40), "EncounteredQuarantineException")
    assert (zoom["app_name"], zoom["state"], zoom["needs_you"]) == ("Zoom", "healthy", False)


def test_a_quarantine_that_was_lifted_needs_nobody(given: Given) -> None:
    given.succeeded("ada", day=13, hour=1)
    given.quarantined("Cerby", day=3, hour=5, since=moment(3, 4))
    given.observed("Cerby", "Active", day=3, hour=9)
    [cerby] = given.answer("fleet")
    assert cerby["state"] == "healthy"
    [past] = given.answer("quarantine_history")
    assert (past["opened_at"], past["closed_at"], past["hours"]) == (moment(3, 4), moment(3, 9), 5.0)


def test_a_job_fails_when_most_of_ten_attempts_on_its_last_day_did(given: Given) -> None:
    for minute in range(6):
        given.failed("ada", day=13, hour=2, minute=minute)
    for minute in range(4):
        given.succeeded("bob", day=13, hour=3, minute=minute)
    [cerby] = given.answer("fleet")
    assert (cerby["state"], cerby["needs_you"], cerby["open_escrows"]) == ("failing", True, 1)


def test_a_failure_that_waits_for_its_retry_needs_nobody(given: Given) -> None:
    given.failed("ada", day=12, hour=2, retry_at=moment(12, 8))
    given.failed("ada", day=12, hour=8, retry_at=moment(13, 8))
    given.succeeded("bob", day=13, hour=8)
    [cerby] = given.answer("fleet")
    assert (cerby["state"], cerby["needs_you"], cerby["open_escrows"]) == ("waiting", False, 1)
    assert (cerby["since"], cerby["next_try_at"], cerby["cause"]) == (moment(12, 2), moment(13, 8), "EntryConflict")
    [ada] = given.answer("open_escrows")
    assert (ada["name"], ada["attempts"], ada["opened_at"]) == ("ada@example.com", 2, moment(12, 2))
    assert ada["dropped_at"] == moment(12, 2) + timedelta(days=28)


def test_a_silent_job_is_idle_only_when_a_status_says_that_it_lives(given: Given) -> None:
    given.succeeded("ada", day=2, app="Cerby")
    given.observed("Cerby", "Active", day=13, hour=20)
    given.succeeded("ada", day=2, app="Zoom")
    states = {job["app_name"]: job["state"] for job in given.answer("fleet")}
    assert states == {"Zoom": "unknown", "Cerby": "idle"}


def test_a_paused_job_is_stopped(given: Given) -> None:
    given.observed("Cerby", "Paused", day=13, hour=20)
    [cerby] = given.answer("fleet")
    assert (cerby["state"], cerby["needs_you"]) == ("stopped", True)


def test_in_place_leaves_out_whoever_is_not_meant_to_be_there(given: Given) -> None:
    given.succeeded("ada")
    given.succeeded("bob")
    given.failed("carol")
    given.skipped("dan", "AttributeValidationFailed")
    given.skipped("eve", "NotEffectivelyEntitled")
    given.skipped("fay", "RedundantExport")
    given.disabled("gus")
    given.skipped("hal", "AttributeValidationFailed", hour=1)
    given.skipped("hal", "NotEffectivelyEntitled", hour=2)
    [cerby] = given.answer("placements")
    assert (cerby["in_sync"], cerby["failing"], cerby["held_back"]) == (3, 1, 1)
    assert (cerby["out_of_scope"], cerby["disabled"], cerby["deleted"]) == (2, 1, 0)
    assert cerby["in_place_share"] == 3 / 5


@pytest.mark.parametrize(
    ("more", "is_initial"),
    [
        ({"state": "NotRun", "last_ended_at": None}, True),
        ({"state": "Active", "last_state": "Succeeded"}, True),
        ({"state": "Active", "total_units": 40, "completed_units": 3}, True),
        ({"state": "Active", "last_began_at": moment(13, 14)}, True),
        ({"state": "Quarantine", "last_ended_at": None}, True),
        ({"state": "Active", "steady_since": moment(-9), "last_state": "Succeeded"}, False),
        ({"state": "Active", "steady_since": moment(-9), "total_units": 40, "completed_units": 3}, False),
        ({"state": "Active"}, False),
    ],
)
def test_nobody_is_in_sync_until_the_initial_cycle_has_ended(given: Given, more: Row, is_initial: bool) -> None:
    given.succeeded("ada", day=13, hour=12)
    given.failed("bob", day=13, hour=12)
    given.observed("Cerby", str(more.pop("state")), day=13, hour=13, **more)
    given.succeeded("ada", app="Zoom")
    placed = {row["app_name"]: row for row in given.answer("placements")}
    cerby = placed["Cerby"]
    expected = (None, None) if is_initial else (1, 0.5)
    assert (cerby["in_sync"], cerby["in_place_share"], cerby["is_initial"]) == (*expected, is_initial)
    assert cerby["failing"] == 1
    assert (placed["Zoom"]["in_sync"], placed["Zoom"]["is_initial"]) == (1, False)


def test_in_sync_is_known_again_when_the_initial_cycle_has_ended(given: Given) -> None:
    given.succeeded("ada", day=13, hour=12)
    given.observed("Cerby", "NotRun", day=13, hour=12, last_ended_at=None)
    assert given.answer("placements")[0]["in_sync"] is None
    given.observed("Cerby", "Active", day=13, hour=13, steady_since=moment(13, 12), last_state="Succeeded")
    assert given.answer("placements")[0]["in_place_share"] == 1


def test_success_counts_attempts_and_not_noise(given: Given) -> None:
    given.succeeded("ada", day=13)
    given.succeeded("bob", day=13)
    given.succeeded("carol", day=12, hour=23)
    given.failed("dan", day=12, hour=5)
    for hour in range(20):
        given.skipped("eve", "NotEffectivelyEntitled", day=13, hour=hour)
    [cerby] = given.answer("daily_success")
    assert (cerby["successes"], cerby["failures"], cerby["success_share"]) == (3, 1, 0.75)
    assert cerby["daily_failures"] == [None] * 12 + [1, 0]
    assert (cerby["last_error"], cerby["last_error_at"]) == ("EntryConflict", moment(12, 5))


def test_an_hour_without_a_delivery_is_unknown_and_one_without_a_failure_is_zero(given: Given) -> None:
    given.failed("ada", hour=1, app="Cerby")
    given.succeeded("ada", hour=1, minute=5, app="Cerby")
    given.skipped("bob", "RedundantExport", hour=3, app="Zoom")
    given.vouched(moment(0, 1), moment(0, 2))
    given.vouched(moment(0, 3), moment(0, 4))
    rows = given.answer("failures_by_hour", until=moment(0, 4))
    cells = {(row["app_name"], row["hour"].hour): (row["attempts"], row["failures"]) for row in rows}
    assert cells["Cerby", 1] == (2, 1)
    assert cells["Zoom", 1] == (0, 0)
    assert cells["Cerby", 3] == (0, 0)
    assert cells["Cerby", 0] == cells["Zoom", 2] == (None, None)
    assert len(rows) == 8


def test_a_window_holds_its_beginning_and_not_its_end(given: Given) -> None:
    given.failed("ada", hour=1)
    given.failed("bob", hour=2)
    [hour] = given.answer("failures_over_time", since=moment(0, 1), until=moment(0, 2), bucket="hour")
    assert (hour["bucket"], hour["failures"]) == (moment(0, 1), 1)
    assert len(given.answer("matching_events", since=moment(0, 1), until=moment(0, 2))) == 1


def test_failures_are_told_apart_by_code_app_or_step(given: Given) -> None:
    given.failed("ada", app="Cerby", error_code="Timeout", last_step="EntryImport")
    given.failed("ada", app="Zoom", error_code="Timeout", last_step="EntryExportAdd")
    given.failed("bob", app="Zoom", error_code=None, last_step="EntryExportAdd")
    found = {by: counted(given, by) for by in ("code", "app", "step")}
    assert found["code"] == {"Timeout": 2, None: 1}
    assert found["app"] == {"Cerby": 1, "Zoom": 2}
    assert found["step"] == {"EntryImport": 1, "EntryExportAdd": 2}


def counted(given: Given, by: str) -> dict[str | None, int]:
    """Gives failures by label."""
    return {row["label"]: row["failures"] for row in given.answer("failures_over_time", by=by)}


def test_a_wide_error_comes_before_a_loud_one(given: Given) -> None:
    for hour in range(5):
        given.failed("ada", hour=hour, error_code="Timeout")
    given.failed("bob", error_code="EntryConflict")
    given.failed("carol", hour=6, error_code="EntryConflict")
    given.succeeded("carol", hour=7)
    wide, loud = given.answer("top_errors")
    assert (wide["error_code"], wide["objects"], wide["attempts"], wide["still_failing"]) == ("EntryConflict", 2, 2, 1)
    assert (loud["error_code"], loud["objects"], loud["attempts"], loud["still_failing"]) == ("Timeout", 1, 5, 1)
    assert (loud["first_seen_at"], loud["last_seen_at"]) == (moment(), moment(0, 4))


def test_skips_that_need_somebody_come_first(given: Given) -> None:
    for who in ("ada", "bob", "carol"):
        given.skipped(who, "NotEffectivelyEntitled")
    given.skipped("dan", "AttributeValidationFailed")
    given.skipped("dan", "AttributeValidationFailed", hour=1)
    first, second = given.answer("skips_by_reason")
    assert (first["skip_reason"], first["benign"], first["objects"], first["skips"]) == (
        "AttributeValidationFailed",
        False,
        1,
        2,
    )
    assert (second["skip_reason"], second["benign"], second["objects"]) == ("NotEffectivelyEntitled", True, 3)


def test_people_are_found_by_any_name_and_in_any_case(given: Given) -> None:
    given.succeeded("ada", source_name="Ada Lovelace")
    given.succeeded("bob", hour=1, upn="Robert@example.com")
    given.stored()
    given.succeeded("bob", hour=2, upn="bob@example.com")
    for search in ("ADA@EX", "lovelace", "id-ada", "target-ada"):
        assert [row["source_id"] for row in given.answer("people", search=search)] == ["id-ada"]
    assert [row["name"] for row in given.answer("people", search="robert")] == ["bob@example.com"]
    assert given.answer("people", search="%") == []


def test_people_are_sorted_and_paged_by_the_store(given: Given) -> None:
    given.succeeded("ada", hour=5)
    given.failed("bob", hour=1)
    given.failed("bob", hour=2)
    given.failed("carol", hour=3)
    given.succeeded("carol", hour=4)
    orders = {sort: people(given, sort=sort) for sort in ("failures", "share", "recent", "name")}
    assert orders["failures"] == orders["share"] == ["bob", "carol", "ada"]
    assert orders["recent"] == ["ada", "carol", "bob"]
    assert orders["name"] == ["ada", "bob", "carol"]
    assert people(given, sort="name", limit=1, offset=1) == ["bob"]
    assert people(given, state="failing") == ["bob"]
    assert {row["state"]: row["objects"] for row in given.answer("people_by_state")} == {"in_sync": 2, "failing": 1}


def people(given: Given, **values: object) -> list[str]:
    """Gives whom a question about people names, in its order."""
    return [row["name"].partition("@")[0] for row in given.answer("people", **values)]


def test_a_persons_days_are_counted_back_from_the_end_of_the_window(given: Given) -> None:
    given.failed("ada", day=0)
    given.failed("ada", day=12, hour=23, minute=59)
    given.failed("ada", day=13)
    given.failed("ada", day=13, hour=23, minute=59)
    [ada] = given.answer("people")
    assert ada["daily_failures"] == [1] + [0] * 11 + [1, 2]
    assert (ada["attempts"], ada["failures"], ada["success_share"]) == (4, 4, 0.0)


def test_a_person_stands_differently_in_each_app(given: Given) -> None:
    given.succeeded("ada", day=1, app="Cerby")
    given.succeeded("ada", day=1, app="Zoom")
    given.failed("ada", day=2, app="Zoom", retry_at=moment(3))
    given.failed("ada", day=3, app="Zoom", retry_at=moment(4))
    cerby, zoom = given.answer("person_states", object="id-ada")
    assert (cerby["state"], cerby["since"], cerby["attempts"], cerby["failures"]) == ("in_sync", None, 1, 0)
    assert (zoom["state"], zoom["since"], zoom["retry_at"]) == ("failing", moment(2), moment(4))
    assert (zoom["last_success_at"], zoom["open_error_code"]) == (moment(1), "EntryConflict")


def test_an_event_tells_its_steps_and_changes_even_when_its_id_is_anothers_too(given: Given) -> None:
    step = {
        "name": "EntryExportAdd",
        "type": "export",
        "status": "failure",
        "description": "no",
        "details": '{"a":"b"}',
    }
    change = {"attribute": "userName", "old_value": None, "new_value": "ada"}
    given.failed("ada", hour=1, event_id="same", app="Cerby", steps=[step], changes=[change])
    given.failed("ada", hour=1, event_id="same", app="Zoom", steps=[step, step], changes=[])
    asked = {"event": "same", "at": moment(0, 1), "job": job_id("Cerby")}
    [only] = given.answer("event_steps", **asked)
    assert (only["ordinal"], only["type"], only["status"], only["details"]) == (1, "export", "failure", '{"a":"b"}')
    assert given.answer("event_changes", **asked) == [change]


def test_an_exchange_belongs_to_an_event_of_the_same_object_and_time(given: Given) -> None:
    event = given.failed("ada", hour=1)
    near, name = moment(0, 1, 0, 20), "ada@example.com"
    given.exchanged("GET", "/Users", 200, near, filter='userName eq "ADA@example.com"')
    given.exchanged("PATCH", "/Users/target-ada", 409, near, resource_id="target-ada")
    given.exchanged("POST", "/Users", 409, near, request_body=f'{{"userName":"{name}"}}')
    given.exchanged("PATCH", "/Users/target-bob", 200, near, resource_id="target-bob")
    given.exchanged("PATCH", "/Users/target-ada", 200, moment(0, 1, 30), resource_id="target-ada")
    asked = {"event": event["event_id"], "at": event["occurred_at"], "job": event["job_id"]}
    # The one that carried it first.
    assert [row["method"] for row in given.answer("event_exchanges", **asked)] == ["PATCH", "GET", "POST"]


def test_a_leaver_who_was_not_disabled_comes_first(given: Given) -> None:
    given.failed("ada", day=1, action="disable", error_code="Timeout")
    given.disabled("ada", day=2)
    given.failed("bob", day=3, action="disable", error_code="Timeout")
    given.succeeded("carol", day=3)
    bob, ada = given.answer("leavers")
    assert (bob["name"], bob["done"], bob["done_at"], bob["error_code"]) == ("bob@example.com", False, None, "Timeout")
    assert (ada["done"], ada["first_asked_at"], ada["done_at"], ada["requests"]) == (True, moment(1), moment(2), 2)


def test_cycles_tell_how_much_of_their_work_failed(given: Given) -> None:
    given.succeeded("ada", hour=1)
    given.failed("bob", hour=1, minute=10)
    given.failed("ada", hour=2)
    given.skipped("ada", "RedundantExport", hour=3)
    outcomes = [(row["outcome"], row["objects"], row["failed"]) for row in given.answer("cycles_lately")]
    assert outcomes == [("nothing_to_do", 1, 0), ("errors", 1, 1), ("errors", 2, 1)]


def test_groups_attributes_and_actions_are_counted(given: Given) -> None:
    given.failed("staff", source_type="Group", upn=None)
    change = {"attribute": "title", "old_value": "Junior", "new_value": None}
    given.succeeded("ada", changes=[change])
    given.skipped("bob", "RedundantExport")
    given.skipped("carol", "AttributeValidationFailed")
    [staff] = given.answer("group_outcomes")
    assert (staff["source_name"], staff["state"], staff["failures"]) == ("Staff", "failing", 1)
    [title] = given.answer("changed_attributes")
    assert (title["attribute"], title["changes"], title["emptied"]) == ("title", 1, 1)
    [update] = given.answer("outcomes_by_action")
    assert [update[name] for name in ("successes", "failures", "benign_skips", "other_skips")] == [1, 1, 1, 1]


def test_answers_of_the_target_are_counted_with_their_times(given: Given) -> None:
    for second in range(20):
        given.exchanged("GET", "/Users", 200, moment(0, 1, 0, second), duration_ms=second + 1)
    given.exchanged("POST", "/Users", 429, moment(0, 1), duration_ms=9)
    refused, good = given.answer("exchanges_by_status")
    assert (refused["http_status"], refused["exchanges"]) == (429, 1)
    assert (good["exchanges"], good["p50_ms"], good["p95_ms"]) == (20, 10, 19)


def test_lag_lies_between_the_newest_record_and_its_loading(given: Given) -> None:
    given.loaded("a.json", "graph", day=1, lines=3)
    given.loaded("b.json", "graph", day=2, lines=2, finished_at=moment(2, 1))
    [graph] = given.answer("freshness")
    assert (graph["files"], graph["lines"], graph["last_event_at"], graph["lag_s"]) == (2, 5, moment(2), 3600)
    assert [row["file"] for row in given.answer("file_ledger")] == ["b.json", "a.json"]


def test_the_same_mistake_counts_once_wherever_it_was_made(given: Given) -> None:
    expected = "an ISO 8601 instant was expected, such as 2026-01-05T12:00:00Z"
    given.rejected("a.json", 1, f"a.json:1: activityDateTime is 'yesterday-ish'; {expected}")
    given.rejected("b.json", 7, f"b.json:7: activityDateTime is 'soon'; {expected}")
    given.rejected(
        "b.json",
        8,
        "b.json:8: is not JSON at line 1 column 9",
        raw="\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    )
    first, second = given.answer("reject_reasons")
    assert (first["reason"], first["rejects"], first["files"]) == (f"activityDateTime is …; {expected}", 2, 2)
    assert second["reason"] == "is not JSON at …"
    assert len(given.answer("rejected_lines", file="b.json")) == 2


def test_a_line_that_is_no_text_is_still_shown(given: Given) -> None:
    given.rejected("a.json", 1, "no text")["raw"] = b'{"id":\xff\x00'
    [line] = given.answer("rejected_lines")
    assert "\\xFF" in line["text"]


def test_a_value_that_nobody_documented_is_named(given: Given) -> None:
    given.succeeded("ada", action="mirror")
    given.succeeded("bob")
    [word] = given.answer("unfamiliar_words")
    assert (word["column"], word["value"], word["events"]) == ("action", "mirror", 1)


def test_the_extent_is_told_by_whatever_is_there(given: Given) -> None:
    assert given.answer("extent")[0]["last_at"] is None
    given.exchanged("GET", "/Users", 200, moment(1))
    given.succeeded("ada")
    given.observed("Cerby", "Active", day=2)
    [extent] = given.answer("extent")
    assert (extent["first_at"], extent["last_at"]) == (MONDAY, moment(2))
    assert (extent["events"], extent["exchanges"], extent["snapshots"]) == (1, 1, 1)
    assert FORTNIGHT["since"] == MONDAY
    assert [row["app_name"] for row in given.answer("jobs")] == ["Cerby"]


def test_a_beat_tells_its_last_run(given: Given) -> None:
    given.ran("ingest", "failed", hour=1)
    given.ran("ingest", "ok", hour=2)
    [ingest] = given.answer("beats_lately")
    assert (ingest["outcome"], ingest["began_at"]) == ("ok", moment(0, 2))


def test_every_event_of_a_person_is_told_newest_first(given: Given) -> None:
    given.succeeded("ada", hour=1)
    given.failed("ada", hour=2, recommended_action="rename it")
    given.succeeded("bob", hour=3)
    newest, oldest = given.answer("person_events", object="id-ada")
    assert (newest["status"], newest["advice"], oldest["status"]) == ("failure", "rename it", "success")
