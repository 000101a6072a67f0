"""Stores of two apps for every combination of what a verdict rests on: Docs is calm, Zoom is as the world says.

What is right is stated here in words of the world, without any code of the verdict.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.rules.evaluate import check
from pipeline.rules.incidents import Incident, add_incidents
from pipeline.store.lake import Store
from pipeline.store.rows import insert_rows
from tests.support.given import Given, Row, job_id, moment

NOW = moment(13, 12)
HOUR = timedelta(hours=1)
BUSY = ("late", "dead", "quarantined", "paused", "disabled")
"Job states that somebody has to act on."


@dataclass(frozen=True)
class World:
    """One combination."""

    job: str = "on_time"
    incident: str = "none"
    coverage: str = "covered"
    age: str = "current"
    rules: str = "ok"
    failing: int = 0
    leaver: str = "none"

    @property
    def state(self) -> str:
        """States the verdict that is right."""
        acts = self.job in BUSY or self.incident in ("warning", "critical") or self.failing or self.leaver != "none"
        # The rules themselves report a job whose status stopped coming.
        silent = self.age == "old status" and self.rules == "ok"
        if acts or silent:
            return "action_needed"
        if self.job == "initial" and self.age != "old":
            return "running"
        sound = self.job in ("on_time", "running") and self.coverage == "covered" and self.age == "current"
        return "ok" if sound and self.rules == "ok" else "unknown"


def clock(world: World, real: datetime) -> str:
    """Writes the clock of a world, for PROVISIONING_CLOCK."""
    shown = NOW + (timedelta(days=40) if world.age == "old" else timedelta(minutes=5))
    return f"{shown:%Y-%m-%dT%H:%M}Z,1,{real.isoformat()}"


def build(given: Given, world: World) -> Store:
    """Fills a store with a world, and evaluates the rules if the world has it so."""
    status(given, "Docs", "on_time")
    if world.job != "unobserved":
        status(given, "Zoom", world.job, NOW - (8 * HOUR if world.age == "old status" else timedelta(0)))
    for app in ("Docs", "Zoom"):
        silent = app == "Zoom" and (world.coverage == "none" or world.job == "quarantined")
        fresh = app == "Zoom" and world.job == "never_run"
        for day in range(0 if fresh else 11 if silent else 14):
            given.succeeded("bob", day=day, hour=7, app=app)
        if app == "Zoom" and world.job == "initial" and not silent:
            for minute in range(0, 50, 10):
                given.succeeded(f"new-{minute}", day=13, hour=11, minute=minute + 5, app=app, cycle_id="first")
        cover(given, app, world.coverage if app == "Zoom" else "covered")
    for number in range(world.failing):
        given.failed(f"ada-{number}", day=9, hour=8, app="Zoom")
    if world.leaver == "open":
        given.failed("eve", day=9, hour=8, app="Zoom", action="disable")
    if world.leaver == "staged":
        given.event("eve", "success", moment(9, 8), app="Zoom", action="stagedDelete")
    store = given.stored()
    evaluate(store, world)
    if world.incident != "none":
        one = Incident(
            "planted", "target_slow", world.incident, "Zoom", "Zoom", NOW, NOW, None, "Zoom answers slowly", "{}",
            job_id=job_id("Zoom"),
        )  # fmt: skip
        store.write(lambda cursor: add_incidents(cursor, [one]))
    return store


def evaluate(store: Store, world: World) -> None:
    """Evaluates the rules as a world has it."""
    if world.rules == "never":
        return
    checked = check(store, NOW - 5 * HOUR if world.rules == "old" else NOW, overrides={})
    if world.rules == "failed":
        run: Any = Run("quarantined", checked.at + timedelta(seconds=1), "failed", 0, 1)
        store.write(lambda cursor: insert_rows(cursor, "rule_runs", [run]))


@dataclass(frozen=True)
class Run:
    """A row of rule_runs."""

    rule: str
    ran_at: datetime
    outcome: str
    findings: int
    duration_ms: int


def cover(given: Given, app: str, coverage: str) -> None:
    """Says which time the logs of an app cover."""
    if coverage == "covered":
        given.vouched(moment(-1), NOW + HOUR, app)
    elif coverage == "gap":
        given.vouched(moment(-1), NOW - 10 * HOUR, app)
        given.vouched(NOW - 4 * HOUR, NOW + HOUR, app)
    else:
        given.vouched(moment(-1), moment(10, 12), app)


def status(given: Given, app: str, job: str, last: datetime = NOW) -> None:
    """Says what Graph said of a job, every hour of five days."""
    for hours in range(120, -1, -1):
        at = last - hours * HOUR
        row: Row = {
            "app_id": f"app-{app.lower()}",
            "interval_s": 2400,
            "schedule_state": "Active",
            "users": 900,
            "groups": 0,
            "successive_failures": 0,
            "steady_since": moment(-9),
            "last_began_at": at - timedelta(minutes=21),
            "last_ended_at": at - timedelta(minutes=20),
            "last_state": "Succeeded",
        }
        state = "Active"
        if job == "quarantined" and hours <= 72:
            state = "Quarantine"
            row |= {"quarantine_reason": "EncounteredQuarantineException", "quarantine_since": last - 72 * HOUR}
            row |= {"next_attempt_at": last + 6 * HOUR, "last_ended_at": last - 72 * HOUR}
        if job == "paused":
            state = "Paused"
        if job == "disabled":
            row |= {"schedule_state": "Disabled"}
        if job in ("late", "dead"):
            behind = timedelta(minutes=75 if job == "late" else 600)
            row |= {"last_began_at": last - behind - timedelta(minutes=1), "last_ended_at": last - behind}
            if at < last - behind:
                continue
        if job == "initial":
            row |= {"steady_since": None, "last_began_at": last - HOUR, "last_ended_at": None, "last_state": None}
            row |= {"completed_units": 10 - hours, "total_units": 40}
            if hours > 1:
                continue
        if job == "running":
            row |= {"last_began_at": at - timedelta(minutes=5)}
        if job == "never_run":
            state = "NotRun"
            row |= {"steady_since": None, "last_began_at": None, "last_ended_at": None, "last_state": None}
        given.observed(app, state, observed_at=at, snapshot_id=f"{app}-{at}", **row)
