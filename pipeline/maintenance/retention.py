"""Drops rows older than PROVISIONING_KEEP_DAYS, by their own instants and in whole UTC days.

The latest state of an object outlives its events, unless it was deleted; so does the latest snapshot of a job. What
`identities` counted stays counted.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pipeline.store.lake import Cursor, Store

OLD = {
    "events": "occurred_at < $cutoff",
    "event_spine": "occurred_at < $cutoff",
    "problems": "occurred_at < $cutoff",
    "skips": "occurred_at < $cutoff",
    "scope_parts": '"day" < $cutoff',
    "member_claims": "occurred_at < $cutoff",
    "footings": "occurred_at < $cutoff",
    "pending_retries": "failed_at < $cutoff",
    "account_writers": "last_at < $cutoff",
    "hourly_parts": '"hour" < $cutoff',
    "exchanges": "occurred_at < $cutoff",
    "request_matches": "occurred_at < $cutoff",
    "rejected_changes": "occurred_at < $cutoff",
    "clock_days": '"day" < $cutoff',
    "log_owner_hits": '"day" < $cutoff',
    "unpaired_days": '"day" < $cutoff',
    "rejects": "rejected_at < $cutoff",
    "job_snapshots": """observed_at < $cutoff and (job_id, observed_at) not in (
        select (job_id, max(observed_at)) from job_snapshots group by job_id)""",
    "cycle_parts": """(job_id, cycle_id) in (
        select (job_id, cycle_id) from cycle_parts group by job_id, cycle_id having max(ended_at) < $cutoff)""",
    "identity_parts": """(job_id, source_id) in (
        select (job_id, source_id) from identities where state = 'deleted' and last_event_at < $cutoff)""",
}
"""Table to what makes a row old; events and their hourly rollup go by the same instant, so that they keep agreeing.
A cycle goes whole, once its last event is old."""

NEW_BEGINNING = (
    "delete from coverage where source = 'forgotten' and until <= $cutoff",
    "insert into coverage by name select 'forgotten' as source, 'retention' as origin, $cutoff as until",
)
"Before the cutoff nothing is covered any more; what polls reached stays, so that they do not fetch it again."


def cutoff(keep_days: int, now: datetime) -> datetime:
    """Returns the first instant that is kept, naive UTC.

    >>> cutoff(2, datetime(2026, 1, 26, 13, 30, tzinfo=UTC))
    datetime.datetime(2026, 1, 24, 0, 0)
    """
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return day - timedelta(days=keep_days)


def old_rows(store: Store, now: datetime) -> Mapping[str, int]:
    """Counts each table's old rows; none when everything is kept."""
    keep_days = store.settings.keep_days
    if not keep_days:
        return {}
    values = {"cutoff": cutoff(keep_days, now)}
    return {table: store.rows(f"select count(*) from {table} where {old}", values)[0][0] for table, old in OLD.items()}


def drop_old_rows(store: Store, work: Mapping[str, int], now: datetime) -> None:
    """Drops old rows from all tables in one transaction."""
    values = {"cutoff": cutoff(store.settings.keep_days, now)}

    def drop(cursor: Cursor) -> None:
        for table in work:
            cursor.execute(f"delete from {table} where {OLD[table]}", values)
        for statement in NEW_BEGINNING:
            cursor.execute(statement, values)

    store.write(drop)
