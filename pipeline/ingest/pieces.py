"""Pieces of an open file: runs of whole lines, or a whole document, under a path that DuckDB opens.

A piece is a copy in memory, so that a log's secrets are not written a second time to any disk and DuckDB reads the very
bytes that were judged; only what is larger than SMALL and needs no cutting is read where it is.
"""

import codecs
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC

from pipeline.ingest.characters import fit
from pipeline.ingest.layout import BOM, LOOK, Head, ends_with_object
from pipeline.ingest.opened_file import CutShort, Opened
from pipeline.ingest.private_copy import PrivateCopy

LINE_HELD = 1 << 25
"Bytes of a line that are held until it is whole; of a longer one the rest goes to memory as it comes."
SMALL = 1 << 20
"Bytes up to which a copy costs less than opening the file once more: DuckDB asks five times for a file's state."
TAIL = 256
RESTS_S = 2.0
"Seconds without a write after which a large file is read in place: one that grows under DuckDB's eyes is read too far."


@dataclass(frozen=True)
class Piece:
    """A part of a file's uncompressed content, from byte `begin` to byte `end`."""

    file: str
    "A path that DuckDB opens."
    begin: int
    end: int
    tail: bytes
    "The last bytes of it, which show whether a document is cut short."
    handle: int | None = None
    "The copy in memory, if it is one."
    whole: int | None = None
    "A descriptor of the file, where lines stand before the piece: they are counted when one of its own is a reject."

    @property
    def size(self) -> int:
        """Bytes of content."""
        return self.end - self.begin

    def close(self) -> None:
        """Releases what it keeps open."""
        for descriptor in (self.handle, self.whole):
            if descriptor is not None:
                os.close(descriptor)


@dataclass(frozen=True)
class Part:
    """Some records of a document or a table that is too large to be read at once."""

    piece: Piece
    head: Head
    "How the piece is read."
    lines_before: int
    "What is added to the number of a line of the piece, for its number in the file."
    records: int
    "The file's records up to its end, behind which reading goes on."


class PieceWriter:
    """A piece of whole lines under construction in memory; the rest of a line waits until it is whole."""

    def __init__(self, begin: int, rest: bytes = b"") -> None:
        self._begin = begin
        self._handle: int | None = os.memfd_create("piece")
        self.inside_line = False
        "Whether it ends inside a line that is longer than any record."
        self.rest = bytearray()
        self.size = 0
        "Bytes of whole lines; of a line that is longer than any record also its beginning."
        self.write(rest)

    @property
    def end(self) -> int:
        """The byte of the content up to which it goes."""
        return self._begin + self.size

    def write(self, block: bytes) -> None:
        """Adds content."""
        cut = block.rfind(b"\n") + 1
        if cut:
            self._put(self.rest)
            self._put(block[:cut])
            self.rest, self.inside_line = bytearray(block[cut:]), False
        else:
            self.rest += block
        if len(self.rest) > LINE_HELD:
            self._put(self.rest)
            self.rest, self.inside_line = bytearray(), True

    def end_line(self) -> None:
        """Ends the last line, which nothing else will."""
        if self.rest or self.inside_line:
            self._put(self.rest)
            self._append(b"\n")
            self.rest, self.inside_line = bytearray(), False

    def piece(self) -> Piece:
        """Returns the piece of the whole lines."""
        handle, self._handle = self._handle, None
        return Piece(f"/proc/self/fd/{handle}", self._begin, self.end, b"\n", handle)

    def following(self) -> "PieceWriter":
        """Begins the next piece, with the rest of the line in which this one ends."""
        return PieceWriter(self.end, bytes(self.rest))

    def close(self) -> None:
        """Releases the memory of a piece that is not wanted."""
        if self._handle is not None:
            os.close(self._handle)

    def _put(self, content: bytes | bytearray) -> None:
        """Writes content, without the byte order mark that a file may begin with."""
        self._append(content.removeprefix(BOM) if self.size == self._begin == 0 else content)
        self.size += len(content)

    def _append(self, content: bytes | bytearray) -> None:
        """Writes bytes to the file in memory."""
        assert self._handle is not None
        left = memoryview(content)
        while left:
            left = left[os.write(self._handle, left) :]


