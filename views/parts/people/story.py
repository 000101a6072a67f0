"""The story of one person or group: its state in each app, what happened, and each event step by step."""

import json
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import clock_time, count, instant, is_missing, share
from views.charts.story import story_lanes
from views.frame.chart import chart_mark
from views.frame.data import Row, ask, records
from views.frame.filters import bar
from views.frame.look import COLOURS, labelled, look, plain
from views.frame.panel import panel
from views.frame.state import Key, Word, read_word, write_word
from views.frame.table import table, time_columns
from views.frame.verdict import qualified
from views.parts.people.accounts import draw_changes, draw_former
from views.parts.people.note import address, note
from views.parts.people.state_at import choose_instant, draw_state
from views.parts.shared.retries import since_when


def draw_story(source_id: str) -> None:
    """Draws the whole story, or a sentence where no person or group has that id."""
    states = ask("person_states", object=source_id)
    if states.empty:
        st.warning(f"Nobody in the store has the id {plain(source_id)}.")
        return
    first = records(states)[0]
    kind, name = (str(first[column]) for column in ("source_type", "source_name"))
    st.header(plain(str(first["name"]) if is_missing(first["source_name"]) else name), anchor=False)
    upn = "" if is_missing(first["upn"]) else f" `{in_code(first['upn'])}`, "
    label = plain("Object" if is_missing(first["source_type"]) else kind)
    st.markdown(f"{label}{upn or ', '}id in Entra `{in_code(source_id)}`")
    panel("person_states", draw_verdicts, object=source_id)
    draw_former(source_id)
    one = {"object": source_id}
    also = {"person_requests": one, "person_cycles": one, "person_configurations": one}
    chosen = panel("person_events", lambda rows: time_line(source_id, rows), also=also, **one)
    if chosen is None:
        return
    event, at = chosen
    draw_event(event)
    draw_note(source_id, states, event)
    draw_state(source_id, at)
    draw_changes(source_id)


def in_code(text: object) -> str:
    """Escapes text for use between backticks."""
    return str(text).replace("`", "'").replace("\n", " ")


def draw_verdicts(states: pd.DataFrame) -> None:
    """Draws one sentence per app."""
    for state in records(states):
        st.markdown(f"{labelled(str(state['state']))} · {qualified(state, verdict(state))}")


def verdict(state: Row) -> str:
    """Writes somebody's state in one app, and what comes next."""
    if not state["attempts"]:
        return f"In **{plain(str(state['app_name']))}**: {state_text(state)}; nothing was tried."
    tried = f"{int(state['attempts'] - state['failures'])} of {count(state['attempts'], 'attempt')} good"
    return f"In **{plain(str(state['app_name']))}**: {state_text(state)}; {tried} ({share(state['success_share'])})."


def state_text(state: Row) -> str:
    """Writes what somebody's state means."""
    word, last = str(state["state"]), instant(state["last_success_at"])
    if word == "failing":
        code = (
            "an error without a code" if is_missing(state["open_error_code"]) else plain(str(state["open_error_code"]))
        )
        again = "" if is_missing(state["retry_at"]) else f", next try {instant(state['retry_at'])}"
        return f"failing since {since_when(state)} with {code}{again}; last good: {last}"
    if word == "skipped":
        why = "no reason given" if is_missing(state["skip_reason"]) else plain(str(state["skip_reason"]))
        return f"skipped on {instant(state['last_event_at'])} ({why}); last good: {last}"
    return f"{look(word).meaning}, last good {last}"


def time_line(source_id: str, events: pd.DataFrame) -> tuple[Row, datetime | None]:
    """Draws both sides in lanes, and returns the selected event and the chosen instant."""
    events = events.assign(why=[why(event) for event in records(events)])
    requests = ask("person_requests", object=source_id)
    pins = ask("person_configurations", object=source_id)
    slot = st.empty()
    st.caption(legend(requests, pins))
    at = choose_instant(events)
    with slot:
        cycles = ask("person_cycles", object=source_id)
        mark = chart_mark(Key.STORY_LANES, story_lanes, events, requests, cycles, pins, at)
    event = selected(events, mark)
    with st.expander(f"All {count(len(events), 'event')} as a table", icon=":material/table_rows:"):
        shown = events.drop(columns="why")
        table(shown, time_columns("occurred_at", "retry_at"), order=list(shown.columns))
    return event, at


def legend(requests: pd.DataFrame, pins: pd.DataFrame) -> str:
    """Writes what the lanes are, and what is missing from them."""
    unlogged = "" if len(requests) else " No request about this object is stored, so the apps' own lanes are missing."
    flags = f" ⚑ marks {count(len(pins), 'change')} of a job's configuration, when it was found." if len(pins) else ""
    band = "A pale band behind a mark is the cycle that it belongs to, drawn wide enough to be seen."
    return f"Select a mark to open its event. {band}{unlogged}{flags}"


