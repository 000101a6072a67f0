"""The incidents: what goes wrong on purpose, with whom and when.

A story's people are reserved, so everyday traffic cannot blur what the answer key says of them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pipeline.sample.directory import Roster
from pipeline.sample.nouns import Group, Intent, Person, Plan
from pipeline.sample.story import initial
from pipeline.sample.timeline import Timeline

STORIES = {
    "initial_cycle": "Each app's first cycle creates all assigned users and groups.",
    "growing_escrow": "Newcomers to Cerby collide with unmanaged accounts: three batches on three days, "
    "retried after 6, 12 and 24 hours, then all cleared in one cycle.",
    "throttled_hour": "Cerby answers 429 for an hour; all affected users succeed within three cycles.",
    "missing_attributes": "People without a surname or a mail address are skipped by Cerby, which requires both; "
    "one gets a surname and is created.",
    "duplicate_target": "Two Cerby accounts match one person; the failure stays open.",
    "wave_of_disables": "Many people leave at once and are disabled in Cerby within three cycles.",
    "unresolved_members": "A group in Contoso Docs has ten members, three of them unknown there; retried to the end.",
    "licences_exhausted": "Contoso Docs has no licence left for three newcomers; still open at the end.",
    "escrow_closed_by_redundancy": "A conflict in Contoso Docs ends with a redundant export: repaired by hand.",
    "escrow_closed_by_scope": "A conflict in Contoso Docs ends because the person is unassigned.",
    "undocumented_action": "One Contoso Docs event carries the action 'mirror', which is not documented.",
    "one_id_two_jobs": "One event id occurs in Cerby and in Contoso Docs; they are two events.",
}
"""The stories whose events carry a tag, each in a sentence."""


def plan(timeline: Timeline, roster: Roster, users: int) -> Plan:
    """Returns everything planted in one app."""
    found = Plan()
    if roster.app.name == "Cerby":
        _cerby(timeline, roster, found, users)
    if roster.app.name == "Contoso Docs":
        _contoso(timeline, roster, found)
    initial(roster, found)
    return found


def _cerby(timeline: Timeline, roster: Roster, found: Plan, users: int) -> None:
    """Plants Cerby's stories, each with people of its own."""
    sound = iter([person for person in roster.members if person.surname and person.mail])
    _lacking(timeline, roster, found)
    _conflicts(timeline, roster, found, roster.joiners[: max(5, users // 50)])
    _throttled(timeline, roster, found, [next(sound) for _ in range(max(8, users // 20))])
    _wave(timeline, roster, found, [next(sound) for _ in range(max(6, users // 12))])
    _failing(timeline, roster, found, next(sound), "DuplicateTargetEntries", "duplicate_target", 0)
    _shared(timeline, roster, found, next(sound))


def _contoso(timeline: Timeline, roster: Roster, found: Plan) -> None:
    """Plants Contoso Docs' stories."""
    _unresolved(timeline, roster, found, roster.groups[0])
    for hour, person in enumerate(roster.joiners[:3]):
        _failing(
            timeline,
            roster,
            found,
            person,
            "LicenseLimitExceeded",
            "licences_exhausted",
            int(timeline.days * 0.6) * 24 + 9 + hour,
        )
    for what, story, person in (
        ("redundant", "escrow_closed_by_redundancy", roster.joiners[3]),
        ("out_of_scope", "escrow_closed_by_scope", roster.joiners[4]),
    ):
        _healed(timeline, roster, found, person, what, story)
    _settled(found, roster.members[-1])
    odd = Intent("update", roster.members[-1], spelled="mirror", story="undocumented_action")
    found.add(timeline.cycle_at(roster.app, timeline.day(int(timeline.days * 0.55), 12)), odd)
    _shared(timeline, roster, found, roster.members[-2])


def _settled(found: Plan, person: Person) -> None:
    """Reserves somebody and create them in the initial cycle."""
    found.reserve(person)
    found.add(0, Intent("create", person, story="initial_cycle"))


def _lacking(timeline: Timeline, roster: Roster, found: Plan) -> None:
    """Skips those who lack a required attribute again and again, and repair the first of them halfway."""
    flawed = [person for person in roster.members if not (person.surname and person.mail)]
    repaired = timeline.day(timeline.days // 2, 9)
    for order, person in enumerate(flawed):
        found.reserve(person)
        lacks = "name.familyName" if person.surname is None else 'emails[type eq "work"].value'
        for part in (0, 0.2, 0.4, 0.6):
            at = timeline.day(int(timeline.days * part), 0 if part == 0 else 8 + order % 8)
            if order or at < repaired:
                found.add(
                    timeline.cycle_at(roster.app, at),
                    Intent("invalid", person, lacks=lacks, story="missing_attributes"),
                )
    mended = Intent("create", _with_surname(flawed[0]), story="missing_attributes")
    found.add(timeline.cycle_at(roster.app, repaired), mended)


def _with_surname(person: Person) -> Person:
    """Returns a person after somebody filled in the surname."""
    return replace(person, surname="Newname")


def _conflicts(timeline: Timeline, roster: Roster, found: Plan, people: list[Person]) -> None:
    """Lets an escrow grow by a third of the people a day, and clear it all at once."""
    end = timeline.conflicts_cleared
    for order, person in enumerate(people):
        found.reserve(person)
        first = timeline.conflicts_from + timedelta(days=order * 3 // len(people))
        for index, retries, retry_at in timeline.attempts(roster.app, first, end):
            found.add(index, Intent("create", person, "EntryConflict", retries, retry_at, story="growing_escrow"))
        found.add(timeline.cycle_at(roster.app, end), Intent("create", person, story="growing_escrow"))


def _throttled(timeline: Timeline, roster: Roster, found: Plan, people: list[Person]) -> None:
    """Throttles everybody once and every second one twice, then let them through."""
    first = timeline.cycle_at(roster.app, timeline.throttled_from) or 0
    for order, person in enumerate(people):
        _settled(found, person)
        failures = 1 + order % 2
        for retries in range(failures):
            retry_at = timeline.begins(roster.app, first + retries + 1)
            found.add(
                first + retries, Intent("update", person, "TooManyRequests", retries, retry_at, story="throttled_hour")
            )
        found.add(first + failures, Intent("update", person, retries=failures, story="throttled_hour"))


def _wave(timeline: Timeline, roster: Roster, found: Plan, people: list[Person]) -> None:
    """Disable the people in three consecutive cycles."""
    first = timeline.cycle_at(roster.app, timeline.wave_from) or 0
    for order, person in enumerate(people):
        _settled(found, person)
        found.add(first + order % 3, Intent("disable", person, story="wave_of_disables"))


def _failing(
    timeline: Timeline, roster: Roster, found: Plan, person: Person, error: str, story: str, hour: int
) -> None:
    """Lets a create fail from an hour of the history to its end."""
    found.reserve(person)
    for index, retries, retry_at in timeline.attempts(roster.app, timeline.day(0, hour), timeline.until):
        found.add(index, Intent("create", person, error, retries, retry_at, story=story))


def _healed(timeline: Timeline, roster: Roster, found: Plan, person: Person, what: str, story: str) -> None:
    """Lets a create conflict for a day, then end the escrow in another way than by a success."""
    first = timeline.day(int(timeline.days * 0.2), 10)
    end = first + timedelta(hours=30)
    found.reserve(person)
    for index, retries, retry_at in timeline.attempts(roster.app, first, end):
        found.add(index, Intent("create", person, "EntryConflict", retries, retry_at, story=story))
    found.add(timeline.cycle_at(roster.app, end), Intent(what, person, story=story))


def _unresolved(timeline: Timeline, roster: Roster, found: Plan, group: Group) -> None:
    """Lets a group's membership fail for three of its members from the second cycle to the end."""
    found.reserve(group)
    code = "UnableToResolveReferenceAttributeValue"
    for index, retries, retry_at in timeline.attempts(roster.app, timeline.begins(roster.app, 1), timeline.until):
        missing = group.members[:3]
        found.add(
            index, Intent("members", group, code, retries, retry_at, unresolved=missing, story="unresolved_members")
        )


def _shared(timeline: Timeline, roster: Roster, found: Plan, person: Person) -> None:
    """Plants the event whose id occurs in two jobs."""
    _settled(found, person)
    at = timeline.day(int(timeline.days * 0.1), 10)
    found.add(timeline.cycle_at(roster.app, at), Intent("update", person, story="one_id_two_jobs"))
