"""A piece of a file becomes rows of a temporary table: fast in DuckDB, and one by one only where DuckDB was in doubt.

1. DuckDB reads the piece with the record's types; a record it cannot read is a row without id or instant.
2. Such rows are suspects. DuckDB 1.5 also spoils the good line behind a truncated one, so each suspect is read again,
   from its bytes, by the record's model, and is either recovered or becomes a reject with its reason.
3. A piece that DuckDB refuses as a whole, or whose records it does not tell apart, goes through the model entirely.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from pipeline.config.errors import Unreadable
from pipeline.config.secrets import without_secrets
from pipeline.ingest.formats.events import event_rows
from pipeline.ingest.formats.exchanges import exchange_rows
from pipeline.ingest.formats.jobs import job_rows
from pipeline.ingest.formats.portal import csv_of, portal_told, respelled
from pipeline.ingest.formats.source import Source, csv_reader, reader
from pipeline.ingest.layout import Head
from pipeline.ingest.pieces import Piece, in_memory
from pipeline.ingest.records.wire import complaint
from pipeline.ingest.salvage import raw_records
from pipeline.store.lake import Cursor, stage

BIGGEST = 1 << 24
LONGEST = 1 << 25
"No record of any log is as long; DuckDB needs some fifteen times as much memory to store one."
TOO_LONG = "is a record of {} MB; one of at most 32 MB was expected"
BEYOND = "occurred_at < timestamp '1970-01-01' or occurred_at >= timestamp '2100-01-01'"
"Instants that no log means, such as sentinels; the store's order of events holds until 2106."
MUST = {
    "events": f"event_id is null or occurred_at is null or status is null or {BEYOND}",
    "exchanges": f"exchange_id is null or occurred_at is null or {BEYOND}",
    "job_snapshots": "job_id is null",
}
"What makes a staged row a suspect."
SPELLED = ("graph", "diagnostic")
"Sources whose records may spell their members in two ways; a row without its source's id was read in the wrong one."
LOG_LINE = 'client - user [05/Jan/2026:12:00:00 +0000] "GET /Users HTTP/1.1" 200 17'
LINES = """
select {number} as number, trim(line, e' \\r\\t') as line
from (select unnest(string_split(content, e'\\n')) as line from arriving_text)
where trim(line, e' \\r\\t') <> ''
"""


Accepted = tuple[int, bytes, Mapping[str, Any]]
"A record's line, its bytes, and what the model made of it."


@dataclass(frozen=True)
class Told:
    """A piece, and what is known of its file beside its content."""

    number: int
    "Which piece of the transaction it is."
    head: Head
    piece: Piece
    written_at: str
    "When the file was last written, UTC, for documents that hold no instant."
    steps: tuple[str, Head] | None = None
    changes: tuple[str, Head] | None = None
    "The two files beside a portal download's main file."


@dataclass(frozen=True)
class Reject:
    """A record that no model could read."""

    line: int
    "Its line in the piece, or its place where a document has no lines."
    reason: str
    raw: bytes
    "What was read, secrets removed, cut to 64 KB."


@dataclass
class Staged:
    """What a piece gave beside its staged rows."""

    rejects: list[Reject] = field(default_factory=list)


def stage_pieces(cursor: Cursor, source: Source, told: Sequence[Told]) -> list[Staged]:
    """Adds the rows of pieces alike to the staging table of their source; gives what each gave, in order.

    A document cut short never goes to DuckDB: beside other files, 1.5 may read an earlier one's bytes behind its end.
    """
    if len(told) > 1 and not all(closed(one) for one in told):
        return [staged for one in told for staged in stage_pieces(cursor, source, [one])]
    if not closed(told[0]):
        return [stage_by_model(cursor, source, told[0])]
    try:
        insert(cursor, source, told[0], relation(cursor, source, told))
    except Unreadable:
        if len(told) > 1:
            return [staged for one in told for staged in stage_pieces(cursor, source, [one])]
        return [stage_by_model(cursor, source, told[0])]
    found = doubts(cursor, source, told)
    return [settle(cursor, source, one, *found[one.number]) if one.number in found else Staged() for one in told]


def closed(told: Told) -> bool:
    """Whether a document ends as one does; lines need not."""
    if told.head.layout not in ("array", "document"):
        return True
    with Path(told.piece.file).open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - 256))
        return stream.read().rstrip()[-1:] in (b"]", b"}")


def settle(cursor: Cursor, source: Source, told: Told, places: set[int], rows: int) -> Staged:
    """Reads the suspects of a piece again, or all of it where its records cannot be told apart."""
    counted = Counted(raw_records(told.piece, told.head))
    suspects = [record for place, record in enumerate(counted) if place in places]
    mine = f"number = {told.number}"
    if counted.count != rows or told.head.wrapper is not None:
        cursor.execute(f"delete from temp.staged_{source.table} where {mine}")
        return stage_by_model(cursor, source, told)
    cursor.execute(f"delete from temp.staged_{source.table} where {mine} and ({suspicion(source)})")
    return Staged(judge(cursor, source, told, suspects))


def doubts(cursor: Cursor, source: Source, told: Sequence[Told]) -> dict[int, tuple[set[int], int]]:
    """Gives, for each piece with suspects, their places from 0 and how many rows DuckDB read of the piece."""
    numbers = ", ".join(str(one.number) for one in told)
    table = f"temp.staged_{source.table}"
    asked = f"""
        select s.number, list(s.rowid - f.first), any_value(f.rows)
        from {table} s
        join (
            select number, min(rowid) as first, count(*) as rows
            from {table} where number in ({numbers}) group by number
        ) f on f.number = s.number
        where {suspicion(source)}
        group by s.number
    """
    return {int(number): (set(places), int(rows)) for number, places, rows in cursor.execute(asked).fetchall()}


def suspicion(source: Source) -> str:
    """Gives the condition that a staged row is a suspect."""
    return MUST[source.table] + (" or source_id is null" if source.name in SPELLED else "")


def stage_by_model(cursor: Cursor, source: Source, told: Told) -> Staged:
    """Stages every record of a piece through the model, for pieces that DuckDB cannot read or tell apart."""
    return Staged(judge(cursor, source, told, raw_records(told.piece, told.head)))


class Counted:
    """Records that are counted as they pass."""

    def __init__(self, records: Iterator[tuple[int, bytes, object]]) -> None:
        self.records = records
        self.count = 0

    def __iter__(self) -> Iterator[tuple[int, bytes, object]]:
        for record in self.records:
            self.count += 1
            yield record


def judge(cursor: Cursor, source: Source, told: Told, records: Iterable[tuple[int, bytes, object]]) -> list[Reject]:
    """Stages the records that the model accepts and gives the others as rejects."""
    good: list[Accepted] = []
    rejects: list[Reject] = []
    for line, raw, value in records:
        verdict = judged(source, told.head, value) if len(raw) <= LONGEST else TOO_LONG.format(len(raw) >> 20)
        if isinstance(verdict, str):
            rejects.append(Reject(line, verdict, cleaned(raw)))
        elif source.name == "portal" and isinstance(value, Mapping):
            good.append((line, raw, {**value, **respelled(told.head, verdict)}))
        else:
            good.append((line, raw, verdict))
    return rejects + (recover(cursor, source, told, good) if good else [])


def recover(cursor: Cursor, source: Source, told: Told, good: Sequence[Accepted]) -> list[Reject]:
    """Stages records that the model accepts, and gives those that DuckDB refuses even so."""
    try:
        stage_good(cursor, source, told, [record for _, _, record in good])
        return []
    except Unreadable as error:
        if len(good) == 1:
            line, raw, _ = good[0]
            if error.full and len(raw) < BIGGEST:
                raise
            seen = str(error).partition("\n")[0][:200]
            return [Reject(line, f"holds a value beyond all bounds ({seen}); a log record was expected", cleaned(raw))]
    half = len(good) // 2
    return recover(cursor, source, told, good[:half]) + recover(cursor, source, told, good[half:])


def stage_good(cursor: Cursor, source: Source, told: Told, good: Sequence[Mapping[str, Any]]) -> None:
    """Stages records that the model made; a portal download's rows once more as the CSV that they were."""
    if source.name == "portal":
        with in_memory(csv_of(told.head.header, good)) as file:
            insert(cursor, source, told, portal_told(told.number, (file, told.head), told.steps, told.changes))
        return
    lines = [json.dumps(verdict).encode() for verdict in good]
    with in_memory(b"\n".join(lines) + b"\n") as file:
        longest = max(map(len, lines)) + 1024
        records_read = reader(source, {file: told.number}, Head("lines"), max(BIGGEST, longest))
        insert(cursor, source, told, source.told(records_read))


