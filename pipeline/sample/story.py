"""What happens: an app's cycles one after another, each with its planted and its everyday events."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

from pipeline.sample.directory import Roster
from pipeline.sample.everyday import Pools, draw, pools, target_of, traffic
from pipeline.sample.latest import RESTART_S, RESTARTED_AGO, everything, restarts, updates
from pipeline.sample.nouns import Cycle, Event, Intent, Plan, guid
from pipeline.sample.reasons import failure
from pipeline.sample.steps import changes, ladder, skip_reason
from pipeline.sample.timeline import Timeline

INITIAL_S = 1500
"""Seconds over which an initial cycle spreads; a smaller one takes less."""
_ACTIONS = {"enable": "update", "members": "update", "out_of_scope": "other", "redundant": "other", "invalid": "create"}


def history(timeline: Timeline, roster: Roster, plan: Plan, users: int) -> list[Cycle]:
    """Returns every cycle of an app, oldest first: those that ran, with their events, and those that were refused."""
    rng = random.Random(f"story:{timeline.seed}:{roster.app.name}")
    who = pools(roster, plan.cast)
    cycles = []
    for index in timeline.running(roster.app):
        intents = _intents(rng, timeline, roster, plan, who, index, users)
        spread = INITIAL_S if index == 0 else min(4 + len(intents) * 2, INITIAL_S)
        cycles.append(_run(rng, timeline, roster, who, index, timeline.begins(roster.app, index), spread, intents))
    if timeline.moved is not None and restarts(roster.app):
        index, begin = timeline.count(roster.app), timeline.until - RESTARTED_AGO
        restarted = _run(rng, timeline, roster, who, index, begin, RESTART_S, everything(who))
        cycles.append(replace(restarted, restarted=True))
    return sorted(cycles + _refused(timeline, roster), key=lambda cycle: cycle.began)


def _intents(
    rng: random.Random, timeline: Timeline, roster: Roster, plan: Plan, who: Pools, index: int, users: int
) -> list[Intent]:
    """Returns what a cycle means to do: planted intents first, then the day's traffic; groups after people."""
    intents = list(plan.intents.get(index, ()))
    if timeline.is_last(roster.app, index):
        intents += updates(roster.app, who, {intent.subject.source_id for intent in intents})
    busy = {intent.subject.source_id for intent in intents} | plan.cast
    following = timeline.cycle_at(roster.app, timeline.begins(roster.app, index + 1))
    for _ in range(traffic(rng, roster, timeline, index, users)):
        drawn = draw(rng, who, busy)
        if drawn is None:
            continue
        intents.append(_with_retry(drawn[0], timeline.begins(roster.app, index + 1)))
        if drawn[1]:
            plan.add(following, drawn[1])
    return sorted(intents, key=lambda intent: intent.subject.kind == "Group")


def _with_retry(intent: Intent, at: datetime) -> Intent:
    """Gives a passing error the instant of its retry."""
    if intent.error is None:
        return intent
    return Intent(intent.what, intent.subject, error=intent.error, retries=0, retry_at=at + timedelta(seconds=5))


def _run(
    rng: random.Random,
    timeline: Timeline,
    roster: Roster,
    who: Pools,
    index: int,
    begin: datetime,
    spread: int,
    intents: list[Intent],
) -> Cycle:
    """Carries out a cycle within about `spread` seconds; its events keep the order of its intents."""
    cycle_id = timeline.cycle_id(roster.app, index)
    offsets = sorted(rng.randrange(spread) for _ in intents)
    events = tuple(
        _event(rng, timeline, roster, who, cycle_id, begin + timedelta(seconds=6 + offset), intent)
        for offset, intent in zip(offsets, intents, strict=True)
    )
    ended = (events[-1].at if events else begin) + timedelta(seconds=rng.randint(9, 40))
    return Cycle(roster.app, index, cycle_id, begin, ended, events)


def _event(
    rng: random.Random, timeline: Timeline, roster: Roster, who: Pools, cycle_id: str, at: datetime, intent: Intent
) -> Event:
    """Turns an intent into the event it leaves behind."""
    app, failed, skipped = roster.app, failure(roster.app, intent), skip_reason(intent)
    status = "failure" if failed else "skipped" if skipped else "warning" if intent.warned else "success"
    target_id = target_of(rng, who, intent, status == "success")
    return Event(
        event_id=_event_id(rng, timeline, intent),
        change_id=guid(rng),
        cycle_id=cycle_id,
        app=app,
        at=at,
        ticks=rng.randrange(10_000_000),
        duration_ms=rng.randint(90, 2600),
        action=intent.spelled or _ACTIONS.get(intent.what, intent.what),
        status=status,
        intent=intent,
        target_id=target_id,
        failure=failed,
        skip_reason=skipped,
        steps=ladder(app, intent, "" if intent.what == "create" else target_id, failed),
        changes=changes(app, intent, rng),
    )


def _event_id(rng: random.Random, timeline: Timeline, intent: Intent) -> str:
    """Returns an event's id; one id is planted on two jobs, as happens in real data."""
    drawn = guid(rng)
    return guid(random.Random(f"shared:{timeline.seed}")) if intent.story == "one_id_two_jobs" else drawn


def _refused(timeline: Timeline, roster: Roster) -> list[Cycle]:
    """Returns the attempts at which the target refused the token; they leave no event."""
    return [
        Cycle(
            roster.app,
            -1,
            guid(random.Random(f"refused:{timeline.seed}:{timeline.fixed(at).isoformat()}")),
            at,
            at + timedelta(seconds=3),
            refused=True,
        )
        for outage in timeline.outages(roster.app)
        for at in outage.refusals
    ]


def initial(roster: Roster, plan: Plan) -> None:
    """Plans the initial cycle: everybody assigned is created, then every group, and its members a cycle later."""
    for person in roster.members:
        if person.source_id not in plan.cast:
            plan.add(0, Intent("create", person, story="initial_cycle"))
    for group in roster.groups:
        plan.add(0, Intent("create", group, story="initial_cycle"))
        if group.source_id not in plan.cast:
            plan.add(1, Intent("members", group))
