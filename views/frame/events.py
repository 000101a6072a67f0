"""The events behind a number: a table whose rows lead to the user or group that they are about."""

import re
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, is_missing
from views.frame.data import Row, ask
from views.frame.filters import bar
from views.frame.look import look, plain
from views.frame.places import page_link
from views.frame.state import Key, Word
from views.frame.table import code_column, table, text_column, time_columns

MOST = 200
"How many rows behind a number are listed."
COLUMNS = {
    **time_columns(occurred_at="When"),
    "app_name": text_column("App"),
    "name": text_column("User or group"),
    "action": text_column("Action"),
    "status": text_column("Status"),
    "error_code": text_column("Error"),
    "skip_reason": text_column("Skip reason"),
    "http_status": code_column("HTTP"),
    "step": text_column("Last step"),
    "reason": text_column("Message", width="large"),
}


def matching_events(title: str, **given: Any) -> None:
    """Draws the events behind a bar, an hour or a line; `given` narrows them: to failures, unless it has a status."""
    rows = ask("matching_events", **({"status": "failure", "limit": MOST} | given))
    with st.container(border=True):
        newest = f", the newest {MOST}" if len(rows) == MOST else ""
        st.markdown(f"**{title}**: {count(len(rows), 'event')}{newest}")
        if not rows.empty:
            events_table(rows, title)


def events_table(rows: pd.DataFrame, title: str) -> None:
    """Draws events; the user or group of the selected one is one click away."""
    rows = rows.assign(
        action=rows["action"].map(in_words),
        status=rows["status"].map(lambda word: look(str(word)).label),
        step=rows["last_step"].map(in_words),
    )
    columns = {name: column for name, column in COLUMNS.items() if not rows[name].isna().all()}
    row = table(rows, columns, Key.EVENTS.of(title), select=True)
    if row is None:
        st.caption("Select a row to open that user or group.")
    else:
        story_link(row, event=str(row["event_id"]))


def in_words(name: object) -> object:
    """Writes the name of a step or an action as words; an empty cell stays empty.

    >>> in_words("EntryExportUpdate"), in_words("stagedDelete"), in_words("update")
    ('Export update', 'Staged delete', 'Update')
    """
    if is_missing(name) or not name:
        return None
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", str(name).removeprefix("Entry")).lower()
    return words[:1].upper() + words[1:]


def story_link(row: Row, **more: str) -> None:
    """Offers the user or group that a row with source_id and name is about."""
    label = f"Open {plain(str(row['name']))}"
    words = bar().link(**{Word.OBJECT: str(row["source_id"])}, **more)
    page_link("people", label, ":material/person:", words)
