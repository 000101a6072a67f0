"""A tenant's events, window by window.

Each page lands in a transaction of its own, and the one with a window's last page also writes that the window was read.
A process that dies in between reads that window again; the store knows which events it has.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.collect.graph.client import Graph, Page, TimedOut
from pipeline.collect.watermark import CoverageKey, add_coverage
from pipeline.collect.windows import SHORTEST, Window, covered, halves, window_filter
from pipeline.config import clock
from pipeline.config.tenants import Tenant
from pipeline.ingest.stream import feed
from pipeline.store.lake import Cursor, Store

PATH = "auditLogs/provisioning"
TOP = "500"
"Events a page, as in the documented example; the most that Graph gives is not documented."

MAX_TIMEOUTS = 24
"Times that one window and its halves may take too long: halving a day down to a minute takes 11."


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


class EventReader:
    """Reads windows of a tenant's events into the store."""

    def __init__(self, store: Store, graph: Graph, counts: PollCounts) -> None:
        self._store = store
        self._graph = graph
        self._counts = counts
        self.skew_s: float | None = None
        "How far Graph's clock is ahead of this machine's, as last seen."

    def read(self, window: Window) -> None:
        """Reads a window to its end, in halves when it takes too long; those that were read stay read."""
        waiting, timeouts = [window], 0
        while waiting:
            window = waiting.pop()
            try:
                self._read(window)
            except TimedOut:
                timeouts += 1
                if window.span < 2 * SHORTEST or timeouts == MAX_TIMEOUTS:
                    raise
                waiting += reversed(list(halves(window)))

    def _read(self, window: Window) -> None:
        """Reads a window's pages, in whatever order they come."""
        requested_at: datetime | None = None
        for page in self._graph.pages(PATH, **{"$filter": window_filter(window), "$top": TOP}):
            requested_at = requested_at or self._time_of(page)
            self._land(page, window, requested_at)
        self._counts.windows += 1

    def _land(self, page: Page, window: Window, requested_at: datetime) -> None:
        """Lands a page, and with the last one the coverage of its window."""
        tenant, overlap = self._graph.tenant, timedelta(seconds=self._store.settings.overlap)

        def cover(cursor: Cursor) -> None:
            add_coverage(cursor, coverage_key(tenant), covered(window, requested_at, overlap), self._time_of(page))

        name = f"graph:{tenant.name}/{PATH}"
        result = feed(self._store, name, page.body, along=None if page.next else cover)
        self._counts.pages += 1
        self._counts.kept += result.kept
        self._counts.duplicates += result.duplicates
        self._counts.rejects += result.rejects

    def _time_of(self, page: Page) -> datetime:
        """Returns Graph's time of an answer, the store's way; this machine's where the answer has no date."""
        self.skew_s = page.skew_s
        at = page.answered_at or clock.now(self._store.settings)
        return clock.naive(at).replace(microsecond=0)


def coverage_key(tenant: Tenant) -> CoverageKey:
    """Returns the coverage that a tenant's polls write."""
    return CoverageKey("graph", tenant.tenant_id.lower(), f"graph:{tenant.name}")
