"""Skips and scope: why anybody was left out, whether that was meant so, and whether a scope has changed."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from views.charts import funnel as funnel_charts
from views.charts import scope as scope_charts
from views.frame.data import PLAIN, Row, ahead, ask, asked, bar, is_empty, pointed, records, teach, tile, times
from views.frame.events import MOST, choose, story_link
from views.frame.look import count, look, plain, share, when
from views.parts.shared import coverage

WANTS = {"somebody": "Somebody", "as intended": "Nobody: meant so", "nobody": "Nobody"}
COMPARED = 20_000
"How many events and requests are held against one another here; Target looks at more."
OBJECTS = ("person or group", "people and groups")
VERDICTS = {
    "moved": "Moved",
    "new": "New",
    "gone": "No longer judged",
    "steady": "Steady",
}
SKIPPED = {
    "name": st.column_config.TextColumn("Who", pinned=True),
    "app_name": st.column_config.TextColumn("App"),
    "sentence": st.column_config.TextColumn("Why", width="large"),
    "cure": st.column_config.TextColumn("If it is not meant so", width="large"),
    "skips": st.column_config.NumberColumn("Skips", format="localized"),
    **times(last_seen_at="Last seen"),
}


def sentence(kinds: pd.DataFrame, moves: pd.DataFrame, drifts: pd.DataFrame) -> str:
    """Says how many were left out as meant, how many want somebody, and whether the scope changed."""
    if kinds.empty:
        return f"Nobody was skipped between {when(bar().since)} and {when(bar().until)}, as far as the log says."
    waiting = kinds.groupby("wants")["waiting"].sum()
    wanting, meant = int(waiting.get("somebody", 0)), int(waiting.get("as intended", 0))
    need = f"{count(wanting, *OBJECTS)} {'waits' if wanting == 1 else 'wait'} for somebody"
    return (
        f"{need if wanting else 'No skipped person or group waits for anybody'}; "
        f"{count(meant, *OBJECTS)} {'is' if meant == 1 else 'are'} out of scope by a rule that the log names. "
        f"{turned(moves)} {shifted(drifts)}"
    )


def turned(moves: pd.DataFrame) -> str:
    """Says how many came into scope and left it."""
    left, came = ((moves["turn"] == turn).sum() for turn in ("left", "came"))
    return f"{count(left, *OBJECTS)} left the scope in this window and {came:,} came into it."


def shifted(drifts: pd.DataFrame) -> str:
    """Says which clauses began to shut out more or fewer."""
    turns = [moved(row) for row in records(drifts[drifts["verdict"] != "steady"])]
    return " ".join(turns[:3]) or "No scoping clause moved beyond its usual band."


def moved(row: Row) -> str:
    """Says how one clause changed."""
    clause, app, day = plain(str(row["clause"])), plain(str(row["app_name"])), f"{row['moved_at']:%-d %b %Y}"
    if row["verdict"] == "new":
        return f"In {app} the clause “{clause}” is new since {day}."
    if row["verdict"] == "gone":
        return f"In {app} the clause “{clause}” is not judged any more since {day}."
    before, after = share(row["share_before"]), share(row["share_after"])
    return f"In {app} “{clause}” shut out {before} before {day} and {after} since."


def kinds_of(rows: pd.DataFrame) -> None:
    """Draws the kinds of skips; those that want somebody come first. A selected one opens its people."""
    shown = rows.assign(wants=rows["wants"].map(WANTS), kind=rows["kind"].str.capitalize())
    columns = {
        "kind": st.column_config.TextColumn("Why", pinned=True),
        "wants": st.column_config.TextColumn("Wants"),
        "objects": st.column_config.NumberColumn("People and groups", format="localized"),
        "waiting": st.column_config.NumberColumn("Still so", format="localized"),
        "skips": st.column_config.NumberColumn("Skips", format="localized"),
        "sentence": st.column_config.TextColumn("The newest one", width="large"),
        "cure": st.column_config.TextColumn("If it is not meant so", width="large"),
        "attributes": st.column_config.TextColumn("Attributes"),
        "apps": st.column_config.TextColumn("Apps"),
        **times(last_seen_at="Last seen"),
    }
    row = choose(shown, columns, "kinds")
    if row is None:
        st.caption("Select a row to see whom it is about.")
    else:
        people(str(row["kind"]), kind=str(row["kind"]).lower())


def people(title: str, **given: Any) -> None:
    """Shows who was skipped; a selected one's story is one click away."""
    rows = ask("skip_people", **({"limit": MOST} | given))
    with st.container(border=True):
        newest = f", the newest {MOST}" if len(rows) == MOST else ""
        st.markdown(f"**{plain(title)}**: {count(len(rows), *OBJECTS)}{newest}")
        row = choose(rows, SKIPPED, f"people-{title}") if not rows.empty else None
        if row is not None:
            st.markdown(f"{plain(str(row['sentence']))} *{plain(str(row['cure']))}*")
            story_link(row, event=str(row["event_id"]))
        asked(skip_people={"limit": MOST} | given)


