"""A piece of a file becomes rows of a temporary table: fast in DuckDB, and one by one only where DuckDB was in doubt.

1. DuckDB reads the piece with the record's types; a record it cannot read is a row without id or instant.
2. Such rows are suspects. DuckDB 1.5 also spoils the good line behind a truncated one, so each suspect is read again,
   from its bytes, by the record's model, and is either recovered or becomes a reject with its reason.
3. A piece that DuckDB refuses as a whole, or whose records it does not tell apart, goes through the model entirely.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from pipeline.reading import Piece, in_memory, raw_records
from pipeline.records.secrets import without_secrets
from pipeline.records.wire import complaint
from pipeline.sources.events import event_rows
from pipeline.sources.exchanges import exchange_rows
from pipeline.sources.head import Head
from pipeline.sources.jobs import job_rows
from pipeline.sources.portal import portal_told
from pipeline.sources.source import Source, csv_reader, reader
from pipeline.store import Cursor, Refused, stage

BIGGEST = 1 << 24
MUST = {
    "events": "event_id is null or occurred_at is null or status is null",
    "exchanges": "exchange_id is null or occurred_at is null",
    "job_snapshots": "job_id is null",
}
"What makes a staged row a suspect."
LOG_LINE = 'client - user [05/Jan/2026:12:00:00 +0000] "GET /Users HTTP/1.1" 200 17'
LINES = """
select trim(line, e' \\r\\t') as line
from (select unnest(string_split(content, e'\\n')) as line from arriving_text)
where trim(line, e' \\r\\t') <> ''
"""


@dataclass(frozen=True)
class Told:
    """What is known of a file beside its content."""

    number: int
    "Which file of the transaction it is."
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
    """What a piece gave."""

    lines: int = 0
    rejects: list[Reject] = field(default_factory=list)


def stage_piece(cursor: Cursor, source: Source, head: Head, piece: Piece, told: Told) -> Staged:
    """Adds a piece's rows to the staging table of its source."""
    first = next_row(cursor, source)
    try:
        insert(cursor, source, told, relation(cursor, source, head, piece, told))
    except Refused:
        return stage_by_model(cursor, source, head, piece, told)
    lines = next_row(cursor, source) - first
    found = doubts(cursor, source, first)
    if not found:
        return Staged(lines)
    counted = Counted(raw_records(piece, head))
    suspects = [record for place, record in enumerate(counted) if place in found]
    if counted.count != lines or head.wrapper is not None:
        cursor.execute(f"delete from temp.staged_{source.table} where rowid >= {first}")
        return stage_by_model(cursor, source, head, piece, told)
    cursor.execute(f"delete from temp.staged_{source.table} where rowid >= {first} and ({MUST[source.table]})")
    return Staged(lines, judge(cursor, source, head, suspects, told))


def doubts(cursor: Cursor, source: Source, first: int) -> set[int]:
    """Gives the places, from 0, of the rows since row `first` that DuckDB read as nothing."""
    asked = f"select rowid - {first} from temp.staged_{source.table} where rowid >= {first} and ({MUST[source.table]})"
    return {int(place) for (place,) in cursor.execute(asked).fetchall()}


def stage_by_model(cursor: Cursor, source: Source, head: Head, piece: Piece, told: Told) -> Staged:
    """Stages every record of a piece through the model, for pieces that DuckDB cannot read or tell apart."""
    counted = Counted(raw_records(piece, head))
    rejects = judge(cursor, source, head, counted, told)
    return Staged(counted.count, rejects)


class Counted:
    """Records that are counted as they pass."""

    def __init__(self, records: Iterator[tuple[int, bytes, object]]) -> None:
        self.records = records
        self.count = 0

    def __iter__(self) -> Iterator[tuple[int, bytes, object]]:
        for record in self.records:
            self.count += 1
            yield record


def judge(
    cursor: Cursor, source: Source, head: Head, records: Iterable[tuple[int, bytes, object]], told: Told
) -> list[Reject]:
    """Stages the records that the model accepts and gives the others as rejects."""
    good: list[bytes] = []
    rejects: list[Reject] = []
    for line, raw, value in records:
        verdict = judged(source, head, value)
        if isinstance(verdict, str):
            rejects.append(Reject(line, verdict, cleaned(raw)))
        else:
            good.append(json.dumps(verdict).encode())
    if good:
        with in_memory(b"\n".join(good) + b"\n") as file:
            longest = max(map(len, good)) + 1024
            insert(cursor, source, told, source.told(reader(source, file, Head("lines"), max(BIGGEST, longest))))
    return rejects


def judged(source: Source, head: Head, value: object) -> dict[str, object] | str:
    """Gives a record under the model's own names, or the sentence that says what is wrong with it."""
    if isinstance(value, ValueError):
        return str(value) if head.layout != "text" else f"is no line of this log; {LOG_LINE} was expected"
    try:
        return source.record.model_validate(source.renamed(head, value)).model_dump()
    except ValidationError as error:
        return complaint(error)


def cleaned(raw: bytes) -> bytes:
    """Gives a reject's bytes as they may be kept: cut to 64 KB, secrets removed; bytes that are not text survive."""
    return without_secrets(raw[:65536].decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def relation(cursor: Cursor, source: Source, head: Head, piece: Piece, told: Told) -> str:
    """Gives SQL for what a piece tells, in its source's terms."""
    if head.layout == "text":
        register_lines(cursor, piece)
        return source.told(LINES)
    if source.name == "portal":
        return portal_told((piece.file, head), told.steps, told.changes)
    if head.layout == "csv":
        return source.told(csv_reader(source, piece.file, head))
    biggest = BIGGEST if head.layout == "lines" else max(BIGGEST, piece.end - piece.begin + 1024)
    return source.told(reader(source, piece.file, head, biggest))


def register_lines(cursor: Cursor, piece: Piece) -> None:
    """Shows a piece of text to DuckDB as one value, for SQL to split."""
    content = Path(piece.file).read_bytes().decode("utf-8", "replace").removeprefix("\ufeff")
    cursor.register("arriving_text", pa.table({"content": pa.array([content], pa.large_string())}))


def insert(cursor: Cursor, source: Source, told: Told, relation: str) -> None:
    """Adds the rows of a told relation to its source's staging table; raises Refused when DuckDB cannot read it."""
    rows = {
        "events": lambda: event_rows(source.name, relation),
        "exchanges": lambda: exchange_rows(relation),
        "job_snapshots": lambda: job_rows(relation, told.written_at),
    }[source.table]()
    stage(cursor, f"insert into temp.staged_{source.table} select *, {told.number} from ({rows})")


def next_row(cursor: Cursor, source: Source) -> int:
    """Gives the row id that the next staged row will have; row ids follow the order of reading."""
    asked = f"select coalesce(max(rowid) + 1, 0) from temp.staged_{source.table}"
    return int(cursor.execute(asked).fetchall()[0][0])
