"""Batches land one after the other while the next one is staged: a commit keeps one core busy, staging the other.

Each of two batches has a cursor of its own, and so its own temporary tables; they take turns.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from typing import Self

from pipeline.config.clock import now as present
from pipeline.ingest.land import Arrival, Batch, Landing
from pipeline.ingest.offsets import Entry
from pipeline.store.lake import Store

BOTH_BYTES = 512_000_000
"Memory from which on a batch is staged while another lands."


class Landings:
    """The batches of one run: what is added is staged at once, and lands in the order in which it was added."""

    def __init__(self, store: Store) -> None:
        self._store = store
        memory = store.settings.memory_bytes
        cores = store.settings.threads or os.cpu_count() or 1
        self._overlap = cores > 1 and (memory is None or memory >= BOTH_BYTES)
        self.slice_bytes = store.settings.slice_bytes // (2 if self._overlap else 1)
        "What is staged and what lands are in memory together."
        self.written: dict[str, Entry] = {}
        "The ledger's lines of the files that have landed."
        self._open = ExitStack()
        self._pool = ThreadPoolExecutor(1, "landing")
        self._pending: Future[list[Landing]] | None = None
        self._spare: Batch | None = None

    def __enter__(self) -> Self:
        self._staging = self._open.enter_context(Batch(self._store, self.slice_bytes))
        return self

    def __exit__(self, *_failure: object) -> None:
        self._pool.shutdown(wait=True)
        self._open.close()

    def add(self, arrival: Arrival) -> Iterator[Landing]:
        """Adds an arrival; yields what became of an earlier batch when it makes this one full."""
        self._staging.add(arrival)
        if self._staging.full:
            yield from self._hand_over() if self._overlap else self._land()

    def finish(self) -> Iterator[Landing]:
        """Lands what is left; yields what became of all that has not been yielded."""
        yield from self._landed()
        yield from self._land()

    def _hand_over(self) -> Iterator[Landing]:
        """Has the batch landed beside what follows, once the one before it has."""
        self._staging.stage_rest()
        yield from self._landed()
        self._pending = self._pool.submit(self._staging.land, covered_at=self._present(), written=dict(self.written))
        spare = self._spare or self._open.enter_context(Batch(self._store, self.slice_bytes))
        self._staging, self._spare = spare, self._staging

    def _landed(self) -> Iterator[Landing]:
        """Waits for the batch that was handed over."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            yield from self._noted(pending.result())

    def _land(self) -> Iterator[Landing]:
        """Lands the batch here and now."""
        yield from self._noted(self._staging.land(covered_at=self._present(), written=self.written))

    def _noted(self, landings: list[Landing]) -> Iterator[Landing]:
        """Notes the lines of the ledger that were written."""
        self.written |= {landing.result.file: landing.entry for landing in landings}
        yield from landings

    def _present(self) -> datetime:
        """Returns the present, by which an hour that may still grow is told from a settled one."""
        return present(self._store.settings).replace(tzinfo=None)
