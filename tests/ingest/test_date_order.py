"""Dates of numbers are read by the order of their whole file, and not at all where nothing shows it."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.ingest.files import ingest
from pipeline.store.lake import Store
from tests.support.loads import load, put, read, reasons, rows
from tests.support.shapes import Record, dumped, event, lines, pretty

JANUARY = [datetime(2026, 1, day, 9, 14, 2) for day in (5, 6, 13)]
FORMS = {
    "British": "%d/%m/%Y %H:%M:%S",
    "American": "%m/%d/%Y, %I:%M:%S.123 %p",
    "Dutch": "%d-%m-%Y %H:%M:%S",
    "German": "%d.%m.%Y %H:%M:%S",
}


def records(days: Sequence[datetime], form: str, who: str = "p") -> list[Record]:
    """An event of each day, its instant written in a form."""
    return [event(f"{who}{day:%d}{day:%m}", 0, activityDateTime=day.strftime(form)) for day in days]


def table(days: Sequence[datetime], form: str) -> bytes:
    """A log of requests as a table, one on each day."""
    cells = [f'"{day.strftime(form)}";GET;/Users/{number};200' for number, day in enumerate(days)]
    return "\r\n".join(["sep=;", "Time;Method;Path;Status", *cells, ""]).encode()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_day_beyond_12_decides_for_its_file(store: Store, tmp_path: Path, form: str) -> None:
    """Also for the rows before it, for a file beside it of another order, and in a record behind the first ones."""
    many = [JANUARY[0]] * 300 + JANUARY[1:]
    files = {
        "1 other.json": lines(records([datetime(2026, 2, 14, 9)], FORMS["American"])),
        "2 events.json": lines(records(JANUARY, form)),
        "3 array.json": dumped(records([datetime(2026, 1, day, 8) for day in (5, 13)], form, "q")).encode(),
        "4 requests.csv": table(many, form),
        "5 iso.json": lines(records([datetime(2026, 1, 7)], "%Y-%m-%dT%H:%M:%SZ")),
    }
    found = load(store, tmp_path / "in", files)
    assert {name: (one.kept, one.rejects) for name, one in found.items()} == {
        name: (count, 0) for name, count in zip(files, (1, 3, 2, 302, 1), strict=True)
    }
    days = "select list_sort(list(distinct strftime(occurred_at, '%m-%d'))) as days from {}"
    assert rows(store, days.format("events")) == [{"days": ["01-05", "01-06", "01-07", "01-13", "02-14"]}]
    assert rows(store, days.format("exchanges")) == [{"days": ["01-05", "01-06", "01-13"]}]


def test_a_table_that_shows_no_order_is_a_reject_that_names_the_setting(store: Store, tmp_path: Path) -> None:
    """In JSON the month comes first: PowerShell writes it so under every locale."""
    files = {"a.json": lines(records(JANUARY[:1], FORMS["British"])), "b.csv": table(JANUARY[:1], FORMS["British"])}
    found = load(store, tmp_path / "in", files)
    assert [(one.kept, one.rejects) for one in found.values()] == [(1, 0), (0, 1)]
    assert rows(store, "select month(occurred_at) as m from events") == [{"m": 5}]
    assert all("set PROVISIONING_DATE_ORDER to dmy or mdy" in reason for reason in reasons(store))


HOSTILE = ("13/25/2026 09:00:00", "30/02/2026 09:00:00", "00/05/2026 09:00:00", "05/01/0000 09:00:00",
           "12/12/9999 09:00:00", "12/31/2026 09:00:00", "soon")  # fmt: skip


@pytest.mark.parametrize("days", [JANUARY, [datetime(2026, 1, day, 9) for day in (5, 6, 7)]], ids=["proof", "spread"])
def test_a_date_that_cannot_be_costs_its_row_alone(store: Store, tmp_path: Path, days: list[datetime]) -> None:
    """Also one that is later than its file in either order; a sentence may begin with a date."""
    files = {}
    for number, hostile in enumerate(HOSTILE):
        told = records(days, FORMS["British"], f"h{number}")
        told[1]["sourceIdentity"]["displayName"] = "01/31/2026 starter"
        told.insert(number % 4, event(f"x{number}", 0, activityDateTime=hostile))
        files[f"{number}.json"] = lines(told)
        heading, cells = table(days, FORMS["British"]).split(b"Status\r\n")
        files[f"{number}.csv"] = heading + f"Status\r\n{hostile};GET;/Users/x;200\r\n".encode() + cells
    written = datetime(2026, 1, 20, tzinfo=UTC).timestamp()
    put(tmp_path / "in", files)
    for name in files:
        os.utime(tmp_path / "in" / name, (written, written))
    found = read(store, tmp_path / "in")
    assert {(one.kept, one.rejects) for one in found.values()} == {(3, 1)}
    assert all(any(hostile in reason for reason in reasons(store)) for hostile in HOSTILE)
    assert rows(store, "select distinct month(occurred_at) as m from events") == [{"m": 1}]


def test_rows_that_contradict_each_other_are_read_each_by_itself(store: Store, tmp_path: Path) -> None:
    days = ("13/01/2026 09:00", "01/14/2026 09:00", "05/01/2026 09:00", "07/07/2026 09:00")
    told = [event(f"c{number}", 0, activityDateTime=day) for number, day in enumerate(days)]
    found = load(store, tmp_path / "in", {"a.json": lines(told)})
    assert [(one.kept, one.rejects) for one in found.values()] == [(3, 1)]
    assert "set PROVISIONING_DATE_ORDER" in reasons(store)[0]


@pytest.mark.parametrize("order, month", [("dmy", 1), ("mdy", 5)])
def test_the_setting_decides_where_a_file_does_not(store: Store, tmp_path: Path, order: str, month: int) -> None:
    store.settings.date_order = order  # type: ignore[assignment]
    files = {
        "a.json": lines(records(JANUARY[:1], FORMS["British"])),
        "b.json": lines(records(JANUARY, "%d/%m/%Y %H:%M", "q")),
    }
    assert sum(one.kept for one in ingest(store, [put(tmp_path / "in", files)]).files) == 4
    found = rows(store, "select month(occurred_at) as m, count(*) as n from events group by m order by m")
    assert found == ([{"m": 1, "n": 4}] if month == 1 else [{"m": 1, "n": 3}, {"m": 5, "n": 1}])


BEFORE = {
    "prompt": b"PS C:\\> Get-It | ConvertTo-Json\r\n",
    "headers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 200 \r\ncontent-type: application/json\r\n\r\n",
    "warning": b"WARNING: This command is in preview.\n",
    "progress": b"  % Total    % Received\n\r100  12  100  12    0     0  99 --:--:-- --:--:-- --:--:-- 99\n",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_what_a_tool_printed_before_the_records_is_left_out(store: Store, tmp_path: Path, before: bytes) -> None:
    told = [event(f"p{number}", number) for number in range(3)]
    files = {
        "page.json": before + dumped({"value": told[:1]}).encode(),
        "pretty.json": before + pretty({"value": told[1:2]}),
        "lines.json": b"\xef\xbb\xbf" + before + lines(told[2:]),
    }
    found = load(store, tmp_path / "in", files)
    assert {name: (one.kept, one.rejects) for name, one in found.items()} == dict.fromkeys(files, (1, 0))


def test_a_line_of_a_table_has_its_number_in_the_file_behind_a_hint(store: Store, tmp_path: Path) -> None:
    data = table(JANUARY, "%Y-%m-%dT%H:%M:%SZ").replace(b"2026-01-06T", b"soon")
    assert load(store, tmp_path / "in", {"a.csv": data})["a.csv"].rejects == 1
    assert rows(store, "select line from rejects") == [{"line": 4}]
