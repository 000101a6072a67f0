"""Checks every health rule as of one instant; its rows open and close incidents.

Rules are asked side by side, and sorted one after another: what opens and closes does not depend on which answers
first.

1. A rule is evaluated with its levels to open, and again with its levels to close where those differ: a subject opens
   by the first answer and stays open while it is in either, so a series that flaps is one incident.
2. Silence counts only where the data is known: a subject whose `Needs` are not met, of which its rule says that it
   cannot tell, or whose rule was not asked or failed keeps its incident, which says since when it cannot be judged.
3. What is open then is sorted into root causes and their symptoms, whichever was found first. What outlives its cause
   stands alone.
4. What opened and closed, and one line of `rule_runs` a rule, are one transaction; `along` writes what must go with it.
"""

import json
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from pipeline.config.errors import StoreError
from pipeline.config.wording import within
from pipeline.rules.app_labels import job_labels, with_label
from pipeline.rules.checked_apps import CheckedApps, checked_apps
from pipeline.rules.findings import Finding, finding_of
from pipeline.rules.incidents import (
    Incident,
    add_incidents,
    close_incidents,
    open_incidents,
    open_within,
    opened_meanwhile,
    record_causes,
    record_unknown,
    reword_incidents,
)
from pipeline.rules.needs import Extents, Gap, read_extents
from pipeline.rules.overrides import Variant, is_silenced, variants
from pipeline.rules.root_cause import with_roots
from pipeline.rules.rule import Rule, rules
from pipeline.store.lake import Cursor, Store
from pipeline.store.rows import insert_rows
from pipeline.store.time_limit import Stop

SILENCED = "The rule is muted in rules.toml"
NOT_ASKED = "The rule is not evaluated"
SIDE_BY_SIDE = 4
"How many rules are asked at once. DuckDB plans a question on one core; while some are planned, others are answered."
NAMED = 6
"Gaps, and apps of each, that a run's detail names."


@dataclass
class Run:
    """One rule's outcome in a check."""

    rule: str
    outcome: str = "ok"
    "ok, found, unknown or failed."
    findings: int = 0
    duration_ms: int = 0
    detail: str = ""
    "Whose data is missing, or what went wrong."
    apps: CheckedApps = field(default_factory=CheckedApps)
    "Which apps it could check."


@dataclass
class Checked:
    """What one check changed."""

    at: datetime
    opened: list[Incident] = field(default_factory=list)
    closed: list[Incident] = field(default_factory=list)
    changed: list[Incident] = field(default_factory=list)
    "Open ones whose summary, severity or evidence is another now."
    unknown: list[Incident] = field(default_factory=list)
    "Open ones that cannot be judged and could before, can again, or lack something else."
    explained: list[Incident] = field(default_factory=list)
    "Open ones that another root cause explains than before, or none any more."
    runs: list[Run] = field(default_factory=list)


Along = Callable[[Cursor, Checked], None]
"What else is written in the transaction of a check, from its changes."


def check(
    store: Store,
    at: datetime,
    *,
    overrides: Mapping[str, Any],
    chosen: Iterable[Rule] | None = None,
    along: Along | None = None,
    keep: bool = True,
    unless_checked: bool = False,
) -> Checked:
    """Checks every rule as of `at` (naive UTC) and stores what that changes.

    Without `keep` nothing is written, and every finding counts as opened: for an instant before the last check. With
    `unless_checked` nothing is written, and no change returned, when another process has checked since.
    """
    was_open = open_incidents(store) if keep else []
    checked, lasting = Checked(at), frozenset(one.rule for one in was_open)
    for rule, answer in asked(store, list(rules().values() if chosen is None else chosen), overrides, at, lasting):
        before = {one.subject: one for one in was_open if one.rule == rule.name}
        checked.runs.append(judged(rule, overrides, answer, checked, before))
    names = {run.rule for run in checked.runs}
    for one in was_open:
        if one.rule not in names:
            keep_open(checked, one, Gap(NOT_ASKED, True))
    new = checked.opened

    def write(cursor: Cursor) -> bool:
        if unless_checked and cursor.execute("select 1 from rule_runs where ran_at >= ? limit 1", [at]).fetchone():
            return False
        # Another process may have checked in between: what it opened is not opened again.
        already_open = opened_meanwhile(cursor)
        checked.opened = [one for one in new if (one.rule, one.subject) not in already_open]
        add_incidents(cursor, checked.opened)
        reword_incidents(cursor, checked.changed)
        record_unknown(cursor, checked.unknown)
        close_incidents(cursor, checked.closed, at)
        record_roots(cursor, checked)
        add_runs(cursor, checked)
        if along is not None:
            along(cursor, checked)
        return True

    if keep:
        if not store.write(write):
            return Checked(at)
    else:
        checked.opened = with_roots(checked.opened)
    return checked


