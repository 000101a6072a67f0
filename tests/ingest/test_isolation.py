"""Faults are isolated: one bad value, line, row or name costs itself alone, on every route; see also tests/fuzz."""

import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.collect.blobs.container import Blob
from pipeline.collect.blobs.stretches import Stretch, land_stretches
from pipeline.collect.inbox import Inbox
from pipeline.config.errors import StoreError
from pipeline.ingest.files import ingest
from pipeline.ingest.stream import feed_all
from pipeline.store.lake import Cursor, Store
from tests.fuzz.logs import COMBINED, exchange, job, line
from tests.fuzz.routes import ROUTES
from tests.support.loads import load, load_one, put, read, reasons, rows, tally
from tests.support.shapes import Record, event, lines, portal, zipped

NUL = "a\0b"
HALF = "a\ud800b"


def written(records: Sequence[Record], layout: str = "lines") -> bytes:
    """Writes records with every odd character escaped, as JSON allows."""
    texts = [json.dumps(record) for record in records]
    if layout == "lines":
        return ("\n".join(texts) + "\n").encode()
    body = ",".join(texts)
    return {"array": f"[{body}]", "page": f'{{"value": [{body}]}}', "batch": f'{{"records": [{body}]}}'}[
        layout
    ].encode()


LAYOUTS = ("lines", "array", "page", "batch")
TOLD = "a\ufffdb"


def test_a_name_with_half_a_pair_or_a_nul_is_kept_with_a_replacement(store: Store, tmp_path: Path) -> None:
    files = {}
    for number, (layout, odd) in enumerate((layout, odd) for layout in LAYOUTS for odd in (NUL, HALF)):
        bad = event("bob", 10 * number, jobId=odd)
        bad["sourceIdentity"]["displayName"] = odd
        bad["provisioningSteps"][0] |= {"name": odd, "description": odd, "details": {odd: odd, "kept": "\\u0000"}}
        bad["modifiedProperties"][0] |= {"displayName": odd, "newValue": odd}
        good = [event("ada", 10 * number), event("eve", 10 * number)]
        files[f"{number}.json"] = written([good[0], bad, good[1]], layout)
    found = load(store, tmp_path / "in", files)
    assert {tally(one) for one in found.values()} == {(3, 3, 0, 0)}
    told = rows(store, "from events where source_name like 'a_b'")
    assert len(told) == len(files)
    for row in told:
        assert (row["job_id"], row["source_name"], row["steps"][0]["name"]) == (TOLD, TOLD, TOLD)
        assert json.loads(row["steps"][0]["details"]) == {TOLD: TOLD, "kept": "\\u0000"}
        assert (row["changes"][0]["attribute"], row["changes"][0]["new_value"]) == (TOLD, TOLD)
    assert store.rows("select count(*) from events where event_id is null or source_name is null") == [(0,)]


BREAKS = {b"\0": b"", b"\xff": b"", b"]": b"", b'{"a": ': b",\n", b'{"id": "x", "steps": [{"name": "y"}, ': b",\n"}
"What stands where a record begins, and what follows it."


def test_a_break_between_records_of_a_document_costs_nothing_else(store: Store, tmp_path: Path) -> None:
    files: dict[str, bytes] = {}
    for layout in LAYOUTS[1:]:
        for place in range(4):
            for broken, behind in BREAKS.items():
                records = [written([event(f"p{len(files)}", minute)]).strip() for minute in range(3)]
                body = b",\n".join(records[:place]) + b",\n" * (place > 0) + broken + behind
                begin, _, end = written([], layout).partition(b"[]")
                files[f"{len(files)}.json"] = begin + b"[" + body + b",\n".join(records[place:]) + b"]" + end
    found = load(store, tmp_path / "in", files)
    assert {name: one.kept for name, one in found.items()} == dict.fromkeys(files, 3)


def test_a_request_id_that_a_client_made_up_costs_nothing(store: Store, tmp_path: Path) -> None:
    for number, (layout, odd) in enumerate((layout, odd) for layout in ("lines", "array") for odd in (NUL, HALF)):
        first = 10 * number
        bad = exchange(first) | {"request_id": odd, "request_body": {"userName": odd}}
        data = written([exchange(first + 1), bad, exchange(first + 3)], layout)
        assert tally(load_one(store, tmp_path / str(number), data, "requests.json")) == (3, 3, 0, 0)
    # What an earlier version wrote made the next commit fail.
    again = written([exchange(99), bad])
    assert tally(load_one(store, tmp_path / "more", again, "more.json")) == (2, 1, 1, 0)
    odd = "select count(*) from exchanges where request_id = 'a\ufffdb' and contains(request_body, 'a\ufffdb')"
    assert store.rows(odd) == [(4,)]


