"""As of when the present is judged: now where data comes by itself, else the newest instant that the store holds.

Logs may be old: a store that was loaded once is asked as of its end, not as of today. The question `extent` is the one
definition of that instant: the newest of an event, a SCIM request or a job's status. Pages, checks, packs of evidence,
digests and default windows all use it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from pipeline.config.clock import naive, now
from pipeline.store.catalog import find_query
from pipeline.store.lake import Store

LIVE = timedelta(days=1)
"How long ago a tenant or container may have answered for its data to be called live."
SINCE = (
    "since", "opened_at", "started_at", "first_seen_at", "failing_since", "leavers_since", "rejected_since",
    "stalled_since", "unknown_since", "refused_at", "inferred_since", "taken_over_at", "replaced_at",
)  # fmt: skip
"Columns of answers that date a beginning. A clock that is ahead may date a record up to a day after the present."


def as_of(store: Store) -> datetime:
    """Returns the present, naive UTC: this minute where data comes by itself, so that answers can be shared within it.

    For an empty store, too.
    """
    present = naive(now(store.settings))
    contact = last_contact(store)
    newest = newest_instant(store)
    if newest is None or (contact is not None and contact > present - LIVE):
        return present.replace(second=0, microsecond=0)
    return min(newest, present)


def up_to_present(store: Store, sql: str, columns: Collection[str]) -> str:
    """Returns a statement whose answer dates no beginning after the present, whatever a clock that was ahead has."""
    dated, newest, at = [name for name in SINCE if name in columns], newest_instant(store), as_of(store)
    if not dated or newest is None or newest <= at:
        return sql
    earlier = ", ".join(f'least("{name}", timestamp \'{at}\') as "{name}"' for name in dated)
    return f"select * replace ({earlier}) from (\n{sql}\n)"


def present_after_data(store: Store) -> datetime | None:
    """Returns the present, naive UTC and to the minute, where the data ended before it, for less than a day.

    What was running when the data ended may be over by then. None where data comes by itself, and where it is history,
    which pages show as of its end and say so.
    """
    minute, end = naive(now(store.settings)).replace(second=0, microsecond=0), as_of(store)
    return minute if end < minute <= end + LIVE else None


def is_empty(store: Store) -> bool:
    """Whether nothing was ever collected, and no feed was ever reached."""
    return newest_instant(store) is None and last_contact(store) is None


def last_contact(store: Store) -> datetime | None:
    """Returns when a tenant or container last answered, naive UTC; None where none ever did."""
    instants = store.ask(find_query("contacts").sql)["reached_at"].to_pylist()
    return max((instant for instant in instants if instant is not None), default=None)


def newest_instant(store: Store) -> datetime | None:
    """Returns the newest instant that the store holds, naive UTC; None for an empty one."""
    newest: datetime | None = extent_row(store)["last_at"]
    return newest


def extent(store: Store) -> dict[str, datetime]:
    """Returns the half-open window that holds everything in the store; an empty store's is a second in 1970."""
    row = extent_row(store)
    first = row["first_at"] or datetime(1970, 1, 1)
    return {"since": first, "until": (row["last_at"] or first) + timedelta(seconds=1)}


def extent_row(store: Store) -> dict[str, Any]:
    """Answers the question `extent`."""
    [row] = store.ask(find_query("extent").sql).to_pylist()
    return dict(row)