def record_roots(cursor: Cursor, checked: Checked) -> None:
    """Sorts what is open after a check into root causes and symptoms, and stores what that changes."""
    before = open_within(cursor)
    now = with_roots(before)
    checked.explained = [one for one, was in zip(now, before, strict=True) if one.explained_by != was.explained_by]
    record_causes(cursor, checked.explained)
    roots = {one.incident_id: one.explained_by for one in now}
    for changed in (checked.opened, checked.changed, checked.unknown):
        changed[:] = [replace(one, explained_by=roots.get(one.incident_id)) for one in changed]


@dataclass
class Answer:
    """What one rule answered in a check, or why it could not."""

    result: "Evaluation | None" = None
    data: Extents | None = None
    "What is known of each subject."
    error: StoreError | None = None
    duration_ms: int = 0


def asked(
    store: Store, chosen: Sequence[Rule], overrides: Mapping[str, Any], at: datetime, lasting: Container[str]
) -> Iterable[tuple[Rule, Answer]]:
    """Asks rules, and what is known of their needs, side by side; returns them in their order.

    Only rules that have open incidents, `lasting`, are asked with their levels to close. One that fails beside others
    is asked once more alone: together they may need more memory than there is.
    """
    with ThreadPoolExecutor(SIDE_BY_SIDE, "rules") as pool:
        data = pool.submit(read_extents, store, at, [need for rule in chosen for need in rule.needs])
        first = [pool.submit(ask, store, rule, overrides, at, data, rule.name in lasting) for rule in chosen]
    for rule, promise in zip(chosen, first, strict=True):
        answer = promise.result()
        again = answer.error is not None
        yield rule, ask(store, rule, overrides, at, data, rule.name in lasting) if again else answer


def ask(
    store: Store,
    rule: Rule,
    overrides: Mapping[str, Any],
    at: datetime,
    data: "Future[Extents]",
    lasting: bool,
) -> Answer:
    """Asks one rule with each of its variants."""
    answer, began = Answer(), time.monotonic()
    try:
        [answer.result] = evaluations(store, rule, overrides, [at], lasting)
        answer.data = data.result() if rule.is_of_apps else Extents(at, [])
    except StoreError as error:
        answer.error = error
    answer.duration_ms = round((time.monotonic() - began) * 1000)
    return answer


def judged(
    rule: Rule, overrides: Mapping[str, Any], answer: Answer, checked: Checked, before: Mapping[str, Incident]
) -> Run:
    """Sorts what a rule answered into what it changes; a rule that failed opens and closes nothing."""
    run = Run(rule.name, duration_ms=answer.duration_ms)
    if answer.result is None or answer.data is None:
        run.outcome, run.detail = "failed", str(answer.error)
        for earlier in before.values():
            keep_open(checked, earlier, Gap(f"The rule failed: {answer.error}", True))
        return run
    gaps = [*answer.data.gaps(rule.needs), *doubts(answer.result.unknown.values())]
    sort_changes(rule, overrides, checked, before, answer.data, answer.result)
    run.findings = len(answer.result.firing)
    more = [f"and {len(gaps) - NAMED:,} more"] if len(gaps) > NAMED else []
    run.detail = "; ".join([*gaps[:NAMED], *more])
    run.apps = checked_apps(rule, answer.data, answer.result.unknown.values())
    run.outcome = "found" if answer.result.firing else "unknown" if gaps else "ok"
    return run


