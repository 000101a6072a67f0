"""The full history of one user or group: its status in each app, its activity, and each event step by step."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing
from views.charts.story import story_lanes
from views.frame.chart import chart_mark
from views.frame.data import Row, ask, records
from views.frame.look import chips, plain
from views.frame.panel import panel, show_sql
from views.frame.state import Key, Word, read_word, write_word, write_words
from views.frame.table import chips_column, code_column, number_column, table, text_column, time_columns
from views.parts.people.accounts import draw_changes, draw_former
from views.parts.people.event import draw_event, why
from views.parts.people.panel import accounts_in_use, by_gravity, copy_note, draw_statuses, draw_table, not_here
from views.parts.people.state_at import choose_instant, draw_state
from views.parts.people.status import action_label, in_code

NEWEST = 500
"Events that are read, the newest; the days have all."
MANY = 100
"From how many events on the days are shown first."
FAILED_FIRST = {"failure": 0, "warning": 1}


def draw_story(source_id: str) -> None:
    """Draws the whole history, or a sentence where no user or group has that id."""
    # Not a link: one to the page that it stands on does not change the address in Streamlit 1.67.
    st.button("All users", icon=":material/arrow_back:", type="tertiary", key=Key.ALL_USERS, on_click=close_history)
    states = ask("person_states", object=source_id)
    if states.empty:
        not_here(source_id)
        return
    rows = by_gravity(states)
    draw_name(source_id, rows[0])
    left, right = st.columns(2, gap="large")
    with left:
        draw_statuses(rows, accounts_in_use(source_id))
        draw_former(source_id)
    with right:
        st.subheader("Status by app", anchor="person-states")
        draw_table(rows)
    one: dict[str, Any] = {"object": source_id}
    show_sql(person_states=one)
    also = {"person_requests": one, "person_cycles": one, "person_configurations": one}
    chosen = panel("person_events", lambda events: time_line(source_id, events), also=also, **one)
    if chosen is None:
        return
    event, at = chosen
    draw_event(event)
    copy_note(source_id, rows, event)
    draw_state(source_id, at)
    draw_changes(source_id)


def close_history() -> None:
    """Leads back to the list, with its search and filters."""
    write_words(dict.fromkeys((Word.OBJECT, Word.VIEW, Word.EVENT, Word.AT)))


def draw_name(source_id: str, first: Row) -> None:
    """Draws who it is: the name, what kind of object, and the ids."""
    st.header(plain(str(first["name"] if is_missing(first["source_name"]) else first["source_name"])), anchor=False)
    kind = "Object" if is_missing(first["source_type"]) else plain(str(first["source_type"]))
    upn = "" if is_missing(first["upn"]) else f" · `{in_code(first['upn'])}`"
    st.caption(f"{kind}{upn} · object ID `{in_code(source_id)}`")


def time_line(source_id: str, events: pd.DataFrame) -> tuple[Row, datetime | None]:
    """Draws both sides in lanes, and returns the selected event and the chosen instant."""
    events = events.assign(why=[why(event) for event in records(events)])
    if len(events) >= NEWEST:
        oldest = instant(events["occurred_at"].min())
        st.caption(f"The newest {NEWEST:,} events are shown, back to {oldest}. Activity by day covers all of them.")
    draw_days(source_id, len(events) >= MANY)
    requests = ask("person_requests", object=source_id)
    pins = ask("person_configurations", object=source_id)
    slot = st.empty()
    st.caption(legend(requests, pins))
    at = choose_instant(events)
    with slot.container():
        cycles = ask("person_cycles", object=source_id)
        mark = chart_mark(Key.STORY_LANES, story_lanes, events, requests, cycles, pins, at)
    event = selected(events, mark)
    with st.expander(f"{count(len(events), 'event')} as a table, failures first"):
        events_table(events)
    return event, at


def draw_days(source_id: str, many: bool) -> None:
    """Draws how many events of each kind every day had, in every app."""
    columns = {
        "day": text_column("Day (UTC)"),
        "app_name": text_column("App"),
        "failures": number_column("Failures"),
        "successes": number_column("Successes"),
        "skipped": number_column("Skipped"),
        "last_error": text_column("Last error"),
    }
    with st.expander("Activity by day", expanded=many):
        panel(
            "person_days",
            lambda days: table(days.assign(day=days["day"].astype(str)), columns, Key.PERSON_DAYS, at_most=280),
            title="",
            object=source_id,
        )


def events_table(events: pd.DataFrame) -> None:
    """Draws the events, failures before all others, the newest first; a selected one is opened."""
    rank = events["status"].map(FAILED_FIRST).fillna(2)
    shown = events.assign(rank=rank).sort_values(["rank", "occurred_at"], ascending=[True, False], kind="stable")
    shown = shown.assign(chip=chips(shown["status"]), action=shown["action"].map(action_label))
    columns = {
        "action": text_column("Action"),
        "app_name": text_column("App"),
        "chip": chips_column("Status"),
        **time_columns(occurred_at="When"),
        "why": text_column("Error or reason"),
        "http_status": code_column("HTTP"),
        "last_step": text_column("Last step"),
        "reason": text_column("Message", width="large"),
        **time_columns(retry_at="Next retry"),
    }
    table(shown, columns, Key.EVENTS_OF_PERSON, at_most=420, opens="action", on_open=open_event)


def open_event(row: Row) -> None:
    """Opens one event in the history."""
    write_word(Word.EVENT, str(row["event_id"]))


def legend(requests: pd.DataFrame, pins: pd.DataFrame) -> str:
    """Writes what the lanes are, and what is missing from them."""
    unlogged = (
        "" if len(requests) else " No SCIM requests for this user or group are stored, so the apps' lanes are missing."
    )
    flags = f" ⚑ marks {count(len(pins), 'configuration change')}, when it was detected." if len(pins) else ""
    return f"Select a mark to open its event. The pale band behind a mark is its cycle.{unlogged}{flags}"


def selected(events: pd.DataFrame, mark: list[Any] | None) -> Row:
    """Returns the selected event, else the one the address names, else the newest failure, else the newest."""
    mark = mark if mark and mark[0] else None
    if mark:
        write_word(Word.EVENT, str(mark[0]))
    named = events[events["event_id"] == read_word(Word.EVENT)]
    if mark and len(named) > 1:
        named = named[named["job_id"] == mark[1]]
    failed = events[events["status"] == "failure"]
    return next(records(frame)[0] for frame in (named, failed, events) if not frame.empty)
