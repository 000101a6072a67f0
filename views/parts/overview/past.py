"""What Home leaves out, of all apps: job status history, failures by hour, pending retries, past quarantines."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.wording import instant, is_missing, span
from views.charts.failures import failures_by_hour
from views.charts.quarantine import status_lanes
from views.frame.chart import chart, chart_mark
from views.frame.data import Row, ask, records
from views.frame.empty import nothing
from views.frame.events import matching_events
from views.frame.filters import HOUR, bar
from views.frame.look import cause
from views.frame.panel import panel, show_sql
from views.frame.places import lead_to, page_link
from views.frame.state import Key, Word
from views.frame.table import code_column, number_column, table, text_column, time_columns
from views.frame.verdict import claim
from views.parts.apps.facts import STALE
from views.parts.shared.retries import evidence

MANY = 25
"Of more apps than this a chart with a lane each is drawn in a closed expander."


def folded(title: str, draw: Callable[[], object]) -> None:
    """Draws secondary material in a closed expander; what it shows is asked for once it is opened."""
    key = Key.FOLDED.of(title.lower().replace(" ", "-"))
    with st.expander(title, on_change="rerun", key=key) as box:
        if box.open:
            draw()


def draw_lanes(at: datetime) -> None:
    """Draws the status of every job over the time range."""
    given = {"at": at, "gap": int(STALE.total_seconds())}
    rows = ask("quarantine_lanes", **given)
    if rows.empty:
        nothing("No app in this time range.")
    else:
        chart(Key.STATUS_LANES, status_lanes, rows, bar().since, bar().until, at, zooms=HOUR)
        if notes := lane_notes(set(rows["word"])):
            st.caption(" ".join(notes))
    show_sql(quarantine_lanes=given)


def lane_notes(words: set[str]) -> list[str]:
    """Explains what of the lanes is drawn; their words are Entra's, not those of the table above."""
    notes = ["Healthy: Entra reports no quarantine; users may still be pending a retry."] if "healthy" in words else []
    if "unknown" in words:
        notes.append(f"Hatched: no job status for more than {span(STALE.total_seconds())}.")
    if words & {"watch", "imminent"}:
        notes.append("Quarantine possible and likely come from alert rules.")
    elif ask("rule_runs_lately").empty:
        notes.append("Alert rules, which find a quarantine ahead, were **never evaluated**.")
    return notes


def draw_heat_map() -> None:
    """Draws failures per hour and app."""
    panel("failures_by_hour", heat_map, title="")


def heat_map(cells: pd.DataFrame) -> None:
    """Draws failures per hour and app; a selected hour lists its events."""
    chosen = chart_mark(Key.HEAT, failures_by_hour, cells, zooms=HOUR)
    st.caption("Pale: no failures. Dotted: partial data. Hatched: no data. Select an hour to list its events.")
    if chosen:
        hour_rows(cells, str(chosen[0]), datetime.fromisoformat(str(chosen[1])))


def hour_rows(cells: pd.DataFrame, job: str, hour: datetime) -> None:
    """Draws the failed events of one job's hour; an hour without data is unknown."""
    until = hour + timedelta(hours=1)
    cell = cells[(cells["job_id"] == job) & (cells["hour"] == hour)]
    if cell["attempts"].isna().all():
        st.markdown(f"No data from {instant(hour)} to {instant(until)}: failures in this hour are unknown.")
        return
    if (cell["state"] == "partial").any():
        st.markdown("Data for this hour is partial: events may be missing.")
    matching_events(f"Failures from {instant(hour)} to {instant(until)}", job=job, since=hour, until=until)
    words = {word: value for word, value in bar().words.items() if word != Word.WINDOW}
    words |= {Word.SINCE: wording.address(hour), Word.UNTIL: wording.address(until)}
    page_link("failures", "Failures of this hour", ":material/error:", words)


def draw_pending() -> None:
    """Draws who is pending a retry in any app, the longest wait first."""
    panel("open_escrows", pending_table, empty=claim("No pending retries in the log.", about="incidents"), title="")


def pending_table(rows: pd.DataFrame) -> None:
    """Draws pending retries; a row opens its user or group."""
    columns = {
        "name": text_column("User or group"),
        "app_name": text_column("App"),
        "error_code": text_column("Error"),
        "attempts": text_column("Attempts"),
        **time_columns(opened_at="Failing since", retry_at="Next retry", dropped_at="Retries end"),
        "opened_from": text_column("Failing since, by"),
    }
    shown = evidence(rows)
    table(
        shown.assign(attempts=shown["attempts"].astype(str)),
        columns,
        Key.ESCROWS,
        at_most=360,
        opens="name",
        on_open=lambda row: lead_to("people", bar().link(**{Word.OBJECT: str(row["source_id"])})),
    )


def draw_quarantines(at: datetime) -> None:
    """Draws past quarantines with how soon each was detected and resolved, then each reason that they had."""
    none = claim("No job status shows a quarantine.", about="quarantine")
    panel("quarantine_episodes", episodes_table, empty=none, title="", at=at)
    reasons = ask("quarantine_history")
    if len(reasons) > len(ask("quarantine_episodes", at=at)):
        panel("quarantine_history", reasons_table, title="Reasons of each quarantine")


def episodes_table(rows: pd.DataFrame) -> None:
    """Draws past quarantines."""
    columns = {
        "app_name": text_column("App"),
        **time_columns(opened_at="Began", noticed_at="Detected", closed_at="Ended"),
        "to_notice": text_column("Time to detect"),
        "to_fix": text_column("Time to resolve"),
        "why": text_column("Reason", width="medium"),
        "series_count": code_column("Failed attempts", help="How often Entra retried and kept the job in quarantine"),
    }
    table(pd.DataFrame([episode(row) for row in records(rows)]), columns)
    st.caption(
        "Detected: when the alert rule first found it; for logs loaded later, by their own time. Ended: when a job "
        "status first reported it."
    )


def episode(row: Row) -> Row:
    """Writes one quarantine with the times it took."""
    return row | {
        "to_notice": "Not detected" if is_missing(row["noticed_at"]) else apart(row["opened_at"], row["noticed_at"]),
        "to_fix": "Ongoing" if is_missing(row["closed_at"]) else apart(row["opened_at"], row["closed_at"]),
        "why": cause(row["reason"], row["error_code"], row["job_id"]),
    }


def apart(first: datetime, second: datetime) -> str:
    """Writes the time between two instants."""
    return span(max(0.0, (second - first).total_seconds()))


def reasons_table(rows: pd.DataFrame) -> None:
    """Draws each reason of each quarantine, newest first."""
    shown = rows.assign(why=[cause(row.reason, row.error_code) for row in rows.itertuples()])
    columns = {
        "app_name": text_column("App"),
        **time_columns(opened_at="Began", closed_at="Ended"),
        "hours": number_column("Hours"),
        "why": text_column("Reason"),
        "error_message": text_column("Message", width="large"),
        **time_columns(next_attempt_at="Next attempt"),
    }
    table(shown, columns)
