"""The quick chart of an answer."""

from datetime import date, datetime

import pandas as pd
import pytest

from views.charts.base import DATE_TICKS
from views.charts.query import quick_chart


@pytest.mark.parametrize(
    ("places", "ticks"),
    [
        ([date(2026, 1, 5), date(2026, 1, 12)], len(DATE_TICKS)),
        ([None, datetime(2026, 1, 5, 8)], len(DATE_TICKS)),
        (["2026-01-05", "b"], 0),
        ([1, 2], 0),
    ],
)
def test_an_axis_of_times_is_written_as_on_every_other_chart(places: list[object], ticks: int) -> None:
    rows = pd.DataFrame({"week": places, "attempts": [1, 2]})
    axis = quick_chart(rows, "week", "attempts", None, "line").layout.xaxis
    assert len(axis.tickformatstops) == ticks
