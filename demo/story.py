"""The demonstration's story: three apps with their history, and a day in which Cerby is switched on and its token dies.

The same seed gives the same story. Nobody in it exists.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from demo.cycle_builder import CycleBuilder
from demo.jobs import JobHistory, Jobs
from demo.schemas import cerby_schema
from demo.tenant import Document, TenantData
from pipeline.sample.directory import Roster, build
from pipeline.sample.nouns import App, Cycle, Group, Intent, Person, guid
from pipeline.sample.shapes import graph
from pipeline.sample.timeline import RETRY_HOURS, Outage

START = datetime(2026, 1, 19, 8, 40, tzinfo=UTC)
"A Monday morning."
INTERVAL = timedelta(minutes=40)
HISTORY, FUTURE = timedelta(days=14), timedelta(days=7)
IDLE_SINCE = START - timedelta(days=6)
"When Fabrikam Desk had its last change."

SWITCHED_ON = datetime(2026, 1, 19, 9, 40, tzinfo=UTC)
MINUTES_AN_OBJECT = 0.078
"Microsoft gives 0.01 to 0.08 for each user, group and membership of an initial cycle."
WAVE_HOUR, WAVE_MINUTE, WAVE = 19, 20, 240
"Every evening the staff system's changes reach Contoso Docs, so many at once."
WAVE_LASTS, STALL = timedelta(minutes=65), timedelta(hours=3, minutes=10)
TOKEN_DIES = datetime(2026, 1, 19, 18, 20, tzinfo=UTC)
TOKEN_RENEWED = datetime(2026, 1, 20, 5, 10, tzinfo=UTC)
RECOVERED = TOKEN_DIES + timedelta(hours=RETRY_HOURS[2])
OUTAGE = Outage(TOKEN_DIES, RECOVERED, tuple(TOKEN_DIES + timedelta(hours=hours) for hours in RETRY_HOURS[:2]))


@dataclass(frozen=True)
class Line:
    """A line that the terminal prints at an instant."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Story:
    """The story: the tenant that Graph serves, each app's cycles, and the lines that the terminal prints."""

    tenant: TenantData
    cerby: list[Cycle]
    docs: list[Cycle]
    desk: list[Cycle]
    job_histories: dict[str, JobHistory]
    "Each job's documents, by service principal."
    lines: list[Line]

    @property
    def ends(self) -> datetime:
        """When the last line is due."""
        return self.lines[-1].at


def make_story(seed: int = 7, *, users: int = 7600, groups: int = 60) -> Story:
    """Builds the story of a seed; about two thirds of the users are assigned to Cerby."""
    directory = build(seed, users, groups)
    first, docs_roster, desk_roster = directory.rosters
    cerby_roster = replace(first, app=as_scim(first.app, seed))
    cerby, docs, desk = cerby_cycles(seed, cerby_roster), docs_cycles(seed, docs_roster), desk_cycles(seed, desk_roster)
    long_ago = START - timedelta(days=140)
    job_histories = {
        cerby_roster.app.app_id: JobHistory(cerby, outage=OUTAGE),
        docs_roster.app.app_id: JobHistory(docs, in_target=provisioned(docs_roster), steady_since=long_ago),
        desk_roster.app.app_id: JobHistory(desk, in_target=provisioned(desk_roster), steady_since=long_ago),
    }
    events = [graph(event) for cycles in (cerby, docs, desk) for cycle in cycles for event in cycle.events]
    apps = [cerby_roster.app, docs_roster.app, desk_roster.app]
    tenant = TenantData(
        tenant_id=directory.tenant_id,
        name="contoso",
        client_id=guid(random.Random(f"client:{seed}")),
        secret="demonstration-only",
        events=events,
        jobs=Jobs(job_histories),
        principals=[{"id": app.app_id, "displayName": app.name, "appId": app.application_id} for app in apps],
        schemas={cerby_roster.app.job_id: cerby_schema()},
        secrets={app.app_id: settings_of(app) for app in apps},
        retention_days=HISTORY.days,
    )
    return Story(tenant, cerby, docs, desk, job_histories, lines(cerby, docs))


