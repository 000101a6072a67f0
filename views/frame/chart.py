"""Charts on a page: drawn without a tool bar, with what a person selected in them."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from views.frame import state

PLAIN = {"displayModeBar": False}
"No tool bar: selecting a mark is all that a chart offers."
Mark = list[Any]
"The customdata of a mark."


def chart(figure: go.Figure, key: str) -> None:
    """Draws a figure in which nothing can be selected."""
    st.plotly_chart(figure, key=key, config=PLAIN)


def chart_mark(figure: go.Figure, key: str, on_select: Callable[[Mark | None], None] | None = None) -> Mark | None:
    """Draws a figure and returns the mark that a person selected.

    `on_select` is called with it, or None, before the page is drawn again.
    """
    drawn: Any = st.plotly_chart(
        figure,
        key=key,
        on_select="rerun" if on_select is None else lambda: on_select(selected_mark(state.value(key))),
        selection_mode="points",
        config=PLAIN,
    )
    return selected_mark(drawn)


def chart_stretch(figure: go.Figure, key: str) -> tuple[Any, Any] | None:
    """Draws a figure and returns the two ends of what a person dragged over on its time axis."""
    drawn: Any = st.plotly_chart(figure, key=key, on_select="rerun", selection_mode="box", config=PLAIN)
    boxes = drawn["selection"].get("box")
    return tuple(boxes[0]["x"][:2]) if boxes else None


def selected_mark(drawn: Any) -> Mark | None:
    """Returns the customdata of the mark that is selected in a chart."""
    points = drawn["selection"]["points"]
    data = points[0].get("customdata") if points else None
    return list(data.values()) if isinstance(data, dict) else data
