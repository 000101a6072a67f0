"""Decides whether all is well: one of four states, by facts alone, for pages, /healthz, /metrics, mails and commands.

OK is a claim and needs evidence: rules that were evaluated on data that is current and covered. What is missing is a
fact like any other, and makes the verdict unknown. Where somebody has to act that comes first, then a running initial
cycle; both still name what is missing. Instants are naive UTC.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from pipeline.knowledge.quarantine_reasons import reason_in_words

State = Literal["action_needed", "running", "ok", "unknown"]
Tone = Literal["bad", "warn", "info", "good", "quiet"]
About = Literal["all", "cycles", "quarantine", "leavers", "incidents"]
"What a sentence is about: everything, or one subject, which narrows the facts that count."

STATES: tuple[State, ...] = ("action_needed", "running", "ok", "unknown")
OLD = timedelta(days=1)
"Data that ends longer ago than this says nothing of the present."
RUNNING_AGE = timedelta(minutes=40)
"A cycle that was running when the data ended longer ago than this may be over: it is the interval of most jobs."
STATUS_AGE = timedelta(hours=6)
"A job status older than this may be wrong by now; the health rules use none that is older either."
LEAST = 10
"Attempts of a day from which on it counts that most of them failed."
STOPPED = ("quarantined", "paused", "disabled", "dead", "stalled")
"Job states in which nothing is removed from an app, whatever the log says."
RUNNING = ("running", "stalled")


@dataclass(frozen=True)
class JobFacts:
    """What is known of one job as of an instant, and until when: a row of `job_facts`."""

    job_id: str
    app_name: str
    tenant_id: str | None = None
    state: str = "unknown"
    since: datetime | None = None
    kind: str | None = None
    reason: str | None = None
    error_code: str | None = None
    observed_at: datetime | None = None
    last_event_at: datetime | None = None
    covered_until: datetime | None = None
    unknown_hours: int = 24
    gap_at: datetime | None = None
    gap_until: datetime | None = None
    succeeded: int = 0
    failed: int = 0
    failing: int = 0
    failing_groups: int | None = None
    failing_since: datetime | None = None
    leavers: int = 0
    leavers_since: datetime | None = None
    staged: int = 0
    rejected: int = 0
    "Users and groups with a change that Entra reports as successful and the app rejected, removals apart."
    rejected_since: datetime | None = None
    escrowed: int = 0
    "Users and groups in error by Entra's own count; those that no log shows are missing logs."
    in_use: int = 0
    "Accounts that may be in use although a removal ended without an error, or was never asked for."
    replaced_at: datetime | None = None
    "Since when a newer job of the same app has replaced it; nothing of it is expected any more."
    inferred_since: datetime | None = None
    "Since when a job without a status seems to be in quarantine."
    own_name: str | None = None
    "The app's own name, where `app_name` tells it from others of that name."
    may_be_over: bool = False
    "Whether its running cycle should have ended by now, and no status has come since."


@dataclass(frozen=True)
class IncidentFacts:
    """One open incident, a root cause."""

    rule: str
    severity: str
    summary: str
    app_name: str | None
    job_id: str | None
    since: datetime
    is_snoozed: bool = False
    symptoms: tuple[tuple[str, str | None], ...] = ()
    "Rule and job of each incident that it explains."
    remedy: str = ""
    "What its rule advises, as the app's profile has it."

    @property
    def jobs(self) -> set[str]:
        """Returns the jobs that it is of, by itself or by its symptoms."""
        return {job for job in (self.job_id, *(job for _, job in self.symptoms)) if job is not None}


@dataclass(frozen=True)
class RuleFacts:
    """Which health rules were evaluated, as of when, and which gave no answer."""

    checked_at: datetime | None = None
    "As of when the rules were evaluated, the oldest of them; None where none ever was."
    never: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    "Rules that could not check every app, for want of data."
    skipped: tuple[str, ...] = ()
    "Rules that had nothing to check: no SCIM log, no token expiry, too little history."
    allowed: timedelta = timedelta(hours=1)
    "How much older than the data a check may be."


@dataclass(frozen=True)
class Facts:
    """All that a verdict rests on."""

    at: datetime
    "As of when."
    ends_at: datetime | None
    "Until when the store has data; None where it has none. The present where data comes by itself."
    now: datetime
    jobs: tuple[JobFacts, ...] = ()
    incidents: tuple[IncidentFacts, ...] = ()
    rules: RuleFacts = field(default_factory=RuleFacts)
    others: tuple[JobFacts, ...] = ()
    "Jobs outside of what is asked about; the rules are evaluated for all of them at once."

    @property
    def is_old(self) -> bool:
        """Whether the data ends longer ago than a day."""
        return self.ends_at is not None and self.now - self.ends_at > OLD

    @property
    def shows_running(self) -> bool:
        """Whether the data ends lately enough to tell that a cycle is still running."""
        return self.ends_at is not None and self.now - self.ends_at <= RUNNING_AGE

    def of(self, jobs: Collection[str], shared: bool = True) -> "Facts":
        """Returns the facts about some jobs; `shared` keeps incidents that are of no app."""
        chosen = tuple(job for job in self.jobs if job.job_id in jobs)
        apps = {job.own_name or job.app_name for job in chosen}
        return replace(
            self,
            jobs=chosen,
            others=(*self.others, *(job for job in self.jobs if job.job_id not in jobs)),
            incidents=tuple(
                one
                for one in self.incidents
                if not one.jobs.isdisjoint(jobs)
                or (one.job_id is None and one.app_name in apps)
                or (shared and one.job_id is None and one.app_name is None)
            ),
        )

    def of_tenant(self, tenant: str) -> "Facts":
        """Returns the facts about one tenant's jobs."""
        return self.of([job.job_id for job in self.jobs if (job.tenant_id or "").lower() == tenant.lower()])


