"""What people set on issues: owner, note and snooze, beside what is read of them from the events."""

from functools import partial

import pandas as pd
import streamlit as st

from pipeline.config.wording import dated, is_missing
from pipeline.knowledge.causes import OWNER_NAMES
from pipeline.rules.issue_actions import annotate_issue, assign_issue, snooze_issue
from views.frame.data import Row, ask, records, store, wall_clock
from views.frame.look import plain
from views.parts.alerts.incidents import Acts, draw_handling, draw_trouble

SET = ["owner", "note", "noted_at", "snoozed_until"]
"What the answers about issues are given beside their own columns."


def with_handling(issues: pd.DataFrame) -> pd.DataFrame:
    """Returns issues with what people set on them, and whether each is snoozed now."""
    actions = ask("issue_actions", job=None)[["job_id", "issue", *SET]]
    rows = issues.merge(actions, how="left", on=["job_id", "issue"])
    return rows.assign(snoozed=rows["snoozed_until"] > pd.Timestamp(wall_clock()))


def handled_row(row: Row) -> Row:
    """Returns one issue with what is set on it now."""
    actions = ask("issue_actions", job=row["job_id"])
    found = records(actions[actions["issue"] == row["issue"]])
    given = {name: found[0][name] if found else None for name in SET}
    until = given["snoozed_until"]
    return row | given | {"snoozed": until is not None and not is_missing(until) and until > wall_clock()}


def owner_of(row: Row) -> str:
    """Returns an issue's owner, else whose it is likely to be."""
    return likely_owner(str(row["fault"])) if is_missing(row["owner"]) else str(row["owner"])


def likely_owner(fault: str) -> str:
    """Writes whose a problem is likely to be, by where it is."""
    return OWNER_NAMES[fault] if fault == "unknown" else f"{OWNER_NAMES[fault]} (likely)"


def draw_handled(row: Row) -> None:
    """Draws what snoozes, assigns and annotates an issue, and what was set so far."""
    job, issue = str(row["job_id"]), str(row["issue"])
    given = (store(), job, issue)
    acts = Acts(issue, partial(snooze_issue, *given), partial(assign_issue, *given), partial(annotate_issue, *given))
    if not is_missing(row["note"]):
        st.markdown(f":material/sticky_note_2: {plain(str(row['note']))} ({dated(row['noted_at'])})")
    draw_handling(row, acts)
    draw_trouble()


def handled(row: Row) -> str:
    """Writes who owns an issue and until when it is snoozed."""
    owner = "Unassigned" if is_missing(row["owner"]) else f"Owner: {plain(str(row['owner']))}"
    return f"{owner} · Snoozed until {dated(row['snoozed_until'])}" if row["snoozed"] else owner
