"""A piece of a file becomes rows of a temporary table: fast in DuckDB, and one by one only where DuckDB was in doubt.

1. DuckDB reads the piece with the record's types; a record it cannot read is a row without id or instant.
2. Such rows are suspects. DuckDB 1.5 also spoils the good line behind a truncated one, so each suspect is read again,
   from its bytes, by the record's model, and is either recovered or becomes a reject with its reason.
3. A piece that DuckDB refuses as a whole, or whose records it does not tell apart, goes through the model entirely.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from pipeline.config.errors import Unreadable
from pipeline.config.secrets import without_secrets
from pipeline.ingest.formats.events import event_rows
from pipeline.ingest.formats.exchanges import exchange_rows, is_resource_path
from pipeline.ingest.formats.jobs import job_rows
from pipeline.ingest.formats.portal import csv_of, portal_relation, respelled
from pipeline.ingest.formats.request_shapes import request_of
from pipeline.ingest.formats.source import Source, csv_reader, json_texts, reader, texts, unwrapped_lines
from pipeline.ingest.layout import BOM, Head
from pipeline.ingest.pieces import Piece, in_memory
from pipeline.ingest.records.wire import Spelling, complaint
from pipeline.ingest.salvage import decoded, raw_lines, raw_records
from pipeline.ingest.wrappings import as_lines
from pipeline.store.lake import Cursor, stage

BIGGEST = 1 << 24
LONGEST = 1 << 25
"No record of any log is as long; DuckDB needs some fifteen times as much memory to store one."
TOO_LONG = "is a record of {} MB; one of at most 32 MB was expected"
AT_ONCE = 5000
"Records that the model judges before they are staged."
BEYOND = "occurred_at < timestamp '1970-01-01' or occurred_at >= timestamp '2100-01-01'"
"Instants that no log means, such as sentinels; the store's order of events holds until 2106."
MUST = {
    "events": f"event_id is null or occurred_at is null or status is null or {BEYOND}",
    "exchanges": f"not passed_over and (exchange_id is null or occurred_at is null or {BEYOND})",
    "job_snapshots": "job_id is null",
}
"What makes a staged row a suspect."
SPELLED = ("graph", "diagnostic")
"Sources whose records may spell their members in two ways; a row without its source's id was read in the wrong one."
LOG_LINE = 'client - user [05/Jan/2026:12:00:00 +0000] "GET /Users HTTP/1.1" 200 17'
LINES = """
select {number} as number, line
from (
    select
        case
            when line >= '!' and line < chr(65279) and not (ends_with(line, ' ') or ends_with(line, e'\\t')
                or ends_with(line, e'\\r') or ends_with(line, chr(11)) or ends_with(line, chr(12))) then line
            else regexp_replace(trim(line, e' \\t\\r' || chr(11) || chr(12)), '^\\x{{feff}}', '')
        end as line
    from (select unnest(string_split(content, e'\\n')) as line from arriving_text)
)
where line <> ''
"""
"""The very lines that `raw_lines` yields, since those are known by their ordinals. Trimming takes longer than
splitting, so that only lines are trimmed that have something to trim."""
PASSED_OVER = """
insert into temp.staged_exchanges by name
select $number::integer as number, true as passed_over, false as partial, false as counted from range($lines)
"""
"Lines of a request log that are no SCIM requests, which are only counted."
BLOCK = 1 << 16
"Bytes of text that SQL splits at once: what splitting costs grows with the square of it."


Accepted = tuple[int, bytes, Mapping[str, Any]]
"A record's line, its bytes, and what the model made of it."


@dataclass(frozen=True)
class PieceContext:
    """A piece, and what is to be known of its file beside its content."""

    source: Source
    head: Head
    piece: Piece
    written_at: str = ""
    "When the file was last written, UTC, for documents that hold no instant."
    steps: tuple[str, Head] | None = None
    changes: tuple[str, Head] | None = None
    "The two files beside a portal download's main file."
    number: int = 0
    "Which piece of the transaction it is."


@dataclass(frozen=True)
class Reject:
    """A record that no model could read."""

    line: int
    "Its line in the piece, or its place where a document has no lines."
    reason: str
    raw: bytes
    "What was read, secrets removed, cut to 64 KB."


def stage_pieces(cursor: Cursor, contexts: Sequence[PieceContext]) -> list[list[Reject]]:
    """Adds the rows of pieces alike to the staging table of their source; returns each one's rejects, in order.

    A document cut short never goes to DuckDB: beside other files, 1.5 may read an earlier one's bytes behind its end.
    """
    first = contexts[0]
    if first.head.route:
        return [stage_as_lines(cursor, one) for one in contexts]
    whole = all(is_closed(one) for one in contexts)
    if whole:
        try:
            insert(cursor, first, relation(cursor, contexts))
        except Unreadable:
            whole = False
    if whole:
        suspects = suspect_rows(cursor, contexts)
        wider = first.source.wider(first.head) if suspects else None
        if wider is not None:
            for one in contexts:
                unstage(cursor, one)
            return stage_pieces(cursor, [replace(one, head=wider) for one in contexts])
        return [restage(cursor, one, suspects[one.number]) if one.number in suspects else [] for one in contexts]
    if len(contexts) > 1:
        return [rejects for one in contexts for rejects in stage_pieces(cursor, [one])]
    return [stage_by_model(cursor, first)]


def is_closed(context: PieceContext) -> bool:
    """Whether a document ends as one does; lines need not."""
    if context.head.layout not in ("array", "document"):
        return True
    return context.piece.tail.rstrip()[-1:] in (b"]", b"}")


def stage_as_lines(cursor: Cursor, context: PieceContext) -> list[Reject]:
    """Stages a piece whose records are wrapped or laid out as a document by way of lines, which DuckDB makes of it."""
    head = context.head
    if is_closed(context):
        try:
            with as_lines(cursor, context.piece, head) as lines:
                flat = replace(context, piece=lines, head=Head("lines", head.samples))
                [rejects] = stage_pieces(cursor, [flat])
            if not rejects or head.layout != "lines":
                return rejects
            unstage(cursor, context)
        except Unreadable:
            unstage(cursor, context)
    return stage_by_model(cursor, context)


@dataclass(frozen=True)
class Suspects:
    """The rows of a piece that DuckDB could not read, or not all of."""

    bad: frozenset[int]
    "Which of its records could not be read, from 0."
    lost: frozenset[int]
    "Which lack something that the record may have in another spelling."
    first: int
    "The row of its first record."
    rows: int
    "How many rows DuckDB read of the piece."


def restage(cursor: Cursor, context: PieceContext, suspects: Suspects) -> list[Reject]:
    """Reads the suspects of a piece again, or all of it where its records cannot be told apart."""
    source, head = context.source, context.head
    if head.layout in ("array", "document") or head.wrapper is not None:
        unstage(cursor, context)
        return stage_as_lines(cursor, context)
    counted = Counted(records_at(context.piece, head, suspects.bad | suspects.lost))
    spelling = Spelling.of(source.record, head.first) if source.table == "events" else None
    wanted: list[tuple[int, tuple[int, bytes, object]]] = [
        (place, record)
        for place, record in counted
        if place in suspects.bad or not is_read(source, spelling, record[2])
    ]
    if counted.count != suspects.rows:
        unstage(cursor, context)
        return stage_by_model(cursor, context)
    if wanted:
        rows = ", ".join(str(suspects.first + place) for place, _ in wanted)
        cursor.execute(f"delete from temp.staged_{source.table} where rowid in ({rows})")
    return judge(cursor, context, (record for _, record in wanted))


def is_read(source: Source, spelling: Spelling | None, value: object) -> bool:
    """Whether a record that seems to lack something was read as it is: it spells nothing in another way."""
    return spelling is not None and source.name in SPELLED and isinstance(value, Mapping) and spelling.suits(value)


def unstage(cursor: Cursor, context: PieceContext) -> None:
    """Takes back a piece's staged rows."""
    cursor.execute(f"delete from temp.staged_{context.source.table} where number = {context.number}")


