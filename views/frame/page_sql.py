"""The questions that a page asked, so that *View SQL* shows each with its values, and *Export* has all its rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.store.catalog import Query, find_query
from views.frame.places import page_link
from views.frame.state import QUESTIONS, SHOWN_COLUMNS, SHOWN_TABLES, Key, Word

Asked = tuple[Query, Mapping[str, object]]
Derived = Mapping[str, tuple[tuple[str, ...], Callable[..., str | None]]]
"Columns that an export writes otherwise than the store: of which columns of the row, and how."


@dataclass(frozen=True)
class Labelled:
    """The columns of a question that a table shows, each with its look, and those that an export writes otherwise."""

    columns: Mapping[str, Any]
    derived: Derived


def forget_questions() -> None:
    """Forgets what the page asked when it was drawn before."""
    QUESTIONS.set([])
    SHOWN_COLUMNS.set({})
    SHOWN_TABLES.set({})


def note_questions(*asked: Asked) -> None:
    """Notes questions of the page with the values that they were asked with; the same twice is one."""
    noted = QUESTIONS.get()
    QUESTIONS.set([*noted, *(one for one in asked if one not in noted)])


def note_columns(columns: Mapping[str, object], of: str | None = None, derived: Derived | None = None) -> None:
    """Notes the labels under which a table shows columns, for its question, else for the one that was noted last.

    A table whose columns are for the most part of no such question is not noted, nor a second one of a question.
    """
    asked = QUESTIONS.get()
    query = find_query(of) if of else asked[-1][0] if asked else None
    if not columns or query is None or query.name in SHOWN_COLUMNS.get():
        return
    if of or 2 * sum(name in query.columns for name in columns) >= len(columns):
        SHOWN_COLUMNS.set(SHOWN_COLUMNS.get() | {query.name: Labelled(columns, derived or {})})


def note_table(title: str, rows: pd.DataFrame, columns: Mapping[str, object]) -> None:
    """Notes a table that is made of several answers, to be exported as it is drawn."""
    SHOWN_TABLES.set(SHOWN_TABLES.get() | {title: (rows, columns)})


def noted_columns() -> Mapping[str, Labelled]:
    """Returns the labels of columns, by the question whose answer they are of."""
    return SHOWN_COLUMNS.get()


def noted_tables() -> Mapping[str, tuple[pd.DataFrame, Mapping[str, object]]]:
    """Returns the tables that are made of several answers, by their titles."""
    return SHOWN_TABLES.get()


def noted_questions() -> list[Asked]:
    """Returns the questions of the page, in the order in which they are drawn."""
    return list(QUESTIONS.get())


@st.dialog("SQL of this page", width="large", position="right", icon=":material/code:")
def sql_dialog(questions: list[Asked]) -> None:
    """Draws the SQL of one of the page's questions, with what it answers and the values it was asked with."""
    number = st.selectbox(
        "Question", range(len(questions)), format_func=lambda at: questions[at][0].title, key=Key.SQL, width="stretch"
    )
    query, values = questions[number]
    st.caption(f"{query.question} {query.about}".strip())
    words = {Word.QUESTION: query.name} | {
        name: value_text(value) for name, value in values.items() if value is not None
    }
    page_link("query", "Open in Query", ":material/open_in_new:", words)
    if values:
        st.caption("Values: " + ", ".join(f"`${name}` = `{value_text(value)}`" for name, value in values.items()))
    st.code(query.sql, language="sql", wrap_lines=True)


def value_text(value: object) -> str:
    """Writes a parameter's value as a person would type it."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return "null" if value is None else str(value)
