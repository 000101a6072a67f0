"""What bad input gets, how files grow, and that a killed reader leaves nothing behind: the contract, line by line."""

import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import sleep
from uuid import UUID

import pytest

from pipeline.config.errors import IngestError
from pipeline.config.settings import Settings, read_settings
from pipeline.ingest.files import ingest
from pipeline.store.lake import Store, open_store
from tests.support.lakes import ended, next_line, script
from tests.support.loads import load, load_one, put, read, reasons, rows, tally
from tests.support.shapes import (
    Record,
    analytics,
    array,
    diagnostic,
    dumped,
    event,
    lines,
    packed,
    page,
    pretty,
    rows_csv,
    zipped,
)

pytestmark = pytest.mark.usefixtures("parallel")

INGEST = """
    import sys
    from pathlib import Path
    from pipeline.ingest.files import ingest
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store
    store = open_store(read_settings(_env_file=None))
    print("open", flush=True)
    ingest(store, [Path(sys.argv[1])])
    print("done", flush=True)
"""
LEDGER = 'select "file", source, size, read_to, lines, kept, duplicates, rejects, unfamiliar from files order by all'


@dataclass
class Bad:
    """A file of bad input: its bytes, what it must give, and words that its reject's reason must hold."""

    data: bytes
    gives: tuple[int, int, int, int]
    words: str = ""


NUMBERS = count()
EMPTY_ZIP = "is a zip file that holds no file"


def new(**members: object) -> Record:
    """An event like no other."""
    number = next(NUMBERS)
    return event(f"p{number}", number % 700, **members)


def good(number: int = 1) -> bytes:
    """Good lines."""
    return lines([new() for _ in range(number)])


def without(*names: str) -> bytes:
    """A line whose event lacks some members."""
    return lines([{name: value for name, value in new().items() if name not in names}])


def amid(line: bytes) -> bytes:
    """A line between two good ones."""
    return good() + line + good()


def spoilt(old: bytes, by: bytes) -> bytes:
    """A line of an event with some of its bytes changed."""
    return dumped(new()).encode().replace(old, by, 1) + b"\n"


def truncated(data: bytes, share: float) -> bytes:
    """The first part of some bytes."""
    return data[: int(len(data) * share)]


def damaged(data: bytes, share: float, by: bytes) -> bytes:
    """Bytes with some overwritten."""
    at = int(len(data) * share)
    return data[:at] + by + data[at + len(by) :]


