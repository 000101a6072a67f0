"""What is asked: which permissions there are for it, and how asking goes."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from views.frame.data import BLANK, Row, records, times
from views.frame.look import chip_colours, chips, missing, plain, span

OUT_OF_STEP_S = 60
"Seconds of skew from which a clock is worth a word."


def ago(at: Any, now: datetime) -> str:
    """Writes how long ago an instant was; one ahead of the clock is just now.

    >>> ago(datetime(2026, 1, 5, 12), datetime(2026, 1, 5, 12, 2)), ago(None, datetime(2026, 1, 5))
    ('2 min ago', 'never')
    """
    return "never" if missing(at) else f"{span(max(0.0, (now - at).total_seconds()))} ago"


def permission_table(rows: pd.DataFrame) -> None:
    """Draws which permissions there are, what is missing first."""
    labels, colours = chip_colours()
    columns = {
        "tenant": st.column_config.TextColumn("Tenant", pinned=True),
        "feature": st.column_config.TextColumn("For"),
        "said": st.column_config.MultiselectColumn("State", options=labels, color=colours),
        "scope": st.column_config.TextColumn("Permission"),
        "lost": st.column_config.TextColumn("Lost without it", width="medium"),
        "remedy": st.column_config.TextColumn("What to do", width="large"),
        "detail": st.column_config.TextColumn("What was seen", width="large"),
        **times(asked_at="Tried"),
    }
    shown = rows.assign(said=chips(rows["state"]))
    for row in records(rows[rows["state"] == "missing"]):
        st.markdown(
            f":red[:material/block:] {plain(str(row['tenant']))}, {row['feature']}: {plain(str(row['lost'] or ''))} "
            f"{plain(str(row['remedy'] or ''))}"
        )
    st.dataframe(shown, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)


def contact_table(rows: pd.DataFrame, now: datetime) -> None:
    """Draws each feed's last contact, what fails first."""
    labels, colours = chip_colours()
    columns = {
        "tenant": st.column_config.TextColumn("Tenant", pinned=True),
        "feed": st.column_config.TextColumn("Feed"),
        "said": st.column_config.MultiselectColumn("State", options=labels, color=colours),
        "age": st.column_config.TextColumn("Last answered", help="In full; the instant is in the column beside it"),
        "detail": st.column_config.TextColumn("What it says", width="large"),
        **times(next_try_at="Next try"),
        "failures": st.column_config.NumberColumn("Failed in a row", format="localized"),
        "step": st.column_config.TextColumn("Its clock", help="Against the clock of this machine"),
        "requests": st.column_config.NumberColumn("Requests", format="localized"),
        **times(reached_at="Answered", tried_at="Asked"),
    }
    shown = rows.assign(
        said=chips(rows["outcome"]),
        age=[ago(at, now) for at in rows["reached_at"]],
        step=[step(skew) for skew in rows["skew_s"]],
    )
    st.dataframe(shown, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)


def step(skew: Any) -> str:
    """Writes how far a clock is apart from ours.

    >>> step(0.4), step(-90.0), step(None)
    ('in step', '1 min behind', 'unknown')
    """
    if missing(skew):
        return "unknown"
    apart = float(skew)
    return "in step" if abs(apart) < OUT_OF_STEP_S else f"{span(abs(apart))} {'ahead' if apart > 0 else 'behind'}"


def clocks(contacts: list[Row]) -> None:
    """Warns of clocks that are apart: what is late, and how old things are, is judged by ours."""
    for row in contacts:
        if not missing(row["skew_s"]) and abs(float(row["skew_s"])) >= OUT_OF_STEP_S:
            st.warning(
                f"The clock of {plain(str(row['tenant']))}'s {row['feed']} is {step(row['skew_s'])} of this machine's. "
                "Set this machine's clock by a time server; ages and late cycles are judged by it.",
                icon=":material/schedule:",
            )
