"""What a file is laid out as, by its beginning, which is all that a source may recognise it by.

Nothing here knows what a record means.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from pipeline.ingest.characters import fit_json, fit_value, may_be_unfit
from pipeline.ingest.preamble import preamble_of
from pipeline.ingest.records.instants import DateOrder

Layout = Literal["lines", "array", "document", "csv", "text"]
WRAPPERS = ("value", "records", "entries")
"Keys under which a page or batch holds its records."
LOOK = 1 << 20
LOOK_AT_MOST = 1 << 26
BOM = b"\xef\xbb\xbf"
EMPTY = re.compile(r'\s*(\[\s*\]|\{\s*("@odata\.[^"]*"\s*:\s*"[^"]*"\s*,\s*)*"(value|records)"\s*:\s*\[\s*\]\s*\})?\s*')
OPENING = re.compile(rf'"({"|".join((*WRAPPERS, "rows"))})"\s*:\s*\[')
"Where a page's or a table's records begin."
BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
BETWEEN = re.compile(r"[\s,]*")
ALIGNED = re.compile(r"\s*(?:[^\n|]*[=#>] [^\n|]*\n)?\s*(?:\+[-+=]+\+\s*\n)?(?=[^\n]*\|[^\n]*\n\s*[|+:-][-+|: ]+\r?\n)")
"What stands before the header of a table whose second line is a rule: a prompt, or a border."
TUPLES = re.compile(r"\s*\[\s*\[(?=\s*(?:\d[\d.]{8,}|\[\s*\d[\d.]{8,}\s*,\s*\{)\s*[,}])")
"How an array of Fluent Bit's lists of an instant and a record begins."
ARRAY = re.compile(
    r'\s*\[\s*(?:[{"\]\x00\ufffd]|\[(?!\d[\d.]{8,}\s*,\s*\{)|(?:(?!\d[\d.]{8,}\s*,\s*\{)-?\d+(?:\.\d+)?|null|true|false)\s*,|$)'
)
"How an array of records begins; lines of text may begin with a bracket, too."
TRIES = 500
"Places at which an object is looked for in a list that is broken."
NAME = re.compile(r"^[\w .()\[\]/$@-]*[A-Za-z][\w .()\[\]/$@-]*$")
PLAIN_NAME = re.compile(r"[@\w.]+")
DELIMITERS = (",", ";", "\t", "|")
"What separates the cells of a CSV; the first of them that gives the most columns."
ROWS = 50
"Rows of a CSV by which it is recognised."


SCIM_RESOURCE = re.compile(rb"/(?:Users|Groups|Bulk|Schemas|ResourceTypes|ServiceProviderConfig)\b")
SCIM_LINES = 40
LONGEST_LINE = 1 << 16


class Content(Protocol):
    """Something whose uncompressed content can be read from its beginning."""

    def beginning(self, amount: int) -> bytes:
        """Returns the first `amount` bytes, or as many as there are."""

    def blocks_until_break(self) -> Iterator[bytes]:
        """Yields the content, of what breaks off as far as it goes."""


@dataclass(frozen=True, eq=False)
class Head:
    """The first records of a file and how they are laid out; none equals another, so that answers about it keep."""

    layout: Layout
    samples: list[Mapping[str, Any]] = field(default_factory=list)
    "The first records, wrappers taken off."
    wrapper: str | None = None
    "The key that holds the records, if they are wrapped."
    route: tuple[Any, ...] = ()
    "The steps that lead to the records, where more stands around them; see wrappings.py."
    header: tuple[str, ...] = ()
    "The column names of a CSV."
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    "The first rows of a CSV."
    delimiter: str = ","
    "What stands between the cells of a CSV."
    is_aligned: bool = False
    "Whether its cells have spaces around them, as psql, mysql and Markdown write a table."
    lines: tuple[str, ...] = ()
    "The first lines of a text file."
    tuples: list[Any] = field(default_factory=list)
    "The first values of an array that are lists."
    date_order: DateOrder = ""
    "Whether the day or the month comes first in its dates of numbers; see date_order.py."
    preamble: int = 0
    "Bytes of content before the records that are none of theirs; see preamble.py."
    empty: bool = False
    "Whether there is nothing in it: blanks, an empty array, an empty page."

    @property
    def by_lines(self) -> bool:
        """Whether each line is a record of its own, so that it can be read in part."""
        return self.layout in ("lines", "text")

    @property
    def first(self) -> list[Mapping[str, Any]]:
        """As many records as it takes to see how keys are spelled."""
        return self.samples[:40]

    def has(self, *keys: str) -> bool:
        """Whether some one record has all these keys, whatever their case."""
        wanted = {key.casefold() for key in keys}
        return any(wanted <= {str(key).casefold() for key in sample} for sample in self.samples)

    def inner(self, key: str) -> "Head":
        """The objects that the records hold under a key, as a head of their own."""
        values = [
            value for sample in self.samples for name, value in sample.items() if name.casefold() == key.casefold()
        ]
        return Head(self.layout, [value for value in values if isinstance(value, Mapping)])


def look(content: Content) -> Head:
    """Recognises a layout from as much of the beginning as the first record needs."""
    amount = LOOK
    while True:
        data = content.beginning(amount)
        head = head_of(data, cut=len(data) >= amount)
        if head.samples or head.header or head.lines or head.empty or len(data) < amount:
            return head
        if amount >= LOOK_AT_MOST:
            return head if b"\n" in data else look_behind_first_line(content)
        amount *= 8


def look_as_text(content: Content) -> Head:
    """Returns the first lines as those of a log, whatever JSON a service writes between them."""
    text = content.beginning(LOOK).removeprefix(BOM).decode("utf-8", "replace")
    return Head("text", lines=tuple(line.strip() for line in text.split("\n")[:200] if line.strip()))


def look_deeper(content: Content, head: Head) -> Head:
    """Returns a head of lines with those further behind that name a SCIM resource, which may be one of thousands."""
    found = scim_lines(content)
    records = [value for line in found if (value := json_object(line))]
    if head.layout == "lines" and records:
        return replace(head, samples=[*records, *head.samples])
    return Head("text", lines=(*head.lines, *found)) if head.layout == "text" and found else head


def scim_lines(content: Content) -> list[str]:
    """Finds the first lines that name a SCIM resource."""
    found, rest, seen = list[str](), b"", 0
    for block in content.blocks_until_break():
        text, _, after = (rest + block).rpartition(b"\n")
        for match in SCIM_RESOURCE.finditer(text):
            begin, end = text.rfind(b"\n", 0, match.start()) + 1, text.find(b"\n", match.end())
            line = text[begin : end if end >= 0 else len(text)].decode("utf-8", "replace").strip()
            if len(line) < LONGEST_LINE and line not in found[-1:]:
                found.append(line)
            if len(found) >= SCIM_LINES:
                return found
        rest, seen = after[-LOOK:], seen + len(block)
        if seen > LOOK_AT_MOST:
            break
    return found


def look_behind_first_line(content: Content) -> Head:
    """Recognises the layout of a file whose first line is longer than any record."""
    data, behind = b"", False
    for block in content.blocks_until_break():
        start = 0 if behind else block.find(b"\n") + 1
        behind = behind or start > 0
        data += block[start:] if behind else b""
        if len(data) >= LOOK:
            break
    return head_of(data, cut=len(data) >= LOOK)


def head_of(data: bytes, cut: bool) -> Head:
    """Recognises the layout of a file that begins with `data`; `cut` when there is more of it."""
    if data[257:262] == b"ustar":
        # An archive whose members are logs has whole lines of them in it.
        return Head("text", lines=("\0",))
    content = data.removeprefix(BOM)
    text = content.decode("utf-8", "replace")
    if preamble := preamble_of(text):
        skipped = len(data) - len(content) + preamble
        inner = head_of(data[skipped:], cut)
        return replace(inner, preamble=skipped + inner.preamble)
    begins = text.lstrip()[:1]
    if not cut and EMPTY.fullmatch(text):
        return Head("document", empty=True)
    lines = [line.strip() for line in (text.split("\n")[:-1] if cut else text.split("\n")) if line.strip()]
    if is_array(text):
        begin = text.index("[") + 1
        if TUPLES.match(text):
            return Head("array", tuples=[value for value, _ in elements(text, begin)])
        return unwrapped(Head("array", objects(elements(text, begin)) or whole_objects(text, begin)))
    records = [value for line in lines[:200] if (value := json_object(line))]
    if records and (3 * len(records) >= min(len(lines), 200) or json_object(lines[0])):
        return unwrapped(Head("lines", records))
    if begins == "{":
        return document(text, cut)
    return table(text, lines) or Head("text", lines=tuple(lines[:200]))


def is_array(text: str) -> bool:
    """Whether a text begins with an array of records; one of lists, of an instant and a record each, is one too.

    >>> is_array('[[1776151269.3, {"a": 1}], [1776151270.1, {"a": 2}]]'), is_array('[[1776151269.3, {}], {"a": 1}]')
    (True, False)
    """
    if not TUPLES.match(text):
        return ARRAY.match(text) is not None
    first = next(elements(text, text.index("[") + 1, most=1), None)
    return (
        first is not None
        and isinstance(first[0], list)
        and re.match(r"\s*(?:,\s*\[|\]\s*$)", text[first[1] :]) is not None
    )


def aligned_table(text: str) -> Head | None:
    """Builds the head of a table whose cells are aligned; None for text that is none."""
    match = ALIGNED.match(text)
    if match is None:
        return None
    lines = text[match.end() :].split("\n")[: ROWS + 2]
    header, *rows = ([cell.strip() for cell in line.strip("\r").split("|")] for line in lines)
    if len(header) < 2 or not all(PLAIN_NAME.fullmatch(cell) for cell in header if cell):
        return None
    found: list[Mapping[str, Any]] = [
        dict(zip(header, row, strict=False)) for row in rows[1:] if len(row) == len(header)
    ]
    begin = len(match[0].encode("utf-8", "replace"))
    return Head("csv", header=tuple(header), rows=found, delimiter="|", preamble=begin, is_aligned=True)


def table(text: str, lines: list[str]) -> Head | None:
    """Builds the head of a CSV, with whatever its cells are separated by; None for text that is none."""
    if (aligned := aligned_table(text)) is not None:
        return aligned
    delimiter, header = max(((sign, cells_of(lines[:1], sign)) for sign in DELIMITERS), key=lambda one: len(one[1]))
    if delimiter == "|" and (len(header) < 4 or not all(PLAIN_NAME.fullmatch(cell) for cell in header)):
        return None
    if (len(header) > 2 and all(NAME.match(cell) for cell in header)) or (len(header) == 2 and are_plain(header)):
        begin = len(text) - len(text.lstrip("\r\n"))
        rows = first_rows(text[begin:], delimiter)
        return Head("csv", header=tuple(header), rows=rows, delimiter=delimiter, preamble=begin)
    return None


def are_plain(header: list[str]) -> bool:
    """Whether two words are the columns of a table, and no line of text."""
    return all(PLAIN_NAME.fullmatch(cell) for cell in header) and any(cell[:1] in "@_" for cell in header)


def cells_of(lines: list[str], delimiter: str) -> list[str]:
    """Reads the first line as a CSV's; a cell that is longer than the csv module takes is no column's name."""
    try:
        return next(csv.reader(lines, delimiter=delimiter), [])
    except csv.Error:
        return []


def first_rows(text: str, delimiter: str) -> list[Mapping[str, Any]]:
    """Reads the first rows of a CSV, up to one that is broken."""
    rows: list[Mapping[str, Any]] = []
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append({key: value for key, value in row.items() if isinstance(key, str)})
            if len(rows) >= ROWS:
                break
    except csv.Error:
        return rows
    return rows


def json_object(line: str) -> Mapping[str, Any] | None:
    """Parses a line's JSON object; None for anything else."""
    try:
        value = fit_json(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) and value else None


