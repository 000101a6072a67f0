"""Checks every health rule as of one instant; its rows open and close incidents.

1. A rule is evaluated with its levels to open, and again with its levels to close where those differ: a subject opens
   by the first answer and stays open while it is in either, so a series that flaps is one incident.
2. Silence counts only where the data is known: a job whose `Needs` are not met keeps its incidents, and its rule is
   unknown, never ok.
3. What opened and closed, and one line of `rule_runs` a rule, are one transaction; `along` writes what must go with it.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa

from pipeline.config.errors import StoreError
from pipeline.rules.incidents import (
    Incident,
    add_incidents,
    close_incidents,
    open_incidents,
    opened_meanwhile,
    reword_incidents,
)
from pipeline.rules.needs import DataNeeds
from pipeline.rules.overrides import Variant, variants
from pipeline.rules.rule import Rule, rules
from pipeline.store.lake import Cursor, Store

FIRST = ("subject", "since", "summary", "app_name", "job_id")
"The columns that every rule's answer begins with; the others are its evidence."
RUNS = pa.schema(
    [
        ("rule", pa.string()),
        ("ran_at", pa.timestamp("us")),
        ("outcome", pa.string()),
        ("findings", pa.int64()),
        ("duration_ms", pa.int64()),
    ]
)


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
    checked, needs = Checked(at), DataNeeds(store, at)
    for rule in rules().values() if chosen is None else chosen:
        checked.runs.append(check_rule(store, rule, overrides, checked, was_open, needs))
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


def check_rule(
    store: Store,
    rule: Rule,
    overrides: Mapping[str, Any],
    checked: Checked,
    was_open: Mapping[tuple[str, str], Incident],
    needs: DataNeeds,
) -> Run:
    """Checks one rule with each of its variants; a rule that fails changes no incident."""
    run, began = Run(rule.name), time.monotonic()
    before = {subject: one for (name, subject), one in was_open.items() if name == rule.name}
    try:
        unmet = needs.unmet(rule.needs)
        result = evaluate(store, rule, overrides, checked.at)
    except StoreError as error:
        run.outcome, run.detail = "failed", str(error)
    else:
        sort_changes(rule, checked, before, unmet, result)
        run.findings = len(result.firing)
        run.detail = ", ".join(sorted(unmet.values()))
        run.outcome = "found" if result.firing else "unknown" if unmet else "ok"
    run.duration_ms = round((time.monotonic() - began) * 1000)
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
    result, every = Evaluation(), variants(rule, overrides)
    named = frozenset().union(*(one.apps for one in every if one.apps))
    for one in every:
        if one.silent:
            continue
        for finding in of_apps(findings(store, one.rule, one.opens, at), one, named):
            result.firing[finding.subject] = finding
            result.severities[finding.subject] = finding.severity or one.severity
        if one.closes != one.opens:
            unresolved = of_apps(findings(store, one.rule, one.closes, at), one, named)
            result.still_open |= {finding.subject for finding in unresolved}
    result.still_open |= set(result.firing)
    return result


def of_apps(rows: Iterable[Finding], variant: Variant, named: frozenset[str]) -> Iterable[Finding]:
    """Keeps the findings that a variant is for: those of its apps, or those of no app that another variant names."""
    return (
        one for one in rows if (one.app_name in variant.apps if variant.apps is not None else one.app_name not in named)
    )


def findings(store: Store, rule: Rule, values: Mapping[str, Any], at: datetime) -> list[Finding]:
    """Returns a rule's rows as of an instant."""
    rows = store.fetch(rule.query.sql, {**values, "at": at}).to_pylist()
    return [
        Finding(
            str(row["subject"]),
            row["since"],
            str(row["summary"]),
            row["app_name"],
            row["job_id"],
            {name: seen for name, seen in row.items() if name not in (*FIRST, "severity")},
            row.get("severity"),
        )
        for row in rows
    ]


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


def add_runs(cursor: Cursor, checked: Checked) -> None:
    """Adds one line a rule to `rule_runs`."""
    arriving = pa.table(
        {
            "rule": [run.rule for run in checked.runs],
            "ran_at": [checked.at] * len(checked.runs),
            "outcome": [run.outcome for run in checked.runs],
            "findings": [run.findings for run in checked.runs],
            "duration_ms": [run.duration_ms for run in checked.runs],
        },
        schema=RUNS,
    )
    cursor.register("arriving_runs", arriving)
    cursor.execute("insert into rule_runs by name select * from arriving_runs")
    cursor.unregister("arriving_runs")