def funnel(rows: pd.DataFrame) -> None:
    """Draws the way from seen to exported; a selected bar opens who is in it."""
    figure = funnel_charts.funnel(rows)
    state = st.plotly_chart(figure, key="scope-funnel", on_select="rerun", selection_mode="points", config=PLAIN)
    since = lately(ask("wire_size"))
    st.markdown(confirmed(ask("scope_confirmed", since=since), since))
    mark = pointed(state)
    if mark is None:
        st.caption("Select a bar to see who reached a stage, or left before it.")
    else:
        leaked(str(mark[0]), str(mark[1]) or None)


def lately(sizes: pd.DataFrame) -> datetime:
    """Gives since when exports are held against the apps' logs: the window, or as much of its end as is quick."""
    newest = sizes.sort_values("hour", ascending=False)
    fits = newest[(newest["events"] + newest["requests"]).cumsum() <= COMPARED]
    whole = len(fits) == len(sizes) or fits.empty
    return bar().since if whole else max(bar().since, fits["hour"].min().to_pydatetime())


def confirmed(rows: pd.DataFrame, since: datetime) -> str:
    """Says how many exports the app's own log confirms."""
    if rows.empty:
        return "Nothing was exported, so there is nothing to confirm on the wire."
    told = rows.iloc[0]
    if told["unknown"] == told["exported"]:
        return "Confirmed on the wire: not known, since no app's own log covers these exports."
    part = "" if since <= bar().since else f" since {when(since)}"
    good = (
        f"**{told['confirmed']:,} of {told['exported']:,}** exported{part} are in the app's own log with a good answer"
    )
    unseen = f", {told['never_seen']:,} should be in it and are not" if told["never_seen"] else ""
    return f"Confirmed on the wire: {good}{unseen}; of {told['unknown']:,} it is not known."


def leaked(stage: str, leak: str | None) -> None:
    """Shows who is in one bar of the funnel."""
    rows = ask("scope_leak", stage=stage, leak=leak)
    title = f"{stage.capitalize()}" if leak is None else f"Not {stage}: {look(leak).label.lower()}"
    columns = {
        "name": st.column_config.TextColumn("Who", pinned=True),
        "app_name": st.column_config.TextColumn("App"),
        "action": st.column_config.TextColumn("Action"),
        "status": st.column_config.TextColumn("Status"),
        "error_code": st.column_config.TextColumn("Error"),
        "skip_reason": st.column_config.TextColumn("Skipped because"),
        **times(occurred_at="Last event"),
    }
    with st.container(border=True):
        st.markdown(f"**{title}**: {count(len(rows), *OBJECTS)}{', the newest' if len(rows) == MOST else ''}")
        row = choose(rows, columns, f"leak-{stage}-{leak}") if not rows.empty else None
        if row is not None:
            story_link(row, event=str(row["event_id"]))


def drifts_of(rows: pd.DataFrame) -> None:
    """Draws how much each clause shut out, day by day, and whether that moved; a selected row opens whom."""
    days = ask("scope_by_day")
    if (rows["failed"] > 0).any():
        figure = scope_charts.drift(days, rows["job_id"].nunique() > 1)
        st.plotly_chart(figure, key="drift", config=PLAIN)
    shown = rows.assign(verdict=rows["verdict"].map(VERDICTS))
    columns = {
        "clause": st.column_config.TextColumn("Clause", pinned=True, width="large"),
        "app_name": st.column_config.TextColumn("App"),
        "failed": st.column_config.NumberColumn("Not met", format="localized"),
        "evaluated": st.column_config.NumberColumn("Judged", format="localized"),
        "failed_share": st.column_config.NumberColumn("Shut out", format="percent"),
        "verdict": st.column_config.TextColumn("Over time"),
        **times(moved_at="Since"),
        "share_before": st.column_config.NumberColumn("Before", format="percent"),
        "share_after": st.column_config.NumberColumn("Since then", format="percent"),
    }
    row = choose(shown, columns, "clauses")
    st.caption(
        "A person who is judged again counts again. A clause of a filter is one condition of several; which of them "
        "must be true together, the log does not say."
    )
    if row is not None:
        people(str(row["clause"]), clause=str(row["clause"]), job=row["job_id"])


def moves_of(rows: pd.DataFrame) -> None:
    """Draws who came into scope and who left it."""
    shown = rows.assign(turn=rows["turn"].map({"left": "Left", "came": "Came in"}))
    columns = {
        "turn": st.column_config.TextColumn("Turn", pinned=True),
        "name": st.column_config.TextColumn("Who"),
        "app_name": st.column_config.TextColumn("App"),
        "sentence": st.column_config.TextColumn("Why", width="large"),
        **times(moved_at="Last event"),
    }
    row = choose(shown, columns, "turns")
    if row is not None:
        story_link(row)


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
        return
    ahead("skip_kinds", "scope_moves", "scope_drift")
    st.markdown(f"**{sentence(ask('skip_kinds'), ask('scope_moves'), ask('scope_drift'))}**")
    ahead("completeness_of_window", "scope_funnel", "wire_size", "scope_by_day")
    coverage.say_known()
    tile("skip_kinds", kinds_of, empty="No skip of this window was read.")
    tile("scope_funnel", funnel, empty="No event of this window was read.", beside=("scope_confirmed",))
    tile(
        "scope_drift",
        drifts_of,
        empty="No event of this window tells how its scope was judged.",
        beside=("scope_by_day",),
    )
    tile("scope_moves", moves_of, empty="Nobody left the scope or came into it.")


if __name__ == "__main__":
    page()
