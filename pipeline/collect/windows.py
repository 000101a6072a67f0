"""Windows of time: what of a tenant's events was read, what is missing, which window to request next. No I/O.

Instants are UTC without a zone, in whole seconds, and windows half-open.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SHORTEST = timedelta(minutes=1)
"A window this short is not halved any more."


@dataclass(frozen=True, order=True)
class Window:
    """A stretch of time."""

    since: datetime
    until: datetime

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return self.until - self.since


@dataclass(frozen=True, order=True)
class Covered:
    """A stretch that was read: before `settled_until` nothing more is expected, from there on it may be."""

    since: datetime
    settled_until: datetime
    until: datetime


def covered(window: Window, requested_at: datetime, overlap: timedelta) -> Covered:
    """Returns the stretch that reading a window to its end covers, by Graph's clock at the request for its first page.

    What happened shortly before may still come late, and what had not happened yet was not read.
    """
    until = max(window.since, min(window.until, requested_at))
    return Covered(window.since, max(window.since, min(until, requested_at - overlap)), until)


def merged(stretches: Iterable[Covered]) -> list[Covered]:
    """Merges stretches of which each begins where the one before is settled."""
    whole: list[Covered] = []
    for each in sorted(stretches):
        last = whole[-1] if whole else None
        if last is None or each.since > last.settled_until:
            whole.append(each)
            continue
        settled = max(last.settled_until, each.settled_until)
        whole[-1] = Covered(last.since, settled, max(last.until, each.until))
    return whole


def unsettled(stretches: Iterable[Covered], whole: Window) -> list[Window]:
    """Returns the parts of a window that are not settled, oldest first."""
    parts: list[Window] = []
    at = whole.since
    for each in sorted(stretches):
        if each.settled_until <= at or each.since >= each.settled_until:
            continue
        if each.since > at:
            parts.append(Window(at, min(each.since, whole.until)))
        at = max(at, each.settled_until)
        if at >= whole.until:
            break
    if at < whole.until:
        parts.append(Window(at, whole.until))
    return [each for each in parts if each.span >= SECOND]


def newest_window(stretches: Iterable[Covered], retained: Window, overlap: timedelta) -> Window | None:
    """Returns the newest window to request: from what is settled to now, and never much more than a day."""
    open_parts = unsettled(stretches, retained)
    if not open_parts or open_parts[-1].until < retained.until:
        return None
    return Window(max(open_parts[-1].since, retained.until - DAY - overlap), retained.until)


def gaps(stretches: Iterable[Covered], retained: Window, overlap: timedelta) -> list[Window]:
    """Returns what was never read though Entra still keeps it, oldest first; the tail that is read again is no gap."""
    read = [each for each in stretches if each.settled_until > retained.since]
    if not read:
        return [retained]
    end = min(max(each.settled_until for each in read), retained.until - overlap)
    return unsettled(read, Window(retained.since, max(end, retained.since)))


def next_gap(missing: Sequence[Window], longest: timedelta = DAY) -> Window | None:
    """Returns the window of some gaps to request next: the oldest first, which Entra deletes soonest.

    An event that lands after later ones of its object costs more than one that lands in its turn.
    """
    if not missing:
        return None
    first = missing[0]
    return Window(first.since, min(first.until, first.since + longest))


def halves(window: Window) -> Iterator[Window]:
    """Cuts a window in two at a whole second, the older half first."""
    middle = (window.since + window.span / 2).replace(microsecond=0)
    yield Window(window.since, middle)
    yield Window(middle, window.until)


def window_filter(window: Window) -> str:
    """Builds Graph's filter for a window; Graph documents gt and lt only, so it begins a second earlier.

    >>> window_filter(Window(datetime(2026, 1, 5), datetime(2026, 1, 6)))
    'activityDateTime gt 2026-01-04T23:59:59Z and activityDateTime lt 2026-01-06T00:00:00Z'
    """
    after = (window.since - SECOND).isoformat(timespec="seconds")
    return f"activityDateTime gt {after}Z and activityDateTime lt {window.until.isoformat(timespec='seconds')}Z"
