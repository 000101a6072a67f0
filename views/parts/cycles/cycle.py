"""One cycle: how far its objects got, what drove its duration, what failed in it, and how another one fared."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from views.charts import funnel as funnel_charts
from views.frame import filters
from views.frame.data import PLAIN, Row, ask, bar, pointed, records, tile, times
from views.frame.events import choose, story_link
from views.frame.filters import spelled
from views.frame.look import count, labelled, look, missing, plain, span, when

MOST = 200
PEOPLE = {
    "name": st.column_config.TextColumn("Who", pinned=True),
    "said_there": st.column_config.TextColumn("In the other cycle"),
    "said_here": st.column_config.TextColumn("In this cycle"),
    "action": st.column_config.TextColumn("Action"),
    "error_code": st.column_config.TextColumn("Error"),
    "skip_reason": st.column_config.TextColumn("Skipped because"),
    **times(occurred_at="When"),
    "reason": st.column_config.TextColumn("The log says", width="large"),
}


def draw(cycle: Row) -> None:
    """Draws one cycle by itself."""
    st.header(title(cycle), anchor="cycle")
    st.markdown(sentence(cycle))
    if not cycle["events"]:
        st.markdown(":gray[:material/remove: It left no event, so there is no object to follow.]")
        return
    asked = reach([cycle])
    tile("cycle_funnel", lambda rows: funnel(rows, asked), **asked)
    drivers(cycle)
    failures(cycle)


def title(cycle: Row) -> str:
    """Names a cycle."""
    kind = "Cycle" if missing(cycle["kind"]) else f"{plain(str(cycle['kind'])).capitalize()} cycle"
    return f"{kind} of {plain(str(cycle['app_name']))}, {when(cycle['began_at'])}"


def sentence(cycle: Row) -> str:
    """Says how a cycle went."""
    ended = "outcome unknown" if missing(cycle["outcome"]) else labelled(str(cycle["outcome"]))
    told = f"{count(cycle['objects'], 'object')} in {count(cycle['events'], 'event')}, {int(cycle['failed']):,} failed"
    if cycle["outcome"] == "running":
        return f"{ended}: {told} so far; it has taken {lasted(cycle)}, until {when(cycle['ended_at'])}."
    return f"{ended}: {told}; it took {lasted(cycle)}, until {when(cycle['ended_at'])}."


def lasted(cycle: Row) -> str:
    """Gives how long a cycle took: to the second where it took less than an hour."""
    seconds = cycle["duration_ms"] / 1000
    if seconds >= 3600:
        return span(seconds)
    return f"{int(seconds // 60)} min {int(seconds % 60)} s" if seconds >= 60 else f"{seconds:g} s"


def reach(cycles: list[Row]) -> dict[str, Any]:
    """Gives what questions about one cycle, or about two, are asked with; the first is the one the page is about."""
    since = min(cycle["began_at"] for cycle in cycles).to_pydatetime()
    until = max(cycle["ended_at"] for cycle in cycles).to_pydatetime() + timedelta(seconds=1)
    first, *other = cycles
    asked = {"job": first["job_id"], "cycle": first["cycle_id"], "since": since, "until": until}
    return asked | ({"with": other[0]["cycle_id"]} if other else {})


def funnel(rows: pd.DataFrame, asked: dict[str, Any]) -> None:
    """Draws how far the objects got; a selected bar opens who is behind it."""
    state = st.plotly_chart(
        funnel_charts.funnel(rows),
        key=f"funnel-{asked['cycle']}",
        on_select="rerun",
        selection_mode="points",
        config=PLAIN,
    )
    mark = pointed(state)
    if mark is None:
        st.caption("An object counts once, by its last event in the cycle. Select a bar to see who is behind it.")
    elif mark[1]:
        people(f"Not {mark[0]}: {look(str(mark[1])).label.lower()}", here=str(mark[1]), **asked)
    else:
        people(f"{str(mark[0]).capitalize()}", here=",".join(beyond(rows, str(mark[0]))), **asked)


def beyond(rows: pd.DataFrame, stage: str) -> list[str]:
    """Gives how those fared who reached a stage: exported, or a leak further on."""
    place = rows[rows["stage"] == stage]["ordinal"].iloc[0]
    return ["exported", *rows[(rows["ordinal"] > place) & rows["leak"].notna()]["leak"]]


def people(name: str, **asked: Any) -> None:
    """Shows who is behind a number of a cycle; a selected row opens their story."""
    rows = ask("cycle_objects", limit=MOST, **asked)
    rows = rows.assign(said_here=rows["here"].map(label), said_there=rows["there"].map(label))
    with st.container(border=True):
        first = f", the first {MOST}" if len(rows) == MOST else ""
        st.markdown(f"**{plain(name)}**: {count(len(rows), 'object')}{first}")
        columns = {each: column for each, column in PEOPLE.items() if not rows[each].isna().all()}
        row = choose(rows, columns, f"people-{name}-{asked['cycle']}")
        if row is None:
            st.caption("Select a row to open the story of whom it is about.")
        else:
            story_link(row, event=str(row["event_id"]))


def label(word: object) -> str | None:
    """Gives how an outcome is called."""
    return None if missing(word) else look(str(word)).label


def drivers(cycle: Row) -> None:
    """Draws what made the cycle as long as it was."""
    began = cycle["began_at"].to_pydatetime()
    tile(
        "cycle_duration",
        waterfall,
        empty="Not to be told: fewer than five cycles of its kind came before it, or its events have no durations.",
        job=cycle["job_id"],
        cycle=cycle["cycle_id"],
        since=began,
        until=began + timedelta(seconds=1),
    )


def waterfall(rows: pd.DataFrame) -> None:
    """Draws one cycle's duration against the usual one."""
    row = records(rows)[0]
    st.markdown(plain(str(row["sentence"])))
    st.plotly_chart(funnel_charts.waterfall(row), key=f"waterfall-{row['cycle_id']}", config=PLAIN)


def failures(cycle: Row) -> None:
    """Opens the failures of the cycle on their own page, in a window that just holds it."""
    if not cycle["failed"]:
        st.markdown(":gray[:material/check_circle: No failure of this cycle was read.]")
        return
    label = f"Its {count(cycle['failed'], 'failure')} on Failures"
    st.page_link("failures.py", label=label, icon=":material/error:", query_params=window_of(cycle))


def window_of(cycle: Row) -> dict[str, str]:
    """Gives the words of an address whose window just holds a cycle."""
    until: datetime = cycle["ended_at"].to_pydatetime() + timedelta(minutes=1)
    words = {name: word for name, word in bar().words.items() if name == "tenant"}
    return words | {"job": named(cycle), "since": spelled(cycle["began_at"].to_pydatetime()), "until": spelled(until)}


def named(cycle: Row) -> str:
    """Gives the word by which the bar knows a cycle's job."""
    return next((word for word, job in filters.names(ask("jobs")).items() if job == cycle["job_id"]), "")
