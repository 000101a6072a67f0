"""New bytes become rows, rejects and a line of the ledger, together in one transaction.

Small files share a transaction and a large one takes several, so that a commit is never far and never tiny. Whatever
happens in between, `files.read_to` says how far each file was read, and `lines = kept + duplicates + rejects` holds.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from os.path import commonprefix
from pathlib import Path

from pipeline.finding import File, IngestError, found
from pipeline.landing import Landed, empty_stage, keep_rejects, land
from pipeline.ledger import (
    Entry,
    entries_of,
    fingerprint,
    keep_entries,
    lines_before,
    reached,
    read_ledger,
    resumed,
    unchanged,
    unfinished,
)
from pipeline.reading import (
    LOOK,
    LOOK_AT_MOST,
    CutShort,
    Piece,
    beginning,
    blocks,
    compressed,
    decoded,
    look,
    pieces,
    whole,
)
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
    with ExitStack() as held:
        run = Run(store, list(found(paths, held)), progress)
        try:
            run.read()
        finally:
            run.close()
    return Report(run.results, time.monotonic() - began)


class Run:
    """One reading of some files; it holds the staging tables and what waits for the next commit."""

    def __init__(self, store: Store, files: list[File], progress: Progress | None) -> None:
        self.store = store
        self.files = list({file.name: file for file in files}.values())
        self.results: list[FileResult] = []
        self.progress = progress or (lambda done, total: None)
        self.cursor = store.cursor()
        self.waiting: list[Arrival] = []
        self.groups: dict[str, Group] = {}
        self.held = ExitStack()
        self.bytes_waiting = 0
        self.total = sum(size_of(file) for file in self.files)
        self.headers: dict[str, Head | None] = {}
        self.ledger: dict[str, Entry] = {}
        self.begun: dict[str, Entry] = {}
        empty_stage(self.cursor)

    def close(self) -> None:
        """Lets go of the staging tables and of pieces in memory."""
        self.held.close()
        self.cursor.close()

    def read(self) -> None:
        """Reads every file and commits the last batch."""
        self.ledger = read_ledger(self.store)
        done = 0
        for file in self.files:
            began = time.monotonic()
            result = FileResult(file.name)
            self.results.append(result)
            try:
                self.read_file(file, result, self.ledger.get(file.name), done)
            except FileNotFoundError:
                pass  # It was moved away since the folder was walked.
            except OSError as error:
                self.unread(replace(file, fault=f"cannot be read ({error.strerror})"), result)
            result.seconds = time.monotonic() - began
            done += size_of(file)
            self.progress(done, self.total)
        self.commit()

    def read_file(self, file: File, result: FileResult, former: Entry | None, done: int) -> None:
        """Stages what is new in one file."""
        if file.fault:
            self.unread(file, result)
            return
        size = file.path.stat().st_size
        if size == 0 or unchanged(file.path, former):
            return
        head = look(file.path)
        source = recognise(head)
        result.source = source.name if source else None
        by_lines = source is not None and head.layout in ("lines", "text")
        start = resumed(file.path, former, by_lines)
        if start is None:
            return
        entry = Entry.new(file.name, result.source, size, former if start else None)
        if source is None:
            self.pass_over(file, head, result, entry)
        else:
            self.read_pieces(file, source, head, result, entry, start if by_lines else None, done)

    def read_pieces(
        self, file: File, source: Source, head: Head, result: FileResult, entry: Entry, start: int | None, done: int
    ) -> None:
        """Stages a file from byte `start` on, or as a whole where it has no lines; a compressed one ends with a mark."""
        packed, size = compressed(file.path), entry.size
        ended = replace(entry, read_to=size, fingerprint=fingerprint(file.path, size, False))
        slices = self.store.settings.slice_bytes
        found = whole(file.path, self.held) if start is None else pieces(file.path, start, slices, self.held)
        try:
            for piece in found:
                if packed:
                    entry = replace(ended, read_to=min(piece.end, size), fingerprint=unfinished(ended, piece.end))
                elif start is not None:
                    entry = reached(entry, file.path, piece.end)
                else:
                    entry = ended
                self.add(source, head, piece, Arrival(len(self.waiting), file, result, entry, start is not None))
                if start is not None:
                    self.commit_when_full()
                self.progress(min(done + piece.end, done + size), self.total)
            if packed:
                self.expect(Arrival(len(self.waiting), file, result, ended))
            self.commit_when_full()
        except CutShort as error:
            self.reject_file(file, result, ended, f"{Path(file.name).name}: {error}; what came before is kept.")

    def expect(self, arrival: Arrival) -> None:
        """Lets an arrival wait for the next commit."""
        self.begun.setdefault(arrival.file.name, arrival.entry)
        self.waiting.append(arrival)

    def add(self, source: Source, head: Head, piece: Piece, arrival: Arrival) -> None:
        """Stages a piece, at once or together with others alike."""
        told = self.told(arrival, source, head, piece)
        self.expect(arrival)
        self.bytes_waiting += piece.end - piece.begin
        if head.layout in ("lines", "array", "document") and piece.end - piece.begin < SMALL:
            kind = f"{alike(source, head)} {told.written_at if source.table == 'job_snapshots' else ''}"
            group = self.groups.setdefault(kind, Group(source))
            group.told.append(told)
            if len(group.told) >= TOGETHER:
                self.stage(self.groups.pop(kind))
        else:
            self.stage(Group(source, [told]))

    def commit_when_full(self) -> None:
        """Commits when enough waits."""
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
        return replace(told, steps=self.beside(arrival.file, is_steps), changes=self.beside(arrival.file, is_changes))

    def beside(self, file: File, wanted: Callable[[Head], bool]) -> tuple[str, Head] | None:
        """Finds the file of a portal download that belongs to a main file: beside it, and named most alike."""
        fits = [(one, head) for one, head in self.near(file) if wanted(head)]
        if not fits:
            return None
        best, head = max(fits, key=lambda fit: len(commonprefix([fit[0].name, file.name])))
        return next(whole(best.path, self.held)).file, head

    def near(self, file: File) -> Iterator[tuple[File, Head]]:
        """Gives the CSV files in a file's folder or zip file, each looked at once."""
        for one in self.files:
            if one.group == file.group and not one.fault:
                if one.name not in self.headers:
                    head = look(one.path)
                    self.headers[one.name] = head if head.layout == "csv" else None
                if (known := self.headers[one.name]) is not None:
                    yield one, known

    def pass_over(self, file: File, head: Head, result: FileResult, entry: Entry) -> None:
        """Settles a file that no source knows: a part of a portal download, a tenant's answer key, or a reject."""
        entry = replace(entry, fingerprint=fingerprint(file.path, entry.size, False))
        if is_steps(head) or is_changes(head):
            if any(recognise(one) for _, one in self.near(file)):
                result.source = "portal"
                return
            reason = "is the second or third file of a portal download; its main file was not beside it"
        elif head.has("planted", "totals", "seed") or (head.empty and not no_text(file.path)) or begun(file.path):
            return
        else:
            reason = unknown(head, file.path)
        self.reject_file(file, result, entry, f"{Path(file.name).name} {reason}.")

    def unread(self, file: File, result: FileResult) -> None:
        """Keeps one reject for a file that cannot be read; it is not told again until it can."""
        former = self.ledger.get(file.name)
        if former is None or former.fingerprint != file.fault:
            entry = replace(Entry.new(file.name, None, size_of(file), None), fingerprint=file.fault)
            self.reject_file(file, result, entry, f"{Path(file.name).name} {file.fault}.")

    def reject_file(self, file: File, result: FileResult, entry: Entry, reason: str) -> None:
        """Keeps one reject for a file as a whole."""
        arrival = Arrival(len(self.waiting), file, result, replace(entry, read_to=entry.size))
        raw = b"" if file.fault else cleaned(beginning(file.path, 4096)[:4096])
        arrival.rejects = [Reject(0, reason, raw)]
        self.expect(arrival)
        self.commit_when_full()

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
        self.begun.update(self.written)
        self.ledger.update(self.written)
        self.held.close()
        self.waiting, self.landed, self.written, self.bytes_waiting = [], [], {}, 0

    def land(self, cursor: Cursor) -> None:
        """Writes rows, rejects and the ledger's lines; may run again, so it changes nothing but the store."""
        now = datetime.now(UTC).replace(tzinfo=None)
        rows = land(cursor)
        keep_rejects(cursor, [(one.file.name, reject) for one in self.waiting for reject in one.rejects], now)
        self.landed = [(one, rows.get(one.number, Landed(0, 0, 0, None, None))) for one in self.waiting]
        self.written = self.bases(cursor)
        for arrival, landed in self.landed:
            name = arrival.file.name
            self.written[name] = counted(self.written[name], arrival, landed, now)
        keep_entries(cursor, list(self.written.values()))

    def bases(self, cursor: Cursor) -> dict[str, Entry]:
        """Gives the ledger's lines that this commit adds to; another process's line counts where it came in between."""
        names = list(dict.fromkeys(one.file.name for one in self.waiting))
        current = entries_of(cursor, names)
        ours = {name: current.get(name) == self.ledger.get(name) for name in names}
        return {name: self.begun[name] if ours[name] else current.get(name, self.begun[name]) for name in names}

    landed: list[tuple[Arrival, Landed]] = []
    written: dict[str, Entry] = {}


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


