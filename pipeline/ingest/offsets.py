"""How far each file was read: the table `files`, and whether a file is still the one that was read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.ingest.opened_file import ENDS, Opened
from pipeline.store.lake import Cursor, Store
from pipeline.store.rows import column_names, insert_rows

GROWING_ENDS = 1024
"Bytes at either end of what was read, by which a file that grows is told from another of its name."


@dataclass(frozen=True)
class Entry:
    """A line of the ledger `files`."""

    file: str
    source: str | None
    size: int
    read_to: int
    lines: int
    kept: int
    duplicates: int
    rejects: int
    unfamiliar: int
    first_event_at: datetime | None
    last_event_at: datetime | None
    finished_at: datetime | None
    fingerprint: str

    @classmethod
    def new(cls, file: str, source: str | None = None, size: int = 0) -> "Entry":
        """Builds the line of a file of which nothing was read."""
        return cls(file, source, size, 0, 0, 0, 0, 0, 0, None, None, None, "")


@dataclass(frozen=True)
class Position:
    """How far a file is read, and by what it is known again."""

    read_to: int
    size: int
    fingerprint: str


COLUMNS = column_names(Entry)


def read_ledger(store: Store, prefix: str = "") -> dict[str, Entry]:
    """Reads the line of every file that was read before, or of those whose names start with `prefix`."""
    rows = store.rows(f'select {COLUMNS} from files where starts_with("file", ?)', [prefix])
    return {str(row[0]): Entry(*row) for row in rows}


def entries_of(cursor: Cursor, files: Sequence[str]) -> dict[str, Entry]:
    """Reads the ledger's lines of some files, as a transaction sees them."""
    rows = cursor.execute(f'select {COLUMNS} from files where list_contains(?, "file")', [list(files)]).fetchall()
    return {str(row[0]): Entry(*row) for row in rows}


def keep_entries(cursor: Cursor, entries: Sequence[Entry]) -> None:
    """Writes the ledger's lines, each in place of its file's former one."""
    if entries:
        cursor.execute('delete from files where "file" in (select unnest(?))', [[entry.file for entry in entries]])
        insert_rows(cursor, "files", entries)


def start_of(opened: Opened, former: Entry | None, by_lines: bool) -> int | None:
    """Returns the byte from which a file is read; None when nothing in it is new, 0 for one that is not as it was."""
    if former is None:
        return 0
    if by_lines and not opened.compressed:
        same = former.fingerprint == fingerprint_to(opened, former.read_to)
        return (None if former.read_to >= opened.size else former.read_to) if same else 0
    mark, _, at = former.fingerprint.partition("@")
    if former.size != opened.size or mark != whole_fingerprint(opened):
        return 0
    return int(at) if at else None


def position_at(opened: Opened, end: int) -> Position:
    """Returns how far a file is read at byte `end` of its content; a compressed one is marked as unfinished."""
    if not opened.compressed:
        return Position(end, max(opened.size, end), fingerprint_to(opened, end))
    return Position(min(end, opened.size), opened.size, f"{whole_fingerprint(opened)}@{end}")


def position_at_end(opened: Opened) -> Position:
    """Returns how far a file is read when all of it is."""
    return Position(opened.size, opened.size, whole_fingerprint(opened))


def is_unchanged(opened: Opened, former: Entry | None) -> bool:
    """Whether a file was read to its end and is as it was, for which its content need not be understood."""
    if former is None or not former.size == former.read_to == opened.size:
        return False
    return former.fingerprint in (fingerprint_to(opened, opened.size), whole_fingerprint(opened))


def fingerprint_to(opened: Opened, read_to: int) -> str:
    """Digests both ends of what was read of a file that grows; a compressed one does not, so both ends of it all."""
    if opened.compressed:
        return whole_fingerprint(opened)
    much = min(GROWING_ENDS, read_to)
    return digest(opened.read(0, much), opened.read(read_to - much, much))


def whole_fingerprint(opened: Opened) -> str:
    """Digests both ends of a file, by which it is told from another that took its name."""
    return digest(opened.first[:ENDS], opened.last[-ENDS:])


def digest(first: bytes, last: bytes) -> str:
    """Digests two ends."""
    return hashlib.sha256(first + last).hexdigest()[:32]
