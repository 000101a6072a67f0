"""Figures of quarantine: every job's status over time, headroom to each limit, and pending retries over time.

A status has a pattern and a label as well as a colour; what is unknown is hatched, as everywhere.
"""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.config.wording import instant, is_missing
from views.charts.base import AT, axis_names, bare, escaped, whole_steps
from views.charts.cycles import lying_bar
from views.frame.look import TONES, Tone, look

WORDS = ("healthy", "watch", "imminent", "quarantined", "switched_off", "paused", "never_run", "unknown")
PATTERNS = {"healthy": "", "quarantined": "", "watch": ".", "imminent": "x", "switched_off": "+", "never_run": "|"}
"Slanted lines are of missing data alone."
INK = "rgba(255,255,255,0.75)"
FAINT: dict[str, Any] = {
    "color": "rgba(128,128,128,0.10)",
    "line": {"width": 0},
    "pattern": {"shape": "/", "size": 5, "solidity": 0.25, "fgcolor": "rgba(128,128,128,0.9)"},
}
AFTER = (1, 2, 3)
"How many cycles ahead the band is drawn."
WIDEST = 1.6
"No axis goes further beyond the limit than this part of it."


def status_lanes(stretches: pd.DataFrame, since: datetime, until: datetime, at: datetime) -> go.Figure:
    """Draws the status of each job over the window; a diamond marks where the reason of a quarantine changed.

    `stretches` has job_id, app_name, word, began_at, ended_at and why; a bar's customdata is the job's id.
    """
    jobs = stretches[["job_id", "app_name"]].drop_duplicates().reset_index(drop=True)
    rows = stretches.assign(row=stretches["job_id"].map({job: place for place, job in enumerate(jobs["job_id"])}))
    figure = go.Figure()
    for word in WORDS:
        if (rows["word"] == word).any():
            figure.add_trace(status_bars(rows[rows["word"] == word], word, until - since))
    add_reason_changes(figure, rows)
    if since < at < until:
        figure.add_vline(x=at, line={"color": TONES["info"], "width": 1.5, "dash": "dot"})
    figure.update_xaxes(type="date", range=[since, until], title_text="UTC")
    figure.update_yaxes(
        tickvals=list(jobs.index), ticktext=axis_names(jobs["app_name"]), range=[len(jobs) - 0.4, -0.6], showgrid=False
    )
    # A label that does not fit into its stretch, as on a phone, is left out.
    fits = {"mode": "hide", "minsize": 11}
    return bare(figure, 130 + 44 * len(jobs), barmode="overlay", legend_traceorder="normal", uniformtext=fits)


def status_bars(rows: pd.DataFrame, word: str, window: timedelta) -> go.Bar:
    """Returns the bars of one status; long ones are labelled."""
    status = look(word)
    long = rows["ended_at"] - rows["began_at"] > window / 12
    pattern = {"shape": PATTERNS.get(word, "-"), "size": 7, "solidity": 0.2, "fillmode": "overlay", "fgcolor": INK}
    marker = FAINT if word == "unknown" else {"color": TONES[tone(word)], "line": {"width": 0}, "pattern": pattern}
    return go.Bar(
        **lying_bar(rows, window / 400),
        width=0.66,
        name=status.label,
        marker=marker,
        text=[status.label if each else "" for each in long],
        textposition="inside",
        insidetextanchor="middle",
        insidetextfont={"size": 12} if word == "unknown" else {"size": 12, "color": "#000000"},
        constraintext="inside",
        textangle=0,
        customdata=rows[["job_id"]],
        hovertext=[stretch_text(row) for row in rows.itertuples()],
        hoverinfo="text",
    )


def tone(word: str) -> Tone:
    """Returns the tone of a word in the lanes, where imminent is between watch and quarantined."""
    return "warn" if word == "imminent" else look(word).tone


def stretch_text(row: Any) -> str:
    """Writes one stretch in words."""
    why = "" if is_missing(row.why) else f"<br>{escaped(row.why)}"
    status = look(row.word).label.lower()
    return f"<b>{escaped(row.app_name)}</b>: {status}{why}<br>{instant(row.began_at)} to {instant(row.ended_at)}"


def add_reason_changes(figure: go.Figure, rows: pd.DataFrame) -> None:
    """Marks where one quarantine follows another for a new reason."""
    before = rows.groupby("job_id")[["word", "ended_at"]].shift()
    turned = rows[(rows["word"] == "quarantined") & (before["word"] == "quarantined")]
    if turned.empty:
        return
    figure.add_scatter(
        x=turned["began_at"],
        y=turned["row"],
        mode="markers",
        name="Reason changed",
        marker={"symbol": "diamond", "size": 12, "color": "#ffffff", "line": {"width": 2, "color": TONES["bad"]}},
        hovertext=[reason_text(row) for row in turned.itertuples()],
        hoverinfo="text",
    )


def reason_text(row: Any) -> str:
    """Writes to which reason a quarantine changed."""
    return f"<b>{escaped(row.app_name)}</b>: reason changed<br>{escaped(row.why)}<br>{instant(row.began_at)}"


