"""What Graph's answers carry beside the data: the error's text and the server's clock."""

import json
from contextlib import suppress
from datetime import datetime, timedelta


def error_text(body: bytes) -> str:
    """Returns the code and message of an error's body, in brackets; empty when there are none."""
    with suppress(ValueError, AttributeError, TypeError):
        error = json.loads(body).get("error") or {}
        text = ": ".join(str(error[key]) for key in ("code", "message") if error.get(key))
        return f" ({' '.join(text.split())[:300]})" if text else ""
    return ""


def clock_skew(server_at: datetime, requested_at: datetime, read_at: datetime) -> float:
    """Returns the seconds by which the server's clock is ahead; a Date header has whole seconds.

    >>> noon = datetime(2026, 1, 5, 12)
    >>> second, hour = timedelta(seconds=1), timedelta(hours=1)
    >>> clock_skew(noon, noon + 0.9 * second, noon + 2 * second), clock_skew(noon, noon + hour, noon + hour)
    (0.0, -3599.0)
    """
    early, late = requested_at - timedelta(seconds=1), read_at
    return (server_at - min(max(server_at, early), late)).total_seconds()