def suspect_rows(cursor: Cursor, contexts: Sequence[PieceContext]) -> dict[int, Suspects]:
    """Finds the suspects of each piece that has any."""
    numbers = ", ".join(str(one.number) for one in contexts)
    source = contexts[0].source
    table = f"temp.staged_{source.table}"
    bad, lost = suspicion(source), "false" if source.table == "exchanges" else "lost"
    query = f"""
        select s.number, list(s.rowid - f.first) filter ({bad}), list(s.rowid - f.first) filter (not ({bad})),
            any_value(f.first), any_value(f.rows)
        from {table} s
        join (
            select number, min(rowid) as first, count(*) as rows
            from {table} where number in ({numbers}) group by number
        ) f on f.number = s.number
        where {bad} or {lost}
        group by s.number
    """
    return {
        int(number): Suspects(frozenset(bad or ()), frozenset(lost or ()), int(first), int(rows))
        for number, bad, lost, first, rows in cursor.execute(query).fetchall()
    }


def suspicion(source: Source) -> str:
    """Builds the condition that a staged row could not be read; never null."""
    return f"coalesce({MUST[source.table]}" + (" or source_id is null" if source.name in SPELLED else "") + ", false)"


def stage_by_model(cursor: Cursor, context: PieceContext) -> list[Reject]:
    """Stages every record of a piece through the model, for pieces that DuckDB cannot read or tell apart."""
    return judge(cursor, context, raw_records(context.piece, context.head))