def bad_input() -> dict[str, Bad]:
    """The contract's table, and what was thought of beyond it."""
    instant = "activityDateTime is 'yesterday-ish'; an ISO 8601 instant was expected, such as 2026-01-05T12:00:00Z"
    one_bad, unknown = (3, 2, 0, 1), (1, 0, 0, 1)
    deep = b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n"
    nested = b"[" * 9000 + b"]" * 9000
    batch = [new() for _ in range(300)]
    return {
        "not json": Bad(amid(b"this line is not JSON\n"), one_bad, "is not JSON at line 1 column 1"),
        "no id": Bad(amid(without("id")), one_bad, "id is missing; an id was expected, such as"),
        "empty id": Bad(amid(lines([new(id="")])), one_bad, "id is empty"),
        "no instant": Bad(amid(without("activityDateTime")), one_bad, "activityDateTime is missing"),
        "bad instant": Bad(amid(lines([new(activityDateTime="yesterday-ish")])), one_bad, instant),
        "instant 0001": Bad(amid(lines([new(activityDateTime="0001-01-01T00:00:00Z")])), one_bad, "is '0001-01-01T"),
        "instant 9999": Bad(amid(lines([new(activityDateTime="9999-12-31T23:59:59-09:00")])), one_bad, "is '9999-"),
        "instant 12026": Bad(amid(lines([new(activityDateTime="12026-01-01T00:00:00Z")])), one_bad, "is '12026-"),
        "id and instant": Bad(amid(b'{"jobId":"x"}\n'), one_bad, "; and activityDateTime is missing"),
        "truncated": Bad(amid(truncated(good(), 0.5) + b"\n"), one_bad, "Unterminated string"),
        "latin 1": Bad(
            amid(dumped(new()).replace("漢", "").encode("latin-1") + b"\n"), one_bad, "is not UTF-8 at byte"
        ),
        "not utf-8": Bad(amid(spoilt(b"Cerby", b"C\xff\xfe")), one_bad, "is not UTF-8 at byte"),
        "nul": Bad(amid(spoilt(b"Cerby", b"C\0")), one_bad, "Invalid control character"),
        "nul line": Bad(amid(b"\0\0\0\n"), one_bad, "is not JSON"),
        "escaped nul": Bad(amid(spoilt(b"Cerby", b"C\\u0000")), (3, 3, 0, 0)),
        "half a surrogate": Bad(amid(spoilt(b"Cerby", b"C\\ud83d")), (3, 3, 0, 0)),
        "64 MB line": Bad(amid(b"x" * (64 << 20) + b"\n"), one_bad, "is a record of 64 MB"),
        "64 MB first": Bad(b"x" * (64 << 20) + b"\n" + good(2), one_bad, "is a record of 64 MB"),
        "20 MB event": Bad(amid(lines([new(note="x" * (20 << 20))])), (3, 3, 0, 0)),
        "crlf": Bad((amid(b"?\n") + good()).replace(b"\n", b"\r\n"), (4, 3, 0, 1), "is not JSON"),
        "cr": Bad(good(3).replace(b"\n", b"\r"), (3, 3, 0, 0)),
        "bom": Bad(b"\xef\xbb\xbf" + amid(b"?\n"), one_bad, "is not JSON"),
        "blanks": Bad(b"\n \n" + amid(b"\n\r\n\t\n") + b"\n", (2, 2, 0, 0)),
        "no final newline": Bad(good(2).rstrip(), (2, 2, 0, 0)),
        "two on a line": Bad(amid((dumped(new()) + dumped(new())).encode() + b"\n"), one_bad, "Extra data"),
        "trailer": Bad(amid(dumped(new()).encode() + b"TRAILER\n"), one_bad, "Extra data"),
        "objects without keys": Bad(amid(b"{}\n"), one_bad, "id is missing"),
        "scalars": Bad(amid(b'1\n"x"\nnull\ntrue\n[]\n'), (7, 2, 0, 5), "the record is "),
        "array on a line": Bad(amid(b"[" + dumped(new()).encode() + b"]\n"), one_bad, "the record is an array"),
        "scalars in an array": Bad(array([1, new(), None, "x", new(), []]), (6, 2, 0, 4), "a JSON object was expected"),
        "array in an array": Bad(array([new(), [new()], new()]), one_bad, "the record is an array"),
        "deep": Bad(amid(deep), one_bad, "is JSON nested too deeply"),
        "deep inside": Bad(amid(lines([new(x=1)]).replace(b'"x":1', b'"x":' + deep[:-1])), (3, 3, 0, 0)),
        "deep in a page": Bad(
            pretty(page([new(), "deep", new()])).replace(b'"deep"', b"[" * 100_000 + b"]" * 100_000),
            one_bad,
            "is JSON nested too deeply",
        ),
        "5000 members": Bad(amid(lines([new(**{f"c{n}": n for n in range(5000)})])), (3, 3, 0, 0)),
        "array cut": Bad(truncated(array([new() for _ in range(3)]), 0.9), one_bad, "is not JSON at line 1 column"),
        "page cut": Bad(truncated(pretty(page([new() for _ in range(3)])), 0.9), one_bad, "is not JSON at line"),
        "array broken": Bad(array([new(), new(x=1), new()]).replace(b'"x":1', b'"x:1'), one_bad, "is not JSON"),
        "array and more": Bad(array([new(), new()]) + b"oops", one_bad, "Extra data"),
        "gzip cut": Bad(truncated(packed(lines(batch[:100])), 0.5), (0, 0, 0, 2), "before its end mark"),
        "gzip array cut": Bad(truncated(packed(array(batch[100:200])), 0.5), (0, 0, 0, 2), "before its end mark"),
        "gzip without end": Bad(packed(good(3))[:-6], (4, 3, 0, 1), "the gzip stream ends after"),
        "gzip and more": Bad(packed(good(2)) + b"more", (3, 2, 0, 1), "the gzip stream is damaged after"),
        "gzip damaged": Bad(damaged(packed(lines(batch[200:])), 0.02, b"\xff" * 50), (1, 0, 0, 1), "a gzip file"),
        "gzip twice": Bad(packed(good()) + packed(good()), (2, 2, 0, 0)),
        "gzip of nothing": Bad(packed(b""), (0, 0, 0, 0)),
        "csv cells": Bad(
            rows_csv([analytics(new()), analytics(new()) | {"Id": ""}, analytics(new()) | {"TimeGenerated": "nope"}]),
            (3, 1, 0, 2),
            "n",
        ),
        "csv short row": Bad(rows_csv([analytics(new()) for _ in "ab"]) + b"a,b\n", one_bad, "is missing"),
        "csv open quote": Bad(rows_csv([analytics(new()) for _ in "ab"]) + b'"a,b\n', one_bad, "is missing"),
        "csv not utf-8": Bad(rows_csv([analytics(new()) for _ in "ab"]).replace(b"Cerby", b"C\xff", 1), (2, 2, 0, 0)),
        "nothing": Bad(b"", (0, 0, 0, 0)),
        "blank": Bad(b" \n\n", (0, 0, 0, 0)),
        "empty array": Bad(b"[]", (0, 0, 0, 0)),
        "empty page": Bad(b'{"@odata.context": "x", "value": []}', (0, 0, 0, 0)),
        "empty object": Bad(b"{}", unknown, "were looked for"),
        "only scalars": Bad(b'1\n2\n"x"\n', unknown, "were looked for"),
        "only arrays": Bad(b"[[[[]]]]", unknown, "is JSON of no known shape"),
        "only brackets": Bad(nested, unknown, "is JSON nested too deeply"),
        "prose": Bad(b"Dear all,\nplease read.\n", unknown, "is of no known shape; Graph events, diagnostic records"),
        "other json": Bad(b'{"hello":"world"}\n{"hello":"you"}\n', unknown, "were looked for"),
        "other csv": Bad(b"a,b,c\n1,2,3\n", unknown, "were looked for"),
        "utf-16": Bad(good(2).decode().encode("utf-16"), (2, 2, 0, 0)),
        "utf-16 bare": Bad(good(2).decode().encode("utf-16-le"), (2, 2, 0, 0)),
        "utf-32": Bad(good(2).decode().encode("utf-32"), unknown, "is no text: it holds NUL bytes"),
        "png": Bad(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + random.Random(1).randbytes(5000), unknown, "is no text"),
        "cut zip": Bad(zipped({"x": good(2)})[:-30], unknown, "is a damaged zip file"),
        "empty zip": Bad(zipped({}), unknown, EMPTY_ZIP),
    }


