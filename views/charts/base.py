"""Plotly figures: pure functions from data to a Figure, which know nothing of streamlit.

Grounds are transparent and text takes the page's colour, so one figure serves light and dark.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from views.frame.look import PALETTE, SYMBOLS, TONES, look

HOUR = timedelta(hours=1)
HALF = timedelta(minutes=30)
HEAT = [[0.0, "rgba(110,150,190,0.22)"], [0.001, "#f3c766"], [0.4, "#e8743b"], [1.0, "#b3261e"]]
MOMENT = "%{x|%a %d %b %Y %H:%M:%S} UTC<extra></extra>"
SHAPES = ("", "/", "x", "-")
GRID = "rgba(128,128,128,0.25)"


@dataclass(frozen=True)
class Known:
    """What hours of one state look like, and what they are called in a legend."""

    rank: int
    words: str
    marker: dict[str, Any]


def pattern(shape: str, ground: str, ink: str, **more: Any) -> dict[str, Any]:
    """Gives a bar's looks: a ground with a pattern over it."""
    return {"color": ground, "line": {"width": 0}, "pattern": {"shape": shape, "fgcolor": ink} | more}


KNOWN = {
    "complete": Known(1001, "Complete", {"color": "rgba(27,158,119,0.55)", "line": {"width": 0}}),
    "partial": Known(
        1002,
        "Partial: some may be missing",
        pattern(".", "rgba(128,128,128,0.06)", "rgba(128,128,128,0.95)", size=5, solidity=0.3),
    ),
    "unknown": Known(
        1003,
        "Unknown: nothing speaks for it",
        pattern("/", "rgba(128,128,128,0.12)", "rgba(128,128,128,0.9)", size=5, solidity=0.25),
    ),
}
"How well an hour is known; patterns, so that colour is never alone."


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
        colorbar={"title": {"text": "Failures"}, "thickness": 12, "dtick": whole(most)},
    )
    for state in ("unknown", "partial"):
        figure.add_trace(runs(rows, state))
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


def runs(rows: pd.DataFrame, state: str, **more: Any) -> go.Bar:
    """Gives bars over each unbroken run of hours in a state of each row; `rows` has row, hour and state."""
    own = rows[rows["state"] == state].sort_values(["row", "hour"])
    run = (own["hour"].diff().ne(HOUR) | own["row"].diff().ne(0)).cumsum()
    found = own.groupby(run).agg(row=("row", "first"), first=("hour", "min"), last=("hour", "max"))
    lengths = (found["last"] - found["first"]).dt.total_seconds() / 3600 + 1
    return go.Bar(
        x=found["first"] + lengths * HALF,
        base=found["row"] - 0.46,
        y=[0.92] * len(found),
        width=lengths * 3_600_000,
        name=KNOWN[state].words,
        legendrank=KNOWN[state].rank,
        hoverinfo="skip",
        marker=KNOWN[state].marker,
        showlegend=True,
        **more,
    )


def cell_text(cell: Any) -> str:
    """Says one hour of one app in words."""
    head = f"<b>{cell.app_name}</b>, {cell.hour:%a %d %b %H:%M} UTC<br>"
    if pd.isna(cell.attempts):
        return head + "unknown: nothing that was read speaks for this hour"
    said = "nothing was tried" if cell.attempts == 0 else f"{cell.failures:.0f} of {cell.attempts:.0f} attempts failed"
    return head + said + (", as far as it is known: the hour is partial" if cell.state == "partial" else "")


def known(cells: pd.DataFrame) -> go.Figure:
    """Draws how well each hour is known, a strip for each job and kind of record.

    `cells` has kind, tenant_id, job_id, label, hour and state.
    """
    strips = cells[["kind", "tenant_id", "job_id", "label"]].drop_duplicates().reset_index(drop=True)
    rows = cells.merge(strips.reset_index(names="row"), "left", ["kind", "tenant_id", "job_id", "label"])
    figure = go.Figure([runs(rows, state) for state in KNOWN])
    figure.add_scatter(
        x=rows["hour"] + HALF,
        y=rows["row"],
        mode="markers",
        showlegend=False,
        marker={"symbol": "square", "size": 12, "opacity": 0},
        text=[f"<b>{row.label}</b>, {row.hour:%a %d %b %H:%M} UTC<br>{row.state}" for row in rows.itertuples()],
        hoverinfo="text",
    )
    figure.update_xaxes(range=[rows["hour"].min(), rows["hour"].max() + HOUR])
    figure.update_yaxes(tickvals=list(strips.index), ticktext=list(strips["label"]), autorange="reversed")
    figure.update_yaxes(showgrid=False)
    return bare(figure, 90 + 34 * len(strips), barmode="overlay", bargap=0)


def bands(figure: go.Figure, hours: pd.DataFrame) -> None:
    """Lays a band behind each run of hours that are not complete; `hours` has hour and state."""
    rows = hours.assign(row=0)
    for state in ("unknown", "partial"):
        if (rows["state"] == state).any():
            figure.add_trace(runs(rows, state, yaxis="y2"))
    behind = {"range": [-0.46, 0.46], "visible": False, "fixedrange": True}
    figure.update_layout(yaxis={"overlaying": "y2", "tickmode": "auto"}, yaxis2=behind, legend={"traceorder": "normal"})


def over_time(rows: pd.DataFrame, hours: float, known: pd.DataFrame | None = None) -> go.Figure:
    """Draws failures per bucket, stacked by label; a point's customdata is (label, bucket).

    `rows` has bucket, label and failures; a bucket is `hours` long. The eight commonest labels keep their names.
    `known` has each hour's state; hours that are not complete have a band behind them.
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
    if known is not None and (known["state"] != "complete").any():
        bands(figure, known)
    name_days(figure, heights.index, hours)
    return bare(figure, 340, barmode="stack", clickmode="event+select")


def name_days(figure: go.Figure, buckets: pd.Index, hours: float) -> None:
    """Writes each day's name under the middle of its bar, where bars are days or longer."""
    if hours >= 24:
        figure.update_xaxes(tick0=buckets[0] + timedelta(hours=hours / 2), tickformat="%a %d %b")
        figure.update_xaxes(dtick=hours * 3_600_000 * (1 + len(buckets) // 10))


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


def strip(firings: Any, held: pd.DataFrame, since: Any, until: Any) -> go.Figure:
    """Draws when a rule would have fired above when jobs were in quarantine; what lasts reaches the end."""
    fired: list[tuple[Any, Any, Any]] = [(one.fired_at, one.closed_at, one.summary) for one in firings]
    kept = [(row["opened_at"], row["closed_at"], row["app_name"]) for row in held.to_dict("records")]
    figure = go.Figure()
    for lane, spans, tone, shape in (("Would have fired", fired, "warn", "/"), ("Quarantine", kept, "bad", "")):
        begins = [max(pd.Timestamp(begin), pd.Timestamp(since)) for begin, _, _ in spans]
        ends = [pd.Timestamp(until if end is None or pd.isna(end) else end) for _, end, _ in spans]
        figure.add_bar(
            y=[lane] * len(spans) or [lane],
            base=begins or [since],
            x=[max(0.0, (end - begin).total_seconds() * 1000) for begin, end in zip(begins, ends, strict=True)] or [0],
            orientation="h",
            marker=pattern(shape, TONES[tone], "rgba(255,255,255,0.6)"),  # type: ignore[index]
            hovertext=[said for _, _, said in spans],
            hoverinfo="text",
            showlegend=False,
        )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(type="date", range=[since, until], gridcolor=GRID)
    return bare(figure, 150)
