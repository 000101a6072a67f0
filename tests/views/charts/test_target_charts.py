"""The figures of an app's answers."""

from datetime import timedelta

import pandas as pd

from tests.support.given import moment
from views.charts.target import answer_times


def test_the_latency_chart_keeps_credential_checks_apart_and_stacks_errors_below() -> None:
    told = {"requests": 4, "p50_ms": 10.0, "p95_ms": 30.0, "throttled": 1, "broken": 2, "refused": 0}
    rows = pd.DataFrame([told | {"bucket": moment(1), "verb": verb} for verb in ("probe", "PATCH")])
    rows = pd.concat([rows, rows.assign(bucket=moment(1) + timedelta(hours=1))])
    traces = {trace.name: trace for trace in answer_times(rows).data}
    assert traces["Credential check"].line.dash == "dot" and traces["PATCH"].line.dash != "dot"
    assert list(traces["5xx"].y) == [4, 4]
