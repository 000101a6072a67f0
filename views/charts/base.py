"""The ground that every figure stands on, and the marks that several of them share.

Figures are pure functions from data to Plotly's Figure. Grounds are transparent and text takes the page's colour, so
one figure serves light and dark. What is unknown is hatched and what is partial is dotted, so
that colour is never alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from views.frame.look import PALETTE

HOUR = timedelta(hours=1)
HALF = timedelta(minutes=30)
AT = "%{x|%-d %b, %H:%M} UTC"
"An instant in a hover text that Plotly writes; as `wording.instant` writes it."
AT_SECOND = "%{x|%-d %b %Y, %H:%M:%S} UTC"
ON_DAY = "%{x|%-d %b %Y}"
DAY_TICKS = "%a %-d %b"
DATE_TICKS = [
    {"dtickrange": [None, 86_399_999], "value": "%H:%M<br>%-d %b"},
    {"dtickrange": [86_400_000, "M1"], "value": "%-d %b"},
    {"dtickrange": ["M1", None], "value": "%b %Y"},
]
"How the ticks of a time axis are written, by their distance."
LABEL = 28
"Characters of the label of an axis."
SHAPES = ("", "/", "x", "-")
GRID = "rgba(128,128,128,0.25)"


@dataclass(frozen=True)
class HourLook:
    """What hours of one state look like, and what they are called in a legend."""

    rank: int
    label: str
    marker: dict[str, Any]


def pattern(shape: str, ground: str, ink: str, **more: Any) -> dict[str, Any]:
    """Returns a bar's looks: a ground with a pattern over it."""
    return {"color": ground, "line": {"width": 0}, "pattern": {"shape": shape, "fgcolor": ink} | more}


HOUR_LOOKS = {
    "complete": HourLook(1001, "Complete", {"color": "rgba(27,158,119,0.55)", "line": {"width": 0}}),
    "partial": HourLook(
        1002,
        "Partial: some may be missing",
        pattern(".", "rgba(128,128,128,0.06)", "rgba(128,128,128,0.95)", size=5, solidity=0.3),
    ),
    "unknown": HourLook(
        1003,
        "Unknown: no data was read",
        pattern("/", "rgba(128,128,128,0.12)", "rgba(128,128,128,0.9)", size=5, solidity=0.25),
    ),
}
"How an hour looks by how much of its data was read."


def bare(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Puts a figure on the common ground: transparent, thin grid, room for its labels only."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        hoverlabel={"align": "left"},
        **layout,
    )
    figure.update_xaxes(showgrid=False, zeroline=False, automargin=True, ticklabelstandoff=6)
    figure.for_each_xaxis(lambda axis: axis.update(tickformatstops=DATE_TICKS), {"type": "date"})
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True, ticklabelstandoff=8)
    return figure


BANDS = {"unknown": "Some data is missing", "partial": "Some data may be missing"}
"What a band behind bars of several apps is called: of another app the data may be there."


def state_bars(rows: pd.DataFrame, state: str, **more: Any) -> go.Bar:
    """Returns bars over each unbroken run of hours in a state of each row; `rows` has row, hour and state."""
    own = rows[rows["state"] == state].sort_values(["row", "hour"])
    run = (own["hour"].diff().ne(HOUR) | own["row"].diff().ne(0)).cumsum()
    spans = own.groupby(run).agg(row=("row", "first"), first=("hour", "min"), last=("hour", "max"))
    lengths = (spans["last"] - spans["first"]).dt.total_seconds() / 3600 + 1
    return go.Bar(
        x=spans["first"] + lengths * HALF,
        base=spans["row"] - 0.46,
        y=[0.92] * len(spans),
        width=lengths * 3_600_000,
        legendrank=HOUR_LOOKS[state].rank,
        hoverinfo="skip",
        marker=HOUR_LOOKS[state].marker,
        showlegend=True,
        **{"name": HOUR_LOOKS[state].label} | more,
    )


def add_bands(figure: go.Figure, hours: pd.DataFrame) -> None:
    """Lays a band behind each run of hours that are not complete; `hours` has hour and state."""
    rows = hours.assign(row=0)
    for state in ("unknown", "partial"):
        if (rows["state"] == state).any():
            figure.add_trace(state_bars(rows, state, yaxis="y2", name=BANDS[state]))
    back = {"range": [-0.46, 0.46], "visible": False, "fixedrange": True}
    figure.update_layout(yaxis={"overlaying": "y2", "tickmode": "auto"}, yaxis2=back, legend={"traceorder": "normal"})


def name_days(figure: go.Figure, buckets: pd.Index, hours: float) -> None:
    """Writes each day's name under the middle of its bar, where bars are days or longer."""
    if hours >= 24:
        figure.update_xaxes(tick0=buckets[0] + timedelta(hours=hours / 2), tickformat=DAY_TICKS)
        figure.update_xaxes(dtick=hours * 3_600_000 * (1 + len(buckets) // 10))


def axis_names(names: Iterable[Any]) -> list[str]:
    """Returns names as the labels of an axis: long ones are cut, and stand in full where the pointer is.

    >>> axis_names(["Cerby", "A" * 40, "<b>Zoom"])
    ['Cerby', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA…', '&lt;b&gt;Zoom']
    """
    return [escaped(name if len(name) <= LABEL else f"{name[: LABEL - 1]}…") for name in map(str, names)]


def escaped(text: object) -> str:
    """Writes a text so that Plotly draws it as it is; it would take tags and placeholders in it for its own.

    >>> escaped("<b>%{y}</b>")
    '&lt;b&gt;%&#123;y}&lt;/b&gt;'
    """
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("%{", "%&#123;")):
        text = str(text).replace(sign, entity)
    return str(text)


def whole_steps(most: float) -> int | None:
    """Returns the step of an axis of counts: 1 where plotly would put halves, else its own choice."""
    return 1 if most <= 8 else None


def label_fill(place: int) -> dict[str, Any]:
    """Returns the colour of the place-th label; when colours run out, a pattern is laid over them."""
    return {"color": PALETTE[place % len(PALETTE)], "pattern": {"shape": SHAPES[place // len(PALETTE) % len(SHAPES)]}}
