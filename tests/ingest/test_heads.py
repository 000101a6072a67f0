"""Files of one kind are recognised by a few of their lines; one spelled in another way is looked at as a whole."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.ingest.discover import File
from pipeline.ingest.formats import diagnostic as diagnostic_source
from pipeline.ingest.formats import events, graph, recognise
from pipeline.ingest.formats.source import read_json, reader
from pipeline.ingest.heads import Heads
from pipeline.ingest.layout import Head, head_of
from pipeline.ingest.opened_file import open_file
from pipeline.ingest.pieces import SMALL
from pipeline.ingest.records.event import Event
from pipeline.ingest.records.wire import Spelling
from pipeline.ingest.redaction import without_secrets_in
from pipeline.store.lake import Store
from tests.support.loads import load, put, rows, tally
from tests.support.shapes import Record, array, cased, diagnostic, dumped, event, failed, lines, packed, pretty, skipped


def heads_of(folder: Path, files: dict[str, bytes]) -> list[Head]:
    """Looks at files in turn, as one run does."""
    heads, found = Heads(), []
    put(folder, files)
    for name in files:
        with open_file(File(name, folder / name), heads.head_of) as opened:
            found.append(opened.head)
    return found


def test_files_alike_share_a_head(tmp_path: Path) -> None:
    files = {
        "a": lines([event("ada", 1), failed("ada", 2), skipped("ada", 3)]),
        "b": lines([failed("bob", 1)]),
        "c": lines([diagnostic(event("cid", 1))]),
        "d": lines([skipped("dan", number) for number in range(100)]),
        "e": lines([diagnostic(failed("eve", 1))]),
    }
    a, b, c, d, e = heads_of(tmp_path, files)
    assert a is b is d and c is e and a is not c
    assert [recognise(one) for one in (a, c)] == [graph.SOURCE, diagnostic_source.SOURCE]


@pytest.mark.parametrize(
    "other",
    [
        lambda: lines([event("ada", 1), cased(event("ada", 2))]),
        lambda: lines([event("ada", n) for n in range(40)] + [cased(event("ada", 41))]),
        lambda: lines([{**event("ada", 1), "provisioningAction": None, "ProvisioningAction": "create"}]),
        lambda: lines([{"method": "GET", "path": "/Users", "status": 200, "time": "2026-01-05T12:00:00Z"}]),
        lambda: lines([event("ada", 1)])[:-40],
        lambda: array([event("ada", 1)]),
        lambda: packed(lines([event("ada", 1)])),
        lambda: b"prose\n" + lines([event("ada", 1)]),
        lambda: b"",
        lambda: b"[1]\n",
    ],
)
def test_a_file_that_is_not_alike_is_looked_at_as_a_whole(tmp_path: Path, other: Callable[[], bytes]) -> None:
    first, second = heads_of(tmp_path, {"a": lines([event("bob", 1)]), "b": other()})
    assert first is not second


def test_a_spelling_suits_what_its_columns_can_read(tmp_path: Path) -> None:
    spelling = Spelling.of(Event, [event("ada", 1)])
    assert all(spelling.suits(one) for one in (event("bob", 2), failed(), skipped(), {"id": 1, "new": {"Name": "x"}}))
    assert not spelling.suits(cased(event("ada", 1)))
    deep = event("ada", 1)
    deep["provisioningSteps"][1]["Type"] = "x"
    assert not spelling.suits(deep)


def test_many_files_of_several_spellings_give_each_record_whole(store: Store, tmp_path: Path) -> None:
    rng = random.Random(3)
    shapes: list[Callable[[Record], Record]] = [lambda one: one, cased, diagnostic]
    files = {}
    for n in range(120):
        kinds = rng.choice([shapes[:1], shapes[1:2], shapes[2:], shapes[:2]])
        files[f"{n}.jsonl"] = lines([rng.choice(kinds)(event(f"p{n}", m)) for m in range(rng.randrange(1, 9))])
    found = load(store, tmp_path / "in", files)
    assert {name: tally(found[name]) for name in files} == {
        name: (data.count(b"\n"), data.count(b"\n"), 0, 0) for name, data in files.items()
    }
    names = "select distinct app_name, upn is null as nameless, len(steps) as steps from events"
    assert rows(store, names) == [{"app_name": "Cerby", "nameless": False, "steps": 3}]


WRAPPINGS: list[Callable[[list[Record]], bytes]] = [
    lines,
    array,
    lambda records: pretty(records[0]) if len(records) == 1 else array(records),
    lambda records: pretty({"value": records}),
    lambda records: pretty({"hits": {"hits": [{"_source": one} for one in records]}}),
    lambda records: pretty({"Operations": records, "schemas": ["urn:x"]}),
    lambda records: dumped({"results": {"found": [dumped(one) for one in records]}}).encode(),
    lambda records: lines([{"_source": one} for one in records]),
    lambda records: packed(pretty([{"records": records}])),
]


def request_at(number: int) -> Record:
    """A request of its own minute, in our documented form."""
    at = f"2026-01-05T{number // 60 % 24:02d}:{number % 60:02d}:00.{number % 1000:03d}Z"
    return {"time": at, "method": "GET", "path": f"/Users/{number}", "status": 200, "request_id": f"r{number}"}


@pytest.mark.parametrize("make", [request_at, lambda number: event(f"p{number}", number % 60)])
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(2, 6))])
def test_records_are_read_whatever_is_around_them_and_beside_them(
    store: Store, tmp_path: Path, make: Callable[[int], Record], seed: int
) -> None:
    """Small files of one statement share a reader, which must not read one by another's wrapping."""
    rng = random.Random(seed)
    files, sizes, number = {"00.json": pretty(make(0))}, {"00.json": 1}, 1
    for n in range(1, 28):
        size = rng.choice([1, 1, 2, 5])
        name = f"{n:02d}.json"
        files[name] = rng.choice(WRAPPINGS)([make(number + one) for one in range(size)])
        sizes[name], number = size, number + size
    found = load(store, tmp_path / "in", files)
    assert {name: (found[name].kept, found[name].rejects, found[name].passed_over) for name in files} == {
        name: (size, 0, 0) for name, size in sizes.items()
    }