def draw_note(source_id: str, states: pd.DataFrame, event: Row) -> None:
    """Draws the note to copy into a ticket."""
    words = bar().pinned | {Word.OBJECT: source_id, Word.EVENT: str(event["event_id"])}
    link = address(read_settings().dashboard_url.rstrip("/"), words)
    carried = ask("event_exchanges", **moment_of(event))
    with st.expander("Note for a ticket", icon=":material/content_copy:"):
        st.code(note(source_id, records(states), event, carried, link), language=None, wrap_lines=True)


def moment_of(event: Row) -> Row:
    """Returns what a question about one event is asked with."""
    return {"event": event["event_id"], "at": event["occurred_at"].to_pydatetime(), "job": event["job_id"]}


def why(event: Row) -> str:
    """Returns the shortest reason why an event ended as it did."""
    return next(
        (str(event[name]) for name in ("error_code", "skip_reason", "last_step") if not is_missing(event[name])), ""
    )


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


def draw_event(event: Row) -> None:
    """Draws one event: what it was, its steps, and beside them its changes and its SCIM requests."""
    st.markdown(
        f"#### {plain(str(event['action']))} in {plain(str(event['app_name']))}, {instant(event['occurred_at'])}"
    )
    st.markdown(f"{labelled(str(event['status']))} {plain(why(event))}")
    if not is_missing(event["reason"]):
        st.code(str(event["reason"]).replace("\r\n", "\n"), language=None, wrap_lines=True)
    if not is_missing(event["advice"]):
        st.info(plain(str(event["advice"])), icon=":material/lightbulb:")
    left, right = st.columns(2)
    with left:
        panel("event_steps", draw_steps, empty="The log gave no steps.", **moment_of(event))
    with right:
        panel("event_changes", changes_table, empty="Nothing was to be altered.", **moment_of(event))
        unseen = "No SCIM request of this object was seen within two minutes."
        panel("event_exchanges", draw_exchanges, empty=unseen, **moment_of(event))


def draw_steps(steps: pd.DataFrame) -> None:
    """Draws the steps from the first to the last; one that did not succeed is open."""
    for step in records(steps):
        seen = look(str(step["status"]))
        ended = f":{COLOURS[seen.tone]}[{seen.label}]"
        title = f"{step['ordinal']}. {plain(str(step['type']))} · {ended} · {plain(str(step['name']))}"
        with st.expander(title, icon=seen.icon, expanded=step["status"] not in ("success", "skipped")):
            if not is_missing(step["description"]):
                st.text(str(step["description"]).replace("\r\n", "\n"))
            draw_details(step["details"])


def draw_details(text: object) -> None:
    """Draws a step's details, as a table of names and values."""
    try:
        values = json.loads(str(text))
    except ValueError:
        values = {}
    if isinstance(values, dict) and values:
        table(pd.DataFrame({"Name": list(values), "Value": [str(value) for value in values.values()]}))


def changes_table(rows: pd.DataFrame) -> None:
    """Draws attributes with their old and new values; no value is written as such."""
    shown = rows.fillna({"old_value": "none", "new_value": "none"}) if len(rows) else rows
    columns = {"attribute": "Attribute", "old_value": "Old", "new_value": "New"}
    table(shown, columns)


def draw_exchanges(rows: pd.DataFrame) -> None:
    """Draws each SCIM request with its answer; bodies are shown as text."""
    for row in records(rows):
        good = not is_missing(row["http_status"]) and row["http_status"] < 400
        icon = look("success" if good else "failure").icon
        status = "no answer" if is_missing(row["http_status"]) else int(row["http_status"])
        with st.expander(
            f"{row['method']} → {status} · {clock_time(row['occurred_at'], seconds=True)}", icon=icon, expanded=not good
        ):
            st.caption(match_text(row))
            sought = "" if is_missing(row["filter"]) else f" where {row['filter']}"
            st.code(f"{row['path']}{sought}", language=None, wrap_lines=True)
            for label, body in (("Sent", row["request_body"]), ("Answered", row["response_body"])):
                if not is_missing(body):
                    st.caption(label)
                    st.code(
                        pretty(str(body)),
                        language="json",
                        wrap_lines=True,
                        height=min(240, 60 + 18 * pretty(str(body)).count("\n")),
                    )


def match_text(row: Row) -> str:
    """Writes how a request was matched to an event, or that it is only close to it.

    >>> match_text({"matched_by": "score", "score": 8.97, "apart_s": 0.4, "skew_s": None})
    'This request carried the event: matched by score, 9.0 points (9 and more is sure), 0.4 s apart.'
    """
    if is_missing(row["matched_by"]):
        return "Not this event's own as far as can be told: about the same object, at about the same time."
    ahead = 0.0 if is_missing(row["skew_s"]) else float(row["skew_s"])
    way = "ahead" if ahead > 0 else "behind"
    clock = f", the app's clock being {abs(ahead):.0f} s {way}" if abs(ahead) >= 1 else ""
    sure = f"{row['score']:.1f} points (9 and more is sure), {abs(row['apart_s']):.1f} s apart{clock}"
    return f"This request carried the event: matched by {plain(str(row['matched_by']))}, {sure}."


def pretty(body: str) -> str:
    """Indents JSON, and leaves anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
