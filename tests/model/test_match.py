"""Which SCIM request belongs to which event: against what truly happened in a sample tenant, and trap by trap."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.sample import imagine
from pipeline.sample.answers import World
from pipeline.sample.nouns import Event, Exchange
from pipeline.sample.spellings import access, own, pair
from pipeline.store.lake import Store, open_store
from tests.support.given import Given, Row, moment

Key = tuple[str, str]
Found = dict[Key, tuple[datetime, str, int]]
WEEK = "timestamp '2026-01-19', timestamp '2026-01-25'"
SHAPES = {
    "our own form": lambda each: [own(each)],
    "line pairs": pair,
    "access log": lambda each: [access(each)],
    "access log without bodies": lambda each: [access(replace(each, request=None))],
}
MATCHED = """
select m.event_id, m.job_id, x.occurred_at, x."method", x.duration_ms, m.skew_s
from matches(timestamp '2025-12-01', timestamp '2026-03-01') m
join exchanges x using (exchange_id)
"""


def fresh(folder: Path) -> Store:
    """Opens an empty lake."""
    return open_store(Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))


@pytest.fixture(scope="module")
def world() -> World:
    return imagine(seed=11, users=40, groups=4, days=10)


@pytest.fixture(scope="module")
def tenant(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The events of all three apps, and no request yet."""
    store = fresh(tmp_path_factory.mktemp("tenant"))
    given = Given(store)
    for event in world.events:
        store_event(given, event)
    given.stored()
    yield store
    store.close()


def store_event(given: Given, event: Event) -> None:
    """Says an event of the sample as the readers would."""
    subject, failure = event.intent.subject, event.failure
    body = failure.body if failure else None
    given.event(
        "",
        event.status,
        event.at.replace(tzinfo=None),
        event_id=event.event_id,
        change_id=event.change_id,
        job_id=event.app.job_id,
        app_id=event.app.app_id,
        app_name=event.app.name,
        action=event.action,
        source_id=subject.source_id,
        source_name=subject.name,
        source_type=subject.kind,
        upn=subject.upn,
        target_id=event.target_id or None,
        skip_reason=event.skip_reason,
        last_step=event.steps[-1].name,
        reason=failure.reason if failure else None,
        scim_detail=str(body["detail"]) if body else None,
    )


def truth(requests: list[Exchange]) -> Found:
    """Gives the request that carried each event, by what every shape of log shows of it."""
    return {
        each.event.key: (each.at.replace(microsecond=0, tzinfo=None), each.method, each.duration_ms)
        for each in requests
        if each.event and not each.event.benign
    }


def matched(store: Store, file: Path, shape: str, requests: list[Exchange]) -> tuple[Found, list[float]]:
    """Reads the requests in one shape, and gives what is said to belong together, and the skews."""
    lines = [line for each in requests for line in SHAPES[shape](each)]  # type: ignore[no-untyped-call]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    store.write(lambda cursor: cursor.execute("delete from exchanges"))
    ingest(store, [str(file)])
    rows = store.rows(MATCHED)
    found = {(event, job): (at.replace(microsecond=0), method, took) for event, job, at, method, took, _ in rows}
    return found, [row[5] for row in rows]


@pytest.mark.parametrize("skew", [0, 30, 300])
def test_every_event_finds_its_own_request_whatever_the_clock(
    world: World, tenant: Store, tmp_path: Path, skew: int
) -> None:
    requests = [replace(each, at=each.at + timedelta(seconds=skew)) for each in world.exchanges]
    found, skews = matched(tenant, tmp_path / f"own-{skew}.log", "our own form", requests)
    assert found == truth(requests)
    assert all(skew <= each < skew + 2 for each in skews)


@pytest.mark.parametrize("shape", ["line pairs", "access log"])
def test_a_log_that_names_no_app_is_known_by_the_ids_in_it(
    world: World, tenant: Store, tmp_path: Path, shape: str
) -> None:
    found, _ = matched(tenant, tmp_path / "shape.log", shape, world.exchanges)
    assert found == truth(world.exchanges)


def test_without_bodies_fewer_are_found_and_none_is_wrong(world: World, tenant: Store, tmp_path: Path) -> None:
    found, _ = matched(tenant, tmp_path / "bare.log", "access log without bodies", world.exchanges)
    right = truth(world.exchanges)
    assert {key for key in found if found[key] != right.get(key)} == set()
    assert 0.8 < len(found) / len(right) <= 1


