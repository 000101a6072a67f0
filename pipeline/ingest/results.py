"""What became of what was read: counted once, for the report of one run and for the ledger of all of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipeline.ingest.load import Loaded
from pipeline.ingest.offsets import Entry


@dataclass(frozen=True)
class Counts:
    """What became of the lines of one piece; `lines = kept + duplicates + rejects`."""

    lines: int
    kept: int
    duplicates: int
    rejects: int
    unfamiliar: int
    first: datetime | None
    last: datetime | None
    passed_over: int = 0
    "Lines of a request log beside these that are no SCIM requests."


@dataclass(frozen=True)
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
    passed_over: int = 0
    "Lines of a request log beside these that are no SCIM requests."

    def plus(self, other: "FileResult") -> "FileResult":
        """Adds what another part of the same file gave."""
        return replace(
            self,
            source=other.source or self.source,
            lines=self.lines + other.lines,
            kept=self.kept + other.kept,
            duplicates=self.duplicates + other.duplicates,
            rejects=self.rejects + other.rejects,
            unfamiliar=self.unfamiliar + other.unfamiliar,
            seconds=self.seconds + other.seconds,
            passed_over=self.passed_over + other.passed_over,
        )


@dataclass(frozen=True)
class Report:
    """What a run gave, file by file."""

    files: list[FileResult] = field(default_factory=list)
    seconds: float = 0.0
    unreadable: frozenset[str] = frozenset()
    "Files that could not be read, and may be readable the next time though they are as they were."


def counts_of(loaded: Loaded | None, rejects: int, repeated_rejects: int = 0) -> Counts:
    """Counts a piece: the rows that were loaded of it, its new rejects, and those that had been rejected before."""
    rows = loaded or Loaded(0, 0, 0, None, None)
    return Counts(
        lines=rows.lines + rejects + repeated_rejects,
        kept=rows.lines - rows.duplicates,
        duplicates=rows.duplicates + repeated_rejects,
        rejects=rejects,
        unfamiliar=rows.unfamiliar,
        first=rows.first,
        last=rows.last,
        passed_over=rows.passed_over,
    )


def result_of(file: str, source: str | None, counts: Counts) -> FileResult:
    """Builds what a piece adds to its file's result."""
    return FileResult(
        file,
        source,
        counts.lines,
        counts.kept,
        counts.duplicates,
        counts.rejects,
        counts.unfamiliar,
        passed_over=counts.passed_over,
    )


def summed(parts: Iterable[FileResult]) -> list[FileResult]:
    """Sums the parts of each file's result, files in the order in which they were first met."""
    results: dict[str, FileResult] = {}
    for part in parts:
        former = results.get(part.file)
        results[part.file] = part if former is None else former.plus(part)
    return list(results.values())


def entry_plus(entry: Entry, counts: Counts, now: datetime) -> Entry:
    """Adds a piece's counts to its file's line of the ledger."""
    moments = [one for one in (entry.first_event_at, entry.last_event_at, counts.first, counts.last) if one is not None]
    return replace(
        entry,
        lines=entry.lines + counts.lines,
        kept=entry.kept + counts.kept,
        duplicates=entry.duplicates + counts.duplicates,
        rejects=entry.rejects + counts.rejects,
        unfamiliar=entry.unfamiliar + counts.unfamiliar,
        passed_over=(entry.passed_over or 0) + counts.passed_over,
        first_event_at=min(moments, default=None),
        last_event_at=max(moments, default=None),
        finished_at=now,
    )
