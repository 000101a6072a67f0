"""A backtest on the page: it runs in a thread of its own, so that the page shows how far it is and can cancel it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median
from threading import Thread
from time import monotonic
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.errors import ProvisioningError, QuestionCancelled
from pipeline.config.wording import count, instant, span
from pipeline.rules.backtest import Backtest, backtest
from pipeline.rules.rule import Rule
from pipeline.store.lake import Store
from pipeline.store.time_limit import Stop
from views.charts.health import firing_strip
from views.frame.chart import chart
from views.frame.data import ask
from views.frame.look import plain
from views.frame.state import RULE_REPLAY, Key
from views.frame.table import BLANK, table, text_column, time_columns

POLL_S = 0.5
QUICK_S = 0.4
"Seconds in which a result is waited for before the page shows that the backtest is running."


class Run:
    """A backtest of a rule with some settings, and what has come of it so far."""

    def __init__(
        self, store: Store, rule: Rule, tried: Mapping[str, Any], since: datetime, until: datetime, step: timedelta
    ) -> None:
        self.place = (rule.name, dict(tried))
        "What was tried: the rule, and its overrides."
        self.evaluations = (until - since) // step + 1
        self.share = 0.0
        self.result: Backtest | None = None
        self.error = ""
        self._stop = Stop()
        self._began = monotonic()
        self._work = (store, rule, dict(tried), since, until, step)
        self._thread = Thread(target=self._run, name="backtest", daemon=True)
        self._thread.start()
        self._thread.join(QUICK_S)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self._stop.asked or not self._thread.is_alive()

    @property
    def age(self) -> float:
        """Returns for how many seconds it has been running."""
        return monotonic() - self._began

    def cancel(self) -> None:
        """Ends it as soon as DuckDB looks."""
        self._stop.ask()

    def join(self) -> None:
        """Waits until nothing of it runs any more."""
        self._thread.join()

    def _advance(self, share: float) -> None:
        self.share = share

    def _run(self) -> None:
        try:
            self.result = backtest(*self._work, self._advance, self._stop)
        except QuestionCancelled:
            self.error = "Backtest cancelled."
        except ProvisioningError as error:
            self.error = plain(str(error))


def draw_run(place: tuple[str, Mapping[str, Any]]) -> None:
    """Draws the backtest of these settings: how far it is, or its result."""
    run: Run | None = RULE_REPLAY.get()
    if run is None or run.place != place:
        return
    if run.is_over:
        draw_outcome(run)
    else:
        progress(run)


@st.fragment(run_every=POLL_S)
def progress(run: Run) -> None:
    """Draws how far a backtest is, and cancels it; its result takes the place of this."""
    if run.is_over:
        draw_outcome(run)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(1.0, run.share), f"Backtest: {count(run.evaluations, 'evaluation')}, {run.age:.0f} s so far")
        st.button("Cancel", key=Key.REPLAY_CANCEL, on_click=run.cancel, icon=":material/stop_circle:")


def draw_outcome(run: Run) -> None:
    """Draws the result of a backtest, or why there is none."""
    if run.result is not None:
        draw_result(run.result)
    else:
        st.warning(run.error or "Backtest cancelled.", icon=":material/report:")


def draw_result(tested: Backtest) -> None:
    """Draws when a rule would have fired, and how that compares with the quarantines of the time."""
    leads = tested.leads_s
    st.markdown(
        f"**Would have fired {count(len(tested.firings), 'time')}** in {count(tested.evaluations, 'evaluation')} from "
        f"{instant(tested.since)} to {instant(tested.until)}."
    )
    parts = [f"{tested.warned} of {count(tested.quarantines, 'quarantine')} came after an alert"]
    parts += [f"lead time: median {span(int(median(leads)))}, shortest {span(leads[0])}"] if leads else []
    parts.append(f"{count(tested.false_alarms, 'alert')} without a quarantine within 7 days")
    st.caption(" · ".join(parts))
    chart(Key.FIRINGS, firing_strip, tested.firings, ask("quarantine_history"), tested.since, tested.until)
    if tested.firings:
        rows = pd.DataFrame([vars(one) for one in tested.firings])
        rows["lead"] = [BLANK if one.lead_s is None else span(one.lead_s) for one in tested.firings]
        rows["closed_at"] = pd.to_datetime(rows["closed_at"])
        columns = {
            "summary": text_column("Alert", width="large"),
            **time_columns(fired_at="Fired", began_at="Began", closed_at="Cleared"),
            "lead": text_column("Lead time", help="From the alert to the quarantine that followed"),
        }
        table(rows, columns, at_most=320)
