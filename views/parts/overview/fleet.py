"""The apps, worst first: one row each, which opens the app's page."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import instant, is_missing
from pipeline.knowledge.causes import has_token
from pipeline.rules.verdict_facts import read_facts
from views.frame.data import Row, as_of, ask, ask_ahead, own_name, records, store, wall_clock
from views.frame.filters import bar, job_names
from views.frame.look import chips, first_names, plain_name
from views.frame.panel import show_sql
from views.frame.state import Word
from views.frame.table import (
    chips_column,
    daily_bars,
    number_column,
    share_bar,
    share_column,
    table,
    text_column,
    time_columns,
)
from views.frame.verdict import job_words
from views.parts.cycles.progress import job_progress, progress_values

UNTIL_INITIAL = "n/a until the initial cycle has ended"
NAMED = 4
ROWS = 12
"Rows that are visible without scrolling in the table."


def fleet_values() -> dict[str, Any]:
    """Returns what the fleet is asked with: the instant of the running cycles, so that the two agree."""
    return {"until": as_of() + timedelta(seconds=1), "grace": read_settings().grace}


def token_values() -> dict[str, Any]:
    """Returns what the tokens are asked with: to the minute's end, so that what was entered a moment ago counts."""
    minute = wall_clock().replace(second=0, microsecond=0) + timedelta(minutes=1)
    return {"at": minute, "heard": min(as_of(), minute)}


def ask_fleet_ahead() -> None:
    """Has the questions behind the table asked side by side."""
    ask_ahead("fleet", **fleet_values())
    ask_ahead("placements", "daily_success")
    ask_ahead("progress", **progress_values())
    ask_ahead("token_calendar", **token_values())


def draw_fleet(fleet: pd.DataFrame, key: str, on_open: Callable[[Row], None], rows: int = ROWS) -> None:
    """Draws the apps; a row calls `on_open`."""
    shown = fleet_rows(fleet)
    columns = {
        "app_name": text_column("App"),
        "chip": chips_column("Status"),
        "in_place_share": share_bar("In sync", help=f"Of the users and groups that should be; {UNTIL_INITIAL}"),
        "success_share": share_column(
            "Success", help="Successes of successes and failures in the time range; expected skips are in neither"
        ),
        "daily_failures": daily_bars(
            "Failures per day", help="In the time range, oldest day first. An empty day may be one without data"
        ),
        "open_escrows": number_column("Pending retries", help="Users and groups whose last attempt failed"),
        **time_columns(last_cycle_at="Last cycle", due_at="Next cycle"),
        "token": text_column("Token expiry", help="Of the app's access token, as entered; or that it is rejected"),
    }
    table(shown, columns, key, at_most=38 + 35 * rows, opens="app_name", on_open=on_open, exported="Apps")
    initial = [str(row["app_name"]) for row in records(shown) if row["is_initial"] is True]
    ended = ends_of(shown)
    notes = [
        *([f"{UNTIL_INITIAL}: {first_names(initial)}"] if initial else []),
        *([f"as of the end of the provisioning logs: {ended}"] if ended else []),
    ]
    if notes:
        st.caption(f"In sync is {'; '.join(notes)}.")
    show_sql(fleet=fleet_values(), placements={}, daily_success={}, token_calendar=token_values())


def ends_of(shown: pd.DataFrame) -> str:
    """Names the apps of which some were in sync when their logs ended, with when that was."""
    known = set(shown.loc[shown["in_place_share"].notna(), "job_id"])
    jobs = [job for job in read_facts(store()).jobs if job.job_id in known]
    ended = [(job.app_name, at) for job in jobs if (at := job.covered_until) and job.gap_at and at <= job.gap_at]
    more = [f"{len(ended) - NAMED:,} more"] if len(ended) > NAMED else []
    return ", ".join([*(f"{plain_name(name)} {instant(at)}" for name, at in ended[:NAMED]), *more])


def fleet_rows(fleet: pd.DataFrame) -> pd.DataFrame:
    """Returns the apps with their numbers, next cycle and token."""
    rows = fleet
    jobs = job_progress()
    due = jobs[["job_id", "due_at"]].where(~jobs["rhythm"].isin(["quarantined", "paused", "disabled"]), other=None)
    due = due.assign(job_id=jobs["job_id"])
    for other in (ask("placements"), ask("daily_success"), due):
        rows = rows.merge(other.drop(columns="app_name", errors="ignore"), "left", "job_id")
    ended = set(jobs.loc[jobs["rhythm"] == "unknown", "job_id"])
    # A cycle whose likely end has passed without newer data is not called running, as under Running now.
    words = zip(rows["job_id"], job_words(rows), strict=True)
    rows["word"] = ["unknown" if word == "running" and job in ended else word for job, word in words]
    rows["chip"] = chips(rows["word"])
    rows["daily_failures"] = rows["daily_failures"].map(without_gaps)
    quarantined = rows["state"] == "quarantine"
    next_at = pd.to_datetime(rows["due_at"].where(~quarantined, rows["next_try_at"]))
    # What was due and is past says when a late job should have run; of any other job it is over.
    rows["due_at"] = next_at.where((next_at > as_of()) | rows["word"].isin(["late", "dead"]))
    # A job that is paused or disabled has no next cycle, whatever its last one was.
    rows["due_at"] = rows["due_at"].where(rows["state"] != "stopped")
    # Without a single event nobody is known to be pending, nor not to be.
    rows["open_escrows"] = rows["open_escrows"].where(rows["failing"].notna())
    tokens = {row["app_name"]: row for row in records(ask("token_calendar", **token_values()))}
    rows["token"] = [token_text(tokens.get(own_name(row)), row["job_id"]) for row in records(rows)]
    return rows


def token_text(row: Row | None, job: str) -> str | None:
    """Writes the token of a job's app: rejected, expired, when it expires, not set, or that it has none."""
    if not has_token(job):
        return "Not applicable"
    if row is None:
        return None
    if job in row["rejected_jobs"]:
        return f"Rejected since {day(row['refused_at'])}"
    if is_missing(row["expires_at"]):
        return "Not set"
    return f"{'Expired' if row['days_left'] < 0 else 'Expires'} {day(row['expires_at'])}"


def day(at: Any) -> str:
    """Writes a day without its year."""
    return instant(at).partition(",")[0]


def without_gaps(days: Any) -> list[float]:
    """Returns a spark line's days with nothing where nothing was tried: a chart in a cell takes no gaps."""
    return [0.0 if is_missing(day) else float(day) for day in days] if isinstance(days, Iterable) else []


def app_words(job_id: object) -> dict[str, str]:
    """Returns the words of an address that opens a job's app in this time range."""
    own = [word for word, job in job_names(ask("jobs")).items() if job == job_id]
    return bar().link(**{Word.JOB: own[0]} if own else {})
