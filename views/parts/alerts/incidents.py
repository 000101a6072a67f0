"""Open incidents, the worst first, and what people do with one: acknowledge, snooze, assign and annotate it.

What people enter goes into the store at once, through the same turns that every writer takes.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.errors import StoreError, UnknownIncident
from pipeline.config.wording import dated, instant, is_missing, span
from pipeline.rules.incidents import acknowledge, annotate, assign, snooze
from pipeline.rules.rule import Rule
from pipeline.rules.summary import undated
from views.frame import state
from views.frame.data import Row, as_of, ask, records, store, wall_clock
from views.frame.filters import job_names
from views.frame.look import plain
from views.frame.places import MOVED, PLACES, page_link, switch_page
from views.frame.search import LABELS
from views.frame.state import NAME, TROUBLE, Key, Word

SPANS = {"1 hour": timedelta(hours=1), "1 day": timedelta(days=1), "1 week": timedelta(weeks=1)}


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


def owner_text(row: Row) -> str:
    """Returns who takes care of an incident: its owner, else who acknowledged it and when."""
    if not is_missing(row["owner"]):
        return str(row["owner"])
    if is_missing(row["acknowledged_by"]):
        return "Unassigned"
    return f"Acknowledged by {row['acknowledged_by']}, {instant(row['acknowledged_at'])}"


def brief(rows: list[Row], most: int = 3) -> str:
    """Writes what the worst incidents are."""
    parts = [f"{plain(row['summary'])} (since {instant(row['opened_at'])})" for row in rows[:most]]
    more = [f"{len(rows) - most} more"] if len(rows) > most else []
    return "; ".join([*parts, *more])


def draw_trouble() -> None:
    """Draws once why what somebody did could not be saved."""
    if trouble := TROUBLE.take():
        st.error(plain(trouble), icon=":material/error:")


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
    label = plain(str(row["app_name"])) if job and place == "apps" else LABELS[place].rpartition(" › ")[2]
    if PLACES[place].file != PLACES["issues"].file:
        page_link(place, f"Open {label}", ":material/arrow_forward:", words)
    elif st.button(f"Open {label}", icon=":material/arrow_forward:", type="tertiary", key=Key.RELATED):
        # A link to the page that it stands on would not change the address (Streamlit 1.67).
        switch_page(place, words)


class Acts(NamedTuple):
    """What people can do with an incident or an issue."""

    key: str
    "Its id, which tells its widgets from others."
    snooze: Callable[[datetime | None], Any]
    assign: Callable[[str | None], Any]
    annotate: Callable[[str | None], Any]


def acts_on(incident: str) -> Acts:
    """Returns what people can do with an incident."""
    return Acts(
        incident,
        partial(snooze, store(), incident),
        partial(assign, store(), incident),
        partial(annotate, store(), incident),
    )


def draw_acts(row: Row) -> None:
    """Draws what a person can do with an incident: acknowledge, snooze, assign and annotate it."""
    incident = str(row["incident_id"])
    if not is_missing(row.get("closed_at")):
        st.caption(" · ".join(handled(row)))
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if is_missing(row["acknowledged_by"]):
            draw_acknowledge(incident)
        draw_handling(row, acts_on(incident))
    draw_trouble()
    st.caption(" · ".join(handled(row)))


def draw_handling(row: Row, acts: Acts) -> None:
    """Draws what snoozes, assigns and annotates an incident or an issue."""
    name = own_name()
    if name and name != row["owner"]:
        st.button(
            "Assign to me",
            key=Key.ASSIGN.of(acts.key),
            icon=":material/person_check:",
            help=f"As {plain(name)}",
            on_click=lambda: save(partial(acts.assign, name)),
        )
    with st.popover("Snooze", icon=":material/snooze:"):
        snooze_buttons(row, acts)
    with st.popover("Assign", icon=":material/person_add:"):
        draw_owner(row, acts)
    with st.popover("Note", icon=":material/edit_note:"):
        key = Key.NOTE.of(acts.key)
        written = "" if is_missing(row["note"]) else str(row["note"])
        st.text_area("Note", written, key=key, on_change=lambda: save(partial(acts.annotate, entered(key))))


def draw_acknowledge(incident: str) -> None:
    """Draws whose name is recorded, as entered last, and the button."""
    key = Key.WHO.of(incident)
    st.text_input("Acknowledge as", own_name(), key=key, placeholder="Your name", width=180)
    st.button(
        "Acknowledge",
        key=Key.ACKNOWLEDGE.of(incident),
        icon=":material/done:",
        type="primary",
        on_click=acknowledge_as,
        args=(incident, key),
    )


def own_name() -> str:
    """Returns the name that the viewer entered last, else the one they signed in with; empty where neither is known."""
    signed_in = str(st.user.get("name") or st.user.get("email") or "") if st.user.get("is_logged_in") else ""
    return NAME.get() or signed_in


def draw_owner(row: Row, acts: Acts) -> None:
    """Draws the owner, whom anyone can be made by name."""
    owner, key = "" if is_missing(row["owner"]) else str(row["owner"]), Key.OWNER.of(acts.key)
    st.text_input("Owner", owner, key=key, on_change=lambda: save(partial(acts.assign, entered(key))))


def handled(row: Row) -> list[str]:
    """Writes who owns it, who acknowledged it and until when it is snoozed."""
    acknowledged = not is_missing(row["acknowledged_by"])
    return [
        "Unassigned" if is_missing(row["owner"]) else f"Owner: {plain(str(row['owner']))}",
        f"Acknowledged by {plain(str(row['acknowledged_by']))}, {dated(row['acknowledged_at'])}"
        if acknowledged
        else "Not acknowledged",
        *([] if is_missing(row["snoozed_until"]) else [f"Snoozed until {dated(row['snoozed_until'])}"]),
    ]


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


def entered(key: str) -> str | None:
    """Returns what somebody entered; None where nothing is left."""
    return str(state.value(key)).strip() or None


def acknowledge_as(incident_id: str, key: str) -> None:
    """Acknowledges an incident by the name that was entered, and remembers the name."""
    by = str(state.value(key) or "").strip()
    NAME.set(by)
    if by:
        save(partial(acknowledge, store(), incident_id, by))
    else:
        TROUBLE.set("Enter your name to acknowledge.")


def snooze_until(acts: Acts, until: datetime | None) -> None:
    """Snoozes an incident or an issue until an instant, or not any more."""
    if until is not None and until <= wall_clock():
        TROUBLE.set(f"{dated(until)} is in the past; choose a later time.")
    else:
        save(partial(acts.snooze, until))


def save(change: Callable[[], Any]) -> None:
    """Saves a change of an incident or an issue; why it could not be saved is drawn on the page."""
    try:
        change()
    except (StoreError, UnknownIncident) as error:
        TROUBLE.set(str(error))


def with_times(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns incidents with how long it took to notice and to fix them."""
    return rows.assign(
        to_notice=[span(seconds) for seconds in (rows["noticed_at"] - rows["opened_at"]).dt.total_seconds()],
        to_fix=[
            "Ongoing" if is_missing(seconds) else span(seconds)
            for seconds in (rows["closed_at"] - rows["opened_at"]).dt.total_seconds()
        ],
    )
