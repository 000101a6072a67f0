"""Pairs that are kept day by day: however records arrive, and whenever days are paired, the table is the same."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.maintenance.chores import maintain
from pipeline.maintenance.pairing import pair
from pipeline.sample import imagine
from pipeline.sample.spellings import pair as line_pair
from pipeline.store.lake import Store, open_store
from tests.model.test_match import WEEK, store_event
from tests.support.given import Given, Row, moment
from tests.support.lakes import copied

KEPT = {
    "request_matches": "occurred_at, event_id, job_id",
    "clock_days": 'app_id, "day"',
    "log_owner_hits": '"day", base, app_id',
    "unpaired_days": '"day"',
}
"What pairing writes, in a total order."
NOW = datetime(2026, 1, 26, 13, 30, tzinfo=UTC)
Step = Callable[[Store], Any]


@pytest.fixture
def lakes(blank: Settings, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens empty lakes."""
    opened: list[Store] = []

    def fresh() -> Store:
        settings = Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path}/{len(opened)}/catalog.sqlite")
        (tmp_path / str(len(opened))).mkdir()
        copied(blank, settings)
        opened.append(open_store(settings))
        return opened[-1]

    yield fresh
    for store in opened:
        store.close()


def kept(store: Store) -> dict[str, list[Any]]:
    """Returns all that pairing has written, once every day is paired."""
    pair(store)
    return {table: store.rows(f"from {table} order by {order}") for table, order in KEPT.items()}


def asked(store: Store) -> list[Any]:
    """Returns the matches of all time, as a question has them."""
    everything = "from matches(timestamp '2025-12-01', timestamp '2026-03-01')"
    return store.rows(f"{everything} order by occurred_at, event_id, job_id")


def arriving(rows: dict[str, list[Row]]) -> Step:
    """Returns a load of rows."""

    def load(store: Store) -> None:
        given = Given(store)
        given.rows.update(rows)
        given.stored()

    return load


def crowded(chance: random.Random) -> tuple[list[Row], list[Row]]:
    """Imagines events and requests of three apps, most around midnight, many of them about the same few people.

    The clocks differ from day to day; two apps write one log that names neither, and one has few requests a day.
    """
    events, requests = [], []
    for number in range(260):
        app = chance.choices(("Ash", "Birch", "Cedar"), (10, 8, 1))[0]
        day, minute = chance.randrange(6), chance.gauss(0, 25) if chance.random() < 0.7 else chance.uniform(0, 1440)
        at = moment(1 + day) + timedelta(minutes=minute)
        at = at.replace(microsecond=0)
        who, fails = chance.choice("abcde"), chance.random() < 0.2
        facts: Row = {"event_id": f"e-{number}", "job_id": f"scim.{app}", "app_id": app, "app_name": app}
        facts |= {"target_id": f"{app}-{who}", "source_id": f"id-{who}", "upn": f"{who}@example.com"}
        facts |= {"action": chance.choice(("update", "update", "disable")), "last_step": "EntryExportUpdate"}
        events.append(facts | {"status": "failure" if fails else "success", "occurred_at": at})
        if chance.random() < 0.1:
            continue
        for again in range(1 + (chance.random() < 0.15)):
            ahead = {"Ash": 20 * day, "Birch": 0, "Cedar": 3}[app] + chance.uniform(0, 4) + 60 * again
            request: Row = {"exchange_id": f"x-{number}-{again}", "app_id": app if app == "Cedar" else None}
            request |= {"occurred_at": at + timedelta(seconds=ahead), "method": "PATCH", "operation": "update"}
            request |= {"path": f"/{app}/Users/{app}-{who}", "resource_type": "User", "resource_id": f"{app}-{who}"}
            requests.append(request | {"http_status": 400 if fails else 200})
    return events, requests


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(1, 4))])
def test_pairs_do_not_depend_on_the_order_of_arrival_or_of_pairing(lakes: Callable[[], Store], seed: int) -> None:
    chance = random.Random(seed)
    events, requests = crowded(chance)
    in_order = lakes()
    arriving({"events": sorted(events, key=lambda row: row["occurred_at"]), "exchanges": requests})(in_order)
    answer = asked(in_order)
    expected = kept(in_order)
    assert len(expected["request_matches"]) > 150
    assert asked(in_order) == answer
    # Half of the days come one after the other, in any order, so that the last rows are of few days; the rest anyhow.
    turns = {moment(day).date(): chance.choice((0, chance.randrange(1, 99))) for day in range(9)}
    rows = [("events", row) for row in events] + [("exchanges", row) for row in requests]
    chance.shuffle(rows)
    rows.sort(key=lambda one: turns[one[1]["occurred_at"].date()])
    other = lakes()
    while rows:
        some, rows = rows[: (size := chance.randrange(1, 120))], rows[size:]
        arriving({name: [row for table, row in some if table == name] for name in {table for table, _ in some}})(other)
        if chance.random() < 0.7:
            pair(other)
    assert kept(other) == expected
    assert asked(other) == answer


