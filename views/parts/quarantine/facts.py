"""What is known of quarantine, asked once for a drawing of the page: every job's standing, and all facts of one job.

Statuses are older than the present; each sentence says of when its status is where that matters.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config.errors import RulesError, WrongValue
from pipeline.config.settings import read_settings
from pipeline.knowledge.quarantine_reasons import Reason, find_reason
from pipeline.rules.overrides import read_overrides, variants
from pipeline.rules.rule import find_rule
from views.frame.data import Row, Values, ahead, ask, records
from views.frame.look import cause, count, missing, plain, span, when

STALE = timedelta(hours=6)
"A status older than this may be wrong by now; the health rules take none that is older either."
AHEAD = 12
"Cycles within which a forecast is worth a sentence: as many as its slope rests on."
PATHS = ("failing_runs", "token_refused", "silence", "escrow_growth", "mass_leavers")
"Rules that see what may end in quarantine; what quarantine_ahead finds is in the forecast."


@dataclass(frozen=True)
class Job:
    """How one job stands with quarantine."""

    state: Row
    inferred: Row | None
    limits: list[Row]
    "Its row of each limit."
    deletions: Row | None
    at: datetime
    "The instant that all of it is asked of."
    days: int
    "After how many days of quarantine Entra switches it off."

    @property
    def job_id(self) -> str:
        """Gives its id."""
        return str(self.state["job_id"])

    @property
    def name(self) -> str:
        """Gives its app's name, fit for markdown."""
        return plain(str(self.state["app_name"]))

    @property
    def word(self) -> str:
        """Gives how it stands: Graph's word, else what its signs say."""
        return "inferred" if self.inferred is not None else str(self.state["word"])

    @property
    def is_out(self) -> bool:
        """Says whether nobody is provisioned for a quarantine, or for what came of it."""
        return self.word in ("quarantined", "switched_off", "inferred")

    @property
    def since(self) -> Any:
        """Gives when the trouble began; None where there is none or nobody knows."""
        at = self.inferred["since"] if self.inferred is not None else self.state["since"]
        return None if missing(at) else at

    @property
    def reason(self) -> Reason:
        """Gives Graph's reason, with what is known of it."""
        told = self.state["reason"]
        return find_reason(None if missing(told) else str(told))

    @property
    def nearest(self) -> Row | None:
        """Gives the limit that is crossed first at the present slope."""
        rising = [row for row in self.limits if not missing(row["cycles_left"])]
        return min(rising, key=lambda row: float(row["cycles_left"]), default=None)

    @property
    def fullest(self) -> float:
        """Gives how much of its fullest limit is used up, deletions among them."""
        deletions = [self.deletions] if self.deletions and not missing(self.deletions["at_most"]) else []
        return max((used(row) for row in [*self.limits, *deletions]), default=0.0)

    @property
    def rank(self) -> tuple[int, float, float, str]:
        """Gives its place among the others, the worst first."""
        order = {"quarantined": 0, "switched_off": 1, "inferred": 2}
        ends = self.state["disabled_at"]
        left = float(self.nearest["cycles_left"]) if self.nearest else float("inf")
        soonest = left if missing(ends) else (ends - self.at).total_seconds()
        return order.get(self.word, 3), soonest, -self.fullest, self.name


def used(row: Row) -> float:
    """Gives which part of a limit is used up."""
    return float(row["reached"]) / max(1.0, float(row["at_most"]))


def ask_ahead(at: datetime) -> None:
    """Has the questions behind the jobs asked side by side."""
    ahead("quarantine_headroom", at=at, **limits())
    ahead("quarantine_states", "quarantine_inferred", "quarantine_deletions", at=at, limit=given_up())


def jobs(at: datetime) -> list[Job]:
    """Gives every job of the bar as of an instant, the worst first."""
    general, days = limits(), given_up()
    guessed = {row["job_id"]: row for row in records(ask("quarantine_inferred", at=at))}
    removed = {row["job_id"]: row for row in records(ask("quarantine_deletions", at=at))}
    near = records(ask("quarantine_headroom", at=at, **general))
    made = [
        Job(row, guessed.get(row["job_id"]), of(near, row["job_id"]), removed.get(row["job_id"]), at, days)
        for row in records(ask("quarantine_states", at=at, limit=days))
    ]
    return sorted(made, key=lambda job: job.rank)


def of(rows: list[Row], job_id: object) -> list[Row]:
    """Gives the rows of one job."""
    return [row for row in rows if row["job_id"] == job_id]


def limits(app: str | None = None) -> Values:
    """Gives the numbers that Microsoft calls approximate, as rules.toml sets them for an app or for all."""
    return {name: held for name, held in told("quarantine_ahead", app).items() if name != "cycles"}


