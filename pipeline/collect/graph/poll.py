"""Polls one tenant: the newest events, its jobs, their configuration, and then what was missed before.

Whatever fails becomes a sentence in `contacts` and is not tried for a while; the rest of the poll goes on. One process
at a time polls a tenant.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from threading import Event
from time import monotonic
from typing import Any

from pipeline.collect.contacts import Contact, newest_contacts, read_contacts, retry_pause, write_contacts
from pipeline.collect.graph.client import Graph, RequestPolicy, ServerFailure, SignInRefused, Unreachable
from pipeline.collect.graph.configuration import read_configurations
from pipeline.collect.graph.errors import Stopped
from pipeline.collect.graph.events import EventReader, PollCounts, coverage_key
from pipeline.collect.graph.jobs import AppCache, read_jobs
from pipeline.collect.graph.limiter import RateLimiter
from pipeline.collect.graph.lock import tenant_lock
from pipeline.collect.watermark import read_coverage
from pipeline.collect.windows import DAY, Covered, Window, gaps, newest_window, next_gap
from pipeline.config import clock
from pipeline.config.errors import GraphError
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant
from pipeline.config.wording import span
from pipeline.store.lake import Store

SKEW_REPORTED_S = 60
"Seconds between two clocks that are worth a sentence."
SLOW_WINDOW_S = 20.0
"A back-fill's window that takes longer makes the next one shorter, so that the newest events do not wait."
NEWEST_EVERY_S = 120.0
"A back-fill without a budget looks for the newest events this often."
SHORTEST_GAP = timedelta(hours=1)
"A back-fill's windows are not made shorter for its pace."
Progress = Callable[[str, float], None]
"Called with a tenant and the share of its back-fill that is done."


@dataclass
class PollResult(PollCounts):
    """The result of one poll."""

    tenant: str = ""
    gaps_left: list[Window] = field(default_factory=list)
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    "Why a feed failed, by feed."
    details: dict[str, str] = field(default_factory=dict)
    "What there is to report of the feeds that succeeded."
    busy: str = ""
    "Who polls this tenant, when another process does."
    waiting: dict[str, str] = field(default_factory=dict)
    "Why a feed failed before, of those that were not tried this time."

    def document(self) -> dict[str, Any]:
        """Returns the result as `poll --json` prints it."""
        fields = asdict(self) | {"seconds": round(self.seconds, 3)}
        fields["gaps_left"] = [
            {"since": f"{gap.since.isoformat()}Z", "until": f"{gap.until.isoformat()}Z"} for gap in self.gaps_left
        ]
        return {"tenant": fields.pop("tenant"), **fields}


class PollState:
    """What is kept between two polls: the connection with its token, the apps, how long a window may be.

    Losing it costs requests and nothing else.
    """

    def __init__(self, connect: Callable[[], Graph]) -> None:
        self._connect = connect
        self.connected: Graph | None = None
        self.apps = AppCache()
        self.longest = DAY
        self.landed: set[bytes] = set()
        "Digests of the newest window's records, most of which the next poll reads again."
        self.contacts: dict[str, Contact] = {}
        "The status of each feed, which is not always worth writing."

    @property
    def graph(self) -> Graph:
        """The tenant's Graph; raises GraphError when its certificates cannot be read."""
        self.connected = self.connected or self._connect()
        return self.connected

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self.connected.requests if self.connected else 0

    def close(self) -> None:
        """Ends connections and forgets the token."""
        if self.connected is not None:
            self.connected.close()
            self.connected = None


