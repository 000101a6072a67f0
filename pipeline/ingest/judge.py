"""Records are judged one by one by the model, and lines of text a few thousand at a time by the reader of their log.

This is the slow way, for what DuckDB could not read at once: whatever a record or a line does, it costs itself alone.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pyarrow as pa
from pydantic import ValidationError

from pipeline.config.errors import Unreadable
from pipeline.ingest.formats.exchanges import is_resource_path
from pipeline.ingest.formats.portal import csv_of, portal_relation, respelled
from pipeline.ingest.formats.request_records import request_of, wrapped_request
from pipeline.ingest.formats.source import Source, reader, texts
from pipeline.ingest.isolation import faults_of, is_fault_of_data, what_failed
from pipeline.ingest.layout import Head
from pipeline.ingest.piece_context import PieceContext, Reject, cleaned, insert, is_none, suspicion
from pipeline.ingest.pieces import in_memory
from pipeline.ingest.records.wire import complaint
from pipeline.ingest.salvage import HELD, LONGEST, raw_lines, raw_records
from pipeline.ingest.wrappings import BEHIND
from pipeline.store.lake import Cursor

BIGGEST = 1 << 24
TOO_LONG = "is a record of {} MB; one of at most 32 MB was expected"
AT_ONCE = 5000
"Records that the model judges before they are staged."
LOG_LINE = 'client - user [05/Jan/2026:12:00:00 +0000] "GET /Users HTTP/1.1" 200 17 was expected'
NO_LINE = f"is no line of this log; {LOG_LINE}"
UNTIMED = "holds a request without a readable time; an instant in the line or beside it was expected"
PASSED_OVER = """
insert into temp.staged_exchanges by name
select $number::integer as number, true as passed_over, false as partial, false as counted from range($lines)
"""
"Lines of a request log that are no SCIM requests, and records of others of Entra's logs, which are only counted."


T = TypeVar("T")
Line = tuple[int, bytes]
"A line's number, and its bytes."
Accepted = tuple[int, bytes, Mapping[str, Any]]
"A record's line, its bytes, and what the model made of it."


def stage_by_model(cursor: Cursor, context: PieceContext) -> list[Reject]:
    """Stages every record of a piece by itself, for pieces that DuckDB cannot read or tell apart."""
    if context.head.layout == "text" and context.source.of_lines is not None:
        return stage_lines(cursor, context)
    return judge(cursor, context, raw_records(context.piece, context.head))


def judge(cursor: Cursor, context: PieceContext, records: Iterable[tuple[int, bytes, object]]) -> list[Reject]:
    """Stages the records that the model accepts, some thousands at a time, and returns the others as rejects."""
    rejects: list[Reject] = []
    for some in together(records, lambda record: len(record[1])):
        rejects += judge_some(cursor, context, some)
    return rejects


def together(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Gathers items: AT_ONCE of them, or as many as are LONGEST bytes together."""
    some: list[T] = []
    waiting = 0
    for item in items:
        some.append(item)
        waiting += size(item)
        if len(some) == AT_ONCE or waiting >= LONGEST:
            yield some
            some, waiting = [], 0
    if some:
        yield some


def judge_some(cursor: Cursor, context: PieceContext, records: Iterable[tuple[int, bytes, object]]) -> list[Reject]:
    """Stages the records that the model accepts and returns the others as rejects."""
    source, head = context.source, context.head
    good: list[Accepted] = []
    rejects: list[Reject] = []
    passed_over = 0
    for line, raw, value in records:
        verdict = verdict_on(source, head, raw, value)
        if isinstance(verdict, str):
            rejects.append(Reject(line, verdict, cleaned(raw)))
        elif verdict is None:
            passed_over += 1
        elif source.name == "portal" and isinstance(value, Mapping):
            good.append((line, raw, {**value, **respelled(head, verdict)}))
        else:
            good.append((line, raw, verdict))
    if passed_over:
        cursor.execute(PASSED_OVER, {"number": context.number, "lines": passed_over})
    return rejects + (recover(cursor, context, good) if good else [])


def too_long(raw: bytes) -> str:
    """Builds the reason for a record that is too long."""
    return TOO_LONG.format(f"more than {HELD >> 20}" if len(raw) + 16 >= HELD else len(raw) >> 20)


def verdict_on(source: Source, head: Head, raw: bytes, value: object) -> dict[str, object] | str | None:
    """Returns what `judged` says of a record, also where judging it fails."""
    if len(raw) > LONGEST:
        return too_long(raw)
    try:
        return judged(source, head, value)
    except RecursionError:
        return "is nested too deeply to be a log record; a flat record was expected"
    except Exception as error:
        if not is_fault_of_data(error):
            raise
        return f"cannot be read ({what_failed(error)}); a log record was expected"


