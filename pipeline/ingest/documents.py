"""Large JSON documents are read as lines: their records are taken out one by one, so that none is ever held as a whole.

DuckDB would hold a page of records twice, and Python ten times. What is broken between two records stays a line of its
own, which becomes a reject.
"""

import codecs
import json
from collections.abc import Iterator
from dataclasses import replace

from pipeline.ingest.layout import BETWEEN, Head
from pipeline.ingest.opened_file import CutShort, Opened
from pipeline.ingest.pieces import Piece, PieceWriter
from pipeline.ingest.salvage import LONGEST, next_record, opening, resumption

LARGE = 1 << 25
"Bytes of a document from which on it is read so."
CUT = 1 << 26
"Bytes of lines in a piece."
KEPT = 4096
"Letters at a block's end in which the beginning of the records, or of the next one, may be cut."
SHOWN = 65536
"Letters that are kept of what is broken."


def is_large(opened: Opened) -> bool:
    """Whether a file is a document of records, and larger than is held in memory."""
    if opened.head.layout not in ("array", "document") or opened.head.route:
        return False
    if not opened.is_converted:
        return opened.size > LARGE
    left = LARGE
    for block in opened.blocks_until_break():
        left -= len(block)
        if left < 0:
            return True
    return False


def lines_head(head: Head) -> Head:
    """Returns the head of a document whose records are read as lines."""
    return replace(head, layout="lines", wrapper=None)


def record_pieces(opened: Opened) -> Iterator[tuple[Piece, int]]:
    """Yields a document's records as pieces of lines, each with how many records stand before it.

    Raises CutShort after the last piece of a compressed document that breaks off.
    """
    before = count = 0
    broken: CutShort | None = None
    writer, texts = PieceWriter(0), record_texts(opened.blocks(), opened.head)
    while True:
        try:
            text = next(texts, None)
        except CutShort as error:
            text, broken = None, error
        if text is None:
            break
        writer.write(" ".join(text.splitlines()).encode("utf-8", "replace") + b"\n")
        count += 1
        if writer.size >= CUT:
            yield writer.piece(), before
            before, writer = count, PieceWriter(writer.end)
    yield writer.piece(), before
    if broken is not None:
        raise broken


class Text:
    """The text of a document as far as it was read, and a place in it."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.text = ""
        self.at = 0
        self.ended = False

    def more(self) -> bool:
        """Reads a block more and lets go of what lies before the place; returns whether there was one."""
        block = next(self._blocks, None)
        self.ended = block is None
        read = self._decoder.decode(block or b"", final=self.ended)
        self.text, self.at = self.text[self.at :] + read.removeprefix("\ufeff" if not self.text else ""), 0
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
    inside, find = False, opening
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
                _, end = decoder.raw_decode(source.text, begin)
            except (ValueError, RecursionError) as error:
                if may_go_on(source, error) and source.more():
                    continue
                yield from broken_text(source, head)
            else:
                if end == len(source.text) and source.more():
                    continue
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
