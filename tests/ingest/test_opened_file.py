"""A file is opened once, and what is read of it is what it held when it was opened."""

import os
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import sleep, time

import pytest

from pipeline.config.settings import Settings
from pipeline.ingest.discover import File
from pipeline.ingest.formats import graph
from pipeline.ingest.land import Arrival, Batch
from pipeline.ingest.layout import Head
from pipeline.ingest.offsets import Entry, Position, read_ledger
from pipeline.ingest.opened_file import open_file
from pipeline.ingest.pieces import Piece, line_pieces
from pipeline.ingest.stage import PieceContext
from pipeline.store.lake import Store
from tests.support.lakes import ROOT
from tests.support.loads import load, put, reasons, tally
from tests.support.shapes import array, event, lines, packed, zipped

STRACE = shutil.which("strace")
CALLS = "open,openat,stat,lstat,fstat,newfstatat,statx"
INGEST = """
import sys
from pipeline.ingest.files import ingest
from pipeline.config.settings import read_settings
from pipeline.store.lake import open_store
store = open_store(read_settings(_env_file=None))
assert sum(file.lines for file in ingest(store, [sys.argv[1]]).files) == int(sys.argv[2])
store.close()
"""
SMALL, LARGE = 20, 1200
"Records of a file that is copied into memory, and of one that DuckDB reads where it is."


def counted(file: Path, trace: Path, expected: int) -> tuple[int, int]:
    """Ingests a file's folder under strace; returns how often the process opened it and asked for its state."""
    words = [sys.executable, "-c", INGEST, str(file.parent), str(expected)]
    subprocess.run([str(STRACE), "-f", "-y", "-e", f"trace={CALLS}", "-o", str(trace), *words], cwd=ROOT, check=True)
    calls = [line for line in trace.read_text(encoding="utf-8").splitlines() if file.name in line]
    opens = [line for line in calls if re.search(r"\bopen(at)?\(.*\) = \d+", line)]
    states = [line for line in calls if re.search(r"\b(new)?[lf]?stat(at|x)?\(", line)]
    return len(opens), len(states)


@pytest.mark.skipif(STRACE is None and "CI" not in os.environ, reason="there is no strace on this machine")
@pytest.mark.parametrize(
    ("kind", "records"),
    [
        ("log", SMALL),
        *(
            pytest.param(*case, marks=pytest.mark.deep)
            for case in (("log", LARGE), ("gz", LARGE), ("json", SMALL), ("json", LARGE), ("gz", SMALL))
        ),
    ],
)
def test_a_file_is_opened_at_most_twice_and_asked_for_its_state_at_most_four_times(
    store: Store, settings: Settings, tmp_path: Path, kind: str, records: int
) -> None:
    """Python opens it once; DuckDB opens what is larger than a megabyte once more, through that descriptor.

    Where DuckDB asks for the state of `/proc/self/fd/N`, which it does three times, strace does not name the file.
    """
    store.close()
    events = [event("ada", number) for number in range(records)]
    data = {"log": lines(events), "json": array(events), "gz": packed(lines(events))}[kind]
    file = put(tmp_path / "in", {f"events.{kind}": data}) / f"events.{kind}"
    os.utime(file, (1_700_000_000, 1_700_000_000))
    sleep(2.1)  # A state that is too fresh is not kept, and the file opened once more.
    opens, states = counted(file, tmp_path / "trace", records)
    assert 1 <= opens <= 2 and 1 <= states <= 4
    assert records == LARGE or (opens, states) == (1, 1)
    assert counted(file, tmp_path / "trace", 0) == (0, 1), "a file in which nothing is new"


