"""What people set on an issue, as they do on an incident: who acknowledged it, its owner, a note, and a snooze.

An issue is not stored: it is read from the events at every question. What people set on it is kept by its job and
fingerprint, one row an issue, and carries the wall clock; the log of actions keeps every act.
"""

from datetime import datetime

from pipeline.config.clock import wall_clock
from pipeline.rules.action_log import Value, amend_logged
from pipeline.store.lake import Cursor, Store


def acknowledge_issue(store: Store, job_id: str, issue: str, by: str) -> None:
    """Records who acknowledges an issue."""
    amend_issue(store, job_id, issue, "acknowledged_by", by, by)


def assign_issue(store: Store, job_id: str, issue: str, owner: str | None, by: str | None = None) -> None:
    """Assigns an issue to an owner, or to none."""
    amend_issue(store, job_id, issue, "owner", owner, by)


def annotate_issue(store: Store, job_id: str, issue: str, note: str | None, by: str | None = None) -> None:
    """Sets the note on an issue."""
    amend_issue(store, job_id, issue, "note", note, by)


def snooze_issue(store: Store, job_id: str, issue: str, until: datetime | None, by: str | None = None) -> None:
    """Snoozes an issue until an instant of the wall clock; None ends the snooze."""
    amend_issue(store, job_id, issue, "snoozed_until", until, by)


def amend_issue(store: Store, job_id: str, issue: str, column: str, value: Value, by: str | None) -> None:
    """Updates one thing that people set on an issue, and nothing else."""
    key = {"job_id": job_id, "issue": issue}

    def change(cursor: Cursor) -> None:
        found = cursor.execute(
            "select count(*) from issue_actions where job_id = $job_id and issue = $issue", key
        ).fetchone()
        if not found or not found[0]:
            cursor.execute("insert into issue_actions (job_id, issue) values ($job_id, $issue)", key)
        amend_logged(cursor, "issue_actions", key, column, value, by, wall_clock(store.settings))

    store.write(change)