def ends_with_object(data: bytes | bytearray) -> bool:
    """Whether the last line, which nothing ends, is a complete JSON object all the same."""
    last = data[data.rfind(b"\n") + 1 :].removeprefix(BOM).strip()
    return bool(last) and last[:1] == b"{" and json_object(last.decode("utf-8", "replace")) is not None


def document(text: str, cut: bool) -> Head:
    """Builds the head of a pretty-printed document: an object, several after each other, or a page of records."""
    opening = OPENING.search(text)
    whole = objects(elements(text, 0))
    if not whole and (cut or opening):
        whole = objects(elements(closed(text), 0))
    if not whole and opening and opening[1] in WRAPPERS and (records := whole_objects(text, opening.end())):
        return Head("document", records, wrapper=opening[1])
    return unwrapped(Head("document", whole)) if whole else Head("document")


def closed(text: str) -> str:
    """Closes a document that is cut off, behind the last element of a list that is whole.

    >>> closed('{"value": [{"id": 1}, {"id": 2, "name": "A')
    '{"value": [{"id": 1}]}'
    """
    end = max((place for place, sign, due in brackets(text) if sign in "}]" and due[-1:] == ["]"]), default=0)
    due: list[str] = []
    for bracket in brackets(text[:end]):
        due = bracket[2]
    return text[:end] + "".join(reversed(due))