def judged(source: Source, head: Head, value: object) -> dict[str, object] | str:
    """Gives a record under the model's own names, or the sentence that says what is wrong with it."""
    if head.layout == "text":
        return f"is no line of this log; {LOG_LINE} was expected"
    if isinstance(value, ValueError):
        return str(value)
    try:
        return source.record.model_validate(source.renamed(head, value)).model_dump()
    except ValidationError as error:
        return complaint(error)


def cleaned(raw: bytes) -> bytes:
    """Gives a reject's bytes as they may be kept: cut to 64 KB, secrets removed; bytes that are not text survive."""
    return without_secrets(raw[:65536].decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def relation(cursor: Cursor, source: Source, told: Sequence[Told]) -> str:
    """Gives SQL for what pieces tell, in their source's terms; only JSON is read several pieces at a time."""
    first = told[0]
    if first.head.layout == "text":
        register_lines(cursor, first.piece)
        return source.told(LINES.format(number=first.number))
    if source.name == "portal":
        return portal_told(first.number, (first.piece.file, first.head), first.steps, first.changes)
    if first.head.layout == "csv":
        return source.told(csv_reader(source, first.piece.file, first.head, first.number))
    largest = max(one.piece.end - one.piece.begin for one in told) + 1024
    biggest = BIGGEST if first.head.layout == "lines" else max(BIGGEST, largest)
    return source.told(reader(source, {one.piece.file: one.number for one in told}, first.head, biggest))


def register_lines(cursor: Cursor, piece: Piece) -> None:
    """Shows a piece of text to DuckDB as one value, for SQL to split."""
    content = Path(piece.file).read_bytes().decode("utf-8", "replace").removeprefix("\ufeff")
    cursor.register("arriving_text", pa.table({"content": pa.array([content], pa.large_string())}))


def insert(cursor: Cursor, source: Source, told: Told, relation: str) -> None:
    """Adds the rows of a told relation to its source's staging table; raises Unreadable when DuckDB cannot read it."""
    rows = {
        "events": lambda: event_rows(source.name, relation),
        "exchanges": lambda: exchange_rows(relation),
        "job_snapshots": lambda: job_rows(relation, told.written_at),
    }[source.table]()
    stage(cursor, f"insert into temp.staged_{source.table} {rows}")
