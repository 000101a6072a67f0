"""One person's or group's life as a chart: a lane per app and side, cycles behind, configuration changes pinned."""

from datetime import datetime

import pandas as pd
import plotly.graph_objects as go

from views.charts.base import lanes
from views.frame.data import Row, records
from views.frame.look import TONES, missing

ENTRA, HEARD = "Entra", "the app"
GOOD, BAD = ("circle-open", "good"), ("x-open", "bad")
BAND = "rgba(110,150,190,0.22)"
LEAST = pd.Timedelta(minutes=4)
"How wide a cycle is drawn at least, or one of a second would not show."
MARKS = 60
"How many marks have room side by side: a cycle is drawn at least that wide, or its band would be behind its mark."


def lane(app: object, side: str) -> str:
    """Names a lane."""
    return f"{app} · {side}"


def life(
    events: pd.DataFrame, requests: pd.DataFrame, cycles: pd.DataFrame, pins: pd.DataFrame, at: datetime | None = None
) -> go.Figure:
    """Draws events above the requests that the app heard, app by app; a mark of an event gives its id and its job's.

    `events` is that of `person_events` with `said`; `requests`, `cycles` and `pins` are those of `person_requests`,
    `person_cycles` and `person_configurations`. An app without a request has no lane for its side.
    """
    figure = lanes(events.assign(app_name=[lane(app, ENTRA) for app in events["app_name"]]))
    add_requests(figure, requests)
    heard = set(requests["app_name"])
    order = [
        name
        for app in sorted(set(events["app_name"]), reverse=True)
        for name in ([lane(app, HEARD)] if app in heard else []) + [lane(app, ENTRA)]
    ]
    figure.update_yaxes(categoryorder="array", categoryarray=order)
    figure.update_layout(height=120 + 40 * len(order))
    seen = pd.concat([events["occurred_at"], requests["occurred_at"]])
    add_cycles(figure, cycles, order, max(LEAST, (seen.max() - seen.min()) / MARKS))
    add_pins(figure, pins)
    if at is not None:
        figure.add_vline(x=at, line={"width": 1, "dash": "dash", "color": "rgba(128,128,128,0.9)"})
    return figure


def add_requests(figure: go.Figure, requests: pd.DataFrame) -> None:
    """Adds what the apps heard: an open disc was answered well, an open cross was not."""
    good = requests["http_status"].fillna(999) < 400
    for name, own, (symbol, tone) in (
        ("Answered well", requests[good], GOOD),
        ("Refused, or no answer", requests[~good], BAD),
    ):
        if own.empty:
            continue
        figure.add_scatter(
            x=own["occurred_at"],
            y=[lane(app, HEARD) for app in own["app_name"]],
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 10, "color": TONES[tone], "line": {"width": 2}},  # type: ignore[index]
            customdata=[["", "", said(row)] for row in records(own)],
            hovertemplate="%{customdata[2]}<br>%{x|%a %d %b %Y %H:%M:%S} UTC, by the app's clock<extra></extra>",
        )


def said(row: Row) -> str:
    """Says what was asked and answered."""
    status = "no answer" if missing(row["http_status"]) else int(row["http_status"])
    detail = "" if missing(row["detail"]) else f"<br>{escaped(row['detail'])}"
    return f"<b>{row['method']}</b> {escaped(row['operation'])}: {status}{detail}"


def escaped(text: object) -> str:
    """Gives text from a log for a hover, which reads some HTML."""
    return "" if missing(text) else str(text)[:120].replace("&", "&amp;").replace("<", "&lt;")


def add_cycles(figure: go.Figure, cycles: pd.DataFrame, order: list[str], least: pd.Timedelta) -> None:
    """Adds a band behind an app's lane for each cycle that did something to the person, at least so wide."""
    for row in records(cycles):
        name = lane(row["app_name"], ENTRA)
        if name not in order:
            continue
        place = order.index(name)
        half = (row["ended_at"] - row["began_at"]) / 2
        middle, half = row["began_at"] + half, max(half, least / 2)
        figure.add_shape(
            type="rect",
            x0=middle - half,
            x1=middle + half,
            y0=place - 0.42,
            y1=place + 0.42,
            layer="below",
            line={"width": 0},
            fillcolor=BAND,
        )


def add_pins(figure: go.Figure, pins: pd.DataFrame) -> None:
    """Adds a pin at the top for each time that a job's configuration was found changed."""
    for row in records(pins):
        figure.add_vline(x=row["observed_at"], line={"width": 1, "dash": "dot", "color": TONES["warn"]})
        figure.add_annotation(
            x=row["observed_at"],
            y=1,
            yref="paper",
            yanchor="bottom",
            text="⚑",
            showarrow=False,
            font={"color": TONES["warn"]},
            hovertext=f"{escaped(row['app_name'])}: {escaped(row['what'])}",
        )
