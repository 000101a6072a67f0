"""Overview: who needs attention, how every job is, and when things failed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, is_missing
from views.charts.failures import failures_by_hour
from views.frame.chart import chart_mark
from views.frame.data import Row, as_of, ask, ask_ahead, records
from views.frame.empty import readable
from views.frame.events import matching_events, story_link
from views.frame.filters import bar
from views.frame.look import cause, chips, labelled, plain
from views.frame.panel import panel, show_sql
from views.frame.places import page_link
from views.frame.state import Key, Word
from views.frame.table import (
    chips_column,
    daily_bars,
    number_bar,
    number_column,
    share_bar,
    share_column,
    table,
    text_column,
    time_columns,
)
from views.frame.verdict import claim, draw_verdict, job_words
from views.parts.cycles.progress import draw_running_lines, job_progress
from views.parts.health.incidents import is_checked
from views.parts.overview.attention import draw_attention
from views.parts.shared.coverage import complete_hours, draw_completeness, none_in_window
from views.parts.shared.retries import evidence

UNTIL_INITIAL = "n/a until the initial cycle has ended"


def asides(fleet: pd.DataFrame) -> list[str]:
    """Writes what waits or is not known, one sentence a job."""
    sentences = []
    for job in records(fleet):
        name = plain(str(job["app_name"]))
        if job["state"] == "waiting":
            waits = count(int(job["open_escrows"]), "object waits", "objects wait")
            sentences.append(f"In **{name}** {waits} for a retry, the first since {instant(job['since'])}.")
        if job["state"] in ("stalled", "late"):
            why = "" if is_missing(job["explanation"]) else plain(str(job["explanation"]))
            sentences.append(f"**{name}** {'has stalled' if job['state'] == 'stalled' else 'is late'}. {why}")
        if job["state"] == "unknown":
            sentences.append(
                f"**{name}** has delivered nothing for a day, and no status says whether it is idle or dead."
            )
    return sentences


def fleet_table(fleet: pd.DataFrame) -> None:
    """Draws one row per job, worst first; a selected row opens what is behind it."""
    rows = fleet
    hours = ask("completeness_of_window").rename(columns={"hours": "window_hours"})
    for other in (ask("placements"), ask("daily_success"), hours):
        rows = rows.merge(other.drop(columns="app_name"), "left", "job_id")
    rows["complete_hours"] = [complete_hours(row) for row in records(rows)]
    rows["word"] = job_words(rows)
    rows["chip"] = chips(rows["word"])
    rows["daily_failures"] = rows["daily_failures"].map(without_gaps)
    columns = {
        "app_name": text_column("App", pinned=True),
        "chip": chips_column("State"),
        **time_columns(last_cycle_at="Last cycle"),
        "in_place_share": share_bar("In place", help=f"In sync, of everybody who should be; {UNTIL_INITIAL}"),
        "success_share": share_column(
            "Success",
            help="Successes of successes and failures in the window; benign skips are in neither",
        ),
        "complete_hours": text_column(
            "Hours known", help="Complete hours of the window; of the others what is counted may be too low"
        ),
        "daily_failures": daily_bars(
            "Failures a day",
            help="Oldest day first. An empty day: no failure was read; the chart below tells unknown from quiet",
        ),
        "open_escrows": number_column("Open escrows", help="Objects that await a retry"),
        "last_error": text_column("Last error"),
        **time_columns(next_try_at="Next try"),
    }
    job = table(rows, columns, Key.FLEET, select=True)
    initial = [plain(str(row["app_name"])) for row in records(rows) if row["is_initial"] is True]
    if initial:
        st.caption(f"In place is {UNTIL_INITIAL}: {', '.join(initial)}.")
    if job is not None:
        job_links(job)
    else:
        st.caption(
            "States, places and escrows are as of the newest data; success, failures and last error are of the window. "
            "Select a row to see what is behind its numbers."
        )


def without_gaps(days: Any) -> list[float]:
    """Returns a spark line's days with nothing where nothing was tried: a chart in a cell takes no gaps."""
    return [0.0 if is_missing(day) else float(day) for day in days] if isinstance(days, Iterable) else []


def job_links(job: Row) -> None:
    """Draws the links to the rows behind one job's numbers."""
    with st.container(border=True):
        st.markdown(f"**{plain(str(job['app_name']))}** {labelled(str(job['word']))}")
        if not is_missing(job["explanation"]):
            st.markdown(plain(str(job["explanation"])))
        words = bar().link(job=str(job["app_name"]))
        with st.container(horizontal=True):
            page_link("failures", "Failures", ":material/error:", words)
            page_link("cycles", "Cycles", ":material/cached:", words)
            failing = words | {Word.STATE: "failing"}
            page_link("people", "Failing users", ":material/group:", failing)
            page_link("people", "All users", ":material/group:", words)


