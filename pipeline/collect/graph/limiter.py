"""The rate limit of a tenant's requests: at most 5 in any 10 seconds, which is what Graph's reports allow an app.

The bucket of `synchronization/jobs` is not documented, so it shares this one. A demonstration's faster clock makes the
ten seconds shorter.
"""

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from threading import Lock
from time import monotonic

from pipeline.config.clock import real_span
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant

REQUESTS = 5
# Graph measures when requests arrive, which may be closer together than when they were sent.
PERIOD = timedelta(seconds=10.25)


class RateLimiter:
    """Delays requests so that they keep to the limit; threads that share it share the allowance."""

    def __init__(
        self, requests: int = REQUESTS, period_s: float = PERIOD.total_seconds(), time: Callable[[], float] = monotonic
    ) -> None:
        self._time = time
        self._period_s = period_s
        self._taken: deque[float] = deque(maxlen=requests)
        self._paused_until = float("-inf")
        self._guard = Lock()

    def delay(self) -> float:
        """Takes the next moment for a request and returns the seconds until it comes."""
        with self._guard:
            now = self._time()
            full = len(self._taken) == self._taken.maxlen
            free = self._taken[0] + self._period_s if full else now
            moment = max(now, free, self._paused_until)
            self._taken.append(moment)
            return moment - now

    def pause(self, seconds: float) -> None:
        """Delays every request for a while, as Graph asked."""
        with self._guard:
            self._paused_until = max(self._paused_until, self._time() + seconds)


LIMITERS: dict[tuple[str, str], RateLimiter] = {}
"This process's limiters, by tenant and app."
GUARD = Lock()


def limiter_for(tenant: Tenant, settings: Settings) -> RateLimiter:
    """Returns the one limiter of a tenant and an app in this process."""
    key = (tenant.tenant_id.lower(), tenant.client_id.lower())
    span = real_span(settings, PERIOD)
    with GUARD:
        return LIMITERS.setdefault(key, RateLimiter(period_s=span.total_seconds()))
