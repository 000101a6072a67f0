"""Open incidents, and those of before."""

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, span
from views.frame.data import Row, ask, ask_ahead, records
from views.frame.look import plain
from views.frame.panel import panel
from views.frame.state import Word, read_word
from views.frame.table import table, text_column, time_columns
from views.frame.verdict import claim, draw_judged, draw_verdict
from views.parts.health.incidents import SHOWN, brief, incident_queue, open_now, with_times


def unanswered(runs: pd.DataFrame) -> str:
    """Writes which rules gave no answer; empty where all did."""
    names = [f"{row['rule']} ({row['outcome']})" for row in records(runs) if row["outcome"] in ("unknown", "failed")]
    if not names:
        return ""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"{count(len(names), 'rule')} gave no answer: {plain(', '.join(names[:6]))}{more}."


def draw_summary(awake: list[Row], snoozed: list[Row], runs: pd.DataFrame) -> None:
    """Draws what is open, in the colour of the verdict, and which rules gave no answer."""
    if awake:
        verb = "is" if len(awake) == 1 else "are"
        draw_judged("incidents", f"{count(len(awake), 'incident')} {verb} open: {brief(awake)}.")
    elif snoozed:
        draw_judged("incidents", f"{count(len(snoozed), 'open incident')} snoozed, none else.")
    else:
        draw_verdict("incidents")
    st.caption(f"{unanswered(runs)} {last_check(runs)}".strip())


def last_check(runs: pd.DataFrame) -> str:
    """Writes when the rules were last evaluated."""
    jobs = ask("beats_lately")
    ended = jobs[jobs["beat"] == "check"]["ended_at"].max()
    age = (
        ""
        if is_missing(ended)
        else f" {span((pd.Timestamp.now('UTC').tz_localize(None) - ended).total_seconds())} ago,"
    )
    return f"Last checked{age} as of {instant(runs['ran_at'].max())}."


def past_incidents(rows: pd.DataFrame) -> None:
    """Draws the incidents of the window with how long it took to notice and to fix them."""
    columns = {
        "app_name": text_column("App"),
        "severity": text_column("Severity"),
        "summary": text_column("What", width="large"),
        "explained": text_column("Explains", width="medium"),
        **time_columns(opened_at="Began", noticed_at="Noticed", closed_at="Ended"),
        "to_notice": text_column("Time to notice"),
        "to_fix": text_column("Time to fix"),
        "owner": text_column("Owner"),
    }
    table(with_times(rows).assign(explained=rows["explains"].map("; ".join)), columns)


def draw_open() -> None:
    """Draws what is open, and which rules gave no answer."""
    ask_ahead("rule_runs_lately")
    runs = ask("rule_runs_lately")
    if runs.empty:
        draw_verdict("incidents")
        st.caption(
            "No rule was evaluated yet. The background job *check* evaluates them, with this dashboard or with "
            "`python -m pipeline watch`; `python -m pipeline check` does so once."
        )
        return
    awake, snoozed = open_now()
    draw_summary(awake, snoozed, runs)
    incident_queue(awake, snoozed, 10_000 if read_word(Word.ALL) else SHOWN)


def draw_history() -> None:
    """Draws the incidents of the time range."""
    panel("incidents", past_incidents, empty=claim("No incident was recorded in this time range.", about="incidents"))
