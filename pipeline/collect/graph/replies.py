"""What stands in Graph's answers beside the data: dates, pauses, complaints."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def complaint(body: bytes) -> str:
    """Gives what Graph says in an error's body, in brackets; nothing when it says nothing."""
    with suppress(ValueError, AttributeError, TypeError):
        error = json.loads(body).get("error") or {}
        said = ": ".join(str(error[key]) for key in ("code", "message") if error.get(key))
        return f" ({' '.join(said.split())[:300]})" if said else ""
    return ""


def instant(header: str | None) -> datetime | None:
    """Reads an HTTP date, as UTC."""
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(header or "").astimezone(UTC)
    return None


def seconds(header: str | None, now: datetime) -> float | None:
    """Reads Retry-After: seconds, or the instant from which on one may ask.

    >>> midnight = datetime(2026, 1, 5, tzinfo=UTC)
    >>> seconds("7", midnight), seconds("Mon, 05 Jan 2026 00:00:09 GMT", midnight)
    (7.0, 9.0)
    """
    with suppress(ValueError):
        return max(0.0, float(header or ""))
    at = instant(header)
    return max(0.0, (at - now).total_seconds()) if at else None


def apart(theirs: datetime, asked_at: datetime, read_at: datetime) -> float:
    """Gives how many seconds the server's clock is ahead; a Date header has whole seconds.

    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> second, hour = timedelta(seconds=1), timedelta(hours=1)
    >>> apart(noon, noon + 0.9 * second, noon + 2 * second), apart(noon, noon + hour, noon + hour)
    (0.0, -3599.0)
    """
    early, late = asked_at - timedelta(seconds=1), read_at
    return (theirs - min(max(theirs, early), late)).total_seconds()
