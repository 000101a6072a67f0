"""What people set on an issue, as they do on an incident: its owner, a note, and until when it is snoozed.

An issue is not stored: it is read from the events at every question. What people set on it is kept by its job and
fingerprint, one row an issue, and carries the wall clock.
"""

from datetime import datetime

from pipeline.config.clock import wall_clock
from pipeline.store.lake import Cursor, Store


def assign_issue(store: Store, job_id: str, issue: str, owner: str | None) -> None:
    """Assigns an issue to an owner, or to none."""
    amend_issue(store, job_id, issue, owner=owner, assigned_at=wall_clock(store.settings))


def annotate_issue(store: Store, job_id: str, issue: str, note: str | None) -> None:
    """Sets the note on an issue."""
    amend_issue(store, job_id, issue, note=note, noted_at=wall_clock(store.settings))


def snooze_issue(store: Store, job_id: str, issue: str, until: datetime | None) -> None:
    """Snoozes an issue until an instant of the wall clock; None ends the snooze."""
    amend_issue(store, job_id, issue, snoozed_until=until, snoozed_at=wall_clock(store.settings))


def amend_issue(store: Store, job_id: str, issue: str, **values: str | datetime | None) -> None:
    """Updates what people set on an issue, and nothing else."""
    columns = ", ".join(f'"{name}" = ${name}' for name in values)
    key = {"job_id": job_id, "issue": issue}

    def change(cursor: Cursor) -> None:
        found = cursor.execute(
            "select count(*) from issue_actions where job_id = $job_id and issue = $issue", key
        ).fetchone()
        if not found or not found[0]:
            cursor.execute("insert into issue_actions (job_id, issue) values ($job_id, $issue)", key)
        cursor.execute(f"update issue_actions set {columns} where job_id = $job_id and issue = $issue", values | key)

    store.write(change)
