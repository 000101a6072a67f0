"""Stretches of blobs land in the store, many small ones together, with the ledger's lines of their blobs.

A blob is known by its URL. Its fingerprint is a digest of what was read last and the etag it then had, so that one that
was written anew is told from one that grew, and one that is as it was is not asked again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.collect.blobs.container import Blob
from pipeline.ingest.formats import SOURCES
from pipeline.ingest.land import Arrival, Batch
from pipeline.ingest.offsets import Position
from pipeline.ingest.results import FileResult
from pipeline.ingest.stream import with_records
from pipeline.store.lake import Store

MARK = 1024
"Bytes before `read_to` that tell whether a blob is still the one that was read."
DIAGNOSTIC = next(source for source in SOURCES if source.name == "diagnostic")


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
    """Digests the bytes before `read_to`, by which they are told from others."""
    return hashlib.sha256(mark).hexdigest()[:32]


def fingerprint(stretch: Stretch) -> str:
    """Builds the ledger's fingerprint; the etag is left out while more of the blob waits."""
    return f"{digest(stretch.mark)} {stretch.blob.etag if stretch.last else ''}"


def land_stretches(store: Store, stretches: Sequence[Stretch]) -> list[FileResult]:
    """Lands stretches of different blobs as one transaction; returns what became of each, in order."""
    with Batch(store) as batch:
        for stretch in stretches:
            batch.add(arrival_of(stretch))
        return [landing.result for landing in batch.land()]


def arrival_of(stretch: Stretch) -> Arrival:
    """Builds a stretch's part of a batch; broken lines alone are taken for diagnostic ones."""
    blob = stretch.blob
    arrival = Arrival(
        blob.url,
        position=Position(stretch.end, max(blob.size, stretch.end), fingerprint(stretch)),
        lines_before=None if stretch.begin else lambda: 0,
        sentence=lambda line, reason: f"{blob.name}:{line}: {reason}.",
    )
    return with_records(arrival, stretch.data, DIAGNOSTIC if blob.grows else None)
