"""Stretches of blobs land in the store, many small ones together, with the ledger's lines of their blobs.

A blob is known by its URL. Its fingerprint is a digest of what was read last and the etag it then had, so that one that
was written anew is told from one that grew, and one that is as it was is not asked again.
"""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pipeline.collect.blobs.container import Blob
from pipeline.ingest.formats import SOURCES, recognise
from pipeline.ingest.formats.source import Source, alike
from pipeline.ingest.layout import Head
from pipeline.ingest.load import Landed, empty_stage, keep_rejects, land
from pipeline.ingest.offsets import NAMES, Entry, entries_of, keep_entries
from pipeline.ingest.pieces import Piece, head_of, in_memory
from pipeline.ingest.results import FileResult
from pipeline.ingest.stage import Reject, Told, cleaned, stage_pieces
from pipeline.ingest.stream import added
from pipeline.store.lake import Cursor, Store

MARK = 1024
"Bytes before `read_to` that tell whether a blob is still the one that was read."
DIAGNOSTIC = next(source for source in SOURCES if source.name == "diagnostic")
STRANGE = "holds no record that any source knows"


@dataclass(frozen=True)
class Stretch:
    """Whole lines of a blob."""

    blob: Blob
    begin: int
    data: bytes
    last: bool
    "Whether nothing whole is left behind it."
    mark: bytes
    "The last bytes of it and of what was read before."

    @property
    def end(self) -> int:
        """The byte up to which the blob is then read."""
        return self.begin + len(self.data)


def digest(mark: bytes) -> str:
    """Gives what tells the bytes before `read_to` from others."""
    return hashlib.sha256(mark).hexdigest()[:32]


def fingerprint(stretch: Stretch) -> str:
    """Gives the ledger's fingerprint; the etag is left out while more of the blob waits."""
    return f"{digest(stretch.mark)} {stretch.blob.etag if stretch.last else ''}"


def known(store: Store, url: str) -> dict[str, Entry]:
    """Gives the ledger's lines of a container's blobs."""
    rows = store.rows(f'select {NAMES} from files where starts_with("file", ?)', [f"{url.rstrip('/')}/"])
    return {str(row[0]): Entry(*row) for row in rows}


def land_stretches(store: Store, stretches: Sequence[Stretch]) -> list[FileResult]:
    """Lands stretches of different blobs as one transaction; gives what became of each, in order."""
    if not stretches:
        return []
    cursor = store.cursor()
    with ExitStack() as held:
        held.callback(cursor.close)
        empty_stage(cursor)
        sources, rejects = staged(cursor, stretches, held)
        results = [FileResult(one.blob.url, source) for one, source in zip(stretches, sources, strict=True)]

        def write(writing: Cursor) -> None:
            now = datetime.now(UTC).replace(tzinfo=None)
            landed = land(writing)
            formers = entries_of(writing, [one.blob.url for one in stretches])
            entries = []
            for number, (one, result) in enumerate(zip(stretches, results, strict=True)):
                found = landed.get(number, Landed(0, 0, 0, None, None))
                entry = formers.get(one.blob.url) or Entry.new(one.blob.url, result.source, 0, None)
                count(result, found, len(rejects[number]))
                keep_rejects(writing, placed(one, entry, rejects[number]), now)
                entries.append(added(moved(entry, one, result.source), result, found, now))
            keep_entries(writing, entries)

        store.write(write, on=cursor)
    return results


def count(result: FileResult, landed: Landed, rejects: int) -> None:
    """Notes what became of a stretch; it may be noted again, after a conflict."""
    result.lines, result.duplicates = landed.lines + rejects, landed.duplicates
    result.kept, result.rejects = landed.lines - landed.duplicates, rejects
    result.unfamiliar = landed.unfamiliar


def moved(entry: Entry, stretch: Stretch, source: str | None) -> Entry:
    """Gives a blob's line of the ledger, read up to the end of a stretch."""
    size = max(stretch.blob.size, stretch.end)
    return replace(
        entry, source=source or entry.source, read_to=stretch.end, size=size, fingerprint=fingerprint(stretch)
    )


def placed(stretch: Stretch, entry: Entry, rejects: Sequence[Reject]) -> list[tuple[str, Reject]]:
    """Gives a stretch's rejects with their lines in the blob."""
    before = entry.lines if stretch.begin else 0
    return [
        (
            stretch.blob.url,
            replace(one, line=one.line + before, reason=f"{stretch.blob.name}:{one.line + before}: {one.reason}."),
        )
        for one in rejects
    ]


def staged(
    cursor: Cursor, stretches: Sequence[Stretch], held: ExitStack
) -> tuple[list[str | None], dict[int, list[Reject]]]:
    """Stages stretches, those alike by one statement; gives each one's source and what could not be read."""
    written = str(datetime.now(UTC).replace(tzinfo=None, microsecond=0))
    groups: dict[str, tuple[Source, list[Told]]] = {}
    sources: list[str | None] = [None] * len(stretches)
    rejects: dict[int, list[Reject]] = {number: [] for number in range(len(stretches))}
    for number, stretch in enumerate(stretches):
        if not stretch.data.strip():
            continue
        source, head = recognised(stretch)
        if source is None:
            rejects[number] = [Reject(1, STRANGE, cleaned(stretch.data[:4096]))]
            continue
        sources[number] = source.name
        piece = Piece(held.enter_context(in_memory(ended(stretch.data))), 0, len(stretch.data))
        groups.setdefault(alike(source, head), (source, []))[1].append(Told(number, head, piece, written))
    for source, told in groups.values():
        for one, found in zip(told, stage_pieces(cursor, source, told), strict=True):
            rejects[one.number] = found.rejects
    return sources, rejects


def recognised(stretch: Stretch) -> tuple[Source | None, Head]:
    """Says what a stretch holds; broken lines alone are taken for diagnostic ones, each to be judged by itself."""
    head = head_of(stretch.data, cut=False)
    source = recognise(head)
    if source is None and not head.samples and stretch.blob.grows:
        return DIAGNOSTIC, Head("lines")
    return source, head


def ended(data: bytes) -> bytes:
    """Gives lines of which the last ends too: DuckDB 1.5 may read another file's bytes behind one that does not."""
    return data if data.endswith(b"\n") else data + b"\n"
