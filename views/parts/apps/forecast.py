"""How well quarantines were predicted: by the checks that were made, and by a replay of the stored history."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Any

import streamlit as st

from pipeline.config.errors import RulesError, StoreError
from pipeline.config.wording import count, instant, is_missing, span
from pipeline.rules.backtest import Backtest, backtest
from pipeline.rules.catch_up import overrides_of
from pipeline.rules.rule import find_rule
from views.frame.data import Row, as_of, ask, records, store
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.panel import show_sql
from views.frame.state import FORECAST_REPLAY, Key

AHEAD = {
    "quarantine_ahead": "rising failures",
    "failing_runs": "failed cycles",
    "token_refused": "a rejected token",
    "token_due": "token expiry",
    "mass_leavers": "many deletions",
}
"The rules that predict quarantines, and from what."
REPLAYED = ("quarantine_ahead", "failing_runs", "token_refused", "mass_leavers")
"Those that history answers; when a token ends is entered by a person, and is not in the log."
REPLAYS = 42
"How often each rule is evaluated in a replay."


def draw_score() -> None:
    """Draws the score of the forecast: what the checks found in time, and a replay on demand."""
    given = {"at": as_of()}
    rows = records(ask("forecast_score", **given))
    st.markdown(score_sentence(rows))
    if details := [rule_score(row) for row in rows if row["fired"] or row["announced"]]:
        st.markdown("\n".join(f"- {each}" for each in details))
    if st.button("Backtest on this time range", key=Key.REPLAY_FORECASTS, icon=":material/history:"):
        replay()
    done = FORECAST_REPLAY.get()
    if done is not None and done[0] == replayed_place():
        st.markdown("\n".join(f"- {replay_text(tested)}" for tested in done[1]))
    show_sql(forecast_score=given)


def score_sentence(rows: Sequence[Row]) -> str:
    """Writes the score of the checks in one line; a quarantine counts once, by whichever rule was first."""
    if not rows:
        return ":gray[:material/help: No alert rule was evaluated yet, so there is no prediction to score.]"
    since, came = min(row["since"] for row in rows), max(int(row["quarantines"]) for row in rows)
    fired, false = sum(int(row["fired"]) for row in rows), sum(int(row["false_alarms"]) for row in rows)
    from_failures = next((row for row in rows if row["rule"] == "quarantine_ahead"), rows[0])
    best = max(rows, key=lambda row: (int(row["announced"]), row["rule"] == "quarantine_ahead"))
    lead = "" if is_missing(best["lead_s"]) else f" from {AHEAD[best['rule']]}, median lead {span(best['lead_s'])}"
    return (
        f"Since {instant(since)}: {count(fired, 'prediction')}, {int(from_failures['fired'])} of them from rising "
        "failures; "
        f"{int(best['announced'])} of {count(came, 'quarantine')} predicted{lead}; "
        f"{count(false, 'false alarm')} (no quarantine within 7 days)."
    )


def rule_score(row: Row) -> str:
    """Writes one rule's own score."""
    lead = (
        ""
        if is_missing(row["lead_s"])
        else f", median lead {span(row['lead_s'])}, shortest {span(row['least_lead_s'])}"
    )
    return (
        f"From {AHEAD[row['rule']]}: {count(int(row['fired']), 'prediction')}, {int(row['announced'])} of "
        f"{count(int(row['quarantines']), 'quarantine')} predicted{lead}; "
        f"{count(int(row['false_alarms']), 'false alarm')}"
    )


def replayed_place() -> tuple[Any, ...]:
    """Returns what a replay belongs to: the data and the window."""
    return store().revision(), bar().since, bar().until


def replay() -> None:
    """Evaluates the rules on the window's history, and remembers what they would have found."""
    step = max(timedelta(minutes=40), (bar().until - bar().since) / REPLAYS)
    progress, tested = st.progress(0.0, "Running the backtest"), list[Backtest]()
    try:
        overrides = overrides_of(store())
        for number, name in enumerate(REPLAYED):

            def advance(share: float, done: int = number) -> None:
                progress.progress(min(1.0, (done + share) / len(REPLAYED)))

            tested.append(backtest(store(), find_rule(name), overrides, bar().since, bar().until, step, advance))
        FORECAST_REPLAY.set((replayed_place(), tested))
    except (RulesError, StoreError) as error:
        st.error(plain(str(error)), icon=":material/error:")
    finally:
        progress.empty()


def replay_text(tested: Backtest) -> str:
    """Writes what a replay of one rule found."""
    leads = tested.leads_s
    lead = f", median lead {span(median(leads))}, shortest {span(leads[0])}" if leads else ""
    return (
        f"From {AHEAD[tested.rule]}, evaluated every {span(tested.step_s)}: fired "
        f"{count(len(tested.firings), 'time')}, {tested.warned} of {count(tested.quarantines, 'quarantine')} "
        f"predicted{lead}; {count(tested.false_alarms, 'false alarm')}"
    )