def test_bad_input_gets_what_the_contract_says(store: Store, tmp_path: Path) -> None:
    table = bad_input()
    found = load(store, tmp_path / "in", {name: bad.data for name, bad in table.items()})
    wrong = {
        name: (found[name], bad.gives)
        for name, bad in table.items()
        if any(bad.gives) and not fits(tally(found[name]), bad)
    }
    assert wrong == {}
    said: dict[str, list[str]] = {name: [] for name in table}
    for file, reason in store.rows('select "file", reason from rejects'):
        said[Path(file).name].append(reason)
    assert {name: len(told) for name, told in said.items()} == {name: found[name].rejects for name in table}
    unsaid = {name: told for name, told in said.items() if not all(sentence(name, reason) for reason in told)}
    assert unsaid == {}
    assert {
        name: said[name] for name, bad in table.items() if not any(bad.words in told for told in said[name] or [""])
    } == {}
    before = store.revision()
    assert {tally(file) for file in read(store, tmp_path / "in").values()} == {(0, 0, 0, 0)}
    assert store.revision() == before


def fits(found: tuple[int, int, int, int], bad: Bad) -> bool:
    """Whether a file gave what it must; where only its rejects are known beforehand, those."""
    return found == bad.gives if bad.gives[0] else found[3] == bad.gives[3] and found[1] > 10


def sentence(name: str, reason: str) -> bool:
    """Whether a reason names its file first, is one sentence or a few, and says what was expected or looked for."""
    told = any(words in reason for words in ("expected", "looked for", "what came before is kept"))
    return reason.startswith(name) and reason.endswith(".") and told and "\n" not in reason


def test_a_good_line_behind_a_truncated_one_is_kept(store: Store, tmp_path: Path) -> None:
    rng = random.Random(5)
    told = [dumped(event(f"t{n}", n % 700)) for n in range(3000)]
    cut = sorted(rng.sample(range(3000), 60))
    for n in cut:
        told[n] = told[n][: rng.randrange(5, len(told[n]) - 1)]
    found = load_one(store, tmp_path / "in", "\n".join(told).encode() + b"\n")
    assert tally(found) == (3000, 2940, 0, 60)
    assert [row[0] - 1 for row in store.rows("select line from rejects order by line")] == cut


def test_broken_lines_of_a_large_file_are_those_that_are_rejected(store: Store, tmp_path: Path) -> None:
    """DuckDB reads it in pieces on all cores; a line is still known by its place in the file."""
    one = event("ada", 1) | {"padding": "x" * 6000}
    before, after = dumped(one).split(str(one["id"]))
    told = [f"{before}{UUID(int=n)}{after}" for n in range(24_000)]
    cut = [3000, 9000, 21_000]
    for n in cut:
        told[n] = told[n][:700] + " broken"
    found = load_one(store, tmp_path / "in", "\n".join(told).encode() + b"\n")
    assert tally(found) == (24_000, 23_997, 0, 3)
    assert [row[0] - 1 for row in store.rows("select line from rejects order by line")] == cut


