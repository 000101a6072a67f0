"""The retry policy: whether something that failed is tried again, and how long the pause before that is.

Own code and not the library `stamina`: it runs the loop and sleeps in it, by a time.sleep that cannot be replaced, and
no pause here is of that kind. A feed's and a message's next try is an instant in the store, which outlives the process,
and a feed's is stretched by a demonstration's clock; a pause before a request to Graph ends when the process is told to
stop, and a Retry-After delays every thread that shares the tenant's limiter; Azure's storage library asks for a number
of seconds. What they share is the arithmetic, which is this module.
"""

import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off: each pause may be twice as long as the one before, up to the longest."""

    first_s: float
    "Seconds of the first pause."
    longest_s: float
    "Seconds that no pause passes, unless the server's Retry-After does."
    attempts: int | None = None
    "Tries in all, the first included; None sets no limit."
    jitter: bool = False
    "Whether a pause is drawn from zero up to its length, so that many clients do not come back at the same moment."
    longest_retry_after_s: float = float("inf")
    "A Retry-After above this is not waited for: there is no further try."

    def allows(self, failures: int, retry_after_s: float | None = None) -> bool:
        """Whether there is another try after so many failures in a row."""
        if (retry_after_s or 0.0) > self.longest_retry_after_s:
            return False
        return self.attempts is None or failures < self.attempts

    def pause_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """Returns the seconds before the next try after so many failures in a row; never fewer than Retry-After.

        >>> [RetryPolicy(60, 3600).pause_s(failures) for failures in (1, 2, 3, 7, 5000)]
        [60.0, 120.0, 240.0, 3600, 3600]
        """
        # Beyond 2 to the power of 1023 a float overflows, and any longest pause was reached long before.
        longest = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 60))
        return max(random.uniform(0.0, longest) if self.jitter else longest, retry_after_s or 0.0)


GRAPH_REQUESTS = RetryPolicy(first_s=1, longest_s=60, attempts=5, jitter=True, longest_retry_after_s=150)
"A longer Retry-After is left to the feed's next turn."
BLOB_REQUESTS = RetryPolicy(first_s=3, longest_s=12, attempts=4, jitter=True, longest_retry_after_s=30)
"Azure's library sleeps through a stop, so no pause is long."
MESSAGES = RetryPolicy(first_s=60, longest_s=6 * 3600)
"There is no limit to a message's tries but its age."
COMMITS = RetryPolicy(first_s=0.02, longest_s=1, attempts=8, jitter=True)
"Another writer's commit came first."
CONNECTIONS = RetryPolicy(first_s=0.02, longest_s=0.2, attempts=5)
"A connection that ended while it was idle; a server that is down is reported at once, in effect."
FEED_LONGEST_S = 3600.0
"A feed that fails is tried once an hour at least; its first pause is PROVISIONING_POLL_EVERY."


def http_date(header: str | None) -> datetime | None:
    """Reads an HTTP date, as UTC."""
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(header or "").astimezone(UTC)
    return None


def retry_after(header: str | None, now: datetime) -> float | None:
    """Reads a Retry-After header: seconds, or the instant from which on a request is welcome again.

    >>> midnight = datetime(2026, 1, 5, tzinfo=UTC)
    >>> retry_after("7", midnight), retry_after("Mon, 05 Jan 2026 00:00:09 GMT", midnight)
    (7.0, 9.0)
    """
    with suppress(ValueError):
        return max(0.0, float(header or ""))
    at = http_date(header)
    return max(0.0, (at - now).total_seconds()) if at else None
