"""Quarantine: which job is in it or will be, why, who waits, and what ends it."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import instant, is_missing, share, span
from views.charts.quarantine import status_lanes
from views.frame.chart import chart
from views.frame.data import Row, as_of, ask, ask_ahead, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import cause, plain
from views.frame.panel import show_sql
from views.frame.state import Key
from views.frame.table import code_column, table, text_column, time_columns
from views.frame.verdict import draw_judged, draw_verdict
from views.parts.quarantine.cause import draw_cause, draw_waiting
from views.parts.quarantine.facts import (
    STALE,
    Job,
    ask_jobs_ahead,
    facts_of,
    job_sentence,
    jobs_as_of,
    open_incidents_of,
    status_age,
)
from views.parts.quarantine.forecast import draw_score
from views.parts.quarantine.limits import course, draw_burn_down, draw_clock, draw_headroom
from views.parts.quarantine.recovery import draw_recovery


def summary(jobs: list[Job]) -> str:
    """Writes the page's first sentence."""
    out = [job for job in jobs if job.is_out]
    blind = [job for job in jobs if job.word == "unknown"]
    near = approaching([job for job in jobs if not job.is_out])
    if out:
        sentences = [job_sentence(job) for job in out]
        return ". ".join([*sentences, *near, *unknown(blind)]) + "."
    if near:
        return ". ".join([f"No job is known to be in quarantine, but: {near[0]}", *near[1:], *unknown(blind)]) + "."
    return ". ".join(unknown(blind)) + "." if blind else calm(jobs)


def approaching(jobs: list[Job]) -> list[str]:
    """Writes which jobs move towards quarantine: by the slope of their failures, or by what a rule found."""
    ahead = [f"**{job.name}** {course(job)}" for job in jobs if course(job)]
    return ahead + [plain(str(row["summary"])) for row in open_incidents_of(jobs) if row["severity"] == "critical"]


def unknown(jobs: list[Job]) -> list[str]:
    """Writes of which jobs no status was read."""
    if not jobs:
        return []
    names = ", ".join(f"**{job.name}**" for job in jobs[:4]) + (f" and {len(jobs) - 4} more" if len(jobs) > 4 else "")
    return [
        f"Whether {names} {'is' if len(jobs) == 1 else 'are'} in quarantine is not known: no status was ever read, and "
        "the log itself never says so"
    ]


def calm(jobs: list[Job]) -> str:
    """Writes that none is near, and how old the oldest status is."""
    fullest = max(jobs, key=lambda job: job.fullest)
    oldest = min(jobs, key=lambda job: job.state["observed_at"])
    old = f" The oldest status is of {instant(oldest.state['observed_at'])}." if status_age(oldest) else ""
    percent = share(fullest.fullest)
    return (
        f"No job status shows a quarantine, and none is near by its failures: the fullest limit is {percent} used, by "
        f"**{fullest.name}**.{old}"
    )


def draw_lanes(at: datetime) -> None:
    """Draws the status of every job over the window."""
    given = {"at": at, "gap": int(STALE.total_seconds())}
    rows = ask("quarantine_lanes", **given)
    st.subheader("How did each job stand over time?", anchor="lanes")
    if rows.empty:
        nothing("No job is known in this window.")
    else:
        chart(Key.STATUS_LANES, status_lanes, rows, bar().since, bar().until, at)
        never = ask("rule_runs_lately").empty
        st.caption(
            "Watch and imminent are what the health rules found"
            + (", which were **never asked**, so neither can show here. " if never else ". ")
            + f"Hatched: no status within {span(STALE.total_seconds())}, so nobody knows."
        )
    show_sql(quarantine_lanes=given)


def draw_job(jobs: list[Job]) -> None:
    """Draws the facts of the bar's job, else of the worst."""
    job = jobs[0]
    facts = facts_of(job)
    st.header(job.name, divider="gray", anchor="job")
    if bar().job is None and len(jobs) > 1:
        others = ", ".join(other.name for other in jobs[1:6])
        st.caption(f"The one that needs a look the most; choose another as the job above: {others}.")
    draw_clock(job)
    left, right = st.columns([3, 2], gap="large")
    with left:
        draw_cause(facts)
    with right:
        draw_recovery(facts)
    draw_waiting(facts)
    draw_headroom(job)
    draw_burn_down(facts)


def draw_episodes(at: datetime) -> None:
    """Draws past quarantines with how soon each was noticed and fixed."""
    rows = ask("quarantine_episodes", at=at)
    st.subheader(
        "Which quarantines were there, how soon were they noticed, and how long did they last?", anchor="episodes"
    )
    if rows.empty:
        nothing("No job status that was read shows a quarantine.")
    else:
        shown = pd.DataFrame([episode(row) for row in records(rows)])
        columns = {
            "app_name": text_column("App"),
            **time_columns(opened_at="Began", noticed_at="Noticed", closed_at="Over"),
            "to_notice": text_column("Time to notice"),
            "to_fix": text_column("Time to fix"),
            "why": text_column("Why", width="large"),
            "series_count": code_column("Tries kept", help="How often Entra looked again and kept it"),
        }
        table(shown, columns)
        st.caption(
            "Noticed is when a check of the rule `quarantined` found it; a check of old logs finds it late, by their "
            "own time. Over is when a status first said so."
        )
    show_sql(quarantine_episodes={"at": at})


def episode(row: Row) -> Row:
    """Writes one quarantine with the times it took."""
    return row | {
        "to_notice": "never" if is_missing(row["noticed_at"]) else apart(row["opened_at"], row["noticed_at"]),
        "to_fix": "lasts" if is_missing(row["closed_at"]) else apart(row["opened_at"], row["closed_at"]),
        "why": cause(row["reason"], row["error_code"], row["job_id"]),
    }


def apart(first: Any, second: Any) -> str:
    """Writes the time between two instants."""
    return span(max(0.0, (second - first).total_seconds()))


def draw_tab() -> None:
    """Draws the tab."""
    at = as_of()
    ask_jobs_ahead(at)
    ask_ahead("quarantine_lanes", "quarantine_episodes", at=at, gap=int(STALE.total_seconds()))
    jobs = jobs_as_of(at)
    if not jobs:
        draw_verdict("quarantine")
        return
    draw_judged("quarantine", summary(jobs), doubt=any(course(job) for job in jobs))
    show_sql(quarantine_states={"at": at}, quarantine_inferred={"at": at})
    draw_lanes(at)
    draw_job(jobs)
    draw_episodes(at)
    draw_score()
