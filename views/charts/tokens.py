"""The calendar of tokens, as a figure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import plotly.graph_objects as go

from pipeline.config.wording import instant
from views.charts.base import axis_names, bare, escaped, pattern
from views.frame.look import TONES, Tone


class Term(Protocol):
    """What the calendar shows of one token."""

    @property
    def app_name(self) -> str: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def order_by(self) -> datetime: ...
    @property
    def tone(self) -> Tone: ...
    @property
    def advice(self) -> str: ...


DAY_MS = 86_400_000
FURTHEST = timedelta(days=400)
"How far ahead is drawn; a token that lasts longer runs out of the picture."


def token_calendar(terms: Sequence[Term], now: datetime) -> go.Figure:
    """Draws a row per token: until when a new one can wait, the days that it takes, and the end.

    `terms` have an end each, the soonest first.
    """
    ends = [term.expires_at for term in terms]
    first = min([now - timedelta(days=7), *(end - timedelta(days=3) for end in ends)])
    last = min(max([now + timedelta(days=30), *ends]), now + FURTHEST)
    room = (last - first) * 0.04
    names = [term.app_name for term in terms]
    figure = go.Figure()
    for words, marker, pieces in (
        ("Time left", {"color": TONES["good"], "opacity": 0.55}, [(now, max(now, one.order_by)) for one in terms]),
        (
            "Time that a new token takes",
            pattern("/", "rgba(217,154,0,0.18)", TONES["warn"], size=6, solidity=0.3),
            [(one.order_by, one.expires_at) for one in terms],
        ),
        (
            "Expired",
            pattern("x", "rgba(217,84,30,0.2)", TONES["bad"], size=6, solidity=0.3),
            [(one.expires_at, max(now, one.expires_at)) for one in terms],
        ),
    ):
        if any(until > since for since, until in pieces):
            figure.add_bar(
                y=names,
                base=[since for since, _ in pieces],
                x=[(until - since) / timedelta(days=1) * DAY_MS for since, until in pieces],
                orientation="h",
                width=0.4,
                name=words,
                marker=marker,
                hoverinfo="skip",
            )
    figure.add_scatter(
        x=ends,
        y=names,
        mode="markers",
        name="Expiry",
        marker={"symbol": "diamond", "size": 11, "color": [TONES[term.tone] for term in terms]},
        text=[f"{escaped(one.app_name)}: expires {instant(one.expires_at)}<br>{escaped(one.advice)}" for one in terms],
        hovertemplate="%{text}<extra></extra>",
    )
    figure.add_vline(x=now, line={"width": 1, "dash": "dot", "color": "gray"})
    figure.add_annotation(x=now, y=1, yref="paper", text="now", showarrow=False, xanchor="right", yanchor="top")
    figure.update_xaxes(range=[first - room, last + room], type="date")
    figure.update_yaxes(autorange="reversed", showgrid=False, tickvals=names, ticktext=axis_names(names))
    return bare(figure, 90 + 44 * len(names), barmode="overlay")
