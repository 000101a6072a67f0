"""What is known as of an instant, and whether that is enough to judge a subject: only then does silence mean anything.

A subject is an incident's job, the app whose log it is about, or the tenant; each is judged by its own data. A need of
hours is met where each full hour is known, a need of the newest where something came within them. One statement
answers for all rules.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.config.wording import count, dated
from pipeline.rules.rule import Need
from pipeline.store.lake import Store

KNOWN = """
with ledger as materialized (
    from hour_ledger($since::timestamp, date_trunc('hour', $at::timestamp))
), jobs as (
    select job_id, any_value(app_name) as app_name, max(tenant_id) as tenant_id
    from ledger
    where job_id is not null
    group by job_id
), statuses as (
    -- A status without a state says nothing.
    select job_id, case when arg_max_null(state, observed_at) is not null then max(observed_at) end as newest_at
    from job_snapshots
    where observed_at <= $at
    group by job_id
), event_hours as (
    select job_id, max("hour") filter (where state <> 'unknown') as known_hour,
        max("hour") filter (where state = 'unknown') as unknown_hour
    from ledger
    where source = 'events'
    group by job_id
), newest_events as (
    select job_id, max("hour") as "hour" from hourly_parts where "hour" <= $at group by job_id
), reached as (
    -- As the verdict has it, to the instant.
    select job_id, max(reached_at) as reached_at
    from (
        select job_id, max(last_event_at) as reached_at from identity_parts where last_event_at <= $at group by job_id
        union all
        select j.job_id, max(c.until)
        from jobs j
        join stretches c
            on c.source = 'events' and c.until <= $at
                and (c.job_id = j.job_id
                    or (c.job_id is null and lower(c.tenant_id) is not distinct from lower(j.tenant_id)))
        group by j.job_id
    )
    group by job_id
), logs as (
    select nullif(app_id, '') as app_id, arg_max_null(tenant_id, occurred_at) as tenant_id,
        max(occurred_at) as newest_at
    from exchanges
    where occurred_at <= $at
    group by nullif(app_id, '')
), app_logs as (
    -- A log that names no app is the only app's, as in app_calls.
    select
        coalesce(app_id, case when count(app_id) over () = 1 then max(app_id) over () end, '') as app,
        app_id,
        tenant_id,
        newest_at
    from logs
), apps as (
    select app, bool_or(app_id is null) as nameless, arg_max_null(tenant_id, newest_at) as tenant_id,
        max(newest_at) as newest_at
    from app_logs
    group by app
), request_hours as (
    select distinct l.app, r."hour"
    from (
        select distinct nullif(app_id, '') as app_id, date_trunc('hour', occurred_at) as "hour"
        from exchanges
        where occurred_at >= date_trunc('hour', $since::timestamp) and occurred_at <= $at
    ) r
    join app_logs l on l.app_id is not distinct from r.app_id
), covered_hours as (
    select distinct lower(tenant_id) as tenant_id, "hour" from ledger where source = 'exchanges' and state <> 'unknown'
), app_gaps as (
    -- What another app's log covers after this one's newest request says nothing of this one.
    select a.app, max(h."hour") as unknown_hour
    from apps a
    cross join (
        select unnest(generate_series(date_trunc('hour', $since::timestamp),
            date_trunc('hour', $at::timestamp) - interval 1 hour, interval 1 hour)) as "hour"
    ) h
    left join covered_hours c on c.tenant_id is not distinct from lower(a.tenant_id) and c."hour" = h."hour"
    left join request_hours r on r.app = a.app and r."hour" = h."hour"
    where r.app is null and (c."hour" is null or h."hour" > a.newest_at)
    group by a.app
), app_names as (
    select app_id, list(distinct job_id) as jobs, arg_max(app_name, observed_at) as app_name
    from job_snapshots
    where app_id is not null and observed_at <= $at
    group by app_id
    union all
    -- As in app_jobs: of an app whose job has no status, events tell the job.
    select app_id, list(distinct job_id), arg_max(app_name, order_key)
    from footings
    where app_id is not null and occurred_at <= $at
        and app_id not in (select app_id from job_snapshots where app_id is not null and observed_at <= $at)
    group by app_id
)
select 'jobs' as source, j.job_id as subject, j.app_name, j.tenant_id, [j.job_id] as jobs, false as nameless,
    s.newest_at, null::timestamp as unknown_hour, null::timestamp as reached_at
