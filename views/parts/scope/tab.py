"""Skips and scope: why anybody was left out, whether that was meant so, and whether a scope has changed."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.wording import count, instant, share, span
from views.charts.funnel import stage_funnel
from views.charts.scope import scope_drift
from views.frame.chart import chart, chart_mark
from views.frame.data import Row, as_of, ask, ask_ahead, records
from views.frame.events import MOST, story_link
from views.frame.filters import bar
from views.frame.look import look, plain
from views.frame.panel import panel, show_sql
from views.frame.state import Key
from views.frame.table import number_column, share_column, table, text_column, time_columns
from views.parts.shared.coverage import draw_completeness, none_in_window

WANTS = {"somebody": "Somebody", "as intended": "Nobody: meant so", "nobody": "Nobody"}
COMPARED = 20_000
"How many events and requests are compared here; Target compares more."
OBJECTS = ("person or group", "people and groups")
VERDICTS = {
    "moved": "Moved",
    "new": "New",
    "gone": "No longer judged",
    "steady": "Steady",
}
SKIPPED = {
    "name": text_column("Who", pinned=True),
    "app_name": text_column("App"),
    "sentence": text_column("Why", width="large"),
    "cure": text_column("If it is not meant so", width="large"),
    "skips": number_column("Skips"),
    **time_columns(last_seen_at="Last seen"),
}


def sentence(kinds: pd.DataFrame, moves: pd.DataFrame, drifts: pd.DataFrame) -> str:
    """Writes how many were left out as meant, how many want somebody, and whether the scope changed."""
    if kinds.empty:
        return none_in_window(f"No skips were read between {instant(bar().since)} and {instant(bar().until)}.")
    waiting = kinds.groupby("wants")["waiting"].sum()
    open_cases, intended = int(waiting.get("somebody", 0)), int(waiting.get("as intended", 0))
    need = f"{count(open_cases, *OBJECTS)} {'waits' if open_cases == 1 else 'wait'} for somebody"
    return (
        f"{need if open_cases else 'No skip in the log needs action'}; "
        f"{count(intended, *OBJECTS)} {'is' if intended == 1 else 'are'} out of scope by a rule that the log names. "
        f"{moves_sentence(moves)} {drifts_sentence(drifts)}"
    )


def moves_sentence(moves: pd.DataFrame) -> str:
    """Writes how many came into scope and left it."""
    left, came = ((moves["turn"] == turn).sum() for turn in ("left", "came"))
    return f"{count(left, *OBJECTS)} left the scope in this window and {came:,} came into it."


def drifts_sentence(drifts: pd.DataFrame) -> str:
    """Writes which clauses began to shut out more or fewer."""
    turns = [clause_sentence(row) for row in records(drifts[drifts["verdict"] != "steady"])]
    return " ".join(turns[:3]) or "No scoping clause in the log moved beyond its usual band."


def clause_sentence(row: Row) -> str:
    """Writes how one clause changed."""
    clause, app, day = plain(str(row["clause"])), plain(str(row["app_name"])), wording.day(row["moved_at"])
    if row["verdict"] == "new":
        return f"In {app} the clause “{clause}” is new since {day}."
    if row["verdict"] == "gone":
        return f"In {app} the clause “{clause}” is not judged any more since {day}."
    before, after = share(row["share_before"]), share(row["share_after"])
    return f"In {app} “{clause}” shut out {before} before {day} and {after} since."


def kinds_table(rows: pd.DataFrame) -> None:
    """Draws the kinds of skips; those that want somebody come first. A selected one opens its people."""
    shown = rows.assign(wants=rows["wants"].map(WANTS), kind=rows["kind"].str.capitalize())
    columns = {
        "kind": text_column("Why", pinned=True),
        "wants": text_column("Wants"),
        "objects": number_column("People and groups"),
        "waiting": number_column("Still so"),
        "skips": number_column("Skips"),
        "sentence": text_column("The newest one", width="large"),
        "cure": text_column("If it is not meant so", width="large"),
        "attributes": text_column("Attributes"),
        "apps": text_column("Apps"),
        **time_columns(last_seen_at="Last seen"),
    }
    row = table(shown, columns, Key.SKIP_KINDS, select=True)
    if row is None:
        st.caption("Select a row to see whom it is about.")
    else:
        skipped_people(str(row["kind"]), kind=str(row["kind"]).lower())


def skipped_people(title: str, **given: Any) -> None:
    """Draws who was skipped; a selected one's story is one click away."""
    rows = ask("skip_people", **({"limit": MOST} | given))
    with st.container(border=True):
        newest = f", the newest {MOST}" if len(rows) == MOST else ""
        st.markdown(f"**{plain(title)}**: {count(len(rows), *OBJECTS)}{newest}")
        row = table(rows, SKIPPED, Key.SKIPPED_PEOPLE.of(title), select=True) if not rows.empty else None
        if row is not None:
            st.markdown(f"{plain(str(row['sentence']))} *{plain(str(row['cure']))}*")
            story_link(row, event=str(row["event_id"]))
        show_sql(skip_people={"limit": MOST} | given)


def funnel(rows: pd.DataFrame) -> None:
    """Draws the way from seen to exported; a selected bar opens who is in it."""
    mark = chart_mark(Key.SCOPE_FUNNEL, stage_funnel, rows)
    since = compared_since(ask("wire_size"))
    st.markdown(confirmed(ask("scope_confirmed", since=since), since))
    if mark is None:
        st.caption("Select a bar to see who reached a stage, or left before it.")
    else:
        stage_people(str(mark[0]), str(mark[1]) or None)


