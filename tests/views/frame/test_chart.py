"""Figures are written once for all who draw them, and anew when a value of theirs is another."""

import json

import pandas as pd
import plotly.graph_objects as go

from views.frame.chart import written

DRAWN: list[int] = []


def dots(rows: pd.DataFrame, height: int) -> go.Figure:
    """Draws rows, and notes that it did."""
    DRAWN.append(len(rows))
    return go.Figure(go.Scatter(x=rows["x"], y=rows["y"]), {"height": height})


def test_a_figure_is_drawn_once_for_the_same_values_and_anew_for_others() -> None:
    rows = pd.DataFrame({"x": ["a", "b"], "y": [1, 2]})
    first = written(None, dots, (rows, 240))
    assert written(None, dots, (rows.copy(), 240)) == first and DRAWN == [2]
    changed = written(None, dots, (rows.assign(y=[1, 3]), 240))
    marked = written("points", dots, (rows, 240))
    assert len(DRAWN) == 3 and len({first.name, changed.name, marked.name}) == 3
    assert json.loads(marked.data)["drags"] == "points" and marked.height == 240


def test_a_figure_carries_no_template() -> None:
    figure = json.loads(written(None, dots, (pd.DataFrame({"x": [1], "y": [1]}), 100)).data)["figure"]
    assert not figure["layout"].get("template", {}).get("layout")
