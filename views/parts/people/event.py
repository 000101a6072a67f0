"""One event of a user or group: its steps, the attributes it was to change, and its SCIM requests."""

import json

import pandas as pd
import streamlit as st

from pipeline.config.wording import clock_time, instant, is_missing
from pipeline.knowledge.causes import cause_of
from views.frame.data import Row, records
from views.frame.look import COLOURS, labelled, look, plain, plain_name
from views.frame.panel import panel
from views.frame.table import table, text_column
from views.parts.people.status import STAGES, action_label


def moment_of(event: Row) -> Row:
    """Returns what a question about one event is asked with."""
    return {"event": event["event_id"], "at": event["occurred_at"].to_pydatetime(), "job": event["job_id"]}


def why(event: Row) -> str:
    """Returns the shortest reason why an event ended as it did."""
    return next(
        (str(event[name]) for name in ("error_code", "skip_reason", "last_step") if not is_missing(event[name])), ""
    )


def draw_event(event: Row) -> None:
    """Draws one event: what it was, its steps, and beside them its changes and its SCIM requests."""
    st.subheader(
        f"{plain(action_label(event['action']))} in {plain_name(event['app_name'])} · {instant(event['occurred_at'])}",
        anchor="event",
    )
    known = cause_of({name: value for name, value in event.items() if not is_missing(value)})
    words = f"{plain(known.title)} ({plain(why(event))})" if known else plain(why(event))
    st.markdown(f"{labelled(str(event['status']))} {words}")
    if not is_missing(event["reason"]):
        st.caption("Message in the log")
        st.code(str(event["reason"]).replace("\r\n", "\n"), language=None, wrap_lines=True)
    # Where the error is documented its steps stand above, in our words.
    if known is None and not is_missing(event["advice"]):
        st.info(plain(str(event["advice"])), icon=":material/lightbulb:")
    left, right = st.columns(2)
    with left:
        panel("event_steps", draw_steps, empty="The log has no steps for this event.", **moment_of(event))
    with right:
        panel("event_changes", changes_table, empty="No attribute changes.", **moment_of(event))
        unseen = "No SCIM request for this user or group within two minutes."
        panel("event_exchanges", draw_exchanges, empty=unseen, **moment_of(event))


def draw_steps(steps: pd.DataFrame) -> None:
    """Draws the steps from the first to the last; one that did not succeed is open."""
    for step in records(steps):
        seen = look(str(step["status"]))
        ended = f":{COLOURS[seen.tone]}[{seen.label}]"
        stage = STAGES.get(str(step["type"]), plain(str(step["type"])))
        title = f"{seen.icon} {step['ordinal']}. {stage} · {ended}"
        with st.expander(title, expanded=step["status"] not in ("success", "skipped")):
            if not is_missing(step["description"]):
                st.text(str(step["description"]).replace("\r\n", "\n"))
            st.caption(plain(str(step["name"])))
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
    columns = {
        "attribute": text_column("Attribute"),
        "old_value": text_column("Before"),
        "new_value": text_column("After"),
    }
    table(shown, columns)


def draw_exchanges(rows: pd.DataFrame) -> None:
    """Draws each SCIM request with its answer; bodies are shown as text."""
    for row in records(rows):
        good = not is_missing(row["http_status"]) and row["http_status"] < 400
        icon = look("success" if good else "failure").icon
        status = "no answer" if is_missing(row["http_status"]) else int(row["http_status"])
        with st.expander(
            f"{icon} {row['method']} → {status} · {clock_time(row['occurred_at'], seconds=True)}", expanded=not good
        ):
            st.caption(match_text(row))
            sought = "" if is_missing(row["filter"]) else f" where {row['filter']}"
            st.code(f"{row['path']}{sought}", language=None, wrap_lines=True)
            for label, body in (("Request", row["request_body"]), ("Response", row["response_body"])):
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
    'Matched to this event by score: 9.0 points (9 or more is certain), 0.4 s apart.'
    """
    if is_missing(row["matched_by"]):
        return "Not matched to this event: about the same object, at about the same time."
    ahead = 0.0 if is_missing(row["skew_s"]) else float(row["skew_s"])
    way = "ahead" if ahead > 0 else "behind"
    clock = f"; the app's clock is {abs(ahead):.0f} s {way}" if abs(ahead) >= 1 else ""
    sure = f"{row['score']:.1f} points (9 or more is certain), {abs(row['apart_s']):.1f} s apart{clock}"
    return f"Matched to this event by {plain(str(row['matched_by']))}: {sure}."


def pretty(body: str) -> str:
    """Indents JSON, and leaves anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
