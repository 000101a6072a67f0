"""What one transaction writes: rows, rejects, the ledger's lines, coverage and whatever its caller adds.

Files, pages of Graph and stretches of blobs all land so: `lines = kept + duplicates + rejects` holds however a record
came, and a reader that is killed leaves a whole batch or none of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pipeline.ingest.coverage import Evidence, record_coverage
from pipeline.ingest.load import Loaded, keep_rejects, load_staged, rejected_before
from pipeline.ingest.offsets import Entry, Position, entries_of, keep_entries, keep_replaced
from pipeline.ingest.piece_context import PieceContext, Reject
from pipeline.ingest.results import FileResult, counts_of, entry_plus, result_of
from pipeline.store.lake import Cursor

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


def land_batch(
    cursor: Cursor,
    arrivals: Mapping[int, Arrival],
    extra: Extra | None = None,
    covered_at: datetime | None = None,
    loaded: Mapping[int, Loaded] | None = None,
) -> list[Landing]:
    """Writes a batch inside a transaction; it may run again after a conflict, so it changes nothing but the store.

    `arrivals` are by the numbers of their pieces; `loaded` is what became of their rows where these are stored already.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    if loaded is None:
        loaded = load_staged(cursor, {number: arrival.file for number, arrival in arrivals.items()})
    first = {arrival.file: arrival for arrival in reversed(list(arrivals.values()))}
    current = entries_of(cursor, list(first))
    elsewhere = read_elsewhere(arrivals.values(), current)
    bases = {name: base_of(arrival, current.get(name)) for name, arrival in first.items()}
    if covered_at is not None:
        record_coverage(cursor, evidence_of(arrivals, bases), covered_at)
    landings: list[Landing] = []
    entries: dict[str, Entry] = {}
    rejects: list[tuple[str, Reject]] = []
    for number, arrival in arrivals.items():
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
    if begun_anew := [name for name in entries if name in current and current[name] != bases[name]]:
        keep_replaced(cursor, begun_anew)
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


def continued(arrival: Arrival, line: Entry | None) -> Arrival:
    """Makes an arrival the continuation of the line of the ledger that an earlier batch has written."""
    return arrival if line is None else replace(arrival, seen=line, base=line)


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


def evidence_of(arrivals: Mapping[int, Arrival], former: Mapping[str, Entry]) -> list[Evidence]:
    """Lists what each arrival's file is evidence of; `former` has each file's line before this transaction."""
    return [
        Evidence(number, one.file, one.source, before.first_event_at, before.last_event_at)
        for number, one in arrivals.items()
        for before in [former[one.file]]
    ]