class PollRun:
    """The work of one poll."""

    def __init__(
        self,
        state: PollState,
        store: Store,
        tenant: Tenant,
        budget_s: float | None,
        forced: bool,
        progress: Progress,
    ) -> None:
        self._state = state
        self._store = store
        self._settings = store.settings
        self._tenant = tenant
        self._budget_s = budget_s
        self._forced = forced
        self._progress = progress
        self._began, self._requests_before = monotonic(), state.requests
        self._stored = read_contacts(store, tenant.name)
        self._rows = newest_contacts(self._stored, state.contacts)
        self._skew_s = next((one.skew_s for one in self._stored.values() if one.skew_s), 0.0)
        self._outage: GraphError | None = None
        self._overlap = timedelta(seconds=self._settings.overlap)
        self.result = PollResult(tenant=tenant.name)

    def run(self) -> None:
        """Polls every feed, and writes their status even when told to stop."""
        try:
            events_read = self._tenant.events and self._poll_feed("events", self._read_newest)
            if self._tenant.jobs and self._poll_feed("jobs", self._read_jobs):
                self._poll_feed("configuration", self._read_configurations, when=self._configuration_is_due())
            self._write_status()
            if events_read:
                self._poll_feed("events", self._fill_gaps)
        except Stopped:
            self._write_status()
            raise
        self._write_status()
        if self._tenant.events:
            self.result.gaps_left = self._gaps()
        self.result.requests = self._state.requests - self._requests_before
        self.result.seconds = monotonic() - self._began

    def _read_newest(self) -> str:
        """Reads the newest events; twice when Graph's clock turns out to differ from what was assumed."""
        # Without coverage its rows may have been taken out of the store as well.
        landed = self._state.landed if self._coverage() else set()
        with EventReader(self._store, self._state.graph, self.result, landed) as events:
            for _ in range(2):
                stored = self._coverage()
                window = newest_window(stored, self._retained(), self._overlap)
                if window is None:
                    break
                events.read(window)
                events.land(stored)
                if not self._adjust_skew(events.skew_s):
                    break
        self._state.landed = events.landed
        return self._event_summary()

    def _read_jobs(self) -> str:
        """Reads the jobs' state, and the directory's apps when that is due."""
        apps, listed = self._state.apps, self._rows.get("apps")
        if apps.listed_at is None and listed is not None:
            apps.listed_at = listed.reached_at
        result = read_jobs(self._store, self._state.graph, apps, clock.now(self._settings), self._time_is_over)
        self.result.jobs = result.jobs
        if result.landed is not None:
            self.result.kept += result.landed.kept
            self.result.duplicates += result.landed.duplicates
            self.result.rejects += result.landed.rejects
        self._adjust_skew(result.skew_s)
        if result.listed and (listed is None or listed.reached_at != apps.listed_at):
            detail = apps.no_list or f"{len(apps.names)} apps are known."
            fresh = Contact(self._tenant.name, "apps", apps.listed_at, apps.listed_at, detail=detail)
            self._rows["apps"] = replace(fresh, skew_s=self._skew_s)
        return result.detail

    def _read_configurations(self) -> str:
        """Reads the jobs' configuration."""
        return read_configurations(self._store, self._state.graph, self._tenant, clock.now(self._settings))

    def _configuration_is_due(self) -> bool:
        """Whether the configuration was last read long enough ago."""
        status = self._stored.get("configuration")
        if status is None or status.outcome != "ok" or status.reached_at is None:
            return True
        every = timedelta(seconds=self._settings.configuration_every)
        return clock.naive(clock.now(self._settings)) - status.reached_at >= every

    def _fill_gaps(self) -> str:
        """Reads what was missed, until all of it is read or the poll's time is over."""
        left, looked = self._gaps(), monotonic()
        whole = sum((gap.span for gap in left), timedelta()) or timedelta(1)
        with EventReader(self._store, self._state.graph, self.result) as events:
            while (window := next_gap(left, self._state.longest)) and not self._time_is_over():
                self._progress(self._tenant.name, 1 - sum((gap.span for gap in left), timedelta()) / whole)
                began = monotonic()
                events.read(window)
                self._adjust_window(monotonic() - began)
                if monotonic() - looked > NEWEST_EVERY_S:
                    self._read_newest()
                    looked = monotonic()
                left = self._gaps(events.waiting)
        if not left:
            self._progress(self._tenant.name, 1.0)
        return self._event_summary()

    def _adjust_window(self, seconds: float) -> None:
        """Makes the next window of a back-fill shorter or longer, after how long one took."""
        if seconds > SLOW_WINDOW_S:
            self._state.longest = max(SHORTEST_GAP, self._state.longest / 2)
        elif seconds < SLOW_WINDOW_S / 4:
            self._state.longest = min(DAY, self._state.longest * 2)

    def _poll_feed(self, feed: str, work: Callable[[], str], *, when: bool = True) -> bool:
        """Polls one feed, unless it is backing off, and notes its status; returns whether it succeeded."""
        status = self._rows.get(feed) or Contact(self._tenant.name, feed)
        if not when or not (self._forced or status.due(clock.naive(clock.now(self._settings)))):
            self.result.waiting |= {feed: status.detail} if when else {}
            return False
        before, error, detail = self._state.requests, self._outage, ""
        try:
            detail = work() if error is None else ""
        except GraphError as raised:
            error = raised
            self._outage = raised if is_outage(raised) else None
        spent, now = self._state.requests - before, clock.naive(clock.now(self._settings))
        if error is None:
            self._rows[feed] = status.after_success(now, detail, spent, round(self._skew_s, 3))
            self.result.details[feed] = detail
            return True
        pause = retry_pause(status.failures + 1, self._settings, error.retry_after)
        self._rows[feed] = status.after_failure(now, str(error), spent, pause)
        self.result.details.pop(feed, None)
        self.result.failures[feed] = str(error)
        return False

    def _write_status(self) -> None:
        """Writes the status of the feeds."""
        self._stored = write_contacts(self._store, self._rows.values(), self._stored)
        self._state.contacts = dict(self._rows)

    def _event_summary(self) -> str:
        """Describes how complete the events are, and a clock that is wrong."""
        left = sum((gap.span for gap in self._gaps()), timedelta())
        parts = ["The newest events are read."]
        if left:
            parts.append(f"{span(left)} of the last {self._retention.days} days are still to be read.")
        if abs(self._skew_s) > SKEW_REPORTED_S:
            side = "behind" if self._skew_s > 0 else "ahead of"
            parts.append(
                f"This machine's clock is {span(abs(self._skew_s))} {side} Graph's; set it. Until then Graph's is used."
            )
        return " ".join(parts)

    def _adjust_skew(self, skew_s: float | None) -> bool:
        """Takes over how far Graph's clock is ahead; returns whether that changed."""
        before, self._skew_s = self._skew_s, self._skew_s if skew_s is None else skew_s
        return abs(self._skew_s - before) > SKEW_REPORTED_S

    def _coverage(self) -> list[Covered]:
        """Returns what was read."""
        return read_coverage(self._store, coverage_key(self._tenant))

    def _gaps(self, waiting: Sequence[Covered] = ()) -> list[Window]:
        """Returns what was never read; `waiting` was and has not landed yet."""
        return gaps([*self._coverage(), *waiting], self._retained(), self._overlap)

    def _retained(self) -> Window:
        """Returns the window whose events Entra still keeps, by Graph's clock as far as that is known."""
        now = clock.naive(clock.now(self._settings) + timedelta(seconds=self._skew_s))
        return Window(now - self._retention, now)

    @property
    def _retention(self) -> timedelta:
        """How long Entra keeps this tenant's events."""
        return timedelta(days=self._tenant.retention_days or self._settings.retention_days)

    def _time_is_over(self) -> bool:
        """Whether the poll's time is over."""
        return self._budget_s is not None and monotonic() - self._began > self._budget_s