from jobs j
left join statuses s using (job_id)
union all
select 'events', j.job_id, j.app_name, j.tenant_id, [j.job_id], false,
    coalesce(greatest(e.known_hour, n."hour") + interval 1 hour, null), e.unknown_hour, r.reached_at
from jobs j
left join event_hours e using (job_id)
left join newest_events n using (job_id)
left join reached r using (job_id)
union all
select 'exchanges', a.app, coalesce(n.app_name, nullif(a.app, ''), 'SCIM requests'), a.tenant_id, coalesce(n.jobs, []),
    a.nameless, a.newest_at, g.unknown_hour, null
from apps a
left join app_gaps g on g.app = a.app
left join app_names n on n.app_id = a.app
order by all
"""
REPLACED = "select job_id from replaced_jobs([$at::timestamp])"
HOUR = timedelta(hours=1)
WORDS = {"events": "events", "jobs": "job status", "exchanges": "SCIM requests"}
NAMELESS = "SCIM requests"
"The subject of a rule's finding in a log that names no app."


@dataclass(frozen=True)
class Gap:
    """Data that a subject's judgement lacks."""

    sentence: str
    is_current: bool
    "Whether it lasts: then not even a finding can be relied on, since it may be over by now."
    is_absent: bool = False
    "Whether there never was any: an app without a SCIM log has nothing that a rule about requests could check."


@dataclass(frozen=True)
class Extent:
    """How far one subject's data of one source reaches."""

    source: str
    subject: str
    "A job's id, or an app's whose log it is."
    app_name: str | None
    tenant_id: str | None
    jobs: Sequence[str]
    nameless: bool
    "Whether it is a log that names no app."
    newest_at: datetime | None
    unknown_hour: datetime | None
    "The newest full hour of which nothing is known."
    reached_at: datetime | None = None
    "Until when events are there to the instant, within the hour before `newest_at`; null where that is not told."

    @property
    def ends_at(self) -> datetime | None:
        """Returns until when there is data, for a sentence."""
        newest, reached = self.newest_at, self.reached_at
        within = newest is not None and reached is not None and newest - HOUR <= reached <= newest
        return reached if within else newest


