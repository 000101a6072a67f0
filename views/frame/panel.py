"""A panel: a question as a heading, its answer, and the SQL that it was asked with."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import pandas as pd
import streamlit as st

from pipeline.store.catalog import Query, find_query
from views.frame.data import Values, answer, values_of
from views.frame.empty import nothing
from views.frame.state import Key

T = TypeVar("T")


def panel(
    name: str,
    draw: Callable[[pd.DataFrame], T],
    *,
    empty: str = "Nothing in this window.",
    also: tuple[str, ...] | Mapping[str, Values] = (),
    **given: object,
) -> T | None:
    """Draws a question, its answer and its SQL, and returns what drawing the answer returned.

    `also` names questions that the answer draws on too, with the values that they were asked with, if any.
    """
    query = find_query(name)
    st.subheader(query.question, anchor=name.replace("_", "-"))
    values = values_of(query, given)
    frame = answer(query, values)
    drawn = None
    if frame.empty:
        nothing(empty)
    else:
        drawn = draw(frame)
    others = dict(also) if isinstance(also, Mapping) else dict.fromkeys(also, Values())
    sql_expander([(query, values), *bound(others)])
    return drawn


def show_sql(**questions: Values) -> None:
    """Draws the SQL of questions outside a panel, each by its name with the values that were given."""
    sql_expander(bound(questions))


@st.fragment
def sql_expander(questions: list[tuple[Query, Values]]) -> None:
    """Draws the SQL of questions and the values that they were asked with, once a person opens it.

    The browser's highlighter alone is 1.6 MB of script, and every page would load it.
    """
    key = Key.SQL.of(*(query.name for query, _ in questions))
    with st.expander("How this was asked", icon=":material/code:", type="compact", on_change="rerun", key=key) as box:
        for query, values in questions if box.open else []:
            if query.about:
                st.caption(query.about)
            st.code(query.sql, language="sql")
            if values:
                pairs = (f"`${name}` = `{value_text(value)}`" for name, value in values.items())
                st.caption("with " + ", ".join(pairs))


def bound(questions: Mapping[str, Values]) -> list[tuple[Query, Values]]:
    """Returns questions by their names, each with a value for every parameter."""
    return [(find_query(name), values_of(find_query(name), given)) for name, given in questions.items()]


def value_text(value: object) -> str:
    """Writes a parameter's value as a person would type it."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return "null" if value is None else str(value)
