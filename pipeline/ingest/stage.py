"""A piece of a file becomes rows of a temporary table: fast in DuckDB, and one by one only where DuckDB was in doubt.

1. DuckDB reads the piece with the record's types; a record it cannot read is a row without id or instant.
2. Such rows are suspects. DuckDB 1.5 also spoils the good line behind a truncated one, so each suspect is read again,
   from its bytes, by the record's model, and is either recovered or becomes a reject with its reason.
3. A piece that DuckDB refuses as a whole, or whose records it does not tell apart, goes through the model entirely.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pyarrow as pa

from pipeline.config.errors import Unreadable
from pipeline.ingest.formats.portal import portal_relation
from pipeline.ingest.formats.source import Source, csv_reader, json_texts, reader, row_texts, unwrapped_lines
from pipeline.ingest.judge import BIGGEST, judge, stage_by_model
from pipeline.ingest.layout import BOM, Head
from pipeline.ingest.piece_context import SPELLED, PieceContext, Reject, cleaned, insert, suspicion, unstage
from pipeline.ingest.pieces import Piece
from pipeline.ingest.records.wire import Spelling
from pipeline.ingest.rewritten import rewritten
from pipeline.ingest.salvage import decoded, raw_lines, raw_records
from pipeline.ingest.wrappings import as_lines
from pipeline.store.lake import Cursor

__all__ = ["BLOCK", "LINES", "PieceContext", "Reject", "cleaned", "stage_pieces", "text_blocks", "text_reader"]

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
BLOCK = 1 << 16
"Bytes of text that SQL splits at once: what splitting costs grows with the square of it."


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
            insert(cursor, first, lambda: relation(cursor, contexts), sum(one.size for one in contexts))
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
    if (first.steps or first.changes) and not first.rewritten:
        return [stage_with_parts_rewritten(cursor, first)]
    return [stage_by_model(cursor, first)]


def stage_with_parts_rewritten(cursor: Cursor, context: PieceContext) -> list[Reject]:
    """Stages a portal download's main file once more, with copies of the other two: DuckDB may have refused these."""
    with ExitStack() as copies:
        steps, changes = (
            part and (copies.enter_context(rewritten(part[0], part[1].delimiter)), part[1])
            for part in (context.steps, context.changes)
        )
        [rejects] = stage_pieces(cursor, [replace(context, steps=steps, changes=changes, rewritten=True)])
    return rejects


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
                flat = replace(context, piece=lines, head=Head("lines", head.samples, date_order=head.date_order))
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
    if head.layout == "csv":
        return " union all ".join(row_texts(one.piece.file, head, one.number) for one in contexts)
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
