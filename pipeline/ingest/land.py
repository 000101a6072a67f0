"""One batch lands in one transaction: rows, rejects, the ledger's lines, coverage and whatever its caller adds.

Files, pages of Graph and stretches of blobs all land here, so that `lines = kept + duplicates + rejects` holds however
a record came, and a reader that is killed leaves a whole batch or none of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from pipeline.ingest.coverage import Evidence, record_coverage
from pipeline.ingest.formats.source import reading_key
from pipeline.ingest.load import empty_stage, keep_rejects, load_staged, rejected_before
from pipeline.ingest.offsets import UNREADABLE, Entry, Position, entries_of, keep_entries
from pipeline.ingest.pieces import SMALL
from pipeline.ingest.results import FileResult, counts_of, entry_plus, result_of
from pipeline.ingest.stage import PieceContext, Reject, stage_pieces, unstage
from pipeline.store.connections import lost_connections
from pipeline.store.lake import Cursor, Store

TOGETHER = 64
"How many small pieces alike are read by one statement: planning it costs more than reading them."
OPEN_AT_MOST = 4 * TOGETHER
"Copies in memory that wait for others alike: each is an open file, and a process may have as few as 1,024."
AT_MOST = 8 * TOGETHER
"Pieces that land in one transaction."
Extra = Callable[[Cursor], None]


@dataclass(frozen=True)
class Arrival:
    """One piece's part of a batch: the piece, if there is one, and how far its file is then read."""

    file: str
    "The ledger's name of it."
    source: str | None = None
    context: PieceContext | None = None
    rejects: tuple[Reject, ...] = ()
    position: Position | None = None
    "How far the file is then read; None where a source is not read by byte: its bytes are summed."
    arrived: int = 0
    "Bytes that came, where they are summed."
    seen: Entry | None = None
    "The file's line as its reader last saw it."
    base: Entry | None = None
    "The line that counting goes on from while the ledger's is still as seen; None goes on from whatever is there."
    lines_before: Callable[[], int] | None = None
    "Counts the lines of the file before the piece, only where it has rejects; None takes the ledger's count."
    sentence: Callable[[int, str], str] = lambda _line, reason: reason
    "Builds a reject's sentence from its line and its reason."
    may_end_batch: bool = True
    "Whether a transaction may end behind it, with the rest of its file in the next one."


@dataclass(frozen=True)
class Landing:
    """What became of one arrival, and its file's line of the ledger behind it."""

    result: FileResult
    entry: Entry


class Batch:
    """What lands in one transaction, under construction: pieces are staged as they come, small ones alike together."""

    def __init__(self, store: Store, slice_bytes: int | None = None) -> None:
        self._store = store
        self._slice_bytes = slice_bytes or store.settings.slice_bytes
        self._cursor = store.cursor()
        self._arrivals: list[Arrival] = []
        self._groups: dict[str, list[PieceContext]] = {}
        self._bytes = 0

    def __enter__(self) -> Self:
        empty_stage(self._cursor)
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
        self._arrivals.append(arrival)
        if arrival.context is None:
            return
        context = replace(arrival.context, number=len(self._arrivals) - 1)
        self._bytes += context.piece.size
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
        write = partial(land_batch, arrivals=arrivals, extra=extra, covered_at=covered_at)
        landings = self._store.write(write, on=self._cursor)
        empty_stage(self._cursor)
        self._arrivals, self._bytes = [], 0
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

        What is read where it is lies on a disk, which may fail: then each is staged alone, to find the one.
        """
        try:
            staged = stage_pieces(self._cursor, contexts)
            for context, rejects in zip(contexts, staged, strict=True):
                if rejects:
                    self._arrivals[context.number] = rejecting(self._arrivals[context.number], rejects)
        except OSError as error:
            for context in contexts:
                unstage(self._cursor, context)
            if len(contexts) == 1:
                [context] = contexts
                self._arrivals[context.number] = unreadable(self._arrivals[context.number], error)
            else:
                for context in contexts:
                    self._stage_open([context])


def continued(arrival: Arrival, line: Entry | None) -> Arrival:
    """Makes an arrival the continuation of the line of the ledger that an earlier batch has written."""
    return arrival if line is None else replace(arrival, seen=line, base=line)


def may_wait(context: PieceContext) -> bool:
    """Whether a piece is staged together with others alike: small, a copy of its own, and JSON."""
    small = context.piece.handle is not None and context.piece.size < SMALL
    return small and context.head.layout in ("lines", "array", "document")


def rejecting(arrival: Arrival, rejects: Sequence[Reject]) -> Arrival:
    """Adds its piece's rejects to an arrival, with their lines in the file where the file itself tells them."""
    before = arrival.lines_before() if arrival.lines_before else 0
    return replace(arrival, rejects=tuple(replace(one, line=one.line + before) for one in rejects))


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


