"""How much each scoping clause shut out over time, as a figure."""

import pandas as pd
import plotly.graph_objects as go

from views.charts.base import ON_DAY, bare, escaped
from views.frame.look import PALETTE

DASHES = ("solid", "dot", "dash", "dashdot")
MARKS = ("circle", "square", "diamond", "triangle-up", "x", "cross")


def scope_drift(days: pd.DataFrame, several: bool) -> go.Figure:
    """Draws what share each clause shut out, a line each; `days` answers scope_by_day; customdata is job, clause.

    Clauses that shut out none are left out. With several jobs a line is named by its app too.
    """
    figure = go.Figure()
    effective = days[days.groupby(["job_id", "clause"])["failed"].transform("sum") > 0]
    for place, ((_, clause), own) in enumerate(effective.groupby(["job_id", "clause"], sort=False)):
        app = own["app_name"].iloc[-1]
        figure.add_scatter(
            x=own["day"],
            y=own["failed_share"],
            mode="lines+markers",
            name=escaped(f"{clause} · {app}" if several else clause),
            line={"color": PALETTE[place % len(PALETTE)], "dash": DASHES[place % len(DASHES)]},
            marker={"symbol": MARKS[place % len(MARKS)], "size": 7},
            customdata=own[["job_id", "clause", "failed", "evaluated"]],
            hovertemplate=f"<b>{escaped(clause)}</b><br>%{{customdata[2]}} of %{{customdata[3]}} not met<br>"
            f"{ON_DAY} (UTC day)<extra></extra>",
        )
    figure.update_xaxes(type="date")
    figure.update_yaxes(title_text="Excluded", tickformat=".0%", rangemode="tozero")
    return bare(figure, 330 + 20 * len(figure.data), clickmode="event+select")
