"""What needs somebody, by the incidents: one sentence a page begins with, and the queue behind it."""

from itertools import groupby

import pandas as pd
import streamlit as st

from views.frame.data import Row, ask, records, times
from views.frame.events import choose
from views.frame.look import chip_colours, chips, count, look, missing, plain, when
from views.parts.health import incidents as incidents_part

BOXES = {"critical": st.error, "warning": st.warning}


def say(jobs: int) -> None:
    """Says in one sentence which of so many jobs need somebody, and draws the queue behind it."""
    awake, asleep = incidents_part.lasting()
    grave = [row for row in awake if row["severity"] != "info"]
    runs = ask("rule_runs_lately")
    unsure = int(runs["outcome"].isin(["unknown", "failed"]).sum())
    worst = grave[0]["severity"] if grave else None
    draw = BOXES[worst] if worst else st.warning if unsure else st.success
    draw(sentence(grave, jobs), icon=look(worst).icon if worst else None)
    said = [
        f"By the incidents as of {when(runs['ran_at'].max())}.",
        *([f"{count(unsure, 'rule')} gave no answer, for want of data; Health names them."] if unsure else []),
        *([f"{count(len(asleep), 'incident')} snoozed."] if asleep else []),
    ]
    st.caption(" ".join(said))
    if awake:
        queue(awake)


def sentence(grave: list[Row], jobs: int) -> str:
    """Says which jobs need somebody, the worst of each in words; what is of no job is said after them.

    Two incidents of one job are one need.
    """
    heads = [(named, list(rows)) for named, rows in groupby(sorted(grave, key=app_of), key=app_of)]
    of_jobs = [rows for named, rows in heads if named]
    needy = len(of_jobs)
    told = [head(rows) for rows in sorted(of_jobs, key=lambda rows: grave.index(foremost(rows)))]
    verb = "needs" if needy in (0, 1) else "need"
    said = f"{needy or 'None'} of {count(jobs, 'job')} {verb} you" + (f": {'; '.join(told)}." if told else ".")
    return " ".join([said, *(f"{head(rows)}." for named, rows in heads if not named)])


def app_of(row: Row) -> str:
    """Names the job of an incident, or its app where it is of no job; empty where it is of neither."""
    return next((str(row[name]) for name in ("app_name", "job_id") if not missing(row[name])), "")


def foremost(rows: list[Row]) -> Row:
    """Gives the incident that speaks for all of a job's: its quarantine, else the worst."""
    return next((row for row in rows if row["rule"] == "quarantined"), rows[0])


def head(rows: list[Row]) -> str:
    """Says what holds one job up, and how much more there is."""
    first = foremost(rows)
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    leaver = "" if missing(first["leavers"]) or not first["leavers"] else f", {count(int(first['leavers']), 'leaver')}"
    return f"{plain(first['summary'])} (since {when(first['opened_at'])}{leaver}{more})"


def queue(awake: list[Row]) -> None:
    """Draws the open incidents, worst first, those with leavers before others; a selected one opens its card."""
    rows = pd.DataFrame(awake)
    labels, colours = chip_colours()
    columns = {
        "said": st.column_config.MultiselectColumn("Severity", options=labels, color=colours, width="small"),
        "summary": st.column_config.TextColumn("What", width="large", pinned=True),
        **times(opened_at="Since"),
        "leavers": st.column_config.NumberColumn(
            "Leavers", format="localized", help="Who waits for a disable or delete"
        ),
        "owner": st.column_config.TextColumn("Owner"),
    }
    st.subheader("What wants somebody?", anchor="queue")
    row = choose(rows.assign(said=chips(rows["severity"])), columns, "queue")
    if row is None:
        st.caption("Worst first. Select one to see its evidence, what to do, and to acknowledge it.")
    else:
        incidents_part.queue([next(one for one in records(rows) if one["incident_id"] == row["incident_id"])], [])
