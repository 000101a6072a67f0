"""Returns the present: the machine's, or a demonstration's, which starts at an instant and runs faster.

A demonstration's time is the same for every process of it, since it follows from the setting alone.
"""

from datetime import UTC, datetime, timedelta

from pipeline.config.errors import SettingsError
from pipeline.config.settings import Settings


def now(settings: Settings) -> datetime:
    """Returns the present instant, in UTC."""
    return running(settings.clock, datetime.now(UTC)) if settings.clock else datetime.now(UTC)


def naive(instant: datetime) -> datetime:
    """Converts an instant to the store's form: UTC without a zone."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def wall_clock(settings: Settings) -> datetime:
    """Returns the present instant as the store has instants, by which people act whatever the data's newest is."""
    return naive(now(settings))


def running(clock: str, at: datetime) -> datetime:
    """Returns what a demonstration's clock shows at a real instant.

    >>> running("2026-01-12T00:00Z,60,2026-11-24T12:00Z", datetime(2026, 11, 24, 12, 2, tzinfo=UTC)).isoformat()
    '2026-01-12T02:00:00+00:00'
    """
    shown, speed, began = clock_of(clock)
    return shown + (at - began) * speed


def clock_of(clock: str) -> tuple[datetime, float, datetime]:
    """Reads a clock: the instant it shows at first, how much faster it runs, and the real instant when it began.

    Raises SettingsError for one that is written otherwise.
    """
    try:
        shown, speed, began = clock.split(",")
        return instant(shown), float(speed), instant(began)
    except ValueError:
        example = "INSTANT,SPEED,BEGAN, such as 2026-01-12T00:00Z,60,2026-11-24T12:00Z"
        raise SettingsError(f"PROVISIONING_CLOCK is '{clock}'; give {example}.") from None


def instant(text: str) -> datetime:
    """Reads an instant; one without a zone is UTC."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def real_span(settings: Settings, span: timedelta) -> timedelta:
    """Converts a span of shown time to real time."""
    return span / clock_of(settings.clock)[1] if settings.clock else span
