"""The store and the questions that pages ask of it.

The store remembers answers while their tables stay as they are, so nothing here keeps an answer or a time to live.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st
from pandas.api.types import is_datetime64_any_dtype

from pipeline.config import clock
from pipeline.config.settings import Settings, read_settings
from pipeline.rules.app_labels import job_labels, own_names, with_label
from pipeline.store import present
from pipeline.store.catalog import Query, bind, find_query
from pipeline.store.lake import Store, open_store
from views.frame.filters import bar

Values = dict[str, Any]
Row = dict[str, Any]


def lake_of(settings: Settings) -> tuple[str, str]:
    """Returns what tells one lake from another."""
    return settings.store, str(settings.folder)


@st.cache_resource(show_spinner=False, hash_funcs={Settings: lake_of})
def opened(settings: Settings) -> Store:
    """Opens the lake once per process and place."""
    return open_store(settings)


def store() -> Store:
    """Returns the lake that the settings name."""
    return opened(read_settings())


def ask(name: str, **given: Any) -> pd.DataFrame:
    """Asks a question of `queries/`; window, job and tenant come from the bar unless given."""
    query = find_query(name)
    return answer(query, values_of(query, given))


def ask_ahead(*names: str, **given: Any) -> None:
    """Has questions asked side by side that the page is about to draw, the first first.

    They are asked as `ask` would ask them; what is given goes to those that take it.
    """
    for query in map(find_query, names):
        taken = {parameter.name for parameter in query.parameters} & given.keys()
        store().answers.prefetch(query.sql, values_of(query, {name: given[name] for name in taken}))


def answer(query: Query, values: Mapping[str, Any]) -> pd.DataFrame:
    """Returns a question's answer as a frame of one's own, which shares its columns with everybody else's.

    It dates no beginning after the present: a clock that was ahead may have dated records so. Apps of one name are told
    apart in every answer but that of the jobs, whose names are chosen.
    """
    frame = store().answers.formed(query.sql, values, to_frame).copy(deep=False)
    for name in present.SINCE:
        if name in frame and is_datetime64_any_dtype(frame[name]):
            later = frame[name] > as_of()
            if later.any():
                frame[name] = frame[name].mask(later, as_of())
    return frame if query.name == "jobs" or not {"job_id", "app_name"} <= set(frame) else with_labels(frame)


def with_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns rows with the names by which jobs are told apart whose apps share one."""
    labels = job_labels(store())
    if not labels:
        return frame
    names = frame["job_id"].map(labels)
    if "summary" in frame:
        rows = zip(frame["summary"], frame["app_name"], names, strict=True)
        frame["summary"] = [
            with_label(text, name, label) if isinstance(text, str) and isinstance(label, str) else text
            for text, name, label in rows
        ]
    frame["app_name"] = names.fillna(frame["app_name"])
    return frame


def own_name(row: Mapping[str, Any]) -> str:
    """Returns the app's own name in a row of an answer, by which people enter things for it."""
    return own_names(store()).get(str(row["job_id"]), str(row["app_name"]))


def to_frame(answer: pa.Table) -> pd.DataFrame:
    """Turns an answer into a frame."""
    frame: pd.DataFrame = answer.to_pandas()
    return frame


def values_of(query: Query, given: Values) -> Values:
    """Returns a value for each parameter: the given one, else the bar's, else its default."""
    names = {parameter.name for parameter in query.parameters}
    barred = {"since": bar().since, "until": bar().until, "job": bar().job, "tenant": bar().tenant}
    return bind(query, {name: value for name, value in barred.items() if name in names} | given)


def records(frame: pd.DataFrame) -> list[Row]:
    """Returns a frame's rows one by one, each by its columns' names."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def as_of() -> datetime:
    """Returns the instant as of which pages judge: this minute where a tenant is polled, else the newest stored."""
    return present.as_of(store())


def wall_clock() -> datetime:
    """Returns the present instant, which what people do carries and by which snoozes end."""
    return clock.wall_clock(read_settings())


def is_empty() -> bool:
    """Whether the store is still empty."""
    return bool(pd.isna(ask("extent").iloc[0]["last_at"]))
