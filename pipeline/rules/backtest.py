"""A rule on stored history: when it would have fired, how long before a real quarantine, and how often for nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pipeline.rules.evaluate import SIDE_BY_SIDE, Evaluation, evaluations
from pipeline.rules.rule import Rule
from pipeline.store.lake import Store
from pipeline.store.time_limit import Stop

TOGETHER = 2400
"How many instants one statement is asked for: a hundred days of hours. Fewer would read the same rows more often."
ONE_BY_ONE = 24
"How many, where a rule takes one instant a statement: so many are asked side by side, and show how far it is."
HORIZON = timedelta(days=7)
"How long before a quarantine a firing still counts as a warning of it."


@dataclass
class Firing:
    """One incident that the rule would have made."""

    subject: str
    app_name: str | None
    job_id: str | None
    summary: str
    began_at: datetime
    "When the trouble began in the log."
    fired_at: datetime
    "At which step of the replay it was found."
    closed_at: datetime | None = None
    lead_s: int | None = None
    "Seconds from its firing to the quarantine that followed; None where none did."


@dataclass
class Backtest:
    """The result of a replay."""

    rule: str
    values: Mapping[str, Any]
    since: datetime
    until: datetime
    step_s: int
    evaluations: int = 0
    firings: list[Firing] = field(default_factory=list)
    quarantines: int = 0
    "Quarantines that began in the window."
    warned: int = 0
    "Of those, how many a firing came before."

    @property
    def false_alarms(self) -> int:
        """Counts the firings that no quarantine followed, of those with a whole horizon after them."""
        return sum(one.lead_s is None and one.fired_at + HORIZON <= self.until for one in self.firings)

    @property
    def leads_s(self) -> list[int]:
        """Returns the lead times, the shortest first."""
        return sorted(one.lead_s for one in self.firings if one.lead_s is not None)


def backtest(
    store: Store,
    rule: Rule,
    overrides: Mapping[str, Any],
    since: datetime,
    until: datetime,
    step: timedelta,
    progress: Callable[[float], None] = lambda _share: None,
    stop: Stop | None = None,
) -> Backtest:
    """Evaluates a rule at every step of [since, until]; its findings open and close as in a check.

    Raises QuestionCancelled where `stop` is asked meanwhile.
    """
    values = {name: value for name, value in overrides.get(rule.name, {}).items() if name != "app"}
    replay = Backtest(rule.name, values, since, until, int(step.total_seconds()))
    active: dict[str, Firing] = {}
    for at, result in replayed(store, rule, overrides, steps(since, until, step), stop):
        replay.evaluations += 1
        for subject in [one for one in active if one not in result.still_open]:
            active.pop(subject).closed_at = at
        for subject, row in result.firing.items():
            if subject not in active:
                active[subject] = Firing(subject, row.app_name, row.job_id, row.summary, row.since, at)
                replay.firings.append(active[subject])
        progress((at - since) / max(until - since, step))
    compare(store, replay)
    progress(1.0)
    return replay


def steps(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    """Returns the instants of a replay.

    >>> [f"{at:%H:%M}" for at in steps(datetime(2026, 1, 5), datetime(2026, 1, 5, 2, 30), timedelta(hours=1))]
    ['00:00', '01:00', '02:00']
    """
    return [since + step * number for number in range((until - since) // step + 1)]


def replayed(
    store: Store, rule: Rule, overrides: Mapping[str, Any], instants: Sequence[datetime], stop: Stop | None = None
) -> Iterator[tuple[datetime, Evaluation]]:
    """Evaluates a rule as of each instant, in order; statements are asked side by side."""
    size = TOGETHER if rule.takes_many else ONE_BY_ONE
    parts = [instants[at : at + size] for at in range(0, len(instants), size)]
    with ThreadPoolExecutor(SIDE_BY_SIDE, "backtest") as pool:
        evaluated = pool.map(partial(evaluations, store, rule, overrides, stop=stop), parts)
        try:
            for part, results in zip(parts, evaluated, strict=True):
                yield from zip(part, results, strict=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def compare(store: Store, replay: Backtest) -> None:
    """Matches the firings with the quarantines that began in the window."""
    quarantines = store.rows(
        "select job_id, opened_at from quarantines where opened_at between ? and ? order by opened_at",
        [replay.since, replay.until],
    )
    replay.quarantines = len(quarantines)
    for job_id, opened_at in quarantines:
        before = [
            one for one in replay.firings if one.job_id == job_id and opened_at - HORIZON <= one.fired_at < opened_at
        ]
        replay.warned += bool(before)
        for one in before:
            one.lead_s = min(one.lead_s or 10**9, int((opened_at - one.fired_at).total_seconds()))
