"""The story of one person or group: how it stands in each app, what happened, and each event step by step."""

import json
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from views.charts import story as lanes_part
from views.frame.data import BLANK, PLAIN, Row, ask, bar, pointed, records, tile, times
from views.frame.look import COLOURS, count, labelled, look, missing, plain, share, when
from views.parts.people import note, state_at


def draw(source_id: str) -> None:
    """Draws the whole story, or says that nobody has that id."""
    states = ask("person_states", object=source_id)
    if states.empty:
        st.warning(f"Nobody in the store has the id {plain(source_id)}.")
        return
    first = records(states)[0]
    kind, name = (str(first[column]) for column in ("source_type", "source_name"))
    st.header(plain(str(first["name"]) if missing(first["source_name"]) else name), anchor=False)
    called = "" if missing(first["upn"]) else f" `{code(first['upn'])}`, "
    st.markdown(
        f"{plain('Object' if missing(first['source_type']) else kind)}{called or ', '}id in Entra `{code(source_id)}`"
    )
    tile("person_states", verdicts, object=source_id)
    one = {"object": source_id}
    beside = {"person_requests": one, "person_cycles": one, "person_configurations": one}
    chosen = tile("person_events", lambda rows: time_line(source_id, rows), beside=beside, **one)
    if chosen is None:
        return
    event, at = chosen
    one_event(event)
    ticket(source_id, states, event)
    state_at.draw(source_id, at)


def code(text: object) -> str:
    """Gives text for use between backticks."""
    return str(text).replace("`", "'").replace("\n", " ")


def verdicts(states: pd.DataFrame) -> None:
    """Draws one sentence per app."""
    for state in records(states):
        st.markdown(f"{labelled(str(state['state']))} · {verdict(state)}")


def verdict(state: Row) -> str:
    """Says how somebody stands in one app, and what comes next."""
    if not state["attempts"]:
        return f"In **{plain(str(state['app_name']))}**: {standing(state)}; nothing was tried."
    tried = f"{int(state['attempts'] - state['failures'])} of {count(state['attempts'], 'attempt')} good"
    return f"In **{plain(str(state['app_name']))}**: {standing(state)}; {tried} ({share(state['success_share'])})."


def standing(state: Row) -> str:
    """Says what the last word on somebody means."""
    word, last = str(state["state"]), when(state["last_success_at"])
    if word == "failing":
        code = "an error without a code" if missing(state["open_error_code"]) else plain(str(state["open_error_code"]))
        again = "" if missing(state["retry_at"]) else f", next try {when(state['retry_at'])}"
        return f"failing since {when(state['since'])} with {code}{again}; last good: {last}"
    if word == "skipped":
        why = "no reason given" if missing(state["skip_reason"]) else plain(str(state["skip_reason"]))
        return f"skipped on {when(state['last_event_at'])} ({why}); last good: {last}"
    return f"{look(word).meaning}, last good {last}"


def time_line(source_id: str, events: pd.DataFrame) -> tuple[Row, datetime | None]:
    """Draws both sides in lanes, and gives the selected event and the chosen instant."""
    events = events.assign(said=[said(event) for event in records(events)])
    requests = ask("person_requests", object=source_id)
    pins = ask("person_configurations", object=source_id)
    slot = st.empty()
    st.caption(legend(requests, pins))
    at = state_at.pick(events)
    state = slot.plotly_chart(
        lanes_part.life(events, requests, ask("person_cycles", object=source_id), pins, at),
        key="lanes",
        on_select="rerun",
        selection_mode="points",
        config=PLAIN,
    )
    event = selected(events, pointed(state))
    with st.expander(f"All {count(len(events), 'event')} as a table", icon=":material/table_rows:"):
        st.dataframe(
            events.drop(columns="said"),
            hide_index=True,
            placeholder=BLANK,
            column_config=times("occurred_at", "retry_at"),
        )
    return event, at


def legend(requests: pd.DataFrame, pins: pd.DataFrame) -> str:
    """Says what the lanes are, and what is missing from them."""
    heard = "" if len(requests) else " No request about this object is stored, so the apps' own lanes are missing."
    flags = f" ⚑ marks {count(len(pins), 'change')} of a job's configuration, when it was found." if len(pins) else ""
    band = "A pale band behind a mark is the cycle that it belongs to, drawn wide enough to be seen."
    return f"Select a mark to open its event. {band}{heard}{flags}"


def ticket(source_id: str, states: pd.DataFrame, event: Row) -> None:
    """Draws the note to copy into a ticket."""
    words = bar().pinned | {"object": source_id, "event": str(event["event_id"])}
    link = note.address(read_settings().dashboard_url.rstrip("/"), words)
    carried = ask("event_exchanges", **moment_of(event))
    with st.expander("Note for a ticket", icon=":material/content_copy:"):
        st.code(note.note(source_id, records(states), event, carried, link), language=None, wrap_lines=True)


def moment_of(event: Row) -> Row:
    """Gives what a question about one event is asked with."""
    return {"event": event["event_id"], "at": event["occurred_at"].to_pydatetime(), "job": event["job_id"]}


