"""A piece on its way into the staging table of its source: what is known of it, and what its rows must have."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.config.errors import Unreadable
from pipeline.config.secrets import bytes_without_secrets
from pipeline.ingest.bounds import out_of_bounds
from pipeline.ingest.formats.events import event_rows
from pipeline.ingest.formats.exchanges import exchange_rows
from pipeline.ingest.formats.jobs import job_rows
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.pieces import Piece
from pipeline.ingest.redaction import MAY_HOLD, Redaction, unless_secrets_in, without_secrets_in
from pipeline.store.lake import Cursor, stage

MUST = {
    "events": f"event_id is null or occurred_at is null or {out_of_bounds('occurred_at')}",
    "exchanges": f"not passed_over and (exchange_id is null or occurred_at is null or {out_of_bounds('occurred_at')})",
    "job_snapshots": f"job_id is null or observed_at is null or {out_of_bounds('observed_at')}",
}
"What no row that is kept may be: without its identity, or without its instant within the bounds."
PORTAL_FILES = 5
"Times the size of a portal download's main file that all three have."
TRIED_WITHOUT_CLEANING = 1 << 21
"Bytes that are staged first by a statement that cannot clean, a page of Graph; more takes longer to be read twice."
SPELLED = ("graph", "diagnostic")
"Sources whose records may spell their members in two ways; a row without its source's id was read in the wrong one."


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
    rewritten: bool = False
    "Whether these are copies that DuckDB surely reads."
    number: int = 0
    "Which piece of the transaction it is."

    @property
    def size(self) -> int:
        """Bytes that are staged of it, with what its rows have in the other files of a portal download."""
        return self.piece.size * (PORTAL_FILES if self.steps or self.changes else 1)


@dataclass(frozen=True)
class Reject:
    """A record that no model could read."""

    line: int
    "Its line in the piece, or its place where a document has no lines."
    reason: str
    raw: bytes
    "What was read, secrets removed, cut to 64 KB."


def cleaned(raw: bytes) -> bytes:
    """Returns a reject's bytes as they may be kept: cut to 64 KB, secrets removed; bytes that are not text survive."""
    return bytes_without_secrets(raw[:65536])


def unstage(cursor: Cursor, context: PieceContext) -> None:
    """Takes back a piece's staged rows."""
    cursor.execute(f"delete from temp.staged_{context.source.table} where number = {context.number}")


def is_none(source: Source) -> str:
    """Builds the condition that a staged row is none at all; never null."""
    return f"coalesce({MUST[source.table]}, false)"


def suspicion(source: Source) -> str:
    """Builds the condition that a staged row could not be read; never null."""
    more = " or status is null" if source.table == "events" else ""
    more += " or source_id is null" if source.name in SPELLED else ""
    return f"coalesce({MUST[source.table]}{more}, false)"


def insert(cursor: Cursor, context: PieceContext, relation: Callable[[], str], size: int) -> None:
    """Adds a relation's rows, of so many bytes, to its source's staging table, without secrets.

    The relation is made anew for each statement, since some can be read once. Raises Unreadable when DuckDB cannot
    read it.
    """
    if size <= TRIED_WITHOUT_CLEANING:
        try:
            stage(cursor, statement(context, relation(), unless_secrets_in))
            return
        except Unreadable as error:
            if MAY_HOLD not in str(error):
                raise
    stage(cursor, statement(context, relation(), without_secrets_in))


def statement(context: PieceContext, relation: str, redaction: Redaction) -> str:
    """Builds the statement that stages a relation's rows."""
    source = context.source
    rows = {
        "events": lambda: event_rows(source.name, relation, redaction, context.head.date_order),
        "exchanges": lambda: exchange_rows(relation, redaction, context.head.date_order),
        "job_snapshots": lambda: job_rows(relation, context.written_at, redaction),
    }[source.table]()
    return f"insert into temp.staged_{source.table} {rows}"
