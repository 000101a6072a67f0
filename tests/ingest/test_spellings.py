"""Names survive any mix of spellings; the shapes and encodings of PowerShell, Splunk and Power Automate are read."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.lake import Store
from tests.support.loads import load, load_one, reasons, rows, tally
from tests.support.respelled import ENCODINGS, FORMS, SPELLINGS, WRAPPERS, shortened, spelled
from tests.support.shapes import Record, analytics, cased, dumped, event, failed, lines, skipped

ASKED = """
    select event_id, app_name, source_name, upn, source_id, target_id, source_system, target_system, error_code,
        http_status, status, skip_reason, "action", last_step, len(steps) as steps, len(changes) as changes,
        occurred_at::varchar as at, steps[-1].details->>'$.ReportableIdentifier' as shown
    from events where source_name like '{who}%' order by event_id
"""


def answer(record: Record) -> dict[str, Any]:
    """What is right of a record, taken from Graph's own spelling of it."""
    info, identity = record["provisioningStatusInfo"], record["sourceIdentity"]
    error, last = info["errorInformation"] or {}, record["provisioningSteps"][-1]
    return {
        "event_id": record["id"],
        "app_name": record["servicePrincipal"]["displayName"],
        "source_name": identity["displayName"],
        "upn": identity["details"]["UserPrincipalName"],
        "source_id": identity["id"],
        "target_id": record["targetIdentity"]["id"],
        "source_system": record["sourceSystem"]["displayName"],
        "target_system": record["targetSystem"]["displayName"],
        "error_code": error.get("errorCode"),
        "http_status": 409 if error else None,
        "status": info["status"],
        "skip_reason": last["details"].get("SkipReason"),
        "action": record["provisioningAction"],
        "last_step": last["name"],
        "steps": len(record["provisioningSteps"]),
        "changes": len(record["modifiedProperties"]),
        "at": record["activityDateTime"].replace("T", " ").removesuffix("Z"),
        "shown": last["details"].get("ReportableIdentifier"),
    }


def records(who: str, many: int = 6) -> list[Record]:
    """A success, a failure and a skip in turn, the first forty of a larger lot without any failure."""
    made = [(event, failed, skipped)[number % 3](f"{who}{number}", number) for number in range(many)]
    return made if many < 50 else [event(f"{who}{number}", number) for number in range(45)] + made[45:]


def stored(store: Store, who: str) -> list[dict[str, Any]]:
    """What the store has of the records of a name."""
    return rows(store, ASKED.format(who=who.title()))


def expected(told: Sequence[Record]) -> list[dict[str, Any]]:
    """What is right of some records."""
    return sorted((answer(one) for one in told), key=lambda one: str(one["event_id"]))


def dotnet(at: str) -> str:
    """An instant as Windows PowerShell writes it."""
    moment = datetime.fromisoformat(at).astimezone(UTC)
    return f"/Date({int(moment.timestamp() * 1000)})/"


def american(at: str) -> str:
    """An instant as PowerShell writes it into a text."""
    return datetime.fromisoformat(at).strftime("%m/%d/%Y %H:%M:%S")


def american_offset(at: str) -> str:
    """An instant as .NET writes one with an offset in America."""
    return datetime.fromisoformat(at).strftime("%m/%d/%Y %I:%M:%S %p +00:00")


def offset(at: str) -> str:
    """The same instant two hours east of Greenwich."""
    return at.replace("T12", "T14").replace("Z", "+02:00")


TIMES = {"iso": str, "dotnet": dotnet, "american": american, "american offset": american_offset, "offset": offset}


def drawn(draw: random.Random, told: Sequence[Record], wrapper: str, encoding: str) -> tuple[bytes, tuple[object, ...]]:
    """Some records in a spelling, form and kind of instant that are drawn, and what was drawn."""
    spelling, form, time = draw.choice(list(SPELLINGS)), draw.choice(list(FORMS)), draw.choice(list(TIMES))
    share = draw.choice([0, 0.5, 1])
    made = [one | {"activityDateTime": TIMES[time](one["activityDateTime"])} for one in told]
    made = [FORMS[form](spelled(shortened(one, draw, share), SPELLINGS[spelling], draw)) for one in made]
    return ENCODINGS[encoding](WRAPPERS[wrapper](made)), (spelling, form, time, wrapper, encoding, share)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(1, 4))])
