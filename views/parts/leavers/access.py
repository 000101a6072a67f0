"""Leavers who still have access or may have: their table, and the apps of which it is unknown."""

from collections import Counter
from datetime import datetime

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, span
from pipeline.knowledge.causes import cause_of
from pipeline.knowledge.remedies import sentence_case
from pipeline.rules.verdict import Facts, unknown_of
from views.frame.data import Row, ask, records
from views.frame.empty import nothing
from views.frame.look import chips, look, plain_name
from views.frame.panel import show_sql
from views.frame.state import Key
from views.frame.table import chips_column, number_column, table, text_column, time_columns
from views.frame.verdict import current_facts, unknown_since
from views.parts.people.panel import open_person
from views.parts.shared.object_panel import Facts as PanelFacts
from views.parts.shared.retries import retry_words

IN_USE = ("trap_unassigned", "trap_still_active")
"Known gaps that leave an account in use."
FEW = 3
"Apps of which the page's verdict says all that is unknown."
KINDS = {"disable": "Disable", "delete": "Delete"}


def why(row: Row) -> str:
    """Writes in a few words why a leaver was not removed."""
    if not is_missing(row["skip_reason"]) and row["status"] == "skipped":
        return "skipped; Entra does not retry by itself"
    if row["status"] != "failure":
        return f"last event: {look(str(row['status'])).label.lower()}"
    told = {name: value for name, value in row.items() if not is_missing(value)}
    known = cause_of(told | {"action": row["kind"]}) if "error_code" in told else None
    error = "failed, cause unknown" if known is None else f"failed: {known.clause}"
    return error if is_missing(row["retry_at"]) else f"{error}, {retry_words(row['retry_at'])}"


def in_use_by_job(now: datetime) -> dict[str, int]:
    """Counts the accounts that may be in use, as the known gaps list them, by job."""
    rows = [row for name in IN_USE for row in records(ask(name, as_of=now))]
    return dict(Counter(str(row["job_id"]) for row in rows))


def access_rows(left: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Returns who still has access by a removal that failed, then who may have by a known gap."""
    has = left.assign(
        word="has_access",
        action=left["kind"].map(lambda kind: KINDS.get(kind, kind)),
        why=[sentence_case(why(row)) for row in records(left)],
        since=left["started_at"],
        open_for=left["open_s"].map(span),
    )
    gaps = [ask(name, as_of=now) for name in IN_USE]
    may = [
        rows.assign(
            word="may_have_access",
            action="Disable",
            why=rows["seen"],
            open_for=[span((now - at).total_seconds()) for at in rows["since"]],
        )
        for rows in gaps
    ]
    filled = [rows for rows in (has, *may) if not rows.empty]
    return pd.concat(filled, ignore_index=True) if filled else has


def access_table(rows: pd.DataFrame, facts: Facts) -> None:
    """Draws leavers with access, each opening in the side panel; an empty table is a sentence."""
    st.subheader("Leavers still with access", anchor="access")
    if rows.empty:
        nothing(none("No pending removals in the log.", facts))
        return
    columns = {
        "name": text_column("Name"),
        "app_name": text_column("App"),
        "status": chips_column("Status"),
        "action": text_column("Action", width="small"),
        "why": text_column("Reason", width="large"),
        **time_columns(since="Since"),
        "open_for": text_column("For", width="small"),
        **time_columns(retry_at="Next retry"),
        "requests": number_column("Attempts", width="small"),
    }
    for name in ("retry_at", "requests"):
        if name not in rows:
            rows[name] = None
    shown = rows.assign(status=chips(rows["word"]), retry_at=pd.to_datetime(rows["retry_at"]))
    table(shown, columns, Key.STILL_ACTIVE, at_most=320, opens="name", on_open=open_person)


def access_facts(rows: pd.DataFrame) -> PanelFacts:
    """Returns what the side panel says of a leaver."""
    labels = {
        "app_name": "App",
        "action": "Action",
        "why": "Reason",
        "since": "Since",
        "open_for": "For",
        "retry_at": "Next retry",
        "requests": "Attempts",
        "error_code": "Error code",
        "skip_reason": "Skip reason",
        "left_as": "Reason for leaving",
        "started_from": "Counted from",
        "last_event_at": "Last event",
        "reason": "Message in the log",
        "cure": "What to do",
    }
    return PanelFacts("Removal", rows, labels)


def draw_unknown(facts: Facts) -> None:
    """Draws of which apps it is unknown whether leavers were removed, why, and since when."""
    lines = [
        f"**{plain_name(job.app_name)}**: whether leavers are removed is {unknown_since(gap)}."
        for job in facts.jobs
        if (gap := unknown_of(job, facts))
    ]
    if len(lines) > FEW:
        with st.expander(f"Why {count(len(lines), 'app')} cannot be checked"):
            st.markdown("\n".join(f"- {line}" for line in lines))


def unknown_apps(facts: Facts) -> list[str]:
    """Returns the apps of which it is unknown whether leavers were removed."""
    return [job.app_name for job in facts.jobs if unknown_of(job, facts)]


def unknown_jobs(facts: Facts) -> set[object]:
    """Returns the jobs of which it is unknown whether leavers were removed."""
    return {job.job_id for job in facts.jobs if unknown_of(job, facts)}


def none(text: str, facts: Facts) -> str:
    """Returns a sentence that says none, with the apps of which that is unknown."""
    if not facts.jobs or not ask("extent").iloc[0]["events"]:
        until = f" of the time until {instant(facts.at)}" if not facts.jobs and current_facts().jobs else ""
        return f"Unknown: no provisioning logs{until} are loaded."
    blind = [plain_name(name) for name in unknown_apps(facts)]
    names = ", ".join(blind) if len(blind) <= FEW else f"{len(blind):,} of {count(len(facts.jobs), 'app')}"
    return f"{text} Unknown for {names}." if blind else text


def note_questions(now: datetime) -> None:
    """Adds the questions behind the table to the page's SQL."""
    given = {"as_of": now}
    # The last is the one that the table's labels are of.
    show_sql(trap_unassigned=given, trap_still_active=given, leavers_active=given)