def land_batch(
    cursor: Cursor, arrivals: Sequence[Arrival], extra: Extra | None = None, covered_at: datetime | None = None
) -> list[Landing]:
    """Writes a batch inside a transaction; it may run again after a conflict, so it changes nothing but the store."""
    now = datetime.now(UTC).replace(tzinfo=None)
    loaded = load_staged(cursor, {number: arrival.file for number, arrival in enumerate(arrivals)})
    first = {arrival.file: arrival for arrival in reversed(arrivals)}
    current = entries_of(cursor, list(first))
    elsewhere = read_elsewhere(arrivals, current)
    bases = {name: base_of(arrival, current.get(name)) for name, arrival in first.items()}
    if covered_at is not None:
        record_coverage(cursor, evidence_of(arrivals, bases), covered_at)
    landings: list[Landing] = []
    entries: dict[str, Entry] = {}
    rejects: list[tuple[str, Reject]] = []
    for number, arrival in enumerate(arrivals):
        if arrival.file in elsewhere:
            nothing = result_of(arrival.file, arrival.source, counts_of(None, 0))
            landings.append(Landing(nothing, current[arrival.file]))
            continue
        base = entries.get(arrival.file) or bases[arrival.file]
        new = new_rejects(cursor, arrival, rejects)
        counts = counts_of(loaded.get(number), len(new), len(arrival.rejects) - len(new))
        rejects += [(arrival.file, placed(arrival, base, reject)) for reject in new]
        if counts.lines or counts.passed_over or arrival.position is not None:
            entries[arrival.file] = entry_plus(moved(arrival, base), counts, now)
        landings.append(Landing(result_of(arrival.file, arrival.source, counts), entries.get(arrival.file, base)))
    keep_rejects(cursor, rejects, now)
    keep_entries(cursor, list(entries.values()))
    if extra is not None:
        extra(cursor)
    return landings


def base_of(arrival: Arrival, current: Entry | None) -> Entry:
    """Chooses the ledger's line to go on from; another process's line counts where it came in between."""
    own = arrival.base or Entry.new(arrival.file, arrival.source)
    as_seen = arrival.base is not None and current == arrival.seen
    return own if as_seen or current is None else current


def read_elsewhere(arrivals: Iterable[Arrival], current: Mapping[str, Entry]) -> set[str]:
    """Returns the files that another process has read just as far since they were looked at: their lines count once.

    So do those of a commit that was done after the process that made it was killed and had started anew.
    """
    last = {arrival.file: arrival for arrival in arrivals}
    return {
        file
        for file, arrival in last.items()
        if (to := arrival.position) is not None
        and (now := current.get(file)) is not None
        and now not in (arrival.seen, arrival.base)
        and (now.read_to, now.fingerprint) == (to.read_to, to.fingerprint)
    }


def moved(arrival: Arrival, base: Entry) -> Entry:
    """Moves a file's line of the ledger to where it is read with an arrival."""
    summed = base.read_to + arrival.arrived
    to = arrival.position or Position(summed, summed, base.fingerprint)
    source = arrival.source or base.source
    return replace(base, source=source, **vars(to))


def new_rejects(cursor: Cursor, arrival: Arrival, earlier: Sequence[tuple[str, Reject]]) -> Sequence[Reject]:
    """Leaves out what was rejected before: Graph gives the same record again at every poll, at another place.

    `earlier` are the rejects of the batch's arrivals before this one.
    """
    if arrival.position is not None or not arrival.rejects:
        return arrival.rejects
    before = rejected_before(cursor, arrival.file) | {one.raw for file, one in earlier if file == arrival.file}
    return [one for one in arrival.rejects if one.raw not in before]


def placed(arrival: Arrival, base: Entry, reject: Reject) -> Reject:
    """Numbers a reject by its line in the file, and builds its sentence."""
    line = reject.line + (base.lines if arrival.lines_before is None else 0)
    return replace(reject, line=line, reason=arrival.sentence(line, reject.reason))


def evidence_of(arrivals: Sequence[Arrival], former: Mapping[str, Entry]) -> list[Evidence]:
    """Lists what each arrival's file is evidence of; `former` has each file's line before this transaction."""
    return [
        Evidence(number, one.file, one.source, before.first_event_at, before.last_event_at)
        for number, one in enumerate(arrivals)
        for before in [former[one.file]]
    ]
