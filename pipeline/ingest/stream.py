"""Bytes that never were a file, a page of Graph's or a stretch of a blob, land in the store as files do.

Rows, rejects, the ledger's line and whatever the caller wants remembered with them are one transaction.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from pipeline.ingest.formats import recognise
from pipeline.ingest.load import Landed, empty_stage, keep_rejects, land
from pipeline.ingest.offsets import Entry, entries_of, keep_entries
from pipeline.ingest.pieces import Piece, head_of, in_memory
from pipeline.ingest.results import FileResult
from pipeline.ingest.stage import Reject, Told, cleaned, stage_pieces
from pipeline.store.lake import Cursor, Store

Along = Callable[[Cursor], None]


def feed(
    store: Store,
    name: str,
    data: bytes,
    *,
    read_to: int | None = None,
    size: int | None = None,
    along: Along | None = None,
) -> FileResult:
    """Reads what `data` holds, as the continuation of what was fed under `name` before, and gives what became of it.

    `read_to` and `size` are what the ledger says of a source that is read by byte; without them bytes are summed.
    `along` writes what must be remembered in the same transaction; it may be run again after a conflict.
    """
    cursor = store.cursor()
    with ExitStack() as held:
        held.callback(cursor.close)
        empty_stage(cursor)
        source, rejects = staged(cursor, data, held)
        result = FileResult(name, source)

        def write(writing: Cursor) -> None:
            landed = land(writing).get(0, Landed(0, 0, 0, None, None))
            former = entries_of(writing, [name]).get(name)
            base = former or Entry.new(name, source, 0, None)
            reached = base.read_to + len(data) if read_to is None else read_to
            unknown = rejects if read_to is not None else unseen(writing, name, rejects)
            placed = [replace(one, line=one.line + base.lines, reason=f"{name}: {one.reason}.") for one in unknown]
            now = datetime.now(UTC).replace(tzinfo=None)
            result.lines, result.rejects = landed.lines + len(rejects), len(placed)
            result.kept = landed.lines - landed.duplicates
            result.duplicates = landed.duplicates + len(rejects) - len(placed)
            result.unfamiliar = landed.unfamiliar
            keep_rejects(writing, [(name, one) for one in placed], now)
            if result.lines or read_to is not None:
                moved = replace(base, source=source or base.source, read_to=reached, size=max(size or 0, reached))
                keep_entries(writing, [added(moved, result, landed, now)])
            if along is not None:
                along(writing)

        store.write(write, on=cursor)
    return result


def staged(cursor: Cursor, data: bytes, held: ExitStack) -> tuple[str | None, list[Reject]]:
    """Stages the records of `data`; gives their source's name and what could not be read."""
    head = head_of(data, cut=False)
    if head.empty or not data.strip():
        return None, []
    source = recognise(head)
    if source is None:
        return None, [Reject(1, "holds no record that any source knows", cleaned(data[:4096]))]
    piece = Piece(held.enter_context(in_memory(data)), 0, len(data))
    written = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    found = stage_pieces(cursor, source, [Told(0, head, piece, str(written))])
    return source.name, found[0].rejects


def unseen(cursor: Cursor, name: str, rejects: list[Reject]) -> list[Reject]:
    """Leaves out what was rejected before: Graph gives the same record again at every turn, at another place."""
    if not rejects:
        return []
    known = {bytes(raw) for (raw,) in cursor.execute('select "raw" from rejects where "file" = ?', [name]).fetchall()}
    return [one for one in rejects if one.raw not in known]


def added(entry: Entry, result: FileResult, landed: Landed, now: datetime) -> Entry:
    """Gives the ledger's line with what was fed now in it."""
    moments = [one for one in (entry.first_event_at, entry.last_event_at, landed.first, landed.last) if one is not None]
    return replace(
        entry,
        lines=entry.lines + result.lines,
        kept=entry.kept + result.kept,
        duplicates=entry.duplicates + result.duplicates,
        rejects=entry.rejects + result.rejects,
        unfamiliar=entry.unfamiliar + result.unfamiliar,
        first_event_at=min(moments, default=None),
        last_event_at=max(moments, default=None),
        finished_at=now,
    )
