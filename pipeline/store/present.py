"""As of when the present is judged: now where data comes by itself, else the newest instant that the store holds.

Logs may be old: a store that was loaded once is asked as of its end, not as of today.
"""

from datetime import datetime, timedelta

from pipeline.config.clock import naive, now
from pipeline.store.lake import Store

ALIVE = timedelta(days=1)
"How long ago a tenant or container may have answered for its data to be called live."
REACHED = "select max(reached_at) from contacts"
NEWEST = """
select max(seen_at)
from (
    select max("hour") + interval 1 hour as seen_at from hourly_parts
    union all
    select max(observed_at) from job_snapshots
    union all
    select max(occurred_at) from exchanges
)
"""


def as_of(store: Store) -> datetime:
    """Gives the instant, naive UTC; for an empty store the present one."""
    present = naive(now(store.settings))
    [(reached,)] = store.rows(REACHED)
    if reached is not None and reached > present - ALIVE:
        return present
    [(newest,)] = store.rows(NEWEST)
    return present if newest is None else min(newest, present)


def is_empty(store: Store) -> bool:
    """Says whether nothing was ever collected, and nobody ever answered."""
    return store.rows(NEWEST) == store.rows(REACHED) == [(None,)]


EXTENT = "select min(occurred_at), max(occurred_at) from events"


def extent(store: Store) -> dict[str, datetime]:
    """Gives the half-open window that holds every event; an empty store's is a day without any."""
    first, newest = store.rows(EXTENT)[0]
    first = first or datetime(1970, 1, 1)
    return {"since": first, "until": (newest or first) + timedelta(seconds=1)}