def as_scim(app: App, seed: int) -> App:
    """Returns Cerby as an app outside the gallery, whose job is SCIM's own and begins at the story's minute."""
    job = guid(random.Random(f"job:{seed}"))
    return replace(
        app,
        job_id=f"scim.{app.tenant_id.replace('-', '')}.{job}",
        template_id="scim",
        target_system="customappsso",
        minute=20,
    )


def provisioned(roster: Roster) -> list[Person | Group]:
    """Returns the users and groups that are in an app's target when its history begins."""
    return [*roster.members, *roster.groups]


def settings_of(app: App) -> list[Document]:
    """Returns an app's settings, among which its secrets stand; only Cerby's has nobody to notify."""
    notified = "false" if app.name == "Cerby" else "true"
    return [
        {"key": "BaseAddress", "value": "https://scim.example.com/v2"},
        {"key": "SecretToken", "value": "*"},
        {"key": "SyncAll", "value": "false"},
        {"key": "SyncNotificationSettings", "value": f'{{"Enabled":{notified},"DeleteThresholdEnabled":false}}'},
    ]


def slots(first: datetime) -> Iterator[datetime]:
    """Returns when cycles are due, from one on to the end of the story's world."""
    for number in count():
        at = first + number * INTERVAL
        if at >= START + FUTURE:
            return
        yield at


def busy(rng: random.Random, at: datetime, mean: int) -> int:
    """Returns how many things a cycle finds to do: more by day, fewer at night and at weekends."""
    share = 0.3 if at.weekday() >= 5 or not 7 <= at.hour < 18 else 1.0
    return round(rng.uniform(0.3, 1.7) * mean * share)


def pace(rng: random.Random, events: int) -> timedelta:
    """Returns how long so many events take."""
    return timedelta(seconds=events * rng.uniform(25, 45))


def docs_cycles(seed: int, roster: Roster) -> list[Cycle]:
    """Makes Contoso Docs: everyday cycles, and a wave each evening, of which the one of the story stalls."""
    builder = CycleBuilder(seed, roster, settled=True)
    free = START - HISTORY
    for at in slots(START - HISTORY):
        if at < free:
            continue
        if is_wave(at):
            many = WAVE + builder.rng.randint(-25, 25)
            lasts = WAVE_LASTS * (many / WAVE) * builder.rng.uniform(0.9, 1.1)
            pause = STALL if at.date() == START.date() else None
            free = builder.add(at, builder.updates(many), lasts, pause).ended
        else:
            intents = builder.everyday(busy(builder.rng, at, 12))
            free = builder.add(at, intents, pace(builder.rng, len(intents))).ended
    return builder.cycles


def is_wave(at: datetime) -> bool:
    """Whether a cycle is the first at or after the evening's wave."""
    wave = at.replace(hour=WAVE_HOUR, minute=WAVE_MINUTE)
    return wave <= at < wave + INTERVAL


def desk_cycles(seed: int, roster: Roster) -> list[Cycle]:
    """Makes Fabrikam Desk, which has had nothing to do for days."""
    builder = CycleBuilder(seed, roster, settled=True)
    for at in slots(START - HISTORY + timedelta(minutes=27)):
        intents = builder.everyday(busy(builder.rng, at, 5)) if at < IDLE_SINCE else []
        builder.add(at, intents, pace(builder.rng, len(intents)))
    return builder.cycles


def cerby_cycles(seed: int, roster: Roster) -> list[Cycle]:
    """Makes Cerby: the initial cycle, everyday cycles, the refused token, and what piled up until it was renewed."""
    builder = CycleBuilder(seed, roster, settled=False)
    free = builder.add(SWITCHED_ON, initial(builder), timedelta(minutes=MINUTES_AN_OBJECT * size(roster))).ended
    for at in slots(SWITCHED_ON):
        if at < free:
            continue
        if TOKEN_DIES <= at < RECOVERED:
            if at in OUTAGE.refusals:
                builder.refuse(at)
            continue
        intents = builder.everyday(150 if at == RECOVERED else busy(builder.rng, at, 14) + 4)
        intents += stuck(builder) if at == RECOVERED else []
        free = builder.add(at, intents, pace(builder.rng, len(intents))).ended
    return builder.cycles


def size(roster: Roster) -> int:
    """Returns how many users, groups and memberships are assigned to an app."""
    return len(roster.members) + sum(1 + len(group.members) for group in roster.groups)


