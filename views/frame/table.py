"""Grids: `table` draws every one of them, and every kind of column has its format here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from views.frame import state
from views.frame.data import Row, records
from views.frame.look import chip_colours, plain
from views.frame.page_sql import Derived, note_columns, note_table
from views.frame.state import TABLE_ROUNDS
from views.frame.times import zone_of_viewer

BLANK = "–"
"How a cell without a value is shown."
TIME, TIME_THIS_YEAR = "D MMM YYYY, HH:mm", "D MMM, HH:mm"
ROW_PX, HEAD_PX = 31, 34
WHOLE = 1.5
"A grid up to so many times as high as asked for is drawn whole, so that no row is out of sight."
APPS = ("app_name", "apps")
NAMES, LONG, NAME_PX, APP_PX = ("name", "group_name", *APPS), 36, 230, 150
"""Columns of names of more characters are drawn so wide and no wider; the whole name is where the row leads. The apps
of what a row is about are narrower."""

Columns = Mapping[str, Any]
"What is shown, in this order: a column's name and its look."


def table(
    rows: pd.DataFrame,
    columns: Columns | None = None,
    key: str | None = None,
    *,
    order: Sequence[str] | None = None,
    select: bool = False,
    on_select: Callable[[Row | None], None] | None = None,
    selected: Iterable[int] | None = None,
    height: int | None = None,
    at_most: int | None = None,
    opens: str | None = None,
    on_open: Callable[[Row], None] | None = None,
    of: str | None = None,
    derived: Derived | None = None,
    exported: str | None = None,
) -> Row | None:
    """Draws rows as a grid, and returns the row that a person selected.

    `columns` names what is shown; without it every column is, by its own name. `order` shows some of them, or all
    where they are more than `columns` names. A row can be selected where `select` is true, or where `on_select` is
    given: that is called with the selected row, or None, before the page is drawn again. `selected` are the places of
    the rows that are selected at first. The grid is `height` pixels high, or as high as its rows, about `at_most`; a
    row that is cut in half then shows that there are more.

    `of` names the question whose rows these are, unless it is the one asked last; `derived` has what its export writes
    otherwise. Rows that are made of several answers are exported as they are drawn, under the title `exported`.

    Where `opens` names a column, `on_open` is called with a row whose cell of it was clicked, or that was selected, by
    mouse or with Shift and space: it puts the row's id into the address. Nothing stays selected.
    """
    shape: dict[str, Any] = {}
    columns = None if columns is None else fitted(rows, columns, opens)
    if exported:
        note_table(exported, rows, columns or {})
    else:
        note_columns(columns or {}, of, derived)
    if opens is not None and on_open is not None and key is not None:
        columns, key, on_select = opening(rows, columns or {}, key, opens, on_open)
    visible = len(rows)
    if height is not None:
        shape["height"] = height
    elif at_most is not None and HEAD_PX + ROW_PX * visible > WHOLE * at_most:
        visible = (at_most - HEAD_PX) // ROW_PX
        shape["height"] = HEAD_PX + ROW_PX * visible + ROW_PX // 2
    elif at_most is not None:
        shape["height"] = "content"
    if on_select is not None and key is not None:
        shape["on_select"] = lambda: on_select(selected_row(rows, state.value(key)))
    elif select:
        shape["on_select"] = "rerun"
    if select or on_select is not None:
        shape["selection_mode"] = "single-row"
    if selected is not None:
        shape["selection_default"] = {"selection": {"rows": list(selected)}}
    drawn = st.dataframe(
        rows,
        column_config=None if columns is None else dict(columns),
        column_order=order or (None if columns is None else list(columns)),
        hide_index=True,
        placeholder=BLANK,
        key=key,
        **shape,
    )
    if visible < len(rows):
        st.caption(f"{visible:,} of {len(rows):,} rows are visible; scroll for the others.")
    return selected_row(rows, drawn) if select else None


def fitted(rows: pd.DataFrame, columns: Columns, opens: str | None = None) -> Columns:
    """Returns columns with instants of this year written without it, and with long names cut."""
    return {name: fit(name, column, rows, opens) for name, column in columns.items()}


def fit(name: str, column: Any, rows: pd.DataFrame, opens: str | None = None) -> Any:
    """Returns a column that is no wider than it has to be."""
    if not isinstance(column, Mapping) or name not in rows:
        return column
    kind = column.get("type_config") or {}
    if kind.get("format") == TIME:
        years = pd.to_datetime(rows[name]).dropna().dt.year
        if (years == datetime.now(UTC).year).all():
            return {**column, "type_config": {**kind, "format": TIME_THIS_YEAR}}
    elif name in NAMES and not column.get("width") and rows[name].astype(str).str.len().max() > LONG:
        return {**column, "width": APP_PX if name in APPS and name != opens else NAME_PX}
    return column


def opening(
    rows: pd.DataFrame, columns: Columns, key: str, opens: str, on_open: Callable[[Row], None]
) -> tuple[Columns, str, Callable[[Row | None], None]]:
    """Makes a column's cells into buttons, and what opens a row by selecting it; the key is new after each opening."""
    rounds = TABLE_ROUNDS.get()
    button = f"{key}-open"

    def selected(row: Row | None) -> None:
        TABLE_ROUNDS.set(rounds | {key: rounds.get(key, 0) + 1})
        if row is not None:
            on_open(row)

    def clicked() -> None:
        place = state.value(button)["row"]
        if place < len(rows):
            selected(records(rows)[place])

    label, width = columns[opens].get("label") or opens, columns[opens].get("width")
    column = st.column_config.ButtonColumn(
        label, width=width, type="secondary", alignment="left", pinned=True, on_click=clicked, key=button
    )
    return dict(columns) | {opens: column}, f"{key}-{rounds.get(key, 0)}", selected


