"""The records of a piece one by one, in Python: slow, and only for what DuckDB could not read or tell apart.

A document that is broken still gives the records before and behind its break, and one ValueError for the break.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pipeline.ingest.characters import fit_json, fit_value
from pipeline.ingest.layout import BETWEEN, BOM, Head, elements
from pipeline.ingest.pieces import Piece
from pipeline.ingest.wrappings import BEHIND, values_along

LONGEST = 1 << 25
"No record of any log is as long; DuckDB needs some fifteen times as much memory to store one."
HELD = (1 << 26) + (1 << 12)
"Bytes that are read of a line which is too long for a record, to tell how long it is."
CLOSED = re.compile(r"[\s,]*(?:\]|$)")
PAGE_END = re.compile(r"[^\[{]*\}")


def text_of(piece: Piece) -> bytes:
    """Reads a whole piece."""
    return Path(piece.file).read_bytes().removeprefix(BOM)


def raw_lines(piece: Piece) -> Iterator[tuple[int, bytes]]:
    """Yields each line of a piece that is not blank, with its number in the piece, from 1."""
    with Path(piece.file).open("rb") as stream:
        for number, line in enumerate(bounded_lines(stream), 1):
            if bare := line.strip(b" \t\r\n\f\v").removeprefix(BOM):
                yield number, bare


def bounded_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yields each line, of one that is far too long its first HELD bytes."""
    while line := stream.readline(HELD):
        rest = line
        while len(rest) == HELD and not rest.endswith(b"\n"):
            rest = stream.readline(HELD)
        yield line


def raw_records(piece: Piece, head: Head) -> Iterator[tuple[int, bytes, object]]:
    """Yields each record of a piece: its line (or its place, where a document has no lines), its bytes and its value.

    The value is a ValueError where the bytes are not JSON.
    """
    if head.layout in ("lines", "text"):
        behind = head.route[:1] == (BEHIND,)
        for number, line in raw_lines(piece):
            for value in inside(line.decode("utf-8", "replace") if behind else decoded(line), head):
                yield number, dumped(value, line) if head.wrapper or head.route else line, value
        return
    if head.layout == "csv":
        for number, raw, row in csv_rows(piece, head.delimiter, head.is_aligned):
            for value in inside(row, head):
                yield number, dumped(value, raw), value
        return
    for number, (raw, value) in enumerate(salvaged(text_of(piece), head), 1):
        yield number, raw, value


def csv_rows(piece: Piece, delimiter: str, is_aligned: bool = False) -> Iterator[tuple[int, bytes, object]]:
    """Yields each row of a CSV by column name, with the line it ends on."""
    csv.field_size_limit(LONGEST)
    with open(piece.file, encoding="utf-8-sig", errors="replace", newline="") as stream:
        rows = csv.DictReader(stream, delimiter=delimiter)
        for each in rows:
            row = fit_value(trimmed(each) if is_aligned else each)
            yield rows.line_num, json.dumps(row, ensure_ascii=False).encode(), row


def trimmed(row: Mapping[str | Any, Any]) -> dict[str, object]:
    """Returns a row without the spaces around its cells and their names, and without a border."""
    return {
        str(name).strip(): value.strip() if isinstance(value, str) else value
        for name, value in row.items()
        if name and str(name).strip()
    }


def salvaged(data: bytes, head: Head) -> Iterator[tuple[bytes, object]]:
    """Yields the records of a document; of a broken one those that are whole, and a ValueError for each break."""
    value = decoded(data)
    if isinstance(value, ValueError):
        yield from broken_document_records(data.decode("utf-8", "replace"), head, value)
        return
    for page in value if isinstance(value, list) else [value]:
        for record in inside(page, head):
            yield dumped(record, data), record


def broken_document_records(text: str, head: Head, fault: ValueError) -> Iterator[tuple[bytes, object]]:
    """Yields the records of a broken document, or of several after each other, going on behind what is broken."""
    at, end, broken = opening(text, head, 0), 0, False
    while at is not None:
        end = max(at, end)
        for record, after in elements(text, at, most=1 << 30):
            yield json.dumps(record, ensure_ascii=False).encode(), record
            end = after
        if closed := CLOSED.match(text, end):
            end = closed.end()
            at = resumption(text, head, end) if head.layout == "array" or head.wrapper else None
            continue
        end = BETWEEN.match(text, end).end()  # type: ignore[union-attr]
        at = next_record(text, head, end + 1)
        yield text[end:at][:65536].encode(), decoded(text[end:at].encode()) if broken else fault
        end, broken = len(text) if at is None else at, True
    rest = text[end:].strip()
    if rest and not (head.wrapper and PAGE_END.fullmatch(rest)):
        yield rest[:65536].encode(), fault


def opening(text: str, head: Head, start: int) -> int | None:
    """Finds the first record behind `start`; None where no more begins."""
    if head.layout != "array" and head.wrapper is None:
        return start
    if head.wrapper:
        match = re.compile(rf'"{re.escape(head.wrapper)}"\s*:\s*\[', re.IGNORECASE).search(text, start)
    else:
        match = re.compile(r"[\s,]*\[").match(text, start) if start else re.compile(r"\[").search(text)
    return match.end() if match else None


def resumption(text: str, head: Head, start: int) -> int | None:
    """Finds where records go on behind the end of a list: in the next one, or at once, where that end was damage."""
    found = [at for at in (opening(text, head, start), next_record(text, head, start)) if at is not None]
    return min(found, default=None)


def next_record(text: str, head: Head, start: int) -> int | None:
    """Finds a record like the first behind `start`, by the two keys that it begins with."""
    keys = [re.escape(json.dumps(key, ensure_ascii=False)) for key in list(head.samples[0])[:2]] if head.samples else []
    if len(keys) < 2:
        return None
    simple = r'(?:"(?:[^"\\]|\\.)*"|[\w.+-]+)'
    match = re.compile(rf"\{{\s*{keys[0]}\s*:\s*{simple}\s*,\s*{keys[1]}\s*:").search(text, start)
    return match.start() if match else None


def inside(value: object, head: Head) -> list[object]:
    """Takes what is wrapped around records off one JSON value; returns the records."""
    if isinstance(value, ValueError) or (head.wrapper is None and not head.route):
        return [value]
    if head.route:
        return values_along(value, head.route)
    records = value.get(head.wrapper) if isinstance(value, Mapping) else None
    return records if isinstance(records, list) else [value]


def decoded(data: bytes) -> object:
    """Parses the JSON value of some bytes; returns a ValueError that says where they are not JSON."""
    try:
        return fit_json(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        return ValueError(f"is not UTF-8 at byte {error.start + 1}; JSON in UTF-8 was expected")
    except json.JSONDecodeError as error:
        return ValueError(
            f"is not JSON at line {error.lineno} column {error.colno} ({error.msg}); one JSON value was expected"
        )
    except RecursionError:
        return ValueError("is JSON nested too deeply to be a log record; a flat record was expected")


def dumped(value: object, otherwise: bytes) -> bytes:
    """Returns a record's own bytes; `otherwise` where it could not be parsed."""
    return otherwise if isinstance(value, ValueError) else json.dumps(value, ensure_ascii=False).encode()
