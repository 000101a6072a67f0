"""New bytes become rows, rejects and a line of the ledger, together in one transaction.

Small files share a transaction and a large one takes several, so that a commit is never far and never tiny. Whatever
happens in between, `files.read_to` says how far each file was read, and `lines = kept + duplicates + rejects` holds.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from os.path import commonprefix
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.finding import File, IngestError, found
from pipeline.landing import Landed, empty_stage, keep_rejects, land
from pipeline.ledger import Entry, fingerprint, keep_entries, lines_before, read_ledger, resumed
from pipeline.reading import LOOK_AT_MOST, CutShort, Piece, beginning, decoded, look, pieces, whole
from pipeline.sources import recognise
from pipeline.sources.head import Head
from pipeline.sources.portal import is_changes, is_steps
from pipeline.sources.source import Source, alike
from pipeline.staging import Reject, Staged, Told, cleaned, stage_pieces
from pipeline.store import Cursor, Store

__all__ = ["FileResult", "IngestError", "Report", "ingest"]

Progress = Callable[[int, int], None]
TOGETHER = 64
"How many small files alike are read by one statement: planning it costs more than reading them."
SMALL = 1 << 20
WANTED = (
    "Graph events, diagnostic records, Log Analytics rows, a portal download, synchronization jobs, "
    "SCIM requests as JSON or combined log lines were looked for"
)


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


@dataclass
class Group:
    """Small files alike that one statement will read."""

    source: Source
    told: list[Told] = field(default_factory=list)


def ingest(store: Store, paths: Iterable[str | Path], *, progress: Progress | None = None) -> Report:
    """Reads files and folders once, from where each was left; `-` is standard input.

    `progress` is told the bytes done and the bytes there are. Raises IngestError for a path that is not there.
    """
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        run = Run(store, list(found(paths, Path(folder))), progress)
        try:
            run.read()
        finally:
            run.close()
    return Report(run.results, time.monotonic() - began)


class Run:
    """One reading of some files; it holds the staging tables and what waits for the next commit."""

    def __init__(self, store: Store, files: list[File], progress: Progress | None) -> None:
        self.store = store
        self.files = files
        self.results: list[FileResult] = []
        self.progress = progress or (lambda done, total: None)
        self.cursor = store.cursor()
        self.waiting: list[Arrival] = []
        self.groups: dict[str, Group] = {}
        self.held = ExitStack()
        self.bytes_waiting = 0
        self.total = sum(file.path.stat().st_size for file in files)
        self.csv_heads = {file.name: look(file.path) for file in files if file.path.suffix.lower() == ".csv"}
        empty_stage(self.cursor)

    def close(self) -> None:
        """Lets go of the staging tables and of pieces in memory."""
        self.held.close()
        self.cursor.close()

    def read(self) -> None:
        """Reads every file and commits the last batch."""
        ledger = read_ledger(self.store)
        done = 0
        for file in self.files:
            began = time.monotonic()
            result = FileResult(file.name)
            self.results.append(result)
            self.read_file(file, result, ledger.get(file.name), done)
            result.seconds = time.monotonic() - began
            done += file.path.stat().st_size
            self.progress(done, self.total)
        self.commit()

    def read_file(self, file: File, result: FileResult, former: Entry | None, done: int) -> None:
        """Stages what is new in one file."""
        size = file.path.stat().st_size
        if size == 0:
            return
        head = self.csv_heads.get(file.name) or look(file.path)
        source = recognise(head)
        result.source = source.name if source else None
        by_lines = source is not None and head.layout in ("lines", "text")
        start = resumed(file.path, former, by_lines)
        if start is None:
            return
        entry = Entry.new(file.name, result.source, size, former if start else None)
        if source is None:
            self.pass_over(file, head, result, entry)
            return
        slices = self.store.settings.slice_bytes
        try:
            for piece in pieces(file.path, start, slices, self.held) if by_lines else whole(file.path, self.held):
                read_to = piece.end if by_lines else size
                entry = replace(entry, read_to=read_to, fingerprint=fingerprint(file.path, read_to, by_lines))
                self.add(source, head, piece, Arrival(len(self.waiting), file, result, entry, by_lines))
                self.progress(min(done + piece.end, done + size), self.total)
        except CutShort as error:
            entry = replace(entry, fingerprint=fingerprint(file.path, size, False))
            self.reject_file(file, result, entry, f"{file.path.name}: {error}; what came before is kept.")

    def add(self, source: Source, head: Head, piece: Piece, arrival: Arrival) -> None:
        """Stages a piece, at once or together with others alike, and commits when enough waits."""
        told = self.told(arrival, source, head, piece)
        self.waiting.append(arrival)
        self.bytes_waiting += piece.end - piece.begin
        if head.layout in ("lines", "array", "document") and piece.end - piece.begin < SMALL:
            kind = f"{alike(source, head)} {told.written_at if source.table == 'job_snapshots' else ''}"
            group = self.groups.setdefault(kind, Group(source))
            group.told.append(told)
            if len(group.told) >= TOGETHER:
                self.stage(self.groups.pop(kind))
        else:
            self.stage(Group(source, [told]))
        if self.bytes_waiting >= self.store.settings.slice_bytes or len(self.waiting) >= 8 * TOGETHER:
            self.commit()

    def stage(self, group: Group) -> None:
        """Stages a group and notes its rejects with the arrivals."""
        for told, staged in zip(group.told, stage_pieces(self.cursor, group.source, group.told), strict=True):
            arrival = self.waiting[told.number]
            arrival.rejects = placed(arrival, told.piece, staged)

    def told(self, arrival: Arrival, source: Source, head: Head, piece: Piece) -> Told:
        """Gathers what the piece itself does not say."""
        written = datetime.fromtimestamp(int(arrival.file.path.stat().st_mtime), UTC).replace(tzinfo=None)
        told = Told(arrival.number, head, piece, str(written))
        if source.name != "portal":
            return told
        return replace(
            told, steps=self.beside(arrival.file, is_steps), changes=self.beside(arrival.file, is_changes)
        )

    def beside(self, file: File, wanted: Callable[[Head], bool]) -> tuple[str, Head] | None:
        """Finds the file of a portal download that belongs to a main file: beside it, and named most alike."""
        near = [one for one in self.files if one.group == file.group and one.name in self.csv_heads]
        fits = [one for one in near if wanted(self.csv_heads[one.name])]
        if not fits:
            return None
        best = max(fits, key=lambda one: len(commonprefix([one.path.stem, file.path.stem])))
        return str(best.path), self.csv_heads[best.name]

    def pass_over(self, file: File, head: Head, result: FileResult, entry: Entry) -> None:
        """Settles a file that no source knows: a part of a portal download, a tenant's answer key, or a reject."""
        entry = replace(entry, fingerprint=fingerprint(file.path, entry.size, False))
        if is_steps(head) or is_changes(head):
            near = [self.csv_heads.get(one.name) for one in self.files if one.group == file.group]
            if any(recognise(one) for one in near if one is not None):
                result.source = "portal"
                return
            reason = "is the second or third file of a portal download; its main file was not beside it"
        elif head.has("planted", "totals", "seed"):
            return
        else:
            reason = unknown(head, file.path)
        self.reject_file(file, result, entry, f"{file.path.name} {reason}.")

    def reject_file(self, file: File, result: FileResult, entry: Entry, reason: str) -> None:
        """Keeps one reject for a file as a whole."""
        arrival = Arrival(len(self.waiting), file, result, replace(entry, read_to=entry.size))
        arrival.rejects = [Reject(0, reason, cleaned(beginning(file.path, 4096)[:4096]))]
        self.waiting.append(arrival)

    def commit(self) -> None:
        """Lands what waits as one transaction."""
        for group in self.groups.values():
            self.stage(group)
        self.groups.clear()
        if self.waiting:
            self.store.write(self.land, on=self.cursor)
            empty_stage(self.cursor)
        for arrival, found in self.landed:
            note(arrival, found)
        self.held.close()
        self.waiting, self.landed, self.bytes_waiting = [], [], 0

    def land(self, cursor: Cursor) -> None:
        """Writes rows, rejects and the ledger's lines; may run again, so it changes nothing but the store."""
        now = datetime.now(UTC).replace(tzinfo=None)
        rows = land(cursor)
        keep_rejects(cursor, [(one.file.name, reject) for one in self.waiting for reject in one.rejects], now)
        entries: dict[str, Entry] = {}
        self.landed = [(one, rows.get(one.number, Landed(0, 0, 0, None, None))) for one in self.waiting]
        for arrival, landed in self.landed:
            base = entries.get(arrival.file.name, arrival.entry)
            entries[arrival.file.name] = counted(base, arrival, landed, now)
        keep_entries(cursor, list(entries.values()))

    landed: list[tuple[Arrival, Landed]] = []


def counted(entry: Entry, arrival: Arrival, landed: Landed, now: datetime) -> Entry:
    """Gives a file's ledger line with one more piece in it."""
    moments = [one for one in (entry.first_event_at, entry.last_event_at, landed.first, landed.last) if one is not None]
    return replace(
        entry,
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
    name = arrival.file.path.name
    return [
        replace(
            reject,
            line=reject.line + before,
            reason=f"{name}:{reject.line + before}: {reject.reason}. The line is kept in rejects.",
        )
        for reject in staged.rejects
    ]


def unknown(head: Head, path: Path) -> str:
    """Says what was looked for in a file that no source knows."""
    if head.has("key", "value") and head.layout == "document":
        return (
            "is the answer to a provision-on-demand request: it has a change id but neither an event id nor a job id; "
            "a record of the provisioning log was expected"
        )
    if head.has("schemas"):
        return "is a SCIM resource or message without method, path and time; a log of requests was expected"
    if head.layout == "document" and not head.samples:
        fault = decoded(beginning(path, LOOK_AT_MOST))
        return f"{fault}. {WANTED}" if isinstance(fault, ValueError) else f"is JSON of no known shape; {WANTED}"
    return f"is of no known shape; {WANTED}"
