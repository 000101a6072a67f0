"""When the rules are asked: at every turn of the beat, and at the turns that were missed while nobody ran it.

A missed check is made up for in the log's time, so that an incident which came and went meanwhile is still told.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.config.errors import ProfileError
from pipeline.knowledge.app_profiles import read_profiles
from pipeline.rules.evaluate import Along, Checked, check
from pipeline.rules.rule import read_overrides
from pipeline.rules.token_expiry import with_leads
from pipeline.store.lake import Store
from pipeline.store.present import as_of, is_empty

MOST = 24
"How many missed checks are made up for; a longer gap is walked in larger steps."


def overrides_of(store: Store) -> Mapping[str, Any]:
    """Gives what rules.toml says, and how long a new token takes by the app's profile.

    A profile that cannot be used says nothing here; the page Connections says why.
    """
    said = read_overrides(Path(store.settings.rules))
    try:
        profiles = read_profiles(store.settings)
    except ProfileError:
        return said
    return with_leads(said, profiles, [str(app) for (app,) in store.rows("select distinct app_name from tokens")])


def last_check(store: Store) -> datetime | None:
    """Gives the instant of the newest check, in the log's time."""
    found: datetime | None = store.rows("select max(ran_at) from rule_runs")[0][0]
    return found


def due(last: datetime | None, at: datetime, every: timedelta) -> list[datetime]:
    """Gives the instants at which to check now: none when the last check is recent, several after a gap.

    >>> day = datetime(2026, 1, 5)
    >>> [f"{one:%H:%M}" for one in due(day, day + timedelta(minutes=17), timedelta(minutes=5))]
    ['00:05', '00:10', '00:17']
    >>> due(day, day + timedelta(minutes=4), timedelta(minutes=5))
    []
    >>> len(due(day, day + timedelta(days=9), timedelta(hours=1)))
    24
    """
    if last is None:
        return [at]
    missed = int((at - last) / every)
    if missed < 1:
        return []
    steps = min(missed, MOST)
    width = (at - last) / steps if missed > MOST else every
    return [last + width * number for number in range(1, steps)] + [at]


def check_due(
    store: Store, *, along: Along | None = None, stopping: Callable[[], bool] = lambda: False
) -> list[Checked]:
    """Makes the checks that are due, oldest first; told to stop, it ends between two of them."""
    if is_empty(store):
        # Nothing could be known, and the present would be taken for the log's time.
        return []
    every = timedelta(seconds=store.settings.check_every)
    overrides, done = overrides_of(store), []
    for at in due(last_check(store), as_of(store), every):
        if stopping():
            break
        done.append(check(store, at, overrides=overrides, along=along))
    return done


def sentence(done: list[Checked]) -> str:
    """Says what checks changed; nothing when they changed nothing."""
    opened, closed = sum(len(one.opened) for one in done), sum(len(one.closed) for one in done)
    failed = [run.rule for run in done[-1].runs if run.outcome == "failed"] if done else []
    said = [f"{opened} opened, {closed} closed"] if opened or closed else []
    return "; ".join([*said, *([f"could not be asked: {', '.join(failed)}"] if failed else [])])
