"""Makes an app's cycles of what they mean to do: events at their instants, with whatever they leave behind."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate

from pipeline.sample.directory import Roster
from pipeline.sample.everyday import draw, pools, target_of
from pipeline.sample.nouns import Cycle, Event, Intent, Subject, guid
from pipeline.sample.reasons import failure
from pipeline.sample.steps import changes, ladder, skip_reason

ACTIONS = {"enable": "update", "members": "update", "out_of_scope": "other", "redundant": "other", "invalid": "create"}
BEFORE, AFTER = timedelta(seconds=6), timedelta(seconds=20)
"What a cycle takes before its first event and after its last."


class CycleBuilder:
    """One app's history, made in the order of time."""

    def __init__(self, seed: int, roster: Roster, *, settled: bool) -> None:
        self.rng = random.Random(f"making:{seed}:{roster.app.name}")
        self.roster = roster
        self.who = pools(roster, set())
        self.cycles: list[Cycle] = []
        self._again: list[Intent] = []
        if settled:
            subjects: list[Subject] = [*roster.members, *roster.groups]
            self.who.targets = {subject.source_id: guid(self.rng) for subject in subjects}

    def everyday(self, count: int) -> list[Intent]:
        """Returns what a cycle means to do when nothing is wrong; what failed in passing comes again."""
        intents, self._again = self._again, []
        busy = {intent.subject.source_id for intent in intents}
        for _ in range(count):
            drawn = draw(self.rng, self.who, busy)
            if drawn is not None:
                intents.append(drawn[0])
                self._again += [drawn[1]] if drawn[1] else []
        return sorted(intents, key=lambda intent: intent.subject.kind == "Group")

    def updates(self, count: int) -> list[Intent]:
        """Returns updates of so many people, as a run of the staff system makes them."""
        return [Intent("update", person) for person in self.rng.sample(self.who.active, count)]

    def later(self, intents: Sequence[Intent]) -> None:
        """Puts intents into the next everyday cycle."""
        self._again += intents

    def add(
        self, began: datetime, intents: Sequence[Intent], lasts: timedelta, pause: timedelta | None = None
    ) -> Cycle:
        """Adds a cycle whose events take `lasts`; a pause comes when two fifths of them are done."""
        gaps = list(accumulate(0.4 + self.rng.random() for _ in intents))
        offsets = [lasts * (gap / gaps[-1]) for gap in gaps]
        cut = len(offsets) * 2 // 5
        late = [offset + (pause or timedelta()) if place >= cut else offset for place, offset in enumerate(offsets)]
        cycle_id = guid(self.rng)
        events = tuple(
            self._event(cycle_id, began + BEFORE + offset, intent, began)
            for offset, intent in zip(late, intents, strict=True)
        )
        ended = (events[-1].at if events else began + BEFORE) + AFTER
        self.cycles.append(Cycle(self.roster.app, len(self.cycles), cycle_id, began, ended, events))
        return self.cycles[-1]

    def refuse(self, at: datetime) -> Cycle:
        """Adds an attempt at which the target refused the token; it leaves no event."""
        ended = at + timedelta(seconds=4)
        self.cycles.append(Cycle(self.roster.app, len(self.cycles), guid(self.rng), at, ended, refused=True))
        return self.cycles[-1]

    def _event(self, cycle_id: str, at: datetime, intent: Intent, began: datetime) -> Event:
        """Makes the event that an intent leaves behind; a failure says when it is tried again."""
        app = self.roster.app
        if intent.error and intent.retry_at is None:
            intent = replace(intent, retry_at=began + timedelta(hours=6))
        failed, skipped = failure(app, intent), skip_reason(intent)
        status = "failure" if failed else "skipped" if skipped else "warning" if intent.warned else "success"
        target_id = target_of(self.rng, self.who, intent, status == "success")
        return Event(
            event_id=guid(self.rng),
            change_id=guid(self.rng),
            cycle_id=cycle_id,
            app=app,
            at=at.replace(microsecond=0),
            ticks=0,
            duration_ms=self.rng.randint(90, 2600),
            action=ACTIONS.get(intent.what, intent.what),
            status=status,
            intent=intent,
            target_id=target_id,
            failure=failed,
            skip_reason=skipped,
            steps=ladder(app, intent, "" if intent.what == "create" else target_id, failed),
            changes=changes(app, intent, self.rng),
        )