def selected_row(rows: pd.DataFrame, drawn: Any) -> Row | None:
    """Returns the row that is selected in a grid; None where none is, or where it is not there any more."""
    places = drawn["selection"]["rows"]
    return records(rows)[places[0]] if places and places[0] < len(rows) else None


def text_grid(rows: pd.DataFrame) -> None:
    """Draws rows whose cells are sentences: they are wrapped, and nothing can be selected."""
    st.table(rows.map(lambda cell: plain(cell) if isinstance(cell, str) else cell), hide_index=True)


def text_column(label: str, **more: Any) -> Any:
    """Returns a column of text."""
    return st.column_config.TextColumn(label, **more)


def number_column(label: str, **more: Any) -> Any:
    """Returns a column of numbers with separators of thousands."""
    return st.column_config.NumberColumn(label, format="localized", **more)


def code_column(label: str, **more: Any) -> Any:
    """Returns a column of whole numbers that count nothing, such as an HTTP status."""
    return st.column_config.NumberColumn(label, format="%d", **more)


def decimal_column(label: str, digits: int = 1, **more: Any) -> Any:
    """Returns a column of numbers with so many decimals."""
    return st.column_config.NumberColumn(label, format=f"%.{digits}f", **more)


def share_column(label: str, **more: Any) -> Any:
    """Returns a column of fractions, shown as percentages."""
    return st.column_config.NumberColumn(label, format="percent", **more)


def share_bar(label: str, **more: Any) -> Any:
    """Returns a column of fractions, shown as bars with their percentage."""
    return st.column_config.ProgressColumn(label, format="percent", min_value=0, max_value=1, **more)


def number_bar(label: str, most: float, digits: int = 0) -> Any:
    """Returns a column of numbers, shown as bars against the largest of them."""
    return st.column_config.ProgressColumn(
        label, format=f"%.{digits}f", min_value=0, max_value=max(float(most), 1 / 10**digits)
    )


def daily_bars(label: str, **more: Any) -> Any:
    """Returns a column of small bar charts, a bar a day."""
    return st.column_config.BarChartColumn(label, y_min=0, **more)


def check_column(label: str, **more: Any) -> Any:
    """Returns a column of yes or no."""
    return st.column_config.CheckboxColumn(label, **more)


def chips_column(label: str, looks: Mapping[str, str] | None = None, **more: Any) -> Any:
    """Returns a column of chips; `looks` has each label's colour, unless the labels are those of `look`."""
    options = looks or chip_colours()
    return st.column_config.MultiselectColumn(label, options=list(options), color=list(options.values()), **more)


def time_columns(*names: str, **labelled: str) -> dict[str, Any]:
    """Returns columns of instants in the viewer's zone, each labelled by its own name or as given."""
    labels = {name: name.removesuffix("_at").replace("_", " ").capitalize() for name in names} | labelled
    zone = str(zone_of_viewer() or "UTC")
    return {name: st.column_config.DatetimeColumn(label, format=TIME, timezone=zone) for name, label in labels.items()}
