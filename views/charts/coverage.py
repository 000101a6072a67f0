"""How much of each hour's data was read, as a figure."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.config.wording import instant
from views.charts.base import HALF, HOUR, HOUR_LOOKS, bare, escaped, state_bars


def coverage_strips(cells: pd.DataFrame) -> go.Figure:
    """Draws how much of each hour was read, a strip for each job and kind of record.

    `cells` has kind, tenant_id, job_id, label, hour and state.
    """
    strips = cells[["kind", "tenant_id", "job_id", "label"]].drop_duplicates().reset_index(drop=True)
    rows = cells.merge(strips.reset_index(names="row"), "left", ["kind", "tenant_id", "job_id", "label"])
    figure = go.Figure([state_bars(rows, state) for state in HOUR_LOOKS])
    figure.add_scatter(
        x=rows["hour"] + HALF,
        y=rows["row"],
        mode="markers",
        showlegend=False,
        marker={"symbol": "square", "size": 12, "opacity": 0},
        text=[strip_text(row) for row in rows.itertuples()],
        hoverinfo="text",
    )
    figure.update_xaxes(type="date", range=[rows["hour"].min(), rows["hour"].max() + HOUR])
    figure.update_yaxes(tickvals=list(strips.index), ticktext=list(map(escaped, strips["label"])), autorange="reversed")
    figure.update_yaxes(showgrid=False)
    return bare(figure, 90 + 34 * len(strips), barmode="overlay", bargap=0)


def strip_text(row: Any) -> str:
    """Writes one hour of one strip in words."""
    return f"<b>{escaped(row.label)}</b>, {instant(row.hour)}<br>{row.state}"
