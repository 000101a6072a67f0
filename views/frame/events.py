"""The events behind a number: a table whose rows open the story of whom they are about."""

from typing import Any

import pandas as pd
import streamlit as st

from views.frame.data import BLANK, Row, ask, bar, picked, records, times
from views.frame.look import count, plain

MOST = 200
COLUMNS = {
    **times(occurred_at="When"),
    "app_name": st.column_config.TextColumn("App"),
    "name": st.column_config.TextColumn("Who"),
    "action": st.column_config.TextColumn("Action"),
    "status": st.column_config.TextColumn("Status"),
    "error_code": st.column_config.TextColumn("Error"),
    "skip_reason": st.column_config.TextColumn("Skipped because"),
    "http_status": st.column_config.NumberColumn("HTTP"),
    "last_step": st.column_config.TextColumn("Last step"),
    "reason": st.column_config.TextColumn("The log says", width="large"),
}


def choose(rows: pd.DataFrame, columns: dict[str, Any], key: str, **more: Any) -> Row | None:
    """Draws a table of which one row at a time can be selected, and gives the selected one."""
    state = st.dataframe(
        rows,
        column_config=columns,
        column_order=list(columns),
        hide_index=True,
        placeholder=BLANK,
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        **more,
    )
    chosen = picked(state)
    return records(rows)[chosen] if chosen is not None and chosen < len(rows) else None


def behind(title: str, **given: Any) -> None:
    """Shows the events behind a bar, an hour or a line; `given` narrows them, to failures unless told otherwise."""
    rows = ask("matching_events", **({"status": "failure", "limit": MOST} | given))
    with st.container(border=True):
        newest = f", the newest {MOST}" if len(rows) == MOST else ""
        st.markdown(f"**{title}**: {count(len(rows), 'event')}{newest}")
        if not rows.empty:
            story_of(rows, title)


def story_of(rows: pd.DataFrame, title: str) -> None:
    """Draws events; the selected one's person is one click away."""
    columns = {name: column for name, column in COLUMNS.items() if not rows[name].isna().all()}
    row = choose(rows, columns, f"behind-{title}")
    if row is None:
        st.caption("Select a row to open the story of whom it is about.")
        return
    story_link(row, event=str(row["event_id"]))


def story_link(row: Row, **more: str) -> None:
    """Offers the story of the person or group that a row with source_id and name is about."""
    label = f"The story of {plain(str(row['name']))}"
    words = bar().link(object=str(row["source_id"]), **more)
    st.page_link("people.py", label=label, icon=":material/person:", query_params=words)