def test_a_clock_that_drifts_is_set_right_day_by_day(world: World, tenant: Store, tmp_path: Path) -> None:
    drifting = [replace(each, at=each.at + timedelta(seconds=30 * (each.at.day % 10))) for each in world.exchanges]
    found, skews = matched(tenant, tmp_path / "drift.log", "our own form", drifting)
    assert found == truth(drifting)
    assert max(skews) - min(skews) > 100


def test_the_generator_moves_the_apps_clock_and_nothing_else(world: World) -> None:
    moved = imagine(seed=11, users=40, groups=4, days=10, skew=300)
    assert [each.at for each in moved.events] == [each.at for each in world.events]
    assert {after.at - before.at for after, before in zip(moved.exchanges, world.exchanges, strict=True)} == {
        timedelta(seconds=300)
    }


# One trap an app, all in one lake.


def exchanged(given: Given, app: str, method: str, who: str, at: datetime, status: int = 200, **more: Any) -> Row:
    """A request of an app about somebody."""
    target = f"target-{who}"
    operation = {"POST": "create", "DELETE": "delete", "GET": "read"}.get(method, "update")
    facts: Row = {"app_id": f"app-{app.lower()}", "resource_id": target, "operation": operation, "duration_ms": 90}
    path = f"/{app}/Users/{target}"
    return given.exchanged(method, path, status, at, resource_type="User", **(facts | more))


def guarded(given: Given, app: str, first: datetime, hours: int = 1) -> None:
    """Requests before and after, so that the app's log covers what lies between."""
    for at in (first - timedelta(minutes=20), first + timedelta(hours=hours)):
        exchanged(given, app, "GET", "nobody", at, operation="probe")


def fill(given: Given) -> None:
    """Says every trap."""
    for app in ("Twice", "Retry", "Again", "Group", "Late", "Lost", "Timeout", "Taken", "Refused", "Step"):
        guarded(given, app, moment(1))
    at = moment(1)
    second = timedelta(seconds=1)
    # Disabled and enabled again within the same cycle; the log has no bodies, so both are the same PATCH.
    given.disabled("ada", day=1, app="Twice", event_id="off", last_step="EntryExportUpdateSoftDelete")
    given.event("ada", "success", at + 20 * second, app="Twice", event_id="on")
    exchanged(given, "Twice", "PATCH", "ada", at + second, exchange_id="x-off")
    exchanged(given, "Twice", "PATCH", "ada", at + 21 * second, exchange_id="x-on")
    # Three tries of one PATCH, each with an event of its own.
    for number, status in enumerate((503, 503, 200)):
        when = at + number * 90 * second
        ended = "failure" if status == 503 else "success"
        given.event("bob", ended, when, app="Retry", event_id=f"try-{number}")
        exchanged(given, "Retry", "PATCH", "bob", when + second, status, exchange_id=f"x-try-{number}")
    # One event, and the same PATCH twice.
    given.event("cleo", "success", at, app="Again", event_id="once")
    exchanged(given, "Again", "PATCH", "cleo", at + second, exchange_id="x-first", request_body='{"a":1}')
    exchanged(given, "Again", "PATCH", "cleo", at + 9 * second, exchange_id="x-second", request_body='{"a":1}')
    # A group whose members change, then a different step on the same group.
    given.event("legal", "success", at, app="Group", event_id="members", source_type="Group", upn=None)
    exchanged(given, "Group", "PATCH", "legal", at + second, 204, operation="members", exchange_id="x-members")
    exchanged(given, "Group", "PATCH", "legal", at + 2 * second, 204, exchange_id="x-rename", request_body="{}")
    # No feed at all, and a feed that ends before the event.
    given.event("dora", "success", at, app="Foreign", event_id="foreign")
    given.event("eve", "success", at + timedelta(hours=9), app="Late", event_id="uncovered")
    # Both sides' disagreements.
    given.event("finn", "success", at, app="Lost", event_id="lost")
    exchanged(given, "Lost", "GET", "finn", at + second, exchange_id="x-look")
    given.event("gus", "failure", at, app="Timeout", event_id="timeout", error_code="Timeout")
    given.event("hal", "failure", at, app="Taken", event_id="taken", error_code="Timeout")
    exchanged(given, "Taken", "PATCH", "hal", at + second, exchange_id="x-taken")
    given.event("ida", "success", at, app="Refused", event_id="refused")
    exchanged(given, "Refused", "PATCH", "ida", at + second, 404, exchange_id="x-refused")
    # Ended before anything was written, with the look-up that it made.
    facts = {"action": "create", "last_step": "EntrySynchronizationError", "target_id": None}
    given.event("joe", "failure", at, app="Step", event_id="matching", **facts)
    exchanged(given, "Step", "GET", "joe", at + second, resource_id=None, filter='userName eq "joe@example.com"')
    # A write nobody told of, between two events; one long after the last event; a refused credential check.
    for minute in (0, 30):
        given.event("kim", "success", at + timedelta(minutes=minute), app="Open", event_id=f"open-{minute}")
        exchanged(given, "Open", "PATCH", "kim", at + timedelta(minutes=minute), exchange_id=f"x-open-{minute}")
    exchanged(given, "Open", "DELETE", "lea", at + timedelta(minutes=15), 204, exchange_id="x-stranger")
    exchanged(given, "Open", "DELETE", "lea", at + timedelta(hours=20), 204, exchange_id="x-night")
    exchanged(given, "Open", "GET", "mia", at + timedelta(minutes=16), 401, operation="probe", exchange_id="x-door")
    # A create without a target id, known by its error's words and by its request's own id.
    given.failed(
        "nora", day=1, app="Words", event_id="words", action="create", target_id=None, scim_detail="nora exists"
    )
    body = '{"userName":"nora@example.com"}'
    facts = {"resource_id": None, "request_body": body, "detail": "nora exists", "exchange_id": "x-words"}
    exchanged(given, "Words", "POST", "", at + second, 409, **facts)
    given.event("olga", "success", at, app="Named", event_id="named", change_id="r-1", target_id=None, upn=None)
    exchanged(given, "Named", "PATCH", "elsewhere", at + second, exchange_id="x-named", request_id="r-1")


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = fresh(tmp_path_factory.mktemp("traps"))
    given = Given(store)
    fill(given)
    given.stored()
    yield store
    store.close()


