"""Questions: every query of the catalog with its SQL, asked with one's own values and taken away as a file."""

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import streamlit as st

from pipeline.config.errors import StoreError, WrongValue
from pipeline.store.catalog import Parameter, Query, bind, catalog
from views.frame.data import bar, is_empty, store, teach, written
from views.frame.look import count, plain

WINDOW = ("since", "until", "job", "tenant")


def chosen_query() -> Query:
    """Lets a person choose a question; the address keeps its name."""
    queries = catalog()
    names = list(queries)
    given = st.query_params.get("question", "")
    if given in queries and given != st.session_state.get("asked"):
        st.session_state.question = given
    name = st.selectbox("Question", names, format_func=lambda each: queries[each].question, key="question")
    if name != st.session_state.get("asked") and given != name:
        for parameter in queries[st.session_state.get("asked", name)].parameters:
            if parameter.name not in WINDOW:
                st.query_params.pop(parameter.name, None)
    st.query_params["question"] = st.session_state.asked = name
    return queries[name]


def value_of(parameter: Parameter) -> Any:
    """Draws the input of one parameter; window, job and tenant are the bar's and only shown."""
    own = {"since": bar().since, "until": bar().until, "job": bar().job, "tenant": bar().tenant}
    if parameter.name in own and (parameter.default is not None or parameter.type == "TIMESTAMP"):
        st.text_input(
            parameter.name,
            written(own[parameter.name]),
            disabled=True,
            help=f"{parameter.meaning}; set it in the bar above",
        )
        return own[parameter.name]
    usual = "" if parameter.default in (None, "null") else str(parameter.default)
    start = st.query_params.get(parameter.name, usual)
    hint = "needed" if parameter.default is None else f"usually {parameter.default}"
    text = st.text_input(
        parameter.name,
        start,
        placeholder=f"{parameter.type.lower()}, {hint}",
        help=parameter.meaning,
        key=f"value-{st.session_state.asked}-{parameter.name}",
    )
    if text and text != usual:
        st.query_params[parameter.name] = text
    else:
        st.query_params.pop(parameter.name, None)
    return text.strip() or None


def values(query: Query) -> dict[str, Any]:
    """Draws an input for every parameter."""
    given = {}
    if query.parameters:
        for column, parameter in zip(st.columns(min(5, len(query.parameters))) * 3, query.parameters, strict=False):
            with column:
                given[parameter.name] = value_of(parameter)
    return given


def downloads(name: str, answer: pa.Table) -> None:
    """Offers the answer as CSV, JSON and Parquet, whole as it was asked."""
    with st.container(horizontal=True):
        st.download_button(
            "CSV", lambda: as_csv(answer), f"{name}.csv", "text/csv", icon=":material/download:", on_click="ignore"
        )
        st.download_button(
            "JSON",
            lambda: as_json(answer),
            f"{name}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Parquet",
            lambda: as_parquet(answer),
            f"{name}.parquet",
            "application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
        )


def as_csv(answer: pa.Table) -> bytes:
    """Writes an answer as CSV."""
    return str(answer.to_pandas().to_csv(index=False)).encode()


def as_json(answer: pa.Table) -> bytes:
    """Writes an answer as a JSON array of rows, instants in ISO 8601."""
    return str(answer.to_pandas().to_json(orient="records", date_format="iso", force_ascii=False)).encode()


def as_parquet(answer: pa.Table) -> bytes:
    """Writes an answer as Parquet."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(answer, sink)
    return bytes(sink.getvalue())


def answered(query: Query, given: dict[str, Any]) -> None:
    """Asks, and shows the rows; what cannot be asked is said in a sentence."""
    try:
        answer = store().ask(query.sql, bind(query, given))
    except (WrongValue, StoreError) as error:
        st.warning(plain(str(error)), icon=":material/edit:")
        return
    st.markdown(f"**{count(answer.num_rows, 'row')}**")
    if answer.num_rows:
        st.dataframe(answer.to_pandas(), hide_index=True)
        downloads(query.name, answer)
    else:
        st.markdown(":gray[:material/remove: No row answers this question with these values.]")


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
    query = chosen_query()
    if query.about:
        st.caption(query.about)
    given = values(query)
    answered(query, given)
    with st.expander("The SQL", icon=":material/code:", expanded=True):
        run = f"python -m pipeline ask {query.name}"
        st.caption(f"`queries/{query.name}.sql` runs in any DuckDB client attached to the store; here: `{run}`")
        st.code(query.sql, language="sql", line_numbers=True)
    with st.expander("What the columns mean", icon=":material/list:"):
        st.table(
            pd.DataFrame({"Column": list(query.columns), "Meaning": list(query.columns.values())}), hide_index=True
        )


if __name__ == "__main__":
    page()
