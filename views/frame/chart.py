"""Charts on a page: drawn without a tool bar, with what a person selected in them, or the time that they dragged over.

They are drawn by Plotly's own cartesian bundle instead of the whole of Plotly that `st.plotly_chart` loads, which has
maps and three dimensions in it: 1.5 MB instead of 4.7, and a page with three charts is drawn in half the time. Can go
when Streamlit loads a partial bundle.
"""

import json
import pickle
import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
import plotly.graph_objects as go
import plotly.io
import streamlit as st
import streamlit.elements.plotly_chart

from pipeline.config.wording import in_utc
from views.frame import state
from views.frame.filters import zoom
from views.frame.state import Key
from views.frame.table import table

ASSETS = Path(__file__).parents[1] / "assets"
Draw = Callable[..., go.Figure]
"A function of views/charts: from data to a figure."
Mark = list[Any]
"The customdata of a mark."
Drags = Literal["points", "box", "zoom", "points and zoom"]
"What clicking and dragging do: select a mark, a stretch of the time axis, or set the time range of the page."

# Streamlit's template would be in each figure, seven tenths of it; chart.js gives the page's colours and font instead.
plotly.io.templates.default = "none"
draw_figure = st.components.v2.component(
    "chart", js=(ASSETS / "chart.js").read_text(encoding="utf-8"), isolate_styles=False
)


class Written(NamedTuple):
    """A figure as chart.js takes it, its height, and a name that only the same figure has."""

    data: bytes
    height: int
    name: str


def chart(key: str, draw: Draw, *values: Any, zooms: timedelta | None = None) -> None:
    """Draws the figure that `draw` makes of some values; nothing in it can be selected.

    Dragging along its time axis sets the time range of the page where `zooms` is given, in steps of that length.
    """
    mount(key, written("zoom" if zooms else None, draw, values), zooms)
    view_as_table(key, values)


def chart_mark(
    key: str,
    draw: Draw,
    *values: Any,
    on_select: Callable[[Mark | None], None] | None = None,
    zooms: timedelta | None = None,
) -> Mark | None:
    """Draws a figure and returns the mark that a person selected; `zooms` as in `chart`.

    `on_select` is called with it, or None, before the page is drawn again.
    """
    chosen = selectable(key, written("points and zoom" if zooms else "points", draw, values), on_select, zooms)
    view_as_table(key, values)
    return chosen


def chart_stretch(key: str, draw: Draw, *values: Any) -> tuple[Any, Any] | None:
    """Draws a figure and returns the two ends of what a person dragged over on its time axis."""
    ends = selectable(key, written("box", draw, values))
    view_as_table(key, values)
    return (ends[0], ends[1]) if ends else None


def alternative_text(draw: Draw) -> str:
    """Returns what a chart shows in one sentence, for those who do not see it: what its function says that it draws.

    >>> from views.charts.failures import failures_by_hour
    >>> alternative_text(failures_by_hour)
    'Chart of failures per hour and app. View as table has its numbers.'
    """
    subject = re.split(r"[.;]", draw.__doc__ or "")[0].removeprefix("Draws ")
    return f"Chart of {' '.join(subject.split())}. View as table has its numbers."


def view_as_table(key: str, values: tuple[Any, ...]) -> None:
    """Offers the rows that a figure is made of as a table, drawn once a person opens it."""
    rows = [value for value in values if isinstance(value, pd.DataFrame) and len(value)]
    if not rows:
        return
    opened = Key.AS_TABLE.of(key)
    with st.popover("View as table", icon=":material/table:", type="tertiary", key=opened, on_change="rerun") as box:
        if box.open:
            table(rows[0], at_most=400)


def selectable(
    key: str,
    figure: Written,
    on_select: Callable[[Mark | None], None] | None = None,
    zooms: timedelta | None = None,
) -> Mark | None:
    """Draws a figure and returns what is selected in it; another figure under the same key begins with nothing."""
    name = "-".join((key, figure.name))
    chosen: Mark | None = mount(
        name,
        figure,
        zooms,
        on_chosen_change=lambda: on_select(state.value(name).get("chosen")) if on_select else None,
    ).get("chosen")
    return chosen


def mount(key: str, figure: Written, zooms: timedelta | None, **more: Any) -> Any:
    """Draws a figure; what a person drags over in it is the time range of the page before it is drawn again."""
    if zooms:
        more["on_stretch_change"] = lambda: zoom(state.value(key).get("stretch"), zooms)
    return draw_figure(key=key, data=figure.data, height=figure.height, **more)


def written(drags: Drags | None, draw: Draw, values: tuple[Any, ...]) -> Written:
    """Writes a figure, once for all sessions that draw it of the same values."""
    made_of = pickle.dumps((drags, draw.__module__, draw.__qualname__, values), protocol=5)
    return drawn_once(blake2b(made_of, digest_size=16).hexdigest(), drags, draw, values)


@st.cache_resource(show_spinner=False, max_entries=200)
def drawn_once(name: str, _drags: Drags | None, _draw: Draw, _values: tuple[Any, ...]) -> Written:
    """Draws and writes a figure, which takes 20 to 200 ms; figures are functions of their values, so it never ages.

    Its instants are in UTC, which they say: the figure is shared by all viewers.
    """
    with in_utc():
        figure = _draw(*_values)
    words = json.dumps({"drags": _drags, "alt": alternative_text(_draw)}).encode()
    text = plotly.io.to_json(figure, validate=False).encode()
    return Written(b'%b,"figure":%b}' % (words[:-1], text), int(figure.layout.height), name)
