"""Ten small worlds, each with its right answer, written apart from the product and its sample tenant.

All times are 2 March 2026, UTC. A world is loaded by the command `ingest`, and its question is asked as anybody would.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import open_store
from tests.scenarios import wire
from tests.scenarios.worlds import load
from tests.support.lakes import copied

WORLDS = Path(__file__).parent / "fixtures"
DAY = {"since": datetime(2026, 3, 2), "until": datetime(2026, 3, 3), "as_of": datetime(2026, 3, 2, 23)}
CERBY = "cerby.11112222333344445555666677778888.aaaaaaaa-0000-0000-0000-000000000001"
SKIPPED = {"SkipReason": "NotEffectivelyEntitled"}
Rows = list[dict[str, Any]]
Ask = Callable[..., Rows]


@pytest.fixture
def world(request: pytest.FixtureRequest, settings: Settings, blank: Settings) -> Iterator[Ask]:
    """Loads the world that the test names and answers its questions; a name with a space is SQL."""
    copied(blank, settings)
    load([[WORLDS / request.param]])
    store = open_store(settings)

    def ask(question: str, **given: Any) -> Rows:
        if " " in question:
            return list(store.fetch(question).to_pylist())
        query = find_query(question)
        names = {one.name for one in query.parameters}
        values = {name: value for name, value in (DAY | given).items() if name in names}
        return list(store.fetch(query.sql, bind(query, values)).to_pylist())

    yield ask
    store.close()


def of(name: str) -> pytest.MarkDecorator:
    """Has a test begin with this world."""
    return pytest.mark.parametrize("world", [name], indirect=True)


def guid(number: int) -> str:
    """An id."""
    return f"00000000-0000-4000-8000-{number:012}"


def at(hour: int, minute: int = 0, second: int = 0, day: int = 2) -> datetime:
    """An instant of March 2026."""
    return datetime(2026, 3, day, hour, minute, second)


def state_of(world: Ask, who: str) -> str:
    """The state of the one person who is found."""
    [row] = world("people", search=who)
    return str(row["state"])


@of("town")
def test_who_was_disabled_stays_disabled_at_the_next_skip(world: Ask) -> None:
    assert state_of(world, "hal.eight") == "disabled"
    [placed] = world("placements", job=CERBY)
    assert placed["disabled"] == 1


@of("town")
def test_a_former_name_finds_its_person(world: Ask) -> None:
    for name in ("cyd.three", "cyd.renamed"):
        assert [row["source_id"][-1] for row in world("people", search=name)] == ["3"], name


@of("town")
def test_a_re_created_account_is_another_account(world: Ask) -> None:
    [fay] = world("people", search="fay.six")
    assert (fay["state"], fay["target_id"]) == ("in_sync", "tgt-6b")


@of("town")
def test_a_window_off_the_hour_has_the_same_numbers_everywhere(world: Ask) -> None:
    window = {"since": at(8, 30), "until": at(11)}
    [noise] = world("success_and_noise", **window)
    assert (noise["failures"], noise["successes"]) == (3, 7)
    for question, failures, successes in (
        ("daily_success", "failures", "successes"),
        ("outcomes_by_action", "failures", "successes"),
    ):
        rows = world(question, **window)
        assert sum(row[failures] for row in rows) == 3, question
        assert sum(row[successes] for row in rows) == 7, question
    hours = [row for row in world("failures_by_hour", **window) if row["attempts"]]
    assert (sum(row["failures"] for row in hours), sum(row["attempts"] for row in hours)) == (3, 10)
    assert sum(row["failures"] for row in world("failures_over_time", bucket="hour", **window)) == 3
    assert len(world("matching_events", status="failure", **window)) == 3


@of("events-without-status")
def test_no_kind_without_evidence(world: Ask) -> None:
    assert [row["kind"] for row in world("cycles_lately")] == [None, None]


@of("retry-older-than-the-log")
def test_a_wait_that_is_older_than_the_log_began_when_its_retry_says(world: Ask) -> None:
    [waits] = world("open_escrows")
    assert waits["opened_at"] == datetime(2026, 2, 9, 8, 1)
    assert waits["attempts"] == 23
    assert waits["dropped_at"] == datetime(2026, 3, 9, 8, 1)


@of("quarantine-new-failures")
def test_what_the_log_shows_and_graph_s_word_stand_side_by_side(world: Ask) -> None:
    rows = world("select began_at, outcome, reported_outcome, failed from cycles where failed > 0 order by began_at")
    assert [(row["outcome"], row["reported_outcome"], row["failed"]) for row in rows] == [
        ("errors", "EntryLevelErrors", 3),
        ("errors", "EntryLevelErrors", 3),
    ]


@of("two-tenants")
def test_an_error_s_standing_is_that_of_the_tenant_asked_about(world: Ask) -> None:
    for tenant, objects in (("11112222-3333-4444-5555-666677778888", 1), (None, 4)):
        [error] = world("top_errors", tenant=tenant)
        assert (error["objects"], error["still_failing"]) == (objects, objects)


@of("disabled-enabled-disable-fails")
def test_a_leaver_whose_second_disable_failed_still_has_access(world: Ask) -> None:
    assert [row["name"] for row in world("leavers_active")] == ["ann.one@corp.example"]


@of("mixed-spelling")
def test_every_name_is_kept_whatever_the_mix_of_spellings(world: Ask) -> None:
    rows = world("select app_name, source_name, source_system, target_system from events")
    assert len(rows) == 6
    assert [row for row in rows if None in row.values()] == []


@of("scope-and-emptied-attribute")
def test_an_assignment_that_is_taken_away_or_given_is_a_move_of_scope(world: Ask) -> None:
    moves = {(row["turn"], row["name"]) for row in world("scope_moves", since=at(8, 30))}
    assert moves == {("left", "ann.one@corp.example"), ("came", "bob.two@corp.example")}


@of("scope-and-emptied-attribute")
def test_a_required_attribute_that_the_change_empties_is_a_risk(world: Ask) -> None:
    assert [row["name"] for row in world("failing_next")] == ["gus.seven@corp.example"]


@of("group-emptied")
def test_members_were_removed_when_the_removal_came(world: Ask) -> None:
    [group] = world("group_ledger")
    people = world("group_people", group=group["group_id"], job=CERBY)
    removed = {row["since"] for row in people if row["state"] == "removed"}
    assert removed == {at(8, 41)}


@of("quarantine-reasons-and-skips")
def test_every_reason_of_a_quarantine_has_its_time(world: Ask) -> None:
    rows = sorted(world("quarantine_history"), key=lambda row: row["opened_at"])
    assert [(row["opened_at"], row["closed_at"], row["reason"]) for row in rows] == [
        (at(9, 1), at(10, 5), "EncounteredQuarantineException"),
        (at(10, 5), at(11, 5), "EncounteredEscrowProportionThreshold"),
        (at(12, 1), None, "IngestionInterrupted"),
    ]


@of("quarantine-reasons-and-skips")
def test_eight_kinds_of_skip_have_eight_sentences(world: Ask) -> None:
    rows = world("skip_kinds")
    assert len({row["kind"] for row in rows}) == len({row["sentence"] for row in rows}) == 8
    assert "soft-deleted" in {row["kind"] for row in rows}


def test_a_removal_that_failed_stays_open_at_the_routine_skip(
    settings: Settings, blank: Settings, tmp_path: Path
) -> None:
    job = {"tenant": guid(1), "app": "Cerby", "app_id": guid(2), "connector": "Cerby", "id": "scim.t.1"}
    ann = {"id": guid(3), "type": "User", "name": "Ann One", "upn": "ann.one@example.com", "target": "acc-1"}
    out, export = wire.scoping(assigned=False), wire.EXPORT
    refused = wire.failure("InternalServerError", "InternalServerError", "boom", 0, at(14, 40))
    log = [
        ("create", "success", [wire.scoping(), wire.step(export["create"], "export", "success")], None),
        ("disable", "failure", [out, wire.step(export["disable"], "export", "failure")], refused),
        ("other", "skipped", [out, wire.step("EntrySynchronizationSkip", "export", "skipped", SKIPPED)], None),
    ]
    events = [
        wire.event(job, guid(n), at(8 + n), guid(10 + n), guid(20 + n), action, status, ann, steps, [], error)
        for n, (action, status, steps, error) in enumerate(log)
    ]
    (tmp_path / "events.json").write_text(json.dumps({"value": events}), encoding="utf-8")
    copied(blank, settings)
    load([[tmp_path / "events.json"]])
    store = open_store(settings)
    assert store.rows("select state from identities") == [("failing",)]
    assert store.rows("select count(*) from escrows where closed_at is null") == [(1,)]
    store.close()
