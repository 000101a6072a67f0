"""Open incidents, one row per root cause, and those of before; a row opens the side panel."""

import pandas as pd
import streamlit as st

from pipeline.config.clock import naive, now
from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, is_missing, span
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_text import unchecked_text
from views.frame.data import Row, ask, records
from views.frame.empty import nothing
from views.frame.look import chips, plain
from views.frame.panel import panel, show_sql
from views.frame.places import page_link
from views.frame.state import Key
from views.frame.table import BLANK, chips_column, number_column, table, text_column, time_columns
from views.frame.verdict import blind_spot, claim, current_facts, draw_box, draw_judged, draw_verdict
from views.parts.alerts.incident import open_incident
from views.parts.alerts.incidents import brief_problem, open_now, owner_text, problem_of, with_times

NEWEST = 500
"Incidents of before that are shown."
STATE_COLOURS = {"Open": "orange", "Acknowledged": "blue", "Snoozed": "gray", "Open, not re-checked": "gray"}


def draw_summary(more: str) -> None:
    """Draws which incidents are open, in the colour of the verdict, and a sentence more.

    What is missing stands there only where nothing is found: a finding needs no proof of what else there may be.
    """
    facts = current_facts()
    if ask("rule_runs_lately").empty:
        draw_verdict("incidents", facts)
        st.markdown(more)
        st.caption(
            "Alert rules have not run yet. They run in the background while this dashboard or "
            "`python -m pipeline watch` is running; `python -m pipeline check` runs them once."
        )
        return
    awake, snoozed = open_now()
    result = verdict(facts, "incidents")
    if awake:
        worst = f"{plain(brief_problem(awake[0]))} (since {instant(awake[0]['opened_at'])})"
        head = f"{count(len(awake), 'open incident')}; the most severe: {worst}." if len(awake) > 1 else f"{worst}."
        draw_box(result, f"{head} {more}", facts)
    elif snoozed:
        draw_judged("incidents", f"No open incidents but {count(len(snoozed), 'snoozed one')}.", facts)
        st.markdown(more)
    elif result.state == "ok":
        draw_box(result, f"No open incidents. {more}", facts)
    else:
        draw_verdict("incidents", facts)
        st.markdown(more)


def last_check(runs: pd.DataFrame) -> str:
    """Writes when the rules were last evaluated."""
    jobs = ask("beats_lately")
    ended = jobs[jobs["beat"] == "check"]["ended_at"].max()
    age = "" if is_missing(ended) else f", {span((naive(now(read_settings())) - ended).total_seconds())} ago"
    return f"One row per root cause. Checked {instant(runs['ran_at'].max())}{age}."


def draw_open() -> None:
    """Draws the open incidents, and how many checks could not run; nothing where none ever ran."""
    runs = ask("rule_runs_lately")
    if runs.empty:
        return
    awake, snoozed = open_now()
    st.subheader("Open incidents", anchor="incidents", help=last_check(runs))
    if awake or snoozed:
        incidents_table([*awake, *snoozed], snoozed)
    else:
        nothing("None found by the rules that ran.")
    gone_by = current_facts().rules
    failed = [f"{count(len(gone_by.failed), 'alert rule')} failed"] if gone_by.failed else []
    lacking = [unchecked_text(len(gone_by.unanswered))] if gone_by.unanswered else []
    if parts := [*failed, *lacking]:
        page_link("rules", "; ".join(parts), ":material/notifications:")
    show_sql(open_incidents={}, rule_runs_lately={})


def incidents_table(rows: list[Row], snoozed: list[Row]) -> None:
    """Draws one row a root cause, the worst first."""
    shown = pd.DataFrame(rows)
    asleep = {row["incident_id"] for row in snoozed}
    shown = shown.assign(
        summary=[problem_of(row) for row in rows],
        chip=chips(shown["severity"]),
        state=pd.Series([[state_of(row, row["incident_id"] in asleep)] for row in rows]),
        owner=[owner_text(row) for row in rows],
        leavers=leavers_of(rows),
        related=[symptoms_in(row) for row in rows],
    )
    columns = {
        "summary": text_column("Problem", width=310),
        "chip": chips_column("Severity", width="small"),
        "app_name": text_column("App", width=110),
        **time_columns(opened_at="Since"),
        "leavers": text_column("Leavers", width="small", help="Leavers who still have access because of it"),
        "related": number_column("Symptoms", help="Alerts with the same root cause"),
        "owner": text_column("Owner", width=150),
        "state": chips_column("State", STATE_COLOURS),
    }
    table(shown, columns, Key.QUEUE, at_most=360, opens="summary", on_open=open_incident, of="open_incidents")


def leavers_of(rows: list[Row]) -> list[str]:
    """Writes how many leavers still have access because of each incident; none only where that is known."""
    facts = current_facts()
    blind = {row["job_id"] for row in rows if blind_spot(str(row["job_id"]), facts) is not None}
    return [
        BLANK
        if is_missing(row["job_id"]) and not row["leavers"]
        else "Unknown"
        if not row["leavers"] and row["job_id"] in blind
        else f"{int(row['leavers']):,}"
        for row in rows
    ]


def symptoms_in(row: Row) -> int:
    """Counts the incidents that one explains."""
    return 0 if is_missing(row["symptoms"]) else str(row["symptoms"]).count('"incident_id"')


def state_of(row: Row, snoozed: bool) -> str:
    """Returns the label of an open incident's state."""
    if snoozed:
        return "Snoozed"
    if not is_missing(row["unknown_since"]):
        return "Open, not re-checked"
    return "Open" if is_missing(row["acknowledged_by"]) else "Acknowledged"


def past_incidents(rows: pd.DataFrame) -> None:
    """Draws the incidents of the time range with how long it took to detect and to fix them; a row opens one."""
    if len(rows) > NEWEST:
        st.caption(f"The newest {NEWEST:,} of {len(rows):,} are shown. Export has all of them.")
        rows = rows.sort_values(["is_over", "opened_at"], ascending=[True, False], kind="stable").head(NEWEST)
    shown = with_times(rows).assign(
        summary=[problem_of(row) for row in records(rows)],
        chip=chips(rows["severity"]),
        owner=rows["owner"].fillna("Unassigned"),
        more=rows["explains"].map(lambda listed: "; ".join(listed) or BLANK),
    )
    columns = {
        "summary": text_column("Problem", width="large"),
        "chip": chips_column("Severity", width="small"),
        "app_name": text_column("App"),
        **time_columns(opened_at="Began", closed_at="Ended"),
        "to_notice": text_column("Time to detect"),
        "to_fix": text_column("Time to resolve"),
        "owner": text_column("Owner"),
        "more": text_column("Symptoms", width="large"),
    }
    table(shown, columns, Key.INCIDENT_HISTORY, at_most=620, opens="summary", on_open=open_incident)


def draw_history() -> None:
    """Draws how many incidents the time range had, and each of them."""
    rows = ask("incidents")
    over = int(rows["closed_at"].notna().sum()) if len(rows) else 0
    if len(rows):
        st.markdown(
            f"**{count(len(rows), 'incident')}** in this time range: {len(rows) - over:,} ongoing, {over:,} resolved."
        )
    panel("incidents", past_incidents, title="", empty=claim("No incidents in this time range.", about="incidents"))
