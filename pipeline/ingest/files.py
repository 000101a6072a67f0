"""New bytes become rows, rejects and a line of the ledger, together in one transaction.

Each file is discovered, opened, planned, cut into pieces and added to a batch; batches land as they fill. Small files
share a transaction and a large one takes several, so that a commit is never far and never tiny. Whatever happens in
between, `files.read_to` says how far each file was read, and `lines = kept + duplicates + rejects` holds.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from pipeline.ingest.archive import Archive
from pipeline.ingest.discover import File, discover
from pipeline.ingest.heads import Heads
from pipeline.ingest.landings import Landings
from pipeline.ingest.limits import Budget, Limits
from pipeline.ingest.offsets import UNREADABLE, Entry, is_as_read, is_fault, keep_states, ledger_of
from pipeline.ingest.opened_file import Opened, open_file
from pipeline.ingest.plan import Nothing, arrivals_of, plan_of
from pipeline.ingest.results import FileResult, Report, summed
from pipeline.ingest.siblings import Siblings
from pipeline.store.lake import Store

__all__ = ["FileResult", "Report", "ingest"]

Progress = Callable[[int, int], None]
CONFIRMED_AT_LEAST = 1000
"Files that were opened for nothing, from which on their states are written: a commit costs as much as they do."


def ingest(
    store: Store,
    paths: Iterable[str | Path | File],
    *,
    progress: Progress | None = None,
    beside: Iterable[File] = (),
) -> Report:
    """Reads files and folders once, from where each was left; `-` is standard input.

    `progress` is called with the bytes done and the bytes there are. `beside` are files that are not to be read, but
    may be parts of a portal download. Raises IngestError for a path that is not there.
    """
    began = time.monotonic()
    with ExitStack() as streams, Landings(store) as landings:
        files = {file.name: file for file in discover(paths, streams, store.settings.inbox)}
        siblings = Siblings({**{file.name: file for file in beside}, **files}.values())
        meter, unreadable = Meter(progress, sum(file.size for file in files.values())), set[str]()
        parts = read_files(store, list(files.values()), siblings, landings, meter, unreadable)
        return Report(summed(parts), time.monotonic() - began, frozenset(unreadable))


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


def open_each(
    files: Iterable[File],
    ledger: Mapping[str, Entry],
    heads: Heads,
    unpacked: Callable[[File, list[File]], None],
    limits: Limits,
    outer: Budget | None = None,
) -> Iterator[Opened | File]:
    """Yields each file, open until the next one is asked for, and the members of a zip file in its place.

    A file is not opened where it is as it was read. One that cannot be opened comes with its fault; one that is not
    there was moved away since the folder was walked.
    """
    for file in files:
        if file.fault or is_as_read(file, ledger.get(file.name)):
            yield file
            continue
        try:
            with open_file(file, heads.head_of, limits) as opened:
                if not opened.is_zip:
                    yield opened
                    continue
                budget = outer or limits.budget(opened.size)
                with Archive(opened.descriptor, file, budget) as archive:
                    unpacked(file, archive.files)
                    budget.depth += 1
                    for member in archive.files:
                        with archive.unpacked(member) as one:
                            yield from open_each([one], ledger, heads, unpacked, limits, budget)
                    budget.depth -= 1
        except FileNotFoundError:
            yield file
        except OSError as error:
            expected = "a file this user may read was expected. Change its permissions"
            yield replace(file, fault=f"{UNREADABLE} ({error.strerror}); {expected}")


def read_files(
    store: Store, files: list[File], siblings: Siblings, landings: Landings, meter: Meter, unreadable: set[str]
) -> Iterator[FileResult]:
    """Reads every file and lands what is new, batch by batch; yields what each file gave, in parts.

    Adds the names of files that could not be read to `unreadable`.
    """
    ledger = ledger_of(store, [file.name for file in files])
    confirmed: list[Entry] = []

    def unpacked(archive: File, inside: list[File]) -> None:
        meter.unpacked(archive, inside)
        siblings.add(inside)

    for item in open_each(files, ledger, Heads(store.settings.date_order), unpacked, Limits.of(store.settings)):
        began, file = time.monotonic(), item.file if isinstance(item, Opened) else item
        former = ledger.get(file.name)
        plan = plan_of(item, former, siblings)
        yield FileResult(file.name, plan.source)
        if isinstance(plan, Nothing) and plan.as_read and former is not None and file.state is not None:
            confirmed.append(replace(former, file_state=file.state))
        for arrival in arrivals_of(plan, file, former, siblings, landings.slice_bytes):
            yield from (landing.result for landing in landings.add(arrival))
            meter.within(file, arrival.context.piece.end if arrival.context else 0)
        meter.behind(file)
        yield FileResult(file.name, seconds=time.monotonic() - began)
    yield from (landing.result for landing in landings.finish())
    unreadable.update(name for name, entry in (ledger | landings.written).items() if is_fault(entry.fingerprint))
    if len(confirmed) >= CONFIRMED_AT_LEAST:
        store.write(partial(keep_states, entries=confirmed))
