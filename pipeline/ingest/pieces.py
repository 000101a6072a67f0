"""Bytes: what a file is laid out as, and its pieces. Nothing here knows what a record means.

A piece is a run of whole lines that DuckDB can open by name: the file itself where it is small and whole, else a copy
in memory, so that a log's secrets are not written a second time to any disk.
"""

import csv
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.ingest.layout import WRAPPERS, Head

LOOK = 1 << 20
LOOK_AT_MOST = 1 << 26
BOM = b"\xef\xbb\xbf"
EMPTY = re.compile(r'\s*(\[\s*\]|\{\s*("@odata\.[^"]*"\s*:\s*"[^"]*"\s*,\s*)*"(value|records)"\s*:\s*\[\s*\]\s*\})?\s*')
BETWEEN = re.compile(r"[\s,]*")
NAME = re.compile(r"^[\w .()\[\]/$-]*[A-Za-z][\w .()\[\]/$-]*$")


class CutShort(Exception):
    """A compressed file ends before its end; the message says how much could be read."""


@dataclass(frozen=True)
class Piece:
    """Whole lines of a file, from byte `begin` to byte `end` of its uncompressed content."""

    file: str
    "A path that DuckDB opens."
    begin: int
    end: int


def compressed(path: Path) -> bool:
    """Whether a file is gzip, by its first bytes."""
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def blocks(path: Path, start: int = 0, size: int = LOOK) -> Iterator[bytes]:
    """Gives a file's uncompressed content from byte `start` on; raises CutShort at the end of one that breaks off."""
    if compressed(path):
        yield from skipped(unpacked(path, size), start)
        return
    with path.open("rb") as stream:
        stream.seek(start)
        while block := stream.read(size):
            yield block


def unpacked(path: Path, size: int) -> Iterator[bytes]:
    """Gives the content of a gzip file, of one that breaks off as far as it goes, in blocks of at most `size`."""
    total, packed, engine = 0, b"", zlib.decompressobj(wbits=31)
    with path.open("rb") as stream:
        while packed := packed or stream.read(LOOK):
            if engine.eof and not (packed := packed.lstrip(b"\0")):
                continue
            engine = zlib.decompressobj(wbits=31) if engine.eof else engine
            try:
                block = engine.decompress(packed, size)
            except zlib.error as error:
                raise CutShort(f"the gzip stream is damaged after {total} bytes of content ({error})") from None
            packed = engine.unconsumed_tail or engine.unused_data
            total += len(block)
            if block:
                yield block
    if not engine.eof:
        if block := engine.flush():
            yield block
        raise CutShort(f"the gzip stream ends after {total + len(block)} bytes of content, before its end mark")


def skipped(parts: Iterator[bytes], amount: int) -> Iterator[bytes]:
    """Leaves out the first `amount` bytes."""
    for part in parts:
        yield part[amount:]
        amount = max(0, amount - len(part))


def look(path: Path) -> Head:
    """Reads the beginning of a file, as much as its first record needs, and says how it is laid out."""
    amount = LOOK
    while True:
        data = beginning(path, amount)
        head = head_of(data, cut=len(data) >= amount)
        if head.samples or head.header or head.lines or head.empty or len(data) < amount:
            return head
        if amount >= LOOK_AT_MOST:
            return head if b"\n" in data else behind(path)
        amount *= 8


def behind(path: Path) -> Head:
    """Says how a file is laid out whose first line is longer than any record."""
    data, found = b"", False
    with suppress(CutShort):
        for block in blocks(path):
            start = 0 if found else block.find(b"\n") + 1
            found = found or start > 0
            data += block[start:] if found else b""
            if len(data) >= LOOK:
                break
    return head_of(data, cut=len(data) >= LOOK)


def beginning(path: Path, amount: int) -> bytes:
    """Reads the first `amount` bytes of content, or as many as there are."""
    parts: list[bytes] = []
    try:
        for block in blocks(path):
            parts.append(block)
            amount -= len(block)
            if amount <= 0:
                break
    except CutShort:
        pass
    return b"".join(parts)


def head_of(data: bytes, cut: bool) -> Head:
    """Says how a file that begins with `data` is laid out; `cut` when there is more of it."""
    text = data.removeprefix(BOM).decode("utf-8", "replace")
    begins = text.lstrip()[:1]
    if not cut and EMPTY.fullmatch(text):
        return Head("document", empty=True)
    lines = [line.strip() for line in (text.split("\n")[:-1] if cut else text.split("\n")) if line.strip()]
    if begins == "[":
        return unwrapped(Head("array", objects(elements(text, text.index("[") + 1))))
    found = [value for line in lines[:200] if (value := parsed(line))]
    if found and (3 * len(found) >= min(len(lines), 200) or parsed(lines[0])):
        return unwrapped(Head("lines", found))
    if begins == "{":
        return document(text)
    header = next(csv.reader(lines[:1]), [])
    if len(header) > 2 and all(NAME.match(cell) for cell in header):
        return Head("csv", header=tuple(header))
    return Head("text", lines=tuple(lines[:50]))