def said(event: Row) -> str:
    """Gives the shortest word on why an event ended as it did."""
    return next(
        (str(event[name]) for name in ("error_code", "skip_reason", "last_step") if not missing(event[name])), ""
    )


def selected(events: pd.DataFrame, mark: list[Any] | None) -> Row:
    """Gives the event that was pointed at, else the one the address names, else the newest failure, else the newest."""
    mark = mark if mark and mark[0] else None
    if mark:
        st.query_params["event"] = str(mark[0])
    named = events[events["event_id"] == st.query_params.get("event", "")]
    if mark and len(named) > 1:
        named = named[named["job_id"] == mark[1]]
    failed = events[events["status"] == "failure"]
    return next(records(frame)[0] for frame in (named, failed, events) if not frame.empty)


def one_event(event: Row) -> None:
    """Draws one event: what it was, its steps, and beside them its changes and its SCIM requests."""
    st.markdown(f"#### {plain(str(event['action']))} in {plain(str(event['app_name']))}, {when(event['occurred_at'])}")
    st.markdown(f"{labelled(str(event['status']))} {plain(said(event))}")
    if not missing(event["reason"]):
        st.code(str(event["reason"]).replace("\r\n", "\n"), language=None, wrap_lines=True)
    if not missing(event["advice"]):
        st.info(plain(str(event["advice"])), icon=":material/lightbulb:")
    left, right = st.columns(2)
    with left:
        tile("event_steps", ladder, empty="The log gave no steps.", **moment_of(event))
    with right:
        tile("event_changes", changes, empty="Nothing was to be altered.", **moment_of(event))
        unseen = "No SCIM request of this object was seen within two minutes."
        tile("event_exchanges", exchanges, empty=unseen, **moment_of(event))


def ladder(steps: pd.DataFrame) -> None:
    """Draws the steps from the first to the last; one that did not succeed is open."""
    for step in records(steps):
        seen = look(str(step["status"]))
        ended = f":{COLOURS[seen.tone]}[{seen.label}]"
        title = f"{step['ordinal']}. {plain(str(step['type']))} · {ended} · {plain(str(step['name']))}"
        with st.expander(title, icon=seen.icon, expanded=step["status"] not in ("success", "skipped")):
            if not missing(step["description"]):
                st.text(str(step["description"]).replace("\r\n", "\n"))
            details(step["details"])


def details(text: object) -> None:
    """Draws what a step saw, as a table of names and values."""
    try:
        seen = json.loads(str(text))
    except ValueError:
        seen = {}
    if isinstance(seen, dict) and seen:
        rows = {"Name": list(seen), "Value": [str(value) for value in seen.values()]}
        st.dataframe(rows, hide_index=True)


def changes(rows: pd.DataFrame) -> None:
    """Draws attributes with their old and new values; no value is written as such."""
    shown = rows.fillna({"old_value": "none", "new_value": "none"}) if len(rows) else rows
    columns = {"attribute": "Attribute", "old_value": "Old", "new_value": "New"}
    st.dataframe(shown, hide_index=True, placeholder=BLANK, column_config=columns)


def exchanges(rows: pd.DataFrame) -> None:
    """Draws each SCIM request with its answer; bodies are shown as text."""
    for row in records(rows):
        good = not missing(row["http_status"]) and row["http_status"] < 400
        icon = look("success" if good else "failure").icon
        status = "no answer" if missing(row["http_status"]) else int(row["http_status"])
        with st.expander(
            f"{row['method']} → {status} · {row['occurred_at']:%H:%M:%S} UTC", icon=icon, expanded=not good
        ):
            st.caption(belongs(row))
            sought = "" if missing(row["filter"]) else f" where {row['filter']}"
            st.code(f"{row['path']}{sought}", language=None, wrap_lines=True)
            for label, body in (("Sent", row["request_body"]), ("Answered", row["response_body"])):
                if not missing(body):
                    st.caption(label)
                    st.code(
                        pretty(str(body)),
                        language="json",
                        wrap_lines=True,
                        height=min(240, 60 + 18 * pretty(str(body)).count("\n")),
                    )


def belongs(row: Row) -> str:
    """Says how a request is known to be an event's own, or that it is only near.

    >>> belongs({"matched_by": "score", "score": 8.97, "apart_s": 0.4, "skew_s": None})
    'This request carried the event: matched by score, 9.0 points (9 and more is sure), 0.4 s apart.'
    """
    if missing(row["matched_by"]):
        return "Not this event's own as far as can be told: about the same object, at about the same time."
    ahead = 0.0 if missing(row["skew_s"]) else float(row["skew_s"])
    way = "ahead" if ahead > 0 else "behind"
    clock = f", the app's clock being {abs(ahead):.0f} s {way}" if abs(ahead) >= 1 else ""
    sure = f"{row['score']:.1f} points (9 and more is sure), {abs(row['apart_s']):.1f} s apart{clock}"
    return f"This request carried the event: matched by {plain(str(row['matched_by']))}, {sure}."


def pretty(body: str) -> str:
    """Gives JSON indented, and anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