def brackets(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yields where each bracket of JSON ends, the bracket, and those that close what is still open, up to damage."""
    due: list[str] = []
    for match in BRACKET.finditer(text):
        sign = match[0]
        if sign in "{[":
            due.append("}" if sign == "{" else "]")
        elif sign not in "}]":
            continue
        elif not due or due.pop() != sign:
            return
        yield match.end(), sign, due


def objects(values: Iterable[tuple[object, int]]) -> list[Mapping[str, Any]]:
    """Picks the JSON objects among values."""
    return [value for value, _ in values if isinstance(value, Mapping)]


def elements(text: str, start: int, most: int = 50) -> Iterator[tuple[object, int]]:
    """Yields the values that follow each other from `start`, and where each ends, until something breaks."""
    decoder, unfit = json.JSONDecoder(), may_be_unfit(text, start)
    for _ in range(most):
        begin = BETWEEN.match(text, start)
        assert begin is not None
        try:
            value, start = decoder.raw_decode(text, begin.end())
            value = fit_value(value) if unfit else value
        except (ValueError, RecursionError):
            return
        yield value, start


def whole_objects(text: str, start: int) -> list[Mapping[str, Any]]:
    """Picks the objects behind `start` that are whole, in a list that is broken; the longest first.

    Those are records; shorter ones may stand inside a broken record.
    """
    decoder, found, at = json.JSONDecoder(), list[tuple[int, Mapping[str, Any]]](), start
    for _ in range(TRIES):
        at = text.find("{", at)
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if value:
            found.append((end - at, fit_value(value)))
        at = end
    return [value for _, value in sorted(found, key=lambda one: -one[0])[:50]]


def unwrapped(head: Head) -> Head:
    """Takes pages and batches off the samples."""
    for key in WRAPPERS:
        pages = [sample[key] for sample in head.samples if isinstance(sample.get(key), list)]
        inner = [record for page in pages for record in page if isinstance(record, Mapping)]
        if pages and (inner or len(pages) == len(head.samples)):
            return replace(head, samples=inner[:200], wrapper=key)
    return head
