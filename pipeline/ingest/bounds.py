"""Between which instants a log can mean one: what lies beyond is a wrong clock or a sentinel, and spoils every page."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pipeline.config.clock import naive, now
from pipeline.config.settings import Settings, read_settings

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
"How far a clock may be ahead of this machine's."
PLANNED = ("next_attempt_at", "retry_at")
"Columns of what is still to come, for which a year more is let through."
VARIABLE = "getvariable('latest_instant')"
"What `set_latest` has told a cursor."


def latest(settings: Settings) -> datetime:
    """Returns the last instant that a log may hold, by this machine's clock or a demonstration's ahead of it."""
    return max(datetime.now(UTC), now(settings)) + AHEAD


def is_within(moment: datetime) -> bool:
    """Whether a log may hold an instant, one without a zone being UTC.

    >>> is_within(datetime(2026, 1, 5)), is_within(datetime(9999, 1, 5)), is_within(datetime(1999, 12, 31))
    (True, False, False)
    """
    if not EARLIEST.year - 1 <= moment.year < 9999:
        return False
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return EARLIEST <= aware <= latest_in(int(time.time()) // 60)


@lru_cache(maxsize=2)
def latest_in(_minute: int) -> datetime:
    """Returns the last instant that a log may hold, computed once a minute: a model judges thousands of records."""
    return latest(read_settings())


def set_latest(settings: Settings) -> str:
    """Builds the statement that tells a cursor the last instant that a log may hold."""
    return f"set variable latest_instant = timestamp '{naive(latest(settings)):%Y-%m-%d %H:%M:%S}'"


def out_of_bounds(column: str) -> str:
    """Builds SQL that is true for an instant that no log can mean, and null for none."""
    ahead = " + interval 366 day" if column in PLANNED else ""
    return f"({column} < timestamp '{EARLIEST:%Y-%m-%d}' or {column} > {VARIABLE}{ahead})"