def unknown(head: Head, path: Path) -> str:
    """Says what was looked for in a file that no source knows, and what it is instead where that shows."""
    if head.has("key", "value") and head.layout == "document":
        return (
            "is the answer to a provision-on-demand request: it has a change id but neither an event id nor a job id; "
            "a record of the provisioning log was expected"
        )
    if head.has("schemas"):
        return "is a SCIM resource or message without method, path and time; a log of requests was expected"
    seen = no_text(path)
    if not seen and head.layout in ("document", "array") and not head.samples:
        fault = decoded(beginning(path, LOOK_AT_MOST))
        seen = str(fault) if isinstance(fault, ValueError) else "is JSON of no known shape"
    return f"{seen or 'is of no known shape'}; {WANTED}"


def begun(path: Path) -> bool:
    """Whether a file is the beginning of one JSON line, which waits for its rest."""
    data = b"" if compressed(path) else beginning(path, LOOK)
    return data[:1] == b"{" and b"\n" not in data and len(data) < LOOK and isinstance(decoded(data), ValueError)


def no_text(path: Path) -> str:
    """Says why a file's content is not text in UTF-8; nothing where it is."""
    try:
        begins = next(blocks(path), b"")[:4096]
    except CutShort as error:
        return f"is a gzip file that cannot be unpacked: {error}"
    if begins[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in (begins[1:2], begins[:1]):
        return "is text in UTF-16; UTF-8 was expected, as `iconv -f UTF-16 -t UTF-8` writes it"
    return "is no text: it holds NUL bytes" if b"\0" in begins else ""