def recover(cursor: Cursor, context: PieceContext, good: Sequence[Accepted]) -> list[Reject]:
    """Stages records that the model accepts, and returns those that DuckDB refuses even so."""

    def attempt(some: Sequence[Accepted]) -> None:
        with whole_rows(cursor, context, len(some)):
            stage_good(cursor, context, [record for _, _, record in some])

    rejects = []
    for (line, raw, _), error in faults_of(good, attempt):
        if isinstance(error, Unreadable) and error.full and len(raw) < BIGGEST:
            raise error
        reason = f"holds a value beyond all bounds ({what_failed(error)}); a log record was expected"
        rejects.append(Reject(line, reason, cleaned(raw)))
    return rejects


@contextmanager
def whole_rows(cursor: Cursor, context: PieceContext, expected: int) -> Iterator[None]:
    """Takes back what a block stages, and raises Unreadable, unless it is as many rows as expected and all are whole.

    DuckDB gives a row of nulls for a line that it cannot read.
    """
    table = f"temp.staged_{context.source.table}"
    [(before,)] = cursor.execute(f"select coalesce(max(rowid), -1) from {table}").fetchall()
    yield
    query = f"select count(*), count(*) filter ({is_none(context.source)}) from {table} where rowid > {before}"
    [(rows, broken)] = cursor.execute(query).fetchall()
    if rows != expected or broken:
        cursor.execute(f"delete from {table} where rowid > {before}")
        raise Unreadable("DuckDB reads no id, no instant or no such record in it")


def stage_lines(cursor: Cursor, context: PieceContext) -> list[Reject]:
    """Stages lines of text through the reader of their log, in ever fewer where some make it fail."""
    rejects: list[Reject] = []

    def attempt(some: Sequence[Line]) -> None:
        rejects.extend(stage_some_lines(cursor, context, some))

    for every in together(raw_lines(context.piece), lambda line: len(line[1])):
        some = [line for line in every if len(line[1]) <= LONGEST]
        rejects += [Reject(number, too_long(raw), cleaned(raw)) for number, raw in every if len(raw) > LONGEST]
        for (number, raw), error in faults_of(some, attempt):
            rejects.append(Reject(number, f"cannot be read ({what_failed(error)}); {LOG_LINE}", cleaned(raw)))
    return sorted(rejects, key=lambda reject: reject.line)


def stage_some_lines(cursor: Cursor, context: PieceContext, some: Sequence[Line]) -> list[Reject]:
    """Stages lines of text; returns those as rejects that are none of their log."""
    source, table = context.source, f"temp.staged_{context.source.table}"
    assert source.of_lines is not None
    name = f"arriving_lines_{context.number}"
    cursor.register(name, pa.table({"line": [raw.decode("utf-8", "replace") for _, raw in some]}))
    [(before,)] = cursor.execute(f"select coalesce(max(rowid), -1) from {table}").fetchall()
    lines = source.of_lines(f"select {context.number} as number, line from {name}", context.head)
    insert(cursor, context, lambda: lines, context.size)
    query = f"select rowid - {before} - 1 from {table} where rowid > {before} and {suspicion(source)}"
    unread = [place for (place,) in cursor.execute(query).fetchall()]
    if unread:
        listed = ", ".join(str(before + 1 + place) for place in unread)
        cursor.execute(f"delete from {table} where rowid in ({listed})")
    return [Reject(some[place][0], NO_LINE, cleaned(some[place][1])) for place in unread]


def stage_good(cursor: Cursor, context: PieceContext, good: Sequence[Mapping[str, Any]]) -> None:
    """Stages records that the model made; a portal download's rows once more as the CSV that they were."""
    source, head = context.source, context.head
    if source.name == "portal":
        with in_memory(csv_of(head.header, head.delimiter, good)) as file:
            rows = portal_relation(context.number, (file, head), context.steps, context.changes)
            insert(cursor, context, lambda: rows, context.size)
        return
    lines = [json.dumps(verdict).encode() for verdict in good]
    with in_memory(b"\n".join(lines) + b"\n") as file:
        longest = max(map(len, lines)) + 1024
        if source.of_lines is not None:
            listed = texts(line.decode() for line in lines)
            records = f"select {context.number} as number, unnest({listed}) as line"
            rows = source.of_lines(records, Head("lines"))
            insert(cursor, context, lambda: rows, context.size)
            return
        records = reader(source, {file: context.number}, Head("lines"), max(BIGGEST, longest))
        rows = source.relation(records)
        insert(cursor, context, lambda: rows, context.size)


def judged(source: Source, head: Head, value: object) -> dict[str, object] | str | None:
    """Returns a record under the model's own names, the sentence that says what is wrong with it, or None for what is
    no SCIM request, or of another of Entra's logs.
    """
    if head.layout == "text":
        return NO_LINE
    if isinstance(value, ValueError):
        return str(value)
    if source.passes_over(value) or (isinstance(value, str) and head.route[:1] == (BEHIND,)):
        return None
    if source.of_lines is not None and isinstance(value, Mapping):
        request = request_of(value)
        path = wrapped_request(value) if request is None else str(request["path"])
        if path is None or not is_resource_path(path):
            return None
        if request is None:
            return UNTIMED
        value = request
    try:
        return source.record.model_validate(source.renamed(head, value), context=head.date_order).model_dump()
    except ValidationError as error:
        return complaint(error)
