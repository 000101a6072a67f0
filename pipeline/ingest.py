"""New bytes become rows, rejects and a line of the ledger, together in one transaction.

Small files share a transaction and a large one takes several, so that a commit is never far and never tiny. Whatever
happens in between, `files.read_to` says how far each file was read, and `lines = kept + duplicates + rejects` holds.
"""

import hashlib
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from os.path import commonprefix
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.landing import Entry, Landed, empty_stage, keep_entries, keep_rejects, land
from pipeline.reading import LOOK_AT_MOST, CutShort, Piece, beginning, blocks, compressed, decoded, look, pieces, whole
from pipeline.sources import recognise
from pipeline.sources.head import Head
from pipeline.sources.portal import is_changes, is_steps
from pipeline.sources.source import Source
from pipeline.staging import Reject, Staged, Told, cleaned, stage_piece
from pipeline.store import Cursor, Store

Progress = Callable[[int, int], None]
FILES_AT_ONCE = 100
UNREAD = {".md", ".py", ".pyc", ".toml", ".lock", ".wal", ".tmp", ".part"}
"What a walk through a folder passes over; a file that is named is always looked at."
WANTED = (
    "Graph events, diagnostic records, Log Analytics rows, a portal download, synchronization jobs, "
    "SCIM requests as JSON or combined log lines were looked for"
)


class IngestError(Exception):
    """A path cannot be read at all; the message says which and why."""


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
class File:
    """A file to be read, under the name that the ledger has it by."""

    name: str
    path: Path
    group: Path
    "The folder whose files belong together."


