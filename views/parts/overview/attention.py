"""What needs attention, by the incidents: the sentence that a page begins with, and the queue of incidents."""

from itertools import groupby

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing
from views.frame.data import Row, ask, records
from views.frame.look import chips, look, plain
from views.frame.state import Key
from views.frame.table import chips_column, number_column, table, text_column, time_columns
from views.parts.health.incidents import incident_queue, open_now

BOXES = {"critical": st.error, "warning": st.warning}


def draw_attention(jobs: int) -> None:
    """Draws in one sentence which of so many jobs need attention, and the queue of incidents."""
    awake, snoozed = open_now()
    grave = [row for row in awake if row["severity"] != "info"]
    runs = ask("rule_runs_lately")
    unanswered = int(runs["outcome"].isin(["unknown", "failed"]).sum())
    worst = grave[0]["severity"] if grave else None
    draw = BOXES[worst] if worst else st.warning if unanswered else st.success
    draw(sentence(grave, jobs), icon=look(worst).icon if worst else None)
    notes = [
        f"By the incidents as of {instant(runs['ran_at'].max())}.",
        *([f"{count(unanswered, 'rule')} gave no answer, for want of data; Health names them."] if unanswered else []),
        *([f"{count(len(snoozed), 'incident')} snoozed."] if snoozed else []),
    ]
    st.caption(" ".join(notes))
    if awake:
        draw_queue(awake)


def sentence(grave: list[Row], jobs: int) -> str:
    """Writes which jobs need attention, the worst of each in words; what is of no job is said after them.

    Two incidents of one job are one need.
    """
    heads = [(named, list(rows)) for named, rows in groupby(sorted(grave, key=app_of), key=app_of)]
    of_jobs = [rows for named, rows in heads if named]
    needy = len(of_jobs)
    parts = [head(rows) for rows in sorted(of_jobs, key=lambda rows: grave.index(foremost(rows)))]
    verb = "needs" if needy in (0, 1) else "need"
    first = f"{needy or 'None'} of {count(jobs, 'job')} {verb} you" + (f": {'; '.join(parts)}." if parts else ".")
    return " ".join([first, *(f"{head(rows)}." for named, rows in heads if not named)])


def app_of(row: Row) -> str:
    """Names the job of an incident, or its app where it is of no job; empty where it is of neither."""
    return next((str(row[name]) for name in ("app_name", "job_id") if not is_missing(row[name])), "")


def foremost(rows: list[Row]) -> Row:
    """Returns the incident that is named for all of a job's: its quarantine, else the worst."""
    return next((row for row in rows if row["rule"] == "quarantined"), rows[0])


def head(rows: list[Row]) -> str:
    """Writes what holds one job up, and how much more there is."""
    first = foremost(rows)
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    leaver = (
        "" if is_missing(first["leavers"]) or not first["leavers"] else f", {count(int(first['leavers']), 'leaver')}"
    )
    return f"{plain(first['summary'])} (since {instant(first['opened_at'])}{leaver}{more})"


def draw_queue(awake: list[Row]) -> None:
    """Draws the open incidents, worst first, those with leavers before others; a selected one opens its card."""
    rows = pd.DataFrame(awake)
    columns = {
        "chip": chips_column("Severity", width="small"),
        "summary": text_column("What", width="large", pinned=True),
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
