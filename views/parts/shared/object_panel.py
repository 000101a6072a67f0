"""The side panel on one user or group, opened from a row of any page: what the row says, and status by app."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import pandas as pd
import streamlit as st

from pipeline.config.wording import dated, is_missing
from views.frame.data import Row, ask, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import chips, plain
from views.frame.panel import show_sql
from views.frame.places import page_link
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, has_word, read_word, write_words
from views.frame.table import chips_column, table, text_column, time_columns


class Facts(NamedTuple):
    """Rows of a page, and which of their columns the panel shows under which labels."""

    title: str
    rows: pd.DataFrame
    labels: Mapping[str, str]


def open_object(row: Row) -> None:
    """Puts the user or group of a row into the address, with the event that the row is about."""
    event = row.get("event_id")
    write_words({Word.OBJECT: str(row["source_id"]), Word.EVENT: None if is_missing(event) else str(event)})


def give_way() -> None:
    """Lets the panel on a user or group take the place of another panel in which a row of theirs was opened."""
    if has_word(Word.OBJECT):
        st.rerun()


def object_panel(*facts: Facts) -> None:
    """Opens the panel where the address names a user or group."""
    if not has_word(Word.OBJECT):
        return
    states = ask("person_states", object=read_word(Word.OBJECT))
    title = "Not found" if states.empty else plain(str(records(states)[0]["name"]))
    side_panel(Word.OBJECT, title, lambda source_id: draw_object(source_id, states, facts), Word.EVENT)


def draw_object(source_id: str, states: pd.DataFrame, facts: Sequence[Facts]) -> None:
    """Draws what this page says of a user or group, its status by app, and the way to the full history."""
    for one in facts:
        for row in records(one.rows[one.rows["source_id"] == source_id]):
            draw_facts(one, row)
    if states.empty:
        nothing(f"No event names a user or group with the id {plain(source_id)}, so there is no history of it.")
        return
    st.subheader("Status by app", anchor=False)
    columns = {
        "app_name": text_column("App"),
        "status": chips_column("Status"),
        "open_error_code": text_column("Error"),
        **time_columns(last_event_at="Last event", last_success_at="Last success", retry_at="Next retry"),
    }
    table(states.assign(status=chips(states["state"])), columns, Key.OBJECT_STATES)
    show_sql(person_states={"object": source_id})
    words = bar().link(**{Word.OBJECT: source_id})
    if has_word(Word.EVENT):
        words |= {Word.EVENT: read_word(Word.EVENT)}
    page_link("people", "Open in People", ":material/person:", words)


def draw_facts(facts: Facts, row: Row) -> None:
    """Draws what one row says, a line each."""
    st.markdown(f"**{facts.title}**")
    lines = [
        f"- {label}: {fact_text(row[name])}"
        for name, label in facts.labels.items()
        if name in row and not is_missing(row[name]) and row[name] != ""
    ]
    st.markdown("\n".join(lines))


def fact_text(value: object) -> str:
    """Writes a cell for a sentence."""
    return dated(value) if isinstance(value, datetime) else plain(str(value))
