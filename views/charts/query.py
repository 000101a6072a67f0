"""The quick chart of any answer: one column against another."""

from datetime import date

import pandas as pd
import plotly.graph_objects as go

from views.charts.base import bare, escaped, label_fill
from views.frame.look import PALETTE

MOST_SERIES = 12
"Series of a chart that can still be told apart; the others are left out, and the page says so."


def series_names(rows: pd.DataFrame, split: str | None) -> list[str]:
    """Returns the series of a chart, those with most rows first."""
    if split is None:
        return [""]
    return [str(name) for name in rows[split].map(text_of).value_counts().index]


def text_of(value: object) -> str:
    """Writes a value as the name of a series."""
    return "none" if value is None or value != value else str(value)


def quick_chart(rows: pd.DataFrame, x: str, y: str, split: str | None, kind: str) -> go.Figure:
    """Draws one column against another, as bars or lines; each value of a third column is a series."""
    figure = go.Figure()
    names = rows[split].map(text_of) if split else pd.Series("", index=rows.index)
    for place, name in enumerate(series_names(rows, split)[:MOST_SERIES]):
        own = rows[names == name].sort_values(x, kind="stable")
        label = escaped(name or y)
        places = own[x].map(lambda cell: escaped(cell) if isinstance(cell, str) else cell)
        if kind == "bar":
            figure.add_trace(go.Bar(x=places, y=own[y], name=label, marker=label_fill(place)))
        else:
            line = {"color": PALETTE[place % len(PALETTE)], "dash": ("solid", "dash")[place // len(PALETTE) % 2]}
            figure.add_trace(go.Scatter(x=places, y=own[y], name=label, mode="lines+markers", line=line))
    if any(isinstance(cell, date) for cell in rows[x].dropna()[:1]):
        figure.update_xaxes(type="date")
    bare(figure, 360, barmode="group", showlegend=split is not None)
    figure.update_xaxes(title=escaped(x))
    figure.update_yaxes(title=escaped(y))
    return figure
