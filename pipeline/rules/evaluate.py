"""Checks every health rule as of one instant; its rows open and close incidents.

Rules are asked side by side, and sorted one after another: what opens and closes does not depend on which answers
first.

1. A rule is evaluated with its levels to open, and again with its levels to close where those differ: a subject opens
   by the first answer and stays open while it is in either, so a series that flaps is one incident.
2. Silence counts only where the data is known: a job whose `Needs` are not met keeps its incidents, and its rule is
   unknown, never ok.
3. What opened and closed, and one line of `rule_runs` a rule, are one transaction; `along` writes what must go with it.
"""

import json
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from pipeline.config.errors import StoreError
from pipeline.rules.incidents import (
    Incident,
    add_incidents,
    close_incidents,
    open_incidents,
    opened_meanwhile,
    reword_incidents,
)
from pipeline.rules.needs import unmet_need
from pipeline.rules.overrides import Variant, variants
from pipeline.rules.rule import Need, Rule, rules
from pipeline.store.lake import Cursor, Store
from pipeline.store.rows import insert_rows

FIRST = ("as_of", "subject", "since", "summary", "app_name", "job_id")
"The columns that every rule's answer begins with; the others are its evidence."
SIDE_BY_SIDE = 4
"How many rules are asked at once. DuckDB plans a question on one core; while some are planned, others are answered."


@dataclass(frozen=True)
class Finding:
    """One row of a rule's answer."""

    subject: str
    since: datetime
    summary: str
    app_name: str | None
    job_id: str | None
    evidence: Mapping[str, Any]
    severity: str | None = None
    "Where the rule itself grades its rows, in a column of that name."


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


@dataclass
class Checked:
    """What one check changed."""

    at: datetime
    opened: list[Incident] = field(default_factory=list)
    closed: list[Incident] = field(default_factory=list)
    changed: list[Incident] = field(default_factory=list)
    "Open ones whose summary or severity is another now."
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
) -> Checked:
    """Checks every rule as of `at` (naive UTC) and stores what that changes.

    Without `keep` nothing is written, and every finding counts as opened: for an instant before the last check.
    """
    was_open = {(one.rule, one.subject): one for one in open_incidents(store)} if keep else {}
    checked, lasting = Checked(at), frozenset(name for name, _ in was_open)
    for rule, answer in asked(store, list(rules().values() if chosen is None else chosen), overrides, at, lasting):
        before = {subject: one for (name, subject), one in was_open.items() if name == rule.name}
        checked.runs.append(judged(rule, answer, checked, before))
    new = checked.opened

    def write(cursor: Cursor) -> None:
        # Another process may have checked in between: what it opened is not opened again.
        already_open = opened_meanwhile(cursor)
        checked.opened = [one for one in new if (one.rule, one.subject) not in already_open]
        add_incidents(cursor, checked.opened)
        reword_incidents(cursor, checked.changed)
        close_incidents(cursor, checked.closed, at)
        add_runs(cursor, checked)
        if along is not None:
            along(cursor, checked)

    if keep:
        store.write(write)
    return checked


@dataclass
class Answer:
    """What one rule answered in a check, or why it could not."""

    unmet: dict[str, str] = field(default_factory=dict)
    "Jobs of which too little is known, with what is missing; '' means all of them."
    result: "Evaluation | None" = None
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
        needs = {need: pool.submit(unmet_need, store, need, at) for rule in chosen for need in rule.needs}
        first = [pool.submit(ask, store, rule, overrides, at, needs, rule.name in lasting) for rule in chosen]
    for rule, promise in zip(chosen, first, strict=True):
        answer = promise.result()
        again = answer.error is not None
        yield rule, ask(store, rule, overrides, at, needs, rule.name in lasting) if again else answer


def ask(
    store: Store,
    rule: Rule,
    overrides: Mapping[str, Any],
    at: datetime,
    needs: "Mapping[Need, Future[dict[str, str]]]",
    lasting: bool,
) -> Answer:
    """Asks one rule with each of its variants."""
    answer, began = Answer(), time.monotonic()
    try:
        [answer.result] = evaluations(store, rule, overrides, [at], lasting)
        answer.unmet = {job: missing for need in rule.needs for job, missing in needs[need].result().items()}
    except StoreError as error:
        answer.error = error
    answer.duration_ms = round((time.monotonic() - began) * 1000)
    return answer


