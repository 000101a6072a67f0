"""New bytes become rows, rejects and a line of the ledger, together in one transaction.

Each file is discovered, opened, planned, cut into pieces and added to a batch; batches land as they fill. Small files
share a transaction and a large one takes several, so that a commit is never far and never tiny. Whatever happens in
between, `files.read_to` says how far each file was read, and `lines = kept + duplicates + rejects` holds.
"""

import os
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pipeline.config.clock import now as present
from pipeline.ingest.discover import File, discover, members
from pipeline.ingest.land import Batch
from pipeline.ingest.offsets import Entry, read_ledger
from pipeline.ingest.opened_file import Opened, open_file
from pipeline.ingest.plan import arrivals_of, plan_of
from pipeline.ingest.results import FileResult, Report, summed
from pipeline.ingest.siblings import Siblings
from pipeline.store.lake import Store

__all__ = ["FileResult", "Report", "ingest"]

Progress = Callable[[int, int], None]


def ingest(
    store: Store, paths: Iterable[str | Path], *, progress: Progress | None = None, leave: Container[Path] = ()
) -> Report:
    """Reads files and folders once, from where each was left; `-` is standard input. Files in `leave` are passed over.

    `progress` is called with the bytes done and the bytes there are. Raises IngestError for a path that is not there.
    """
    began = time.monotonic()
    with ExitStack() as streams, Batch(store) as batch:
        files = list({file.name: file for file in discover(paths, streams, leave)}.values())
        parts = read_files(store, files, batch, Meter(progress, sum(file.size for file in files)))
        return Report(summed(parts), time.monotonic() - began)


class Meter:
    """Counts the bytes that are done, of all that there are; those of a zip file are its members' once it is open."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress or (lambda _done, _total: None)
        self._total = total
        self._done = 0

    def unpacked(self, archive: File, inside: list[File]) -> None:
        """Counts the members of a zip file in its place."""
        self._total += sum(file.size for file in inside) - archive.size

    def within(self, file: File, byte: int) -> None:
        """Reports that a file is read up to a byte."""
        self._progress(self._done + min(byte, file.size), self._total)

    def behind(self, file: File) -> None:
        """Reports that a file is done."""
        self._done += file.size
        self._progress(self._done, self._total)


def open_each(files: Iterable[File], unpacked: Callable[[File, list[File]], None]) -> Iterator[Opened | File]:
    """Yields each file, open until the next one is asked for, and the members of a zip file in its place.

    A file that cannot be opened comes with its fault; one that is not there was moved away since the folder was walked.
    """
    for file in files:
        if file.fault:
            yield file
            continue
        try:
            with open_file(file) as opened:
                if not opened.is_zip:
                    yield opened
                    continue
                with ExitStack() as streams, os.fdopen(os.dup(opened.descriptor), "rb") as archive:
                    inside = members(archive, file, streams)
                    unpacked(file, inside)
                    yield from open_each(inside, unpacked)
        except FileNotFoundError:
            yield file
        except OSError as error:
            expected = "a file this user may read was expected. Change its permissions"
            yield replace(file, fault=f"cannot be read ({error.strerror}); {expected}")


def read_files(store: Store, files: list[File], batch: Batch, meter: Meter) -> Iterator[FileResult]:
    """Reads every file and lands what is new, batch by batch; yields what each file gave, in parts."""
    ledger, siblings, slice_bytes = read_ledger(store), Siblings(files), store.settings.slice_bytes
    written: dict[str, Entry] = {}

    def unpacked(archive: File, inside: list[File]) -> None:
        meter.unpacked(archive, inside)
        siblings.add(inside)

    def land() -> Iterator[FileResult]:
        for landing in batch.land(covered_at=present(store.settings).replace(tzinfo=None)):
            written[landing.result.file] = landing.entry
            yield landing.result

    for item in open_each(files, unpacked):
        began, file = time.monotonic(), item.file if isinstance(item, Opened) else item
        former = ledger.get(file.name)
        plan = plan_of(item, former, siblings)
        yield FileResult(file.name, plan.source)
        for arrival in arrivals_of(plan, file, former, siblings, slice_bytes):
            line = written.get(file.name)
            batch.add(arrival if line is None else replace(arrival, seen=line, base=line))
            if batch.full:
                yield from land()
            meter.within(file, arrival.context.piece.end if arrival.context else 0)
        meter.behind(file)
        yield FileResult(file.name, seconds=time.monotonic() - began)
    yield from land()
