"""Every rule is asked as of one instant; what its rows say opens and closes incidents.

1. A rule is asked with its levels to open, and again with its levels to close where those differ: a subject opens by
   the first answer and stays open while it is in either, so a series that flaps is one incident.
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
from pipeline.rules.needs import Doubts
from pipeline.rules.rule import Asking, Rule, askings, rules
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
    "Where the rule itself tells graver rows from others, in a column of that name."


@dataclass
class Run:
    """What one rule said."""

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


def check(
    store: Store,
    at: datetime,
    *,
    overrides: Mapping[str, Any],
    chosen: Iterable[Rule] | None = None,
    along: Along | None = None,
    keep: bool = True,
) -> Checked:
    """Asks every rule as of `at` (naive UTC) and keeps what that changes.

    Without `keep` nothing is written, and all that was found counts as opened: for an instant before the last check.
    """
    was_open = {(one.rule, one.subject): one for one in open_incidents(store)} if keep else {}
    checked, doubts = Checked(at), Doubts(store, at)
    for rule in rules().values() if chosen is None else chosen:
        checked.runs.append(ask_rule(store, rule, overrides, checked, was_open, doubts))

    found = checked.opened

    def write(cursor: Cursor) -> None:
        # Another process may have checked in between: what it opened is not opened again.
        there = opened_meanwhile(cursor)
        checked.opened = [one for one in found if (one.rule, one.subject) not in there]
        add_incidents(cursor, checked.opened)
        reword_incidents(cursor, checked.changed)
        close_incidents(cursor, checked.closed, at)
        keep_runs(cursor, checked)
        if along is not None:
            along(cursor, checked)

    if keep:
        store.write(write)
    return checked


def ask_rule(
    store: Store,
    rule: Rule,
    overrides: Mapping[str, Any],
    checked: Checked,
    was_open: Mapping[tuple[str, str], Incident],
    doubts: Doubts,
) -> Run:
    """Asks one rule, for each of its askings; a rule that fails changes no incident."""
    run, began = Run(rule.name), time.monotonic()
    known = {subject: one for (name, subject), one in was_open.items() if name == rule.name}
    try:
        doubted = doubts.of(rule.needs)
        opened, held, severities = answered(store, rule, overrides, checked.at)
    except StoreError as error:
        run.outcome, run.detail = "failed", str(error)
    else:
        settle(rule, checked, known, doubted, opened, held, severities)
        run.findings = len(opened)
        run.detail = ", ".join(sorted(doubted.values()))
        run.outcome = "found" if opened else "unknown" if doubted else "ok"
    run.duration_ms = round((time.monotonic() - began) * 1000)
    return run


def answered(
    store: Store, rule: Rule, overrides: Mapping[str, Any], at: datetime
) -> tuple[dict[str, Finding], set[str], dict[str, str]]:
    """Gives what a rule finds, the subjects that it still holds to at its levels to close, and each one's severity."""
    opened: dict[str, Finding] = {}
    held: set[str] = set()
    severities: dict[str, str] = {}
    made = askings(rule, overrides)
    named = frozenset().union(*(one.apps for one in made if one.apps))
    for one in made:
        if one.silent:
            continue
        for finding in within(findings(store, one.rule, one.opens, at), one, named):
            opened[finding.subject] = finding
            severities[finding.subject] = finding.severity or one.severity
        if one.closes != one.opens:
            held |= {finding.subject for finding in within(findings(store, one.rule, one.closes, at), one, named)}
    return opened, held | set(opened), severities


def within(found: Iterable[Finding], asking: Asking, named: frozenset[str]) -> Iterable[Finding]:
    """Leaves the findings that an asking is for: those of its apps, or those of no app that another asking names."""
    return (
        one for one in found if (one.app_name in asking.apps if asking.apps is not None else one.app_name not in named)
    )


def findings(store: Store, rule: Rule, values: Mapping[str, Any], at: datetime) -> list[Finding]:
    """Gives a rule's rows as of an instant."""
    rows = store.fetch(rule.query.sql, {**values, "at": at}).to_pylist()
    return [
        Finding(
            str(row["subject"]),
            row["since"],
            str(row["summary"]),
            row["app_name"],
            row["job_id"],
            {name: held for name, held in row.items() if name not in (*FIRST, "severity")},
            row.get("severity"),
        )
        for row in rows
    ]


def settle(
    rule: Rule,
    checked: Checked,
    known: Mapping[str, Incident],
    doubted: Mapping[str, str],
    opened: Mapping[str, Finding],
    held: set[str],
    severities: Mapping[str, str],
) -> None:
    """Sorts what a rule said into what opens, what closes and what only reads otherwise."""
    for subject, finding in opened.items():
        now = incident_of(rule, finding, severities[subject], checked.at)
        before = known.get(subject)
        if before is None:
            checked.opened.append(now)
        elif (before.summary, before.severity) != (now.summary, now.severity):
            checked.changed.append(before.reading(now))
    for subject, before in known.items():
        if subject not in held and before.job_id not in doubted and not ("" in doubted and before.job_id is None):
            checked.closed.append(before)


def incident_of(rule: Rule, finding: Finding, severity: str, at: datetime) -> Incident:
    """Makes an incident of a finding, dated when the trouble began in the log."""
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


def keep_runs(cursor: Cursor, checked: Checked) -> None:
    """Adds one line a rule."""
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
