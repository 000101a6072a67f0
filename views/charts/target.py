"""How an app answers over time, as a figure: the 95th percentile of each verb above the answers that were errors."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from views.charts.base import AT, bare, escaped
from views.frame.look import PALETTE, TONES

LABELS = {"probe": "Credential check", "discover": "Schema discovery"}
"Operations that are not called by their method."
VERBS = ("POST", "PATCH", "PUT", "DELETE", "GET by filter", "GET by id", "GET", "probe", "discover")
DASHES = ("solid", "dash", "dot", "dashdot")
ERRORS = (("throttled", "429, too many requests", "warn"), ("broken", "5xx", "bad"), ("refused", "other 4xx", "quiet"))


def operation_label(verb: object) -> str:
    """Writes an operation as pages call it.

    >>> operation_label("probe"), operation_label("GET by id")
    ('Credential check', 'GET by id')
    """
    return LABELS.get(str(verb), str(verb))


def answer_times(rows: pd.DataFrame) -> go.Figure:
    """Draws p95 in milliseconds by verb, credential checks dotted, and below them how many answers were errors.

    `rows` has bucket, verb, requests, p95_ms, throttled, broken and refused.
    """
    if rows["p95_ms"].isna().all():
        return error_bars(bare(go.Figure(), 240, barmode="stack"), rows)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.08)
    usual = [verb for verb in VERBS if verb in set(rows["verb"])]
    for verb in [*usual, *sorted(set(rows["verb"].dropna()) - set(usual))]:
        own = rows[rows["verb"] == verb]
        place = VERBS.index(verb) if verb in VERBS else len(VERBS)
        figure.add_scatter(
            x=own["bucket"],
            y=own["p95_ms"],
            name=escaped(operation_label(verb)),
            mode="lines+markers",
            marker={"size": 5},
            line={
                "color": PALETTE[place % len(PALETTE)],
                "width": 1.5,
                "dash": "dot" if verb == "probe" else DASHES[place % 2],
            },
            customdata=own[["requests"]],
            hovertemplate=f"<b>{escaped(operation_label(verb))}</b><br>%{{y:,.0f}} ms in 95 of 100 of "
            f"%{{customdata[0]}} requests<br>{AT}<extra></extra>",
            row=1,
            col=1,
        )
    figure.update_yaxes(title_text="95th percentile, ms", rangemode="tozero", row=1, col=1)
    return bare(error_bars(figure, rows, row=2, col=1), 420, barmode="stack")


def error_bars(figure: go.Figure, rows: pd.DataFrame, **place: int) -> go.Figure:
    """Adds how many answers were errors."""
    errors = rows.groupby("bucket")[[name for name, _, _ in ERRORS]].sum().reset_index()
    for name, label, tone in ERRORS:
        figure.add_bar(
            x=errors["bucket"],
            y=errors[name],
            name=label,
            marker={"color": TONES[tone]},  # type: ignore[index]
            hovertemplate=f"%{{y}} answers of {label}<br>{AT}<extra></extra>",
            **place,
        )
    figure.update_xaxes(type="date")
    figure.update_yaxes(title_text="Errors", rangemode="tozero", **place)
    return figure
