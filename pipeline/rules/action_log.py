"""The log of what people do with incidents and issues: who, when by the wall clock, what, and from what to what.

What holds now stands with the incident or the issue; the log keeps every act, and is only ever added to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.store.lake import Cursor
from pipeline.store.rows import insert_rows

Value = str | datetime | None
DATES = {
    "acknowledged_by": "acknowledged_at", "owner": "assigned_at", "note": "noted_at", "snoozed_until": "snoozed_at",
}  # fmt: skip
"What people set, with the column that says when they did."
ACTIONS = {
    "acknowledged_by": ("acknowledged", "acknowledgement withdrawn"),
    "owner": ("assigned", "unassigned"),
    "note": ("noted", "note removed"),
    "snoozed_until": ("snoozed", "snooze ended"),
}
"What an act is called where something is set, and where it is taken away."


@dataclass(frozen=True)
class Act:
    """A row of `action_log`."""

    acted_at: datetime
    actor: str | None
    action: str
    incident_id: str | None
    job_id: str | None
    issue: str | None
    old_value: str | None
    new_value: str | None


def amend_logged(
    cursor: Cursor, table: str, key: Mapping[str, str], column: str, value: Value, by: str | None, at: datetime
) -> None:
    """Sets one thing that people set on the row of a key, and logs who did it and what was set before."""
    condition = " and ".join(f'"{name}" = ${name}' for name in key)
    row = cursor.execute(f'select "{column}" from {table} where {condition}', dict(key)).fetchone()
    old = row[0] if row else None
    changed = f'"{column}" = $value, {DATES[column]} = $at'
    cursor.execute(f"update {table} set {changed} where {condition}", {**key, "value": value, "at": at})
    action = ACTIONS[column][value is None]
    subject = (key.get("incident_id"), key.get("job_id"), key.get("issue"))
    insert_rows(cursor, "action_log", [Act(at, by, action, *subject, text_of(old), text_of(value))])


def text_of(value: Value) -> str | None:
    """Writes what was set, as the log keeps it.

    >>> text_of(datetime(2026, 1, 2, 3, 4)), text_of("Ada")
    ('2026-01-02T03:04Z', 'Ada')
    """
    return f"{value:%Y-%m-%dT%H:%MZ}" if isinstance(value, datetime) else value
