"""Users and groups that are blocked while an app has trouble: who is pending a retry, leavers first."""

from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant
from pipeline.rules.verdict import Verdict, unknown_of
from pipeline.rules.verdict_text import PEOPLE
from views.frame.data import Row
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import chips
from views.frame.panel import show_sql
from views.frame.places import lead_to
from views.frame.state import Key, Word
from views.frame.table import chips_column, code_column, table, text_column, time_columns
from views.frame.verdict import claim, current_facts
from views.parts.apps.facts import MOST, Facts
from views.parts.shared.retries import evidence


def draw_impact(facts: Facts, leavers: Verdict) -> None:
    """Draws how many new users have no account, and how many leavers keep access, as far as that is known."""
    rows = facts.waiting
    new = int((rows["action"] == "create").sum()) if len(rows) else 0
    own = current_facts(facts.job.at).of([facts.job.job_id], shared=False)
    gap = unknown_of(own.jobs[0], own) if own.jobs else None
    number = sum(cause.count for cause in leavers.causes)
    st.subheader("Impact", anchor="impact")
    left, right = st.columns(2)
    least = "≥ " if len(rows) == MOST else ""
    blind = gap is not None and gap.kind in ("gap", "no_events")
    left.metric(
        "New users blocked",
        "Unknown" if blind and not new else f"{least}{new:,}",
        f"since {instant(gap.since)}" if blind and not new and gap is not None and gap.since else None,
        delta_color="off",
        delta_arrow="off",
        help="Creates that failed and are pending a retry: users without an account.",
        border=True,
        height="stretch",
    )
    right.metric(
        "Leavers still with access",
        "Unknown" if gap and not number else f"At least {number}" if gap else f"{number}",
        f"{'unknown ' if number else ''}since {instant(gap.since)}" if gap and gap.since else None,
        delta_color="off",
        delta_arrow="off",
        help=claim("Users who should be disabled or deleted in the app and are not.", own, "leavers"),
        border=True,
        height="stretch",
    )


def draw_blocked(facts: Facts) -> None:
    """Draws who is pending a retry, leavers first; a row opens its user or group."""
    rows = facts.waiting
    if rows.empty:
        own = current_facts(facts.job.at).of([facts.job.job_id], shared=False)
        nothing(claim("No pending retries in the log.", own, "leavers"))
    else:
        st.markdown(kinds(rows))
        blocked_table(rows)
    if facts.job.is_out:
        st.caption(
            f"Entra logs only users and groups that it has tried: changes since {instant(facts.job.since)} that it has "
            "not tried yet are not listed."
        )
    show_sql(quarantine_waiting={"at": facts.job.at, "job": facts.job.job_id, "limit": MOST})


def kinds(rows: pd.DataFrame) -> str:
    """Writes how many of each kind are pending a retry."""
    leavers, joiners = int(rows["leaver"].sum()), int((rows["action"] == "create").sum())
    least = "At least " if len(rows) == MOST else ""
    others = len(rows) - leavers - joiners
    parts = [
        *([f":red[**{count(leavers, 'leaver')}**] with access"] if leavers else []),
        *([f"{count(joiners, 'new user')} without an account"] if joiners else []),
        *([f"{others:,} with old values"] if others else []),
    ]
    return f"{least}**{count(len(rows), *PEOPLE)}** pending retry: {', '.join(parts)}."


def blocked_table(rows: pd.DataFrame) -> None:
    """Draws who is pending a retry; a row opens its user or group."""
    waits = zip(rows["leaver"], rows["action"], strict=True)
    kind = ["leaver" if leaver else "joiner" if action == "create" else "outdated" for leaver, action in waits]
    columns: dict[str, Any] = {
        "name": text_column("User or group"),
        "chip": chips_column("Kind"),
        "action": text_column("Failed action"),
        **time_columns(opened_at="Failing since", retry_at="Next retry", dropped_at="Retries end"),
        "attempts": code_column("Attempts"),
        "error_code": text_column("Error", width="medium"),
        "opened_from": text_column("Failing since, by"),
    }
    table(
        evidence(rows).assign(chip=chips(pd.Series(kind))),
        columns,
        Key.WAITING.of(rows["job_id"].iloc[0], len(rows)),
        at_most=360,
        opens="name",
        on_open=open_person,
    )


def open_person(row: Row) -> None:
    """Opens the user or group of a row on People."""
    lead_to("people", bar().link(**{Word.OBJECT: str(row["source_id"])}))
