"""What needs attention: one row per root cause, with its cause, impact, deadline and owner.

A root cause is an open incident with its symptoms; where no rule found it, what a job's own state shows.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, is_missing, people, within
from pipeline.knowledge.causes import cause_of
from pipeline.knowledge.quarantine_reasons import OPEN_REASONS
from pipeline.notify.messages import affected_numbers, affected_of
from pipeline.rules.rule import rules
from pipeline.rules.verdict import STOPPED, Cause, Facts, JobFacts, verdict
from pipeline.rules.verdict_text import COUNTED, PLAIN, what
from views.frame.data import Row, ask, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import chips
from views.frame.panel import show_sql
from views.frame.places import lead_to, page_link
from views.frame.state import Key, Word, write_word
from views.frame.table import chips_column, table, text_column
from views.frame.verdict import claim
from views.parts.alerts.incidents import open_now, owner_text, problem_of, symptoms_of
from views.parts.apps.facts import disable_days
from views.parts.issues.handling import taken_by, with_handling
from views.parts.issues.issue import open_issue
from views.parts.issues.sentences import attribute_name, issue_title, text_of
from views.parts.overview.fleet import app_words, day
from views.parts.overview.since import draw_new_and_resolved
from views.parts.shared.retries import is_overdue, retries_ended, retry_words

ISSUES = 3
"Issues of one app that have a row each."
ROWS = 6
"Rows that are visible without scrolling in the table."


def draw_attention(facts: Facts, fleet: pd.DataFrame) -> None:
    """Draws the root causes, the worst first; a row opens its incident, or the app's page."""
    awake, snoozed = (of_jobs(rows, facts) for rows in open_now())
    rows = [*incident_rows(awake, facts, fleet), *state_rows(awake, facts, fleet)]
    st.subheader("Needs attention", anchor="needs-attention")
    if rows:
        draw_rows(sorted(rows, key=lambda row: ("critical", "warning", "info").index(row["severity"])))
    else:
        nothing(claim("No open incidents.", facts, "incidents"))
    draw_new_and_resolved(facts)
    if snoozed:
        page_link("issues", f"{count(len(snoozed), 'snoozed incident')}", ":material/snooze:")
    show_sql(open_incidents={})
    if any(row["issue"] for row in rows):
        show_sql(issues=issue_values(), issue_actions={})


def draw_rows(rows: list[Row]) -> None:
    """Draws root causes as a table."""
    shown = pd.DataFrame(rows)
    columns = {
        "problem": text_column("Problem", width=298),
        "chip": chips_column("Severity", width=70),
        "cause": text_column("Cause", width=286),
        "impact": text_column("Impact", width=176),
        "deadline": text_column("Deadline", width=136),
        "owner": text_column("Owner", width=82),
    }
    table(
        shown.assign(chip=chips(shown["severity"])),
        columns,
        Key.QUEUE,
        at_most=38 + 35 * ROWS,
        opens="problem",
        on_open=open_problem,
        exported="Needs attention",
    )


def open_problem(row: Row) -> None:
    """Opens a root cause: its incident or issue in the side panel, or its app's page."""
    if row["incident_id"]:
        write_word(Word.INCIDENT, str(row["incident_id"]))
    elif row["issue"]:
        open_issue(row)
    else:
        lead_to("apps", app_words(row["job_id"]))


def incident_rows(awake: list[Row], facts: Facts, fleet: pd.DataFrame) -> list[Row]:
    """Returns a row for each open incident."""
    jobs, states = by_job(facts), states_of(fleet)
    return [
        {
            "incident_id": str(row["incident_id"]),
            "issue": "",
            "job_id": row["job_id"],
            "severity": str(row["severity"]),
            "problem": problem_of(row),
            "cause": incident_cause(row),
            "impact": incident_impact(row, jobs.get(row["job_id"])),
            "deadline": deadline(jobs.get(row["job_id"]), states.get(row["job_id"]), str(row["severity"])),
            "owner": owner_text(row),
        }
        for row in awake
    ]