def doubts(unjudged: Iterable[Finding]) -> list[str]:
    """Writes what a rule lacks by its own account, with the apps of which it cannot tell."""
    apps: dict[str, list[str]] = {}
    for one in unjudged:
        apps.setdefault(str(one.unknown), []).append(one.app_name or one.subject)
    return [f"{first_names(names)}: {within(reason)}" for reason, names in sorted(apps.items())]


def first_names(names: Iterable[str]) -> str:
    """Writes names in order, the first of many.

    >>> first_names(["Zoom", "Cerby"]), first_names(map(str, range(9)))
    ('Cerby, Zoom', '0, 1, 2, 3, 4, 5 and 3 more')
    """
    ordered = sorted(names)
    more = f" and {len(ordered) - NAMED:,} more" if len(ordered) > NAMED else ""
    return f"{', '.join(ordered[:NAMED])}{more}"


@dataclass
class Evaluation:
    """What a rule's answers come to, at its levels to open and to close."""

    firing: dict[str, Finding] = field(default_factory=dict)
    "By subject."
    still_open: set[str] = field(default_factory=set)
    "Subjects that an open incident stays open for; those that fire are among them."
    unknown: dict[str, Finding] = field(default_factory=dict)
    "Subjects that the rule cannot judge, each with a row that has what is missing."
    settled: dict[str, frozenset[str]] = field(default_factory=dict)
    "Of subjects with nobody pending, whom the log shows to be settled."
    severities: dict[str, str] = field(default_factory=dict)


def evaluate(store: Store, rule: Rule, overrides: Mapping[str, Any], at: datetime) -> Evaluation:
    """Evaluates a rule as of an instant with each of its variants."""
    [result] = evaluations(store, rule, overrides, [at])
    return result


def evaluations(
    store: Store,
    rule: Rule,
    overrides: Mapping[str, Any],
    instants: Sequence[datetime],
    lasting: bool = True,
    stop: Stop | None = None,
) -> list[Evaluation]:
    """Evaluates a rule as of each of some instants with each of its variants, unless `stop` is asked.

    Without `lasting` it is not asked with its levels to close: there is nothing that could stay open.
    """
    results, every = {at: Evaluation() for at in instants}, variants(rule, overrides)
    named = frozenset().union(*(one.apps for one in every if one.apps))
    for one in every:
        if one.silent:
            continue
        for at, finding in of_apps(findings(store, one.rule, one.opens, instants, stop), one, named):
            if finding.unknown is not None:
                results[at].unknown[finding.subject] = finding
                continue
            if finding.settled is not None:
                results[at].settled[finding.subject] = finding.settled
                continue
            results[at].firing[finding.subject] = finding
            results[at].severities[finding.subject] = finding.severity or one.severity
        if lasting and one.closes != one.opens:
            for at, finding in of_apps(findings(store, one.rule, one.closes, instants, stop), one, named):
                if finding.unknown is None and finding.settled is None:
                    results[at].still_open.add(finding.subject)
    for result in results.values():
        result.still_open |= set(result.firing)
    return [results[at] for at in instants]


def of_apps(
    rows: Iterable[tuple[datetime, Finding]], variant: Variant, named: frozenset[str]
) -> Iterable[tuple[datetime, Finding]]:
    """Keeps the findings that a variant is for: those of its apps, or those of no app that another variant names."""
    for at, one in rows:
        if one.app_name in variant.apps if variant.apps is not None else one.app_name not in named:
            yield at, one


def findings(
    store: Store, rule: Rule, values: Mapping[str, Any], instants: Sequence[datetime], stop: Stop | None = None
) -> list[tuple[datetime, Finding]]:
    """Returns a rule's rows as of some instants: by one statement, or one an instant where the rule takes but one."""
    if rule.takes_many:
        rows = store.fetch(rule.query.sql, {**values, "at": list(instants)}, stop).to_pylist()
    else:
        rows = [
            {**row, "as_of": at}
            for at in instants
            for row in store.fetch(rule.query.sql, {**values, "at": at}, stop).to_pylist()
        ]
    labels = job_labels(store)
    findings = [(row["as_of"], finding_of(row)) for row in rows]
    return [
        (at, replace(one, summary=with_label(one.summary, one.app_name, labels.get(one.job_id or ""))))
        for at, one in findings
    ]


