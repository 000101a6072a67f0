"""The figures of failures."""

from datetime import timedelta

import pandas as pd

from tests.support.given import moment
from views.charts.failures import failures_by_hour, failures_over_time
from views.charts.story import event_lanes


def test_unknown_hours_are_hatched_and_quiet_ones_are_not() -> None:
    hours = [moment(0, hour) for hour in range(4)]
    cells = pd.DataFrame(
        {
            "hour": hours,
            "job_id": "z",
            "app_name": "Zoom",
            "attempts": [0, None, None, 2],
            "failures": [0, None, None, 1],
            "state": ["complete", "unknown", "unknown", "partial"],
        }
    )
    figure = failures_by_hour(cells)
    hatched, dotted = (trace for trace in figure.data if trace.type == "bar")
    hour = timedelta(hours=1) / timedelta(milliseconds=1)
    assert (list(hatched.width), hatched.marker.pattern.shape) == ([2 * hour], "/")
    assert (list(dotted.width), dotted.marker.pattern.shape) == ([hour], ".")
    words = next(trace.text for trace in figure.data if trace.type == "scatter")
    assert [word.rpartition("<br>")[2] for word in words] == [
        "nothing was tried",
        "unknown: no data was read for this hour",
        "unknown: no data was read for this hour",
        "1 of 2 attempts failed, as far as it is known: the hour is partial",
    ]


def test_a_chart_of_nothing_but_unknown_hours_is_still_a_chart() -> None:
    cells = pd.DataFrame(
        {
            "hour": [moment()],
            "job_id": "z",
            "app_name": "Zoom",
            "attempts": [None],
            "failures": [None],
            "state": "unknown",
        }
    )
    assert failures_by_hour(cells.astype({"attempts": float, "failures": float})).data


def test_marks_carry_what_a_selection_needs() -> None:
    bars = failures_over_time(pd.DataFrame({"bucket": [moment()], "label": ["Timeout"], "failures": [3]}), 24)
    assert list(bars.data[0].customdata[0])[:2] == ["Timeout", "2026-01-19"]
    told = {"occurred_at": [moment()], "app_name": ["Zoom"], "status": ["failure"], "event_id": ["e"], "job_id": ["j"]}
    marks = event_lanes(pd.DataFrame(told | {"action": ["create"], "why": ["Timeout"]}))
    assert list(marks.data[0].customdata[0])[:2] == ["e", "j"]
    assert marks.data[0].marker.symbol == "x"
