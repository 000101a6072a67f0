"""What of a tenant's events has been read, what is missing, and which window to ask for next. No I/O.

Instants are UTC without a zone, in whole seconds, and windows half-open.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
FLOOR = timedelta(minutes=1)
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


def covered(window: Window, asked_at: datetime, overlap: timedelta) -> Covered:
    """Gives what reading a window to its end vouches for, by Graph's clock when its first page was asked for.

    What happened shortly before may still come late, and what had not happened yet was not read.
    """
    until = max(window.since, min(window.until, asked_at))
    return Covered(window.since, max(window.since, min(until, asked_at - overlap)), until)


def united(stretches: Iterable[Covered]) -> list[Covered]:
    """Gives the same stretches, one for those of which each begins where the one before is settled."""
    whole: list[Covered] = []
    for each in sorted(stretches):
        last = whole[-1] if whole else None
        if last is None or each.since > last.settled_until:
            whole.append(each)
            continue
        settled = max(last.settled_until, each.settled_until)
        whole[-1] = Covered(last.since, settled, max(last.until, each.until))
    return whole


def missing(stretches: Iterable[Covered], whole: Window) -> list[Window]:
    """Gives the parts of a window that are not settled, oldest first."""
    found: list[Window] = []
    at = whole.since
    for each in sorted(stretches):
        if each.settled_until <= at or each.since >= each.settled_until:
            continue
        if each.since > at:
            found.append(Window(at, min(each.since, whole.until)))
        at = max(at, each.settled_until)
        if at >= whole.until:
            break
    if at < whole.until:
        found.append(Window(at, whole.until))
    return [each for each in found if each.span >= SECOND]


def head(stretches: Iterable[Covered], reach: Window, overlap: timedelta) -> Window | None:
    """Gives the newest window to ask for: from what is settled to now, and never much more than a day."""
    found = missing(stretches, reach)
    if not found or found[-1].until < reach.until:
        return None
    return Window(max(found[-1].since, reach.until - DAY - overlap), reach.until)


def gaps(stretches: Iterable[Covered], reach: Window, overlap: timedelta) -> list[Window]:
    """Gives what was never read though Entra still keeps it, oldest first; the tail that is asked again is no gap."""
    read = [each for each in stretches if each.settled_until > reach.since]
    if not read:
        return [reach]
    end = min(max(each.settled_until for each in read), reach.until - overlap)
    return missing(read, Window(reach.since, max(end, reach.since)))


def next_gap(found: Sequence[Window], reach: Window, longest: timedelta = DAY) -> Window | None:
    """Gives the window of some gaps to ask for next: what Entra forgets within a day comes first, then the newest."""
    if not found:
        return None
    first = found[0]
    if first.since < reach.since + DAY:
        return Window(first.since, min(first.until, first.since + longest))
    return Window(max(found[-1].since, found[-1].until - longest), found[-1].until)


def halves(window: Window) -> Iterator[Window]:
    """Cuts a window in two at a whole second, the newer half first."""
    middle = (window.since + window.span / 2).replace(microsecond=0)
    yield Window(middle, window.until)
    yield Window(window.since, middle)


def condition(window: Window) -> str:
    """Gives Graph's filter for a window; Graph documents gt and lt only, so it begins a second earlier.

    >>> condition(Window(datetime(2026, 1, 5), datetime(2026, 1, 6)))
    'activityDateTime gt 2026-01-04T23:59:59Z and activityDateTime lt 2026-01-06T00:00:00Z'
    """
    begun = (window.since - SECOND).isoformat(timespec="seconds")
    return f"activityDateTime gt {begun}Z and activityDateTime lt {window.until.isoformat(timespec='seconds')}Z"
