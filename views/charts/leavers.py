"""The survival curve of leavers, as a figure."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.config.wording import span
from views.charts.base import bare, escaped
from views.frame.look import PALETTE

UNITS = (("days", 86_400, 172_800), ("hours", 3600, 7200), ("minutes", 60, 0))
DASHES = {"disable": "solid", "delete": "dash"}
BAND_TO = 3


def survival_curve(curve: pd.DataFrame) -> go.Figure:
    """Draws the share that still had an account against time, a line per app and kind; crosses are who is still there.

    `curve` has job_id, app_name, kind, took_s, at_risk, went, left_sight, still_share, low_share and high_share. A band
    of 95% is drawn where there are few curves, so that it is clear whose it is.
    """
    longest = float(curve["took_s"].max() or 0) if len(curve) else 0.0
    unit, size, _ = next(each for each in UNITS if longest >= each[2])
    figure = go.Figure()
    groups = [(tuple(map(str, key)), own) for key, own in curve.groupby(["app_name", "job_id", "kind"], sort=True)]
    colours = {job: PALETTE[at % len(PALETTE)] for at, job in enumerate(dict.fromkeys(key[1] for key, _ in groups))}
    for (app, job, kind), own in groups:
        if len(groups) <= BAND_TO:
            figure.add_trace(band(own, size, colours[job]))
        figure.add_trace(line(own, size, colours[job], escaped(f"{app}, {kind}"), DASHES.get(kind, "dot")))
        figure.add_trace(still_there(own, size, colours[job]))
    for level, words in ((0.5, "half removed"), (0.05, "95% removed")):
        figure.add_hline(y=level, line={"dash": "dot", "width": 1, "color": "rgba(128,128,128,0.6)"})
        place = {"x": 1, "xref": "paper", "xanchor": "right", "y": level, "yanchor": "bottom"}
        figure.add_annotation(text=words, showarrow=False, **place)
    figure.update_xaxes(title=f"{unit.capitalize()} since the removal was due", rangemode="tozero")
    figure.update_yaxes(title="Still have an account", tickformat=".0%", range=[-0.03, 1.05])
    return bare(figure, 340)


def steps(own: pd.DataFrame, size: int, column: str) -> tuple[list[float], list[float]]:
    """Returns a curve's corners, from all of them at the beginning."""
    return [0.0, *(own["took_s"] / size)], [1.0, *own[column].astype(float)]


def line(own: pd.DataFrame, size: int, colour: str, name: str, dash: str) -> go.Scatter:
    """Returns one curve, which falls where one went."""
    x, y = steps(own, size, "still_share")
    texts = [
        "",
        *(f"after {span(row['took_s'])}: {row['went']} went of {row['at_risk']}" for row in own.to_dict("records")),
    ]
    return go.Scatter(
        x=x,
        y=y,
        name=name,
        legendgroup=name,
        mode="lines",
        line={"shape": "hv", "color": colour, "dash": dash, "width": 2},
        text=texts,
        hovertemplate=f"<b>{name}</b><br>%{{text}}<br>%{{y:.0%}} still there<extra></extra>",
    )


def still_there(own: pd.DataFrame, size: int, colour: str) -> go.Scatter:
    """Returns a cross where one was followed no longer, being still there."""
    ended = own[own["left_sight"] > 0]
    return go.Scatter(
        x=ended["took_s"] / size,
        y=ended["still_share"],
        mode="markers",
        showlegend=False,
        marker={"symbol": "cross-thin", "size": 10, "line": {"width": 2, "color": colour}},
        text=[f"{count} followed for {span(s)}" for count, s in zip(ended["left_sight"], ended["took_s"], strict=True)],
        hovertemplate="%{text}, still there or cancelled<extra></extra>",
    )


def band(own: pd.DataFrame, size: int, colour: str) -> Any:
    """Returns the 95% band around a curve, as a filled outline."""
    whole = own.dropna(subset=["low_share", "high_share"])
    x, low = corners(whole, size, "low_share")
    _, high = corners(whole, size, "high_share")
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return go.Scatter(
        x=[*x, *reversed(x)],
        y=[*high, *reversed(low)],
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.15)",
        line={"width": 0},
        showlegend=False,
        hoverinfo="skip",
    )


def corners(rows: pd.DataFrame, size: int, column: str) -> tuple[list[float], list[float]]:
    """Returns the corners of a stepped line, two for each step, so that an outline can run back along it."""
    x, y = list(rows["took_s"] / size), list(rows[column].astype(float))
    ends = [*x[1:], x[-1]] if x else []
    return [at for pair in zip(x, ends, strict=True) for at in pair], [value for value in y for _ in range(2)]