class LineCounter:
    """Counts the lines before the pieces of one file, on from the piece for which it was asked last."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._byte = self._lines = 0

    def before(self, piece: Piece) -> int:
        """Counts the lines of the file before a piece, which is not closed yet."""
        if piece.whole is None:
            return 0
        file = replace(self._opened, descriptor=piece.whole)
        if piece.begin < self._byte:
            self._byte = self._lines = 0
        self._lines += file.lines_between(self._byte, piece.begin)
        self._byte = piece.begin
        return self._lines


def line_pieces(opened: Opened, start: int, slice_bytes: int) -> Iterator[Piece]:
    """Yields the whole lines of a file from byte `start` on, as pieces of about `slice_bytes`.

    An unfinished last line is left out unless it is complete JSON or can grow no more: in a compressed file, in memory.
    Raises CutShort after the last whole piece of a compressed file that breaks off.
    """
    start = max(start, opened.head.preamble)
    if start == 0 and opened.size <= slice_bytes and opened.last.endswith(b"\n") and not opened.is_converted:
        yield in_place(opened) if rests_in_place(opened) else kernel_copy(opened, 0, opened.size)
        return
    at, broken = start, None
    for end in () if opened.is_converted else cuts(opened, start, slice_bytes):
        yield kernel_copy(opened, at, end)
        at = end
    writer, blocks = PieceWriter(at), opened.blocks(at, min(LOOK, slice_bytes))
    while True:
        try:
            block = next(blocks, None)
        except CutShort as error:
            block, broken = None, error
        if block is None:
            break
        writer.write(block)
        if writer.size >= slice_bytes and not writer.inside_line:
            yield writer.piece()
            writer = writer.following()
    final = broken is not None or opened.is_converted or opened.in_memory or writer.inside_line
    if final or ends_with_object(writer.rest):
        writer.end_line()
    if writer.size:
        yield writer.piece()
    else:
        writer.close()
    if broken is not None:
        raise broken


def whole_piece(opened: Opened) -> Iterator[Piece]:
    """Yields a whole file as one piece; raises CutShort after the piece of a compressed one that breaks off."""
    begin = opened.head.preamble
    if opened.size > SMALL and not opened.is_converted and not opened.has_mark and not begin:
        yield in_place(opened)
        return
    copy, size, tail, broken = PrivateCopy(), 0, b"", None
    try:
        for block in opened.blocks(begin):
            copy.write(block if size else block.removeprefix(BOM))
            size, tail = size + len(block), (tail + block)[-TAIL:]
    except CutShort as error:
        broken = error
    except BaseException:
        os.close(copy.handle)
        raise
    yield Piece(copy.path, begin, begin + size, tail, copy.handle)
    if broken is not None:
        raise broken


def rests_in_place(opened: Opened) -> bool:
    """Whether DuckDB may read a plain file of lines where it is: large, without a mark, and not being written to."""
    if opened.size <= SMALL or opened.has_mark:
        return False
    age = time.time() - opened.modified_at.replace(tzinfo=UTC).timestamp()
    return opened.in_memory or not 0 <= age < RESTS_S


def in_place(opened: Opened) -> Piece:
    """Builds the piece that is an open file itself; DuckDB must have read it before the file is closed."""
    return Piece(opened.path, 0, opened.size, opened.last[-TAIL:])


def piece_of_lines(data: bytes | bytearray, begin: int = 0) -> Piece:
    """Copies whole lines into a piece in memory, the last one ended.

    Where a file ends in the middle of a line, DuckDB 1.5 may read an earlier file's bytes as its rest.
    """
    ended = piece_of(data if data.endswith(b"\n") else data + b"\n", begin)
    return replace(ended, end=begin + len(data))


def piece_of(data: bytes | bytearray, begin: int = 0) -> Piece:
    """Copies content into a piece in memory."""
    handle = memory_file(data)
    return Piece(f"/proc/self/fd/{handle}", begin, begin + len(data), bytes(data[-TAIL:]), handle)


def kernel_copy(opened: Opened, begin: int, end: int) -> Piece:
    """Copies a part of a plain file that ends with a line into memory; this process never sees it."""
    handle = memory_file(b"")
    at = len(BOM) if begin == 0 and opened.has_mark else begin
    try:
        while at < end and (sent := os.sendfile(handle, opened.descriptor, at, end - at)):
            at += sent
    except OSError:
        os.close(handle)
        raise
    return Piece(f"/proc/self/fd/{handle}", begin, end, b"\n", handle)


def cuts(opened: Opened, start: int, slice_bytes: int) -> Iterator[int]:
    """Yields the line ends at which a large file is cut from byte `start` on; the last slice's own end is not one."""
    at = start
    while opened.size - at > slice_bytes:
        at += slice_bytes
        while block := opened.read(at, LOOK):
            end = block.find(b"\n")
            at += len(block) if end < 0 else end + 1
            if end >= 0:
                yield at
                break


def is_text(piece: Piece) -> bool:
    """Whether a piece is UTF-8 without NULs, for a reader that refuses a file which is not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open(piece.file, "rb") as stream:
        try:
            while block := stream.read(LOOK):
                if "\0" in decoder.decode(block):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def as_text(piece: Piece) -> Piece:
    """Copies a piece into memory with U+FFFD for what is not UTF-8 and for NULs, and closes it."""
    copy, begin = PrivateCopy(), piece.begin
    with open(piece.file, encoding="utf-8", errors="replace", newline="") as stream:
        while text := stream.read(LOOK):
            copy.write(fit(text).encode())
    piece.close()
    return Piece(copy.path, begin, begin + copy.size, piece.tail, copy.handle)


def memory_file(data: bytes | bytearray) -> int:
    """Makes a file in memory, not on a disk, of some bytes without their byte order mark; returns its descriptor."""
    handle = os.memfd_create("piece")
    try:
        with open(handle, "wb", closefd=False) as stream:
            stream.write(data.removeprefix(BOM))
    except OSError:
        os.close(handle)
        raise
    return handle


@contextmanager
def in_memory(data: bytes | bytearray) -> Iterator[str]:
    """Provides a path under which `data` can be read, in memory, as long as the context lasts."""
    handle = memory_file(data)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
