"""What people set on issues: acknowledged, owner, note and snooze, beside what is read of them from the events."""

from functools import partial

import pandas as pd
import streamlit as st

from pipeline.config.wording import dated, is_missing
from pipeline.knowledge.causes import OWNER_NAMES
from pipeline.rules.issue_actions import acknowledge_issue, annotate_issue, assign_issue, snooze_issue
from views.frame.data import Row, ask, records, store, wall_clock
from views.frame.look import plain
from views.parts.shared.acts import Acts, draw_handling, handled

SET = ["owner", "note", "noted_at", "snoozed_until", "acknowledged_by", "acknowledged_at"]
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
    """Returns an issue's owner, else who acknowledged it, else whose it is likely to be."""
    return taken_by(row) or likely_owner(str(row["fault"]))


def taken_by(row: Row) -> str:
    """Returns an issue's owner, else who acknowledged it; empty where nobody did either."""
    if not is_missing(row["owner"]):
        return str(row["owner"])
    return "" if is_missing(row["acknowledged_by"]) else f"Acknowledged by {row['acknowledged_by']}"


def likely_owner(fault: str) -> str:
    """Writes whose a problem is likely to be, by where it is."""
    return OWNER_NAMES[fault] if fault == "unknown" else f"{OWNER_NAMES[fault]} (likely)"


def draw_handled(row: Row) -> None:
    """Draws what people can do with an issue, and what was done."""
    job, issue = str(row["job_id"]), str(row["issue"])
    every = (acknowledge_issue, snooze_issue, assign_issue, annotate_issue)
    if not is_missing(row["note"]):
        st.markdown(f":material/sticky_note_2: {plain(str(row['note']))} ({dated(row['noted_at'])})")
    draw_handling(row, Acts(issue, *(partial(act, store(), job, issue) for act in every)))
    st.caption(handled(row))
