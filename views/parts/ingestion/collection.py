"""What is collected and how it goes: each source's newest record, background jobs and connections."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from pipeline.config.clock import naive
from pipeline.config.clock import now as clock_now
from pipeline.config.settings import read_settings
from pipeline.config.wording import span
from views.frame.data import ask
from views.frame.empty import nothing
from views.frame.panel import show_sql
from views.frame.table import number_column, table, text_column, time_columns
from views.parts.configuration.contacts import contact_table, permission_table

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
OUTCOMES = {"ok": "OK", "failed": "Failed"}


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
    """Draws, closed, each background job's last run, permissions and connections; those that fail come first."""
    runs, connections, permissions = ask("beats_lately"), ask("contacts"), ask("permissions")
    now = naive(clock_now(read_settings()))
    parts: tuple[tuple[str, str, pd.DataFrame, str, str, Callable[[pd.DataFrame], None]], ...] = (
        ("Background jobs", "beats_lately", runs, "outcome", "failed", job_runs),
        ("Collector permissions", "permissions", permissions, "state", "missing", permission_table),
        (
            "Data source connections",
            "contacts",
            connections,
            "outcome",
            "failed",
            lambda rows: contact_table(rows, now),
        ),
    )
    for name, question, rows, column, bad, draw in parts:
        show_sql(**{question: {}})
        if not rows.empty:
            failed = int((rows[column] == bad).sum())
            with st.expander(f"{name}: {failed:,} {bad}" if failed else name):
                draw(rows)
    if read_settings().tenants and permissions.empty:
        nothing("Permissions have not been checked yet: run `python -m pipeline preflight`.")


def job_runs(rows: pd.DataFrame) -> None:
    """Draws each background job's last run."""
    columns = {
        "job": text_column("Background job"),
        "outcome": text_column("Outcome"),
        **time_columns(began_at="Started", ended_at="Ended"),
        "detail": text_column("Detail", width="large"),
    }
    shown = rows.assign(
        job=rows["beat"].map(lambda name: JOBS.get(name, name)),
        outcome=rows["outcome"].map(lambda word: OUTCOMES.get(word, word)),
    )
    table(shown, columns)
