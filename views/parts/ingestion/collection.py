"""What is collected and how it goes: each source's newest record, background jobs and connections."""

import pandas as pd
import streamlit as st

from pipeline.config.wording import span
from views.frame.data import ask
from views.frame.look import chips
from views.frame.panel import show_sql
from views.frame.table import chips_column, decimal_column, number_column, table, text_column, time_columns

SOURCES = {
    "graph": "Provisioning logs, Microsoft Graph",
    "diagnostic": "Provisioning logs, diagnostic setting",
    "log_analytics": "Provisioning logs, Log Analytics",
    "portal": "Provisioning logs, portal export",
    "jobs": "Job status, Microsoft Graph",
    "scim": "SCIM log, JSON lines",
    "scim_pairs": "SCIM log, requests and responses apart",
    "access_log": "SCIM log, web server",
}
"What each wire shape is called."
JOBS = {
    "ingest": "Load files",
    "poll": "Collect from Graph",
    "container": "Collect from storage",
    "check": "Run alert rules",
    "notify": "Send notifications",
    "maintain": "Maintain the store",
    "publish": "Publish a DuckDB file",
}
"What each background job does."


def sources_table(rows: pd.DataFrame) -> None:
    """Draws how far each source reaches."""
    rows = rows.assign(lag=rows["lag_s"].map(span), source=rows["source"].map(lambda name: SOURCES.get(name, name)))
    columns = {
        "source": text_column("Source"),
        "files": number_column("Files", width="small"),
        "lines": number_column("Lines", width="small"),
        **time_columns(first_event_at="Oldest record", last_event_at="Newest record", loaded_at="Last loaded"),
        "lag": text_column("Lag", help="From the newest record until it was loaded"),
    }
    table(rows, columns)


def draw_collection() -> None:
    """Draws, closed, each background job's last run and each connection; those that fail come first."""
    runs, connections = ask("beats_lately"), ask("contacts")
    for name, rows, icon, draw in (
        ("Background jobs", runs, "sync", job_runs),
        ("Data source connections", connections, "cable", connections_table),
    ):
        if not rows.empty:
            failed = int((rows["outcome"] == "failed").sum())
            with st.expander(f"{name}: {failed:,} failing" if failed else name, icon=f":material/{icon}:"):
                draw(rows)
    show_sql(beats_lately={}, contacts={})


def job_runs(rows: pd.DataFrame) -> None:
    """Draws each background job's last run."""
    columns = {
        "job": text_column("Background job"),
        "outcome": text_column("Outcome"),
        **time_columns(began_at="Started", ended_at="Ended"),
        "detail": text_column("Detail", width="large"),
    }
    table(rows.assign(job=rows["beat"].map(lambda name: JOBS.get(name, name))), columns)


def connections_table(rows: pd.DataFrame) -> None:
    """Draws how asking each feed of a tenant goes; those that fail come first."""
    columns = {
        "tenant": text_column("Tenant"),
        "feed": text_column("Feed"),
        "state": chips_column("State"),
        **time_columns(reached_at="Last answered", next_try_at="Next attempt"),
        "detail": text_column("Detail", width="large"),
        "failures": number_column("Failures in a row"),
        "skew_s": decimal_column("Clock ahead (s)", 0),
        "requests": number_column("Requests"),
    }
    table(rows.assign(state=chips(rows["outcome"])), columns)
