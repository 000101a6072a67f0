"""The outbox: a change and what is to be told of it are one transaction; each address hears each change once."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.clock import wall_clock
from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.notify.enqueue import enqueue, enqueue_unsnoozed
from pipeline.notify.outbox import (
    GIVEN_UP,
    MERGED,
    SENDING,
    SENT,
    WAITING,
    Row,
    claim,
    record_failed,
    record_sent,
    take_over,
    waiting,
)
from pipeline.notify.routes import Routes
from pipeline.rules.evaluate import Checked, check
from pipeline.rules.incidents import acknowledge, snooze
from pipeline.rules.rule import find_rule
from pipeline.store.lake import Store
from tests.support.given import Given, moment
from tests.support.posts import routes_in


@pytest.fixture
def routes(settings: Settings, tmp_path: Path) -> Routes:
    return routes_in(settings, tmp_path)


def checked(given: Given, at: datetime, routes: Routes, **overrides: Any) -> Checked:
    store = given.stored() if given.rows else given.store
    rule = [find_rule("quarantined")]
    return check(
        store, at, overrides=overrides, chosen=rule, along=partial(enqueue, routes=routes, settings=store.settings)
    )


def opened(given: Given, routes: Routes, **overrides: Any) -> Row:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    checked(given, moment(1, 9, 5), routes, **overrides)
    [row] = waiting(given.store)
    return row


def send_only(store: Store, at: datetime) -> list[Row]:
    """Claims whatever waits."""
    return claim(store, [one.message_id for one in waiting(store)], "x", "here 1", at)


def send(store: Store, at: datetime) -> None:
    """Records whatever waits as sent."""
    record_sent(store, send_only(store, at), at)


def messages(store: Store) -> list[tuple[Any, ...]]:
    return store.rows("select change, address, state from outbox order by created_at, address, change")


def over(given: Given, routes: Routes, *, hour: int = 12) -> None:
    given.observed("Cerby", "Active", day=1, hour=hour)
    checked(given, moment(1, hour, 5), routes)


def test_what_opens_is_written_down_with_who_is_to_hear_of_it(given: Given, routes: Routes) -> None:
    row = opened(given, routes)
    assert (row.change, row.address, row.severity, row.state) == ("opened", "it@example.com", "critical", WAITING)
    assert (row.created_at, row.due_at, row.app_name) == (moment(1, 9, 5), moment(1, 9, 5), "Cerby")


def test_a_check_that_finds_the_same_tells_nothing(given: Given, routes: Routes) -> None:
    opened(given, routes)
    checked(given, moment(1, 9, 10), routes)
    assert len(waiting(given.store)) == 1


def test_without_routes_nothing_is_written(given: Given) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    assert len(checked(given, moment(1, 9, 5), Routes()).opened) == 1
    assert waiting(given.store) == []


def test_a_message_and_its_change_stand_or_fall_together(given: Given, routes: Routes) -> None:
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    store = given.stored()
    store.write(lambda cursor: cursor.execute("alter table outbox rename to elsewhere"))
    with pytest.raises(StoreError):
        checked(given, moment(1, 9, 5), routes)
    assert store.rows("select count(*) from incidents") == [(0,)]


def test_what_is_over_is_told_to_whom_the_beginning_was_told(given: Given, routes: Routes) -> None:
    opened(given, routes)
    send(given.store, moment(1, 9, 6))
    over(given, routes)
    assert messages(given.store) == [("opened", "it@example.com", SENT), ("closed", "it@example.com", WAITING)]
    assert waiting(given.store)[0].title.startswith("Resolved: Cerby is in quarantine")


def test_what_came_and_went_before_anybody_heard_is_told_once(given: Given, routes: Routes) -> None:
    opened(given, routes)
    over(given, routes)
    assert messages(given.store) == [("opened", "it@example.com", MERGED), ("passed", "it@example.com", WAITING)]
    [row] = waiting(given.store)
    problem = "Cerby is in quarantine: sign-in to the app failed, or its answers are not SCIM"
    assert row.title == f"Opened and resolved: {problem} (lasted 10 h 5 min)"


def test_a_recovery_is_not_told_to_whom_nothing_was_told(given: Given, settings: Settings, tmp_path: Path) -> None:
    routes = routes_in(settings, tmp_path, '[route.a]\nemail = "it@example.com"\nseverities = ["warning"]')
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    checked(given, moment(1, 9, 5), routes)
    over(given, routes)
    assert messages(given.store) == []


def test_what_gets_worse_is_told_once_and_what_gets_better_is_not(given: Given, routes: Routes) -> None:
    opened(given, routes, quarantined={"severity": "warning"})
    send(given.store, moment(1, 9, 6))
    checked(given, moment(1, 9, 10), routes)
    send(given.store, moment(1, 9, 11))
    checked(given, moment(1, 9, 15), routes, quarantined={"severity": "warning"})
    checked(given, moment(1, 9, 20), routes)
    assert [(change, state) for change, _, state in messages(given.store)] == [("opened", SENT), ("escalated", SENT)]


def test_what_gets_worse_before_it_went_out_goes_out_once_and_says_the_worst(given: Given, routes: Routes) -> None:
    opened(given, routes, quarantined={"severity": "warning"})
    checked(given, moment(1, 9, 10), routes)
    [row] = waiting(given.store)
    assert (row.change, row.severity) == ("opened", "critical")


@pytest.mark.parametrize("seen", [True, False])
def test_what_somebody_has_seen_or_snoozed_gets_worse_in_silence_and_its_end_is_told(
    given: Given, routes: Routes, seen: bool
) -> None:
    row = opened(given, routes, quarantined={"severity": "warning"})
    send(given.store, moment(1, 9, 6))
    assert row.incident_id
    if seen:
        acknowledge(given.store, row.incident_id, "Ada")
    else:
        snooze(given.store, row.incident_id, wall_clock(given.store.settings) + timedelta(hours=1))
    checked(given, moment(1, 9, 10), routes)
    assert waiting(given.store) == []
    over(given, routes)
    assert [one.change for one in waiting(given.store)] == ["closed"]


def worse_while_snoozed(given: Given, routes: Routes) -> None:
    """An incident that became critical while it was snoozed for an hour of the wall clock, and a check says so."""
    row = opened(given, routes, quarantined={"severity": "warning"})
    send(given.store, moment(1, 9, 6))
    assert row.incident_id
    snooze(given.store, row.incident_id, wall_clock(given.store.settings) + timedelta(hours=1))
    for day in (1, 30):
        checked(given, moment(day, 10), routes)
        assert waiting(given.store) == [], "weeks of data are no hour of the wall clock"


def hours_later(store: Store) -> None:
    """Sets the clock two hours ahead."""
    real = datetime.now(UTC)
    store.settings.clock = f"{real + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ},1,{real:%Y-%m-%dT%H:%M:%SZ}"


def test_what_got_worse_while_snoozed_is_told_by_the_check_after_the_snooze(given: Given, routes: Routes) -> None:
    worse_while_snoozed(given, routes)
    hours_later(given.store)
    for minute in (0, 5):
        checked(given, moment(30, 11, minute), routes)
        assert [one.title[:12] for one in waiting(given.store)] == ["Now critical"]


def test_a_snooze_ends_by_the_wall_clock_though_no_check_is_due(given: Given, routes: Routes) -> None:
    worse_while_snoozed(given, routes)
    looked = enqueue_unsnoozed(given.store, routes, None)
    assert waiting(given.store) == []
    hours_later(given.store)
    for since in (looked, None, looked):
        assert enqueue_unsnoozed(given.store, routes, since) > looked
        assert [one.title[:12] for one in waiting(given.store)] == ["Now critical"]
    revision = given.store.revision()
    enqueue_unsnoozed(given.store, routes, wall_clock(given.store.settings))
    assert given.store.revision() == revision


def test_an_address_of_two_routes_is_told_once(given: Given, settings: Settings, tmp_path: Path) -> None:
    text = '[route.a]\nemail = "it@example.com"\n[route.b]\nemail = ["it@example.com", "on-call@example.com"]'
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    checked(given, moment(1, 9, 5), routes_in(settings, tmp_path, text))
    found = sorted((one.route, one.address) for one in waiting(given.store))
    assert found == [("a", "it@example.com"), ("b", "on-call@example.com")]


def test_in_quiet_hours_a_message_waits_for_their_end(given: Given, settings: Settings, tmp_path: Path) -> None:
    text = '[route.a]\nemail = "it@example.com"\nquiet_hours = {from="08:00", until="18:00"}\ngroup_within = 60'
    given.quarantined("Cerby", day=1, hour=9, since=moment(1, 2))
    checked(given, moment(1, 9, 5), routes_in(settings, tmp_path, text))
    assert [one.due_at for one in waiting(given.store)] == [moment(1, 18)]


def test_a_message_is_claimed_by_one(given: Given, routes: Routes) -> None:
    row = opened(given, routes)
    assert len(claim(given.store, [row.message_id], "x", "here 1", moment(1, 9, 6))) == 1
    assert claim(given.store, [row.message_id], "x", "here 2", moment(1, 9, 6)) == []
    [now] = waiting(given.store)
    assert (now.state, now.claimed_by, now.claimed_at, now.attempts) == (SENDING, "here 1", moment(1, 9, 6), 1)


def test_a_claim_of_a_process_that_ended_is_taken_over_and_marked(given: Given, routes: Routes) -> None:
    row = opened(given, routes)
    claim(given.store, [row.message_id], row.message_id, "here 1", moment(1, 9, 6))
    assert take_over(given.store, "there", moment(1, 9, 7)) == 0
    assert take_over(given.store, "here", moment(1, 9, 7)) == 1
    [now] = waiting(given.store)
    assert (now.state, now.repeats, now.message.repeated) == (WAITING, 1, True)
    assert now.message_id == row.message_id


def test_a_claim_of_another_machine_is_taken_over_when_it_is_old(given: Given, routes: Routes) -> None:
    row = opened(given, routes)
    claim(given.store, [row.message_id], row.message_id, "here 1", moment(1, 9, 6))
    assert take_over(given.store, "there", moment(1, 9, 22)) == 1


def test_what_fails_is_tried_later_each_time_and_given_up_in_the_end(given: Given, routes: Routes) -> None:
    opened(given, routes)
    waits = []
    at = moment(1, 9, 6)
    while rows := claim(given.store, [one.message_id for one in waiting(given.store)], "x", "here 1", at):
        record_failed(given.store, rows, "450 Later.", at, routes.give_up_after)
        held = waiting(given.store)
        waits += [int((held[0].due_at - at).total_seconds() // 60)] if held else []
        at = held[0].due_at if held else at
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert max(waits) == 360
    [(state, error, attempts)] = given.store.rows("select state, error, attempts from outbox")
    assert (state, error, attempts) == (GIVEN_UP, "450 Later.", len(waits) + 1)
    assert at >= moment(4, 9, 6)


def test_what_a_check_found_as_of_long_ago_is_tried_as_long_as_anything(given: Given, routes: Routes) -> None:
    opened(given, routes)
    late = moment(200)
    record_failed(given.store, send_only(given.store, late), "450 Later.", late, routes.give_up_after)
    [row] = waiting(given.store)
    assert (row.state, row.tried_at, row.due_at) == (WAITING, late, moment(200, 0, 1))


def test_an_opening_that_fails_after_its_recovery_was_written_is_not_tried_again(given: Given, routes: Routes) -> None:
    row = opened(given, routes)
    rows = claim(given.store, [row.message_id], row.message_id, "here 1", moment(1, 9, 6))
    over(given, routes)
    record_failed(given.store, rows, "Too slow.", moment(1, 12, 6), routes.give_up_after)
    assert [one.change for one in waiting(given.store)] == ["closed"]


def test_a_recovery_that_two_checks_find_at_once_is_told_once(given: Given, routes: Routes) -> None:
    opened(given, routes)
    send(given.store, moment(1, 9, 6))
    given.observed("Cerby", "Active", day=1, hour=12)
    store = given.stored()

    def meanwhile() -> Any:
        inner = check(
            store,
            moment(1, 12, 4),
            overrides={},
            chosen=[find_rule("quarantined")],
            along=partial(enqueue, routes=routes, settings=store.settings),
        )
        assert len(inner.closed) == 1
        yield find_rule("quarantined")

    check(
        store,
        moment(1, 12, 5),
        overrides={},
        chosen=meanwhile(),
        along=partial(enqueue, routes=routes, settings=store.settings),
    )
    assert [one.change for one in waiting(store)] == ["closed"]
