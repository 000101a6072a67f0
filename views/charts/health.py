"""When a rule would have fired, as a figure."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from views.charts.base import GRID, bare, escaped, pattern
from views.frame.look import TONES


def firing_strip(firings: Any, quarantines: pd.DataFrame, since: Any, until: Any) -> go.Figure:
    """Draws when a rule would have fired above when jobs were in quarantine; what is still open reaches the end."""
    fired: list[tuple[Any, Any, Any]] = [(one.fired_at, one.closed_at, one.summary) for one in firings]
    kept = [(row["opened_at"], row["closed_at"], row["app_name"]) for row in quarantines.to_dict("records")]
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
            hovertext=[escaped(text) for _, _, text in spans],
            hoverinfo="text",
            showlegend=False,
        )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(type="date", range=[since, until], gridcolor=GRID)
    return bare(figure, 150)
