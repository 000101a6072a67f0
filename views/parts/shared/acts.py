"""What people do with an incident or an issue: acknowledge, snooze, assign and annotate it; and what was done so far.

What people enter goes into the store at once, through the same turns that every writer takes, under the name of their
sign-in, else under the one that they entered.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from pipeline.config.errors import StoreError, UnknownIncident
from pipeline.config.wording import count, dated, is_missing
from views.frame import state
from views.frame.data import Row, ask, records, wall_clock
from views.frame.look import plain
from views.frame.panel import show_sql
from views.frame.state import NAME, TROUBLE, Key
from views.frame.table import BLANK, table, text_column, time_columns

SPANS = {"1 hour": timedelta(hours=1), "1 day": timedelta(days=1), "1 week": timedelta(weeks=1)}
ACTIONS = {
    "acknowledged": "Acknowledged",
    "snoozed": "Snoozed",
    "snooze ended": "Snooze ended",
    "assigned": "Owner set",
    "unassigned": "Owner removed",
    "noted": "Note written",
    "note removed": "Note removed",
    "token expiry entered": "Token expiry entered",
}
"The label of each word of `actions`."


class Acts(NamedTuple):
    """What people can do with an incident or an issue; each takes who does it last."""

    key: str
    "Its id, which tells its widgets from others."
    acknowledge: Callable[[str], Any]
    snooze: Callable[[datetime | None, str], Any]
    assign: Callable[[str | None, str], Any]
    annotate: Callable[[str | None, str], Any]


def signed_in_name() -> str:
    """Returns the name that the viewer signed in with; empty where there is no sign-in."""
    return str(st.user.get("name") or st.user.get("email") or "") if st.user.get("is_logged_in") else ""


def own_name() -> str:
    """Returns the name that the viewer signed in with, else the one that they entered last; empty without either."""
    return signed_in_name() or NAME.get()


def draw_handling(row: Row, acts: Acts) -> None:
    """Draws under which name one acts, and what acknowledges, snoozes, assigns and annotates."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not signed_in_name():
            key = Key.WHO.of(acts.key)
            remember = partial(remember_name, acts.key)
            st.text_input("Act as", own_name(), key=key, placeholder="Your name", width=150, on_change=remember)
        if is_missing(row["acknowledged_by"]):
            st.button(
                "Acknowledge",
                key=Key.ACKNOWLEDGE.of(acts.key),
                icon=":material/done:",
                type="primary",
                on_click=lambda: save(acts, acts.acknowledge),
            )
        draw_acts_menu(row, acts)
    if trouble := TROUBLE.take():
        st.error(plain(trouble), icon=":material/error:")


def draw_acts_menu(row: Row, acts: Acts) -> None:
    """Draws what snoozes, assigns and annotates."""
    name = own_name()
    if name and name != row["owner"]:
        st.button(
            "Assign to me",
            key=Key.ASSIGN.of(acts.key),
            icon=":material/person_check:",
            help=f"As {plain(name)}",
            on_click=lambda: save(acts, partial(acts.assign, name)),
        )
    with st.popover("Snooze", icon=":material/snooze:"):
        snooze_buttons(row, acts)
    with st.popover("Assign", icon=":material/person_add:"):
        owner, key = "" if is_missing(row["owner"]) else str(row["owner"]), Key.OWNER.of(acts.key)
        st.text_input("Owner", owner, key=key, on_change=lambda: save(acts, partial(acts.assign, entered(key))))
    with st.popover("Note", icon=":material/edit_note:"):
        written, note = "" if is_missing(row["note"]) else str(row["note"]), Key.NOTE.of(acts.key)
        st.text_area("Note", written, key=note, on_change=lambda: save(acts, partial(acts.annotate, entered(note))))


def snooze_buttons(row: Row, acts: Acts) -> None:
    """Draws until when an incident or an issue can be snoozed, by the wall clock."""
    now = wall_clock()
    for label, length in SPANS.items():
        st.button(label, key=Key.SNOOZE.of(label, acts.key), on_click=snooze_until, args=(acts, now + length))
    until = st.datetime_input("Until (UTC)", None, key=Key.SNOOZE_UNTIL.of(acts.key), format="YYYY-MM-DD")
    st.button(
        "Until then",
        key=Key.SNOOZE.of(acts.key),
        disabled=until is None,
        on_click=snooze_until,
        args=(acts, until),
    )
    if not is_missing(row["snoozed_until"]):
        st.button("Unsnooze", key=Key.UNSNOOZE.of(acts.key), on_click=snooze_until, args=(acts, None))


def snooze_until(acts: Acts, until: datetime | None) -> None:
    """Snoozes an incident or an issue until an instant, or not any more."""
    if until is not None and until <= wall_clock():
        TROUBLE.set(f"{dated(until)} is in the past; choose a later time.")
    else:
        save(acts, partial(acts.snooze, until))


def entered(key: str) -> str | None:
    """Returns what somebody entered; None where nothing is left."""
    return str(state.value(key)).strip() or None


def remember_name(key: str) -> None:
    """Remembers under which name the viewer acts, where they entered it."""
    if not signed_in_name():
        NAME.set(str(state.value(Key.WHO.of(key)) or "").strip())


def save(acts: Acts, change: Callable[[str], Any]) -> None:
    """Saves a change under the viewer's name; why it could not be saved is drawn on the page."""
    remember_name(acts.key)
    by = own_name()
    if not by:
        TROUBLE.set("Enter your name first: it is recorded with every action.")
        return
    try:
        change(by)
    except (StoreError, UnknownIncident) as error:
        TROUBLE.set(str(error))


def handled(row: Row) -> str:
    """Writes who owns it, who acknowledged it and until when it is snoozed."""
    snoozed = not is_missing(row["snoozed_until"])
    parts = [
        "Unassigned" if is_missing(row["owner"]) else f"Owner: {plain(str(row['owner']))}",
        "Not acknowledged"
        if is_missing(row["acknowledged_by"])
        else f"Acknowledged by {plain(str(row['acknowledged_by']))}, {dated(row['acknowledged_at'])}",
        *([f"Snoozed until {dated(row['snoozed_until'])}"] if snoozed and row["snoozed_until"] > wall_clock() else []),
    ]
    return " · ".join(parts)


def draw_history(key: str, **which: str) -> None:
    """Draws what people did with an incident or an issue, the newest first."""
    rows = ask("actions", **which)
    show_sql(actions=which)
    if rows.empty:
        return
    with st.expander(f"History ({count(len(rows), 'action')})", type="compact"):
        columns = {
            "label": text_column("Action"),
            "actor": text_column("By"),
            **time_columns(acted_at="When"),
            "was": text_column("From"),
            "detail": text_column("To", width="medium"),
        }
        table(with_labels(rows), columns, Key.ACTIONS.of(key), at_most=320)


def with_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns acts with their labels and with instants and names in words."""
    every = records(rows)
    return rows.assign(
        label=[ACTIONS.get(str(row["action"]), str(row["action"])) for row in every],
        actor=rows["actor"].fillna("Name not recorded"),
        was=[value_text(row, "was") for row in every],
        detail=[value_text(row, "detail") for row in every],
    )


def value_text(row: Row, name: str) -> str:
    """Writes what was set before or since: the instants of a snooze as all others; a name that says itself is left."""
    if is_missing(row[name]) or (row["action"] == "acknowledged" and row[name] == row["actor"]):
        return BLANK
    is_instant = row["action"] in ("snoozed", "snooze ended")
    return dated(datetime.strptime(row[name], "%Y-%m-%dT%H:%MZ")) if is_instant else str(row[name])