def initial(builder: CycleBuilder) -> list[Intent]:
    """Plans the initial cycle: people, then groups, then who is in them; some fail, some lack what is required."""
    people = [first_time(builder.rng, person) for person in builder.roster.members]
    passing = [intent for intent in people if intent.error in ("InternalServerError", "Timeout")]
    builder.later([replace(intent, error=None, retries=1) for intent in passing])
    builder.later([tried(intent, 1) for intent in people if intent.error == "DuplicateTargetEntries"])
    outside = [Intent("out_of_scope", person) for person in builder.rng.sample(builder.who.outsiders, 90)]
    both = [*people, *outside]
    builder.rng.shuffle(both)
    groups = builder.roster.groups
    return [*both, *(Intent("create", group) for group in groups), *(Intent("members", group) for group in groups)]


def tried(intent: Intent, times: int) -> Intent:
    """Returns the same failure once more, with the next try that the ladder has for it."""
    retry_at = SWITCHED_ON + timedelta(hours=RETRY_HOURS[times + 1])
    return replace(intent, retries=times, retry_at=retry_at)


def stuck(builder: CycleBuilder) -> list[Intent]:
    """Returns those who failed for a second time in the cycle after the initial one, and whose time has come again."""
    twice = [event.intent for event in builder.cycles[1].events if event.intent.error == "DuplicateTargetEntries"]
    return [tried(intent, 2) for intent in twice]


def first_time(rng: random.Random, person: Person) -> Intent:
    """Returns what becomes of a person in the initial cycle."""
    if person.surname is None or person.mail is None:
        lacks = "name.familyName" if person.surname is None else 'emails[type eq "work"].value'
        return Intent("invalid", person, lacks=lacks)
    drawn = rng.random()
    if drawn < 0.004:
        return Intent("create", person, error="DuplicateTargetEntries")
    if drawn < 0.012:
        return Intent("create", person, error=rng.choice(("InternalServerError", "Timeout")))
    return Intent("create", person)


def lines(cerby: list[Cycle], docs: list[Cycle]) -> list[Line]:
    """Returns the terminal's lines, in the order of time."""
    whole, wave = cerby[0], next(cycle for cycle in docs if cycle.began >= START and len(cycle.events) > WAVE // 2)
    half = whole.events[len(whole.events) // 2].at
    cut = len(wave.events) * 2 // 5
    usual = next(cycle for cycle in docs if len(cycle.events) > WAVE // 2)
    minutes = round((usual.ended - usual.began).total_seconds() / 60)
    following = next(cycle for cycle in cerby if cycle.began >= whole.ended)
    backlog = next(cycle for cycle in cerby if cycle.began >= RECOVERED)
    first, second = OUTAGE.refusals
    script = [
        Line(START, "Contoso Docs has a normal morning, Fabrikam Desk is idle, Cerby is about to be switched on."),
        Line(
            whole.began,
            f"Cerby is switched on: its initial cycle begins, {len(whole.events):,} events. Open {{url}}/cycles",
        ),
        Line(half, "Half of Cerby's initial cycle is done."),
        Line(whole.ended, "Cerby's initial cycle is over; from now on only changes are processed."),
        Line(following.began, f"Cerby's first incremental cycle: {len(following.events)} events."),
        Line(
            wave.began,
            f"Contoso Docs: the staff system's evening wave, {len(wave.events)} changes, begins; "
            f"{minutes} minutes are usual.",
        ),
        Line(
            wave.events[cut - 1].at + timedelta(minutes=5),
            "It stalls: no progress, no event. Fabrikam Desk has no events either; it is healthy and finds nothing.",
        ),
        Line(wave.events[cut].at, "Contoso Docs goes on."),
        Line(wave.ended, "Contoso Docs: the wave is done, hours later than usual."),
        Line(first, "Cerby's token has expired: 401. Entra puts the job into quarantine and tries again in 6 hours."),
        Line(second, "The second attempt is rejected as well; the next is 12 hours after the first."),
        Line(TOKEN_RENEWED, "A new token is entered. Entra waits for its next attempt."),
        Line(
            RECOVERED,
            f"The token is accepted: the quarantine is over, and a backlog of {len(backlog.events)} events follows.",
        ),
        Line(backlog.ended, "Cerby is healthy again. The story is over; the apps go on until you press Ctrl-C."),
    ]
    return sorted(script, key=lambda line: line.at)
