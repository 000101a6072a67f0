"""Figures of one cycle, and of two compared: the funnel, the transitions, and what made it longer or shorter."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.config.wording import count, is_missing
from views.charts.base import bare, whole_steps
from views.charts.cycles import texture
from views.frame.look import TONES, Tone, look

SHAPES = ("/", "x", ".", "\\", "+", "-", "|")
ORDER = ("exported", "nothing to change", "out of scope", "held back", "other skip", "validation")
TURNS: dict[str, tuple[str, str, Tone]] = {
    "same": ("Same", "square", "quiet"),
    "better": ("Better", "triangle-up", "good"),
    "worse": ("Worse", "triangle-down", "bad"),
    "other": ("Other", "circle", "info"),
}


def stage_text(row: Any) -> str:
    """Writes how many reached a stage, or left before it and why."""
    ended = str(row.stage) if is_missing(row.leak) else f"not {row.stage}: {look(str(row.leak)).label.lower()}"
    return f"<b>{count(row.objects, 'user or group', 'users and groups')}</b> {ended}"


def stage_funnel(rows: pd.DataFrame) -> go.Figure:
    """Draws how many objects reached each stage, and beside them where the others left; customdata is stage, leak.

    `rows` answers cycle_funnel. What reached a stage and what leaked before it are as long as the stage above.
    """
    reached, leaks = rows[rows["leak"].isna()], rows[rows["leak"].notna()]
    figure = go.Figure()
    figure.add_bar(**stage_bars(reached), name="Reached", marker={"color": TONES["info"]})
    for place, leak in enumerate(dict.fromkeys(leaks["leak"])):
        leak_look = look(leak)
        marker = {"color": TONES[leak_look.tone], "pattern": texture(SHAPES[place % len(SHAPES)])}
        figure.add_bar(**stage_bars(leaks[leaks["leak"] == leak]), name=leak_look.label, marker=marker)
    figure.update_xaxes(title_text="Users and groups", dtick=whole_steps(rows["objects"].max()))
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    return bare(figure, 290, barmode="stack", bargap=0.3, clickmode="event+select", legend_traceorder="normal")


def stage_bars(rows: pd.DataFrame) -> dict[str, Any]:
    """Returns the lying bar of each stage."""
    texts = [stage_text(row) for row in rows.itertuples()]
    return {
        "x": rows["objects"],
        "y": rows["stage"].str.capitalize(),
        "orientation": "h",
        "text": [f"{number:,}" for number in rows["objects"]],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textfont": {"size": 13},
        "textangle": 0,
        "unselected": {"marker": {"opacity": 0.55}},
        "hovertemplate": "%{customdata[2]}<extra></extra>",
        "customdata": list(zip(rows["stage"], rows["leak"].fillna(""), texts, strict=True)),
    }


def transitions(rows: pd.DataFrame) -> go.Figure:
    """Draws how many objects went from each outcome there to each outcome here; customdata is there, here.

    `rows` answers cycle_transitions. A square stayed, an upright triangle got better, a hanging one got worse.
    """
    figure = go.Figure()
    rows = rows.assign(turn=[turn_of(str(row.there), str(row.here)) for row in rows.itertuples()])
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
            hovertemplate="<b>%{text}</b><br>%{y} in the other cycle, %{x} in this one<extra></extra>",
            unselected={"marker": {"opacity": 0.5}},
        )
    present = {*rows["here"], *rows["there"]}
    others = [*sorted(present - {*ORDER, "absent"}), *(present & {"absent"})]
    words = [*(word for word in ORDER if word in present), *others]
    labels = {"type": "category", "categoryorder": "array", "categoryarray": [look(word).label for word in words]}
    figure.update_xaxes(title_text="In this cycle", **labels)
    figure.update_yaxes(title_text="In the other cycle", autorange="reversed", **labels)
    return bare(figure, 150 + 54 * rows["there"].nunique(), clickmode="event+select")


def turn_of(there: str, here: str) -> str:
    """Returns whether an object fares better or worse than there; of one that is not here any more that is unknown.

    >>> turn_of("export failed", "exported"), turn_of("export failed", "absent"), turn_of("absent", "validation")
    ('better', 'other', 'worse')
    """
    if there == here:
        return "same"
    bad = [look(word).tone == "bad" for word in (there, here)]
    return "other" if bad[0] == bad[1] or here == "absent" else "better" if bad[0] else "worse"


def waterfall(row: Any) -> go.Figure:
    """Draws what made a cycle longer or shorter than its kind usually is; `row` answers cycle_duration."""
    parts = [("Users and groups", "objects_ms"), ("Retries", "retries_ms"), ("Response times", "latency_ms")]
    parts.append(("Reading and waiting", "waiting_ms"))
    seconds = [row["usual_ms"] / 1000, *(row[name] / 1000 for _, name in parts), row["duration_ms"] / 1000]
    # Each part begins where the one before it ended. No go.Waterfall: the bundle of charts has none.
    bases = [0.0, *(sum(seconds[:place]) for place in range(1, 5)), 0.0]
    tones: list[Tone] = ["info", *("bad" if value > 0 else "good" for value in seconds[1:5]), "info"]
    figure = go.Figure()
    figure.add_bar(
        orientation="h",
        y=["Usual", *(name for name, _ in parts), "This cycle"],
        x=seconds,
        base=bases,
        marker={"color": [TONES[tone] for tone in tones]},
        text=[waterfall_text(value, place in (0, 5)) for place, value in enumerate(seconds)],
        textposition="outside",
        textfont={"size": 13},
        cliponaxis=False,
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure.update_xaxes(title_text="Seconds", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    return bare(figure, 270, showlegend=False)


def waterfall_text(seconds: float, is_total: bool) -> str:
    """Writes a length, or by how much a part made the cycle longer or shorter.

    >>> waterfall_text(36.04, True), waterfall_text(-1.2, False), waterfall_text(0.01, False)
    ('36.0 s', '−1.2 s', '0.0 s')
    """
    rounded = round(seconds, 1) + 0
    sign = "" if is_total or not rounded else "+" if rounded > 0 else "−"
    return f"{sign}{abs(rounded):,.1f} s"
