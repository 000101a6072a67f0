"""A panel: the title of a question as a heading, and its answer. Its SQL and all its rows are in the header's menu."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import pandas as pd
import streamlit as st

from pipeline.store.catalog import Query, find_query
from views.frame.data import Values, answer, values_of
from views.frame.empty import nothing
from views.frame.page_sql import note_questions

T = TypeVar("T")


def panel(
    name: str,
    draw: Callable[[pd.DataFrame], T],
    *,
    empty: str = "No data in this time range.",
    also: tuple[str, ...] | Mapping[str, Values] = (),
    title: str | None = None,
    **given: object,
) -> T | None:
    """Draws a question's title and its answer, and returns what drawing the answer returned.

    `also` names questions that the answer draws on too, with the values that they were asked with, if any. An empty
    `title` draws none.
    """
    query = find_query(name)
    heading = query.title if title is None else title
    if heading:
        st.subheader(heading, anchor=name.replace("_", "-"), help=query.question)
    values = values_of(query, given)
    frame = answer(query, values)
    note_questions((query, values))
    drawn = None
    if frame.empty:
        nothing(empty)
    else:
        drawn = draw(frame)
    others = dict(also) if isinstance(also, Mapping) else dict.fromkeys(also, Values())
    note_questions(*bound(others))
    return drawn


def show_sql(**questions: Values) -> None:
    """Adds questions outside a panel to the page's SQL, each by its name with the values that were given."""
    note_questions(*bound(questions))


def bound(questions: Mapping[str, Values]) -> list[tuple[Query, Values]]:
    """Returns questions by their names, each with a value for every parameter."""
    return [(find_query(name), values_of(find_query(name), given)) for name, given in questions.items()]