@dataclass(frozen=True)
class Cause:
    """One reason why somebody has to act."""

    kind: str
    "One of KINDS."
    severity: str
    "critical or warning."
    app_name: str | None
    job_id: str | None
    since: datetime | None
    count: int = 1
    summary: str = ""
    "An incident's sentence, or Graph's reason."
    groups: int | None = None
    "How many of those counted are groups, where that is known."
    rule: str = ""
    is_snoozed: bool = False
    symptoms: tuple[str, ...] = ()
    "Rules of the incidents that an incident explains."
    is_symptom: bool = False
    "Whether an open incident explains it, which then comes first."
    remedy: str = ""
    "What to do about an incident."


@dataclass(frozen=True)
class Missing:
    """One kind of fact that is missing, and of which apps."""

    kind: str
    names: tuple[str, ...] = ()
    "Apps, or rules."
    since: datetime | None = None
    count: int = 0
    sinces: tuple[datetime | None, ...] = ()
    "Since when of each app, in the order of the names."


@dataclass(frozen=True)
class Verdict:
    """One of four states, with the facts that its sentence needs."""

    state: State
    about: About
    at: datetime
    apps: int
    causes: tuple[Cause, ...] = ()
    "The worst first."
    missing: tuple[Missing, ...] = ()
    running: tuple[JobFacts, ...] = ()
    "Jobs in an initial cycle."
    checked_at: datetime | None = None
    skipped: tuple[str, ...] = ()

    @property
    def tone(self) -> Tone:
        """Returns the colour, which nothing else may decide."""
        if self.state == "action_needed":
            return "bad" if any(cause.severity == "critical" for cause in self.causes) else "warn"
        return {"running": "info", "ok": "good"}.get(self.state, "quiet")  # type: ignore[return-value]


def verdict(facts: Facts, about: About = "all") -> Verdict:
    """Decides by facts which of the four states holds; equal facts have equal verdicts, wherever they are shown."""
    causes = sorted((one for one in causes_of(facts) if is_about(one, about)), key=rank)
    missing = tuple(one for one in missing_of(facts, about))
    initial = tuple(job for job in facts.jobs if is_initial(job) and not job.may_be_over)
    running = initial if about in ("all", "cycles") and facts.shows_running else ()
    state: State = "action_needed" if causes else "running" if running else "unknown" if missing else "ok"
    rules = facts.rules
    return Verdict(
        state, about, facts.at, len(facts.jobs), tuple(causes), missing, running, rules.checked_at, rules.skipped
    )


