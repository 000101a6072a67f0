"""Figures of cycles: how one climbs, and a day of every job's.

Outcomes are told apart by pattern as well as by colour; what is unknown is hatched, as everywhere.
"""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.config import wording
from pipeline.config.wording import count, instant, is_missing
from views.charts.base import AT, axis_names, bare, escaped, whole_steps
from views.frame.look import TONES, Tone, look

DAY = timedelta(days=1)
VISIBLE = DAY / 300
"A cycle of seconds is drawn as wide as this, or it could not be seen."
PATTERNS = {
    "succeeded": ("", "."),
    "errors": ("/", "+"),
    "run failed": ("x", "|"),
    "nothing_to_do": ("", "."),
    "running": ("-", "\\"),
}
"An outcome's pattern: of an ordinary cycle, and of one that looks at everything."
EVERYTHING = ("initial", "restarted")
HOLES: dict[str, tuple[str, Tone]] = {
    "missed": ("Missed cycle", "bad"),
    "paused": ("Paused", "quiet"),
    "quarantine": ("Quarantine", "warn"),
}
STAY: dict[str, Any] = {"marker": {"opacity": 1}}
"How what is no cycle looks while a cycle is selected: as always."
FAINT = "rgba(128,128,128,0.18)"
HATCH = {"shape": "/", "size": 5, "solidity": 0.25, "fgcolor": "rgba(128,128,128,0.9)"}


def burn_up(points: pd.DataFrame, now: datetime, expected: float | None, ends: tuple[Any, Any, Any]) -> go.Figure:
    """Draws objects handled since a cycle began, what is expected, and between when and when it should get there.

    `points` has at, objects_done and pages_share; `ends` are the earliest, likeliest and latest end or None.
    """
    figure = go.Figure()
    done = float(points["objects_done"].max() or 0)
    low, likely, high = ends
    if expected and not is_missing(low) and not is_missing(high):
        figure.add_scatter(
            x=[now, low, high, now],
            y=[done, expected, expected, done],
            mode="none",
            fill="toself",
            fillcolor="rgba(63,143,210,0.22)",
            name="80% band",
            hoverinfo="skip",
        )
    if expected and not is_missing(likely):
        line = {"color": TONES["info"], "dash": "dot", "width": 1.5}
        figure.add_scatter(
            x=[now, likely], y=[done, expected], mode="lines", line=line, name="Likeliest", hoverinfo="skip"
        )
    figure.add_scatter(
        x=points["at"],
        y=points["objects_done"],
        mode="lines+markers" if len(points) < 40 else "lines",
        line={"color": TONES["info"], "width": 2.5, "shape": "hv"},
        marker={"size": 5},
        name="Processed",
        hovertemplate=f"<b>%{{y:,}} processed</b><br>{AT}<extra></extra>",
    )
    if expected:
        figure.add_hline(y=expected, line={"color": TONES["quiet"], "dash": "dash", "width": 1})
    figure.update_xaxes(type="date")
    figure.update_yaxes(rangemode="tozero", title_text="Users and groups", dtick=whole_steps(max(done, expected or 0)))
    return bare(figure, 240, uirevision="kept")


def day_lanes(stretches: pd.DataFrame, cycles: pd.DataFrame, since: datetime, now: datetime) -> go.Figure:
    """Draws a lane per job: its cycles, when they were due, where none came and what is unknown.

    `stretches` answers day_lanes, `cycles` cycles_lately; a cycle's customdata is job_id and cycle_id.
    """
    jobs = pd.concat([stretches[["job_id", "app_name"]], cycles[["job_id", "app_name"]]]).drop_duplicates("job_id")
    jobs = jobs.sort_values(["app_name", "job_id"]).reset_index(drop=True)
    places = {job: place for place, job in enumerate(jobs["job_id"])}
    rows = stretches.assign(row=stretches["job_id"].map(places))
    figure = go.Figure()
    add_unknown(figure, rows[rows["what"] == "unknown"])
    for why, (name, tone) in HOLES.items():
        add_holes(figure, rows[(rows["what"] == "hole") & (rows["why"] == why)], name, tone)
    add_due(figure, rows[rows["what"] == "due"])
    add_cycles(figure, cycles.assign(row=cycles["job_id"].map(places)))
    if since < now < since + DAY:
        figure.add_vline(x=now, line={"color": TONES["info"], "width": 1.5, "dash": "dot"})
    figure.update_xaxes(
        type="date",
        range=[since, since + DAY],
        tickformat="%H:%M",
        dtick=3 * 3_600_000,
        title_text=f"{wording.day(since)}, UTC",
    )
    figure.update_yaxes(
        tickvals=list(jobs.index), ticktext=axis_names(jobs["app_name"]), range=[len(jobs) - 0.4, -0.6], showgrid=False
    )
    height = 130 + 52 * len(jobs)
    return bare(figure, height, barmode="overlay", clickmode="event+select", legend_traceorder="normal")


