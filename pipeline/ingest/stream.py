"""Bytes that never were a file, such as a page of Graph's, land in the store as files do.

Rows, rejects, the ledger's line and whatever the caller wants kept with them are one transaction.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pipeline.ingest.formats import recognise
from pipeline.ingest.formats.source import Source
from pipeline.ingest.isolation import is_fault_of_data, what_failed
from pipeline.ingest.land import Arrival, Batch, Extra
from pipeline.ingest.layout import Head, head_of
from pipeline.ingest.piece_context import PieceContext, Reject, cleaned
from pipeline.ingest.pieces import piece_of_lines
from pipeline.ingest.results import FileResult
from pipeline.ingest.wrappings import routed
from pipeline.store.lake import Store

UNRECOGNISED = "holds no record that any source knows"


def feed(store: Store, name: str, data: bytes, *, along: Extra | None = None) -> FileResult:
    """Reads what `data` holds, as the continuation of what was fed under `name` before; returns what became of it.

    `along` writes what must be kept in the same transaction; it may be run again after a conflict.
    """
    [result] = feed_all(store, name, [data], along=along)
    return result


def feed_all(store: Store, name: str, parts: Sequence[bytes], *, along: Extra | None = None) -> list[FileResult]:
    """Reads several parts as `feed` does, in one transaction; returns what became of each."""
    with Batch(store) as batch:
        for data in parts:
            arrival = Arrival(name, arrived=len(data), sentence=lambda _line, reason: f"{name}: {reason}.")
            batch.add(with_records(arrival, data))
        return [landing.result for landing in batch.land(along)]


def with_records(arrival: Arrival, data: bytes, broken: Source | None = None) -> Arrival:
    """Adds the records of some bytes to an arrival, or one reject where no source knows them.

    Broken lines alone are taken for those of the source `broken`, each to be judged by itself.
    """
    try:
        head = routed(head_of(data, cut=False), recognise)
        source = recognise(head)
    except Exception as error:
        if not is_fault_of_data(error):
            raise
        reason = f"cannot be read ({what_failed(error)}); a log was expected"
        return replace(arrival, rejects=(Reject(1, reason, cleaned(data[:4096])),))
    if head.empty or not data.strip():
        return arrival
    if source is None and broken is not None and not head.samples:
        source, head = broken, Head("lines")
    if source is None:
        return replace(arrival, rejects=(Reject(1, UNRECOGNISED, cleaned(data[:4096])),))
    # Only a job's status may hold no instant; what differs in nothing is read by one statement.
    written = str(datetime.now(UTC).replace(tzinfo=None, microsecond=0)) if source.table == "job_snapshots" else ""
    context = PieceContext(source, head, piece_of_lines(data), written_at=written)
    return replace(arrival, source=source.name, context=context)
