"""How well quarantines were foreseen: by the checks that were made, and by a replay of the stored history."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Any

import streamlit as st

from pipeline.config.errors import RulesError, StoreError
from pipeline.rules.backtest import Backtest, backtest
from pipeline.rules.catch_up import overrides_of
from pipeline.rules.rule import find_rule
from views.frame.data import Row, as_of, ask, asked, bar, records, store
from views.frame.look import count, missing, plain, span, when

AHEAD = {
    "quarantine_ahead": "by its failures",
    "failing_runs": "by whole runs that fail",
    "token_refused": "by a refused token",
    "token_due": "by a token's end",
    "mass_leavers": "by deletions",
}
"The rules that look ahead, and by what."
REPLAYED = ("quarantine_ahead", "failing_runs", "token_refused", "mass_leavers")
"Those that history answers; when a token ends is known from whoever said so, not from the log."
ASKINGS = 42
"How often each rule is asked in a replay."


def score() -> None:
    """Draws the score of the forecast: what the checks found in time, and a replay on demand."""
    given = {"at": as_of()}
    rows = records(ask("forecast_score", **given))
    st.subheader("How well were quarantines foreseen so far?", anchor="forecast-score")
    st.markdown(kept(rows))
    if details := [line(row) for row in rows if row["fired"] or row["announced"]]:
        st.markdown("\n".join(f"- {each}" for each in details))
    if st.button("Replay the window's history", key="replay-forecasts", icon=":material/history:"):
        replay()
    held = st.session_state.get("forecasts_replayed")
    if held is not None and held[0] == place():
        st.markdown("\n".join(f"- {replayed(found)}" for found in held[1]))
    asked(forecast_score=given)


def kept(rows: Sequence[Row]) -> str:
    """Writes the score of the checks in one line; a quarantine counts once, by whichever rule was first."""
    if not rows:
        return ":gray[:material/help: The rules were not asked here yet, so nothing was foreseen or missed.]"
    since, came = min(row["since"] for row in rows), max(int(row["quarantines"]) for row in rows)
    fired, false = sum(int(row["fired"]) for row in rows), sum(int(row["false_alarms"]) for row in rows)
    ahead = next((row for row in rows if row["rule"] == "quarantine_ahead"), rows[0])
    best = max(rows, key=lambda row: (int(row["announced"]), row["rule"] == "quarantine_ahead"))
    lead = "" if missing(best["lead_s"]) else f", {AHEAD[best['rule']]}, median lead {span(best['lead_s'])}"
    return (
        f"Since {when(since)}, the rules that look ahead found something {count(fired, 'time')}, "
        f"the forecast from failures {count(int(ahead['fired']), 'time')}; "
        f"{int(best['announced'])} of {count(came, 'quarantine')} announced{lead}; "
        f"{count(false, 'finding')} followed by none within 7 days."
    )


def line(row: Row) -> str:
    """Writes one rule's own score."""
    lead = (
        "" if missing(row["lead_s"]) else f", median lead {span(row['lead_s'])}, shortest {span(row['least_lead_s'])}"
    )
    return (
        f"{AHEAD[row['rule']]} (`{row['rule']}`): {count(int(row['fired']), 'finding')}, {int(row['announced'])} of "
        f"{count(int(row['quarantines']), 'quarantine')} announced{lead}; {int(row['false_alarms'])} for nothing"
    )


def place() -> tuple[Any, ...]:
    """Gives what a replay belongs to: the data and the window."""
    return store().revision(), bar().since, bar().until


def replay() -> None:
    """Asks the rules on the window's history, at most so often, and keeps what they would have said."""
    step = max(timedelta(minutes=40), (bar().until - bar().since) / ASKINGS)
    progress, found = st.progress(0.0, "Asking the rules on history"), []
    try:
        overrides = overrides_of(store())
        for number, name in enumerate(REPLAYED):

            def advance(share: float, done: int = number) -> None:
                progress.progress(min(1.0, (done + share) / len(REPLAYED)))

            found.append(backtest(store(), find_rule(name), overrides, bar().since, bar().until, step, advance))
        st.session_state["forecasts_replayed"] = (place(), found)
    except (RulesError, StoreError) as error:
        st.error(plain(str(error)), icon=":material/error:")
    finally:
        progress.empty()


def replayed(found: Backtest) -> str:
    """Writes what a replay of one rule gave."""
    leads = found.leads_s
    lead = f", median lead {span(median(leads))}, shortest {span(leads[0])}" if leads else ""
    return (
        f"{AHEAD[found.rule]} (`{found.rule}`), asked every {span(found.step_s)}: fired "
        f"{count(len(found.firings), 'time')}, {found.warned} of {count(found.quarantines, 'quarantine')} "
        f"announced{lead}; {found.false_alarms} for nothing"
    )
