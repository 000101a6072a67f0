"""The questions that a page asked, so that *View SQL* shows each with its values, and *Export* has all its rows."""

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from pipeline.store.catalog import Query
from views.frame.places import page_link
from views.frame.state import QUESTIONS, SHOWN_COLUMNS, Key, Word

Asked = tuple[Query, Mapping[str, object]]


def forget_questions() -> None:
    """Forgets what the page asked when it was drawn before."""
    QUESTIONS.set([])
    SHOWN_COLUMNS.set({})


def note_questions(*asked: Asked) -> None:
    """Notes questions of the page with the values that they were asked with; the same twice is one."""
    noted = QUESTIONS.get()
    QUESTIONS.set([*noted, *(one for one in asked if one not in noted)])


def note_columns(columns: Mapping[str, object]) -> None:
    """Notes the labels under which a table shows columns, for the question that was noted last."""
    if columns and (asked := QUESTIONS.get()):
        name = asked[-1][0].name
        SHOWN_COLUMNS.set(SHOWN_COLUMNS.get() | {name: columns})


def noted_columns() -> Mapping[str, Mapping[str, object]]:
    """Returns the labels of columns, by the question whose answer they are of."""
    return SHOWN_COLUMNS.get()


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
