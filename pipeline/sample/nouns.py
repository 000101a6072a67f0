"""The neutral nouns of a sample tenant: what happened, before any wire spells it.

Every shape is written from these and every answer is counted from these, so the answer key never depends on a parser.
An event's instant is a whole second plus ten-millionths of one, because the wires disagree on how much they show.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime

Facts = dict[str, object]
"""One JSON object on a wire or in the answer key."""


@dataclass(frozen=True, slots=True)
class App:
    """One enterprise application with its one provisioning job."""

    name: str
    app_id: str
    """The service principal's object id."""
    application_id: str
    tenant_id: str
    job_id: str
    template_id: str
    target_system: str
    """The connector's name, which for a non-gallery app is not the app's."""
    minute: int
    """How many minutes after midnight the job's first cycle begins."""
    rich: bool
    """Whether more attributes than Cerby's six are mapped."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user in the source directory."""

    source_id: str
    given: str
    surname: str | None
    upn: str
    mail: str | None
    title: str
    department: str
    number: str
    kind: str = "User"

    @property
    def name(self) -> str:
        """Returns the display name."""
        return f"{self.given} {self.surname}" if self.surname else self.given


@dataclass(frozen=True, slots=True)
class Group:
    """A group in the source directory; the source does not expand nested groups, nor do we."""

    source_id: str
    name: str
    members: tuple[Person, ...]
    kind: str = "Group"
    upn: None = None


Subject = Person | Group


@dataclass(frozen=True, slots=True)
class Intent:
    """What one cycle means to do with one subject, and how it is going to end."""

    what: str
    """One of create, update, disable, enable, delete, members, out_of_scope, redundant, invalid."""
    subject: Subject
    error: str | None = None
    """An error code makes the event a failure."""
    retries: int = 0
    retry_at: datetime | None = None
    lacks: str = ""
    """The required attribute that an invalid subject lacks."""
    unresolved: tuple[Person, ...] = ()
    """Members that could not be resolved in the target."""
    warned: bool = False
    spelled: str = ""
    """An action nobody has documented, to be written instead of the usual one."""
    story: str = ""
    """The planted story this belongs to; empty for everyday traffic."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of an event's ladder."""

    name: str
    type: str
    status: str
    description: str
    details: dict[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute an event wanted altered; the wire writes a null, never an empty string, for no value."""

    attribute: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an event failed, as the target and the service tell it."""

    code: str
    category: str
    reason: str
    advice: str | None
    http_status: int | None
    body: Facts | None
    """The SCIM error the target answered with, if it was the target."""


@dataclass(frozen=True, slots=True)
class Event:
    """One action on one object in one cycle."""

    event_id: str
    change_id: str
    cycle_id: str
    app: App
    at: datetime
    ticks: int
    """Ten-millionths of a second beyond `at`."""
    duration_ms: int
    action: str
    status: str
    intent: Intent
    target_id: str
    failure: Failure | None
    skip_reason: str | None
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Returns the event's identity: its id together with its job's."""
        return self.event_id, self.app.job_id

    @property
    def benign(self) -> bool:
        """Whether it is a skip that needs nobody: both sides already match, or the object is out of scope."""
        return self.skip_reason in ("RedundantExport", "NotEffectivelyEntitled")

    @property
    def settles(self) -> bool:
        """Whether it closes an escrow."""
        return self.status in ("success", "warning") or self.benign


@dataclass(frozen=True, slots=True)
class Exchange:
    """One SCIM request and its response."""

    at: datetime
    app: App
    method: str
    path: str
    """Resource and query below the SCIM base, percent-encoded."""
    status: int
    duration_ms: int
    request_id: str
    request: Facts | None
    response: Facts | None
    probe: bool = False
    event: Event | None = None
    """The event that made the request; none for a probe."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One iteration of a job, whether or not it left a record."""

    app: App
    index: int
    cycle_id: str
    began: datetime
    ended: datetime
    events: tuple[Event, ...] = ()
    refused: bool = False
    """The target refused the credentials, so nothing was looked at."""
    restarted: bool = False
    """Somebody restarted provisioning, so everything is looked at again."""


@dataclass(slots=True)
class Plan:
    """What the planted stories ask of one app's cycles, and whom everyday traffic must leave alone."""

    intents: dict[int, list[Intent]] = field(default_factory=dict)
    cast: set[str] = field(default_factory=set)

    def add(self, index: int | None, intent: Intent) -> None:
        """Puts an intent into a cycle; no cycle (None) means the history ends first."""
        if index is not None:
            self.intents.setdefault(index, []).append(intent)

    def reserve(self, subject: Subject) -> None:
        """Keep everyday traffic away from a subject."""
        self.cast.add(subject.source_id)


def guid(rng: random.Random) -> str:
    """Returns a random GUID drawn from a seeded generator."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def stamp(at: datetime, ticks: int | None = None) -> str:
    """Returns an instant as ISO 8601 in UTC.

    >>> stamp(datetime(2026, 1, 5, 12), 1234560)
    '2026-01-05T12:00:00.1234560Z'
    """
    fraction = "" if ticks is None else f".{ticks:07d}"
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"