class Extents:
    """What was read of every subject as of an instant."""

    def __init__(self, at: datetime, extents: Iterable[Extent], replaced: Collection[str] = ()) -> None:
        self._at = at
        # Of a job that a newer one of its app has replaced nothing is expected any more.
        self._replaced = frozenset(replaced)
        self._extents = [one for one in extents if one.subject not in self._replaced]

    def gap(self, needs: Sequence[Need], subject: str, job_id: str | None, facts: Mapping[str, Any]) -> Gap | None:
        """Returns what is missing to judge a finding on a subject, of which `facts` is the evidence."""
        if job_id in self._replaced:
            return None
        gaps = [self._gap_of(need, subject, job_id, facts) for need in needs if need.applies(facts)]
        return worst(gaps)

    def gaps(self, needs: Sequence[Need]) -> list[str]:
        """Returns what is missing for silence about any subject to mean that all is well, each in a sentence."""
        sentences: set[str] = set()
        for need in needs:
            if need.column is None:
                extents = [one for one in self._extents if one.source == need.source]
                found = [self._missing(need, one) for one in extents] or [self._missing(need, None)]
                sentences |= {gap.sentence for gap in found if gap}
        return sorted(sentences)

    def gaps_by_app(self, needs: Sequence[Need]) -> dict[str, list[Gap]]:
        """Returns what is missing of each app for silence about it to mean that all is well; an empty list if nothing.

        A log that names no app is one by itself, for rules about requests.
        """
        own = [need for need in needs if need.column is None]
        found: dict[str, list[Gap | None]] = {}
        for job in sorted({job for one in self._extents for job in one.jobs}):
            found.setdefault(self.app_of(job), []).append(self.gap(own, job, job, {}))
        for log in self._extents:
            about = [need for need in own if need.source == log.source] if not log.jobs else []
            if about:
                found.setdefault(str(log.app_name), []).extend(self._missing(need, log) for need in about)
        return {app: [gap for gap in gaps if gap] for app, gaps in found.items()}

    def apps_of_tenant(self, tenant: str) -> set[str]:
        """Returns the apps of a tenant's jobs; of all where the tenant is not known."""
        return {self.app_of(job) for one in self._named("jobs", tenant, None) for job in one.jobs}

    def app_of(self, job: str) -> str:
        """Returns the name of a job's app, else its id."""
        return next((one.app_name for one in self._extents if one.subject == job and one.app_name), job)

    def _gap_of(self, need: Need, subject: str, job_id: str | None, facts: Mapping[str, Any]) -> Gap | None:
        app_id = facts.get("app_id")
        if need.source == "exchanges" and (job_id is not None or app_id is not None):
            # Any of a job's apps will do: a newer one takes the place of one before.
            gaps = [self._missing(need, one) for one in self._logs_of(job_id, app_id)]
            return None if None in gaps else (gaps or [self._missing(need, None, subject)])[0]
        extents = self._named(need.source, subject, job_id)
        gaps = [self._missing(need, one) for one in extents] or [self._missing(need, None, subject)]
        return worst(gaps)

    def _logs_of(self, job_id: str | None, app_id: str | None) -> list[Extent]:
        """Returns the logs of an app, or of the apps that a status names with a job."""
        logs = [one for one in self._extents if one.source == "exchanges"]
        return [one for one in logs if (one.subject == app_id if app_id else job_id in one.jobs)]

    def _named(self, source: str, subject: str, job_id: str | None) -> list[Extent]:
        """Returns a job's extent; of what is of no job, its app's or its tenant's, else all: any may be concerned."""
        extents = [one for one in self._extents if one.source == source]
        if job_id is not None:
            return [one for one in extents if one.subject == job_id]
        if source == "exchanges":
            if subject.startswith(NAMELESS):
                return [one for one in extents if one.nameless]
            named = [one for one in extents if one.subject and subject.startswith(one.subject)]
            return sorted(named, key=lambda one: len(one.subject))[-1:]
        return [one for one in extents if (one.tenant_id or "").lower() == subject.lower()] or extents

    def _missing(self, need: Need, extent: Extent | None, subject: str = "") -> Gap | None:
        """Returns what one subject lacks for one need."""
        words, wanted = WORDS[need.source], f"the last {count(need.hours, 'hour')} are needed"
        if extent is None or extent.newest_at is None:
            name = extent.app_name or extent.subject if extent else subject and self.app_of(subject)
            if need.source == "exchanges":
                return Gap(f"{name}: no SCIM log" if name else "No SCIM log", True, True)
            return Gap(f"{name}: no {words}; {wanted}" if name else f"No {words}; {wanted}", True)
        name = extent.app_name or extent.subject
        hour = self._at.replace(minute=0, second=0, microsecond=0)
        if extent.newest_at < self._at - timedelta(hours=need.hours):
            return Gap(f"{name}: no {words} since {dated(extent.ends_at)}; {wanted}", True)
        first = (self._at - timedelta(hours=need.hours)).replace(minute=0, second=0, microsecond=0)
        if need.newest or extent.unknown_hour is None or extent.unknown_hour < first:
            return None
        if extent.unknown_hour == hour - timedelta(hours=1):
            return Gap(f"{name}: no {words} since {dated(extent.ends_at)}; {wanted}", True)
        gone = f"{name}: no {words} for the hour from {dated(extent.unknown_hour)}"
        return Gap(f"{gone}; {wanted}", False)


def worst(gaps: Iterable[Gap | None]) -> Gap | None:
    """Returns the gap that lasts, of those the one in what was never there; None where nothing is missing."""
    return max((gap for gap in gaps if gap), key=lambda gap: (gap.is_current, gap.is_absent), default=None)


def read_extents(store: Store, at: datetime, needs: Iterable[Need]) -> Extents:
    """Reads what is known as of an instant, as far back as some needs ask for each hour."""
    hours = max((need.hours for need in needs if not need.newest), default=1)
    rows = store.fetch(KNOWN, {"since": at - timedelta(hours=hours), "at": at}).to_pylist()
    return Extents(at, [Extent(**row) for row in rows], {str(job) for (job,) in store.rows(REPLACED, {"at": at})})
