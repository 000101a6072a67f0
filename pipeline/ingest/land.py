"""Batches: pieces are staged as they come, small ones alike together, and land in one transaction.

Where a piece or a row makes that fail, it is found and costs itself alone; see isolation.py and land_apart.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

from pipeline.config.errors import StoreError, Unreadable
from pipeline.ingest.formats.source import reading_key
from pipeline.ingest.isolation import is_fault_of_data, what_failed
from pipeline.ingest.land_apart import land_apart
from pipeline.ingest.load import drop_stage, make_stage
from pipeline.ingest.offsets import UNREADABLE, Entry, Position
from pipeline.ingest.piece_context import PieceContext, Reject, cleaned, unstage
from pipeline.ingest.pieces import SMALL
from pipeline.ingest.stage import stage_pieces
from pipeline.ingest.transaction import Arrival, Extra, Landing, continued, land_batch
from pipeline.store.connections import lost_connections
from pipeline.store.lake import Store

__all__ = ["Arrival", "Batch", "Extra", "Landing"]

SHOWN = 4096
"Bytes that are kept of a piece that is rejected as a whole."
TOGETHER = 64
"How many small pieces alike are read by one statement: planning it costs more than reading them."
OPEN_AT_MOST = 4 * TOGETHER
"Copies in memory that wait for others alike: each is an open file, and a process may have as few as 1,024."
AT_MOST = 8 * TOGETHER
"Pieces that land in one transaction."


class Batch:
    """What lands in one transaction, under construction: pieces are staged as they come, small ones alike together."""

    def __init__(self, store: Store, slice_bytes: int | None = None) -> None:
        self._store = store
        self._slice_bytes = slice_bytes or store.settings.slice_bytes
        self._cursor = store.cursor()
        self._arrivals: list[Arrival] = []
        self._groups: dict[str, list[PieceContext]] = {}
        self._bytes = 0
        self._has_stage = False
        "Whether the staging tables are there, and empty but for the arrivals."

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        for contexts in self._groups.values():
            release(contexts)
        self._cursor.close()

    @property
    def full(self) -> bool:
        """Whether enough waits for a transaction, and one may end here."""
        if not self._arrivals or not self._arrivals[-1].may_end_batch:
            return False
        return self._bytes >= self._slice_bytes or len(self._arrivals) >= AT_MOST

    def add(self, arrival: Arrival) -> None:
        """Adds an arrival; its piece is staged at once, or together with others alike where it is small."""
        if not self._has_stage:
            make_stage(self._cursor, self._store.settings)
            self._has_stage = True
        self._arrivals.append(arrival)
        if arrival.context is None:
            return
        context = replace(arrival.context, number=len(self._arrivals) - 1)
        self._bytes += context.size
        if not may_wait(context):
            self._stage([context])
            return
        key = reading_key(context.source, context.head) + context.written_at
        self._groups.setdefault(key, []).append(context)
        if len(self._groups[key]) >= TOGETHER:
            self._stage(self._groups.pop(key))
        elif sum(map(len, self._groups.values())) >= OPEN_AT_MOST:
            self.stage_rest()

    def land(
        self,
        extra: Extra | None = None,
        covered_at: datetime | None = None,
        written: Mapping[str, Entry] | None = None,
    ) -> list[Landing]:
        """Lands what was added in one transaction and begins anew; returns what became of each arrival, in order.

        `extra` writes what must be kept in the same transaction; it may run again after a conflict. `covered_at` is
        the present, where the pieces' files are evidence for the time that they cover. `written` has the lines of the
        ledger that earlier batches of the same run have written.
        """
        self.stage_rest()
        if not self._arrivals:
            return []
        arrivals = [continued(arrival, (written or {}).get(arrival.file)) for arrival in self._arrivals]
        try:
            write = partial(land_batch, arrivals=dict(enumerate(arrivals)), extra=extra, covered_at=covered_at)
            landings = self._store.write(write, on=self._cursor)
        except (StoreError, UnicodeError) as error:
            if not is_fault_of_data(error):
                raise
            landings = land_apart(self._store, self._cursor, arrivals, extra, covered_at)
        drop_stage(self._cursor)
        self._arrivals, self._bytes, self._has_stage = [], 0, False
        return landings

    def stage_rest(self) -> None:
        """Stages what waits for others alike."""
        while self._groups:
            self._stage(self._groups.pop(next(iter(self._groups))))

    def _stage(self, contexts: Sequence[PieceContext]) -> None:
        """Stages pieces alike and releases them."""
        try:
            with lost_connections():
                self._stage_open(contexts)
        finally:
            release(contexts)

    def _stage_open(self, contexts: Sequence[PieceContext]) -> None:
        """Stages pieces alike and keeps their rejects with their arrivals.

        Where it fails, each is staged alone, to find the one. What is read where it is lies on a disk, which may fail.
        """
        try:
            staged = stage_pieces(self._cursor, contexts)
            for context, rejects in zip(contexts, staged, strict=True):
                if rejects:
                    self._arrivals[context.number] = rejecting(self._arrivals[context.number], rejects)
        except Exception as error:
            if not isinstance(error, OSError) and not is_fault_of_data(error):
                raise
            for context in contexts:
                unstage(self._cursor, context)
            if len(contexts) == 1:
                [context] = contexts
                self._arrivals[context.number] = failed(self._arrivals[context.number], context, error)
            else:
                for context in contexts:
                    self._stage_open([context])


def may_wait(context: PieceContext) -> bool:
    """Whether a piece is staged together with others alike: small, a copy of its own, and JSON."""
    small = context.piece.handle is not None and context.piece.size < SMALL
    return small and context.head.layout in ("lines", "array", "document")


def rejecting(arrival: Arrival, rejects: Sequence[Reject]) -> Arrival:
    """Adds its piece's rejects to an arrival, with their lines in the file where the file itself tells them."""
    before = arrival.lines_before() if arrival.lines_before else 0
    return replace(arrival, rejects=tuple(replace(one, line=one.line + before) for one in rejects))


def failed(arrival: Arrival, context: PieceContext, error: Exception) -> Arrival:
    """Makes an arrival one reject for its piece; raises the error where it is for want of memory."""
    if isinstance(error, OSError):
        return unreadable(arrival, error)
    if isinstance(error, Unreadable) and error.full:
        raise error
    with open(context.piece.file, "rb") as piece:
        raw = piece.read(SHOWN)
    reason = f"cannot be read ({what_failed(error)}); a log was expected"
    return rejecting(arrival, [Reject(1, reason, cleaned(raw))])


def unreadable(arrival: Arrival, error: OSError) -> Arrival:
    """Makes an arrival one reject for its file, which is read again, unless the ledger has that reject already."""
    fault = f"{UNREADABLE} ({error.strerror})"
    if arrival.seen is not None and arrival.seen.fingerprint == fault:
        return Arrival(arrival.file, arrival.source)
    size = arrival.position.size if arrival.position else 0
    return Arrival(
        arrival.file,
        arrival.source,
        rejects=(Reject(0, f"{Path(arrival.file).name} {fault}.", b""),),
        position=Position(size, size, fault),
        seen=arrival.seen,
        base=arrival.base,
        lines_before=lambda: 0,
    )


def release(contexts: Sequence[PieceContext]) -> None:
    """Releases the pieces' copies in memory."""
    for context in contexts:
        context.piece.close()
