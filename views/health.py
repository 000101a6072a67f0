"""Health: what is wrong now, what was, which rules watch for it, and who is told."""

import pandas as pd
import streamlit as st

from pipeline.config.errors import RulesError
from views.frame.data import BLANK, Row, ahead, ask, is_empty, records, teach, tile, times
from views.frame.look import count, missing, plain, span, when
from views.parts.health import incidents, messages
from views.parts.health import rules as rules_part


def sentence(awake: list[Row], runs: pd.DataFrame) -> str:
    """Says what is open, or that nothing is, and what could not be asked."""
    unsure = [f"{row['rule']} ({row['outcome']})" for row in records(runs) if row["outcome"] in ("unknown", "failed")]
    could = f"{count(len(unsure), 'rule')} gave no answer: {plain(', '.join(unsure[:6]))}"
    could += f" and {len(unsure) - 6} more" if len(unsure) > 6 else ""
    if awake:
        verb = "is" if len(awake) == 1 else "are"
        said = f"{count(len(awake), 'incident')} {verb} open: {incidents.brief(awake)}" + (
            f". {could}" if unsure else ""
        )
    else:
        said = f"Nothing is open, but {could}" if unsure else "Nothing is open, and every rule could be asked"
    return f"{said}. {checked(runs)}"


def checked(runs: pd.DataFrame) -> str:
    """Says when the rules were last asked."""
    beats = ask("beats_lately")
    ended = beats[beats["beat"] == "check"]["ended_at"].max()
    age = "" if missing(ended) else f" {span((pd.Timestamp.now('UTC').tz_localize(None) - ended).total_seconds())} ago,"
    return f"Last checked{age} as of {when(runs['ran_at'].max())}."


def past(rows: pd.DataFrame) -> None:
    """Draws the incidents of the window with how long it took to notice and to mend them."""
    columns = {
        "app_name": st.column_config.TextColumn("App"),
        "severity": st.column_config.TextColumn("Severity"),
        "summary": st.column_config.TextColumn("What", width="large"),
        **times(opened_at="Began", noticed_at="Noticed", closed_at="Ended"),
        "to_notice": st.column_config.TextColumn("Time to notice"),
        "to_fix": st.column_config.TextColumn("Time to fix"),
        "owner": st.column_config.TextColumn("Owner"),
    }
    shown = incidents.past(rows)
    st.dataframe(shown, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)


def rules(runs: pd.DataFrame) -> None:
    """Draws the rules, and the one that the address names."""
    st.subheader("Which rules watch, and what did each say last?", anchor="rules")
    try:
        overrides = rules_part.said_of()
    except RulesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    rules_part.table(runs, overrides)
    if "rule" in st.query_params:
        rules_part.opened(st.query_params["rule"], overrides)


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
        return
    ahead("rule_runs_lately", "messages")
    runs = ask("rule_runs_lately")
    if runs.empty:
        st.info(
            "The rules were never asked, so nobody knows whether anything is wrong. The beat *check* asks them: it "
            "runs with this dashboard or with `python -m pipeline watch`; `python -m pipeline check` asks them once."
        )
    else:
        awake, asleep = incidents.lasting()
        worst = incidents.BOXES[awake[0]["severity"]] if awake else None
        unsure = runs["outcome"].isin(["unknown", "failed"]).any()
        (worst or (st.warning if unsure else st.success))(sentence(awake, runs))
        incidents.queue(awake, asleep, 10_000 if st.query_params.get("all") else incidents.MOST)
        tile("incidents", past, empty="No incident was open in this window.")
    rules(runs)
    messages.draw()


if __name__ == "__main__":
    page()
