"""New bytes become rows, rejects and a line of the ledger, together in one transaction.

Small files share a transaction and a large one takes several, so that a commit is never far and never tiny. Whatever
happens in between, `files.read_to` says how far each file was read, and `lines = kept + duplicates + rejects` holds.
"""

import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.config.clock import now as present
from pipeline.ingest.coverage import vouch
from pipeline.ingest.discover import File, found
from pipeline.ingest.formats import recognise
from pipeline.ingest.formats.portal import is_changes, is_steps
from pipeline.ingest.formats.source import Source, alike
from pipeline.ingest.layout import Head
from pipeline.ingest.load import Landed, empty_stage, keep_rejects, land
from pipeline.ingest.offsets import (
    Entry,
    entries_of,
    fingerprint,
    keep_entries,
    reached,
    read_ledger,
    resumed,
    unchanged,
    unfinished,
)
from pipeline.ingest.pieces import CutShort, Piece, beginning, compressed, look, pieces, whole
from pipeline.ingest.results import Arrival, FileResult, Report, counted, note, placed, size_of
from pipeline.ingest.stage import Reject, Told, cleaned, stage_pieces
from pipeline.ingest.unrecognised import begun, no_text, unknown
from pipeline.store.lake import Cursor, Store

__all__ = ["FileResult", "Report", "ingest"]

Progress = Callable[[int, int], None]
TOGETHER = 64
"How many small files alike are read by one statement: planning it costs more than reading them."
SMALL = 1 << 20


@dataclass
class Group:
    """Small files alike that one statement will read."""

    source: Source
    told: list[Told] = field(default_factory=list)


def ingest(
    store: Store, paths: Iterable[str | Path], *, progress: Progress | None = None, leave: Container[Path] = ()
) -> Report:
    """Reads files and folders once, from where each was left; `-` is standard input. Files in `leave` are passed over.

    `progress` is told the bytes done and the bytes there are. Raises IngestError for a path that is not there.
    """
    began = time.monotonic()
    with ExitStack() as held:
        run = Run(store, list(found(paths, held, leave)), progress)
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
        self.progress = progress or (lambda _done, _total: None)
        self.cursor = store.cursor()
        self.waiting: list[Arrival] = []
        self.groups: dict[str, Group] = {}
        self.held = ExitStack()
        self.bytes_waiting = 0
        self.total = sum(size_of(file) for file in self.files)
        self.headers: dict[str, Head | None] = {}
        self.ledger: dict[str, Entry] = {}
        self.begun: dict[str, Entry] = {}
        self.landed: list[tuple[Arrival, Landed]] = []
        self.written: dict[str, Entry] = {}
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
            except OSError as error:
                # One that is not there was moved away since the folder was walked.
                if not isinstance(error, FileNotFoundError):
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
        """Stages a file from byte `start` on, or all of it where it has no lines; a compressed one ends with a mark."""
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
        best, head = max(fits, key=lambda fit: alike_names(fit[0].name, file.name))
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
        for arrival, landed in self.landed:
            note(arrival, landed)
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
        vouch(cursor, self.waiting, self.written, present(self.store.settings).replace(tzinfo=None))
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


def alike_names(one: str, other: str) -> int:
    """Counts the letters with which two names begin alike."""
    return next(
        (n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )
