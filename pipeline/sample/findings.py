"""What the health rules must find at named instants: said from what happened in the tenant, never from a rule's answer.

Every finding says why it is there: the planted story behind it, or everyday traffic that is truly a finding. An app's
log that names no app tells the same trouble once more, of no app.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.sample import truth
from pipeline.sample.nouns import App, Event, Exchange, Facts, stamp
from pipeline.sample.placement import log_of
from pipeline.sample.timeline import INTERVAL, Outage, Timeline

DAY, WEEK = timedelta(days=1), timedelta(days=7)
REMOVALS = ("disable", "delete", "stagedDelete")
EVERYDAY = "everyday"
"Why a finding is there that no story planted."


@dataclass(frozen=True, slots=True)
class Scene:
    """All that had happened by an instant."""

    timeline: Timeline
    apps: list[App]
    events: list[Event]
    exchanges: list[Exchange]
    at: datetime

    def since(self, span: timedelta) -> list[Event]:
        """Returns the events of the last `span`."""
        return [event for event in self.events if event.at > self.at - span]

    def of(self, app: App) -> list[Event]:
        """Returns an app's events."""
        return [event for event in self.events if event.app == app]

    def logs(self) -> dict[str, list[Exchange]]:
        """Returns each app's requests; a log that names no app is the only app's that has one."""
        found: dict[str, list[Exchange]] = defaultdict(list)
        for exchange in self.exchanges:
            found[exchange.app.name].append(exchange)
        return dict(found)


def moments(timeline: Timeline, cerby: App) -> dict[str, datetime]:
    """Returns the instants to ask at, by the story that each of them falls into."""
    return {
        "quarantine_recovered": timeline.outages(cerby)[0].began + timedelta(hours=4, minutes=30),
        "throttled_hour": timeline.throttled_from + timedelta(minutes=70),
        "growing_escrow": timeline.conflicts_from + timedelta(days=2, hours=2),
        "licences_exhausted": timeline.day(int(timeline.days * 0.6), 14),
        "wave_of_disables": timeline.wave_from + timedelta(hours=3),
        "quarantine_open": timeline.until,
    }


def checks(timeline: Timeline, apps: list[App], events: list[Event], exchanges: list[Exchange]) -> list[Facts]:
    """Returns what a check must find at each instant."""
    told: list[Facts] = []
    for story, at in sorted(moments(timeline, apps[0]).items(), key=lambda moment: moment[1]):
        past = [event for event in events if event.at <= at]
        scene = Scene(timeline, apps, past, [each for each in exchanges if each.at <= at], at)
        told.append({"at": stamp(at), "story": story, "incidents": sorted(_all(scene), key=_order)})
    return told


def _order(finding: Facts) -> tuple[str, str]:
    """Returns what findings are sorted by."""
    return str(finding["rule"]), str(finding["app_name"])


def _all(scene: Scene) -> Iterator[Facts]:
    """Yields every finding."""
    yield from _outage(scene)
    yield from _refusals(scene)
    yield from _throttling(scene)
    yield from _collisions(scene)
    for app in scene.apps:
        yield from _growth(scene, app)
        yield from _given_up(scene, app)
        yield from _lacking(scene, app)
        yield from _removals(scene, app)
        yield from _new_errors(scene, app)


def _finding(rule: str, app_name: str | None, since: datetime | None, why: Iterable[str], about: str = "") -> Facts:
    """Returns one finding; `since` is left out where it depends on when somebody looked."""
    dated = {} if since is None else {"since": stamp(since)}
    because = sorted({story or EVERYDAY for story in why})
    return {"rule": rule, "app_name": app_name, "about": about or None, **dated, "because": because}


def _outage(scene: Scene) -> Iterator[Facts]:
    """Yields what a dead token does to the job: it is quarantined at once, silent after two intervals, and fails on."""
    for app in scene.apps:
        for outage in scene.timeline.outages(app):
            if not outage.began <= scene.at < (outage.ended or scene.timeline.until + DAY):
                continue
            why = [_story(outage)]
            yield _finding("quarantined", app.name, outage.began, why, "EncounteredQuarantineException")
            if scene.at - outage.began > 3 * INTERVAL:
                yield _finding("silence", app.name, outage.began, why, "credentials")
            if sum(at <= scene.at for at in outage.refusals) >= 2:
                yield _finding("failing_runs", app.name, None, why)


def _story(outage: Outage) -> str:
    """Returns an outage's name in the key."""
    return "quarantine_recovered" if outage.ended else "quarantine_open"


def _refusals(scene: Scene) -> Iterator[Facts]:
    """Yields each log that says the token is refused: on the last day, twice or more since the last good answer."""
    for name, calls in scene.logs().items():
        good = max((call.at for call in calls if call.status < 300), default=scene.timeline.since)
        refused = [call.at for call in calls if call.status == 401 and call.at > good]
        if len(refused) >= 2 and max(refused) > scene.at - DAY:
            outages = [out for app in scene.apps for out in scene.timeline.outages(app) if out.began <= refused[0]]
            yield _finding("token_refused", name, refused[0], [_story(outages[-1])])


def _throttling(scene: Scene) -> Iterator[Facts]:
    """Yields each log in which, for six hours, twice the usual share and 5 % at least was answered with 429."""
    for name, calls in scene.logs().items():
        asked = [call for call in calls if not call.probe]
        lately = [call for call in asked if call.at > scene.at - timedelta(hours=6)]
        before = [
            call for call in asked if scene.at - timedelta(hours=6) - WEEK < call.at <= scene.at - timedelta(hours=6)
        ]
        if min(len(lately), len(before)) >= 20 and _throttled(lately) >= max(0.05, 2 * _throttled(before)):
            yield _finding("target_slow", name, min(call.at for call in lately), ["throttled_hour"])


def _throttled(calls: list[Exchange]) -> float:
    """Returns the share of requests that were answered with 429."""
    return sum(call.status == 429 for call in calls) / len(calls)


def _collisions(scene: Scene) -> Iterator[Facts]:
    """Yields each log that has, on the last day, a look-up without a result and a create of the same refused with 409.

    An access log has no answers' bodies, so it cannot tell that nobody was found.
    """
    found: dict[str, list[Event]] = defaultdict(list)
    for event in scene.since(DAY):
        shape = log_of(scene.timeline, event.at)
        refused = event.failure is not None and event.failure.http_status == 409
        if event.app == scene.apps[0] and refused and event.action == "create" and shape != "access":
            found[event.app.name].append(event)
    for name, events in found.items():
        yield _finding("collision", name, events[0].at, _stories(events), "found_by_none")


def _stories(events: Iterable[Event]) -> set[str]:
    """Returns the stories that events belong to."""
    return {event.intent.story for event in events}


def _growth(scene: Scene, app: App) -> Iterator[Facts]:
    """Yields an app in which three objects or more wait, and more than a day ago."""
    escrows = truth.escrows(truth.histories(scene.of(app)))
    waiting = [escrow for escrow in escrows if escrow.closed_at is None]
    then = scene.at - DAY
    before = [each for each in escrows if each.opened_at <= then and (each.closed_at is None or each.closed_at > then)]
    if len(waiting) >= 3 and len(waiting) > len(before):
        ids = {escrow.source_id for escrow in waiting if escrow not in before}
        why = _stories(event for event in scene.of(app) if event.failure and event.intent.subject.source_id in ids)
        yield _finding("escrow_growth", app.name, min(escrow.opened_at for escrow in waiting), why)


def _given_up(scene: Scene, app: App) -> Iterator[Facts]:
    """Yields an app in which somebody has waited for 25 of the 28 days."""
    escrows = truth.escrows(truth.histories(scene.of(app)))
    limit = timedelta(days=25)
    old = [each for each in escrows if each.closed_at is None and each.opened_at <= scene.at - limit]
    if old:
        ids = {escrow.source_id for escrow in old}
        why = _stories(event for event in scene.of(app) if event.failure and event.intent.subject.source_id in ids)
        yield _finding("escrow_drops", app.name, min(escrow.opened_at for escrow in old) + limit, why)


def _lacking(scene: Scene, app: App) -> Iterator[Facts]:
    """Yields an app whose newest word on somebody, of the last week, is that a required value is missing."""
    lacking: list[Event] = []
    for history in truth.histories(scene.of(app)).values():
        looked = [event for event in history.events if event.skip_reason != "RedundantExport"]
        if looked and looked[-1].intent.what == "invalid" and looked[-1].at > scene.at - WEEK:
            lacking += [event for event in looked if event.intent.what == "invalid"]
    if lacking:
        yield _finding("required_missing", app.name, min(event.at for event in lacking), _stories(lacking))


def _removals(scene: Scene, app: App) -> Iterator[Facts]:
    """Yields an app in which five people or more were removed on the last day, three times as many as on any before."""
    if scene.at - WEEK < scene.timeline.begins(app, 0):
        return
    days: dict[int, list[Event]] = defaultdict(list)
    for event in scene.of(app):
        if event.action in REMOVALS and event.status != "skipped":
            days[(scene.at - event.at) // DAY].append(event)
    many = {ago: len({event.intent.subject.source_id for event in events}) for ago, events in days.items()}
    usual = max((count for ago, count in many.items() if ago), default=0)
    if many.get(0, 0) >= max(5, 3 * max(usual, 1)):
        planted = _stories(days[0]) - {""}
        yield _finding("mass_leavers", app.name, min(event.at for event in days[0]), planted or {""})


def _new_errors(scene: Scene, app: App) -> Iterator[Facts]:
    """Yields each error that hit three people or more on the last day and nobody in the week before."""
    codes: dict[str, list[Event]] = defaultdict(list)
    for event in scene.of(app):
        if event.failure:
            codes[event.failure.code].append(event)
    for code, events in sorted(codes.items()):
        lately = [event for event in events if event.at > scene.at - DAY]
        before = [event for event in events if scene.at - DAY - WEEK < event.at <= scene.at - DAY]
        hit = {event.intent.subject.source_id for event in lately}
        if len(hit) >= 3 and not before and lately[0].at - WEEK >= scene.timeline.begins(app, 0):
            yield _finding("error_spreads", app.name, lately[0].at, _stories(lately), code)