def is_initial(job: JobFacts) -> bool:
    """Whether a job was in an initial cycle, as of its newest status."""
    return job.state == "running" and job.kind in ("initial", "restarted")


def is_about(cause: Cause, about: About) -> bool:
    """Whether a cause belongs to a subject."""
    if cause.kind == "incident":
        return about in ("all", "incidents") or (
            about == "quarantine" and not {cause.rule, *cause.symptoms}.isdisjoint(TO_QUARANTINE)
        )
    return about == "all" or cause.kind in SUBJECTS[about]


TO_QUARANTINE = (
    "quarantined",
    "disable_clock",
    "quarantine_ahead",
    "failing_runs",
    "token_refused",
    "silence",
    "escrow_growth",
    "mass_leavers",
)
"Rules that report a quarantine, or what may end in one."
SUBJECTS: dict[About, tuple[str, ...]] = {
    "cycles": ("quarantined", "disabled", "paused", "dead", "stalled", "late"),
    "quarantine": ("quarantined", "inferred", "disabled"),
    "leavers": ("leavers", "staged", "in_use"),
    "incidents": (),
}
KINDS = (
    "quarantined", "inferred", "disabled", "dead", "leavers", "in_use", "rejected", "mostly_failing", "incident",
    "stalled", "paused", "late", "staged", "failing",
)  # fmt: skip
"Causes of one severity, the gravest first."
FOUND_BY = {
    "quarantined": "quarantined",
    "dead": "cycle_late",
    "late": "cycle_late",
    "stalled": "cycle_late",
    "leavers": "leaver_waiting",
    "rejected": "success_rejected",
}
"The rule that finds what a job's own state shows as well."


def rank(cause: Cause) -> tuple[bool, bool, bool, int, datetime, str]:
    """Returns a cause's place among others, the worst first, and root causes before what they explain."""
    since, kind = cause.since or datetime.max, KINDS.index(cause.kind)
    return cause.severity != "critical", cause.is_snoozed, cause.is_symptom, kind, since, cause.app_name or ""


def causes_of(facts: Facts) -> Iterator[Cause]:
    """Returns why somebody has to act."""
    explained = {symptom for one in facts.incidents if not one.is_snoozed for symptom in one.symptoms}
    for job in facts.jobs:
        for cause in job_causes(job):
            yield replace(cause, is_symptom=(FOUND_BY.get(cause.kind, ""), job.job_id) in explained)
    for one in facts.incidents:
        if one.severity != "info":
            severity = "warning" if one.is_snoozed else one.severity
            symptoms = tuple(rule for rule, _ in one.symptoms)
            yield Cause(
                "incident",
                severity,
                one.app_name,
                one.job_id,
                one.since,
                summary=one.summary,
                rule=one.rule,
                is_snoozed=one.is_snoozed,
                symptoms=symptoms,
                remedy=one.remedy,
            )


def job_causes(job: JobFacts) -> Iterator[Cause]:
    """Returns why somebody has to act on one job."""

    def cause(kind: str, severity: str, since: datetime | None, count: int = 1, summary: str = "") -> Cause:
        return Cause(kind, severity, job.app_name, job.job_id, since, count, summary)

    if job.state in ("quarantined", "disabled", "dead"):
        yield cause(job.state, "critical", job.since, summary=reason_in_words(job.reason, job.error_code, job.job_id))
    elif job.state in ("paused", "stalled", "late"):
        yield cause(job.state, "warning", job.since)
    if job.inferred_since is not None:
        yield cause("inferred", "warning", job.inferred_since)
    if job.leavers:
        yield cause("leavers", "critical", job.leavers_since, job.leavers)
    if job.in_use:
        yield cause("in_use", "critical", None, job.in_use)
    if job.rejected:
        yield cause("rejected", "critical", job.rejected_since, job.rejected)
    if job.staged:
        yield cause("staged", "warning", None, job.staged)
    if job.failed > job.succeeded and job.failed + job.succeeded >= LEAST:
        yield cause("mostly_failing", "critical", None, job.failed, str(job.failed + job.succeeded))
    if job.failing:
        yield replace(cause("failing", "warning", job.failing_since, job.failing), groups=job.failing_groups)