def test_what_a_zip_holds_is_read_one_by_one(store: Store, tmp_path: Path) -> None:
    many = zipped({"a": lines([new() for _ in range(200)]), "b": good(2)})
    files = {
        "junk.zip": zipped(
            {"readme": b"Dear all", "pic": b"\x89PNG\0", "deep/x.log": good(2), ".hidden": b"x", "gz": packed(good())}
        ),
        "in.zip": zipped({"in.zip": zipped({"x": good(2)})}),
        "slip.zip": zipped({"../../evil": good()}),
        "twins.zip": zipped({"twin-1": good(), "twin-2": good(2)}).replace(b"twin-2", b"twin-1"),
        "hurt.zip": damaged(many, 0.1, b"\0" * 60),
    }
    found = {name: tally(file) for name, file in load(store, tmp_path / "in", files).items()}
    assert found == {
        "hurt.zip/a": (1, 0, 0, 1),
        "hurt.zip/b": (2, 2, 0, 0),
        "in.zip/in.zip/x": (2, 2, 0, 0),
        "junk.zip/deep/x.log": (2, 2, 0, 0),
        "junk.zip/gz": (1, 1, 0, 0),
        "junk.zip/pic": (1, 0, 0, 1),
        "junk.zip/readme": (1, 0, 0, 1),
        "slip.zip/../../evil": (1, 1, 0, 0),
        "twins.zip/twin-1": (1, 1, 0, 0),
        "twins.zip/twin-1 (2)": (2, 2, 0, 0),
    }
    assert "a cannot be unpacked" in reasons(store)[0]
    assert {path.name for path in tmp_path.iterdir()} >= {"in"} and not (tmp_path.parent / "evil").exists()


def test_a_file_that_cannot_be_read_is_one_reject_and_its_neighbours_are_read(store: Store, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"a": good(), "c": good()})
    (folder / "b").symlink_to("/proc/self/mem")
    (folder / "d").symlink_to(folder / "gone")
    os.mkfifo(folder / "e")
    found = {name: tally(file) for name, file in read(store, folder).items() if "/" not in name}
    assert found == {"a": (1, 1, 0, 0), "c": (1, 1, 0, 0)}
    [reason] = reasons(store)
    assert reason.startswith("mem cannot be read (Input/output error)")
    assert sum(file.lines for file in read(store, folder).values()) == 0


def test_a_path_that_is_not_there_is_one_sentence(store: Store, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"nowhere does not exist; give a file or a folder of logs\.$"):
        ingest(store, [tmp_path / "nowhere"])


def test_the_same_lines_again_are_duplicates_under_any_name(store: Store, tmp_path: Path) -> None:
    told = [new() for _ in range(4)]
    files = {
        "a": lines(told + told[:1]),
        "b": lines(told),
        "c.gz": packed(array(told)),
        "d": lines([diagnostic(told[0])]),
    }
    found = load(store, tmp_path / "in", files)
    assert [tally(found[name]) for name in files] == [(5, 4, 1, 0), (4, 0, 4, 0), (4, 0, 4, 0), (1, 0, 1, 0)]
    assert [tally(file) for file in read(store, tmp_path / "in").values()] == [(0, 0, 0, 0)] * 4
    report = ingest(store, [tmp_path / "in", tmp_path / "in" / "a", tmp_path / "in" / "a"])
    assert len(report.files) == 4


def test_a_growing_file_is_read_on_from_its_byte_and_its_half_line_waits(store: Store, tmp_path: Path) -> None:
    told = [dumped(event(f"g{n}", n)).encode() for n in range(6)]
    file = tmp_path / "log"
    steps: list[tuple[bytes, tuple[int, int, int, int]]] = [
        (told[0][:900], (0, 0, 0, 0)),
        (told[0][900:] + b"\n" + told[1] + b"\r\n" + told[2][:700], (2, 2, 0, 0)),
        (b"", (0, 0, 0, 0)),
        (told[2][700:], (1, 1, 0, 0)),
        (b"\n\nbroken\n" + told[0] + b"\n" + told[3][:-1], (2, 0, 1, 1)),
        (told[3][-1:] + b"\n" + told[4] + b"\n" + told[5][:20] + b"\n", (3, 2, 0, 1)),
    ]
    for more, expected in steps:
        with file.open("ab") as stream:
            stream.write(more)
        assert tally(read(store, file)["log"]) == expected
    assert store.rows("select line from rejects order by line") == [(5,), (9,)]
    assert rows(store, LEDGER) == [
        {"file": str(file), "source": "graph", "size": file.stat().st_size, "read_to": file.stat().st_size}
        | {"lines": 8, "kept": 5, "duplicates": 1, "rejects": 2, "unfamiliar": 0}
    ]


