"""Pending retries: since when, how often, until when, in logs that begin in the middle and come in any order."""

import copy
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as random_worlds
from hypothesis import settings
from hypothesis import strategies as st

from pipeline.store.lake import Store
from tests.model.test_load_aggregates import answers, arrive, built, lake
from tests.support.given import Given, moment
from tests.support.loads import load_one

RECORD = json.loads((Path(__file__).parent / "fixtures" / "retry-older-than-the-log.json").read_text())["value"][0]
SEEN = datetime(2026, 3, 2, 8, 40, 10)
BEGAN = datetime(2026, 2, 9, 8, 1)
Row = dict[str, Any]
UNTOLD: Row = {"CreationTime": None, "RetryCount": None}
"What the retry step of a record without them lacks."


def record(name: str = "e", at: datetime = SEEN, retries: int | None = 22, **details: str | None) -> Row:
    """The record of the fixture at another time; details replace members of its retry step, None takes them away."""
    made = copy.deepcopy(RECORD)
    made["id"] = f"{name}{RECORD['id'][1:]}"
    made["activityDateTime"] = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    error = made["provisioningStatusInfo"]["errorInformation"]
    words = error["reason"]
    error["reason"] = words.replace(
        "retried 22 times", f"retried {retries} times" if retries is not None else "retried"
    )
    step = made["provisioningSteps"][0]
    step["details"] = {key: value for key, value in (step["details"] | details).items() if value is not None}
    return made


def settled(name: str, at: datetime) -> Row:
    """A record of the same object that went well."""
    made = record(name, at, retries=None)
    made["provisioningStatusInfo"] = {"status": "success"}
    made["provisioningSteps"] = [one | {"status": "success"} for one in made["provisioningSteps"][1:]]
    return made