@dataclass
class Arrival:
    """One file's part of a transaction."""

    number: int
    result: FileResult
    entry: "Entry"
    "The ledger's line as it will be, before this transaction's counts."
    rejects: list[Reject] = field(default_factory=list)
    broken: int = 0
    "Rejected lines; the staged ones are counted by landing."


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
        self.progress = progress
        self.cursor = store.cursor()
        self.waiting: list[Arrival] = []
        self.waiting_bytes = 0
        self.done = 0
        self.total = sum(file.path.stat().st_size for file in files)
        self.heads = {file.name: look(file.path) for file in files if file.path.suffix.lower() == ".csv"}
        empty_stage(self.cursor)

    def close(self) -> None:
        """Lets go of the staging tables."""
        self.cursor.close()

    def read(self) -> None:
        """Reads every file and commits the last batch."""
        ledger = read_ledger(self.store)
        for file in self.files:
            began = time.monotonic()
            result = FileResult(file.name)
            self.results.append(result)
            self.read_file(file, result, ledger.get(file.name))
            result.seconds = time.monotonic() - began
            self.done += file.path.stat().st_size
            self.tell(self.done)
        self.commit()

    def tell(self, done: int) -> None:
        """Passes the progress on."""
        if self.progress:
            self.progress(min(done, self.total), self.total)

    def read_file(self, file: File, result: FileResult, former: Entry | None) -> None:
        """Stages what is new in one file."""
        size = file.path.stat().st_size
        if size == 0:
            return
        head = self.heads.get(file.name) or look(file.path)
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
        told = self.told(file, source)
        try:
            for piece in pieces(file.path, start, self.store.settings.slice_bytes) if by_lines else whole(file.path):
                entry = replace(entry, read_to=piece.end if by_lines else size)
                entry = replace(entry, fingerprint=fingerprint(file.path, entry.read_to, by_lines))
                arrival = Arrival(len(self.waiting), result, entry)
                staged = stage_piece(self.cursor, source, head, piece, replace(told, number=arrival.number))
                self.add(file, arrival, staged, piece, by_lines)
        except CutShort as error:
            entry = replace(entry, fingerprint=fingerprint(file.path, size, False))
            self.reject_file(file, result, entry, f"{file.name}: {error}; what came before it is kept")

    def told(self, file: File, source: Source) -> Told:
        """Gathers what the file's content does not say."""
        written = datetime.fromtimestamp(int(file.path.stat().st_mtime), UTC).replace(tzinfo=None)
        if source.name != "portal":
            return Told(0, str(written))
        return Told(0, str(written), self.beside(file, is_steps), self.beside(file, is_changes))

    def beside(self, file: File, wanted: Callable[[Head], bool]) -> tuple[str, Head] | None:
        """Finds the file of a portal download that belongs to a main file: beside it, and named most alike."""
        fits = [
            other for other in self.files if other.group == file.group and other.name in self.heads
            and wanted(self.heads[other.name])
        ]
        if not fits:
            return None
        best = max(fits, key=lambda other: len(commonprefix([other.path.stem, file.path.stem])))
        return str(best.path), self.heads[best.name]

    def pass_over(self, file: File, head: Head, result: FileResult, entry: Entry) -> None:
        """Settles a file that no source knows: a part of a portal download, a tenant's answer key, or a reject."""
        entry = replace(entry, read_to=entry.size, fingerprint=fingerprint(file.path, entry.size, False))
        if is_steps(head) or is_changes(head):
            if any(other.group == file.group and portal_main(self.heads.get(other.name)) for other in self.files):
                result.source = "portal"
                return
            reason = "is the second or third file of a portal download; its main file was not beside it"
        elif head.has("planted", "totals", "seed"):
            return
        else:
            reason = unknown(head, file.path)
        self.reject_file(file, result, entry, f"{file.path.name} {reason}")

    def reject_file(self, file: File, result: FileResult, entry: Entry, reason: str) -> None:
        """Keeps one reject for a file as a whole."""
        arrival = Arrival(len(self.waiting), result, replace(entry, read_to=entry.size))
        arrival.rejects = [Reject(0, reason, cleaned(beginning(file.path, 4096)[:4096]))]
        arrival.broken = 1
        self.waiting.append(arrival)

    def add(self, file: File, arrival: Arrival, staged: Staged, piece: Piece, by_lines: bool) -> None:
        """Adds a staged piece to what waits, and commits when enough does."""
        before = lines_before(file.path, piece.begin) if by_lines and staged.rejects else 0
        arrival.rejects = [
            replace(reject, line=reject.line + before, reason=placed(file, reject.line + before, reject.reason))
            for reject in staged.rejects
        ]
        arrival.broken = len(staged.rejects)
        self.waiting.append(arrival)
        self.waiting_bytes += piece.end - piece.begin
        if self.waiting_bytes >= self.store.settings.slice_bytes or len(self.waiting) >= FILES_AT_ONCE:
            self.commit()
            self.tell(self.done + (piece.end if not compressed(file.path) else 0))

    def commit(self) -> None:
        """Lands what waits as one transaction."""
        if self.waiting:
            self.store.write(self.land, on=self.cursor)
            empty_stage(self.cursor)
            self.waiting, self.waiting_bytes = [], 0

    def land(self, cursor: Cursor) -> None:
        """Writes rows, rejects and the ledger's lines."""
        now = datetime.now(UTC).replace(tzinfo=None)
        landed = land(cursor)
        keep_rejects(cursor, [(a.result.file, reject) for a in self.waiting for reject in a.rejects], now)
        entries: dict[str, Entry] = {}
        for arrival in self.waiting:
            found = landed.get(arrival.number, Landed(0, 0, 0, None, None))
            base = entries.get(arrival.result.file, arrival.entry)
            entries[arrival.result.file] = counted(base, arrival, found, now)
            note(arrival, found)
        keep_entries(cursor, list(entries.values()))


def counted(entry: Entry, arrival: Arrival, found: Landed, now: datetime) -> Entry:
    """Gives a file's ledger line with one more piece in it."""
    kept = found.lines - found.duplicates
    moments = [m for m in (entry.first_event_at, entry.last_event_at, found.first, found.last) if m is not None]
    return replace(
        entry,
        read_to=arrival.entry.read_to,
        fingerprint=arrival.entry.fingerprint,
        lines=entry.lines + found.lines + arrival.broken,
        kept=entry.kept + kept,
        duplicates=entry.duplicates + found.duplicates,
        rejects=entry.rejects + arrival.broken,
        unfamiliar=entry.unfamiliar + found.unfamiliar,
        first_event_at=min(moments, default=None),
        last_event_at=max(moments, default=None),
        finished_at=now,
    )


def note(arrival: Arrival, found: Landed) -> None:
    """Adds what became of a piece to its file's result."""
    result = arrival.result
    result.lines += found.lines + arrival.broken
    result.kept += found.lines - found.duplicates
    result.duplicates += found.duplicates
    result.rejects += arrival.broken
    result.unfamiliar += found.unfamiliar


