"""Large CSV files are read in parts, each with the header: a row ends where Python's reader of CSV says that it does.

DuckDB would stage all of one in a single transaction.
"""

import csv
from collections.abc import Iterator

from pipeline.ingest.layout import BOM
from pipeline.ingest.opened_file import CutShort, Opened
from pipeline.ingest.pieces import Part, PieceWriter
from pipeline.ingest.salvage import LONGEST

LONGEST_ROW = 1 << 22
"Bytes from which on a row is none, but lines behind a quote that nothing closes; DuckDB takes no longer ones."


def row_parts(opened: Opened, landed: int, part_bytes: int) -> Iterator[Part]:
    """Yields a table's rows as parts of about so many bytes, behind the first `landed` ones; one that is broken alone.

    Raises CutShort after the last part of a compressed table that breaks off.
    """
    lines = Lines(opened.blocks(opened.head.preamble))
    rows = row_texts(lines, opened.head.delimiter)
    header, _ = next(rows, (b"", True))
    heading, count, before, writer = lines.count, 0, 0, PieceWriter(0, header)
    for row, whole in rows:
        count += 1
        begins_anew = count == landed + 1
        if not whole and writer.size > len(header):
            yield Part(writer.piece(), opened.head, before, count - 1)
            begins_anew = True
        elif begins_anew:
            writer.close()
        if begins_anew:
            before, writer = lines.count - row.count(b"\n") - heading, PieceWriter(writer.end, header)
        if count <= landed:
            continue
        writer.write(row)
        if not whole or writer.size >= part_bytes:
            writer.end_line()
            yield Part(writer.piece(), opened.head, before, count)
            before, writer = lines.count - heading, PieceWriter(writer.end, header)
    writer.end_line()
    yield Part(writer.piece(), opened.head, before, count)
    if lines.broken is not None:
        raise lines.broken


def row_texts(lines: "Lines", delimiter: str) -> Iterator[tuple[bytes, bool]]:
    """Yields the bytes of each row and whether it is whole; of one that does not end only its first line."""
    csv.field_size_limit(LONGEST)
    rows, width = csv.reader(lines, delimiter=delimiter), 0
    while True:
        try:
            cells = len(next(rows, ()))
            whole = cells == width or not lines.holds_row_of(width, delimiter)
            width = width or cells
        except csv.Error:
            whole = False
        if not whole:
            rows = csv.reader(lines, delimiter=delimiter)
            lines.put_back()
        row = lines.take()
        if not row:
            return
        yield row, whole


class Lines:
    """The lines of a table as the reader of CSV takes them, a letter a byte, and what it took for the row at hand."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._lines = split_lines(self._until_break(blocks))
        self._again: list[bytes] = []
        self._row: list[bytes] = []
        self._size = 0
        self.count = 0
        "Line ends that were taken so far."
        self.broken: CutShort | None = None
        "Why a compressed table ends before its end."

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        self._row.append(line)
        self._size += len(line)
        self.count += line.endswith(b"\n")
        if self._size > LONGEST_ROW and len(self._row) > 1:
            raise csv.Error("a row without an end")
        return line.decode("latin-1")

    def take(self) -> bytes:
        """Takes the bytes of the row that was read last."""
        row = b"".join(self._row)
        self._row, self._size = [], 0
        return row

    def holds_row_of(self, width: int, delimiter: str) -> bool:
        """Whether the second line of the row at hand is a row by itself: a quote before it was never closed."""
        return (
            len(self._row) > 1
            and len(next(csv.reader([self._row[1].decode("latin-1")], delimiter=delimiter), ())) == width > 1
        )

    def put_back(self) -> None:
        """Has all but the first line of the row at hand read again, as rows of their own."""
        first, *others = self._row
        self.count -= sum(line.endswith(b"\n") for line in others)
        self._again += reversed(others)
        self._row = [first]

    def _until_break(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Yields blocks; notes where a compressed table breaks off."""
        try:
            yield from blocks
        except CutShort as error:
            self.broken = error


def split_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields each line with its end, one that is longer than any record in parts; without a byte order mark."""
    rest = next(blocks, b"").removeprefix(BOM)
    while True:
        *lines, rest = rest.split(b"\n")
        for line in lines:
            yield line + b"\n"
        if len(rest) > LONGEST:
            yield rest
            rest = b""
        block = next(blocks, None)
        if block is None:
            break
        rest += block
    if rest:
        yield rest
