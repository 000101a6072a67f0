"""How far each file was read: the table `files`, and whether a file is still the one that was read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from pipeline.ingest.pieces import blocks, compressed
from pipeline.store.lake import Cursor, Store


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
    def new(cls, file: str, source: str | None, size: int, former: "Entry | None") -> "Entry":
        """Gives a line for a file that is read from its beginning, or `former`'s for one that goes on."""
        if former is not None:
            return replace(former, source=source, size=size)
        return cls(file, source, size, 0, 0, 0, 0, 0, 0, None, None, None, "")


NAMES = ", ".join(f'"{name}"' for name in Entry.__dataclass_fields__)
ENTRY_SCHEMA = pa.schema(
    [("file", pa.string()), ("source", pa.string())]
    + [(name, pa.int64()) for name in ("size", "read_to", "lines", "kept", "duplicates", "rejects", "unfamiliar")]
    + [(name, pa.timestamp("us")) for name in ("first_event_at", "last_event_at", "finished_at")]
    + [("fingerprint", pa.string())]
)


def read_ledger(store: Store) -> dict[str, Entry]:
    """Gives what is known of every file that was read before."""
    return {str(row[0]): Entry(*row) for row in store.rows(f"select {NAMES} from files")}


def entries_of(cursor: Cursor, files: Sequence[str]) -> dict[str, Entry]:
    """Gives the ledger's lines of some files, as a transaction sees them."""
    found = cursor.execute(f'select {NAMES} from files where list_contains(?, "file")', [list(files)]).fetchall()
    return {str(row[0]): Entry(*row) for row in found}


def keep_entries(cursor: Cursor, entries: Sequence[Entry]) -> None:
    """Writes the ledger's lines, each in place of its file's former one."""
    names = Entry.__dataclass_fields__
    arriving = pa.table({name: [getattr(entry, name) for entry in entries] for name in names}, schema=ENTRY_SCHEMA)
    cursor.register("arriving_entries", arriving)
    cursor.execute('delete from files where "file" in (select "file" from arriving_entries)')
    cursor.execute("insert into files by name select * from arriving_entries")
    cursor.unregister("arriving_entries")


def resumed(path: Path, former: Entry | None, by_lines: bool) -> int | None:
    """Gives the byte from which a file is read; None when nothing in it is new, 0 for one that is not as it was."""
    size = path.stat().st_size
    if former is None:
        return 0
    if by_lines and not compressed(path):
        known = former.fingerprint == fingerprint(path, former.read_to, True)
        return (None if former.read_to >= size else former.read_to) if known else 0
    mark, _, at = former.fingerprint.partition("@")
    if former.size != size or mark != fingerprint(path, size, False):
        return 0
    return int(at) if at else None


def reached(entry: Entry, path: Path, end: int) -> Entry:
    """Gives the line of a file that grows, read up to byte `end`."""
    return replace(entry, size=max(entry.size, end), read_to=end, fingerprint=fingerprint(path, end, True))


def unfinished(ended: Entry, at: int) -> str:
    """Marks a compressed file as read up to byte `at` of its content only."""
    return f"{ended.fingerprint}@{at}"


def unchanged(path: Path, former: Entry | None) -> bool:
    """Whether a file was read to its end and is as it was, for which its content need not be understood."""
    size = path.stat().st_size
    if former is None or not former.size == former.read_to == size:
        return False
    return former.fingerprint in (fingerprint(path, size, True), fingerprint(path, size, False))


def fingerprint(path: Path, read_to: int, by_lines: bool) -> str:
    """Tells a file from another that took its name, by both ends: of what was read where it grows, else of it all."""
    digest = hashlib.sha256()
    grows = by_lines and not compressed(path)
    end, much = (read_to, 1024) if grows else (path.stat().st_size, 65536)
    with path.open("rb") as stream:
        digest.update(stream.read(min(much, end)))
        stream.seek(max(0, end - much))
        digest.update(stream.read(min(much, end)))
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