def judged(rule: Rule, answer: Answer, checked: Checked, before: Mapping[str, Incident]) -> Run:
    """Sorts what a rule answered into what it changes; a rule that failed changes no incident."""
    run = Run(rule.name, duration_ms=answer.duration_ms)
    if answer.result is None or answer.error is not None:
        run.outcome, run.detail = "failed", str(answer.error)
        return run
    sort_changes(rule, checked, before, answer.unmet, answer.result)
    run.findings = len(answer.result.firing)
    run.detail = ", ".join(sorted(answer.unmet.values()))
    run.outcome = "found" if answer.result.firing else "unknown" if answer.unmet else "ok"
    return run


@dataclass
class Evaluation:
    """What a rule's answers come to, at its levels to open and to close."""

    firing: dict[str, Finding] = field(default_factory=dict)
    "By subject."
    still_open: set[str] = field(default_factory=set)
    "Subjects that an open incident stays open for; those that fire are among them."
    severities: dict[str, str] = field(default_factory=dict)


def evaluate(store: Store, rule: Rule, overrides: Mapping[str, Any], at: datetime) -> Evaluation:
    """Evaluates a rule as of an instant with each of its variants."""
    [result] = evaluations(store, rule, overrides, [at])
    return result


def evaluations(
    store: Store, rule: Rule, overrides: Mapping[str, Any], instants: Sequence[datetime], lasting: bool = True
) -> list[Evaluation]:
    """Evaluates a rule as of each of some instants with each of its variants.

    Without `lasting` it is not asked with its levels to close: there is nothing that could stay open.
    """
    results, every = {at: Evaluation() for at in instants}, variants(rule, overrides)
    named = frozenset().union(*(one.apps for one in every if one.apps))
    for one in every:
        if one.silent:
            continue
        for at, finding in of_apps(findings(store, one.rule, one.opens, instants), one, named):
            results[at].firing[finding.subject] = finding
            results[at].severities[finding.subject] = finding.severity or one.severity
        if lasting and one.closes != one.opens:
            for at, finding in of_apps(findings(store, one.rule, one.closes, instants), one, named):
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
    store: Store, rule: Rule, values: Mapping[str, Any], instants: Sequence[datetime]
) -> list[tuple[datetime, Finding]]:
    """Returns a rule's rows as of some instants: by one statement, or one an instant where the rule takes but one."""
    if rule.takes_many:
        rows = store.fetch(rule.query.sql, {**values, "at": list(instants)}).to_pylist()
    else:
        rows = [
            {**row, "as_of": at}
            for at in instants
            for row in store.fetch(rule.query.sql, {**values, "at": at}).to_pylist()
        ]
    return [(row["as_of"], finding_of(row)) for row in rows]


def finding_of(row: Mapping[str, Any]) -> Finding:
    """Builds a finding from a row of a rule's answer."""
    return Finding(
        str(row["subject"]),
        row["since"],
        str(row["summary"]),
        row["app_name"],
        row["job_id"],
        {name: seen for name, seen in row.items() if name not in (*FIRST, "severity")},
        row.get("severity"),
    )


def sort_changes(
    rule: Rule, checked: Checked, before: Mapping[str, Incident], unmet: Mapping[str, str], result: Evaluation
) -> None:
    """Sorts a rule's findings into what opens, what closes and what only reads otherwise."""
    for subject, finding in result.firing.items():
        now = incident_of(rule, finding, result.severities[subject], checked.at)
        earlier = before.get(subject)
        if earlier is None:
            checked.opened.append(now)
        elif (earlier.summary, earlier.severity) != (now.summary, now.severity):
            checked.changed.append(earlier.reworded(now))
    for subject, earlier in before.items():
        is_unknown = earlier.job_id in unmet or ("" in unmet and earlier.job_id is None)
        if subject not in result.still_open and not is_unknown:
            checked.closed.append(earlier)


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


def add_runs(cursor: Cursor, checked: Checked) -> None:
    """Adds one line a rule to `rule_runs`."""
    runs = [RuleRun(run.rule, checked.at, run.outcome, run.findings, run.duration_ms) for run in checked.runs]
    insert_rows(cursor, "rule_runs", runs)
