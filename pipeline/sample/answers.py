"""The answer key: what a store must say after reading the sample, story by story."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from pipeline.sample import findings, truth
from pipeline.sample.directory import Directory
from pipeline.sample.files import Ledger
from pipeline.sample.jobs import next_attempt
from pipeline.sample.nouns import App, Cycle, Event, Exchange, Facts, stamp
from pipeline.sample.planted import STORIES
from pipeline.sample.timeline import Timeline


@dataclass(frozen=True, slots=True)
class World:
    """All that happened, in neutral terms; the events in the store's order."""

    timeline: Timeline
    directory: Directory
    histories: list[list[Cycle]]
    exchanges: list[Exchange]
    events: list[Event]

    @property
    def apps(self) -> list[App]:
        """Returns the three apps."""
        return [roster.app for roster in self.directory.rosters]

    def events_of(self, story: str) -> list[Event]:
        """Returns the events that belong to a planted story."""
        return [event for event in self.events if event.intent.story == story]


def answers(world: World, ledger: Ledger) -> Facts:
    """Returns the whole key."""
    found = truth.histories(world.events)
    escrows = truth.escrows(found)
    jobs = [app.job_id for app in world.apps]
    return {
        "seed": world.timeline.seed,
        "tenant_id": world.directory.tenant_id,
        "workspace_id": world.directory.workspace_id,
        "window": {"since": stamp(world.timeline.since), "until": stamp(world.timeline.until)},
        "apps": [{"app_name": app.name, "app_id": app.app_id, "job_id": app.job_id} for app in world.apps],
        "totals": _totals(world, ledger, found),
        "events_by_job_status": truth.by_job_status(world.events),
        "events_by_job_action": truth.by_job_action(world.events),
        "skips_by_reason": truth.by_skip_reason(world.events),
        "cycles": {job_id: truth.cycle_summary(world.events, job_id) for job_id in jobs},
        "identities": {job_id: truth.identity_summary(found, job_id) for job_id in jobs},
        "escrows": {job_id: truth.escrow_summary(escrows, job_id) for job_id in jobs},
        "errors_by_code": truth.by_error(world.events),
        "issues": truth.issues(found),
        "causes": truth.causes(truth.issues(found)),
        "exchanges_by_status": truth.by_http_status(world.exchanges),
        "matches": truth.matches(world.exchanges),
        "people": _people(world, found),
        "planted": [*(_tagged(world, ledger, found, story) for story in STORIES), *_untagged(world, ledger)],
        "checks": findings.checks(world.timeline, world.apps, world.events, world.exchanges),
        "files": ledger.files,
    }


def _totals(world: World, ledger: Ledger, found: dict[truth.Identity, truth.History]) -> Facts:
    """Returns the sums over everything; `steps` and `changes` are rows of events counted once."""
    return {
        "events": len(world.events),
        "steps": sum(len(event.steps) for event in world.events),
        "changes": sum(len(event.changes) for event in world.events),
        "identities": len(found),
        "cycles": len({(event.app.job_id, event.cycle_id) for event in world.events}),
        "exchanges": len(world.exchanges),
        "probes": sum(exchange.probe for exchange in world.exchanges),
        "job_snapshots": _sum(ledger, "lines", "jobs"),
        "files": len(ledger.files),
        "lines": _sum(ledger, "lines"),
        "rejects": _sum(ledger, "rejects"),
    }


def _sum(ledger: Ledger, member: str, source: str = "") -> int:
    """Returns a member of the files' entries, added up over one source or all."""
    return sum(int(str(entry[member])) for entry in ledger.files.values() if source in ("", entry["source"]))


def _people(world: World, found: dict[truth.Identity, truth.History]) -> list[Facts]:
    """Returns somebody of each story (and one who has none) with what every job did to them."""
    chosen = {event.intent.subject.source_id for story in STORIES for event in world.events_of(story)[:1]}
    chosen.add(next(event.intent.subject.source_id for event in world.events if event.status == "warning"))
    rows = []
    for (job_id, source_id), history in sorted(found.items()):
        if source_id in chosen:
            rows.append(_person(job_id, source_id, history))
    return rows


def _person(job_id: str, source_id: str, history: truth.History) -> Facts:
    """Returns one subject in one job; attempts are successes and failures, `retry_at` a floored second."""
    last = history.events[-1]
    still = next((each for each in truth.escrows({(job_id, source_id): history}) if each.closed_at is None), None)
    tried, failed = history.count("success") + history.count("failure"), history.count("failure")
    return {
        "job_id": job_id,
        "source_id": source_id,
        "source_type": last.intent.subject.kind,
        "upn": last.intent.subject.upn,
        "state": history.state,
        "events": len(history.events),
        "attempts": tried,
        "successes": tried - failed,
        "failures": failed,
        "warnings": history.count("warning"),
        "benign_skips": sum(event.benign for event in history.events),
        "other_skips": sum(event.status == "skipped" and not event.benign for event in history.events),
        "last_event_at": stamp(last.at),
        "open_error_code": still.error_code if still else None,
        "retry_at": stamp(still.retry_at) if still and still.retry_at else None,
    }


