"""Everyday traffic: what changes in a tenant when nothing is wrong, and how often.

Most of it is noise: people who were never assigned, and people whose state already matches.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipeline.sample.directory import Roster
from pipeline.sample.nouns import Group, Intent, Person, Subject, guid
from pipeline.sample.timeline import INTERVAL, Timeline

DAILY = {"Cerby": 0.62, "Contoso Docs": 0.62, "Fabrikam Desk": 0.5}
"""Events per user and weekday."""
_KINDS = {
    "out_of_scope": 42,
    "redundant": 17,
    "update": 24,
    "members": 6,
    "hire": 4,
    "disable": 2,
    "enable": 1.5,
    "transient": 1.5,
    "warning": 1.2,
    "delete": 0.4,
}


@dataclass(slots=True)
class Pools:
    """Who can still do what in one app, as its history goes on; planted people are in none of them."""

    active: list[Person]
    disabled: list[Person]
    joiners: list[Person]
    outsiders: list[Person]
    groups: list[Group]
    targets: dict[str, str] = field(default_factory=dict)
    """The id each subject got in the target."""


def pools(roster: Roster, cast: set[str]) -> Pools:
    """Returns the pools of an app before its first everyday cycle."""

    def free(people: list[Person]) -> list[Person]:
        return [person for person in people if person.source_id not in cast]

    groups = [group for group in roster.groups if group.source_id not in cast]
    return Pools(free(roster.members), [], free(roster.joiners), free(roster.outsiders), groups)


def traffic(rng: random.Random, roster: Roster, timeline: Timeline, index: int, users: int) -> int:
    """Returns how many everyday events a cycle has; after an outage the backlog comes along."""
    app, begin = roster.app, timeline.begins(roster.app, index)
    if index == 0 or (app.name == "Fabrikam Desk" and begin >= timeline.idle_from):
        return 0
    backlog = 1 if timeline.runs(app, index - 1) else 5
    cycles_a_day = timedelta(days=1) / INTERVAL
    return _poisson(rng, users * DAILY[app.name] / cycles_a_day * _weight(timeline.fixed(begin)) * backlog)


def _weight(at: datetime) -> float:
    """Returns how busy an hour is compared with the weekday's mean."""
    if at.weekday() >= 5:
        return 0.25
    return 1.9 if 7 <= at.hour < 18 else 0.25


def _poisson(rng: random.Random, mean: float) -> int:
    """Draws a count; beyond thirty the normal approximation is as good and never underflows."""
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def draw(rng: random.Random, who: Pools, busy: set[str]) -> tuple[Intent, Intent | None] | None:
    """Returns one everyday intent and, for a passing error, the success that follows it in the next cycle.

    A subject acts once a cycle, so nobody in `busy` is drawn; None when the draw came up empty.
    """
    kind = rng.choices(list(_KINDS), list(_KINDS.values()))[0]
    special: dict[str, Sequence[Subject]] = {
        "out_of_scope": who.outsiders,
        "hire": who.joiners,
        "enable": who.disabled,
        "members": who.groups,
    }
    pool = special.get(kind, who.active)
    subject = rng.choice(pool) if pool else None
    if subject is None or subject.source_id in busy:
        return None
    busy.add(subject.source_id)
    if isinstance(subject, Group):
        return Intent("members", subject), None
    return _act(rng, who, kind, subject)


def _act(rng: random.Random, who: Pools, kind: str, person: Person) -> tuple[Intent, Intent | None]:
    """Returns what a person does, and move them between the pools."""
    if kind == "transient":
        error = rng.choice(("InternalServerError", "Timeout"))
        return Intent("update", person, error=error), Intent("update", person, retries=1)
    if kind == "warning":
        return Intent("update", person, warned=True), None
    if kind == "hire":
        who.joiners.remove(person)
        who.active.append(person)
        return Intent("create", person), None
    _move(who, kind, person)
    return Intent(kind, person), None


def _move(who: Pools, kind: str, person: Person) -> None:
    """Moves a person who was disabled, enabled or deleted."""
    if kind in ("disable", "delete"):
        who.active.remove(person)
    if kind == "disable":
        who.disabled.append(person)
    if kind == "enable":
        who.disabled.remove(person)
        who.active.append(person)


def target_of(rng: random.Random, who: Pools, intent: Intent, succeeded: bool) -> str:
    """Returns the target id an event carries: a new one for a successful create, else the known one or none."""
    known = who.targets.get(intent.subject.source_id, "")
    if intent.what == "create" and succeeded and not known:
        known = guid(rng)
        who.targets[intent.subject.source_id] = known
    return known
