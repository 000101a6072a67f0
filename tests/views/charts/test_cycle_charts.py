"""The figures of cycles."""

import pandas as pd

from tests.support.given import moment
from views.charts.cycles import burn_up, day_lanes
from views.charts.funnel import transitions


def test_a_hole_is_a_frame_and_an_initial_cycle_has_a_texture() -> None:
    stretches = pd.DataFrame(
        [
            {"what": "hole", "began_at": moment(0, 2), "ended_at": moment(0, 6), "why": "missed"},
            {"what": "unknown", "began_at": moment(0, 7), "ended_at": moment(0, 8), "why": None},
        ]
    ).assign(job_id="z", app_name="Zoom")
    told = {"job_id": "z", "app_name": "Zoom", "objects": 1, "failed": 0, "events": 1, "ended_at": moment(0, 1)}
    runs = pd.DataFrame(
        [
            told | {"cycle_id": "a", "began_at": moment(), "kind": "initial", "outcome": "succeeded"},
            told | {"cycle_id": "b", "began_at": moment(0, 1), "kind": "incremental", "outcome": "succeeded"},
        ]
    )
    traces = {trace.name: trace for trace in day_lanes(stretches, runs, moment(), moment(0, 9)).data}
    assert traces["Missed cycle"].hovertext == ("<b>Zoom</b><br>missed cycle<br>02:00 to 06:00 UTC",)
    assert traces["No data"].marker.pattern.shape == "/"
    plain, textured = (traces[name] for name in ("Succeeded", "Succeeded, initial"))
    assert plain.marker.pattern.shape != textured.marker.pattern.shape
    assert list(textured.customdata[0]) == ["z", "a"]


def test_the_band_of_the_end_is_drawn_only_where_it_is_known() -> None:
    points = pd.DataFrame({"at": [moment(), moment(0, 1)], "objects_done": [1, 5], "pages_share": [None, 0.5]})
    known = burn_up(points, moment(0, 1), 20, (moment(0, 2), moment(0, 3), moment(0, 4)))
    assert [trace.name for trace in known.data] == ["80% band", "Likeliest", "Processed"]
    blind = burn_up(points, moment(0, 1), None, (None, None, None))
    assert [trace.name for trace in blind.data] == ["Processed"]


def test_marks_carry_what_a_selection_needs() -> None:
    rows = pd.DataFrame([{"there": "export failed", "here": "exported", "objects": 2}])
    [mark] = transitions(rows).data
    assert (mark.name, list(mark.customdata[0])) == ("Better", ["export failed", "exported"])
