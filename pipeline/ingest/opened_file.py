"""A file that is open: opened once, it travels from discovery to staging with all that is to be known of it.

What is read of it is what it held when it was opened: bytes that are appended later belong to the next ingest.
"""

import codecs
import errno
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pipeline.config.errors import TooMuch
from pipeline.ingest.bounds import is_within
from pipeline.ingest.discover import ZIP, File, is_below
from pipeline.ingest.layout import BOM, LOOK, Head, look
from pipeline.ingest.limits import USUAL, Budget, Limits

ENDS = 1 << 16
"How much of either end is read when a file is opened, by which it is told from another of its name."


class CutShort(Exception):
    """A compressed file ends before its end; the message says how much could be read."""


@dataclass(frozen=True)
class Opened:
    """A file that is open for reading, its size and both its ends."""

    file: File
    descriptor: int
    size: int
    first: bytes
    last: bytes
    look: Callable[["Opened"], Head] = look
    "How its head is found."
    limits: Limits = USUAL
    "What it may unpack to."

    @property
    def name(self) -> str:
        """The ledger's name of it."""
        return self.file.name

    @property
    def path(self) -> str:
        """A path to this very file, for as long as it is open, even if another takes its name."""
        return f"/proc/self/fd/{self.descriptor}"

    @property
    def in_memory(self) -> bool:
        """Whether it was copied from a stream or a zip file, so that it can grow no more."""
        return str(self.file.path).startswith("/proc/")

    @property
    def compressed(self) -> bool:
        """Whether it is gzip, by its first bytes."""
        return self.first.startswith(b"\x1f\x8b")

    @property
    def is_converted(self) -> bool:
        """Whether its content is not its bytes: it is gzip, or text in UTF-16."""
        return self.compressed or encoding_of(self.first) is not None

    @property
    def is_zip(self) -> bool:
        """Whether it is a zip file, by its first bytes."""
        return self.first.startswith(ZIP)

    @property
    def has_mark(self) -> bool:
        """Whether it begins with a byte order mark."""
        return self.first.startswith(BOM)

    @cached_property
    def modified_at(self) -> datetime:
        """When it was last written to: UTC without a zone, whole seconds; now, where that is beyond all bounds."""
        now, written = datetime.now(UTC).replace(tzinfo=None, microsecond=0), os.fstat(self.descriptor).st_mtime
        with suppress(ValueError, OverflowError, OSError):
            at = datetime.fromtimestamp(int(written), UTC).replace(tzinfo=None)
            return at if is_within(at) else now
        return now

    @cached_property
    def head(self) -> Head:
        """Its first records, and how they are laid out."""
        return self.look(self)

    def read(self, at: int, amount: int) -> bytes:
        """Reads bytes as they stand in the file."""
        end = min(at + amount, self.size)
        return self.first[at:end] if end <= len(self.first) else read_all(self.descriptor, at, end - at)

    def raw_blocks(self, start: int, size: int) -> Iterator[bytes]:
        """Yields the file's bytes from `start` on, in blocks."""
        while block := self.read(start, size):
            yield block
            start += len(block)

    def blocks(self, start: int = 0, size: int = LOOK) -> Iterator[bytes]:
        """Yields the uncompressed content from byte `start` on; raises CutShort at the end of what breaks off."""
        if self.is_converted:
            raw_blocks = self.raw_blocks(0, LOOK)
            if self.compressed:
                raw_blocks = unpacked(raw_blocks, size, self.limits.budget(self.size))
            yield from skipped(in_utf8(raw_blocks), start)
        else:
            yield from self.raw_blocks(start, size)

    def blocks_until_break(self, start: int = 0) -> Iterator[bytes]:
        """Yields the uncompressed content from a byte on, of a compressed file that breaks off as far as it goes."""
        try:
            yield from self.blocks(start)
        except CutShort:
            return

    def beginning(self, amount: int) -> bytes:
        """Returns the first `amount` bytes of content or somewhat more, or as many as there are."""
        parts: list[bytes] = []
        for block in self.blocks_until_break():
            parts.append(block)
            amount -= len(block)
            if amount <= 0:
                break
        return b"".join(parts)

    def lines_between(self, start: int, end: int) -> int:
        """Counts the line ends of the content between two bytes."""
        count, left = 0, end - start
        for block in self.blocks_until_break(start) if left else ():
            count += block[:left].count(b"\n")
            left -= len(block)
            if left <= 0:
                break
        return count