@pytest.fixture(scope="module")
def pairs(traps: Store) -> dict[str, str]:
    """Which request each event is said to have."""
    return dict(traps.rows(f"select event_id, exchange_id from matches({WEEK})"))


@pytest.fixture(scope="module")
def cells(traps: Store) -> dict[str, str]:
    """The cell of each event and of each request without one."""
    rows = traps.rows(f"select coalesce(event_id, exchange_id), cell from both_sides({WEEK})")
    assert len(rows) == len(dict(rows))
    return dict(rows)


def test_matches_tell_a_disable_from_the_enable_that_follows_it(pairs: dict[str, str]) -> None:
    assert (pairs["off"], pairs["on"]) == ("x-off", "x-on")


def test_matches_give_each_retry_its_own_request(pairs: dict[str, str]) -> None:
    assert [pairs[f"try-{number}"] for number in range(3)] == ["x-try-0", "x-try-1", "x-try-2"]
    assert len(set(pairs.values())) == len(pairs)


def test_matches_say_how_they_were_found(traps: Store) -> None:
    how = dict(traps.rows(f"select event_id, matched_by from matches({WEEK})"))
    assert (how["named"], how["words"], how["once"]) == ("request id", "error text", "score")


@pytest.mark.parametrize(
    ("who", "cell"),
    [
        ("once", "both well"),
        ("x-second", "seen twice"),
        ("members", "both well"),
        ("x-rename", "beside another"),
        ("lost", "never seen"),
        ("timeout", "failed unseen"),
        ("taken", "taken but failed"),
        ("refused", "refused but well"),
        ("try-0", "both failed"),
        ("matching", "no write"),
        ("uncovered", "not known"),
        ("x-stranger", "no event"),
        ("x-night", "not known"),
        ("x-door", "turned away"),
    ],
)
def test_a_match_or_its_want_falls_into_the_right_cell(cells: dict[str, str], who: str, cell: str) -> None:
    assert cells[who] == cell


def test_nothing_is_said_of_an_app_without_a_log_of_requests(cells: dict[str, str], pairs: dict[str, str]) -> None:
    assert "foreign" not in cells
    assert "foreign" not in pairs


def test_the_story_shows_the_request_that_carried_an_event_first(traps: Store) -> None:
    given = Given(traps)
    rows = given.answer("event_exchanges", event="lost", at=moment(1), job="scim.lost")
    assert [(row["exchange_id"], row["matched_by"]) for row in rows] == [("x-look", None)]
    rows = given.answer("event_exchanges", event="on", at=moment(1, 0, 0, 20), job="scim.twice")
    assert [(row["exchange_id"], row["matched_by"]) for row in rows] == [("x-on", "score"), ("x-off", None)]
