"""Figures of failures: by hour and app, over time, and by error code."""

from datetime import timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.config.wording import instant
from views.charts.base import (
    HALF,
    HOUR,
    add_bands,
    axis_names,
    bare,
    escaped,
    label_fill,
    name_days,
    state_bars,
    whole_steps,
)
from views.frame.look import TONES

HEAT = [[0.0, "rgba(110,150,190,0.22)"], [0.001, "#f3c766"], [0.4, "#e8743b"], [1.0, "#b3261e"]]


def failures_by_hour(cells: pd.DataFrame) -> go.Figure:
    """Draws failures per hour and app; an unknown hour is hatched, a partial one dotted, a quiet one pale.

    `cells` has hour, job_id, app_name, state, and attempts and failures, null where unknown; a point's customdata is
    job_id, hour.
    """
    jobs = cells[["job_id", "app_name"]].drop_duplicates().reset_index(drop=True)
    rows = cells.assign(row=cells["job_id"].map({job: row for row, job in enumerate(jobs["job_id"])}))
    grid = rows.pivot(index="row", columns="hour", values="failures")
    hours = pd.to_datetime(grid.columns) + HALF
    most = max(1.0, float(grid.max().max() or 0))
    figure = go.Figure()
    figure.add_heatmap(
        x=hours,
        y=list(grid.index),
        z=grid.to_numpy(dtype=float),
        colorscale=HEAT,
        zmin=0,
        xgap=0,
        ygap=3,
        zmax=most,
        hoverinfo="skip",
        colorbar={"title": {"text": "Failures"}, "thickness": 12, "dtick": whole_steps(most)},
    )
    for state in ("unknown", "partial"):
        figure.add_trace(state_bars(rows, state))
    figure.add_scatter(
        x=rows["hour"] + HALF,
        y=rows["row"],
        mode="markers",
        showlegend=False,
        marker={"symbol": "square", "size": 12, "opacity": 0},
        selected={"marker": {"opacity": 0.6}},
        unselected={"marker": {"opacity": 0}},
        customdata=list(zip(rows["job_id"], rows["hour"].astype(str), strict=True)),
        text=[cell_text(cell) for cell in rows.itertuples()],
        hoverinfo="text",
    )
    figure.update_xaxes(range=[rows["hour"].min(), rows["hour"].max() + HOUR])
    figure.update_yaxes(
        tickvals=list(jobs.index), ticktext=axis_names(jobs["app_name"]), autorange="reversed", showgrid=False
    )
    return bare(figure, 110 + 44 * len(jobs), barmode="overlay", bargap=0, clickmode="event+select")


def cell_text(cell: Any) -> str:
    """Writes one hour of one app in words."""
    head = f"<b>{escaped(cell.app_name)}</b>, {instant(cell.hour)}<br>"
    if pd.isna(cell.attempts):
        return head + "unknown: no data was read for this hour"
    outcome = (
        "nothing was tried" if cell.attempts == 0 else f"{cell.failures:.0f} of {cell.attempts:.0f} attempts failed"
    )
    return head + outcome + (", as far as it is known: the hour is partial" if cell.state == "partial" else "")


def failures_over_time(rows: pd.DataFrame, hours: float, hour_states: pd.DataFrame | None = None) -> go.Figure:
    """Draws failures per bucket, stacked by label; a point's customdata is label, bucket and the bucket in words.

    `rows` has bucket, label and failures; a bucket is `hours` long. The eight commonest labels keep their names.
    `hour_states` has each hour's state; hours that are not complete have a band behind them.
    """
    totals = rows.groupby("label")["failures"].sum().sort_values(ascending=False)
    figure = go.Figure()
    for place, label in enumerate(totals.index):
        own = rows[rows["label"] == label]
        figure.add_bar(
            x=own["bucket"] + timedelta(hours=hours / 2),
            y=own["failures"],
            name=escaped(label),
            width=hours * 3_600_000 * 0.86,
            marker=label_fill(place),
            customdata=list(zip(own["label"], own["bucket"].astype(str), map(instant, own["bucket"]), strict=True)),
            hovertemplate=f"<b>{escaped(label)}</b><br>%{{y}} failures<br>from %{{customdata[2]}}<extra></extra>",
        )
    heights = rows.groupby("bucket")["failures"].sum()
    figure.update_yaxes(title_text="Failures", rangemode="tozero", dtick=whole_steps(heights.max()))
    if hour_states is not None and (hour_states["state"] != "complete").any():
        add_bands(figure, hour_states)
    name_days(figure, heights.index, hours)
    return bare(figure, 340, barmode="stack", clickmode="event+select")


def error_codes(rows: pd.DataFrame) -> go.Figure:
    """Draws attempts and distinct objects of each error side by side; a point's customdata is the code."""
    figure = go.Figure()
    for column, name, colour in (
        ("attempts", "Attempts", TONES["quiet"]),
        ("objects", "Users and groups", TONES["bad"]),
    ):
        figure.add_bar(
            x=rows[column],
            y=rows["error_code"].map(escaped),
            name=name,
            orientation="h",
            marker={"color": colour},
            text=rows[column],
            textposition="outside",
            cliponaxis=False,
            customdata=rows[["error_code"]],
            hovertemplate="<b>%{y}</b><br>" + name.lower() + ": %{x}<extra></extra>",
        )
    # Numbers outside of the longest bar need room inside of the axes, else the figure's edge cuts them.
    figure.update_xaxes(dtick=whole_steps(rows["attempts"].max()), range=[0, rows["attempts"].max() * 1.12])
    figure.update_yaxes(autorange="reversed")
    return bare(figure, 70 + 46 * len(rows), barmode="group", bargap=0.25, clickmode="event+select")