def test_an_instant_beyond_all_bounds_is_a_reject_where_it_is_needed(store: Store, tmp_path: Path) -> None:
    cases = [("file", "9999-12-31T23:59:59Z"), ("gz", "1999-12-31T23:59:59Z"), ("page", "2999-01-01T00:00:00+02:00")]
    for number, (route, at) in enumerate(cases):
        first = 10 * number
        logs = {
            "events": written([event("a", first), event("b", first, activityDateTime=at), event("c", first)]),
            "requests": written([exchange(first), exchange(first + 1) | {"time": at}, exchange(first + 2)]),
            "jobs": written([job(first), job(first + 1) | {"observedAt": at}, job(first + 2)]),
        }
        for name, data in logs.items():
            folder = tmp_path / f"{name}{number}"
            folder.mkdir()
            [found] = [one for one in ROUTES[route](store, data, folder, "log.json") if one.lines]
            assert tally(found) == (3, 2, 0, 1), (name, route)
    assert len(reasons(store)) == 9 and all("between the year 2000 and tomorrow" in one for one in reasons(store))


@pytest.mark.parametrize(
    "instant", ["9999-01-01T00:00:00Z", "/Date(-99999999999999999)/", "/Date(9999999999999999999999)/"]
)
def test_an_instant_beyond_all_bounds_is_null_where_it_is_not_needed(
    store: Store, tmp_path: Path, instant: str
) -> None:
    odd = job(1)
    odd["status"]["lastExecution"]["timeEnded"] = odd["status"]["quarantine"]["nextAttempt"] = instant
    assert tally(load_one(store, tmp_path / "in", written([odd, job(2)]))) == (2, 2, 0, 0)
    [row] = rows(store, "from job_snapshots where job_id = 'good-job-1'")
    assert (row["last_ended_at"], row["next_attempt_at"]) == (None, None)
    assert row["last_began_at"] is not None


def test_a_number_that_nothing_counts_is_null(store: Store, tmp_path: Path) -> None:
    huge = [event(name, number, durationInMilliseconds=2**63 - 1) for number, name in enumerate(("ada", "bob"))]
    assert tally(load_one(store, tmp_path / "in", written([*huge, event("eve", 3)]))) == (3, 3, 0, 0)
    assert store.rows("select count(duration_ms) from events") == [(1,)]


ASKED = ("%ff", "filter=userName%20eq%20%22%ff%22", "%00", "%c3%28", r"\xff", "%")


def test_bytes_in_an_address_that_are_no_text_cost_no_other_line(store: Store, tmp_path: Path) -> None:
    log = [line(COMBINED.replace("@ASK", f"?{asked}"), n, f"{n}") for n, asked in enumerate(ASKED)]
    log += [line(COMBINED + r' "{\x22userName\x22:\x22\xff\xfe\x22}"', 7, "7"), line(COMBINED, 8, "8")]
    count = len(log)
    assert tally(load_one(store, tmp_path / "in", b"\n".join(log) + b"\n", "access.log")) == (count, count, 0, 0)


def test_a_file_may_have_any_name(store: Store, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"other.json": lines([event("bob", 2)])})
    for number, name in enumerate((b"caf\xe9.json", b"\xff\xfe", b"new\nline.json")):
        data = lines([event("ada", number)])
        for more in (data, gzip.compress(lines([event("eve", number)]))):
            at = os.fsencode(folder) + b"/" + name + (b"" if more is data else b".gz")
            Path(os.fsdecode(at)).write_bytes(more)
    assert sum(one.kept for one in ingest(store, [folder]).files) == 7
    assert sum(one.lines for one in ingest(store, [folder]).files) == 0
    assert store.rows("select count(*) from files") == [(7,)]


def test_the_inbox_goes_on_though_a_file_has_a_name_that_is_no_text(store: Store) -> None:
    inbox = put(store.settings.inbox, {"a.json": written([event("ada", 1), event("b", 2, id=HALF)], "array")})
    odd = Path(os.fsdecode(os.fsencode(inbox) + b"/caf\xe9.json"))
    odd.write_bytes(lines([event("bob", 3)]))
    for file in (inbox / "a.json", odd):
        os.utime(file, (1e9, 1e9))
    report, _ = Inbox().read(store)
    assert sum(one.kept for one in report.files) == 3


BENIGN = "is_benign(status, skip_reason, error_code)"


