"""Overview: who needs attention, how every job is, and when things failed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from views.charts import base
from views.frame.data import (
    BLANK,
    PLAIN,
    Row,
    ahead,
    as_of,
    ask,
    bar,
    is_empty,
    pointed,
    records,
    standing,
    teach,
    tile,
    times,
)
from views.frame.events import behind, choose, story_link
from views.frame.filters import spelled
from views.frame.look import cause, chip_colours, chips, count, labelled, look, missing, plain, when
from views.parts.cycles import progress
from views.parts.health import incidents
from views.parts.overview import attention
from views.parts.shared import coverage


def sentence(fleet: pd.DataFrame) -> str:
    """Says who needs attention, in one sentence."""
    needy = fleet[fleet["needs_you"]]
    if needy.empty:
        return f"None of {count(len(fleet), 'job')} needs you."
    verb = "needs" if len(needy) == 1 else "need"
    told = "; ".join(trouble(job) for job in records(needy))
    return f"{len(needy)} of {count(len(fleet), 'job')} {verb} you: {told}."


def trouble(job: Row) -> str:
    """Says what holds one job up."""
    name = plain(str(job["app_name"]))
    if job["state"] == "quarantine":
        why, again = plain(cause(job["cause"], job["error_code"])), job["next_try_at"]
        tries = "" if missing(again) else f", next try {when(again)}"
        return f"**{name}** has been in quarantine since {when(job['since'])} ({why}){tries}"
    if job["state"] == "stopped":
        return f"**{name}** is stopped, so nobody is provisioned there"
    if job["state"] == "dead":
        return f"**{name}** is dead: cycles were due and none has come, past every grace since {when(job['since'])}"
    return f"**{name}** is failing: on its last day most of what it tried did"


def asides(fleet: pd.DataFrame) -> list[str]:
    """Says what waits or is not known, one sentence a job."""
    said = []
    for job in records(fleet):
        name = plain(str(job["app_name"]))
        if job["state"] == "waiting":
            waits = count(int(job["open_escrows"]), "object waits", "objects wait")
            said.append(f"In **{name}** {waits} for a retry, the first since {when(job['since'])}.")
        if job["state"] in ("stalled", "late"):
            why = "" if missing(job["explanation"]) else plain(str(job["explanation"]))
            said.append(f"**{name}** {'has stalled' if job['state'] == 'stalled' else 'is late'}. {why}")
        if job["state"] == "unknown":
            said.append(f"**{name}** has delivered nothing for a day, and no status says whether it is idle or dead.")
    return said


def fleet_table(fleet: pd.DataFrame) -> None:
    """Draws one row per job, worst first; a selected row opens what is behind it."""
    rows = fleet
    known = ask("completeness_of_window").rename(columns={"hours": "window_hours"})
    for beside in (ask("placements"), ask("daily_success"), known):
        rows = rows.merge(beside.drop(columns="app_name"), "left", "job_id")
    rows["known"] = [coverage.hours_known(row) for row in records(rows)]
    rows["said"] = chips(rows["state"])
    rows["daily_failures"] = rows["daily_failures"].map(filled)
    labels, colours = chip_colours()
    columns = {
        "app_name": st.column_config.TextColumn("App", pinned=True),
        "said": st.column_config.MultiselectColumn("State", options=labels, color=colours),
        **times(last_cycle_at="Last cycle"),
        "in_place_share": st.column_config.ProgressColumn(
            "In place", format="percent", min_value=0, max_value=1, help="In sync, of everybody who should be"
        ),
        "success_share": st.column_config.NumberColumn(
            "Success",
            format="percent",
            help="Successes of successes and failures in the window; benign skips are in neither",
        ),
        "known": st.column_config.TextColumn(
            "Hours known", help="Complete hours of the window; of the others what is counted may be too low"
        ),
        "daily_failures": st.column_config.BarChartColumn(
            "Failures a day",
            y_min=0,
            help="Oldest day first. An empty day: no failure was read; the chart below tells unknown from quiet",
        ),
        "open_escrows": st.column_config.NumberColumn(
            "Open escrows", format="localized", help="Objects that await a retry"
        ),
        "last_error": st.column_config.TextColumn("Last error"),
        **times(next_try_at="Next try"),
    }
    job = choose(rows, columns, "fleet")
    if job is not None:
        job_links(job)
    else:
        st.caption(
            "States, places and escrows are as of the newest data; success, failures and last error are of the window. "
            "Select a row to see what is behind its numbers."
        )


def filled(days: Any) -> list[float]:
    """Gives a spark line's days with nothing where nothing was tried: a chart in a cell takes no gaps."""
    return [0.0 if missing(day) else float(day) for day in days] if isinstance(days, Iterable) else []


def job_links(job: Row) -> None:
    """Opens the rows behind one job's numbers."""
    with st.container(border=True):
        st.markdown(f"**{plain(str(job['app_name']))}** {labelled(str(job['state']))}")
        if not missing(job["explanation"]):
            st.markdown(plain(str(job["explanation"])))
        words = bar().link(job=str(job["app_name"]))
        with st.container(horizontal=True):
            st.page_link("failures.py", label="Its failures", icon=":material/error:", query_params=words)
            st.page_link("cycles.py", label="Its cycles", icon=":material/cached:", query_params=words)
            failing = words | {"state": "failing"}
            st.page_link("people.py", label="Who is failing", icon=":material/group:", query_params=failing)
            st.page_link("people.py", label="Everybody in it", icon=":material/group:", query_params=words)