class Counted:
    """The records that are wanted, with their places, of all that are counted as they pass."""

    def __init__(self, records: Iterator[tuple[int, bytes, object] | None]) -> None:
        self.records = records
        self.count = 0

    def __iter__(self) -> Iterator[tuple[int, tuple[int, bytes, object]]]:
        for record in self.records:
            if record is not None:
                yield self.count, record
            self.count += 1


def records_at(piece: Piece, head: Head, places: frozenset[int]) -> Iterator[tuple[int, bytes, object] | None]:
    """Yields the records of a piece of lines or rows that stand at some places, None for every other."""
    if head.layout in ("lines", "text"):
        for place, (number, line) in enumerate(raw_lines(piece)):
            yield (number, line, decoded(line)) if place in places else None
    else:
        for place, record in enumerate(raw_records(piece, head)):
            yield record if place in places else None


def judge(cursor: Cursor, context: PieceContext, records: Iterable[tuple[int, bytes, object]]) -> list[Reject]:
    """Stages the records that the model accepts, some thousands at a time, and returns the others as rejects."""
    rejects: list[Reject] = []
    waiting = iter(records)
    while some := list(islice(waiting, AT_ONCE)):
        rejects += judge_some(cursor, context, some)
    return rejects


def judge_some(cursor: Cursor, context: PieceContext, records: Iterable[tuple[int, bytes, object]]) -> list[Reject]:
    """Stages the records that the model accepts and returns the others as rejects."""
    source, head = context.source, context.head
    good: list[Accepted] = []
    rejects: list[Reject] = []
    passed_over = 0
    for line, raw, value in records:
        verdict = judged(source, head, value) if len(raw) <= LONGEST else TOO_LONG.format(len(raw) >> 20)
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


def recover(cursor: Cursor, context: PieceContext, good: Sequence[Accepted]) -> list[Reject]:
    """Stages records that the model accepts, and returns those that DuckDB refuses even so."""
    try:
        stage_good(cursor, context, [record for _, _, record in good])
        return []
    except Unreadable as error:
        if len(good) == 1:
            line, raw, _ = good[0]
            if error.full and len(raw) < BIGGEST:
                raise
            seen = str(error).partition("\n")[0][:200]
            return [Reject(line, f"holds a value beyond all bounds ({seen}); a log record was expected", cleaned(raw))]
    half = len(good) // 2
    return recover(cursor, context, good[:half]) + recover(cursor, context, good[half:])


def stage_good(cursor: Cursor, context: PieceContext, good: Sequence[Mapping[str, Any]]) -> None:
    """Stages records that the model made; a portal download's rows once more as the CSV that they were."""
    source, head = context.source, context.head
    if source.name == "portal":
        with in_memory(csv_of(head.header, good)) as file:
            insert(cursor, context, portal_relation(context.number, (file, head), context.steps, context.changes))
        return
    lines = [json.dumps(verdict).encode() for verdict in good]
    with in_memory(b"\n".join(lines) + b"\n") as file:
        longest = max(map(len, lines)) + 1024
        if source.of_lines is not None:
            listed = texts(line.decode() for line in lines)
            records = f"select {context.number} as number, unnest({listed}) as line"
            insert(cursor, context, source.of_lines(records, Head("lines")))
            return
        records = reader(source, {file: context.number}, Head("lines"), max(BIGGEST, longest))
        insert(cursor, context, source.relation(records))


