"""Incidents as the store keeps them: opened, closed, and acknowledged, snoozed, assigned or annotated by people.

What a check finds is dated by the data's clock. What people do carries the wall clock, by which snoozes end: data may
be old, or come late.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from pipeline.config.clock import wall_clock
from pipeline.config.errors import UnknownIncident
from pipeline.rules.action_log import Value, amend_logged
from pipeline.store.lake import Cursor, Store
from pipeline.store.rows import column_names, insert_rows


@dataclass(frozen=True)
class Incident:
    """An unbroken run of one rule's findings on one subject. Instants are naive UTC."""

    incident_id: str
    rule: str
    severity: str
    subject: str
    app_name: str | None
    opened_at: datetime
    "When the trouble began in the log."
    noticed_at: datetime
    "When the check that found it was made."
    closed_at: datetime | None
    summary: str
    evidence: str
    "JSON."
    acknowledged_by: str | None = None
    note: str | None = None
    job_id: str | None = None
    tenant_id: str | None = None
    owner: str | None = None
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None
    unknown_since: datetime | None = None
    "Since which check it cannot be judged; None while it can."
    missing: str | None = None
    "What is missing to judge it."
    snoozed_at: datetime | None = None
    assigned_at: datetime | None = None
    noted_at: datetime | None = None
    explained_by: str | None = None
    "The incident that caused it; None for a root cause."

    def reworded(self, now: "Incident") -> Self:
        """Returns this incident as it reads now; when it began and what people said of it stay."""
        return replace(self, summary=now.summary, severity=now.severity, evidence=now.evidence)

    def unjudged(self, missing: str | None, at: datetime) -> Self:
        """Returns this incident as it cannot be judged as of a check, or as it can where nothing is missing."""
        return replace(self, unknown_since=(self.unknown_since or at) if missing else None, missing=missing)


NAMES = column_names(Incident)


OPEN = f"select {NAMES} from incidents where closed_at is null order by opened_at, incident_id"


def open_incidents(store: Store) -> list[Incident]:
    """Returns the open incidents, the oldest first."""
    return [Incident(*row) for row in store.rows(OPEN)]


def open_within(cursor: Cursor) -> list[Incident]:
    """Returns the open incidents as a transaction sees them, the oldest first."""
    return [Incident(*row) for row in cursor.execute(OPEN).fetchall()]


def incidents_within(cursor: Cursor, condition: str, *values: object) -> list[Incident]:
    """Returns the incidents that meet a condition, as a transaction sees them, the oldest first."""
    matching = f"select {NAMES} from incidents where {condition} order by opened_at, incident_id"
    return [Incident(*row) for row in cursor.execute(matching, list(values)).fetchall()]


def incident(store: Store, incident_id: str) -> Incident:
    """Returns one incident; raises UnknownIncident."""
    rows = store.rows(f"select {NAMES} from incidents where incident_id = ?", [incident_id])
    if not rows:
        raise UnknownIncident(f"There is no incident '{incident_id}'; `python -m pipeline status` lists the open ones.")
    return Incident(*rows[0])


def explained_by(store: Store, incident_id: str) -> list[Incident]:
    """Returns what an incident explains, the oldest first."""
    explained = f"select {NAMES} from incidents where explained_by = ? order by opened_at, incident_id"
    return [Incident(*row) for row in store.rows(explained, [incident_id])]


def opened_meanwhile(cursor: Cursor) -> set[tuple[str, str]]:
    """Returns rule and subject of every open incident, as a transaction sees them."""
    return set(cursor.execute("select rule, subject from incidents where closed_at is null").fetchall())


def add_incidents(cursor: Cursor, incidents: Sequence[Incident]) -> None:
    """Adds incidents."""
    insert_rows(cursor, "incidents", incidents)


def reword_incidents(cursor: Cursor, incidents: Sequence[Incident]) -> None:
    """Updates how incidents read now, and nothing else: people may change the rest at the same time."""
    update(cursor, incidents, "summary", "severity", "evidence")


def record_unknown(cursor: Cursor, incidents: Sequence[Incident]) -> None:
    """Updates since when incidents cannot be judged, and for want of what."""
    update(cursor, incidents, "unknown_since", "missing")


def record_causes(cursor: Cursor, incidents: Sequence[Incident]) -> None:
    """Updates which incidents are explained by which."""
    update(cursor, incidents, "explained_by")


def update(cursor: Cursor, incidents: Sequence[Incident], *names: str) -> None:
    """Updates some columns of incidents by one statement: a check may change thousands."""
    if not incidents:
        return
    cursor.execute("create or replace temp table updated_incidents as from incidents limit 0")
    insert_rows(cursor, "updated_incidents", incidents)
    columns = ", ".join(f"{name} = u.{name}" for name in names)
    same = "u.incident_id = incidents.incident_id"
    cursor.execute(f"update incidents set {columns} from updated_incidents u where {same}")


def close_incidents(cursor: Cursor, incidents: Sequence[Incident], at: datetime) -> None:
    """Closes incidents as of an instant; what people changed meanwhile stays."""
    if incidents:
        ids = [one.incident_id for one in incidents]
        closed = """
            update incidents set closed_at = ?, unknown_since = null, missing = null
            where list_contains(?, incident_id)"""
        cursor.execute(closed, [at, ids])


def acknowledge(store: Store, incident_id: str, by: str) -> Incident:
    """Records who acknowledges an incident."""
    return amend(store, incident_id, "acknowledged_by", by, by)


def snooze(store: Store, incident_id: str, until: datetime | None, by: str | None = None) -> Incident:
    """Snoozes an incident until an instant of the wall clock; None ends the snooze."""
    return amend(store, incident_id, "snoozed_until", until, by)


def assign(store: Store, incident_id: str, owner: str | None, by: str | None = None) -> Incident:
    """Assigns an incident to an owner, or to none."""
    return amend(store, incident_id, "owner", owner, by)


def annotate(store: Store, incident_id: str, note: str | None, by: str | None = None) -> Incident:
    """Sets the note on an incident."""
    return amend(store, incident_id, "note", note, by)


def amend(store: Store, incident_id: str, column: str, value: Value, by: str | None) -> Incident:
    """Updates one thing that people set on an incident and nothing else: a check may write it at the same time."""
    incident(store, incident_id)
    at, key = wall_clock(store.settings), {"incident_id": incident_id}
    store.write(lambda cursor: amend_logged(cursor, "incidents", key, column, value, by, at))
    return incident(store, incident_id)