def heat_map(cells: pd.DataFrame) -> None:
    """Draws failures per hour and app; a selected hour opens its rows."""
    state = st.plotly_chart(base.heat(cells), key="heat", on_select="rerun", selection_mode="points", config=PLAIN)
    st.caption(
        "Pale: nothing failed. Dotted: partial, some may be missing. Hatched: nothing that was read speaks for the "
        "hour, so nobody knows. Select an hour to see its events."
    )
    chosen = pointed(state)
    if chosen:
        hour_rows(cells, str(chosen[0]), datetime.fromisoformat(str(chosen[1])))


def hour_rows(cells: pd.DataFrame, job: str, hour: datetime) -> None:
    """Shows the failed events of one job's hour, or says that there are none, or that nobody knows."""
    until = hour + timedelta(hours=1)
    cell = cells[(cells["job_id"] == job) & (cells["hour"] == hour)]
    if cell["attempts"].isna().all():
        st.markdown(f"Nothing that was read speaks for {when(hour)} to {when(until)}, so what happened is unknown.")
        return
    if (cell["state"] == "partial").any():
        st.markdown("This hour is partial: some of its events may be missing.")
    behind(f"Failures from {when(hour)} to {when(until)}", job=job, since=hour, until=until)
    words = {name: word for name, word in bar().words.items() if name != "window"}
    words |= {"since": spelled(hour), "until": spelled(until)}
    st.page_link("failures.py", label="This hour on Failures", icon=":material/error:", query_params=words)


def cycles(rows: pd.DataFrame) -> None:
    """Draws the cycles of the window, newest first."""
    columns = {
        "app_name": st.column_config.TextColumn("App", pinned=True),
        **times("began_at", "ended_at"),
        "kind": st.column_config.TextColumn("Kind"),
        "outcome": st.column_config.TextColumn("Outcome"),
        "objects": st.column_config.NumberColumn("Objects", format="localized"),
        "succeeded": st.column_config.NumberColumn("Succeeded", format="localized"),
        "failed": st.column_config.ProgressColumn(
            "Failed", format="%d", min_value=0, max_value=max(1, int(rows["failed"].max()))
        ),
        "skipped": st.column_config.NumberColumn("Skipped", format="localized"),
    }
    st.dataframe(
        rows, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK, height=300
    )


def quarantines(rows: pd.DataFrame) -> None:
    """Draws every quarantine, newest first; one that lasts has no end."""
    shown = rows.assign(why=[cause(row.reason, row.error_code) for row in rows.itertuples()])
    columns = {
        "app_name": st.column_config.TextColumn("App", pinned=True),
        **times(opened_at="Began", closed_at="Ended"),
        "hours": st.column_config.NumberColumn("Hours", format="localized"),
        "why": st.column_config.TextColumn("Reason"),
        "error_message": st.column_config.TextColumn("Graph says", width="large"),
        **times(next_attempt_at="Next try"),
    }
    st.dataframe(shown, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)


def escrows(rows: pd.DataFrame) -> None:
    """Draws who waits, the longest wait first."""
    columns = {
        "app_name": st.column_config.TextColumn("App", pinned=True),
        "name": st.column_config.TextColumn("Who"),
        "error_code": st.column_config.TextColumn("Error"),
        "attempts": st.column_config.NumberColumn("Attempts", format="localized"),
        **times(opened_at="Waiting since", retry_at="Next try", dropped_at="Given up on"),
    }
    row = choose(rows, columns, "escrows")
    if row is not None:
        story_link(row)


@st.fragment(run_every=5, parallel=True)
def under_way() -> None:
    """Draws the cycles under way beside the rest of the page, so that nothing waits for them."""
    with standing():
        progress.strip(progress.told())


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
        return
    # The same instant as that of the bars, so that a job is not said to run here and to be late there.
    judged: dict[str, Any] = {"until": as_of() + timedelta(seconds=1), "grace": read_settings().grace}
    ahead("rule_runs_lately")
    fleet = ask("fleet", **judged)
    if fleet.empty:
        st.info(
            "There is data, but no job in it: only SCIM requests were loaded. Load provisioning logs to see jobs here."
        )
        return
    if incidents.is_checked():
        attention.say(len(fleet))
    else:
        (st.error if fleet["needs_you"].any() else st.success)(
            sentence(fleet), icon=look(str(fleet["state"].iloc[0])).icon
        )
        st.caption("By the jobs' states alone: the health rules were never asked here. The page Health says how.")
    ahead("progress", as_of=as_of(), grace=read_settings().grace)
    ahead(
        "completeness_of_window",
        "placements",
        "daily_success",
        "failures_by_hour",
        "open_escrows",
        "quarantine_history",
    )
    under_way()
    for aside in asides(fleet):
        st.markdown(aside)
    coverage.say_known()
    tile("fleet", fleet_table, beside=("placements", "daily_success", "completeness_of_window"), **judged)
    tile("failures_by_hour", heat_map)
    tile("open_escrows", escrows, empty="Nobody waits.")
    tile("quarantine_history", quarantines, empty="No job was seen in quarantine.")
    # Folded from every event, so asked only when somebody wants to see it.
    with st.expander("Cycles of this window", icon=":material/cached:", on_change="rerun", key="cycles") as box:
        if box.open:
            tile("cycles_lately", cycles, empty="No cycle left an event in this window.")


if __name__ == "__main__":
    page()
