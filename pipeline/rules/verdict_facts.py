"""Collects the facts behind verdicts from the store, once for all scopes: fleet, tenant, app and job.

Every answer comes from the store's cache of answers, so that pages, /healthz and /metrics share them.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from pipeline.config.clock import naive, now, wall_clock
from pipeline.knowledge.app_profiles import usable_profiles
from pipeline.knowledge.remedies import remedy
from pipeline.rules.app_labels import job_labels, labelled, with_label
from pipeline.rules.checked_apps import has_nothing_to_check, is_unchecked
from pipeline.rules.rule import rules
from pipeline.rules.verdict import RUNNING, Facts, IncidentFacts, JobFacts, RuleFacts
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Store
from pipeline.store.present import SINCE, as_of, present_after_data

Row = dict[str, Any]
HOUR = timedelta(hours=1)
ANSWERS = timedelta(days=30)
"How far back the app's answers are looked through for accounts that are still active."
IN_USE = ("trap_unassigned", "trap_still_active")
"Questions whose rows are accounts that may be in use although nothing failed."
READ: WeakKeyDictionary[Store, tuple[tuple[object, ...], Facts]] = WeakKeyDictionary()
"The facts that were read last, with the revision, the instants and the second that they are of."
PLAIN_COLUMNS = tuple(
    one.name for one in fields(JobFacts) if one.name not in ("in_use", "inferred_since", "may_be_over", "own_name")
)


def read_facts(store: Store, at: datetime | None = None) -> Facts:
    """Returns the facts about every job as of an instant; of the present without one."""
    present = as_of(store)
    at = present if at is None else min(at, present)
    # A page asks again for each app and user that it shows: put together anew, 200 apps took 25 ms each time.
    known = (store.revision(), at, present, naive(now(store.settings)).replace(microsecond=0))
    newest = READ.get(store)
    if newest is None or newest[0] != known:
        READ[store] = newest = (known, facts_as_of(store, at, present))
    return newest[1]


def facts_as_of(store: Store, at: datetime, present: datetime) -> Facts:
    """Puts the facts together from the store's answers."""
    answers = answers_until(at, at == present)
    ask_ahead(store, at, answers)
    [extent] = rows(store, "extent")
    return Facts(
        at=at,
        ends_at=None if extent["last_at"] is None else present,
        now=naive(now(store.settings)),
        jobs=read_jobs(store, at, present, answers),
        incidents=read_incidents(store),
        rules=read_rules(store),
    )


def ask_ahead(store: Store, at: datetime, answers: dict[str, datetime]) -> None:
    """Has the questions asked side by side."""
    names = ("job_facts", *IN_USE, "open_incidents", "rule_runs_lately")
    values = {"at": at, "grace": store.settings.grace, **answers}
    for query in map(find_query, names):
        taken = {one.name for one in query.parameters} & values.keys()
        store.answers.prefetch(query.sql, bind(query, {one: values[one] for one in taken}))


def answers_until(at: datetime, is_present: bool) -> dict[str, datetime]:
    """Returns the stretch in which accounts in use are looked for.

    Of the present it is to the hour's end: there is nothing later, and an answer serves until a table changes.
    """
    until = at.replace(minute=0, second=0, microsecond=0) + HOUR if is_present else at
    return {"as_of": until, "since": until - ANSWERS}


def rows(store: Store, name: str, **values: object) -> list[Row]:
    """Answers a question with what of the values it takes."""
    query = find_query(name)
    taken = {one.name for one in query.parameters} & values.keys()
    answer: list[Row] = store.ask(query.sql, bind(query, {one: values[one] for one in taken})).to_pylist()
    return answer


def read_jobs(store: Store, at: datetime, present: datetime, answers: dict[str, datetime]) -> tuple[JobFacts, ...]:
    """Returns the facts about each job."""
    own = rows(store, "job_facts", at=at, grace=store.settings.grace)
    in_use = Counter(str(row["job_id"]) for name in IN_USE for row in rows(store, name, **answers))
    own = [{name: no_later(name, row[name], at) for name in PLAIN_COLUMNS} for row in own]
    labels = job_labels(store)
    own = [row | {"app_name": labelled(row, labels), "own_name": row["app_name"]} for row in own]
    jobs = [JobFacts(**row, in_use=in_use[str(row["job_id"])]) for row in own]
    if at == present and any(job.state in RUNNING for job in jobs):
        over = cycles_over(store, at)
        jobs = [replace(job, may_be_over=job.state in RUNNING and job.job_id in over) for job in jobs]
    if all(job.observed_at is not None for job in jobs):
        return tuple(jobs)
    inferred = {row["job_id"]: row["since"] for row in rows(store, "quarantine_inferred", at=at)}
    return tuple(replace(job, inferred_since=inferred.get(job.job_id)) for job in jobs)


def no_later(name: str, value: Any, at: datetime) -> Any:
    """Returns a fact; a beginning that a clock which was ahead has dated later than the instant is at that instant."""
    return min(value, at) if name in SINCE and isinstance(value, datetime) else value


def cycles_over(store: Store, at: datetime) -> set[str]:
    """Returns the jobs whose running cycle may be over by the present, as the cards of running cycles have it."""
    values = {"as_of": at, "grace": store.settings.grace, "now": present_after_data(store)}
    return {str(row["job_id"]) for row in rows(store, "progress", **values) if row["rhythm"] == "unknown"}


def read_incidents(store: Store) -> tuple[IncidentFacts, ...]:
    """Returns the open root causes, the worst first; snoozes end by the wall clock, however old the data is."""
    present, profiles, labels = wall_clock(store.settings), usable_profiles(store.settings), job_labels(store)
    return tuple(
        IncidentFacts(
            row["rule"],
            row["severity"],
            with_label(row["summary"] or row["rule"], row["app_name"], labels.get(str(row["job_id"]))),
            labelled(row, labels),
            row["job_id"],
            row["opened_at"],
            row["snoozed_until"] is not None and row["snoozed_until"] > present,
            tuple((one["rule"], one["job_id"]) for one in json.loads(row["symptoms"] or "[]")),
            remedy(rules()[row["rule"]].do, profiles, row["app_name"]) if row["rule"] in rules() else "",
        )
        for row in rows(store, "open_incidents")
    )


def read_rules(store: Store) -> RuleFacts:
    """Returns which rules were evaluated, and which of them gave no answer."""
    runs = {str(row["rule"]): row for row in rows(store, "rule_runs_lately")}
    current = {name: row for name, row in runs.items() if name in rules()}
    if not current:
        return RuleFacts()
    words = {name: (row["outcome"], row["unchecked"], row["unwatched"]) for name, row in current.items()}
    return RuleFacts(
        checked_at=min(row["ran_at"] for row in current.values()),
        never=tuple(sorted(rules().keys() - current.keys())),
        failed=tuple(name for name, row in current.items() if row["outcome"] == "failed"),
        unanswered=tuple(name for name, run in words.items() if is_unchecked(*run)),
        skipped=tuple(name for name, run in words.items() if has_nothing_to_check(*run)),
        allowed=HOUR + timedelta(seconds=store.settings.check_every),
    )


def with_in_use(facts: Facts, in_use: Mapping[str, int]) -> Facts:
    """Returns facts with at least so many accounts that may be in use, as a page lists them by job."""
    jobs = tuple(replace(job, in_use=max(job.in_use, in_use.get(job.job_id, 0))) for job in facts.jobs)
    return replace(facts, jobs=jobs)