def lying_bar(rows: pd.DataFrame, least: timedelta = timedelta(0)) -> dict[str, Any]:
    """Returns a lying bar: where it begins, how long it is in milliseconds, and its lane."""
    lengths = (rows["ended_at"] - rows["began_at"]).dt.total_seconds() * 1000
    return {
        "base": rows["began_at"],
        "x": lengths.clip(lower=least.total_seconds() * 1000),
        "y": rows["row"],
        "orientation": "h",
    }


def add_unknown(figure: go.Figure, rows: pd.DataFrame) -> None:
    """Hatches what neither a run nor a status covers."""
    if rows.empty:
        return
    figure.add_bar(
        **lying_bar(rows),
        width=0.86,
        unselected=STAY,
        name="No data",
        marker={"color": "rgba(128,128,128,0.10)", "line": {"width": 0}, "pattern": HATCH},
        hovertext=[f"<b>{escaped(row.app_name)}</b><br>no data {day_span(row)}" for row in rows.itertuples()],
        hoverinfo="text",
    )


def add_holes(figure: go.Figure, rows: pd.DataFrame, name: str, tone: Tone) -> None:
    """Leaves a framed hole where a run was due and Graph's status says that none had begun."""
    if rows.empty:
        return
    text = "missed cycle" if name == "Missed cycle" else f"no cycle: {name.lower()}"
    figure.add_bar(
        **lying_bar(rows),
        width=0.56,
        unselected=STAY | {"textfont": {"color": TONES[tone]}},
        name=name,
        marker={"color": "rgba(0,0,0,0)", "line": {"color": TONES[tone], "width": 2}},
        text=[name if long else "" for long in rows["ended_at"] - rows["began_at"] > timedelta(hours=2)],
        textposition="inside",
        insidetextanchor="middle",
        textfont={"color": TONES[tone]},
        textangle=0,
        constraintext="none",
        hovertext=[f"<b>{escaped(row.app_name)}</b><br>{text}<br>{day_span(row)}" for row in rows.itertuples()],
        hoverinfo="text",
    )


def add_due(figure: go.Figure, rows: pd.DataFrame) -> None:
    """Marks when each run was due, and how long it might still come."""
    if rows.empty:
        return
    figure.add_bar(
        **lying_bar(rows),
        width=0.16,
        unselected=STAY,
        marker={"color": FAINT, "line": {"width": 0}},
        name="Grace",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=rows["began_at"],
        y=rows["row"],
        mode="markers",
        name="Due",
        unselected=STAY,
        marker={"symbol": "line-ns", "size": 20, "line": {"width": 1.2, "color": TONES["quiet"]}},
        hovertext=[due_text(row) for row in rows.itertuples()],
        hoverinfo="text",
    )


def add_cycles(figure: go.Figure, rows: pd.DataFrame) -> None:
    """Draws the cycles; those that look at everything are taller and textured."""
    everything = rows["kind"].isin(EVERYTHING)
    for (outcome, textured), own in rows.groupby([rows["outcome"].fillna("unknown"), everything], sort=True):
        outcome_look = look(str(outcome))
        figure.add_bar(
            **lying_bar(own, VISIBLE),
            width=0.72 if textured else 0.5,
            name=f"{outcome_look.label}, initial" if textured else outcome_look.label,
            marker={
                "color": TONES[outcome_look.tone],
                "line": {"width": 1.5 if textured else 0, "color": TONES["quiet"]},
                "pattern": texture(PATTERNS.get(str(outcome), ("", "."))[bool(textured)]),
            },
            customdata=own[["job_id", "cycle_id"]],
            hovertext=[cycle_text(row) for row in own.itertuples()],
            hoverinfo="text",
            unselected={"marker": {"opacity": 0.55}},
        )


def texture(shape: str) -> dict[str, Any]:
    """Returns a pattern that is laid over its bar's colour, so that what is written on the bar stays legible."""
    return {"shape": shape, "size": 7, "solidity": 0.25, "fillmode": "overlay", "fgcolor": "rgba(255,255,255,0.75)"}


def day_span(row: Any) -> str:
    """Writes from when to when a stretch goes, within its day."""
    return wording.clock_span(row.began_at, row.ended_at)


def due_text(row: Any) -> str:
    """Writes when a run was due."""
    return f"<b>{escaped(row.app_name)}</b><br>a cycle was due {instant(row.began_at)}"


def cycle_text(row: Any) -> str:
    """Writes one cycle in words."""
    kind = "cycle" if is_missing(row.kind) else f"{row.kind} cycle"
    failed = f", {int(row.failed):,} failed" if row.failed else ""
    work = f"{count(row.objects, 'user or group', 'users and groups')}{failed}" if row.events else "no changes"
    return (
        f"<b>{escaped(row.app_name)}</b>, {kind}: {look(str(row.outcome)).label.lower()}<br>{work}<br>{day_span(row)}"
    )
