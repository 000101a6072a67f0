"""What Graph's answers carry beside the data: the error's text and the server's clock."""

import json
from contextlib import suppress
from datetime import datetime, timedelta


def complaint(body: bytes) -> str:
    """Gives what Graph says in an error's body, in brackets; nothing when it says nothing."""
    with suppress(ValueError, AttributeError, TypeError):
        error = json.loads(body).get("error") or {}
        said = ": ".join(str(error[key]) for key in ("code", "message") if error.get(key))
        return f" ({' '.join(said.split())[:300]})" if said else ""
    return ""


def apart(theirs: datetime, asked_at: datetime, read_at: datetime) -> float:
    """Gives how many seconds the server's clock is ahead; a Date header has whole seconds.

    >>> noon = datetime(2026, 1, 5, 12)
    >>> second, hour = timedelta(seconds=1), timedelta(hours=1)
    >>> apart(noon, noon + 0.9 * second, noon + 2 * second), apart(noon, noon + hour, noon + hour)
    (0.0, -3599.0)
    """
    early, late = asked_at - timedelta(seconds=1), read_at
    return (theirs - min(max(theirs, early), late)).total_seconds()