def test_a_record_means_the_same_however_it_is_spelled_shaped_wrapped_and_encoded(
    seed: int, store: Store, tmp_path: Path
) -> None:
    draw = random.Random(seed)
    pairs = list(product(WRAPPERS, ENCODINGS))
    draw.shuffle(pairs)
    told = {f"mix{place}x": records(f"mix{place}x", 3) for place, _ in enumerate(pairs)}
    files = {name: drawn(draw, told[name], *pair) for name, pair in zip(told, pairs, strict=True)}
    found = load(store, tmp_path / "in", {name: data for name, (data, _) in files.items()})
    assert {files[name][1]: tally(one) for name, one in found.items() if tally(one) != (3, 3, 0, 0)} == {}
    assert {files[name][1]: stored(store, name) for name in told if stored(store, name) != expected(told[name])} == {}


@pytest.mark.parametrize("order", range(6))
def test_names_survive_where_half_of_a_file_is_spelled_in_another_way(order: int, store: Store, tmp_path: Path) -> None:
    draw = random.Random(order)
    told = records("half", 12)
    ways = [lambda one: one, cased, lambda one: shortened(one, draw, 0.5)]
    made = [ways[(number + order) % (2 + order % 2)](one) for number, one in enumerate(told)]
    draw.shuffle(made)
    assert tally(load_one(store, tmp_path / "in", lines(made))) == (12, 12, 0, 0)
    assert stored(store, "half") == expected(told)


def test_an_error_behind_many_successes_keeps_its_code_in_any_spelling(store: Store, tmp_path: Path) -> None:
    draw = random.Random(1)
    told = records("late", 90)
    made = [spelled(one, SPELLINGS["pascal"], draw) for one in told]
    assert tally(load_one(store, tmp_path / "in", WRAPPERS["array"](made))) == (90, 90, 0, 0)
    assert stored(store, "late") == expected(told)


def table(told: Sequence[Record], names: tuple[str, str, str, str]) -> bytes:
    """Rows as the Log Analytics API answers them."""
    tables, columns, name, listed = names
    rows_ = [analytics(one) for one in told]
    return json.dumps(
        {
            tables: [
                {
                    "name": "PrimaryResult",
                    columns: [{name: key} for key in rows_[0]],
                    listed: [list(row.values()) for row in rows_],
                }
            ]
        }
    ).encode()


@pytest.mark.parametrize("names", [("tables", "columns", "name", "rows"), ("Tables", "Columns", "ColumnName", "Rows")])
def test_an_answer_of_log_analytics_is_read_as_its_rows(
    names: tuple[str, str, str, str], store: Store, tmp_path: Path
) -> None:
    told = records("table")
    assert tally(load_one(store, tmp_path / "in", table(told, names))) == (6, 6, 0, 0)
    assert stored(store, "table") == expected(told)


def test_rows_of_log_analytics_keep_their_names_in_any_mix_of_spellings(store: Store, tmp_path: Path) -> None:
    draw = random.Random(3)
    told = records("rows", 12)
    made = [analytics(one) for one in told]
    for one, record in zip(made, told, strict=True):
        for column, field in (("ServicePrincipal", "servicePrincipal"), ("SourceIdentity", "sourceIdentity")):
            one[column] = json.dumps(shortened(record, draw, 0.5)[field])
    assert tally(load_one(store, tmp_path / "in", lines(made))) == (12, 12, 0, 0)
    assert stored(store, "rows") == expected(told)


CUT = (
    "System.Collections.Hashtable",
    "Microsoft.Graph.PowerShell.Models.MicrosoftGraphProvisioningErrorInfo",
    "@{errorCode=EntryConflict; reason=x}",
    "System.Object[]",
    "System.Collections.Generic.Dictionary`2[System.String,System.Object]",
)


def cut_at(value: Any, depth: int, word: str) -> Any:
    """What ConvertTo-Json writes of a value that is deeper than it may go: texts where objects were."""
    if isinstance(value, dict):
        return {key: cut_at(one, depth - 1, word) for key, one in value.items()} if depth >= 0 else word
    if isinstance(value, list):
        if depth < 0:
            return " ".join(word for _ in value)
        return [cut_at(one, depth - 1, word) for one in value]
    return value


