"""Hours of a route: its quiet hours, and when its digest is due.

Instants are naive UTC, as everywhere; only here are there other zones.
"""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.config.clock import naive

CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def time_of(seen: object) -> object:
    """Reads a time of day such as 22:00."""
    if isinstance(seen, time):
        return seen
    if not isinstance(seen, str) or not CLOCK.fullmatch(seen):
        raise ValueError('a time such as "22:00" was expected')
    return time.fromisoformat(seen.zfill(5))


def zone_of(seen: object) -> object:
    """Reads a zone's name."""
    try:
        return ZoneInfo(str(seen))
    except (OSError, ValueError, LookupError):
        raise ValueError('a zone such as "Europe/Berlin" was expected') from None


Severity = Literal["info", "warning", "critical"]
Clock = Annotated[time, BeforeValidator(time_of)]
Zone = Annotated[ZoneInfo, BeforeValidator(zone_of)]


class Table(BaseModel):
    """A table of the file: nothing unknown in it, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class QuietHours(Table):
    """When no message goes out; what falls due then waits for the end."""

    begin: Clock = Field(alias="from")
    until: Clock
    zone: Zone = ZoneInfo("UTC")
    but: tuple[Severity, ...] = Field((), alias="except")
    "Severities that go out all the same."

    def end(self, at: datetime) -> datetime | None:
        """Returns when the quiet hours of an instant end; None outside of them."""
        local = at.replace(tzinfo=UTC).astimezone(self.zone)
        clock = local.time().replace(tzinfo=None)
        if self.begin <= self.until:
            quiet, days = self.begin <= clock < self.until, 0
        else:
            quiet, days = clock >= self.begin or clock < self.until, int(clock >= self.begin)
        if not quiet:
            return None
        return naive(datetime.combine(local.date() + timedelta(days=days), self.until, self.zone))


class Digest(Table):
    """When a route gets its digest; the times are those of `zone`."""

    every: Literal["daily", "weekly"]
    at: Clock = time(8)
    on: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    "The day of a weekly one."
    zone: Zone = ZoneInfo("UTC")

    def period(self, now: datetime) -> tuple[datetime, datetime]:
        """Returns the newest day, or week, that is over."""
        local = now.replace(tzinfo=UTC).astimezone(self.zone)
        day = local.date()
        if local.time().replace(tzinfo=None) < self.at:
            day -= timedelta(days=1)
        if self.every == "weekly":
            day -= timedelta(days=(day.weekday() - DAYS.index(self.on)) % 7)
        first = day - timedelta(days=7 if self.every == "weekly" else 1)
        since, until = (datetime.combine(one, self.at, self.zone) for one in (first, day))
        return naive(since), naive(until)