def headroom(rows: list[dict[str, Any]]) -> go.Figure:
    """Draws each limit as a bar of what is used up, with the 80% band after each of the next three cycles beside it.

    A row has label, reached, at_most, and per_cycle_low and per_cycle_high, None where nothing is forecast.
    """
    figure = go.Figure()
    places = list(range(len(rows)))
    figure.add_bar(
        x=[min(WIDEST, row["reached"] / row["at_most"]) for row in rows],
        y=places,
        orientation="h",
        width=0.42,
        name="Now",
        marker={"color": [TONES["bad" if row["reached"] >= row["at_most"] else "info"] for row in rows]},
        hovertext=[f"<b>{row['label']}</b><br>{row['reached']:,} of {row['at_most']:,} now" for row in rows],
        hoverinfo="text",
    )
    for ahead in AFTER if any(has_forecast(row) for row in rows) else ():
        add_band(figure, rows, ahead)
    figure.add_vline(x=1, line={"color": TONES["bad"], "width": 2}, annotation_text="limit", annotation_position="top")
    most = max([1.0, *(row["reached"] / row["at_most"] for row in rows), *band_ends(rows)])
    figure.update_xaxes(range=[0, min(WIDEST, most) * 1.06], tickformat=".0%", title_text="Share of the limit")
    figure.update_yaxes(
        tickvals=places,
        ticktext=[f"{row['label']}<br>{row['reached']:,} of {row['at_most']:,}" for row in rows],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
    )
    return bare(figure, 110 + 74 * len(rows), barmode="overlay")


def band_ends(rows: list[dict[str, Any]]) -> list[float]:
    """Returns how far each band goes, as parts of its limit."""
    return [(row["reached"] + AFTER[-1] * row["per_cycle_high"]) / row["at_most"] for row in rows if has_forecast(row)]


def has_forecast(row: dict[str, Any]) -> bool:
    """Whether a limit has a slope, and one that moves it."""
    low, high = row["per_cycle_low"], row["per_cycle_high"]
    return not is_missing(low) and not is_missing(high) and (low, high) != (0, 0)


def add_band(figure: go.Figure, rows: list[dict[str, Any]], ahead: int) -> None:
    """Draws between which numbers each limit is after so many cycles, in four of five cases."""
    rising = [(place, row) for place, row in enumerate(rows) if has_forecast(row)]
    spans = [band(row, ahead) for _, row in rising]
    figure.add_bar(
        base=[min(WIDEST, low / row["at_most"]) for (_, row), (low, _) in zip(rising, spans, strict=True)],
        x=[
            max(0.004, min(WIDEST, high / row["at_most"]) - min(WIDEST, low / row["at_most"]))
            for (_, row), (low, high) in zip(rising, spans, strict=True)
        ],
        y=[place + 0.19 + 0.09 * ahead for place, _ in rising],
        orientation="h",
        width=0.07,
        name=f"80% band in {ahead} {'cycle' if ahead == 1 else 'cycles'}",
        marker={"color": TONES["warn"], "opacity": 1.15 - 0.25 * ahead},
        hovertext=[
            f"<b>{row['label']}</b><br>in {ahead} cycles {low:,.0f} to {high:,.0f}"
            for (_, row), (low, high) in zip(rising, spans, strict=True)
        ],
        hoverinfo="text",
    )


def band(row: dict[str, Any], ahead: int) -> tuple[float, float]:
    """Returns between which numbers a limit is after so many cycles; never below nothing."""
    low, high = (max(0.0, row["reached"] + ahead * row[name]) for name in ("per_cycle_low", "per_cycle_high"))
    return low, high


def burn_down(rows: pd.DataFrame, ends_at: datetime | None) -> go.Figure:
    """Draws how many objects were pending a retry after each cycle, and the trend; how many were new is in its tooltip.

    `rows` has ended_at, opened, closed and open; `ends_at` is None where the number does not fall.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=rows["ended_at"],
        y=rows["open"],
        mode="lines",
        name="Pending",
        line={"color": TONES["info"], "width": 2.5, "shape": "hv"},
        customdata=rows[["opened", "closed"]],
        hovertemplate="<b>%{y} pending</b><br>%{customdata[0]} new, %{customdata[1]} resolved in the cycle<br>"
        f"{AT}<extra></extra>",
    )
    if ends_at is not None:
        figure.add_scatter(
            x=[rows["ended_at"].iloc[-1], ends_at],
            y=[rows["open"].iloc[-1], 0],
            mode="lines",
            name="Trend",
            line={"color": TONES["info"], "width": 1.5, "dash": "dot"},
            hoverinfo="skip",
        )
    most = float(rows["open"].max())
    figure.update_xaxes(type="date")
    figure.update_yaxes(title_text="Users and groups", rangemode="tozero", dtick=whole_steps(most))
    return bare(figure, 200, showlegend=ends_at is not None)