def state_rows(awake: list[Row], facts: Facts, fleet: pd.DataFrame) -> list[Row]:
    """Returns rows of each job that needs attention and of which no incident is open: its state, and its issues."""
    covered = {job for row in awake if row["severity"] != "info" for job in jobs_of(row)}
    states, found = states_of(fleet), defaultdict[str, list[Cause]](list)
    for cause in verdict(facts).causes:
        if cause.kind != "incident" and cause.job_id is not None:
            found[cause.job_id].append(cause)
    pending = pending_issues() if any(one.kind == "failing" for causes in found.values() for one in causes) else {}
    rows = []
    for job in facts.jobs:
        causes = found.get(job.job_id, [])
        if not causes or job.job_id in covered:
            continue
        state, failing = states.get(job.job_id), any(one.kind == "failing" for one in causes)
        issues = issue_rows(job, state, pending.get(job.job_id, [])) if failing else []
        if causes[0].kind != "failing" or not issues:
            rows.append(state_row(job, causes[0], state))
        rows += issues
    return rows


def state_row(job: JobFacts, cause: Cause, state: Row | None) -> Row:
    """Returns the row of what a job's own state shows."""
    state = state if is_of_pending(cause, job) else None
    return {
        "incident_id": "",
        "issue": "",
        "job_id": job.job_id,
        "severity": cause.severity,
        "problem": problem(cause),
        "cause": state_cause(cause, state),
        "impact": impact(job),
        "deadline": deadline(job, state, cause.severity),
        "owner": None,
    }


def is_of_pending(cause: Cause, job: JobFacts) -> bool:
    """Whether a cause is of all that is pending in a job, whose commonest error and next retry are then its own."""
    return (
        cause.kind not in COUNTED or cause.kind == "failing" or (cause.kind == "leavers" and job.failing <= cause.count)
    )


def issue_values() -> dict[str, datetime]:
    """Returns what issues are asked with: as of the present, as the page of issues asks in a usual time range."""
    return {"since": min(bar().since, bar().newest), "until": bar().newest}


def pending_issues() -> dict[str, list[Row]]:
    """Returns the issues of each job that have users or groups pending, those that affect the most first.

    Skips that need no action are none of them, such as groups that cross-tenant synchronization leaves out.
    """
    found = defaultdict[str, list[Row]](list)
    for row in records(with_handling(ask("issues", **issue_values()))):
        if row["waiting"] > 0 and not (row["status"] == "skipped" and row["fault"] == "nobody"):
            found[str(row["job_id"])].append(row)
    return found


def issue_rows(job: JobFacts, state: Row | None, own: list[Row]) -> list[Row]:
    """Returns a row for each of a job's issues, the first of many."""
    rows = [issue_row(row, job, state) for row in own[:ISSUES]]
    if len(own) > ISSUES:
        text = f"{job.app_name}: {count(len(own) - ISSUES, 'more issue')}"
        rows.append(dict.fromkeys(rows[0]) | {"job_id": job.job_id, "severity": "warning", "problem": text})
    return rows


def issue_row(row: Row, job: JobFacts, state: Row | None) -> Row:
    """Returns the row of one issue."""
    title, code = issue_title(row), text_of(row["code"])
    status = "" if is_missing(row["http_status"]) else f"{int(row['http_status'])} "
    error = f"{status}{code}" if code and code != title else ""
    is_skip = row["status"] == "skipped"
    return {
        "incident_id": "",
        "issue": str(row["issue"]),
        "job_id": job.job_id,
        "severity": "warning",
        "problem": f"{job.app_name}: {within(title)}",
        "cause": " · ".join(filter(None, (error, f"since {day(row['first_seen_at'])}"))),
        "impact": f"{people(row['waiting'], groups_of(row))} {'skipped' if is_skip else 'failing'}",
        # A skip is not tried again by itself.
        "deadline": None if is_skip else deadline(job, state, "warning"),
        "owner": taken_by(row) or "Unassigned",
    }


def groups_of(row: Row) -> int | None:
    """Returns how many of those that an issue affects are groups; None where its log does not tell."""
    kind = text_of(row["source_type"])
    return None if kind is None else int(row["waiting"]) if kind == "Group" else 0


def of_jobs(rows: list[Row], facts: Facts) -> list[Row]:
    """Returns the incidents of the jobs that a page is about, and those of no job."""
    own = {job.job_id for job in facts.jobs}
    return [row for row in rows if not (jobs := jobs_of(row)) or jobs & own]


