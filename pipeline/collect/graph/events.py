"""A tenant's events, window by window; what was read lands by amount.

Pages wait until there are many events or some seconds have passed, and then land in one transaction, together with the
coverage of the windows that were read to their end. A process that dies in between reads the windows of that batch
again; the store knows which events it has.
"""

import json
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from time import monotonic
from typing import Self

from pipeline.collect.contacts import UNCHANGED
from pipeline.collect.graph.client import Graph, Page, TimedOut
from pipeline.collect.graph.errors import Stopped
from pipeline.collect.watermark import CoverageKey, add_coverage
from pipeline.collect.windows import SHORTEST, Covered, Window, covered, halves, window_filter
from pipeline.config import clock
from pipeline.config.errors import GraphError
from pipeline.config.tenants import Tenant
from pipeline.ingest.stream import feed_all
from pipeline.store.lake import Cursor, Store

PATH = "auditLogs/provisioning"
TOP = "500"
"Events a page, as in the documented example; the most that Graph gives is not documented."

MAX_TIMEOUTS = 24
"Times that one window and its halves may take too long: halving a day down to a minute takes 11."
EVENTS_TOGETHER = 20_000
"Events that land in one transaction, if they come within SECONDS_TOGETHER."
SECONDS_TOGETHER = 10.0
"Within which what was read lands; Graph takes five requests in that time."


@dataclass
class PollCounts:
    """What one poll read."""

    requests: int = 0
    pages: int = 0
    kept: int = 0
    duplicates: int = 0
    rejects: int = 0
    windows: int = 0
    jobs: int = 0


@dataclass
class Waiting:
    """What was read and has not landed yet."""

    pages: list[bytes] = field(default_factory=list)
    stretches: list[tuple[Covered, datetime]] = field(default_factory=list)
    "What the windows cover that were read to their end, and when."
    events: int = 0
    size: int = 0
    "Bytes of the pages."
    digests: set[bytes] = field(default_factory=set)
    "Those of the pages' records."
    since: float = field(default_factory=monotonic)


class EventReader:
    """Reads windows of a tenant's events into the store; a context manager, at whose end all that was read has landed.

    `landed_before` has digests of records, which spares pages that hold no other ones; None takes none.
    """

    def __init__(self, store: Store, graph: Graph, counts: PollCounts, landed_before: Set[bytes] | None = None) -> None:
        self._store = store
        self._graph = graph
        self._counts = counts
        self._landed_before = landed_before
        self._waiting = Waiting()
        self._before_wait: Callable[[float], None] | None = None
        self.landed: set[bytes] = set()
        "Digests of the records that this reader has seen land; of the first EVENTS_TOGETHER, about."
        self.skew_s: float | None = None
        "How far Graph's clock is ahead of this machine's, as last seen."

    def __enter__(self) -> Self:
        self._before_wait, self._graph.before_wait = self._graph.before_wait, self._land_before
        return self

    def __exit__(self, kind: type[BaseException] | None, *_failure: object) -> None:
        """Lands what was read, also when Graph has failed or the poll is stopped."""
        self._graph.before_wait = self._before_wait
        if kind is None or issubclass(kind, GraphError | Stopped):
            self.land()

    def read(self, window: Window) -> None:
        """Reads a window to its end, in halves when it takes too long; some of it may wait to land."""
        parts, timeouts = [window], 0
        while parts:
            window = parts.pop()
            try:
                self._read(window)
            except TimedOut:
                timeouts += 1
                if window.span < 2 * SHORTEST or timeouts == MAX_TIMEOUTS:
                    raise
                parts += reversed(list(halves(window)))

    @property
    def waiting(self) -> list[Covered]:
        """What the windows cover that were read and have not landed yet."""
        return [stretch for stretch, _ in self._waiting.stretches]

    def land(self, stored: Sequence[Covered] = ()) -> None:
        """Lands what waits, in one transaction.

        Without a page, what goes on from the `stored` coverage is only worth a transaction some minutes later.
        """
        waiting, self._waiting = self._waiting, Waiting()
        reached = max((one.until for one in stored), default=datetime.min)
        if waiting.pages or any(one.until - reached >= UNCHANGED for one, _ in waiting.stretches):
            self._land(waiting)
        self.landed |= waiting.digests

    def _land_before(self, seconds: float) -> None:
        """Lands what waits before a wait that would delay it for too long."""
        if self._waiting.pages and monotonic() + seconds - self._waiting.since >= SECONDS_TOGETHER:
            self.land()

    def _land(self, waiting: Waiting) -> None:
        tenant = self._graph.tenant

        def cover(cursor: Cursor) -> None:
            for stretch, read_at in waiting.stretches:
                add_coverage(cursor, coverage_key(tenant), stretch, read_at)

        if not waiting.pages:
            self._store.write(cover)
        for result in feed_all(self._store, f"graph:{tenant.name}/{PATH}", waiting.pages, along=cover):
            self._counts.kept += result.kept
            self._counts.duplicates += result.duplicates
            self._counts.rejects += result.rejects

    def _read(self, window: Window) -> None:
        """Reads a window's pages, in whatever order they come."""
        requested_at: datetime | None = None
        overlap = timedelta(seconds=self._store.settings.overlap)
        for page in self._graph.pages(PATH, **{"$filter": window_filter(window), "$top": TOP}):
            answered_at = self._time_of(page)
            requested_at = requested_at or answered_at
            self._counts.pages += 1
            self._add(page)
            if not page.next:
                self._waiting.stretches.append((covered(window, requested_at, overlap), answered_at))
            if self._amount_is_reached():
                self.land()
        self._counts.windows += 1

    def _add(self, page: Page) -> None:
        """Adds a page to what waits, unless all of its records landed before."""
        records, digests = page.document["value"], set[bytes]()
        if self._landed_before is not None and len(self.landed) < EVENTS_TOGETHER:
            digests = {blake2b(json.dumps(one).encode(), digest_size=16).digest() for one in records}
            if digests <= self._landed_before:
                self.landed |= digests
                self._counts.duplicates += len(records)
                return
        waiting = self._waiting
        waiting.pages += [page.body] if records else []
        waiting.events += len(records)
        waiting.size += len(page.body)
        waiting.digests |= digests

    def _amount_is_reached(self) -> bool:
        """Whether what waits is to land now."""
        waiting = self._waiting
        if waiting.events >= EVENTS_TOGETHER or waiting.size >= self._store.settings.slice_bytes:
            return True
        return monotonic() - waiting.since >= SECONDS_TOGETHER

    def _time_of(self, page: Page) -> datetime:
        """Returns Graph's time of an answer, the store's way; this machine's where the answer has no date."""
        self.skew_s = page.skew_s
        at = page.answered_at or clock.now(self._store.settings)
        return clock.naive(at).replace(microsecond=0)


def coverage_key(tenant: Tenant) -> CoverageKey:
    """Returns the coverage that a tenant's polls write."""
    return CoverageKey("graph", tenant.tenant_id.lower(), f"graph:{tenant.name}")