def given_up() -> int:
    """Gives after how many days of quarantine Entra switches a job off."""
    return int(told("disable_clock")["limit"])


def told(rule: str, app: str | None = None) -> Values:
    """Gives the values that a rule opens with; its defaults where rules.toml cannot be read, of which Health tells."""
    try:
        made = variants(find_rule(rule), read_overrides(Path(read_settings().rules)))
    except (RulesError, WrongValue):
        made = variants(find_rule(rule), {})
    return dict(next(one.opens for one in made if one.apps is None or app in one.apps))


def seen(jobs: list[Job]) -> list[Row]:
    """Gives the open incidents of some jobs that may end in quarantine, the worst first."""
    ids = {job.job_id for job in jobs}
    return [row for row in records(ask("open_incidents")) if row["rule"] in PATHS and row["job_id"] in ids]


@dataclass(frozen=True)
class Facts:
    """What else is known of one job, all as of one instant."""

    job: Job
    began: datetime
    "When the trouble began; the present where there is none."
    calls: dict[str, Row]
    "The job's calls to its app by what they tell: last good, first failing, newest failing, good again."
    waiting: pd.DataFrame
    burn: pd.DataFrame
    silence: Row | None
    changes: list[Row]
    "Changes of its configuration in the week before the trouble."

    is_configured: bool
    "Whether its configuration, or a status that tells of it, was ever read."

    @property
    def is_mended(self) -> bool:
        """Says whether the app answered well after the newest call that failed."""
        return "good again" in self.calls


WEEK = timedelta(days=7)


def facts(job: Job) -> Facts:
    """Asks all that is known of a job."""
    at, own = job.at, job.job_id
    grace = read_settings().grace
    asked = ("quarantine_calls", "silence", "quarantine_waiting", "quarantine_burn_down", "connections")
    ahead(*asked, at=at, job=own, grace=grace, limit=MOST)
    calls = {str(row["what"]): row for row in records(ask("quarantine_calls", at=at, job=own))}
    began = job.since or (calls["first failing"]["occurred_at"] if "first failing" in calls else at)
    silent = records(ask("silence", at=at, grace=grace, job=own))
    return Facts(
        job,
        began,
        calls,
        ask("quarantine_waiting", at=at, job=own, limit=MOST),
        ask("quarantine_burn_down", at=at, job=own),
        silent[0] if silent else None,
        records(ask("quarantine_changes", job=own, since=began - WEEK, until=began + timedelta(minutes=1))),
        bool(ask("connections", job=own)["heard_at"].notna().any()),
    )


MOST = 500
"Objects that wait, listed at most."


def standing(job: Job) -> str:
    """Says in one sentence how a job that is out stands."""
    if job.word == "inferred" and job.inferred is not None:
        return guess(job, job.inferred)
    if job.word == "switched_off":
        return (
            f"**{job.name}** is switched off (status of {when(job.state['observed_at'])}): by somebody, or by Entra "
            f"after {job.days} days of quarantine; it must be restarted"
        )
    why = cause(job.state["reason"], job.state["error_code"])
    since = f"in quarantine since {when(job.since)} ({plain(why)})"
    return f"**{job.name}** has been {since}: {clock(job)}{tries(job)}{age(job)}"


def guess(job: Job, seen: Row) -> str:
    """Says what its signs say of a job without a status."""
    sign = "calls that the app refuses" if seen["sign"] == "calls" else "cycles in which everything fails"
    return (
        f"**{job.name}** seems to be in quarantine since {when(seen['since'])}. This is inferred from "
        f"{sign} and that come hours apart ({count(seen['tries'], 'try', 'tries')}), since no job status was ever read"
    )


def clock(job: Job) -> str:
    """Says which day of how many it is, and when Entra gives up."""
    ends = job.state["disabled_at"]
    left = (ends - job.at).total_seconds()
    if left <= 0:
        return f"its {job.days} days were over on {when(ends)}, so Entra may switch it off at any moment"
    return f"day {day(job)} of {job.days}, {span(left)} to automatic disablement on {when(ends)}"


def day(job: Job) -> int:
    """Gives which day of its quarantine it is, the first being 1."""
    return int((job.at - job.since) / timedelta(days=1)) + 1


def tries(job: Job) -> str:
    """Says when Entra looks again."""
    at = job.state["next_attempt_at"]
    if missing(at):
        return ""
    return f". Entra tries again {when(at)}" if at > job.at else f". Entra's try of {when(at)} should be over"


def age(job: Job) -> str:
    """Says how old the status is, where that is old."""
    told_at = job.state["observed_at"]
    if missing(told_at) or job.at - told_at <= STALE:
        return ""
    return f". That is the status of {when(told_at)}, {span((job.at - told_at).total_seconds())} ago"
