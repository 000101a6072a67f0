"""What Microsoft Graph is asked for: which permissions there are, and how each feed answers."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import is_missing, span
from views.frame.data import Row, records
from views.frame.look import chips, plain
from views.frame.table import chips_column, number_column, table, text_column, time_columns

OUT_OF_STEP_S = 60
"Seconds of skew from which a clock is worth a word."


def ago(at: Any, now: datetime) -> str:
    """Writes how long ago an instant was; one ahead of the clock is just now.

    >>> ago(datetime(2026, 1, 5, 12), datetime(2026, 1, 5, 12, 2)), ago(None, datetime(2026, 1, 5))
    ('2 min ago', 'never')
    """
    return "never" if is_missing(at) else f"{span(max(0.0, (now - at).total_seconds()))} ago"


def permission_table(rows: pd.DataFrame) -> None:
    """Draws which permissions there are, what is missing first."""
    columns = {
        "tenant": text_column("Tenant"),
        "feature": text_column("For"),
        "chip": chips_column("State"),
        "scope": text_column("Permission"),
        "lost": text_column("Missing without it", width="medium"),
        "remedy": text_column("What to do", width="large"),
        "detail": text_column("Result", width="large"),
        **time_columns(asked_at="Checked"),
    }
    for row in records(rows[rows["state"] == "missing"]):
        st.markdown(
            f":red[:material/block:] {plain(str(row['tenant']))}, {row['feature']}: {plain(str(row['lost'] or ''))} "
            f"{plain(str(row['remedy'] or ''))}"
        )
    table(rows.assign(chip=chips(rows["state"])), columns, at_most=420)


def contact_table(rows: pd.DataFrame, now: datetime) -> None:
    """Draws each feed's last contact, what fails first."""
    columns = {
        "tenant": text_column("Tenant"),
        "feed": text_column("Feed"),
        "chip": chips_column("State"),
        "age": text_column("Last answered"),
        "detail": text_column("Detail", width="large"),
        **time_columns(next_try_at="Next attempt"),
        "failures": number_column("Failures in a row"),
        "step": text_column("Clock", help="Compared with the clock of this machine"),
        "requests": number_column("Requests"),
    }
    shown = rows.assign(
        chip=chips(rows["outcome"]),
        age=[ago(at, now) for at in rows["reached_at"]],
        step=[clock_text(skew) for skew in rows["skew_s"]],
    )
    table(shown, columns, at_most=420)


def clock_text(skew: Any) -> str:
    """Writes how far a clock differs from this machine's.

    >>> clock_text(0.4), clock_text(-90.0), clock_text(None)
    ('in sync', '1 min behind', 'unknown')
    """
    if is_missing(skew):
        return "unknown"
    apart = float(skew)
    return "in sync" if abs(apart) < OUT_OF_STEP_S else f"{span(abs(apart))} {'ahead' if apart > 0 else 'behind'}"


def warn_of_clocks(contacts: list[Row]) -> None:
    """Warns of clocks that differ: what is late, and how old things are, is judged by this machine's."""
    for row in contacts:
        if not is_missing(row["skew_s"]) and abs(float(row["skew_s"])) >= OUT_OF_STEP_S:
            st.warning(
                f"The clock of {plain(str(row['tenant']))} ({row['feed']}) is {clock_text(row['skew_s'])} compared "
                "with this machine's. Synchronize this machine with a time server: ages and missed cycles depend on "
                "it.",
                icon=":material/schedule:",
            )
