"""A tenant's events, window by window.

Each page lands in a transaction of its own, and the one with a window's last page also says that the window was read.
A process that dies in between reads that window again; the store knows which events it has.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.collect.graph.client import Graph, Page, TimedOut
from pipeline.collect.watermark import Asked, keep_covered
from pipeline.collect.windows import FLOOR, Window, condition, covered, halves
from pipeline.config import clock
from pipeline.config.tenants import Tenant
from pipeline.ingest.stream import feed
from pipeline.store.lake import Cursor, Store

PATH = "auditLogs/provisioning"
TOP = "500"
"Events a page, as the documented example asks; the most that Graph gives is not documented."

MOST_SLOW = 24
"Times that one window and its halves may take too long: halving a day down to a minute takes 11."


@dataclass
class Tally:
    """What a turn of asking came to."""

    requests: int = 0
    pages: int = 0
    kept: int = 0
    duplicates: int = 0
    rejects: int = 0
    windows: int = 0
    jobs: int = 0


class Events:
    """Reads windows of a tenant's events into the store."""

    def __init__(self, store: Store, graph: Graph, tally: Tally) -> None:
        self._store = store
        self._graph = graph
        self._tally = tally
        self.skew_s: float | None = None
        "How far Graph's clock is ahead of this machine's, as last seen."

    def read(self, window: Window) -> None:
        """Reads a window to its end, in halves when it takes too long; those that were read stay read."""
        waiting, slow = [window], 0
        while waiting:
            window = waiting.pop()
            try:
                self._read(window)
            except TimedOut:
                slow += 1
                if window.span < 2 * FLOOR or slow == MOST_SLOW:
                    raise
                waiting += reversed(list(halves(window)))

    def _read(self, window: Window) -> None:
        """Reads a window's pages, in whatever order they come."""
        asked_at: datetime | None = None
        for page in self._graph.pages(PATH, **{"$filter": condition(window), "$top": TOP}):
            asked_at = asked_at or self._time_of(page)
            self._land(page, window, asked_at)
        self._tally.windows += 1

    def _land(self, page: Page, window: Window, asked_at: datetime) -> None:
        """Lands a page, and with the last one what was read."""
        tenant, overlap = self._graph.tenant, timedelta(seconds=self._store.settings.overlap)

        def cover(cursor: Cursor) -> None:
            keep_covered(cursor, asked_of(tenant), covered(window, asked_at, overlap), self._time_of(page))

        name = f"graph:{tenant.name}/{PATH}"
        result = feed(self._store, name, page.body, along=None if page.next else cover)
        self._tally.pages += 1
        self._tally.kept += result.kept
        self._tally.duplicates += result.duplicates
        self._tally.rejects += result.rejects

    def _time_of(self, page: Page) -> datetime:
        """Gives Graph's time of an answer, the store's way; this machine's where Graph does not say."""
        self.skew_s = page.skew_s
        at = page.answered_at or clock.now(self._store.settings)
        return clock.naive(at).replace(microsecond=0)


def asked_of(tenant: Tenant) -> Asked:
    """Gives what a tenant's polls speak for."""
    return Asked("graph", tenant.tenant_id.lower(), f"graph:{tenant.name}")
