"""What came of a run: how far it is, a table or a quick chart of its first rows, and all of them as a file."""

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count
from pipeline.store.export import flat, unfolded
from pipeline.store.export import plain as plain_value
from views.charts.query import MOST_SERIES, quick_chart, series_names
from views.frame.chart import chart
from views.frame.empty import nothing
from views.frame.export import draw_menu, file_stem
from views.frame.look import plain
from views.frame.state import Key
from views.frame.table import table
from views.parts.query.copies import command_line, python_text
from views.parts.query.runs import Run, sealed_store

POLL_S = 0.5
NO_SPLIT = "None"


def results(run: Run) -> None:
    """Draws a run as far as it is."""
    if run.rows is None and not run.is_over:
        waiting(run)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch"):
            headline(run)
        as_chart = run.rows is not None and run.rows.num_rows > 0 and choose_view() == "Chart"
        if run.rows is not None or run.was_cut:
            copy_menu(run)
            export_menu(run)
    if run.was_cut:
        st.warning(plain(run.error), icon=":material/stop_circle:")
    elif run.error:
        st.error(plain(run.error), icon=":material/error:")
    if run.rows is None:
        return
    if not run.rows.num_rows:
        nothing("No rows match.")
    elif as_chart:
        draw_chart(run.rows, run.has_more)
    else:
        table(on_screen(run.rows).to_pandas())


def headline(run: Run) -> None:
    """Draws how many rows there are and how long they took; while they are counted, it follows."""
    if run.rows is not None and not run.is_over:
        counting(run)
    else:
        st.caption(row_text(run))


def row_text(run: Run) -> str:
    """Writes how many rows there are, how many of them are shown, and how long they took."""
    if run.rows is None:
        return ""
    took = duration(run.seconds or 0)
    if not run.has_more:
        return f"{count(run.rows.num_rows, 'row')} in {took}"
    shown = f"First {count(run.most, 'row')}"
    return f"{shown} of {run.total:,} in {took}" if run.total is not None else f"{shown} in {took}; total not counted"


def duration(seconds: float) -> str:
    """Writes how long something took.

    >>> duration(0.0141), duration(12.34)
    ('14 ms', '12.3 s')
    """
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


@st.fragment(run_every=POLL_S)
def waiting(run: Run) -> None:
    """Draws how long a statement has been running, and cancels it; its rows replace this."""
    if run.is_over or run.rows is not None:
        st.rerun()
    progress(run, "Running")


@st.fragment(run_every=POLL_S)
def counting(run: Run) -> None:
    """Draws that the rows beyond those on screen are being counted."""
    if run.is_over:
        st.rerun()
    progress(run, f"First {count(run.most, 'row')} shown, counting the others")


def progress(run: Run, what: str) -> None:
    """Draws the time that is used of the time that there is."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(run.age / run.limit, 1.0), f"{what}: {run.age:.0f} s of at most {run.limit} s")
        st.button("Cancel", key=Key.QUERY_CANCEL, on_click=run.cancel, icon=":material/stop_circle:")


def choose_view() -> str:
    """Lets a person choose between the table and the chart."""
    return st.segmented_control(
        "View", ["Table", "Chart"], default="Table", required=True, key=Key.QUERY_VIEW, label_visibility="collapsed"
    )


def on_screen(rows: pa.Table) -> pa.Table:
    """Returns rows whose values a grid can show: lists, bytes and the like become text, as in CSV."""
    rows = unfolded(rows)
    for place, field in enumerate(rows.schema):
        if not is_plain(field.type):
            texts = [None if cell is None else str(flat(plain_value(cell))) for cell in rows.column(place).to_pylist()]
            rows = rows.set_column(place, pa.field(field.name, pa.string()), pa.array(texts, pa.string()))
    return rows


def is_plain(kind: pa.DataType) -> bool:
    """Whether a grid shows such values as they are."""
    tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_timestamp)
    return any(test(kind) for test in (*tests, pa.types.is_date))


def draw_chart(answer: pa.Table, has_more: bool) -> None:
    """Draws a chart of the rows on screen."""
    kinds = {field.name: field.type for field in answer.schema}
    numbers = [name for name, kind in kinds.items() if is_number(kind)]
    if not numbers:
        nothing("A chart needs a column of numbers.")
        return
    words = [name for name, kind in kinds.items() if pa.types.is_string(kind)]
    times = [name for name, kind in kinds.items() if pa.types.is_timestamp(kind) or pa.types.is_date(kind)]
    # Where each row has a name of its own, the names tell more than the times.
    named = [name for name in words if len(pc.unique(answer.column(name))) == answer.num_rows]
    x, y, split, kind = choose_axes(list(kinds), numbers, [*named, *words], [] if named else times)
    rows = unfolded(answer.select(list(dict.fromkeys(name for name in (x, y, split) if name)))).to_pandas()
    left_out = len(series_names(rows, split)) - MOST_SERIES
    chart(
        Key.QUERY_CHART, quick_chart, rows[list(dict.fromkeys([x, y, *([split] if split else [])]))], x, y, split, kind
    )
    notes = ["The rows on screen only."] if has_more else []
    notes += [f"{count(left_out, 'series', 'series')} with the fewest rows not shown."] if left_out > 0 else []
    if notes:
        st.caption(" ".join(notes))


def is_number(kind: pa.DataType) -> bool:
    """Whether a column holds numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def choose_axes(
    names: list[str], numbers: list[str], words: list[str], times: list[str]
) -> tuple[str, str, str | None, str]:
    """Lets a person choose what the chart shows: at first the first numbers over time, one series a word."""
    x_first = (times or words or names)[0]
    others = [word for word in words if word != x_first]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        x = st.selectbox("X", names, index=names.index(x_first), key=Key.QUERY_CHART.of("x", *names), width=170)
        y = st.selectbox("Y", numbers, key=Key.QUERY_CHART.of("y", *names), width=170)
        splits = list(dict.fromkeys([NO_SPLIT, *words]))
        first = splits.index(others[0]) if times and others else 0
        split = st.selectbox("Split by", splits, index=first, key=Key.QUERY_CHART.of("split", *names), width=170)
        kind = st.segmented_control(
            "Chart",
            ["Line", "Bar"],
            default="Line" if times else "Bar",
            required=True,
            key=Key.QUERY_CHART.of("kind", *names),
        )
    return x, y, None if split in (NO_SPLIT, x) else split, kind.lower()


def copy_menu(run: Run) -> None:
    """Offers the statement with its values as text to run elsewhere."""
    with st.popover("Copy", icon=":material/content_copy:", type="tertiary", width="content"):
        st.caption("Command line, in the folder of this program")
        st.code(command_line(run.query, run.values, run.is_question), language=None, wrap_lines=True)
        st.caption("Python")
        st.code(python_text(run.query, run.values, read_settings()), language=None)


def export_menu(run: Run) -> None:
    """Offers all rows as a file, for which the limits of the screen do not hold."""
    sql, values = run.query.sql, run.values
    draw_menu(file_stem(run.title, values), lambda stop: sealed_store().stream(sql, values, stop=stop))