def placed(file: File, line: int, reason: str) -> str:
    """Says where a reject stood, as an editor would jump there."""
    return f"{file.path.name}:{line}: {reason}. The line is kept in rejects."


def unknown(head: Head, path: Path) -> str:
    """Says what was looked for in a file that no source knows."""
    if head.has("key", "value") and head.layout == "document":
        return (
            "is the answer to a provision-on-demand request: it has a change id but neither an event id nor a job id; "
            "a provisioning log record was expected, which the same run leaves in the log"
        )
    if head.has("schemas"):
        return "is a SCIM resource or message without method, path and time; a log of requests was expected"
    if head.layout == "document" and not head.samples:
        fault = decoded(beginning(path, LOOK_AT_MOST))
        return f"{fault}. {WANTED}" if isinstance(fault, ValueError) else f"is JSON of no known shape; {WANTED}"
    return "is of no known shape; " + WANTED


def portal_main(head: Head | None) -> bool:
    """Whether a CSV is the main file of a portal download."""
    found = recognise(head) if head else None
    return found is not None and found.name == "portal"


def read_ledger(store: Store) -> dict[str, Entry]:
    """Gives what is known of every file that was read before."""
    names = ", ".join(f'"{name}"' for name in Entry.__dataclass_fields__)
    return {str(row[0]): Entry(*row) for row in store.rows(f"select {names} from files")}


def resumed(path: Path, former: Entry | None, by_lines: bool) -> int | None:
    """Gives the byte from which a file is read; None when there is nothing new in it, 0 for one that is not as it was."""
    size = path.stat().st_size
    if former is None:
        return 0
    grows = by_lines and not compressed(path)
    if former.fingerprint != fingerprint(path, former.read_to if grows else size, grows):
        return 0
    if grows:
        return None if former.read_to >= size else former.read_to
    return None if former.size == size else 0


def fingerprint(path: Path, read_to: int, by_lines: bool) -> str:
    """Tells a file from another that took its name: a growing one by its beginning, any other by both ends."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        if by_lines and not compressed(path):
            digest.update(stream.read(min(1024, read_to)))
        else:
            digest.update(stream.read(65536))
            stream.seek(max(0, path.stat().st_size - 65536))
            digest.update(stream.read())
    return digest.hexdigest()[:32]


def lines_before(path: Path, byte: int) -> int:
    """Counts the lines of a file's content before a byte."""
    count, left = 0, byte
    for block in blocks(path) if byte else ():
        count += block[:left].count(b"\n")
        left -= len(block)
        if left <= 0:
            break
    return count


def found(paths: Iterable[str | Path], folder: Path) -> Iterator[File]:
    """Gives the files of the paths, folders walked in order and zip files unpacked into `folder`."""
    for given in paths:
        if str(given) == "-":
            yield standard_input(folder)
            continue
        path = Path(given)
        if not path.exists():
            raise IngestError(f"{path} does not exist; give a file or a folder of logs.")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and (not path.is_dir() or wanted(file, path)):
                yield from opened(file, folder)


def wanted(file: Path, folder: Path) -> bool:
    """Whether a walk reads a file: nothing hidden, no program, no prose."""
    inside = file.relative_to(folder).parts
    return file.suffix.lower() not in UNREAD and not any(part.startswith(".") for part in inside)


def opened(file: Path, folder: Path) -> Iterator[File]:
    """Gives a file, or what a zip file holds."""
    name = str(file.resolve())
    if not zipfile.is_zipfile(file):
        yield File(name, file, file.resolve().parent)
        return
    into = folder / hashlib.sha256(name.encode()).hexdigest()[:16]
    with zipfile.ZipFile(file) as packed:
        for member in sorted(packed.namelist()):
            if not member.endswith("/"):
                yield File(f"{name}/{member}", Path(packed.extract(member, into)), into)


def standard_input(folder: Path) -> File:
    """Gives standard input as a file that lives in memory."""
    handle = os.memfd_create("stdin")
    with open(handle, "wb", closefd=False) as stream:
        shutil.copyfileobj(sys.stdin.buffer, stream)
    return File("-", Path(f"/proc/self/fd/{handle}"), folder)