@pytest.mark.usefixtures("parallel")
def test_each_file_of_a_statement_has_its_own_number(store: Store, tmp_path: Path) -> None:
    """DuckDB numbers the files of a reader; some are small, some larger than what is copied, some are broken."""
    files = {f"{n:02d}.jsonl": lines([event(f"p{n}", m) for m in range(1 + n % 5)]) for n in range(70)}
    files["30.jsonl"] = lines([event("big", m) | {"padding": "x" * 9000} for m in range(SMALL // 9000)])
    files["31.jsonl"] += b"broken\n"
    files["32.jsonl"] = files["33.jsonl"]
    found = load(store, tmp_path / "in", files)
    for name, data in files.items():
        count = data.count(b"\n")
        expected = (count, count, 0, 0)
        if name == "31.jsonl":
            expected = (count, count - 1, 0, 1)
        if name == "33.jsonl":
            expected = (count, 0, count, 0)
        assert tally(found[name]) == expected, name


ODD: list[Any] = [
    "",
    None,
    "success",
    "failure",
    "Success",
    "0",
    "7",
    "import",
    "1",
    "token=abc",
    "Bearer abcdef123456",
    "x",
]


def odd_event(rng: random.Random, number: int) -> Record:
    """An event whose steps and changes are spelled in any way."""
    record = event(f"o{number}", number % 700)
    for step in record["provisioningSteps"]:
        for name in ("name", "provisioningStepType", "status", "description"):
            if rng.random() < 0.05:
                step[name] = rng.choice(ODD)
        if rng.random() < 0.05:
            step["details"] = rng.choice([None, "text", [1], {"password": "hunter2"}, {"a": {"b": None}}])
    for change in record["modifiedProperties"]:
        if rng.random() < 0.1:
            change[rng.choice(list(change))] = rng.choice([*ODD, "passwX"])
    for member in ("provisioningSteps", "modifiedProperties"):
        if rng.random() < 0.05:
            record[member] = rng.choice([None, [], [None], [*record[member], None]])
    return record


@pytest.mark.parametrize("seed", range(3))
def test_steps_and_changes_that_are_kept_are_those_that_would_be_made_anew(tmp_path: Path, seed: int) -> None:
    """The careful way, for every record alike, against the quick ones that most records take."""
    rng = random.Random(seed)
    data = lines([odd_event(rng, number) for number in range(3000)])
    file = put(tmp_path, {"log": data}) / "log"
    relation = graph.SOURCE.relation(reader(graph.SOURCE, {str(file): 0}, head_of(data, False), 1 << 24))
    query = events.event_rows("graph", relation, without_secrets_in)
    careful = query.replace(events.ODD_STEPS, "true").replace(events.ODD_CHANGES, "true")
    assert careful != query
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        quick = connection.execute(f"select event_id, steps, changes from ({query}) order by all").fetchall()
        assert quick == connection.execute(f"select event_id, steps, changes from ({careful}) order by all").fetchall()
        kept = f"select count(*) from ({query}) where event_id is not null"
        assert connection.execute(kept).fetchone() == (3000,)


def test_the_reader_numbers_files_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    files = {f"{n % 7}{n}": dumped({"n": n}).encode() + b"\n" for n in range(90)}
    put(tmp_path, files)
    named = read_json([str(tmp_path / name) for name in files], Head("lines"), {"n": "BIGINT"}, 1 << 20)
    with duckdb.connect() as connection:
        found = connection.execute(f"select n, file_index from {named}").fetchall()
    assert sorted(found) == [(n, n) for n in range(90)]
