"""When things happen: a job's forty-minute cycles, the outages that stop them, and the days of the planted stories."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from pipeline.sample.nouns import App, guid

INTERVAL = timedelta(minutes=40)
RETRY_HOURS = (0, 6, 12, *range(24, 24 * 29, 24))
"""Attempts, in hours after the first failure: the published ladder of escrows and quarantines."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch in which the target refuses Cerby's token; `ended` is None while it lasts."""

    began: datetime
    ended: datetime | None
    refusals: tuple[datetime, ...]
    """When the service tried and was refused, the first time included."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The window of a sample tenant's history."""

    seed: int
    since: datetime
    until: datetime
    moved: timedelta | None = None
    """By how much everything is later than on the fixed dates; None where it is on them. What was moved ends in the
    midst of work."""

    @property
    def days(self) -> int:
        """Returns the days of the window, the one that has not ended included."""
        return -((self.since - self.until) // timedelta(days=1))

    def fixed(self, at: datetime) -> datetime:
        """Returns an instant on the fixed dates, by which hours are busy or quiet."""
        return at - (self.moved or timedelta())

    def is_last(self, app: App, index: int) -> bool:
        """Whether a cycle is the last before the logs end in the midst of work."""
        return self.moved is not None and index == self.count(app) - 1

    def day(self, number: int, hour: int = 0) -> datetime:
        """Returns an hour of a day, counted from the start."""
        return self.since + timedelta(days=number, hours=hour)

    @property
    def throttled_from(self) -> datetime:
        """Returns when the target begins to answer 429 for an hour."""
        return self.day(int(self.days * 0.3), 14)

    @property
    def conflicts_from(self) -> datetime:
        """Returns when the first conflict enters the escrow that grows."""
        return self.day(int(self.days * 0.34), 10)

    @property
    def conflicts_cleared(self) -> datetime:
        """Returns when somebody resolves the conflicts and restarts."""
        return self.day(min(int(self.days * 0.34) + 6, self.days - 5), 16)

    @property
    def wave_from(self) -> datetime:
        """Returns when the wave of disables begins."""
        return self.day(self.days - 5, 11)

    @property
    def idle_from(self) -> datetime:
        """Returns when Fabrikam Desk runs out of changes."""
        return self.day(self.days - max(5, self.days // 4))

    def begins(self, app: App, index: int) -> datetime:
        """Returns when a cycle begins."""
        return self.since + timedelta(minutes=app.minute) + index * INTERVAL

    def count(self, app: App) -> int:
        """Returns how many cycles begin inside the window."""
        return -((self.since + timedelta(minutes=app.minute) - self.until) // INTERVAL)

    def cycle_id(self, app: App, index: int) -> str:
        """Returns a cycle's id, the same whoever asks."""
        return guid(random.Random(f"cycle:{self.seed}:{app.job_id}:{index}"))

    def outages(self, app: App) -> tuple[Outage, ...]:
        """Returns Cerby's two outages, one that heals at its first retry and one that outlasts the history."""
        if app.name != "Cerby":
            return ()
        first = self._at_cycle(app, self.day(max(2, int(self.days * 0.22)), 2))
        last = self._at_cycle(app, self.day(self.days - 4, 9))
        tries = [last + timedelta(hours=hours) for hours in RETRY_HOURS]
        return (
            Outage(first, first + timedelta(hours=6), (first,)),
            Outage(last, None, tuple(at for at in tries if at < self.until)),
        )

    def _at_cycle(self, app: App, at: datetime) -> datetime:
        """Returns the beginning of the first cycle at or after an instant."""
        return self.begins(app, self._index(app, at))

    def _index(self, app: App, at: datetime) -> int:
        """Returns the first cycle that begins at or after an instant."""
        return max(0, -((self.begins(app, 0) - at) // INTERVAL))

    def runs(self, app: App, index: int) -> bool:
        """Whether a cycle runs, that is, begins outside every outage."""
        begin = self.begins(app, index)
        return not any(out.began <= begin < (out.ended or self.until) for out in self.outages(app))

    def running(self, app: App) -> Iterator[int]:
        """Yields the cycles that run."""
        return (index for index in range(self.count(app)) if self.runs(app, index))

    def cycle_at(self, app: App, at: datetime) -> int | None:
        """Returns the first running cycle at or after an instant, or None when the history ends first."""
        indexes = range(self._index(app, at), self.count(app))
        return next((index for index in indexes if self.runs(app, index)), None)

    def attempts(self, app: App, first: datetime, end: datetime) -> list[tuple[int, int, datetime]]:
        """Returns the attempts at a failing object as (cycle, retries so far, next retry), until `end`.

        An attempt that falls into an outage waits for the first cycle after it.
        """
        found: list[tuple[int, int, datetime]] = []
        start = self._at_cycle(app, first)
        for hours, following in pairwise(RETRY_HOURS):
            index = self.cycle_at(app, start + timedelta(hours=hours))
            if index is None or self.begins(app, index) >= end:
                break
            retry_at = start + timedelta(hours=following, seconds=50)
            if retry_at > self.begins(app, index):
                found.append((index, len(found), retry_at))
        return found