def escrows(store: Store, tmp_path: Path, *batches: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Loads batches one after the other and returns the pending retries."""
    for number, batch in enumerate(batches):
        load_one(store, tmp_path, json.dumps({"value": list(batch)}).encode(), f"events-{number}.json")
    columns = "opened_at, opened_from, attempts, is_at_least, dropped_at, closed_at"
    return store.rows(f"select {columns} from escrows order by coalesce(closed_at, timestamp 'infinity')")


def opened(at: datetime, why: str, attempts: int, at_least: bool = False) -> list[tuple[Any, ...]]:
    """One pending retry that is open."""
    return [(at, why, attempts, at_least, at + timedelta(days=28), None)]


def test_the_retry_step_s_creation_time_tells_since_when_and_the_count_how_often(store: Store, tmp_path: Path) -> None:
    assert escrows(store, tmp_path, [RECORD]) == opened(BEGAN, "creation time", 23)


@pytest.mark.parametrize(
    "spelled",
    [
        "2026-02-09T08:01:00.0000000Z",
        "2026-02-09T09:01:00+01:00",
        "02/09/2026 08:01:00",
        "02/09/2026 09:01:00 +01:00",
        "2/9/2026, 8:01:00 AM",
        "2/9/2026 8:01:00\u202fAM",
        "2/9/2026 8:01 AM",
        "/Date(1770624060000)/",
    ],
)
def test_a_creation_time_is_read_however_it_is_spelled(store: Store, tmp_path: Path, spelled: str) -> None:
    assert escrows(store, tmp_path, [record(CreationTime=spelled)]) == opened(BEGAN, "creation time", 23)


@pytest.mark.parametrize("unreadable", [None, "", "soon", "1/1/0001 12:00:00 AM"])
def test_without_a_creation_time_count_and_schedule_tell(store: Store, tmp_path: Path, unreadable: str | None) -> None:
    found = escrows(store, tmp_path, [record(CreationTime=unreadable)])
    assert found == opened(SEEN - timedelta(days=20), "retry count", 23)


@pytest.mark.parametrize(
    ("count", "after"),
    [
        (1, timedelta(hours=6)),
        (2, timedelta(hours=12)),
        (3, timedelta(hours=24)),
        (4, timedelta(days=2)),
        (30, timedelta(days=28)),
        (500, timedelta(days=28)),
    ],
)
def test_the_schedule_is_the_documented_one(store: Store, tmp_path: Path, count: int, after: timedelta) -> None:
    found = escrows(store, tmp_path, [record(retries=count, **UNTOLD)])
    assert found == opened(SEEN - after, "retry count", count + 1)


@pytest.mark.parametrize(
    "details",
    [UNTOLD | {"RetryCount": "22"}, UNTOLD | {"retryCount": "22"}, UNTOLD | {"CountProcessed": "21"}],
)
def test_the_retry_step_counts_where_the_reason_does_not(store: Store, tmp_path: Path, details: Row) -> None:
    found = escrows(store, tmp_path, [record(retries=None, **details)])
    assert found == opened(SEEN - timedelta(days=20), "retry count", 23)


def test_a_creation_time_alone_tells_no_number_of_attempts(store: Store, tmp_path: Path) -> None:
    found = escrows(store, tmp_path, [record(retries=None, RetryCount=None)])
    assert found == opened(BEGAN, "creation time", 1, at_least=True)


def test_where_neither_is_told_it_is_at_the_latest(store: Store, tmp_path: Path) -> None:
    alone = record(retries=None, **UNTOLD)
    assert escrows(store, tmp_path, [alone]) == opened(SEEN, "at the latest", 1, at_least=True)
    stepless = record("f", SEEN + timedelta(hours=1), retries=None)
    stepless["provisioningSteps"] = stepless["provisioningSteps"][1:]
    assert escrows(store, tmp_path, [stepless]) == opened(SEEN, "at the latest", 2, at_least=True)


def test_a_first_attempt_is_the_first_failure_and_so_is_one_after_good_news(store: Store, tmp_path: Path) -> None:
    first = record(retries=0, **UNTOLD)
    first["provisioningSteps"] = first["provisioningSteps"][1:]
    assert escrows(store, tmp_path, [first]) == opened(SEEN, "first failure", 1)
    good_at, again_at = SEEN + timedelta(hours=1), SEEN + timedelta(hours=2)
    again = record("g", again_at, retries=None, **UNTOLD)
    again["provisioningSteps"] = again["provisioningSteps"][1:]
    found = escrows(store, tmp_path, [settled("f", good_at), again])
    assert found == [(SEEN, "first failure", 1, False, None, good_at), *opened(again_at, "first failure", 1)]


def test_what_settled_the_object_since_contradicts_an_older_beginning(store: Store, tmp_path: Path) -> None:
    good_at = SEEN - timedelta(days=2)
    found = escrows(store, tmp_path, [RECORD, settled("f", good_at)])
    assert found == opened(SEEN, "at the latest", 1, at_least=True)


def test_earlier_failures_that_come_late_are_part_of_it(store: Store, tmp_path: Path) -> None:
    days = [timedelta(days=day) for day in range(3)]
    records = [record(f"{place}", SEEN - day, retries=22 - place, **UNTOLD) for place, day in enumerate(days)]
    assert escrows(store, tmp_path, records[:1]) == opened(SEEN - timedelta(days=20), "retry count", 23)
    found = escrows(store, tmp_path, records[1:])
    assert found == opened(SEEN - timedelta(days=20), "retry count", 23)
    first = record("f", BEGAN, retries=0, **UNTOLD)
    assert escrows(store, tmp_path, [first]) == opened(BEGAN, "first failure", 23)


def test_every_page_s_question_has_the_same_beginning_and_end(store: Store, tmp_path: Path) -> None:
    escrows(store, tmp_path, [RECORD])
    asked = Given(store)
    job, person, end = RECORD["jobId"], RECORD["sourceIdentity"]["id"], BEGAN + timedelta(days=28)
    [waiting] = asked.answer("quarantine_waiting", at=SEEN, job=job)
    [listed] = asked.answer("open_escrows")
    for row in (waiting, listed):
        assert (row["opened_at"], row["attempts"], row["dropped_at"]) == (BEGAN, 23, end)
        assert (row["opened_from"], row["is_at_least"]) == ("creation time", False)
    [state] = asked.answer("person_states", object=person)
    assert (state["since"], state["since_from"]) == (BEGAN, "creation time")


NEXT = moment(3, 12)
RETRY = moment(2, 6)


def failed_leaver(given: Given) -> str:
    """Somebody whose disable failed on the second day, with a retry that Entra gives for the third."""
    given.succeeded("ada", day=0)
    row = given.failed("ada", day=1, hour=6, action="disable", retry_at=RETRY, retry_count=0)
    return str(row["source_id"])


def promises(given: Given, person: str) -> set[Any]:
    """When Entra tries again, by every question that tells it."""
    now = moment(1, 12)
    store = given.stored() if given.rows else given.store
    [(issue,)] = store.rows("select fingerprint from problems")
    rows = [
        *given.answer("open_escrows"),
        *given.answer("person_states", object=person),
        *[row for row in given.answer("person_events", object=person) if row["status"] == "failure"],
        *given.answer("quarantine_waiting", at=now),
        *given.answer("leavers_active", until=now, as_of=now),
        *given.answer("issue_people", job="scim.cerby", issue=issue, until=now),
    ]
    assert len(rows) == 6
    fleet = {row["next_try_at"] for row in given.answer("fleet", until=now)}
    assert (
        store.rows("select retry_at from escrows") == store.rows("select retry_at from waiting_escrows") == [(RETRY,)]
    )
    return {row["retry_at"] for row in rows} | fleet


def test_in_quarantine_no_retry_is_promised_before_the_quarantine_s_next_attempt(given: Given) -> None:
    person = failed_leaver(given)
    assert promises(given, person) == {RETRY}
    given.observed("Cerby", "Quarantine", 1, 8, quarantine_since=moment(1, 7), next_attempt_at=NEXT)
    assert promises(given, person) == {NEXT}
    given.observed("Cerby", "Quarantine", 1, 9, quarantine_since=moment(1, 7), next_attempt_at=moment(1, 20))
    given.stored()
    assert {row["retry_at"] for row in given.answer("open_escrows")} == {RETRY}


def test_a_quarantine_without_a_next_attempt_promises_nothing_and_its_end_does_again(given: Given) -> None:
    person = failed_leaver(given)
    given.observed("Cerby", "Quarantine", 1, 8, quarantine_since=moment(1, 7))
    assert promises(given, person) == {None}
    given.observed("Cerby", "Active", 1, 9)
    assert promises(given, person) == {RETRY}


NOON = datetime(2026, 1, 5, 12)
KINDS = st.sampled_from(
    [
        "failure",
        "failure",
        "failure",
        "success",
        "RedundantExport",
        "out of scope",
        "out of scope",
        "invalid",
        "staged",
        "failed disable",
        "failed delete",
        "disable",
        "invalid disable",
    ]
)


REMOVALS = {"failed disable": "disable", "failed delete": "delete", "disable": "disable", "invalid disable": "disable"}
"What the kinds of removal ask for."


def event(number: int, who: str, minutes: int, kind: str, retries: int | None, began: int | None) -> Row:
    """One event of a random world: a failure may tell its count and its creation time, hours before."""
    at = NOON + timedelta(minutes=minutes)
    details = {} if began is None else {"CreationTime": f"{at - timedelta(hours=began):%Y-%m-%dT%H:%M:%SZ}"}
    step = {"name": "EntryEscrowRetry", "type": "import", "status": "success", "description": "Retrying"}
    kind, removal = ("failure" if kind.startswith("failed") else kind), REMOVALS.get(kind)
    fails = kind in ("failure", "staged")
    skips = {
        "RedundantExport": "RedundantExport",
        "out of scope": "out of scope",
        "invalid": "AttributeValidationFailed",
        "invalid disable": "AttributeValidationFailed",
    }
    return {
        "event_id": f"event-{number}",
        "job_id": "cerby",
        "source_id": who,
        "cycle_id": None,
        "upn": f"{who}@example.com",
        "app_name": "Cerby",
        "action": "stagedDelete" if kind == "staged" else removal or "update",
        "status": "failure" if fails else "skipped" if kind in skips else "success",
        "skip_reason": skips.get(kind),
        "error_code": f"Code{number % 3}" if fails else None,
        "retry_count": retries if fails else None,
        "steps": [step | {"details": json.dumps(details)}] if began is not None else None,
        "occurred_at": at,
    }


def count_retries(rows: Iterable[Row], keys: dict[str, int]) -> list[tuple[Any, ...]]:
    """Counts pending retries from all events, in plain Python."""
    by_object: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda one: keys[one["event_id"]]):
        by_object[row["source_id"]].append(row)
    counted = []
    for who, events in by_object.items():
        run: list[Row] = []
        before: datetime | None = None
        for row in [*events, None]:
            removal = any(one["action"] in ("disable", "delete") for one in run)
            ends = row is not None and (
                row["status"] == "success"
                or row["skip_reason"] == "RedundantExport"
                or (row["skip_reason"] == "out of scope" and not removal)
            )
            if row is not None and row["status"] == "failure":
                run.append(row)
            if run and (row is None or ends):
                counted.append(
                    (who, *beginning(run, before), row["occurred_at"] if row else None, run[-1]["error_code"])
                )
            if ends:
                run, before = [], row["occurred_at"]
    return sorted(counted, key=repr)


def beginning(run: list[Row], before: datetime | None) -> tuple[Any, ...]:
    """When a run of failures began, by what, after how many attempts, and whether there may be more."""
    first = run[0]["occurred_at"]
    created = [
        datetime.fromisoformat(json.loads(one["steps"][0]["details"])["CreationTime"]).replace(tzinfo=None)
        for one in run
        if one["steps"]
    ]
    lacking = [one["retry_count"] - place for place, one in enumerate(run) if one["retry_count"] is not None]
    unseen, number = max(lacking, default=None), run[0]["retry_count"]
    if created and min(created) < first:
        at, why = min(created), "creation time"
    elif number == 0:
        at, why = first, "first failure"
    elif (number if number is not None else unseen or 0) > 0:
        tries = number if number is not None else unseen
        assert tries is not None
        at, why = first - timedelta(hours=[0, 6, 12][tries] if tries < 3 else 24 * (tries - 2)), "retry count"
    elif unseen is not None or created:
        at, why = first, "first failure"
    elif run[0]["steps"] or before is None:
        at, why = first, "at the latest"
    else:
        at, why = first, "first failure"
    if at < first and before is not None and at <= before:
        return first, "at the latest", len(run), True
    least = why != "first failure" and unseen is None
    return at, why, len(run) + max(unseen or 0, 0), least


WORLD = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob"]),
        st.integers(0, 40).map(lambda step: step * 37),
        KINDS,
        st.one_of(st.none(), st.integers(0, 4)),
        st.one_of(st.none(), st.integers(0, 30)),
    ),
    min_size=1,
    max_size=24,
)


RETRIES = "from pending_retries order by object, first_key"


@settings(max_examples=15, deadline=None)
@random_worlds(WORLD, st.randoms(use_true_random=False))
def test_late_and_repeated_events_in_any_order_leave_the_pending_retries_of_one_load(
    world: list[tuple[Any, ...]], chance: Any
) -> None:
    rows = [event(number, *one) for number, one in enumerate(world)]
    cursor = lake()
    mixed = rows + chance.sample(rows, len(rows) // 3)
    chance.shuffle(mixed)
    while mixed:
        size = chance.randint(1, len(mixed))
        arrive(cursor, mixed[:size])
        mixed = mixed[size:]
    columns = "source_id, opened_at, opened_from, attempts, is_at_least, closed_at, error_code"
    found = cursor.execute(f"select {columns} from escrows").fetchall()
    ordered = 'select event_id, order_of(occurred_at, event_id, "action", status) from events'
    keys = dict(cursor.execute(ordered).fetchall())
    assert sorted(found, key=repr) == count_retries(rows, keys)
    kept = answers(cursor, RETRIES)
    arrive(lake(), sorted(rows, key=lambda row: row["occurred_at"]))
    assert answers(built(), RETRIES) == kept
    built().execute("create or replace temp table failures as from problems where status = 'failure'")
    built().execute("create or replace temp table settlements as from settlements_of('footings')")
    assert answers(built(), RETRIES.replace("pending_retries", "pending_retry_rows('failures', 'settlements')")) == kept