def judged(source: Source, head: Head, value: object) -> dict[str, object] | str | None:
    """Returns a record under the model's own names, the sentence that says what is wrong with it, or None for what is
    no SCIM request.
    """
    if head.layout == "text":
        return f"is no line of this log; {LOG_LINE} was expected"
    if isinstance(value, ValueError):
        return str(value)
    if source.of_lines is not None and isinstance(value, Mapping):
        value = request_of(value)
        if value is None or not is_resource_path(str(value["path"])):
            return None
    try:
        return source.record.model_validate(source.renamed(head, value)).model_dump()
    except ValidationError as error:
        return complaint(error)


def cleaned(raw: bytes) -> bytes:
    """Returns a reject's bytes as they may be kept: cut to 64 KB, secrets removed; bytes that are not text survive."""
    return without_secrets(raw[:65536].decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def relation(cursor: Cursor, contexts: Sequence[PieceContext]) -> str:
    """Builds SQL for what pieces hold, in their source's terms; only JSON is read several pieces at a time."""
    first = contexts[0]
    source, head, piece = first.source, first.head, first.piece
    if source.of_lines is not None:
        return source.of_lines(lines_of(cursor, contexts), head)
    if source.name == "portal":
        return portal_relation(first.number, (piece.file, head), first.steps, first.changes)
    if head.layout == "csv":
        return source.relation(csv_reader(source, piece.file, head, first.number))
    # DuckDB makes a buffer of twice the biggest record for each file, which takes longer than reading a small one.
    biggest = max(one.piece.size for one in contexts) + 1024
    if head.layout == "lines":
        biggest = min(BIGGEST, biggest)
    return source.relation(reader(source, {one.piece.file: one.number for one in contexts}, head, biggest))


def lines_of(cursor: Cursor, contexts: Sequence[PieceContext]) -> str:
    """Builds SQL for the lines of pieces that are read as text, or for the records of JSON documents as such lines."""
    head = contexts[0].head
    if not head.by_lines:
        biggest = max(one.piece.size for one in contexts) + 1024
        return json_texts({one.piece.file: one.number for one in contexts}, head, biggest)
    parts = []
    for one in contexts:
        name = f"arriving_text_{one.number}"
        cursor.register(name, text_reader(one.piece))
        parts.append(LINES.format(number=one.number).replace("arriving_text", name))
    return unwrapped_lines(" union all ".join(parts), head)


def text_reader(piece: Piece) -> pa.RecordBatchReader:
    """Provides a piece of text to DuckDB, a block of whole lines a row; what is not UTF-8 in it is replaced."""
    schema = pa.schema([("content", pa.string())])
    return pa.RecordBatchReader.from_batches(
        schema, (pa.record_batch([[text_of(block)]], schema) for block in text_blocks(piece))
    )


def text_of(block: bytes) -> str:
    """Decodes whole lines, without the carriage returns at their ends."""
    return block.replace(b"\r\n", b"\n").decode("utf-8", "replace")


def text_blocks(piece: Piece) -> Iterator[bytes]:
    """Yields a piece of text in blocks of whole lines, each of about BLOCK bytes or one longer line."""
    with open(piece.file, "rb") as stream:
        waiting = [stream.read(BLOCK).removeprefix(BOM)]
        while block := stream.read(BLOCK):
            if end := block.rfind(b"\n") + 1:
                yield b"".join((*waiting, block[:end]))
                waiting = []
            waiting.append(block[end:])
        yield b"".join(waiting)


def insert(cursor: Cursor, context: PieceContext, relation: str) -> None:
    """Adds a relation's rows to its source's staging table; raises Unreadable when DuckDB cannot read it."""
    source = context.source
    rows = {
        "events": lambda: event_rows(source.name, relation),
        "exchanges": lambda: exchange_rows(relation),
        "job_snapshots": lambda: job_rows(relation, context.written_at),
    }[source.table]()
    stage(cursor, f"insert into temp.staged_{source.table} {rows}")
