"""The facts of quarantine, asked once for a drawing of the page: every job's status, and all facts of one job.

Statuses are older than the present; each sentence has the instant of its status where that matters.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config.errors import RulesError, WrongValue
from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, is_missing, span
from pipeline.knowledge.causes import Cause, cause_of
from pipeline.knowledge.quarantine_reasons import Reason, find_reason
from pipeline.rules.overrides import read_overrides, variants
from pipeline.rules.rule import find_rule
from pipeline.rules.verdict import JobFacts
from views.frame.data import Row, Values, ask, ask_ahead, records
from views.frame.look import cause, plain, plain_name
from views.frame.verdict import current_facts, job_facts
from views.parts.alerts.incidents import symptoms_of

STALE = timedelta(hours=6)
"A status older than this may be wrong by now; the health rules use none that is older either."
AHEAD = 12
"Cycles within which a forecast is worth a sentence: as many as its slope rests on."
PATHS = ("failing_runs", "token_refused", "silence", "escrow_growth", "mass_leavers")
"Rules that find what may end in quarantine; what quarantine_ahead finds is in the forecast."


@dataclass(frozen=True)
class Job:
    """One job's status with regard to quarantine."""

    state: Row
    inferred: Row | None
    limits: list[Row]
    "Its row of each limit."
    deletions: Row | None
    at: datetime
    "The instant that all of it is asked of."
    days: int
    "After how many days of quarantine Entra switches it off."
    is_live: bool = True
    "Whether the data goes to the present: of old data no countdown is shown."

    def countdown(self, at: datetime) -> str:
        """Writes in how long an instant comes; empty where the data is old."""
        return f", in {span((at - self.at).total_seconds())}" if self.is_live else ""

    @property
    def job_id(self) -> str:
        """Returns its id."""
        return str(self.state["job_id"])

    @property
    def name(self) -> str:
        """Returns its app's name, fit for markdown."""
        return plain_name(self.state["app_name"])

    @property
    def word(self) -> str:
        """Returns its status: Graph's word, else what its signs point to."""
        return "inferred" if self.inferred is not None else str(self.state["word"])

    @property
    def is_out(self) -> bool:
        """Whether the job is in quarantine, or is switched off after one."""
        return self.word in ("quarantined", "switched_off", "inferred")

    @property
    def since(self) -> Any:
        """Returns when the trouble began; None where there is none or it is unknown."""
        at = self.inferred["since"] if self.inferred is not None else self.state["since"]
        return None if is_missing(at) else at

    @property
    def reason(self) -> Reason:
        """Returns Graph's reason, with its documentation."""
        reason = self.state["reason"]
        return find_reason(None if is_missing(reason) else str(reason))

    @property
    def cause(self) -> Cause | None:
        """Returns what its newest error is known as."""
        error = {name: value for name, value in self.state.items() if not is_missing(value)}
        return cause_of(error) if "error_code" in error or "error_message" in error else None

    @property
    def nearest(self) -> Row | None:
        """Returns the limit that is crossed first at the present slope."""
        rising = [row for row in self.limits if not is_missing(row["cycles_left"])]
        return min(rising, key=lambda row: float(row["cycles_left"]), default=None)

    @property
    def fullest(self) -> float:
        """Returns how much of its fullest limit is used up, deletions among them."""
        deletions = [self.deletions] if self.deletions and not is_missing(self.deletions["at_most"]) else []
        return max((used(row) for row in [*self.limits, *deletions]), default=0.0)

    @property
    def rank(self) -> tuple[int, float, float, str]:
        """Returns its place among the others, the worst first."""
        order = {"quarantined": 0, "switched_off": 1, "inferred": 2}
        ends = self.state["disabled_at"]
        left = float(self.nearest["cycles_left"]) if self.nearest else float("inf")
        soonest = left if is_missing(ends) else (ends - self.at).total_seconds()
        return order.get(self.word, 3), soonest, -self.fullest, self.name


def used(row: Row) -> float:
    """Returns which part of a limit is used up."""
    return float(row["reached"]) / max(1.0, float(row["at_most"]))


def ask_jobs_ahead(at: datetime) -> None:
    """Has the questions behind the jobs asked side by side."""
    ask_ahead("quarantine_headroom", at=at, **limits())
    ask_ahead("quarantine_states", "quarantine_inferred", "quarantine_deletions", at=at, limit=disable_days())


def jobs_as_of(at: datetime) -> list[Job]:
    """Returns every job of the bar as of an instant, the worst first."""
    general, days = limits(), disable_days()
    inferred = {row["job_id"]: row for row in records(ask("quarantine_inferred", at=at))}
    deletions = {row["job_id"]: row for row in records(ask("quarantine_deletions", at=at))}
    limit_rows = records(ask("quarantine_headroom", at=at, **general))
    is_live = not current_facts(at).is_old
    all_jobs = [
        Job(
            row,
            inferred.get(row["job_id"]),
            of(limit_rows, row["job_id"]),
            deletions.get(row["job_id"]),
            at,
            days,
            is_live,
        )
        for row in records(ask("quarantine_states", at=at, limit=days))
    ]
    return sorted(all_jobs, key=lambda job: job.rank)


def of(rows: list[Row], job_id: object) -> list[Row]:
    """Returns the rows of one job."""
    return [row for row in rows if row["job_id"] == job_id]


def limits(app: str | None = None) -> Values:
    """Returns the numbers that Microsoft calls approximate, as rules.toml sets them for an app or for all."""
    return {name: level for name, level in rule_values("quarantine_ahead", app).items() if name != "cycles"}


