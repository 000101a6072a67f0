"""Two cycles of a job compared: how each object fared there and here, which errors came or went, and the time."""

from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing
from pipeline.rules.verdict_text import PEOPLE
from views.charts.funnel import transitions
from views.frame.chart import chart_mark
from views.frame.data import Row
from views.frame.empty import nothing
from views.frame.events import matching_events
from views.frame.look import look, plain
from views.frame.panel import panel
from views.frame.state import Key, Word, read_word
from views.frame.switches import follows
from views.frame.table import number_column, table, text_column
from views.parts.cycles.cycle import cycle_duration, cycle_objects, cycle_values

VERDICTS = {"new": "New", "shared": "In both", "gone": "Gone"}


def draw_comparison(cycle: Row, others: list[Row]) -> None:
    """Lets a person choose another cycle of the job, and draws how the two differ; the address keeps the choice."""
    st.subheader("Comparison with another cycle", anchor="compare")
    if not others:
        nothing("No other cycle of this app has events.")
        return
    by_id = {str(other["cycle_id"]): other for other in others}
    given = read_word(Word.WITH)
    chosen = st.selectbox(
        "Compare with",
        list(by_id),
        None,
        format_func=lambda each: option_text(by_id[each]),
        placeholder="Previous cycle of the same kind, or any other",
        width=520,
        **follows(
            Word.WITH,
            Key.COMPARED_WITH.of(cycle["cycle_id"]),
            given if given in by_id else None,
            lambda each: each,
        ),
    )
    if chosen is not None:
        draw_differences(cycle, by_id[chosen])


def option_text(cycle: Row) -> str:
    """Names a cycle in a list."""
    kind = "" if is_missing(cycle["kind"]) else f"{cycle['kind']}, "
    first = "Previous of the same kind: " if cycle["relation"] == "previous of its kind" else ""
    size = f"{kind}{count(cycle['objects'], *PEOPLE)}, {int(cycle['failed']):,} failed"
    return f"{first}{instant(cycle['began_at'])} ({size})"


def draw_differences(cycle: Row, other: Row) -> None:
    """Draws the differences of two cycles."""
    st.markdown(f"**{durations(cycle, other)}**")
    asked = cycle_values([cycle, other])
    panel("cycle_transitions", lambda rows: draw_transitions(rows, asked), **asked)
    panel(
        "cycle_errors_compared",
        lambda rows: errors_table(rows, cycle, other),
        empty="No failures in either cycle.",
        **asked,
    )


def durations(cycle: Row, other: Row) -> str:
    """Writes which of two cycles took longer, and which had more to do."""
    here, there = (each["duration_ms"] for each in (cycle, other))
    took = "as long as" if here == there else "longer than" if here > there else "less than"
    work = f"{count(cycle['objects'], *PEOPLE)} in this cycle, {int(other['objects']):,} in the other"
    return f"Duration {cycle_duration(cycle)}, {took} the other cycle ({cycle_duration(other)}); {work}."


def draw_transitions(rows: pd.DataFrame, asked: dict[str, Any]) -> None:
    """Draws from which outcome to which the objects went; a selected mark opens who they are."""
    mark = chart_mark(Key.TRANSITIONS.of(asked["cycle"], asked["with"]), transitions, rows)
    if mark is None:
        st.caption(f"{count(rows['objects'].sum(), *PEOPLE)} in one or both. Select a mark to list them.")
    else:
        title = f"{look(str(mark[0])).label} in the other cycle, {look(str(mark[1])).label.lower()} in this one"
        cycle_objects(title, there=str(mark[0]), here=str(mark[1]), **asked)


def errors_table(rows: pd.DataFrame, cycle: Row, other: Row) -> None:
    """Draws errors that are new, stayed or are gone; a selected row opens its events."""
    rows = rows.assign(label=rows["verdict"].map(VERDICTS), code=rows["error_code"].fillna("(no code)"))
    columns = {
        "code": text_column("Error"),
        "label": text_column("Change"),
        "there": number_column("In the other cycle"),
        "here": number_column("In this cycle"),
        "reason": text_column("Latest message", width="large"),
    }
    row = table(rows, columns, Key.CYCLE_ERRORS.of(cycle["cycle_id"], other["cycle_id"]), select=True)
    if row is None:
        st.caption("Select an error to see its events.")
        return
    own = other if row["verdict"] == "gone" else cycle
    since, until = own["began_at"].to_pydatetime(), own["ended_at"].to_pydatetime() + timedelta(seconds=1)
    code = None if is_missing(row["error_code"]) else row["error_code"]
    where = "in the other cycle" if own is other else "in this cycle"
    matching_events(f"{plain(str(row['code']))} {where}", code=code, job=own["job_id"], since=since, until=until)
