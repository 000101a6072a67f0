"""What a cycle is: its beginning, its end, its kind and what drove its duration, from the log, job status or both."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.store.lake import Store, open_store
from tests.support.given import Given, Row, moment
from tests.support.lakes import add_events

MINUTE = timedelta(minutes=1)


def run(given: Given, began: datetime, minutes: float = 10, *, polled: float = 5, **more: Any) -> Row:
    """A job that Graph describes some minutes after a run ended."""
    ended = began + minutes * MINUTE
    at = ended + polled * MINUTE
    told: Row = {
        "last_began_at": began,
        "last_ended_at": ended,
        "last_state": "Succeeded",
        "interval_s": 2400,
        "exported": 0,
    }
    told |= {"observed_at": at, "snapshot_id": f"{at}", "steady_since": moment(-9)}
    return given.observed("Cerby", "Active", **(told | more))


def cycles(given: Given) -> list[Row]:
    """Stores what was said and gives every cycle in order."""
    store = given.stored() if given.rows else given.store
    found: list[Row] = store.fetch("from cycles order by began_at, cycle_id").to_pylist()
    return found


def test_a_cycle_lasts_from_where_job_status_says_it_began_to_where_it_says_it_ended(given: Given) -> None:
    given.succeeded("ada", hour=1, minute=2)
    given.failed("bob", hour=1, minute=6)
    run(given, moment(0, 1))
    [cycle] = cycles(given)
    assert (cycle["began_at"], cycle["ended_at"], cycle["duration_ms"]) == (moment(0, 1), moment(0, 1, 10), 600_000)
    assert (cycle["first_event_at"], cycle["last_event_at"]) == (moment(0, 1, 2), moment(0, 1, 6))
    assert (cycle["seen_by"], cycle["outcome"], cycle["objects"]) == ("both", "errors", 2)


def test_a_run_far_from_its_events_is_another_cycle_and_stretches_none(given: Given) -> None:
    given.succeeded("ada", hour=1, minute=2)
    run(given, moment(0, 2))
    first, second = cycles(given)
    assert (first["ended_at"], first["seen_by"], first["events"]) == (moment(0, 1, 2), "log", 1)
    assert (second["cycle_id"], second["seen_by"], second["events"]) == ("execution-20260119T020000.000", "status", 0)


def test_a_run_that_spans_two_cycles_does_not_swallow_the_first(given: Given) -> None:
    given.succeeded("ada", hour=1, minute=2, cycle_id="first")
    given.succeeded("ada", hour=1, minute=30, cycle_id="second")
    run(given, moment(0, 1), minutes=40)
    first, second = cycles(given)
    assert (first["began_at"], first["ended_at"]) == (moment(0, 1, 2), moment(0, 1, 2))
    assert (second["began_at"], second["ended_at"]) == (moment(0, 1, 2), moment(0, 1, 40))


def test_an_event_in_the_second_in_which_a_run_began_belongs_to_it(given: Given) -> None:
    given.succeeded("ada", hour=1)
    run(given, moment(0, 1) + timedelta(milliseconds=700))
    [cycle] = cycles(given)
    assert (cycle["seen_by"], cycle["began_at"]) == ("both", moment(0, 1))


def test_a_run_that_left_no_event_is_a_steady_cycle_unless_it_failed_or_wrote_something(given: Given) -> None:
    run(given, moment(0, 1))
    run(given, moment(0, 2), last_state="Failed")
    run(given, moment(0, 3), exported=4)
    run(given, moment(0, 4), exported=None)
    told = [(cycle["kind"], cycle["outcome"], cycle["reported_outcome"]) for cycle in cycles(given)]
    assert told == [
        ("steady", "nothing_to_do", "Succeeded"),
        ("incremental", "failed", "Failed"),
        ("incremental", "succeeded", "Succeeded"),
        ("incremental", None, "Succeeded"),
    ]
    # None of them has an event: without the cycles that changed nothing the failed one is still listed.
    listed = given.answer("cycles_lately", since=moment(0), until=moment(1), least=1)
    assert [cycle["outcome"] for cycle in listed] == ["failed"]


def test_a_run_is_counted_once_however_often_graph_tells_of_it(given: Given) -> None:
    for polled in (1, 6, 11):
        run(given, moment(0, 1), polled=polled)
    assert len(cycles(given)) == 1
    assert given.store.rows("select seen_at from executions") == [(moment(0, 1, 11),)]


def test_cycles_are_initial_until_the_job_is_steady_and_then_incremental(given: Given) -> None:
    for hour in (1, 2, 3):
        given.succeeded("ada", hour=hour, minute=1)
    run(given, moment(0, 1), steady_since=None, last_state="EntryLevelErrors")
    run(given, moment(0, 2), steady_since=moment(0, 2, 10))
    run(given, moment(0, 3), steady_since=moment(0, 2, 10))
    assert [cycle["kind"] for cycle in cycles(given)] == ["initial", "initial", "incremental"]


@pytest.mark.parametrize("told", [None, moment(0, 3, 30)])
def test_a_steady_state_taken_back_or_made_later_means_that_the_job_started_over(
    given: Given, told: datetime | None
) -> None:
    for hour in (1, 2, 3):
        given.succeeded("ada", hour=hour, minute=1)
    run(given, moment(0, 1), steady_since=moment(0, 1, 10))
    run(given, moment(0, 2), steady_since=moment(0, 1, 10))
    run(given, moment(0, 3), steady_since=told)
    assert [cycle["kind"] for cycle in cycles(given)] == ["initial", "incremental", "restarted"]


def test_a_cycle_that_touches_most_of_what_is_there_read_everything_anew(given: Given) -> None:
    for person in range(60):
        given.skipped(f"p{person}", "RedundantExport", hour=3, minute=1)
    given.succeeded("p1", hour=2, minute=1)
    for hour in (1, 2, 3):
        run(given, moment(0, hour), users=65, groups=2)
    assert [cycle["kind"] for cycle in cycles(given)] == ["steady", "incremental", "restarted"]


def test_without_job_status_no_cycle_has_a_kind(given: Given) -> None:
    given.succeeded("ada", hour=1)
    given.succeeded("ada", hour=2)
    assert [cycle["kind"] for cycle in cycles(given)] == [None, None]


def test_objects_are_counted_once_however_many_transactions_bring_them(given: Given) -> None:
    for minute, who in enumerate(["ada", "bob", "ada", "carol", "bob"]):
        given.succeeded(who, hour=1, minute=minute)
        given.stored()
    [cycle] = cycles(given)
    assert (cycle["objects"], cycle["events"], cycle["worked_ms"]) == (3, 5, 500)


def test_a_store_of_an_earlier_version_has_its_cycles_folded_once(store: Store, settings: Settings) -> None:
    add_events(store, 0, 500)
    before = store.fetch("from cycles order by all")
    forget = "delete from migrations where name = 'cycle_parts'"
    store.write(lambda cursor: cursor.execute(f"delete from cycle_parts; {forget}"))
    assert store.rows("select count(*) from cycles") == [(0,)]
    store.close()
    for _ in range(2):
        again = open_store(settings)
        assert again.fetch("from cycles order by all") == before
        again.write(lambda cursor: cursor.execute(forget))
        again.close()


def test_retention_drops_a_cycle_whole_once_its_last_event_is_old(store: Store) -> None:
    from pipeline.maintenance.chores import maintain

    add_events(store, 0, 3000, step_s=600)
    store.settings.keep_days = 5
    whole = store.rows("select cycle_id, events from cycles where ended_at >= timestamp '2026-01-21' order by all")
    maintain(store, datetime.fromisoformat("2026-01-26T13:30:00+00:00"))
    assert store.rows("select cycle_id, events from cycles order by all") == whole


def paced(given: Given, *, slow: float = 1, many: int = 4, twice: int = 1, idle_s: int = 60) -> Row:
    """Ten usual cycles of four events of ten seconds, one after another, then one of another make."""
    for hour in range(11):
        last = hour == 10
        count, again = (many, twice) if last else (4, 1)
        spent = 10 * (slow if last else 1)
        for number in range(count * again):
            at = moment(0, hour, 0, int(5 + number * spent))
            given.event(f"p{number % count}", "success", at, duration_ms=int(spent * 1000))
        run(given, moment(0, hour), minutes=(count * again * spent + (idle_s if last else 60)) / 60)
    *_, newest = given.answer("cycle_duration")[::-1]
    return newest


@pytest.mark.parametrize(
    ("make", "driver"),
    [
        ({"slow": 2}, "latency"),
        ({"slow": 4}, "latency"),
        ({"many": 12}, "objects"),
        ({"twice": 3}, "retries"),
        ({"idle_s": 600}, "waiting"),
    ],
)
def test_what_was_changed_is_named_as_what_drove_the_duration(given: Given, make: Row, driver: str) -> None:
    found = paced(given, **make)
    assert found["driver"] == driver
    parts = [found[f"{name}_ms"] for name in ("objects", "retries", "latency", "waiting")]
    assert sum(parts) == pytest.approx(found["duration_ms"] - found["usual_ms"], abs=4)
    assert found[f"{driver}_ms"] == pytest.approx(found["duration_ms"] - found["usual_ms"], rel=0.01)


def test_doubled_latency_is_told_in_a_sentence(given: Given) -> None:
    assert paced(given, slow=2, idle_s=60)["sentence"] == (
        "It took 1.4 times as long as usual, mostly because of 20000 ms per event (usually 10000)."
    )


def test_a_usual_cycle_has_no_driver_and_one_without_five_before_it_no_row(given: Given) -> None:
    found = paced(given)
    assert (found["driver"], found["sentence"]) == (None, "It took about as long as usual.")
    assert len(given.answer("cycle_duration")) == 6