@pytest.mark.parametrize("spelling", ["graph", pytest.param("pascal", marks=pytest.mark.deep)])
def test_what_a_shallow_export_cut_off_is_a_reject_that_says_how_to_export(
    spelling: str, store: Store, tmp_path: Path
) -> None:
    files, whole = {}, {}
    for word, depth, wrapper in product(CUT, (1, 2, 3), ("page", "lines", "array", "splunk")):
        name = f"whole{len(files)}x"
        cut = [cut_at(one, depth - 1, word) for one in (failed("cut", 1), skipped("cut", 2))]
        whole[name] = failed(name, 9)
        made = [spelled(one, SPELLINGS[spelling], random.Random(0)) for one in (cut[0], whole[name], cut[1])]
        files[name] = WRAPPERS[wrapper](made)
    found = load(store, tmp_path / "in", files)
    assert {name: tally(one) for name, one in found.items() if tally(one) != (3, 1, 0, 2)} == {}
    assert all("ConvertTo-Json -Depth 10" in reason for reason in reasons(store))
    assert {name: [one["event_id"] for one in stored(store, name)] for name in whole} == {
        name: [record["id"]] for name, record in whole.items()
    }
    assert rows(store, "select count(*) as events from events") == [{"events": len(whole)}]


def test_what_is_no_record_in_any_wrapping_is_one_reject(store: Store, tmp_path: Path) -> None:
    found = load(
        store,
        tmp_path / "in",
        {
            "deep": dumped({"a": {"b": [{"c": "{\"d\": 1}"}]}}).encode(),
            "table": dumped({"tables": [{"columns": [{"name": "x"}], "rows": [[1]]}]}).encode(),
        },
    )  # fmt: skip
    assert {name: tally(one) for name, one in found.items()} == {"deep": (1, 0, 0, 1), "table": (1, 0, 0, 1)}


def test_a_broken_line_among_wrapped_ones_costs_itself_alone(store: Store, tmp_path: Path) -> None:
    told = records("wrapped")
    data = WRAPPERS["splunk"](told).splitlines(keepends=True)
    data.insert(3, b'{"result": {"_raw": "{broken"}}\n')
    data.insert(1, b"no json\n")
    assert tally(load_one(store, tmp_path / "in", b"".join(data))) == (8, 6, 0, 2)
    assert stored(store, "wrapped") == expected(told)


@pytest.mark.deep
def test_a_large_document_in_a_wrapping_is_recognised_by_its_beginning(store: Store, tmp_path: Path) -> None:
    told = records("large", 900)
    assert len(data := WRAPPERS["body"](told)) > 1 << 20
    assert tally(load_one(store, tmp_path / "in", data)) == (900, 900, 0, 0)
    assert stored(store, "large") == expected(told)


CASES = Path(__file__).parents[1] / "cases"


def test_each_case_of_an_export_gives_what_is_right(store: Store, tmp_path: Path) -> None:
    right = {
        "57-job-powershell.json": (1, 1, 0, 0),
        "58-powershell5-event.json": (1, 1, 0, 0),
        "60-powershell-depth2.json": (1, 0, 0, 1),
        "61-loganalytics-tables.json": (1, 1, 0, 0),
        "63-splunk-export.json": (1, 1, 0, 0),
        "mixed-spelling.json": (6, 6, 0, 0),
    }
    found = load(store, tmp_path / "in", {name: (CASES / name).read_bytes() for name in right})
    assert {name: tally(one) for name, one in found.items()} == right
    assert "-Depth 10" in reasons(store)[0]
    nameless = "select count(*) as n from events where app_name is null or source_name is null"
    assert rows(store, nameless) == [{"n": 0}]
    assert rows(store, "select occurred_at::varchar as at from events where app_name = 'Kite'") == [
        {"at": "2026-03-02 08:28:00"}
    ]
    assert rows(store, "select interval_s, quarantine_since::varchar as since from job_snapshots") == [
        {"interval_s": 2400, "since": "2026-03-01 20:00:05"}
    ]