def jobs_of(row: Row) -> set[str]:
    """Returns the jobs of an incident and of its symptoms."""
    return {str(one["job_id"]) for one in (row, *symptoms_of(row)) if not is_missing(one["job_id"])}


def by_job(facts: Facts) -> Mapping[Any, JobFacts]:
    """Returns the facts of each job by its id."""
    return {job.job_id: job for job in facts.jobs}


def states_of(fleet: pd.DataFrame) -> Mapping[Any, Row]:
    """Returns each job's row of the fleet by its id."""
    return {row["job_id"]: row for row in records(fleet)}


def problem(cause: Cause) -> str:
    """Writes what is the matter with a job."""
    colon = ":" if cause.kind in COUNTED else ""
    return f"{cause.app_name}{colon} {what(cause, PLAIN)}"


def incident_cause(row: Row) -> str:
    """Writes an incident's cause in few words, unless its problem has them; since when it lasts, and its symptoms."""
    facts = evidence_of(row)
    status = next((f"HTTP {int(one['http_status'])}" for one in facts if one.get("http_status")), "")
    symptoms = len(symptoms_of(row))
    parts = (cause_words(row, facts), status, f"since {day(row['opened_at'])}", count(symptoms, "symptom"))
    return capitalised(" · ".join(part for part in parts[: 4 if symptoms else 3] if part))


def cause_words(row: Row, facts: list[dict[str, Any]]) -> str:
    """Writes the documented cause of an incident's error, else the attribute or the rule; '' where its problem does."""
    if row["rule"] == "token_refused":
        return ""
    known = next((known for one in facts if one.get("error_code") and (known := cause_of(one))), None)
    attribute = next((str(one["attribute"]) for one in facts if one.get("attribute")), "")
    rule = rules().get(row["rule"])
    title = known.title if known else attribute_name(attribute) if attribute else rule.title if rule else ""
    return "" if title.casefold() in problem_of(row).casefold() else title


def evidence_of(row: Row) -> list[dict[str, Any]]:
    """Returns what an incident's rule found, then what its symptoms' did."""
    found = [one["evidence"] for one in (row, *symptoms_of(row))]
    return [one if isinstance(one, dict) else json.loads(one or "{}") for one in found]


def state_cause(cause: Cause, state: Row | None) -> str | None:
    """Writes the commonest error of what is pending in a job, and since when."""
    code = None if state is None or is_missing(state["cause"]) else str(state["cause"])
    if code in OPEN_REASONS:
        code = None
    known = cause_of({"error_code": code}) if code else None
    since = f"since {day(cause.since)}" if cause.since else None
    return " · ".join(filter(None, (known.title if known else code, since))) or None


def incident_impact(row: Row, job: JobFacts | None) -> str | None:
    """Writes who is affected by an incident: those that its evidence counts, else those of its app."""
    if job is not None and row["severity"] != "info" and (whole := impact(job)):
        return whole
    return affected_numbers(affected_of(evidence_of(row))) or None


def capitalised(text: str) -> str:
    """Writes a text with a capital first letter."""
    return text[:1].upper() + text[1:]


def impact(job: JobFacts) -> str | None:
    """Writes who is affected by what is the matter with a job."""
    parts = [
        *([f"{count(job.leavers, 'leaver')} with access"] if job.leavers else []),
        *([f"{people(job.failing, job.failing_groups)} failing"] if job.failing else []),
        *([f"{people(job.rejected)} out of sync"] if job.rejected else []),
        *(["removals blocked"] if job.state in STOPPED else []),
    ]
    return capitalised(" · ".join(parts)) or None


def deadline(job: JobFacts | None, state: Row | None, severity: str) -> str | None:
    """Writes by when something happens by itself: the job is disabled by Entra, or the next retry."""
    if job is None or severity == "info":
        return None
    if job.state == "quarantined" and job.since is not None:
        return f"Disabled by Entra {day(job.since + timedelta(days=disable_days()))}"
    if state is not None and state["state"] == "waiting" and not is_missing(state["next_try_at"]):
        if is_overdue(state["next_try_at"]) and (ended := retries_ended(state["since"])):
            return f"Retries ended {day(ended)}"
        words = retry_words(state["next_try_at"]).replace(" was", "")
        return f"{words[0].upper()}{words[1:]}"
    return None
