"""Figures of issues: new against recurring failures, and how one issue spread."""

from datetime import timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.config.wording import instant
from views.charts.base import AT_SECOND, add_bands, bare, name_days, whole_steps
from views.frame.look import TONES

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "new": ("New: the issue began within a day", {"color": TONES["bad"]}),
    "recurring": ("Recurring", {"color": TONES["warn"], "pattern": {"shape": "/"}}),
    "noise": ("No-op events", {"color": TONES["quiet"], "pattern": {"shape": "x"}}),
}
"What each kind is called and looks like; patterns, so that colour is never alone."


def issue_kinds(rows: pd.DataFrame, hours: int, hour_states: pd.DataFrame | None = None) -> go.Figure:
    """Draws what went wrong per bucket, new against recurring; a stretch of it can be selected.

    `rows` has bucket, kind, events and people; `hour_states` each hour's state.
    """
    figure = go.Figure()
    for kind, (name, marker) in KINDS.items():
        own = rows[rows["kind"] == kind]
        if own.empty:
            continue
        figure.add_bar(
            x=own["bucket"] + timedelta(hours=hours / 2),
            y=own["events"],
            width=[hours * 3_600_000 * 0.9] * len(own),
            name=name,
            marker=marker,
            customdata=list(zip(map(instant, own["bucket"]), own["people"], strict=True)),
            hovertemplate=f"<b>{name}</b><br>%{{y}} times, %{{customdata[1]}} users and groups<br>"
            "from %{customdata[0]}<extra></extra>",
        )
    heights = rows.groupby("bucket")["events"].sum()
    counted = "Failures, skips, no-op events" if "noise" in set(rows["kind"]) else "Failures and skips"
    figure.update_yaxes(title_text=counted, rangemode="tozero", dtick=whole_steps(heights.max()))
    figure.update_xaxes(type="date")
    name_days(figure, heights.index, hours)
    if hour_states is not None and (hour_states["state"] != "complete").any():
        add_bands(figure, hour_states)
    return bare(figure, 300, barmode="stack", clickmode="event+select", dragmode="select", selectdirection="h")


def issue_spread(rows: pd.DataFrame, until: Any) -> go.Figure:
    """Draws how many an issue affected at each moment, and by then ever; `rows` has moment, waiting and hit."""
    last = rows.iloc[-1]
    ends = pd.concat([rows, pd.DataFrame([{"moment": until, "waiting": last["waiting"], "hit": last["hit"]}])])
    figure = go.Figure()
    for column, name, line in (
        ("hit", "Affected so far", {"color": TONES["quiet"], "dash": "dot", "shape": "hv"}),
        ("waiting", "Affected now", {"color": TONES["bad"], "shape": "hv"}),
    ):
        figure.add_scatter(
            x=ends["moment"],
            y=ends[column],
            mode="lines",
            name=name,
            line=line,
            fill="tozeroy" if column == "waiting" else None,
            hovertemplate=f"<b>%{{y}}</b> {name.lower()}<br>{AT_SECOND}<extra></extra>",
        )
    figure.update_xaxes(type="date")
    figure.update_yaxes(title_text="Users and groups", rangemode="tozero", dtick=whole_steps(ends["hit"].max()))
    return bare(figure, 240)
