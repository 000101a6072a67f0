"""What every page stands in: the store, the questions asked of it, the tile, and what an empty store teaches.

The store remembers answers while their tables stay as they are, so nothing here keeps an answer or a time to live.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from pipeline.config.clock import naive, now
from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings, read_settings
from pipeline.store.catalog import Query, bind, find_query
from pipeline.store.lake import Store, open_store
from views.frame.filters import Bar

Values = dict[str, Any]
Row = dict[str, Any]
T = TypeVar("T")
TIME = "YYYY-MM-DD HH:mm"
PLAIN = {"displayModeBar": False}
"Charts without a tool bar: selecting a mark is all they offer."
LESSON = """# your own logs: a file or a folder
python -m pipeline ingest PATH
# by itself, from Microsoft Graph: first see which permissions are there
python -m pipeline preflight
# a sample tenant
python -m pipeline sample build/tenant
python -m pipeline ingest build/tenant"""
"What to type into a terminal where the store is empty."
BLANK = "–"
"How a table shows a cell that holds nothing."


def place(settings: Settings) -> tuple[str, str]:
    """Gives what tells one lake from another."""
    return settings.store, str(settings.folder)


@st.cache_resource(show_spinner=False, hash_funcs={Settings: place})
def opened(settings: Settings) -> Store:
    """Opens the lake once per process and place."""
    return open_store(settings)


def store() -> Store:
    """Gives the lake that the settings name."""
    return opened(read_settings())


def bar() -> Bar:
    """Gives what the shared bar was set to in this run."""
    chosen: Bar = st.session_state["bar"]
    return chosen


def ask(name: str, **given: Any) -> pd.DataFrame:
    """Asks a question of `queries/`; window, job and tenant come from the bar unless given."""
    query = find_query(name)
    return answer(query, values_of(query, given))


def ahead(*names: str, **given: Any) -> None:
    """Has questions asked side by side that the page is about to draw, the first first.

    They are asked as `ask` would ask them; what is given goes to those that take it.
    """
    for query in map(find_query, names):
        taken = {parameter.name for parameter in query.parameters} & given.keys()
        store().answers.ahead(query.sql, values_of(query, {name: given[name] for name in taken}))


def answer(query: Query, values: Mapping[str, Any]) -> pd.DataFrame:
    """Gives a question's answer as a frame."""
    frame: pd.DataFrame = store().ask(query.sql, values).to_pandas()
    return frame


def as_of() -> datetime:
    """Gives the present minute where a tenant is polled, else the newest instant in the store: logs may be old."""
    present = naive(now(read_settings())).replace(second=0, microsecond=0)
    reached = ask("contacts")["reached_at"].max()
    if not pd.isna(reached) and reached >= present - timedelta(days=1):
        return present
    newest = ask("extent").iloc[0]["last_at"]
    return bar().newest if pd.isna(newest) else pd.Timestamp(newest).to_pydatetime()


def records(frame: pd.DataFrame) -> list[Row]:
    """Gives a frame's rows one by one, each by its columns' names."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def values_of(query: Query, given: Values) -> Values:
    """Gives a value for each parameter: the given one, else the bar's, else its default."""
    known = {parameter.name for parameter in query.parameters}
    barred = {"since": bar().since, "until": bar().until, "job": bar().job, "tenant": bar().tenant}
    return bind(query, {name: value for name, value in barred.items() if name in known} | given)


def tile(
    name: str,
    draw: Callable[[pd.DataFrame], T],
    *,
    empty: str = "Nothing in this window.",
    beside: tuple[str, ...] | Mapping[str, Values] = (),
    **given: Any,
) -> T | None:
    """Draws a question, its answer and how it was asked, and gives what drawing gave.

    `beside` names questions that the answer draws on too, with the values that they were asked with, if any.
    """
    query = find_query(name)
    st.subheader(query.question, anchor=name.replace("_", "-"))
    values = values_of(query, given)
    frame = answer(query, values)
    drawn = None
    if frame.empty:
        st.markdown(f":gray[:material/remove: {empty}]")
    else:
        drawn = draw(frame)
    others = dict(beside) if isinstance(beside, Mapping) else dict.fromkeys(beside, Values())
    how([(query, values), *bound(others)])
    return drawn


def how(asked: list[tuple[Query, Values]]) -> None:
    """Shows the SQL behind an answer and the values it was asked with."""
    with st.expander("How this was asked", icon=":material/code:", type="compact"):
        for query, values in asked:
            if query.about:
                st.caption(query.about)
            st.code(query.sql, language="sql")
            if values:
                st.caption("with " + ", ".join(f"`${name}` = `{written(value)}`" for name, value in values.items()))


def asked(**questions: Values) -> None:
    """Shows how questions outside a tile were asked, each by its name with the values that were given."""
    how(bound(questions))


def bound(questions: Mapping[str, Values]) -> list[tuple[Query, Values]]:
    """Gives questions by their names, each with a value for every parameter."""
    return [(find_query(name), values_of(find_query(name), given)) for name, given in questions.items()]


def written(value: object) -> str:
    """Writes a parameter's value as a person would type it."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return "null" if value is None else str(value)


def is_empty() -> bool:
    """Says whether the store holds nothing yet."""
    return bool(pd.isna(ask("extent").iloc[0]["last_at"]))


def teach(here: bool = False) -> None:
    """Says how logs get in; an empty store teaches. `here` says that files are dropped on this page."""
    st.info(
        "There is nothing in the store yet, so there is nothing to show: no events, no job status, no SCIM requests."
    )
    st.markdown(
        f"- **Drop a file** on {'this page' if here else 'the page Ingestion'}, or into `{read_settings().inbox}`.\n"
        "- **Load a file or a folder** in a terminal; what each file is, is recognised from its content.\n"
        "- **Let it come by itself**: name a table of tenants in `PROVISIONING_TENANTS`, as README.md says.\n"
        "- **Or try it** with a sample tenant."
    )
    if not here:
        st.page_link("ingestion.py", label="Drop a file on Ingestion", icon=":material/upload_file:")
    st.code(LESSON, language="bash")


@contextmanager
def standing() -> Iterator[None]:
    """Lets a fragment end with a word where the store cannot be read any more; the header says why, the page stays."""
    try:
        yield
    except StoreError:
        st.caption(":material/hourglass_empty: This cannot be read now; the top of the page says why.")


def offer() -> None:
    """Offers newer data instead of showing it, on a page that keeps what moves up to date by itself."""
    if st.button("Newer data came: show all of it", icon=":material/refresh:", type="tertiary"):
        st.rerun()


def times(*names: str, **labelled: str) -> dict[str, Any]:
    """Gives column settings that show instants in UTC."""
    labels = {name: name.removesuffix("_at").replace("_", " ").capitalize() for name in names} | labelled
    return {name: st.column_config.DatetimeColumn(f"{label} (UTC)", format=TIME) for name, label in labels.items()}


def picked(state: Any) -> int | None:
    """Gives the row that a person selected in a dataframe."""
    rows = state["selection"]["rows"]
    return int(rows[0]) if rows else None


def pointed(state: Any) -> list[Any] | None:
    """Gives the customdata of the mark that a person selected in a chart."""
    points = state["selection"]["points"]
    data = points[0].get("customdata") if points else None
    return list(data.values()) if isinstance(data, dict) else data