class Poller:
    """Polls one tenant, again and again; its state between two polls spares requests and nothing else."""

    def __init__(
        self,
        settings: Settings,
        tenant: Tenant,
        *,
        policy: RequestPolicy | None = None,
        limiter: RateLimiter | None = None,
    ) -> None:
        self.tenant = tenant
        self._settings = settings
        self._stop = Event()
        connect = lambda: Graph(tenant, settings, policy=policy, limiter=limiter, wait=self._pause)  # noqa: E731
        self._state = PollState(connect)

    def poll(
        self,
        store: Store,
        stop: Event,
        role: str = "poll",
        *,
        budget_s: float | None = None,
        forced: bool = False,
        progress: Progress = lambda _tenant, _share: None,
    ) -> PollResult:
        """Polls every feed once; `budget_s` bounds the back-fill, `forced` polls a feed though it is backing off.

        Raises TenantBusy when another process polls this tenant, Stopped when told to stop, StoreError.
        """
        self._stop = stop
        with tenant_lock(store, self.tenant.name, role):
            run = PollRun(self._state, store, self.tenant, budget_s, forced, progress)
            run.run()
            return run.result

    def close(self) -> None:
        """Ends connections and forgets the token."""
        self._state.close()

    def _pause(self, seconds: float) -> None:
        """Waits, unless told to stop."""
        if self._stop.wait(seconds):
            raise Stopped(f"{self.tenant.name}: stopped; what was read is kept, and the next poll goes on from there.")


def is_outage(error: GraphError) -> bool:
    """Whether every other request would fail too."""
    return isinstance(error, Unreachable | SignInRefused) and not isinstance(error, ServerFailure)