def sort_changes(
    rule: Rule,
    overrides: Mapping[str, Any],
    checked: Checked,
    before: Mapping[str, Incident],
    data: Extents,
    result: Evaluation,
) -> None:
    """Sorts a rule's findings into what opens, what closes, what only reads otherwise and what cannot be judged."""
    for subject, finding in result.firing.items():
        now = incident_of(rule, finding, result.severities[subject], checked.at)
        earlier = before.get(subject)
        if earlier is None:
            checked.opened.append(now)
        elif (earlier.summary, earlier.severity) != (now.summary, now.severity) or is_news(
            earlier.evidence, now.evidence
        ):
            checked.changed.append(earlier.reworded(now))
    for subject, earlier in before.items():
        gap = gap_of(rule, overrides, earlier, data, result)
        if subject in result.still_open:
            keep_open(checked, earlier, gap if gap and gap.is_current else None)
        elif gap and not is_settled(earlier, result):
            keep_open(checked, earlier, gap)
        else:
            checked.closed.append(earlier)


def is_settled(earlier: Incident, result: Evaluation) -> bool:
    """Whether the log shows that everybody whom an incident names is settled: that holds, whatever else is missing."""
    people = json.loads(earlier.evidence or "{}").get("people")
    return bool(people) and result.settled.get(earlier.subject, frozenset()).issuperset(people)


def is_news(earlier: str, now: str) -> bool:
    """Whether evidence is another than it was: whom it names may be done by now, and others wait."""
    return bool(json.loads(earlier or "{}") != json.loads(now))


def gap_of(
    rule: Rule, overrides: Mapping[str, Any], earlier: Incident, data: Extents, result: Evaluation
) -> Gap | None:
    """Returns what is missing to judge an open incident; None where silence about it means that it is over."""
    if is_silenced(rule, overrides, earlier.app_name):
        return Gap(SILENCED, True)
    gap = data.gap(rule.needs, earlier.subject, earlier.job_id, json.loads(earlier.evidence or "{}"))
    unknown = result.unknown.get(earlier.subject)
    return gap or (Gap(str(unknown.unknown), True) if unknown else None)


def keep_open(checked: Checked, earlier: Incident, gap: Gap | None) -> None:
    """Keeps an incident open, and notes whether it can be judged where that has changed."""
    now = earlier.unjudged(gap.sentence if gap else None, checked.at)
    if (now.unknown_since, now.missing) != (earlier.unknown_since, earlier.missing):
        checked.unknown.append(now)


def incident_of(rule: Rule, finding: Finding, severity: str, at: datetime) -> Incident:
    """Builds an incident from a finding, dated when the trouble began in the log."""
    mark = sha256(f"{rule.name}|{finding.subject}|{finding.since}|{at}".encode()).hexdigest()[:16]
    return Incident(
        incident_id=mark,
        rule=rule.name,
        severity=severity,
        subject=finding.subject,
        app_name=finding.app_name,
        job_id=finding.job_id,
        opened_at=min(finding.since, at),
        noticed_at=at,
        closed_at=None,
        summary=finding.summary,
        evidence=json.dumps(finding.evidence, default=str, ensure_ascii=False),
    )


@dataclass(frozen=True)
class RuleRun:
    """A row of `rule_runs`: one rule asked once."""

    rule: str
    ran_at: datetime
    outcome: str
    findings: int
    duration_ms: int
    apps: int | None
    unchecked: int | None
    unwatched: int | None


def add_runs(cursor: Cursor, checked: Checked) -> None:
    """Adds one line a rule to `rule_runs`."""
    runs = [
        RuleRun(run.rule, checked.at, run.outcome, run.findings, run.duration_ms, *sizes(run)) for run in checked.runs
    ]
    insert_rows(cursor, "rule_runs", runs)


def sizes(run: Run) -> tuple[int | None, ...]:
    """Returns how many apps a rule had to check, and of how many it could not; None of a rule that failed."""
    apps = run.apps
    return (None,) * 3 if run.outcome == "failed" else (len(apps.apps), len(apps.unchecked), len(apps.unwatched))