def play_fault(store: Store) -> None:
    """Makes storing a row with the error code Boom fail inside the transaction, as what nobody thought of would."""
    fails = (
        f"create or replace macro {BENIGN} as case when error_code = 'Boom' then error('boom')::boolean else false end"
    )
    store.write(lambda cursor: cursor.execute(fails))


def boom(who: str, minute: int) -> Record:
    """Builds a record that cannot be stored."""
    info = {"status": "failure", "errorInformation": {"errorCode": "Boom", "reason": "x"}}
    return event(who, minute, "failure", provisioningStatusInfo=info)


def test_a_row_that_cannot_be_stored_costs_itself_alone(store: Store, tmp_path: Path) -> None:
    play_fault(store)
    files = {
        "a.json": written([event("ada", 1), boom("bob", 2), event("eve", 3)]),
        "b.json": written([event("fay", number) for number in range(20)], "array"),
        "c.json": written([boom("gil", 4)]),
        "d.log": line(COMBINED, 1, "1") + b"\n",
    }
    found = load(store, tmp_path / "in", files)
    assert {name: tally(one) for name, one in found.items()} == {
        "a.json": (3, 2, 0, 1), "b.json": (20, 20, 0, 0), "c.json": (1, 0, 0, 1), "d.log": (1, 1, 0, 0),
    }  # fmt: skip
    assert [text.partition(" (")[0] for text in reasons(store)] == [
        "a.json:2: cannot be stored", "c.json:1: cannot be stored",
    ]  # fmt: skip
    assert store.rows("select count(*) from events") == store.rows("select sum(events)::bigint from hourly") == [(22,)]
    assert all(tally(one)[0] == 0 for one in read(store, tmp_path / "in").values())


def test_what_comes_along_with_a_page_is_kept_once_behind_its_rows(store: Store) -> None:
    play_fault(store)
    seen: list[int] = []

    def along(cursor: Cursor) -> None:
        seen.append(cursor.execute("select count(*) from events").fetchall()[0][0])

    pages = [written([event("ada", 1), boom("bob", 2)], "page"), written([event("eve", 3)], "page")]
    found = feed_all(store, "graph:contoso/auditLogs/provisioning", pages, along=along)
    assert [tally(one) for one in found] == [(2, 1, 0, 1), (1, 1, 0, 0)]
    assert seen[-1] == 2


def test_where_nothing_can_be_stored_nothing_is_a_reject(store: Store, tmp_path: Path) -> None:
    play_fault(store)
    with pytest.raises(StoreError, match="boom"):
        load_one(store, tmp_path / "in", written([boom(f"p{number}", number) for number in range(40)]))
    assert store.rows("select (select count(*) from rejects), (select count(*) from files)") == [(0, 0)]


def test_a_blob_with_half_a_pair_is_read(store: Store) -> None:
    data = written([event("ada", 1), event("b", 2, cycleId=HALF), event("eve", 3)])
    blob = Blob("t/PT1H.json", "https://logs.example/t/PT1H.json", len(data), "etag", True, None)
    [found] = land_stretches(store, [Stretch(blob, 0, data, True, data[-9:])])
    assert tally(found) == (3, 3, 0, 0)


def test_a_member_of_a_zip_file_that_holds_itself_does_not_go_on_for_ever(store: Store, tmp_path: Path) -> None:
    data = lines([event("ada", 1)])
    for _ in range(5):
        data = zipped({"again.zip": data, "log.json": lines([event("bob", 2)])})
    found = load(store, tmp_path / "in", {"deep.zip": data})
    assert sum(one.kept for one in found.values()) == 1
    assert any("zip file in another" in reason for reason in reasons(store))


@pytest.mark.parametrize("odd", [b"\xff", b'"\xff\n', '"é\n'.encode(), b'"', b"\0", b'""",\r'])
def test_steps_of_a_download_that_are_no_text_do_not_cost_its_events(store: Store, tmp_path: Path, odd: bytes) -> None:
    files = portal([event("ada", 1), event("bob", 2)])
    steps = next(name for name in files if "Steps" in name)
    _, *rows_of_steps = files[steps].splitlines(keepends=True)
    place = files[steps].index(rows_of_steps[2].rstrip()[-1:], files[steps].index(rows_of_steps[2])) + 1
    files[steps] = files[steps][:place] + odd + files[steps][place:]
    found = load(store, tmp_path / "in", files)
    assert sum(one.kept for one in found.values()) == 2
    # A quote that nothing closes takes what is behind it along.
    assert store.rows("select max(len(steps)) from events") == [(3,)] or odd == b'"'