def parsed(line: str) -> Mapping[str, Any] | None:
    """Gives a line's JSON object; None for anything else."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping) and found else None


def document(text: str) -> Head:
    """Gives the head of a pretty-printed document: an object, several after each other, or a page of records."""
    whole = objects(elements(text, 0))
    if whole:
        return unwrapped(Head("document", whole))
    opened = re.search(rf'"({"|".join(WRAPPERS)})"\s*:\s*\[', text)
    if opened is None:
        return Head("document")
    return Head("document", objects(elements(text, opened.end())), wrapper=opened[1])


def objects(values: Iterable[tuple[object, int]]) -> list[Mapping[str, Any]]:
    """Gives the JSON objects among values."""
    return [value for value, _ in values if isinstance(value, Mapping)]


def elements(text: str, start: int, most: int = 50) -> Iterator[tuple[object, int]]:
    """Gives the values that stand one after another from `start`, and where each ends, until something breaks."""
    decoder = json.JSONDecoder()
    for _ in range(most):
        begin = BETWEEN.match(text, start)
        assert begin is not None
        try:
            found, start = decoder.raw_decode(text, begin.end())
        except (ValueError, RecursionError):
            return
        yield found, start


def unwrapped(head: Head) -> Head:
    """Takes pages and batches off the samples."""
    for key in WRAPPERS:
        pages = [sample[key] for sample in head.samples if isinstance(sample.get(key), list)]
        inner = [record for page in pages for record in page if isinstance(record, Mapping)]
        if pages and (inner or len(pages) == len(head.samples)):
            return replace(head, samples=inner[:200], wrapper=key)
    return head


def pieces(path: Path, start: int, slice_bytes: int, held: ExitStack) -> Iterator[Piece]:
    """Gives the whole lines of a file from byte `start` on, as pieces of about `slice_bytes`.

    An unfinished last line is left out unless it is complete JSON or can grow no more: in a compressed file, in memory.
    Copies last until `held` is closed. Raises CutShort after the last whole piece of a compressed file that breaks off.
    """
    packed = compressed(path)
    if not packed and start == 0 and 0 < path.stat().st_size <= slice_bytes and ends_whole(path):
        yield Piece(str(path), 0, path.stat().st_size)
        return
    at, waiting, broken = start, bytearray(), None
    for end in () if packed else cuts(path, start, slice_bytes):
        yield Piece(held.enter_context(copied(path, at, end)), at, end)
        at = end
    try:
        for block in blocks(path, at, min(LOOK, slice_bytes)):
            waiting += block
            if len(waiting) >= slice_bytes and (cut := waiting.rfind(b"\n") + 1):
                yield Piece(held.enter_context(in_memory(waiting[:cut])), at, at + cut)
                at, waiting = at + cut, waiting[cut:]
    except CutShort as error:
        broken = error
    final = broken is not None or packed or str(path).startswith("/proc/") or complete(waiting)
    if cut := len(waiting) if final else waiting.rfind(b"\n") + 1:
        # Where a file ends in the middle of a line, DuckDB 1.5 may read an earlier file's bytes as its rest.
        ended = waiting[:cut] + (b"" if waiting[cut - 1 : cut] == b"\n" else b"\n")
        yield Piece(held.enter_context(in_memory(ended)), at, at + cut)
    if broken is not None:
        raise broken


def cuts(path: Path, start: int, slice_bytes: int) -> Iterator[int]:
    """Gives the line ends at which a large file is cut from byte `start` on; the last slice's own end is not one."""
    at, size = start, path.stat().st_size
    with path.open("rb") as stream:
        while size - at > slice_bytes:
            at += slice_bytes
            stream.seek(at)
            for block in iter(lambda: stream.read(LOOK), b""):
                found = block.find(b"\n")
                at += len(block) if found < 0 else found + 1
                if found >= 0:
                    yield at
                    break


@contextmanager
def copied(path: Path, begin: int, end: int) -> Iterator[str]:
    """Gives a path under which a part of a plain file can be read; the kernel copies it, this process never sees it."""
    begin += len(BOM) if begin == 0 and beginning(path, 3)[:3] == BOM else 0
    with in_memory(b"") as file, path.open("rb") as source, open(file, "wb") as target:
        while begin < end and (sent := os.sendfile(target.fileno(), source.fileno(), begin, end - begin)):
            begin += sent
        yield file


def whole(path: Path, held: ExitStack) -> Iterator[Piece]:
    """Gives a whole file as one piece; raises CutShort after the piece of a compressed one that breaks off."""
    if not compressed(path) and beginning(path, 3)[:3] != BOM:
        yield Piece(str(path), 0, path.stat().st_size)
        return
    data, broken = bytearray(), None
    try:
        for block in blocks(path):
            data += block
    except CutShort as error:
        broken = error
    yield Piece(held.enter_context(in_memory(data)), 0, len(data))
    if broken is not None:
        raise broken


def ends_whole(path: Path) -> bool:
    """Whether a plain file begins without a byte order mark and ends with a line end."""
    with path.open("rb") as stream:
        if stream.read(3) == BOM:
            return False
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


def complete(data: bytes | bytearray) -> bool:
    """Whether the last, unended line is a complete JSON object all the same."""
    last = data[data.rfind(b"\n") + 1 :].strip()
    return bool(last) and last[:1] == b"{" and parsed(last.decode("utf-8", "replace")) is not None


@contextmanager
def in_memory(data: bytes | bytearray) -> Iterator[str]:
    """Gives a path under which `data` can be read; it lives in memory, not on a disk."""
    handle = os.memfd_create("piece")
    try:
        with open(handle, "wb", closefd=False) as stream:
            stream.write(data.removeprefix(BOM))
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
