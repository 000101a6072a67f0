"""Runs the checks that are due: at every turn of the background job, and for the turns missed while none ran.

A missed check is made up for in the log's time, so that an incident which came and went meanwhile is still reported.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.knowledge.app_profiles import usable_profiles
from pipeline.rules.evaluate import Along, Checked, check
from pipeline.rules.overrides import read_overrides
from pipeline.rules.token_expiry import with_leads
from pipeline.store.lake import Store
from pipeline.store.present import as_of, is_empty

MAX_STEPS = 24
"How many missed checks are made up for; a longer gap is walked in larger steps."


def overrides_of(store: Store) -> Mapping[str, Any]:
    """Returns what rules.toml sets, and how long a new token takes by the app's profile.

    A profile that cannot be used sets nothing here; the page Connections shows why.
    """
    overrides, profiles = read_overrides(Path(store.settings.rules)), usable_profiles(store.settings)
    return with_leads(overrides, profiles, [str(app) for (app,) in store.rows("select distinct app_name from tokens")])


def last_check(store: Store) -> datetime | None:
    """Returns the instant of the newest check, in the log's time."""
    newest: datetime | None = store.rows("select max(ran_at) from rule_runs")[0][0]
    return newest


def failed_rules(store: Store) -> list[str]:
    """Returns the rules that failed in the newest check."""
    newest = """
        select distinct rule
        from rule_runs
        where outcome = 'failed' and ran_at = (select max(ran_at) from rule_runs)
        order by rule"""
    return [str(rule) for (rule,) in store.rows(newest)]


def due(last: datetime | None, at: datetime, every: timedelta) -> list[datetime]:
    """Returns the instants at which to check now: none when the last check is recent, several after a gap.

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
    steps = min(missed, MAX_STEPS)
    width = (at - last) / steps if missed > MAX_STEPS else every
    return [last + width * number for number in range(1, steps)] + [at]


def check_due(
    store: Store, *, along: Along | None = None, stopping: Callable[[], bool] = lambda: False
) -> list[Checked]:
    """Runs the checks that are due, oldest first; `stopping` ends it between two of them."""
    if is_empty(store):
        # No rule could answer, and the present would be taken for the log's time.
        return []
    every = timedelta(seconds=store.settings.check_every)
    overrides, done = overrides_of(store), []
    for at in due(last_check(store), as_of(store), every):
        if stopping():
            break
        done.append(check(store, at, overrides=overrides, along=along, unless_checked=True))
    return done


def sentence(done: list[Checked]) -> str:
    """Summarizes what checks changed; empty when they changed nothing."""
    opened, closed = sum(len(one.opened) for one in done), sum(len(one.closed) for one in done)
    return f"{opened} opened, {closed} closed" if opened or closed else ""
