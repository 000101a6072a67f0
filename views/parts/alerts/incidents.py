"""Open incidents, the worst first, in words, and what people do with one."""

import json
from datetime import timedelta
from functools import partial

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.wording import instant, is_missing, span
from pipeline.rules.incidents import acknowledge, annotate, assign, snooze
from pipeline.rules.rule import Rule
from pipeline.rules.summary import undated
from views.frame.data import Row, as_of, ask, records, store, wall_clock
from views.frame.filters import job_names
from views.frame.look import brief_name, plain, plain_name
from views.frame.places import MOVED, PLACES, page_link, switch_page
from views.frame.search import LABELS
from views.frame.state import Key, Word
from views.parts.shared.acts import Acts, draw_handling, handled


def open_now() -> tuple[list[Row], list[Row]]:
    """Returns the open incidents that are not snoozed, and those that are, both worst first."""
    rows, now = records(ask("open_incidents")), wall_clock()
    snoozed = [row for row in rows if not is_missing(row["snoozed_until"]) and row["snoozed_until"] > now]
    return [row for row in rows if row not in snoozed], snoozed


def symptoms_of(row: Row) -> list[Row]:
    """Returns the incidents that one explains, the worst first."""
    listed = [] if is_missing(row["symptoms"]) else json.loads(row["symptoms"])
    times = ("opened_at", "unknown_since")
    return [{**one, **{name: pd.to_datetime(one[name]) for name in times}} for one in listed]


def problem_of(row: Row) -> str:
    """Returns an incident's sentence without since when, which stands beside it."""
    return undated(str(row["summary"]))


def brief_problem(row: Row) -> str:
    """Returns an incident's sentence as another one bears it: a long name of its app is shortened."""
    name = "" if is_missing(row["app_name"]) else str(row["app_name"])
    return problem_of(row).replace(name, brief_name(name)) if name else problem_of(row)


def owner_text(row: Row) -> str:
    """Returns who takes care of an incident: its owner, else who acknowledged it and when."""
    if not is_missing(row["owner"]):
        return str(row["owner"])
    if is_missing(row["acknowledged_by"]):
        return "Unassigned"
    return f"Acknowledged by {row['acknowledged_by']}, {instant(row['acknowledged_at'])}"


def brief(rows: list[Row], most: int = 3) -> str:
    """Writes what the worst incidents are."""
    parts = [f"{plain(brief_problem(row))} (since {instant(row['opened_at'])})" for row in rows[:most]]
    more = [f"{len(rows) - most} more"] if len(rows) > most else []
    return "; ".join([*parts, *more])


def details_link(row: Row, rule: Rule | None) -> None:
    """Offers the page that fits, on the incident's window and job."""
    place = MOVED.get(rule.page, rule.page) if rule else "issues"
    if place == "issues":
        place = "configuration" if is_missing(row["job_id"]) else "failures"
    since = row["opened_at"].floor("h") - timedelta(hours=24)
    until = as_of().replace(minute=0) + timedelta(hours=1)
    words: dict[str, str] = {Word.SINCE: wording.address(since), Word.UNTIL: wording.address(until)}
    job = {job: word for word, job in job_names(ask("jobs")).items()}.get(row["job_id"])
    words |= {Word.JOB: job} if job else {}
    label = plain_name(row["app_name"]) if job and place == "apps" else LABELS[place].rpartition(" › ")[2]
    if PLACES[place].file != PLACES["issues"].file:
        page_link(place, f"Open {label}", ":material/arrow_forward:", words)
    elif st.button(f"Open {label}", icon=":material/arrow_forward:", type="tertiary", key=Key.RELATED):
        # A link to the page that it stands on would not change the address (Streamlit 1.67).
        switch_page(place, words)


def acts_on(incident: str) -> Acts:
    """Returns what people can do with an incident."""
    given = (store(), incident)
    return Acts(incident, *(partial(act, *given) for act in (acknowledge, snooze, assign, annotate)))


def draw_acts(row: Row) -> None:
    """Draws what a person can do with an incident, and what was done."""
    incident = str(row["incident_id"])
    if is_missing(row.get("closed_at")):
        draw_handling(row, acts_on(incident))
    st.caption(handled(row))


def with_times(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns incidents with how long it took to notice and to fix them."""
    return rows.assign(
        to_notice=[span(seconds) for seconds in (rows["noticed_at"] - rows["opened_at"]).dt.total_seconds()],
        to_fix=[
            "Ongoing" if is_missing(seconds) else span(seconds)
            for seconds in (rows["closed_at"] - rows["opened_at"]).dt.total_seconds()
        ],
    )