def test_no_request_belongs_to_two_events(lakes: Callable[[], Store]) -> None:
    events, requests = crowded(random.Random(9))
    store = lakes()
    # Days one by one, so that each border is paired from both sides.
    for day in range(9):
        some = [row for row in events if row["occurred_at"].date() == moment(day).date()]
        beside = [row for row in requests if row["occurred_at"].date() == moment(day).date()]
        arriving({name: rows for name, rows in (("events", some), ("exchanges", beside)) if rows})(store)
        pair(store)
    rows = store.rows("select count(*), count(distinct exchange_id), count(distinct event_id) from request_matches")
    assert len({*rows[0]}) == 1


def test_a_log_whose_answers_come_later_is_paired_anew(lakes: Callable[[], Store], tmp_path: Path) -> None:
    world = imagine(seed=11, users=40, groups=4, days=10)
    requests = [replace(each, at=each.at + timedelta(seconds=30 * (each.at.day % 10))) for each in world.exchanges]
    lines = [line for each in requests for line in line_pair(each)]
    chance = random.Random(3)

    store = lakes()
    given = Given(store)
    for event in chance.sample(world.events, len(world.events)):
        store_event(given, event)
    given.stored()
    chance.shuffle(lines)
    for part in range(4):
        file = tmp_path / f"part-{part}.log"
        # Some lines come again.
        some = lines[part::4] + chance.sample(lines, 20)
        file.write_text("".join(f"{line}\n" for line in some), encoding="utf-8")
        ingest(store, [str(file)])
        pair(store)
    by_and_by = kept(store)
    assert len(by_and_by["request_matches"]) > 50
    store.write(
        lambda cursor: cursor.execute("""
        delete from clock_days; delete from log_owner_hits; delete from request_matches;
        insert into unpaired_days select distinct date_trunc('day', occurred_at) from events""")
    )
    assert kept(store) == by_and_by


def test_maintenance_pairs_what_is_marked_and_a_second_round_finds_nothing(store: Store) -> None:
    events, requests = crowded(random.Random(5))
    arriving({"events": events, "exchanges": requests})(store)
    answer = asked(store)
    done = {(item.chore, item.subject): item.amount for item in maintain(store, NOW)}
    assert done["pair", "request_matches"] > 5
    assert store.rows("from unpaired_days") == []
    assert asked(store) == answer == store.rows("from request_matches order by occurred_at, event_id, job_id")
    assert "pair" not in {item.chore for item in maintain(store, NOW)}


def test_a_store_without_any_log_of_requests_has_nothing_to_pair(store: Store) -> None:
    events, _ = crowded(random.Random(5))
    arriving({"events": events})(store)
    assert "pair" not in {item.chore for item in maintain(store, NOW, dry_run=True)}


def test_retention_drops_the_pairs_of_old_days(store: Store, tmp_path: Path) -> None:
    events, requests = crowded(random.Random(5))
    arriving({"events": events, "exchanges": requests})(store)
    store.settings.keep_days = 4
    maintain(store, NOW)
    [(first,)] = store.rows("select min(occurred_at) from request_matches")
    assert first >= moment(3)


def rows_read(store: Store, sql: str, report: Path) -> int:
    """Counts the rows of events and requests that a question reads, by DuckDB's own profile."""
    cursor = store.cursor()
    cursor.execute(f"pragma enable_profiling = 'json'; pragma profiling_output = '{report}'")
    cursor.execute(sql).fetchall()
    cursor.execute("pragma disable_profiling")
    cursor.close()

    def read_by(operator: dict[str, Any]) -> int:
        """Counts an operator's rows and those of what it reads from."""
        own = operator["operator_cardinality"] if is_scan(operator) else 0
        return int(own) + sum(map(read_by, operator["children"]))

    def is_scan(operator: dict[str, Any]) -> bool:
        return operator.get("extra_info", {}).get("Table") in ("events", "exchanges")

    return read_by(json.loads(report.read_text())["children"][0])


def test_a_question_about_paired_days_reads_neither_events_nor_requests_again(store: Store, tmp_path: Path) -> None:
    many = 40_000
    arriving({"events": [Given(store).event("ada", "success", moment())]})(store)
    store.write(
        lambda cursor: cursor.execute(f"""
            create or replace temp table many as
            select events.* replace ('e-' || n as event_id, occurred_at + to_seconds(n * 4) as occurred_at,
                'target-' || n as target_id)
            from events, (select unnest(range({many})) as n);
            insert into events from many;
            insert into exchanges by name
            select 'x-' || event_id as exchange_id, app_id, occurred_at, 'PATCH' as "method", '/Users/' as "path",
                target_id as resource_id, 'update' as operation, 200 as http_status
            from many;
            insert into unpaired_days from days_to_pair('many')""")
    )
    question = f"select count(*) from matches({WEEK})"
    live = rows_read(store, question, tmp_path / "live.json")
    pair(store)
    assert store.rows(question) == [(many,)]
    assert live > 2 * many > 10 * rows_read(store, question, tmp_path / "kept.json")