def test_a_file_that_was_replaced_is_read_from_its_beginning(store: Store, tmp_path: Path) -> None:
    told = [event(f"r{n}", n) for n in range(9)]
    steps = [
        (lines(told[:3]), (3, 3, 0, 0)),
        (lines(told[3:4]), (1, 1, 0, 0)),
        (lines(told[4:8]), (4, 4, 0, 0)),
        (lines([*told[4:7], told[8]]), (4, 1, 3, 0)),
        (packed(lines(told[:2])), (2, 0, 2, 0)),
        (array(told), (9, 0, 9, 0)),
        (array(told[::-1]), (9, 0, 9, 0)),
        (b"nothing known", (1, 0, 0, 1)),
        (lines([new()]), (1, 1, 0, 0)),
    ]
    for data, expected in steps:
        assert tally(load_one(store, tmp_path / "in", data)) == expected
        assert tally(load_one(store, tmp_path / "in", data)) == (0, 0, 0, 0)


def big_logs() -> dict[str, bytes]:
    """Files of several slices of 64 KB each, with broken lines and repeats."""
    told = [event(f"s{n}", n % 700, details="") for n in range(330)]
    lined = [dumped(record).encode() for record in told]
    lined[70], lined[71], lined[200] = lined[70][:800], b"oops", lined[199]
    exchanges = [
        dumped(
            {"time": f"2026-01-05T12:{n % 60:02d}:00Z", "method": "GET", "path": f"/Users/{n}", "status": 200}
        ).encode()
        for n in range(500)
    ]
    cut = truncated(packed(lines(told[300:] + [event(f"u{n}", n) for n in range(120)])), 0.9)
    return {
        "a.log": b"\n".join(lined[:220]) + b"\n",
        "b.gz": packed(b"\r\n".join(lined[150:]) + b"\r\n"),
        "c.json": array(told[100:150]),
        "d.log": b"\n".join(exchanges),
        "e.gz": cut,
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Store]]:
    """The big logs, and the store that one reading in one slice gives."""
    folder = tmp_path_factory.mktemp("undisturbed")
    put(folder / "in", big_logs())
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    read(store, folder / "in")
    yield folder / "in", store
    store.close()


KILLS = int(os.environ.get("KILLS", "4"))
"How often a reader is killed, four times a lake."
CONTENT = (
    "from events order by all",
    "from exchanges order by all",
    "select * exclude (rejected_at) from rejects order by all",
    "select * exclude (finished_at, fingerprint, file_state) from files order by all",
    "from identities order by all",
    "from hourly order by all",
)


def content(store: Store) -> list[list[tuple[object, ...]]]:
    """All that a store says of what was read."""
    return [store.rows(sql) for sql in CONTENT]


@pytest.mark.deep
def test_small_slices_give_the_same_store_as_one(undisturbed: tuple[Path, Store], settings: Settings) -> None:
    logs, whole = undisturbed
    store = open_store(settings.model_copy(update={"slice_bytes": 65536}))
    read(store, logs)
    assert store.revision() > whole.revision() + 8
    assert content(store) == content(whole)
    read(store, logs)
    assert content(store) == content(whole)
    store.close()


@pytest.mark.timeout(300 if KILLS <= 4 else 5400)
def test_a_reader_killed_again_and_again_leaves_the_store_of_an_undisturbed_one(
    undisturbed: tuple[Path, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, whole = undisturbed
    monkeypatch.setenv("PROVISIONING_SLICE_BYTES", "262144" if KILLS <= 4 else "65536")
    rng = random.Random(KILLS)
    for lake in range(KILLS // 4):
        monkeypatch.setenv("PROVISIONING_STORE", f"ducklake:sqlite:{tmp_path}/{lake}/catalog.sqlite")
        for _ in range(4):
            process = script(INGEST, str(logs))
            assert next_line(process) == "open"
            sleep(rng.random() * 1.2)
            process.send_signal(signal.SIGKILL)
            ended(process)
        store = open_store(read_settings(_env_file=None))
        read(store, logs)
        assert content(store) == content(whole)
        store.close()
