"""Plotly figures: pure functions from data to a Figure, which know nothing of streamlit.

Grounds are transparent and text takes the page's colour, so one figure serves light and dark.
"""

from datetime import timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from views._look import PALETTE, SYMBOLS, TONES, look

HOUR = timedelta(hours=1)
HALF = timedelta(minutes=30)
HEAT = [[0.0, "rgba(110,150,190,0.22)"], [0.001, "#f3c766"], [0.4, "#e8743b"], [1.0, "#b3261e"]]
MOMENT = "%{x|%a %d %b %Y %H:%M:%S} UTC<extra></extra>"
SHAPES = ("", "/", "x", "-")
GRID = "rgba(128,128,128,0.25)"


def bare(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Gives a figure the house's ground: transparent, thin grid, room for its labels only."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        hoverlabel={"align": "left"},
        **layout,
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False, automargin=True)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True)
    return figure


def heat(cells: pd.DataFrame) -> go.Figure:
    """Draws failures per hour and app; an unknown hour is hatched, a quiet one is pale.

    `cells` has hour, job_id, app_name, attempts and failures, null where unknown; a point's customdata is job_id, hour.
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
        colorbar={"title": {"text": "Failures"}, "thickness": 12, "dtick": whole(most)},
    )
    figure.add_trace(unknown_hours(rows))
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
        tickvals=list(jobs.index), ticktext=list(jobs["app_name"]), autorange="reversed", showgrid=False
    )
    return bare(figure, 110 + 44 * len(jobs), barmode="overlay", bargap=0, clickmode="event+select")


def unknown_hours(rows: pd.DataFrame) -> go.Bar:
    """Gives hatched bars over each unbroken run of unknown hours of each row."""
    blank = rows[rows["failures"].isna()].sort_values(["row", "hour"])
    run = (blank["hour"].diff().ne(HOUR) | blank["row"].diff().ne(0)).cumsum()
    runs = blank.groupby(run).agg(row=("row", "first"), first=("hour", "min"), last=("hour", "max"))
    lengths = (runs["last"] - runs["first"]).dt.total_seconds() / 3600 + 1
    return go.Bar(
        x=runs["first"] + lengths * HALF,
        base=runs["row"] - 0.46,
        y=[0.92] * len(runs),
        width=lengths * 3_600_000,
        name="Unknown: nothing was delivered",
        hoverinfo="skip",
        marker={
            "color": "rgba(128,128,128,0.12)",
            "line": {"width": 0},
            "pattern": {"shape": "/", "size": 5, "solidity": 0.25, "fgcolor": "rgba(128,128,128,0.9)"},
        },
        showlegend=True,
    )


def cell_text(cell: Any) -> str:
    """Says one hour of one app in words."""
    head = f"<b>{cell.app_name}</b>, {cell.hour:%a %d %b %H:%M} UTC<br>"
    if pd.isna(cell.attempts):
        return head + "unknown: nothing was delivered in this hour"
    if cell.attempts == 0:
        return head + "nothing was tried"
    return head + f"{int(cell.failures)} of {int(cell.attempts)} attempts failed"


def over_time(rows: pd.DataFrame, hours: float) -> go.Figure:
    """Draws failures per bucket, stacked by label; a point's customdata is (label, bucket).

    `rows` has bucket, label and failures; a bucket is `hours` long. The eight commonest labels keep their names.
    """
    totals = rows.groupby("label")["failures"].sum().sort_values(ascending=False)
    figure = go.Figure()
    for place, label in enumerate(totals.index):
        own = rows[rows["label"] == label]
        figure.add_bar(
            x=own["bucket"] + timedelta(hours=hours / 2),
            y=own["failures"],
            name=label,
            width=hours * 3_600_000 * 0.86,
            marker=fill(place),
            customdata=list(zip(own["label"], own["bucket"].astype(str), strict=True)),
            hovertemplate="<b>%{customdata[0]}</b><br>%{y} failures<br>from %{customdata[1]} UTC<extra></extra>",
        )
    heights = rows.groupby("bucket")["failures"].sum()
    figure.update_yaxes(title_text="Failures", rangemode="tozero", dtick=whole(heights.max()))
    if hours >= 24:
        figure.update_xaxes(tick0=heights.index[0] + timedelta(hours=hours / 2), tickformat="%a %d %b")
        figure.update_xaxes(dtick=hours * 3_600_000 * (1 + len(heights) // 10))
    return bare(figure, 340, barmode="stack", clickmode="event+select")


def whole(most: float) -> int | None:
    """Gives the step of an axis of counts: 1 where plotly would put halves, else its own choice."""
    return 1 if most <= 8 else None


def fill(place: int) -> dict[str, Any]:
    """Gives the colour of the place-th label; when colours run out, a pattern is laid over them."""
    return {"color": PALETTE[place % len(PALETTE)], "pattern": {"shape": SHAPES[place // len(PALETTE) % len(SHAPES)]}}


def codes(rows: pd.DataFrame) -> go.Figure:
    """Draws attempts and distinct objects of each error side by side; a point's customdata is the code."""
    figure = go.Figure()
    for column, name, colour in (
        ("attempts", "Attempts", TONES["quiet"]),
        ("objects", "People and groups", TONES["bad"]),
    ):
        figure.add_bar(
            x=rows[column],
            y=rows["error_code"],
            name=name,
            orientation="h",
            marker={"color": colour},
            text=rows[column],
            textposition="outside",
            cliponaxis=False,
            customdata=rows[["error_code"]],
            hovertemplate="<b>%{y}</b><br>" + name.lower() + ": %{x}<extra></extra>",
        )
    figure.update_xaxes(dtick=whole(rows["attempts"].max()))
    figure.update_yaxes(autorange="reversed")
    return bare(figure, 70 + 46 * len(rows), barmode="group", bargap=0.25, clickmode="event+select")


def lanes(events: pd.DataFrame) -> go.Figure:
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
            customdata=own[["event_id", "job_id", "action", "said"]],
            hovertemplate=f"<b>%{{customdata[2]}}</b>: {look(status).label.lower()}<br>%{{customdata[3]}}<br>{MOMENT}",
        )
    figure.update_yaxes(type="category")
    return bare(figure, 110 + 46 * events["app_name"].nunique(), clickmode="event+select")