@contextmanager
def open_file(file: File, look: Callable[[Opened], Head] = look, limits: Limits = USUAL) -> Iterator[Opened]:
    """Opens a file and reads both its ends."""
    # A pipe that was put in the place of a file must not make the reader wait.
    descriptor = os.open(file.path, os.O_RDONLY | (os.O_NONBLOCK if file.root else 0))
    try:
        refuse_outside(descriptor, file.root)
        first = read_all(descriptor, 0, ENDS)
        size = end_of(descriptor)
        if len(first) < min(size, ENDS):
            first = read_all(descriptor, 0, min(size, ENDS))
        last = first[:size] if size <= ENDS else read_all(descriptor, size - ENDS, ENDS)
        yield Opened(file, descriptor, size, first[:size], last, look, limits)
    finally:
        os.close(descriptor)


def refuse_outside(descriptor: int, root: str | None) -> None:
    """Raises an OSError for an open file that is not below its root: a link may have taken its place since the walk."""
    if root is not None and not is_below(str(Path(f"/proc/self/fd/{descriptor}").readlink()), root):
        raise OSError(errno.EPERM, "it leads out of the inbox")


def end_of(descriptor: int) -> int:
    """Measures an open file without asking for its state; 0 for a device or a file of the kernel's."""
    try:
        return os.lseek(descriptor, 0, os.SEEK_END)
    except OSError:
        return 0


def read_all(descriptor: int, at: int, amount: int) -> bytes:
    """Reads `amount` bytes from `at` on, fewer only where the file ends; a single read may give less."""
    parts: list[bytes] = []
    while amount > 0 and (part := os.pread(descriptor, amount, at)):
        parts.append(part)
        at, amount = at + len(part), amount - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpacked(packed_blocks: Iterator[bytes], size: int, budget: Budget) -> Iterator[bytes]:
    """Yields the content of a gzip file, of one that breaks off as far as it goes, in blocks of at most `size`."""
    total, packed, engine = 0, b"", zlib.decompressobj(wbits=31)
    while packed := packed or next(packed_blocks, b""):
        if engine.eof and not (packed := packed.lstrip(b"\0")):
            continue
        engine = zlib.decompressobj(wbits=31) if engine.eof else engine
        try:
            block = engine.decompress(packed, size)
        except zlib.error as error:
            raise CutShort(f"the gzip stream is damaged after {total} bytes of content ({error})") from None
        packed = engine.unconsumed_tail or engine.unused_data
        total += len(block)
        try:
            budget.take(len(block))
        except TooMuch as error:
            raise CutShort(f"the gzip stream {error}") from None
        if block:
            yield block
    if not engine.eof:
        if block := engine.flush():
            yield block
        raise CutShort(f"the gzip stream ends after {total + len(block)} bytes of content, before its end mark")


def encoding_of(first: bytes) -> str | None:
    """Returns the codec of text that begins with these bytes, as PowerShell writes it; None for UTF-8.

    >>> encoding_of("{}".encode("utf-16-le")), encoding_of(b"{}")
    ('utf-16-le', None)
    """
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if first.startswith(mark) and first[2:4] != b"\0\0":
            return codec
    sample = first[:64]
    if len(sample) < 4 or 0 not in sample or len(sample) % 2:
        return None
    even, odd = set(sample[::2]), set(sample[1::2])
    if odd == {0} and 0 not in even:
        return "utf-16-le"
    return "utf-16-be" if even == {0} and 0 not in odd else None


def in_utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields content in UTF-8: of text in UTF-16 what it says, of anything else its bytes."""
    first = next(blocks, b"")
    codec = encoding_of(first)
    if codec is None:
        yield first
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(codec)("replace")
    yield decoder.decode(first).removeprefix("\ufeff").encode("utf-8", "replace")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "replace")
    if rest := decoder.decode(b"", final=True):
        yield rest.encode("utf-8", "replace")


def skipped(parts: Iterator[bytes], amount: int) -> Iterator[bytes]:
    """Leaves out the first `amount` bytes."""
    for part in parts:
        yield part[amount:]
        amount = max(0, amount - len(part))