def missing_of(facts: Facts, about: About) -> Iterator[Missing]:
    """Returns what is missing for an OK to be a fact."""
    if facts.ends_at is None:
        yield Missing("empty")
        return
    if facts.is_old:
        yield Missing("old_data", since=facts.ends_at)
    if not facts.jobs:
        yield Missing("no_jobs")
    every, facts = facts, replace(facts, jobs=tuple(job for job in facts.jobs if job.replaced_at is None))
    if every.jobs and not facts.jobs:
        yield from named("replaced", every.jobs, lambda job: job.replaced_at is not None, lambda job: job.replaced_at)
    if about == "leavers":
        yield from named("not_removing", facts.jobs, lambda job: job.state in STOPPED, lambda job: job.since)
    yield from missing_status(facts)
    if about in ("all", "cycles") and not facts.is_old:
        yield from named(
            "running_before",
            facts.jobs,
            lambda job: is_initial(job) and (job.may_be_over or not facts.shows_running),
            lambda job: job.observed_at,
        )
    if about not in ("cycles", "quarantine"):
        yield from named("no_events", facts.jobs, lambda job: job.covered_until is None)
        yield from named(
            "gap", facts.jobs, lambda job: job.covered_until is not None and job.unknown_hours > 0, blind_since
        )
        yield from named("unlogged_errors", facts.jobs, lambda job: job.escrowed > job.failing)
    if about not in ("cycles", "leavers"):
        yield from missing_rules(facts)


def missing_status(facts: Facts) -> Iterator[Missing]:
    """Returns which job statuses are missing or old, and which jobs never ran."""
    jobs = facts.jobs
    yield from named("no_status", jobs, lambda job: job.observed_at is None)
    yield from named(
        "old_status",
        jobs,
        lambda job: job.observed_at is not None and (job.state == "unknown" or facts.at - job.observed_at > STATUS_AGE),
        lambda job: job.observed_at,
    )
    yield from named("never_run", jobs, lambda job: job.state == "never_run")


def missing_rules(facts: Facts) -> Iterator[Missing]:
    """Returns which rules were not evaluated, or not on the data that there is now."""
    rules = facts.rules
    if rules.checked_at is None:
        yield Missing("rules_never")
        return
    if facts.at - rules.checked_at > rules.allowed:
        yield Missing("rules_old", since=rules.checked_at)
    if rules.never:
        yield Missing("rules_new", rules.never)
    if rules.failed:
        yield Missing("rules_failed", rules.failed)
    # What a rule lacked of other jobs says nothing of these.
    if rules.unanswered and not any(is_lacking(job, facts.at) for job in facts.others):
        yield Missing("rules_unanswered", rules.unanswered)


def is_lacking(job: JobFacts, at: datetime) -> bool:
    """Whether a job lacks data that rules need."""
    lacks = job.unknown_hours > 0 or job.observed_at is None or at - job.observed_at > STATUS_AGE
    return job.replaced_at is None and lacks


def blind_since(job: JobFacts) -> datetime | None:
    """Returns since when logs of a job are missing: the first uncovered hour of the last day, or what was before it."""
    if job.covered_until is not None and job.gap_at is not None and job.covered_until <= job.gap_at:
        return job.covered_until
    return job.gap_at


def named(
    kind: str,
    jobs: Iterable[JobFacts],
    lacks: Callable[[JobFacts], bool],
    since: Callable[[JobFacts], datetime | None] = lambda _: None,
) -> Iterator[Missing]:
    """Returns one missing fact with the apps that lack it, and since when at the earliest."""
    lacking = [job for job in jobs if lacks(job)]
    if lacking:
        sinces = tuple(since(job) for job in lacking)
        first = min((at for at in sinces if at is not None), default=None)
        yield Missing(kind, tuple(job.app_name for job in lacking), first, len(lacking), sinces)


def unknown_of(job: JobFacts, facts: Facts) -> Missing | None:
    """Returns why it is not known how users of one job's app are now, what began first; None where it is known."""
    missing = missing_of(replace(facts, jobs=(job,), others=()), "leavers")
    return min(missing, key=lambda one: (one.kind not in BLINDING, one.since or datetime.min), default=None)


BLINDING = ("not_removing", "gap", "no_events", "unlogged_errors")
"What keeps a removal from being done, or from being seen, whatever else is missing."
