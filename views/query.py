"""Questions: every query of the catalog with its SQL, asked with one's own values and taken away as a file."""

import io
from collections.abc import Callable
from typing import Any, TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import streamlit as st

from pipeline.config.errors import StoreError, WrongValue
from pipeline.config.wording import count
from pipeline.store.catalog import Parameter, Query, bind, catalog
from pipeline.store.export import write_csv, write_json
from views.frame import state
from views.frame.data import is_empty, store
from views.frame.empty import first_data, nothing
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.page_sql import value_text
from views.frame.state import QUESTION_DRAWN, Key, Word, read_word, write_word, write_words
from views.frame.table import table, text_grid

WINDOW = ("since", "until", "job", "tenant")


def chosen_query() -> Query:
    """Lets a person choose a question; the address keeps its name."""
    queries = catalog()
    names = list(queries)
    given, drawn = read_word(Word.QUESTION), QUESTION_DRAWN.get()
    if given in queries and given != drawn:
        state.set_value(Key.QUESTION, given)
    name = st.selectbox("Question", names, format_func=lambda each: queries[each].question, key=Key.QUESTION)
    if name != drawn and given != name:
        left = (parameter.name for parameter in queries[drawn or name].parameters)
        write_words({parameter: None for parameter in left if parameter not in WINDOW})
    QUESTION_DRAWN.set(name)
    write_word(Word.QUESTION, name)
    return queries[name]


def value_of(query: Query, parameter: Parameter) -> Any:
    """Draws the input of one parameter; window, job and tenant are the bar's and only shown."""
    own = {"since": bar().since, "until": bar().until, "job": bar().job, "tenant": bar().tenant}
    if parameter.name in own and (parameter.default is not None or parameter.type == "TIMESTAMP"):
        st.text_input(
            parameter.name,
            value_text(own[parameter.name]),
            disabled=True,
            help=f"{parameter.meaning}; set it in the bar above",
        )
        return own[parameter.name]
    usual = "" if parameter.default in (None, "null") else str(parameter.default)
    start = read_word(parameter.name, usual)
    hint = "needed" if parameter.default is None else f"usually {parameter.default}"
    text = st.text_input(
        parameter.name,
        start,
        placeholder=f"{parameter.type.lower()}, {hint}",
        help=parameter.meaning,
        key=Key.VALUE.of(query.name, parameter.name),
    )
    write_word(parameter.name, text if text and text != usual else None)
    return text.strip() or None


def values(query: Query) -> dict[str, Any]:
    """Draws an input for every parameter."""
    given = {}
    if query.parameters:
        for column, parameter in zip(st.columns(min(5, len(query.parameters))) * 3, query.parameters, strict=False):
            with column:
                given[parameter.name] = value_of(query, parameter)
    return given


def downloads(query: Query, given: dict[str, Any]) -> None:
    """Offers the answer as CSV, JSON and Parquet: all of its rows, asked when a person takes them."""
    forms: dict[str, tuple[str, Callable[[pa.Table], bytes]]] = {
        "CSV": ("text/csv", lambda answer: written(answer, write_csv)),
        "JSON": ("application/json", lambda answer: written(answer, write_json)),
        "Parquet": ("application/octet-stream", as_parquet),
    }
    with st.container(horizontal=True):
        for label, (kind, write) in forms.items():
            st.download_button(
                label,
                lambda write=write: write(store().fetch(query.sql, bind(query, given))),  # type: ignore[misc]
                f"{query.name}.{label.lower()}",
                kind,
                icon=":material/download:",
                on_click="ignore",
            )


def written(answer: pa.Table, write: Callable[[pa.Table, TextIO], None]) -> bytes:
    """Writes an answer as the command `ask` does."""
    out = io.StringIO()
    write(answer, out)
    return out.getvalue().encode()


def as_parquet(answer: pa.Table) -> bytes:
    """Writes an answer as Parquet."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(answer, sink)
    return bytes(sink.getvalue())


def draw_answer(query: Query, given: dict[str, Any]) -> None:
    """Draws the first rows of the answer; what cannot be asked is a sentence."""
    try:
        answer, has_more = store().first_rows(query.sql, bind(query, given))
    except (WrongValue, StoreError) as error:
        st.warning(plain(str(error)), icon=":material/edit:")
        return
    rows = count(answer.num_rows, "row")
    st.markdown(f"**The first {rows}**; a download has all." if has_more else f"**{rows}**")
    if answer.num_rows:
        table(answer.to_pandas())
        downloads(query, given)
    else:
        nothing("No row answers this question with these values.")


def page() -> None:
    """Draws the page."""
    if is_empty():
        first_data()
    query = chosen_query()
    if query.about:
        st.caption(query.about)
    given = values(query)
    draw_answer(query, given)
    with st.expander("The SQL", icon=":material/code:", expanded=True):
        run = f"python -m pipeline ask {query.name}"
        st.caption(f"`queries/{query.name}.sql` runs in any DuckDB client attached to the store; here: `{run}`")
        st.code(query.sql, language="sql", line_numbers=True)
    with st.expander("What the columns mean", icon=":material/list:"):
        text_grid(pd.DataFrame({"Column": list(query.columns), "Meaning": list(query.columns.values())}))


if __name__ == "__main__":
    page()