def disable_days() -> int:
    """Returns after how many days of quarantine Entra switches a job off."""
    return int(rule_values("disable_clock")["limit"])


def rule_values(rule: str, app: str | None = None) -> Values:
    """Returns the values that a rule opens with; its defaults where rules.toml cannot be read (see Health)."""
    try:
        made = variants(find_rule(rule), read_overrides(Path(read_settings().rules)))
    except (RulesError, WrongValue):
        made = variants(find_rule(rule), {})
    return dict(next(one.opens for one in made if one.apps is None or app in one.apps))


def open_incidents_of(jobs: list[Job]) -> list[Row]:
    """Returns the open incidents of some jobs that may end in quarantine, the worst first."""
    ids = {job.job_id for job in jobs}
    every = [one for row in records(ask("open_incidents")) for one in (row, *symptoms_of(row))]
    return [row for row in every if row["rule"] in PATHS and row["job_id"] in ids]


@dataclass(frozen=True)
class Facts:
    """The other facts of one job, all as of one instant."""

    job: Job
    began: datetime
    "When the trouble began; the present where there is none."
    calls: dict[str, Row]
    "The job's calls to its app by what they are: last good, first failing, newest failing, good again."
    waiting: pd.DataFrame
    burn: pd.DataFrame
    silence: Row | None
    changes: list[Row]
    "Changes of its configuration in the week before the trouble."

    is_configured: bool
    "Whether its configuration, or a status that has it, was ever read."

    log: JobFacts | None
    "Until when its provisioning logs are covered; None where none were read."

    @property
    def is_recovered(self) -> bool:
        """Whether the app answered well after the newest call that failed."""
        return "good again" in self.calls


WEEK = timedelta(days=7)


def facts_of(job: Job) -> Facts:
    """Asks for all facts of a job."""
    at, own = job.at, job.job_id
    grace = read_settings().grace
    names = ("quarantine_calls", "silence", "quarantine_waiting", "quarantine_burn_down", "connections")
    ask_ahead(*names, at=at, job=own, grace=grace, limit=MOST)
    calls = {str(row["what"]): row for row in records(ask("quarantine_calls", at=at, job=own))}
    began = job.since or (calls["first failing"]["occurred_at"] if "first failing" in calls else at)
    silence = records(ask("silence", at=at, grace=grace, job=own))
    return Facts(
        job,
        began,
        calls,
        ask("quarantine_waiting", at=at, job=own, limit=MOST),
        ask("quarantine_burn_down", at=at, job=own),
        silence[0] if silence else None,
        records(ask("quarantine_changes", job=own, since=began - WEEK, until=began + timedelta(minutes=1))),
        bool(ask("connections", job=own)["heard_at"].notna().any()),
        job_facts(own, at),
    )


MOST = 500
"Objects that wait, listed at most."


def job_sentence(job: Job) -> str:
    """Writes in one sentence the status of a job that is out."""
    if job.word == "inferred" and job.inferred is not None:
        return inferred_sentence(job, job.inferred)
    if job.word == "switched_off":
        return (
            f"**{job.name}** is disabled in Entra (status of {instant(job.state['observed_at'])}): by an "
            f"administrator, or by Entra after {job.days} days of quarantine. It has to be restarted"
        )
    why = cause(job.state["reason"], job.state["error_code"], job.job_id)
    since = f"in quarantine since {instant(job.since)}: {plain(why)}"
    return f"**{job.name}** has been {since}. {sentence_case(clock_text(job))}{next_try(job)}{status_age(job)}"


def inferred_sentence(job: Job, signs: Row) -> str:
    """Writes what its signs point to, of a job without a status."""
    sign = "requests that the app rejects" if signs["sign"] == "calls" else "cycles in which everything fails"
    return (
        f"**{job.name}** is probably in quarantine since {instant(signs['since'])}. Inferred from {sign}, hours apart "
        f"({count(signs['tries'], 'attempt')}): no job status is loaded"
    )


def clock_text(job: Job) -> str:
    """Writes which day of how many it is, and when Entra disables the job."""
    ends = job.state["disabled_at"]
    left = (ends - job.at).total_seconds()
    if left <= 0:
        return f"the {job.days} days ended on {instant(ends)}: Entra may disable the job at any moment"
    day = f"day {day_number(job)} of {job.days}, Entra disables the job on {instant(ends)}"
    return f"{day} (in {span(left)})" if job.is_live else day


def clock_label(job: Job) -> str:
    """Writes which day of how many it is beside the clock, below a sentence that has when they end."""
    left = (job.state["disabled_at"] - job.at).total_seconds()
    if left <= 0:
        return sentence_case(clock_text(job))
    day = f"Day {day_number(job)} of {job.days} until Entra disables the job"
    return f"{day} ({span(left)} left)" if job.is_live else day


def sentence_case(text: str) -> str:
    """Writes a text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def day_number(job: Job) -> int:
    """Returns which day of its quarantine it is, the first being 1."""
    return int((job.at - job.since) / timedelta(days=1)) + 1


def next_try(job: Job) -> str:
    """Writes when Entra tries again."""
    at = job.state["next_attempt_at"]
    if is_missing(at):
        return ""
    return f". Next attempt: {instant(at)}" if at > job.at else f". The attempt of {instant(at)} is over by now"


def status_age(job: Job) -> str:
    """Writes how old the status is, where that is old."""
    observed_at = job.state["observed_at"]
    if is_missing(observed_at) or job.at - observed_at <= STALE:
        return ""
    return f". Job status of {instant(observed_at)}, {span((job.at - observed_at).total_seconds())} old"