def test_what_is_appended_while_a_file_is_open_belongs_to_the_next_ingest(store: Store, tmp_path: Path) -> None:
    first, second = lines([event("ada", 1)]), lines([event("ada", 2)])
    file = put(tmp_path, {"log": first}) / "log"
    with open_file(File(str(file), file)) as opened:
        with file.open("ab") as log:
            log.write(second)
        assert opened.size == len(first) and opened.last == first
        assert b"".join(opened.blocks()) == opened.beginning(1 << 20) == first
        [piece] = line_pieces(opened, 0, 1 << 20)
        assert Path(piece.file).read_bytes() == first and piece.end == len(first)
        piece.close()
        assert len(opened.head.samples) == 1


def test_another_file_that_takes_the_name_is_not_read_in_its_place(store: Store, tmp_path: Path) -> None:
    first = lines([event("ada", number) for number in range(LARGE)])
    file = put(tmp_path, {"log": first, "other": b"other\n"}) / "log"
    with open_file(File(str(file), file)) as opened:
        (tmp_path / "other").rename(file)
        assert Path(opened.path).read_bytes() == first and opened.read(0, 1 << 30) == first


@pytest.mark.parametrize("age", [0, 60])
def test_a_large_file_is_read_in_place_only_when_nobody_writes_to_it(store: Store, tmp_path: Path, age: int) -> None:
    file = put(tmp_path, {"log": lines([event("ada", number) for number in range(LARGE)])}) / "log"
    os.utime(file, (time() - age, time() - age))
    with open_file(File(str(file), file)) as opened:
        [piece] = line_pieces(opened, 0, 1 << 30)
        assert (piece.handle is None) == (age > 0)
        assert Path(piece.file).read_bytes() == file.read_bytes()
        piece.close()


def test_a_line_too_long_for_a_csv_header_does_not_end_the_ingest(store: Store, tmp_path: Path) -> None:
    found = load(store, tmp_path / "in", {"a": b"x" * 200_000, "b": lines([event("ada", 1)])})
    assert [tally(found[name]) for name in ("a", "b")] == [(1, 0, 0, 1), (1, 1, 0, 0)]
    assert "a is of no known shape" in reasons(store)[0]


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n \r\n", b"\xef\xbb\xbf\n"])
def test_half_a_first_line_waits_also_behind_a_mark_and_blanks(store: Store, tmp_path: Path, before: bytes) -> None:
    whole = before + lines([event("ada", 1)])
    for end in (1, 2, len(before), len(before) + 1, len(before) + 100):
        assert tally(load(store, tmp_path / "in", {"log": whole[:end]})["log"]) == (0, 0, 0, 0)
    assert tally(load(store, tmp_path / "in", {"log": whole})["log"]) == (1, 1, 0, 0)


def test_many_zip_files_need_no_more_descriptors_than_one(store: Store, tmp_path: Path) -> None:
    each = {
        f"{number}.zip": zipped({str(n): lines([event(f"z{number}", n)]) for n in range(4)}) for number in range(40)
    }
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 140, hard))
    try:
        found = load(store, tmp_path / "in", each)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(found) == 160 and {tally(one) for one in found.values()} == {(1, 1, 0, 0)}


def test_a_piece_that_fails_while_it_is_staged_is_one_reject_and_its_file_is_read_again(
    store: Store, tmp_path: Path
) -> None:
    """What is read where it is may be on a disk that fails; a path that is not there fails the same way."""
    size = 2 << 20
    context = PieceContext(graph.SOURCE, Head("lines", [event()]), Piece(str(tmp_path / "log"), 0, size, b"\n"))
    arrival = Arrival(
        "log", "graph", context, position=Position(size, size, "as it was"), base=Entry.new("log", "graph")
    )
    for _ in range(2):
        with Batch(store) as batch:
            batch.add(replace(arrival, seen=read_ledger(store).get("log")))
            batch.land()
        assert reasons(store) == ["log cannot be read (No such file or directory)."]
        [entry] = read_ledger(store).values()
        assert (entry.lines, entry.kept, entry.rejects) == (1, 0, 1)
        assert entry.fingerprint == "cannot be read (No such file or directory)", "it is not taken for read"
