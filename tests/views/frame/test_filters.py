"""The bar's words and windows."""

import pandas as pd

from tests.support.given import moment
from views.frame.filters import job_names, window_of


def test_two_jobs_of_one_app_are_told_apart() -> None:
    jobs = pd.DataFrame({"job_id": ["a.111111", "b.222222", "c"], "app_name": ["Zoom", "Zoom", "Cerby"]})
    assert job_names(jobs) == {"Zoom 111111": "a.111111", "Zoom 222222": "b.222222", "Cerby": "c"}


def test_all_data_reaches_from_the_first_instant_to_after_the_last() -> None:
    assert window_of("all", moment(0, 1, 5), moment(2, 3)) == (moment(0, 1), moment(2, 4))
    assert window_of("24-hours", None, moment(2, 3))[0] == moment(1, 4)
