"""One turn of asking a tenant: the newest events, its jobs, their configuration, and then what was missed before.

Whatever fails becomes a sentence in `contacts` and is left alone for a while; the rest of the turn goes on.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from time import monotonic
from typing import Any

from pipeline.collect.contacts import Contact, keep_contacts, read_contacts, retry_pause
from pipeline.collect.graph.client import Graph, SignInRefused, Unreachable, Unwell
from pipeline.collect.graph.configuration import read_configurations
from pipeline.collect.graph.errors import Stopped
from pipeline.collect.graph.events import Events, Tally, asked_of
from pipeline.collect.graph.jobs import Apps, ask_jobs
from pipeline.collect.watermark import read_covered
from pipeline.collect.windows import DAY, Window, gaps, head, next_gap
from pipeline.config import clock
from pipeline.config.errors import GraphError
from pipeline.config.tenants import Tenant
from pipeline.store.lake import Store

ASTRAY_S = 60
"Seconds between two clocks that are worth a sentence."
LONG_S = 20.0
"A back-fill's window that takes longer makes the next one shorter, so that the newest events do not wait."
FRESH_S = 120.0
"A back-fill without a budget looks for the newest events this often."
SHORTEST = timedelta(hours=1)
"A back-fill's windows are not made shorter for its pace."
Progress = Callable[[str, float], None]
"Is told a tenant and the share of its back-fill that is done."


@dataclass
class Polled(Tally):
    """What one turn came to."""

    tenant: str = ""
    gaps_left: list[Window] = field(default_factory=list)
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    "What is the matter, by feed."
    details: dict[str, str] = field(default_factory=dict)
    "What is to be said of the feeds that went well."
    busy: str = ""
    "Who polls this tenant, when another process does."
    waiting: dict[str, str] = field(default_factory=dict)
    "What was the matter with the feeds that were left alone this time."

    def document(self) -> dict[str, Any]:
        """Gives it as JSON has it."""
        told = asdict(self) | {"seconds": round(self.seconds, 3)}
        told["gaps_left"] = [
            {"since": f"{gap.since.isoformat()}Z", "until": f"{gap.until.isoformat()}Z"} for gap in self.gaps_left
        ]
        return {"tenant": told.pop("tenant"), **told}


class Memory:
    """What is kept between two turns: the connection with its token, the apps, how long a window may be."""

    def __init__(self, make: Callable[[], Graph]) -> None:
        self._make = make
        self.made: Graph | None = None
        self.apps = Apps()
        self.longest = DAY

    @property
    def graph(self) -> Graph:
        """The tenant's Graph; raises GraphError when its certificates cannot be read."""
        self.made = self.made or self._make()
        return self.made

    @property
    def sent(self) -> int:
        """Requests made so far."""
        return self.made.requests if self.made else 0

    def close(self) -> None:
        """Ends connections and forgets the token."""
        if self.made is not None:
            self.made.close()
            self.made = None


