"""What needs attention, by the incidents: as of when they were looked for, and their queue."""

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant
from views.frame.data import Row, ask, records
from views.frame.look import chips
from views.frame.state import Key
from views.frame.table import chips_column, number_column, table, text_column, time_columns
from views.parts.health.incidents import incident_queue, open_now, symptoms_of


def draw_attention() -> None:
    """Draws as of when the rules were evaluated, and the queue of incidents."""
    awake, snoozed = open_now()
    runs = ask("rule_runs_lately")
    unanswered = int(runs["outcome"].isin(["unknown", "failed"]).sum())
    notes = [
        f"By the incidents as of {instant(runs['ran_at'].max())}.",
        *([f"{count(unanswered, 'rule')} gave no answer, for want of data; Health names them."] if unanswered else []),
        *([f"{count(len(snoozed), 'incident')} snoozed."] if snoozed else []),
    ]
    st.caption(" ".join(notes))
    if awake:
        draw_queue(awake)


def explains(row: Row) -> str:
    """Writes what an incident explains, by its rules' names; empty where it explains nothing."""
    return ", ".join(dict.fromkeys(str(one["rule"]).replace("_", " ") for one in symptoms_of(row)))


def draw_queue(awake: list[Row]) -> None:
    """Draws the open incidents, worst first, those with leavers before others; a selected one opens its card."""
    rows = pd.DataFrame([{**row, "explains": explains(row)} for row in awake])
    columns = {
        "chip": chips_column("Severity", width="small"),
        "summary": text_column("What", width="large", pinned=True),
        "explains": text_column("Explains", width="medium", help="Incidents that follow from it"),
        **time_columns(opened_at="Since"),
        "leavers": number_column("Leavers", help="Who waits for a disable or delete"),
        "owner": text_column("Owner"),
    }
    st.subheader("What wants somebody?", anchor="queue")
    row = table(rows.assign(chip=chips(rows["severity"])), columns, Key.QUEUE, select=True)
    if row is None:
        st.caption("Worst first. Select one to see its evidence, what to do, and to acknowledge it.")
    else:
        incident_queue([next(one for one in records(rows) if one["incident_id"] == row["incident_id"])], [])