def heat_map(cells: pd.DataFrame) -> None:
    """Draws failures per hour and app; a selected hour opens its rows."""
    chosen = chart_mark(Key.HEAT, failures_by_hour, cells)
    st.caption(
        "Pale: nothing failed. Dotted: partial, some may be missing. Hatched: nothing that was read speaks for the "
        "hour, so nobody knows. Select an hour to see its events."
    )
    if chosen:
        hour_rows(cells, str(chosen[0]), datetime.fromisoformat(str(chosen[1])))


def hour_rows(cells: pd.DataFrame, job: str, hour: datetime) -> None:
    """Draws the failed events of one job's hour; an hour without data is said to be unknown."""
    until = hour + timedelta(hours=1)
    cell = cells[(cells["job_id"] == job) & (cells["hour"] == hour)]
    if cell["attempts"].isna().all():
        st.markdown(
            f"Nothing that was read speaks for {instant(hour)} to {instant(until)}, so what happened is unknown."
        )
        return
    if (cell["state"] == "partial").any():
        st.markdown("This hour is partial: some of its events may be missing.")
    matching_events(f"Failures from {instant(hour)} to {instant(until)}", job=job, since=hour, until=until)
    words = {word: value for word, value in bar().words.items() if word != Word.WINDOW}
    words |= {Word.SINCE: wording.address(hour), Word.UNTIL: wording.address(until)}
    page_link("failures", "Failures of this hour", ":material/error:", words)


def cycles_table(rows: pd.DataFrame) -> None:
    """Draws the cycles of the window, newest first."""
    columns = {
        "app_name": text_column("App", pinned=True),
        **time_columns("began_at", "ended_at"),
        "kind": text_column("Kind"),
        "outcome": text_column("Outcome"),
        "reported_outcome": text_column("Graph reports"),
        "objects": number_column("Objects"),
        "succeeded": number_column("Succeeded"),
        "failed": number_bar("Failed", rows["failed"].max()),
        "skipped": number_column("Skipped"),
    }
    table(rows, columns, height=300)


def quarantines(rows: pd.DataFrame) -> None:
    """Draws every quarantine, newest first; one that lasts has no end."""
    shown = rows.assign(why=[cause(row.reason, row.error_code) for row in rows.itertuples()])
    columns = {
        "app_name": text_column("App", pinned=True),
        **time_columns(opened_at="Began", closed_at="Ended"),
        "hours": number_column("Hours"),
        "why": text_column("Reason"),
        "error_message": text_column("Graph says", width="large"),
        **time_columns(next_attempt_at="Next try"),
    }
    table(shown, columns)


def escrows(rows: pd.DataFrame) -> None:
    """Draws who waits, the longest wait first."""
    columns = {
        "app_name": text_column("App", pinned=True),
        "name": text_column("Who"),
        "error_code": text_column("Error"),
        "attempts": number_column("Attempts"),
        **time_columns(opened_at="Waiting since", retry_at="Next try", dropped_at="Given up on"),
        "opened_from": text_column("Since, by"),
    }
    row = table(evidence(rows), columns, Key.ESCROWS, select=True)
    if row is not None:
        story_link(row)


@st.fragment(run_every=5, parallel=True)
def running_cycles() -> None:
    """Draws the running cycles parallel to the rest of the page, so that nothing waits for them."""
    with readable():
        draw_running_lines(job_progress())


def page() -> None:
    """Draws the page."""
    # The same instant as that of the bars, so that a job is not said to run here and to be late there.
    given: dict[str, Any] = {"until": as_of() + timedelta(seconds=1), "grace": read_settings().grace}
    ask_ahead("rule_runs_lately")
    fleet = ask("fleet", **given)
    if fleet.empty:
        draw_verdict()
        st.info(
            "There is data, but no job in it: only SCIM requests were loaded. Load provisioning logs to see jobs here."
        )
        return
    draw_verdict()
    show_sql(job_facts={"at": as_of(), "grace": read_settings().grace})
    if is_checked():
        draw_attention()
    ask_ahead("progress", as_of=as_of(), grace=read_settings().grace)
    ask_ahead(
        "completeness_of_window",
        "placements",
        "daily_success",
        "failures_by_hour",
        "open_escrows",
        "quarantine_history",
    )
    running_cycles()
    for aside in asides(fleet):
        st.markdown(aside)
    draw_completeness()
    panel("fleet", fleet_table, also=("placements", "daily_success", "completeness_of_window"), **given)
    panel("failures_by_hour", heat_map)
    panel("open_escrows", escrows, empty=claim("No pending retries in the log.", about="incidents"))
    panel("quarantine_history", quarantines, empty=claim("No job status shows a quarantine.", about="quarantine"))
    # Folded from every event, so asked only when somebody wants to see it.
    with st.expander(
        "Cycles of this window", icon=":material/cached:", on_change="rerun", key=Key.WINDOW_CYCLES
    ) as box:
        if box.open:
            panel("cycles_lately", cycles_table, empty=none_in_window("No cycle of this time range left an event."))


if __name__ == "__main__":
    page()
