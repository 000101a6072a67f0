"""Figures of one cycle, and of two compared: pure functions from data to a Figure, on views/_charts.py's ground."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from views.charts.base import bare, whole
from views.charts.cycles import texture
from views.frame.look import TONES, Tone, count, look, missing

SHAPES = ("/", "x", ".", "\\", "+", "-", "|")
ORDER = ("exported", "nothing to change", "out of scope", "held back", "other skip", "validation")
TURNS: dict[str, tuple[str, str, Tone]] = {
    "same": ("As before", "square", "quiet"),
    "better": ("Better", "triangle-up", "good"),
    "worse": ("Worse", "triangle-down", "bad"),
    "other": ("Otherwise", "circle", "info"),
}


def stage_text(row: Any) -> str:
    """Says how many reached a stage, or left before it and why."""
    ended = str(row.stage) if missing(row.leak) else f"not {row.stage}: {look(str(row.leak)).label.lower()}"
    return f"<b>{count(row.objects, 'object')}</b> {ended}"


def funnel(rows: pd.DataFrame) -> go.Figure:
    """Draws how many objects reached each stage, and beside them where the others left; customdata is stage, leak.

    `rows` answers cycle_funnel. What reached a stage and what leaked before it are as long as the stage above.
    """
    reached, leaks = rows[rows["leak"].isna()], rows[rows["leak"].notna()]
    figure = go.Figure()
    figure.add_bar(**lying(reached), name="Reached it", marker={"color": TONES["info"]})
    for place, leak in enumerate(dict.fromkeys(leaks["leak"])):
        seen = look(leak)
        marker = {"color": TONES[seen.tone], "pattern": texture(SHAPES[place % len(SHAPES)])}
        figure.add_bar(**lying(leaks[leaks["leak"] == leak]), name=seen.label, marker=marker)
    figure.update_xaxes(title_text="Objects", dtick=whole(rows["objects"].max()))
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    return bare(figure, 290, barmode="stack", bargap=0.3, clickmode="event+select", legend_traceorder="normal")


def lying(rows: pd.DataFrame) -> dict[str, Any]:
    """Gives what a stage's lying bar needs."""
    said = [stage_text(row) for row in rows.itertuples()]
    return {
        "x": rows["objects"],
        "y": rows["stage"],
        "orientation": "h",
        "text": [f"{number:,}" for number in rows["objects"]],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textfont": {"color": "white", "size": 13},
        "textangle": 0,
        "unselected": {"marker": {"opacity": 0.55}, "textfont": {"color": "white"}},
        "hovertemplate": "%{customdata[2]}<extra></extra>",
        "customdata": list(zip(rows["stage"], rows["leak"].fillna(""), said, strict=True)),
    }


def transitions(rows: pd.DataFrame) -> go.Figure:
    """Draws how many objects went from each outcome there to each outcome here; customdata is there, here.

    `rows` answers cycle_transitions. A square stayed, an upright triangle got better, a hanging one got worse.
    """
    figure = go.Figure()
    rows = rows.assign(turn=[turned(str(row.there), str(row.here)) for row in rows.itertuples()])
    for turn, (name, symbol, tone) in TURNS.items():
        own = rows[rows["turn"] == turn]
        if own.empty:
            continue
        figure.add_scatter(
            x=[look(word).label for word in own["here"]],
            y=[look(word).label for word in own["there"]],
            mode="markers+text",
            name=name,
            text=[f"{number:,}" for number in own["objects"]],
            textposition="top center",
            textfont={"size": 13},
            cliponaxis=False,
            marker={"symbol": symbol, "size": 17, "color": TONES[tone], "line": {"width": 1}},
            customdata=own[["there", "here"]],
            hovertemplate="<b>%{text} objects</b><br>%{y} there, %{x} here<extra></extra>",
            unselected={"marker": {"opacity": 0.5}},
        )
    met = {*rows["here"], *rows["there"]}
    known = [*(word for word in ORDER if word in met), *sorted(met - {*ORDER, "absent"}), *(met & {"absent"})]
    labels = {"type": "category", "categoryorder": "array", "categoryarray": [look(word).label for word in known]}
    figure.update_xaxes(title_text="In this cycle", **labels)
    figure.update_yaxes(title_text="In the other", autorange="reversed", **labels)
    return bare(figure, 150 + 54 * rows["there"].nunique(), clickmode="event+select")


def turned(there: str, here: str) -> str:
    """Says whether an object fares better or worse than there; of one that is not here any more nothing is known.

    >>> turned("export failed", "exported"), turned("export failed", "absent"), turned("absent", "validation")
    ('better', 'other', 'worse')
    """
    if there == here:
        return "same"
    grim = [look(word).tone == "bad" for word in (there, here)]
    return "other" if grim[0] == grim[1] or here == "absent" else "better" if grim[0] else "worse"


def waterfall(row: Any) -> go.Figure:
    """Draws what made a cycle longer or shorter than its kind usually is; `row` answers cycle_duration."""
    parts = [("More or fewer objects", "objects_ms"), ("Tried again", "retries_ms"), ("Slower or faster", "latency_ms")]
    parts.append(("Reading and waiting", "waiting_ms"))
    seconds = [row["usual_ms"] / 1000, *(row[name] / 1000 for _, name in parts), row["duration_ms"] / 1000]
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            measure=["absolute", *["relative"] * 4, "total"],
            y=["Usual", *(name for name, _ in parts), "This cycle"],
            x=seconds,
            text=[f"{round(value, 1) + 0:,.1f} s" for value in seconds],
            textposition="outside",
            textfont={"size": 13},
            cliponaxis=False,
            increasing={"marker": {"color": TONES["bad"]}},
            decreasing={"marker": {"color": TONES["good"]}},
            totals={"marker": {"color": TONES["info"]}},
            connector={"line": {"color": TONES["quiet"], "width": 1}},
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="Seconds", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return bare(figure, 270, showlegend=False)