class Turn:
    """One turn's work."""

    def __init__(
        self,
        memory: Memory,
        store: Store,
        tenant: Tenant,
        budget_s: float | None,
        forced: bool,
        progress: Progress,
    ) -> None:
        self._memory = memory
        self._store = store
        self._settings = store.settings
        self._tenant = tenant
        self._budget_s = budget_s
        self._forced = forced
        self._progress = progress
        self._began, self._sent = monotonic(), memory.sent
        self._known = read_contacts(store, tenant.name)
        self._rows = dict(self._known)
        self._skew_s = next((one.skew_s for one in self._known.values() if one.skew_s), 0.0)
        self._down: GraphError | None = None
        self._overlap = timedelta(seconds=self._settings.overlap)
        self.polled = Polled(tenant=tenant.name)

    def run(self) -> None:
        """Does it all, and writes how it went even when told to stop."""
        try:
            went_well = self._tenant.events and self._try("events", self._newest)
            if self._tenant.jobs and self._try("jobs", self._jobs):
                self._try("configuration", self._configure, when=self._configure_is_due())
            self._keep()
            if went_well:
                self._try("events", self._missed)
        except Stopped:
            self._keep()
            raise
        self._keep()
        if self._tenant.events:
            self.polled.gaps_left = self._gaps()
        self.polled.requests = self._memory.sent - self._sent
        self.polled.seconds = monotonic() - self._began

    def _newest(self) -> str:
        """Reads the newest events; again at once when Graph's clock turns out to be another than was thought."""
        events = Events(self._store, self._memory.graph, self.polled)
        for _ in range(2):
            window = head(read_covered(self._store, asked_of(self._tenant)), self._reach(), self._overlap)
            if window is None:
                break
            events.read(window)
            if not self._adjust(events.skew_s):
                break
        return self._told()

    def _jobs(self) -> str:
        """Asks the jobs, and the directory for apps when that is due."""
        apps, listed = self._memory.apps, self._rows.get("apps")
        if apps.listed_at is None and listed is not None:
            apps.listed_at = listed.reached_at
        done = ask_jobs(self._store, self._memory.graph, apps, clock.now(self._settings), self._enough)
        self.polled.jobs = done.jobs
        if done.result is not None:
            self.polled.kept += done.result.kept
            self.polled.duplicates += done.result.duplicates
            self.polled.rejects += done.result.rejects
        self._adjust(done.skew_s)
        if done.listed and (listed is None or listed.reached_at != apps.listed_at):
            said = apps.no_list or f"{len(apps.names)} apps are known."
            fresh = Contact(self._tenant.name, "apps", apps.listed_at, apps.listed_at, detail=said)
            self._rows["apps"] = replace(fresh, skew_s=self._skew_s)
        return done.detail

    def _configure(self) -> str:
        """Reads the jobs' configuration."""
        return read_configurations(self._store, self._memory.graph, self._tenant, clock.now(self._settings))

    def _configure_is_due(self) -> bool:
        """Whether the configuration was not read for long enough."""
        known = self._known.get("configuration")
        if known is None or known.outcome != "ok" or known.reached_at is None:
            return True
        every = timedelta(seconds=self._settings.configuration_every)
        return clock.naive(clock.now(self._settings)) - known.reached_at >= every

    def _missed(self) -> str:
        """Reads what was missed, until all of it is read or the turn's time is over."""
        events = Events(self._store, self._memory.graph, self.polled)
        left, looked = self._gaps(), monotonic()
        whole = sum((gap.span for gap in left), timedelta()) or timedelta(1)
        while (window := next_gap(left, self._reach(), self._memory.longest)) and not self._enough():
            self._progress(self._tenant.name, 1 - sum((gap.span for gap in left), timedelta()) / whole)
            began = monotonic()
            events.read(window)
            self._pace(monotonic() - began)
            if monotonic() - looked > FRESH_S:
                self._newest()
                looked = monotonic()
            left = self._gaps()
        if not left:
            self._progress(self._tenant.name, 1.0)
        return self._told()

    def _pace(self, seconds: float) -> None:
        """Makes the next window of a back-fill shorter or longer, after how long one took."""
        if seconds > LONG_S:
            self._memory.longest = max(SHORTEST, self._memory.longest / 2)
        elif seconds < LONG_S / 4:
            self._memory.longest = min(DAY, self._memory.longest * 2)

    def _try(self, feed: str, work: Callable[[], str], *, when: bool = True) -> bool:
        """Asks for one feed, unless it should be left alone, and remembers how it went; says whether it went well."""
        known = self._rows.get(feed) or Contact(self._tenant.name, feed)
        if not when or not (self._forced or known.due(clock.naive(clock.now(self._settings)))):
            self.polled.waiting |= {feed: known.detail} if when else {}
            return False
        before, error, detail = self._memory.sent, self._down, ""
        try:
            detail = work() if error is None else ""
        except GraphError as raised:
            error = raised
            self._down = raised if is_down(raised) else None
        spent, now = self._memory.sent - before, clock.naive(clock.now(self._settings))
        if error is None:
            self._rows[feed] = known.reached(now, detail, spent, round(self._skew_s, 3))
            self.polled.details[feed] = detail
            return True
        pause = retry_pause(known.failures + 1, self._settings, error.retry_after)
        self._rows[feed] = known.failed(now, str(error), spent, pause)
        self.polled.details.pop(feed, None)
        self.polled.failures[feed] = str(error)
        return False

    def _keep(self) -> None:
        """Writes what is to be said of the feeds."""
        keep_contacts(self._store, self._rows.values(), self._known)
        self._known = dict(self._rows)

    def _told(self) -> str:
        """Says how complete the events are, and what is odd."""
        left = sum((gap.span for gap in self._gaps()), timedelta())
        parts = ["The newest events are read."]
        if left:
            parts.append(f"{spelled(left)} of the last {self._retention.days} days are still to be read.")
        if abs(self._skew_s) > ASTRAY_S:
            side = "behind" if self._skew_s > 0 else "ahead of"
            parts.append(
                f"This machine's clock is {spelled(timedelta(seconds=abs(self._skew_s)))} {side} Graph's; set it. "
                "Until then Graph's is used."
            )
        return " ".join(parts)

    def _adjust(self, skew_s: float | None) -> bool:
        """Takes over how far Graph's clock is ahead; says whether that is news."""
        before, self._skew_s = self._skew_s, self._skew_s if skew_s is None else skew_s
        return abs(self._skew_s - before) > ASTRAY_S

    def _gaps(self) -> list[Window]:
        """Gives what was never read."""
        return gaps(read_covered(self._store, asked_of(self._tenant)), self._reach(), self._overlap)

    def _reach(self) -> Window:
        """Gives the time whose events Entra still keeps, by Graph's clock as far as that is known."""
        now = clock.naive(clock.now(self._settings) + timedelta(seconds=self._skew_s))
        return Window(now - self._retention, now)

    @property
    def _retention(self) -> timedelta:
        """How long Entra keeps this tenant's events."""
        return timedelta(days=self._tenant.retention_days or self._settings.retention_days)

    def _enough(self) -> bool:
        """Whether the turn's time is over."""
        return self._budget_s is not None and monotonic() - self._began > self._budget_s


def is_down(error: GraphError) -> bool:
    """Says whether no other question would be answered either."""
    return isinstance(error, Unreachable | SignInRefused) and not isinstance(error, Unwell)


def spelled(span: timedelta) -> str:
    """Gives a span in the unit that suits it.

    >>> spelled(timedelta(seconds=90)), spelled(timedelta(minutes=100)), spelled(timedelta(days=29))
    ('90 seconds', '100 minutes', '29.0 days')
    """
    seconds = span.total_seconds()
    if seconds < 5 * 60:
        return f"{seconds:.0f} seconds"
    return (
        f"{seconds / 60:.0f} minutes"
        if seconds < 3 * 3600
        else (f"{seconds / 3600:.1f} hours" if seconds < 2 * 86400 else f"{seconds / 86400:.1f} days")
    )