def compared_since(sizes: pd.DataFrame) -> datetime:
    """Returns since when exports are compared with the apps' logs: the window, or as much of its end as is quick."""
    newest = sizes.sort_values("hour", ascending=False)
    fits = newest[(newest["events"] + newest["requests"]).cumsum() <= COMPARED]
    whole = len(fits) == len(sizes) or fits.empty
    return bar().since if whole else max(bar().since, fits["hour"].min().to_pydatetime())


def confirmed(rows: pd.DataFrame, since: datetime) -> str:
    """Writes how many exports the app's own log confirms."""
    if rows.empty:
        return none_in_window("No exports were read, so none can be confirmed by the app's log.")
    first = rows.iloc[0]
    if first["unknown"] == first["exported"]:
        return "Confirmed on the wire: not known, since no app's own log covers these exports."
    part = "" if since <= bar().since else f" since {instant(since)}"
    good = (
        f"**{first['confirmed']:,} of {first['exported']:,}** exported{part} are in the app's own log "
        "with a good answer"
    )
    lost = f", {first['never_seen']:,} should be in it and are not" if first["never_seen"] else ""
    return f"Confirmed on the wire: {good}{lost}; of {first['unknown']:,} it is not known."


def stage_people(stage: str, leak: str | None) -> None:
    """Draws who is in one bar of the funnel."""
    rows = ask("scope_leak", stage=stage, leak=leak)
    title = f"{stage.capitalize()}" if leak is None else f"Not {stage}: {look(leak).label.lower()}"
    columns = {
        "name": text_column("Who", pinned=True),
        "app_name": text_column("App"),
        "action": text_column("Action"),
        "status": text_column("Status"),
        "error_code": text_column("Error"),
        "skip_reason": text_column("Skipped because"),
        **time_columns(occurred_at="Last event"),
    }
    with st.container(border=True):
        st.markdown(f"**{title}**: {count(len(rows), *OBJECTS)}{', the newest' if len(rows) == MOST else ''}")
        row = table(rows, columns, Key.SCOPE_LEAK.of(stage, leak), select=True) if not rows.empty else None
        if row is not None:
            story_link(row, event=str(row["event_id"]))


def drifts_table(rows: pd.DataFrame) -> None:
    """Draws how much each clause shut out, day by day, and whether that moved; a selected row opens whom."""
    days = ask("scope_by_day")
    if (rows["failed"] > 0).any():
        chart(Key.SCOPE_DRIFT, scope_drift, days, rows["job_id"].nunique() > 1)
    shown = rows.assign(verdict=rows["verdict"].map(VERDICTS))
    columns = {
        "clause": text_column("Clause", pinned=True, width="large"),
        "app_name": text_column("App"),
        "failed": number_column("Not met"),
        "evaluated": number_column("Judged"),
        "failed_share": share_column("Shut out"),
        "verdict": text_column("Over time"),
        **time_columns(moved_at="Since"),
        "share_before": share_column("Before"),
        "share_after": share_column("Since then"),
    }
    row = table(shown, columns, Key.SCOPE_CLAUSES, select=True)
    st.caption(
        "A person who is judged again counts again. A clause of a filter is one condition of several; which of them "
        "must be true together, the log does not say."
    )
    if row is not None:
        skipped_people(str(row["clause"]), clause=str(row["clause"]), job=row["job_id"])


def moves_table(rows: pd.DataFrame) -> None:
    """Draws who came into scope and who left it."""
    shown = rows.assign(turn=rows["turn"].map({"left": "Left", "came": "Came in"}))
    columns = {
        "turn": text_column("Turn", pinned=True),
        "name": text_column("Who"),
        "app_name": text_column("App"),
        "sentence": text_column("Why", width="large"),
        **time_columns(moved_at="Last event"),
    }
    row = table(shown, columns, Key.SCOPE_MOVES, select=True)
    if row is not None:
        story_link(row)


def never_provisioned_table(rows: pd.DataFrame) -> None:
    """Draws who is in scope and has no account, the longest wait first."""
    waits = [as_of() - since for since in rows["since"]]
    shown = rows.assign(waits=[span(length) for length in waits], state=[look(word).label for word in rows["state"]])
    columns = {
        "name": text_column("Who", pinned=True),
        "app_name": text_column("App"),
        "waits": text_column("For"),
        "state": text_column("State"),
        "attempts": number_column("Attempts"),
        "error_code": text_column("Failing with"),
        **time_columns(since="Since", last_event_at="Last event"),
        "source_type": text_column("Type"),
    }
    row = table(shown, columns, Key.NEVER_PROVISIONED, select=True)
    if row is not None:
        story_link(row)


def draw_tab() -> None:
    """Draws the tab."""
    ask_ahead("skip_kinds", "scope_moves", "scope_drift")
    st.markdown(f"**{sentence(ask('skip_kinds'), ask('scope_moves'), ask('scope_drift'))}**")
    ask_ahead("completeness_of_window", "scope_funnel", "wire_size", "scope_by_day")
    draw_completeness()
    panel("skip_kinds", kinds_table, empty=none_in_window("No skips of this time range were read."))
    panel("scope_funnel", funnel, empty="No event of this window was read.", also=("scope_confirmed",))
    panel(
        "scope_drift",
        drifts_table,
        empty="No event of this window tells how its scope was judged.",
        also=("scope_by_day",),
    )
    panel("scope_moves", moves_table, empty=none_in_window("No scope moves were read."))
    panel(
        "never_provisioned",
        never_provisioned_table,
        empty=none_in_window("No event shows a user in scope without an account."),
    )
