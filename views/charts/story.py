"""One person's or group's life as a chart: a lane per app and side, cycles behind, configuration changes pinned."""

from datetime import datetime
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.config.wording import is_missing
from views.charts.base import AT_SECOND, axis_names, bare, escaped
from views.frame.look import SYMBOLS, TONES, look

ENTRA, TARGET = "Entra", "the app"
GOOD, READ, BAD = ("circle-open", "good"), ("circle-open", "quiet"), ("x-open", "bad")
BAND = "rgba(110,150,190,0.22)"
LEAST = pd.Timedelta(minutes=4)
"How wide a cycle is drawn at least, or one of a second would not show."
MARKS = 60
"How many marks have room side by side: a cycle is drawn at least that wide, or its band would be behind its mark."


def lane_name(app: object, side: str) -> str:
    """Names a lane."""
    return f"{app} · {side}"


def lane_labels(lanes: list[str]) -> list[str]:
    """Writes lanes as labels of the axis.

    >>> lane_labels([lane_name("<b>Zoom", ENTRA)])
    ['&lt;b&gt;Zoom · Entra']
    """
    parts = [lane.rpartition(" · ") for lane in lanes]
    return [f"{app} · {side}" for app, (_, _, side) in zip(axis_names(app for app, _, _ in parts), parts, strict=True)]


def story_lanes(
    events: pd.DataFrame, requests: pd.DataFrame, cycles: pd.DataFrame, pins: pd.DataFrame, at: datetime | None = None
) -> go.Figure:
    """Draws events above the requests that the app got, app by app; a mark of an event has its id and its job's.

    `events` is the answer of `person_events` with `why`, in a word or two; `requests`, `cycles` and `pins` are those of
    `person_requests`, `person_cycles` and `person_configurations`. An app without a request has no lane for its side.
    """
    figure = event_lanes(events.assign(app_name=[lane_name(app, ENTRA) for app in events["app_name"]]))
    add_requests(figure, requests)
    logged = set(requests["app_name"])
    order = [
        name
        for app in sorted(set(events["app_name"]), reverse=True)
        for name in ([lane_name(app, TARGET)] if app in logged else []) + [lane_name(app, ENTRA)]
    ]
    figure.update_yaxes(categoryorder="array", categoryarray=order, tickvals=order)
    figure.update_yaxes(ticktext=lane_labels(order))
    figure.update_layout(height=120 + 40 * len(order))
    seen = pd.concat([events["occurred_at"], requests["occurred_at"]])
    add_cycles(figure, cycles, order, max(LEAST, (seen.max() - seen.min()) / MARKS))
    add_pins(figure, pins)
    if at is not None:
        figure.add_vline(x=at, line={"width": 1, "dash": "dash", "color": "rgba(128,128,128,0.9)"})
    return figure


def event_lanes(events: pd.DataFrame) -> go.Figure:
    """Draws events on one time line with a lane per app; a point's customdata is the event's id and its job's.

    The mark's shape says how it ended: a disc is a success, a cross a failure, a triangle a skip, a diamond a warning.
    """
    figure = go.Figure()
    for status in dict.fromkeys(events["status"]):
        own = events[events["status"] == status]
        figure.add_scatter(
            x=own["occurred_at"],
            y=own["app_name"],
            mode="markers",
            name=look(status).label,
            marker={
                "symbol": SYMBOLS.get(status, "square"),
                "size": 12,
                "color": TONES[look(status).tone],
                "line": {"width": 1},
            },
            customdata=own[["event_id", "job_id", "action", "why"]].assign(
                action=own["action"].map(brief), why=own["why"].map(brief)
            ),
            hovertemplate=f"<b>%{{customdata[2]}}</b>: {look(status).label.lower()}<br>%{{customdata[3]}}<br>"
            f"{AT_SECOND}<extra></extra>",
        )
    figure.update_xaxes(type="date")
    figure.update_yaxes(type="category")
    return bare(figure, 110 + 46 * events["app_name"].nunique(), clickmode="event+select")


def add_requests(figure: go.Figure, requests: pd.DataFrame) -> None:
    """Adds the requests that the apps got: an open disc was answered well, an open cross was not."""
    good = requests["http_status"].fillna(999) < 400
    # A search that was answered accepts nobody: only a write that was answered well is the app's yes.
    writes = requests["method"] != "GET"
    for name, own, (symbol, tone) in (
        ("Accepted by the app", requests[good & writes], GOOD),
        ("Search answered (2xx)", requests[good & ~writes], READ),
        ("Rejected, or no response", requests[~good], BAD),
    ):
        if own.empty:
            continue
        figure.add_scatter(
            x=own["occurred_at"],
            y=[lane_name(app, TARGET) for app in own["app_name"]],
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 10, "color": TONES[tone], "line": {"width": 2}},  # type: ignore[index]
            customdata=[["", "", request_text(row)] for row in own.to_dict("records")],
            hovertemplate=f"%{{customdata[2]}}<br>{AT_SECOND}, by the app's clock<extra></extra>",
        )


def request_text(row: dict[Any, Any]) -> str:
    """Writes a request and its answer."""
    status = "no answer" if is_missing(row["http_status"]) else int(row["http_status"])
    detail = "" if is_missing(row["detail"]) else f"<br>{brief(row['detail'])}"
    return f"<b>{brief(row['method'])}</b> {brief(row['operation'])}: {status}{detail}"


def brief(text: object) -> str:
    """Writes the beginning of a text from a log for a hover."""
    return "" if is_missing(text) else escaped(str(text)[:120])


def add_cycles(figure: go.Figure, cycles: pd.DataFrame, order: list[str], least: pd.Timedelta) -> None:
    """Adds a band behind an app's lane for each cycle that did something to the person, at least so wide."""
    for row in cycles.to_dict("records"):
        name = lane_name(row["app_name"], ENTRA)
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
    """Adds a pin at the top for each time that a job's configuration was seen to have changed."""
    for row in pins.to_dict("records"):
        figure.add_vline(x=row["observed_at"], line={"width": 1, "dash": "dot", "color": TONES["warn"]})
        figure.add_annotation(
            x=row["observed_at"],
            y=1,
            yref="paper",
            yanchor="bottom",
            text="⚑",
            showarrow=False,
            font={"color": TONES["warn"]},
            hovertext=f"{brief(row['app_name'])}: {brief(row['what'])}",
        )
