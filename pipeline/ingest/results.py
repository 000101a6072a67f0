"""What reading gave, file by file: for the report of one run, and for the ledger of all of them."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pipeline.ingest.discover import File
from pipeline.ingest.load import Landed
from pipeline.ingest.offsets import Entry, lines_before
from pipeline.ingest.pieces import Piece
from pipeline.ingest.stage import Reject, Staged


@dataclass
class FileResult:
    """What reading one file gave this time."""

    file: str
    source: str | None = None
    lines: int = 0
    kept: int = 0
    duplicates: int = 0
    rejects: int = 0
    unfamiliar: int = 0
    seconds: float = 0.0


@dataclass
class Report:
    """What a run gave, file by file."""

    files: list[FileResult] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Arrival:
    """One piece's part of a transaction."""

    number: int
    file: File
    result: FileResult
    entry: Entry
    "The ledger's line as it will be, before this transaction's counts."
    by_lines: bool = False
    rejects: list[Reject] = field(default_factory=list)


def size_of(file: File) -> int:
    """Gives a file's size; 0 for one that is gone."""
    try:
        return file.path.stat().st_size
    except OSError:
        return 0


def counted(entry: Entry, arrival: Arrival, landed: Landed, now: datetime) -> Entry:
    """Gives a file's ledger line with one more piece in it."""
    moments = [one for one in (entry.first_event_at, entry.last_event_at, landed.first, landed.last) if one is not None]
    return replace(
        entry,
        source=arrival.entry.source,
        size=arrival.entry.size,
        read_to=arrival.entry.read_to,
        fingerprint=arrival.entry.fingerprint,
        lines=entry.lines + landed.lines + len(arrival.rejects),
        kept=entry.kept + landed.lines - landed.duplicates,
        duplicates=entry.duplicates + landed.duplicates,
        rejects=entry.rejects + len(arrival.rejects),
        unfamiliar=entry.unfamiliar + landed.unfamiliar,
        first_event_at=min(moments, default=None),
        last_event_at=max(moments, default=None),
        finished_at=now,
    )


def note(arrival: Arrival, landed: Landed) -> None:
    """Adds what became of a piece to its file's result."""
    result = arrival.result
    result.lines += landed.lines + len(arrival.rejects)
    result.kept += landed.lines - landed.duplicates
    result.duplicates += landed.duplicates
    result.rejects += len(arrival.rejects)
    result.unfamiliar += landed.unfamiliar


def placed(arrival: Arrival, piece: Piece, staged: Staged) -> list[Reject]:
    """Gives a piece's rejects with their lines in the file, said as an editor would jump there."""
    before = lines_before(arrival.file.path, piece.begin) if arrival.by_lines and staged.rejects else 0
    name = Path(arrival.file.name).name
    return [
        replace(
            reject,
            line=reject.line + before,
            reason=f"{name}:{reject.line + before}: {reject.reason}. The line is kept in rejects.",
        )
        for reject in staged.rejects
    ]
