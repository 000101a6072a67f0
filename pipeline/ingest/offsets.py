"""How far each file was read: the table `files`, and whether a file is still the one that was read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.ingest.discover import File
from pipeline.ingest.opened_file import ENDS, Opened
from pipeline.ingest.pieces import Part
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
    file_state: str | None = None
    "What changes whenever the file does, once it was read to its end; None where that is uncertain."
    passed_over: int | None = None
    "Lines of a request log that are no SCIM requests, beside the others."

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
    file_state: str | None = None


COLUMNS = column_names(Entry)
UNREADABLE = "cannot be read"
"How the fingerprint of a file begins that could not be read: it is the fault, for which the file is read again."
COUNTS = ("contents", "lines", "kept", "duplicates", "rejects", "unfamiliar", "passed_over")
REPLACED = f"""
select "file", source, {", ".join(f"sum({name})::bigint as {name}" for name in COUNTS)}, now()::timestamp as replaced_at
from (
    select "file", source, {", ".join(COUNTS)} from replaced_files
    union all
    select "file", source, 1, lines, kept, duplicates, rejects, unfamiliar, coalesce(passed_over, 0)
    from files
    where lines + coalesce(passed_over, 0) > 0
)
where "file" in (select unnest($files))
group by "file", source
"""
FEW = 64
"Files of which only their own lines of the ledger are read."


def read_ledger(store: Store, prefix: str = "") -> dict[str, Entry]:
    """Reads the line of every file that was read before, or of those whose names start with `prefix`."""
    rows = store.rows(f'select {COLUMNS} from files where starts_with("file", ?)', [prefix])
    return {str(row[0]): Entry(*row) for row in rows}


def ledger_of(store: Store, files: Sequence[str]) -> dict[str, Entry]:
    """Reads the lines of some files, those of a zip file's members included; of all where they are many."""
    if len(files) > FEW:
        return read_ledger(store)
    named = 'select 1 from unnest(?) n(name) where "file" = name or starts_with("file", name || \'/\')'
    rows = store.rows(f"select {COLUMNS} from files where exists ({named})", [list(files)])
    return {str(row[0]): Entry(*row) for row in rows}


def entries_of(cursor: Cursor, files: Sequence[str]) -> dict[str, Entry]:
    """Reads the ledger's lines of some files, as a transaction sees them."""
    query = f'select {COLUMNS} from files where "file" in (select unnest(?))'
    return {str(row[0]): Entry(*row) for row in cursor.execute(query, [list(files)]).fetchall()}


def keep_replaced(cursor: Cursor, files: Sequence[str]) -> None:
    """Adds what the ledger counts of files to what it counted of their contents before, by file and source.

    Called before a file's line begins anew, as that of a log that was rotated does: its rows stay in the store.
    """
    cursor.execute("create or replace temp table replaced_now as " + REPLACED, {"files": list(files)})
    cursor.execute('delete from replaced_files where "file" in (select unnest(?))', [list(files)])
    cursor.execute("insert into replaced_files by name from replaced_now")


def keep_entries(cursor: Cursor, entries: Sequence[Entry]) -> None:
    """Writes the ledger's lines, each in place of its file's former one."""
    if entries:
        cursor.execute('delete from files where "file" in (select unnest(?))', [[entry.file for entry in entries]])
        insert_rows(cursor, "files", entries)


def keep_states(cursor: Cursor, entries: Sequence[Entry]) -> None:
    """Writes the states of files whose content is as the ledger has it, where it still has it so."""
    cursor.execute("create or replace temp table confirmed_files as from files limit 0")
    insert_rows(cursor, "confirmed_files", entries)
    cursor.execute(
        """
        update files
        set file_state = c.file_state
        from confirmed_files c
        where c."file" = files."file" and c.fingerprint = files.fingerprint and c.read_to = files.read_to
            and c."size" = files."size"
        """
    )


def start_of(opened: Opened, former: Entry | None, by_lines: bool) -> int | None:
    """Returns the byte from which a file is read; None when nothing in it is new, 0 for one that is not as it was."""
    if former is None:
        return 0
    if by_lines and not opened.is_converted:
        same = former.fingerprint == fingerprint_to(opened, former.read_to)
        return (None if former.read_to >= opened.size else former.read_to) if same else 0
    mark, _, at = former.fingerprint.partition("@")
    if former.size != opened.size or mark != whole_fingerprint(opened):
        return 0
    return int(at) if at else None


def position_at(opened: Opened, end: int) -> Position:
    """Returns how far a file is read at byte `end` of its content; a compressed one is marked as unfinished."""
    if not opened.is_converted:
        state = opened.file.state if end >= opened.size else None
        return Position(end, max(opened.size, end), fingerprint_to(opened, end), state)
    return Position(min(end, opened.size), opened.size, f"{whole_fingerprint(opened)}@{end}")


def position_behind(opened: Opened, part: Part) -> Position:
    """Returns how far a large document or table is read behind a part of it: its records up to there are counted."""
    fingerprint = f"{whole_fingerprint(opened)}@{part.records}"
    return Position(min(part.piece.end, opened.size), opened.size, fingerprint)


def position_at_end(opened: Opened) -> Position:
    """Returns how far a file is read when all of it is."""
    return Position(opened.size, opened.size, whole_fingerprint(opened), opened.file.state)


def is_fault(fingerprint: str) -> bool:
    """Whether a fingerprint is the fault of a file that may be readable the next time, though it is as it was."""
    return fingerprint.startswith(UNREADABLE)


def is_as_read(file: File, former: Entry | None) -> bool:
    """Whether a file was read to its end and has not changed since, which is known without opening it."""
    return former is not None and file.state is not None and file.state == former.file_state


def is_unchanged(opened: Opened, former: Entry | None) -> bool:
    """Whether a file was read to its end and is as it was, for which its content need not be understood."""
    if former is None or not former.size == former.read_to == opened.size:
        return False
    return former.fingerprint in (fingerprint_to(opened, opened.size), whole_fingerprint(opened))


def fingerprint_to(opened: Opened, read_to: int) -> str:
    """Digests both ends of what was read of a file that grows; a compressed one does not, so both ends of it all."""
    if opened.is_converted:
        return whole_fingerprint(opened)
    much = min(GROWING_ENDS, read_to)
    return digest(opened.read(0, much), opened.read(read_to - much, much))


def whole_fingerprint(opened: Opened) -> str:
    """Digests both ends of a file, by which it is told from another that took its name."""
    return digest(opened.first[:ENDS], opened.last[-ENDS:])


def digest(first: bytes, last: bytes) -> str:
    """Digests two ends."""
    return hashlib.sha256(first + last).hexdigest()[:32]