def _tagged(world: World, ledger: Ledger, found: dict[truth.Identity, truth.History], story: str) -> Facts:
    """Returns a story that events tell."""
    events = world.events_of(story)
    return _entry(story, STORIES[story], _files(ledger, [event.key for event in events]), _facts(events, found))


def _entry(story: str, what: str, where: list[str], facts: Facts) -> Facts:
    """Returns one planted story."""
    return {"story": story, "what": what, "where": where, "facts": facts}


def _files(ledger: Ledger, keys: list[Hashable]) -> list[str]:
    """Returns the files in which any of the keys occurs."""
    return sorted(set().union(*(ledger.where.get(key, set()) for key in keys)))


def _facts(events: list[Event], found: dict[truth.Identity, truth.History]) -> Facts:
    """Returns what can be asked about a story's events; up to twelve of its subjects by name."""
    ids = sorted({(event.app.job_id, event.intent.subject.source_id) for event in events})
    names = sorted({event.intent.subject.upn or event.intent.subject.name for event in events})
    states = sorted({str(found[each].state) for each in ids})
    codes = sorted({event.failure.code for event in events if event.failure})
    return {
        "job_ids": sorted({event.app.job_id for event in events}),
        "events": len(events),
        "objects": len(ids),
        "successes": sum(event.status == "success" for event in events),
        "failures": sum(event.status == "failure" for event in events),
        "skipped": sum(event.status == "skipped" for event in events),
        "error_codes": codes,
        "first_at": stamp(events[0].at),
        "last_at": stamp(events[-1].at),
        "states_at_the_end": states,
        "subjects": names[:12],
        "event_ids": [event.event_id for event in events[:3]],
        "unresolved": sorted({person.upn for event in events for person in event.intent.unresolved}),
    }


def _untagged(world: World, ledger: Ledger) -> list[Facts]:
    """Returns the stories that are events_of by silence, by noise or by spoilt lines."""
    cerby, _, fabrikam = world.apps
    return [
        *_quarantines(world, ledger, cerby),
        _idle(world, ledger, fabrikam),
        _noise(world, ledger),
        _entry(
            "broken_lines",
            "Lines that are not JSON, lack an id, have an unreadable instant or were cut in the middle.",
            _files(ledger, ["broken_lines"]),
            {"rejects": _sum(ledger, "rejects")},
        ),
        _entry(
            "exact_repeats",
            "Lines that occur twice in a file, and days that are written in two shapes: every event still counts once.",
            _files(ledger, ["exact_repeats"]),
            {"events_in_two_files": sum(len(ledger.where[event.key]) > 1 for event in world.events)},
        ),
    ]


def _quarantines(world: World, ledger: Ledger, cerby: App) -> list[Facts]:
    """Returns Cerby's two quarantines."""
    own = [event.at for event in world.events if event.app == cerby]
    rows = []
    for outage in world.timeline.outages(cerby):
        story = "quarantine_recovered" if outage.ended else "quarantine_open"
        after = [at for at in own if outage.ended and at >= outage.ended]
        facts: Facts = {
            "job_ids": [cerby.job_id],
            "reason": "EncounteredQuarantineException",
            "began_at": stamp(outage.began),
            "ended_at": stamp(outage.ended) if outage.ended else None,
            "refusals": len(outage.refusals),
            "next_attempt_at": None if outage.ended else stamp(next_attempt(outage, world.timeline.until)),
            "last_event_before_at": stamp(max(at for at in own if at < outage.began)),
            "first_event_after_at": stamp(min(after)) if after else None,
            "refused_exchanges": 2 * len(outage.refusals),
        }
        ending = "repaired before the first retry" if outage.ended else "still dead when the history ends"
        what = f"Cerby's token dies: the credential check answers 401, the job is quarantined, events stop; {ending}."
        rows.append(_entry(story, what, _files(ledger, ["expired_token", "job_snapshots"]), facts))
    return rows


def _idle(world: World, ledger: Ledger, fabrikam: App) -> Facts:
    """Returns the app that has nothing to do."""
    last = max(event.at for event in world.events if event.app == fabrikam)
    facts: Facts = {
        "job_ids": [fabrikam.job_id],
        "last_event_at": stamp(last),
        "code": "Active",
        "last_state": "Succeeded",
    }
    what = "Fabrikam Desk has no changes in the last days; its job keeps succeeding, so it is idle and healthy."
    return _entry("idle_app", what, _files(ledger, ["job_snapshots"]), facts)


def _noise(world: World, ledger: Ledger) -> Facts:
    """Returns the skips that need nobody."""
    noise = [event for event in world.events if event.benign]
    facts: Facts = {
        "out_of_scope": sum(event.skip_reason == "NotEffectivelyEntitled" for event in noise),
        "redundant": sum(event.skip_reason == "RedundantExport" for event in noise),
    }
    what = "Changes of people who are not assigned, and exports that would change nothing; both are skipped and fine."
    folders = {name.split("/")[0] for name in _files(ledger, [event.key for event in noise])}
    return _entry("benign_skips", what, sorted(folders), facts)
