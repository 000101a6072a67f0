"""The heads of files of lines that a run has read, so that the next file alike is recognised by four of its lines.

Looking at a file parses up to 200 records and finds out how each of their members is spelled, which takes longer than
loading an hour's blob does.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from pipeline.ingest.date_order import ANY_DATE, date_order
from pipeline.ingest.formats import recognise
from pipeline.ingest.formats.request_shapes import Name, members
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import BOM, Head, look, look_as_text, look_deeper
from pipeline.ingest.opened_file import Opened
from pipeline.ingest.records.wire import Spelling
from pipeline.ingest.wrappings import routed

REMEMBERED = 4
"Kinds of files that a run may meet in turn; each keeps 200 records in memory."


class Heads:
    """The heads that were looked at last, the newest first."""

    def __init__(self, order: str = "") -> None:
        self._order = order
        self._known: list[tuple[Head, Source, Form]] = []

    def head_of(self, opened: Opened) -> Head:
        """Returns the head of a file read before where this one's lines are like it, else this file's own."""
        head = self._undated_head_of(opened)
        order = date_order(head, opened, self._order, lambda: opened.modified_at)
        return replace(head, date_order=order) if order else head

    def _undated_head_of(self, opened: Opened) -> Head:
        """Returns the head of a file without the order of its dates."""
        records = sampled(opened)
        for head, source, form in self._known if records else ():
            if all(has_form(record, source, form) for record in records):
                return head
        own = routed(look(opened), recognise)
        if own.by_lines and own.wrapper is None and not own.route and recognise(own) is None:
            deeper = look_deeper(opened, own)
            own = deeper if recognise(deeper) is not None else own
        if own.layout != "lines" or own.wrapper is not None or own.route or own.preamble:
            return own
        if (found := recognise(own)) is None:
            text = look_as_text(opened)
            return text if recognise(text) is not None else own
        self._known = [(own, found, form_of(found, own)), *self._known[: REMEMBERED - 1]]
        return own


Form = Spelling | frozenset[Name]
"How members are spelled; of requests, which are read by whatever members there are, the members themselves."


def form_of(source: Source, head: Head) -> Form:
    """Returns what a record must have to be read as the first ones of a file are."""
    if source.of_lines is None:
        return Spelling.of(source.record, head.first)
    return frozenset(name for record in head.samples for name in names_in(record))


def has_form(record: Mapping[str, object], source: Source, form: Form) -> bool:
    """Whether a record belongs to a source, and none of its members is spelled in another way."""
    if recognise(Head("lines", [record])) is not source:
        return False
    return names_in(record) <= form if isinstance(form, frozenset) else form.suits(record)


def names_in(record: Mapping[str, object]) -> set[Name]:
    """Lists the members of a record and of the objects in it, as they are spelled."""
    return {name for name, _ in members(record).values()}


def sampled(opened: Opened) -> list[Mapping[str, object]]:
    """Parses the first two and the last lines of what was read of both ends.

    Nothing where one is no JSON object, or has a date whose order is a matter of the file.
    """
    if opened.is_converted:
        return []
    begin = opened.first.removeprefix(BOM).split(b"\n")[:-1]
    end = opened.last.rstrip(b"\r\n").rpartition(b"\n")[2]
    lines = (*begin[:2], *begin[-1:], end)
    if any(ANY_DATE.search(line) for line in lines):
        return []
    try:
        records = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return []
    return records if begin and all(isinstance(record, dict) and record for record in records) else []
