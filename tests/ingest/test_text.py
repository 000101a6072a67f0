"""Text is split into lines in blocks: the same lines as one split of the whole, for work that grows with its length."""

import os
import random
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipeline.ingest.formats import access_log
from pipeline.ingest.pieces import Piece
from pipeline.ingest.salvage import raw_lines
from pipeline.ingest.stage import BLOCK, LINES, text_blocks, text_reader
from pipeline.store.lake import Store
from tests.support.loads import load, load_one, tally

GOOD = '10.0.0.{} - - [05/Jan/2026:12:00:{:02d} +0000] "GET /Users/{} HTTP/1.1" 200 17'
ODD = (
    b"\0",
    b"\xff\xfe",
    b"\r",
    b"\n",
    b"\n\n",
    b"\r\n",
    b"\xef\xbb\xbf",
    b"\x0b\n",
    " \u2028é漢".encode(),
    b"\t ",
    b"\xe6",
)


def line(number: int) -> bytes:
    return GOOD.format(number % 250, number % 60, number).encode()


def piece(file: Path, data: bytes) -> Piece:
    file.write_bytes(data)
    return Piece(str(file), 0, len(data), data[-1:])


def split_in_blocks(one: Piece, threads: int) -> list[str]:
    """The lines as the loader reads them."""
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.register("arriving_text", text_reader(one))
        connection.execute(f"create temp table t as {LINES.format(number=0)}")
        return [str(row[0]) for row in connection.execute("select line from t order by rowid").fetchall()]


def split_at_once(one: Piece) -> list[str]:
    """The lines of one split of the whole."""
    content = Path(one.file).read_bytes().decode("utf-8", "replace").removeprefix("\ufeff")
    with duckdb.connect() as connection:
        connection.register("arriving_text", pa.table({"content": pa.array([content], pa.large_string())}))
        return [row[1] for row in connection.execute(LINES.format(number=0)).fetchall()]


def mutated(rng: random.Random) -> bytes:
    """A log with some of its bytes replaced, some lines of great length, and any end."""
    data = bytearray(rng.choice((b"", b"\xef\xbb\xbf", b"\n\n", b"\r\n")))
    for number in range(rng.randrange(1, 3000)):
        data += line(number) + rng.choice((b"\n", b"\n", b"\r\n"))
        if rng.random() < 0.002:
            data += b"x" * rng.choice((BLOCK - 1, BLOCK, 3 * BLOCK + 7)) + b"\n"
    for _ in range(rng.randrange(40)):
        at = rng.randrange(len(data))
        odd = rng.choice(ODD)
        data[at : at + rng.choice((0, len(odd)))] = odd
    return bytes(data[: rng.choice((len(data), rng.randrange(len(data) + 1), max(0, len(data) - 1)))])


@pytest.mark.parametrize("seed", range(12))
def test_blocks_give_the_lines_of_one_split(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    for turn in range(5):
        one = piece(tmp_path / str(turn), mutated(rng))
        assert b"".join(text_blocks(one)) == Path(one.file).read_bytes().removeprefix(b"\xef\xbb\xbf")
        found = split_in_blocks(one, 1 + turn % 4)
        assert found == split_at_once(one)
        assert found == [raw.decode("utf-8", "replace") for _, raw in raw_lines(one)]


@pytest.mark.parametrize("count", [2000, 20_000, 80_000])
def test_the_work_of_splitting_grows_with_the_text(tmp_path: Path, count: int) -> None:
    """Splitting a value costs with the square of its length, so that the squares count, and each byte is read once."""
    data = b"".join(line(number) + b"\n" for number in range(count))
    one = piece(tmp_path / "log", data)
    lengths = [len(block) for block in text_blocks(one)]
    assert sum(lengths) == len(data)
    assert sum(length**2 for length in lengths) <= 2 * BLOCK * len(data)


def test_a_line_longer_than_a_block_is_put_together_once(tmp_path: Path) -> None:
    data = line(1) + b"\n" + b"x" * (40 * BLOCK) + b"\n" + line(2) + b"\n"
    lengths = [len(block) for block in text_blocks(piece(tmp_path / "log", data))]
    assert sum(lengths) == len(data) and len(lengths) <= 3


@pytest.mark.usefixtures("parallel")
def test_rejects_of_a_long_log_have_their_lines_and_their_bytes(store: Store, tmp_path: Path) -> None:
    told = [line(number) for number in range(30_000)]
    broken = {4000: b"broken \xff\xfe", 17_000: b"\0", 29_999: b"10.0.0.1 - - [41/Jan/2026] \xe6\xbc"}
    for number, raw in broken.items():
        told[number] = raw
    told[9] += b"\r"
    found = load_one(store, tmp_path / "in", b"\xef\xbb\xbf" + b"\n".join(told) + b"\n\n")
    assert tally(found) == (30_000, 29_997, 0, 3)
    rejects = store.rows('select line, "raw" from rejects order by line')
    assert [(row[0] - 1, bytes(row[1])) for row in rejects] == sorted(broken.items())


def test_a_log_that_grows_is_read_on_behind_its_last_whole_line(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "in" / "log"
    file.parent.mkdir()
    told = [line(number) for number in range(3000)]
    whole = b"\n".join(told) + b"\n"
    cuts = [0, 100_000, 100_001, 170_000, len(whole)]
    kept = 0
    for begin, end in pairwise(cuts):
        with file.open("ab") as out:
            out.write(whole[begin:end])
        os.utime(file, (1_700_000_000 + end, 1_700_000_000 + end))
        kept += load(store, tmp_path / "in", {})["log"].kept
    assert kept == len(told)
    assert store.rows("select read_to, lines, rejects from files") == [(len(whole), len(told), 0)]


PLAIN = f"""
    select list_transform(regexp_extract_all(added, '{access_log.BODY}', 1),
        lambda b: url_decode(regexp_replace(replace(replace(b, '%', '%25'), '\\"', '"'), '(?i)\\\\x([0-9a-f]{{2}})',
            '%\\1', 'g')))
    from added
"""
BITS = (
    "{",
    "}",
    '"',
    ' "',
    '" ',
    '"{',
    '}"',
    '"-"',
    " ",
    "\\x22",
    "\\x7B",
    '"\\x7B',
    '\\x7D"',
    "\\x7d",
    "\\x5C",
    "\\xC3\\xA9",
)
BITS += (
    "\\X22",
    "\\x2",
    "\\xg1",
    "\\",
    '\\"',
    "%",
    "%41",
    "a",
    "0.5",
    "é",
    "",
    '"{"a": 1}"',
    '"\\x7B\\x22a\\x22:1\\x7D"',
)


def test_bodies_are_those_of_one_plain_pattern_however_odd_the_line(store: Store, tmp_path: Path) -> None:
    """The quick ways to find and to unescape bodies against the slow one, over parts put together at random."""
    rng = random.Random(7)
    added = ["".join(rng.choices(BITS, k=rng.randrange(1, 9))) for _ in range(40_000)]
    with duckdb.connect() as connection:
        connection.register("given", pa.table({"added": added}))
        connection.execute("create table added as from given")
        slow = [row[0] for row in connection.execute(PLAIN).fetchall()]
        records = f"select 0 as number, '{GOOD.format(1, 1, 1)}' || added as line from added"
        quick = connection.execute(
            f"select request_body, response_body from ({access_log.relation(records)})"
        ).fetchall()
    expected = [tuple((bodies[n] or None) if len(bodies) > n else None for n in (0, 1)) for bodies in slow]
    assert sum(bool(first) for first, _ in expected) > 3000
    assert [tuple(body or None for body in found) for found in quick] == expected
