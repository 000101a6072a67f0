"""Large JSON documents are read as lines: their records are taken out one by one, so that none is ever held as a whole.

DuckDB would hold a page of records twice, and Python ten times. What is broken between two records stays a line of its
own, which becomes a reject.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from pipeline.ingest.layout import BETWEEN, BOM, Head
from pipeline.ingest.opened_file import CutShort, Opened
from pipeline.ingest.pieces import Part, PieceWriter
from pipeline.ingest.salvage import LONGEST, next_record, opening, resumption
from pipeline.ingest.wrappings import Step

KEPT = 4096
"Bytes at a block's end in which the beginning of the records, or of the next one, may be cut."
SHOWN = 65536
"Bytes that are kept of what is broken."
LETTERS = "latin-1"
"""A letter a byte: Python's scanner needs text, and one letter beyond Latin would make all of it four times as large.
What stands between quotes is not looked at, and goes on as the bytes that it was."""


def is_larger(opened: Opened, size: int) -> bool:
    """Whether a file holds more than so many bytes of content."""
    if not opened.is_converted:
        return opened.size > size
    left = size
    for block in opened.blocks_until_break():
        left -= len(block)
        if left < 0:
            return True
    return False


def record_parts(opened: Opened, landed: int, part_bytes: int) -> Iterator[Part]:
    """Yields a document's records as parts of about so many bytes, behind the first `landed` ones.

    Raises CutShort after the last part of a compressed document that breaks off.
    """
    listed, lines = heads_of(opened.head)
    before = count = 0
    broken: CutShort | None = None
    writer, texts = PieceWriter(0), record_texts(opened.blocks(opened.head.preamble), listed)
    while True:
        try:
            text = next(texts, None)
        except CutShort as error:
            text, broken = None, error
        if text is None:
            break
        count += 1
        if count <= landed:
            before = count
            continue
        writer.write(line_of(text))
        if writer.size >= part_bytes:
            yield Part(writer.piece(), lines, before, count)
            before, writer = count, PieceWriter(writer.end)
    yield Part(writer.piece(), lines, before, count)
    if broken is not None:
        raise broken


def line_of(text: str) -> bytes:
    """Returns a record as a line; what is not UTF-8 in it is replaced."""
    line = text.encode(LETTERS).replace(b"\r", b" ").replace(b"\n", b" ")
    return line.decode("utf-8", "replace").encode() + b"\n"


def heads_of(head: Head) -> tuple[Head, Head]:
    """Returns how the records of a document are found in it, and how they are read once each is a line.

    Where the way to them leads through lists, they are what the innermost one holds that is no text: the rest of the
    way is gone in each line.
    """
    kinds = [step.kind for step in head.route]
    end = next((place + (kind == "rows") for place, kind in enumerate(kinds) if kind in ("text", "rows")), len(kinds))
    last = max((place for place in range(end) if kinds[place] in ("each", "rows")), default=-1)
    rest, found = head.route[last + 1 :], replace(head, route=(), samples=[] if head.route else head.samples)
    if last >= 0 and kinds[last] == "rows":
        rest, found = (Step("row", columns=head.route[last].columns), *rest), replace(found, wrapper="rows")
    elif last > 0:
        found = replace(found, wrapper=head.route[last - 1].key)
    return found, replace(head, layout="lines", wrapper=None, route=rest)


class Text:
    """The text of a document as far as it was read, and a place in it."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.text = ""
        self.at = 0
        self.ended = False

    def more(self) -> bool:
        """Reads a block more and lets go of what lies before the place; returns whether there was one."""
        block = next(self._blocks, None)
        self.ended = block is None
        read = (block or b"") if self.text else (block or b"").removeprefix(BOM)
        self.text, self.at = self.text[self.at :] + read.decode(LETTERS), 0
        return not self.ended

    def skip(self) -> bool:
        """Lets go of all but the last letters, among which something may begin, and reads a block more."""
        self.at = max(self.at, len(self.text) - KEPT)
        return self.more()


def record_texts(blocks: Iterator[bytes], head: Head) -> Iterator[str]:
    """Yields the text of each record of a document, and of what is broken between records."""
    source, decoder = Text(blocks), json.JSONDecoder()
    source.more()
    listed = head.layout == "array" or head.wrapper is not None
    inside, seen, find = False, False, opening
    while True:
        if not inside:
            begin = find(source.text, head, source.at)
            if begin is None:
                if not source.skip():
                    return
                continue
            source.at, inside = begin, True
        begin = BETWEEN.match(source.text, source.at).end()  # type: ignore[union-attr]
        source.at = begin
        if begin == len(source.text):
            if not source.more():
                return
        elif listed and source.text[begin] == "]":
            source.at, inside, find = begin + 1, False, resumption
        else:
            try:
                value, end = decoder.raw_decode(source.text, begin)
            except (ValueError, RecursionError) as error:
                if may_go_on(source, error) and source.more():
                    continue
                yield from broken_text(source, head)
            else:
                if end == len(source.text) and source.more():
                    continue
                if not seen and isinstance(value, dict):
                    head, seen = replace(head, samples=[value]), True
                yield source.text[begin:end]
                source.at = end


def may_go_on(source: Text, error: Exception) -> bool:
    """Whether a record that cannot be parsed may only be cut by a block's end."""
    if source.ended or len(source.text) - source.at > LONGEST:
        return False
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated") or error.pos > len(source.text) - 16


def broken_text(source: Text, head: Head) -> Iterator[str]:
    """Yields the beginning of what is broken, and goes to the next record that is like the first."""
    begin = source.at
    shown = source.text[begin : begin + SHOWN]
    found = next_record(source.text, head, begin + 1)
    if found is not None:
        shown = shown[: found - begin]
    while found is None and source.skip():
        found = next_record(source.text, head, 0)
    source.at = len(source.text) if found is None else found
    if shown.strip():
        yield shown
