"""The queue of incidents, worst first: what is wrong, since when, the evidence, what to do, and who takes care of it.

What people enter goes into the store at once, through the same turns that every writer takes.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.errors import StoreError, UnknownIncident
from pipeline.config.wording import count, dated, instant, is_missing, span
from pipeline.notify.messages import evidence_text
from pipeline.rules.incidents import acknowledge, annotate, assign, snooze
from pipeline.rules.rule import Rule, rules
from views.frame import state
from views.frame.data import Row, as_of, ask, records, store, wall_clock
from views.frame.filters import job_names
from views.frame.look import labelled, plain
from views.frame.places import MOVED, page_link
from views.frame.search import LABELS
from views.frame.state import NAME, TROUBLE, Key, Word

SHOWN = 20
"Cards that are drawn, the worst first."
SPANS = {"1 hour": timedelta(hours=1), "1 day": timedelta(days=1), "1 week": timedelta(weeks=1)}


def is_checked() -> bool:
    """Whether the rules were ever evaluated."""
    return not ask("rule_runs_lately").empty


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


def brief(rows: list[Row], most: int = 3) -> str:
    """Writes what the worst incidents are."""
    parts = [f"{plain(row['summary'])} (since {instant(row['opened_at'])})" for row in rows[:most]]
    more = [f"{len(rows) - most} more"] if len(rows) > most else []
    return "; ".join([*parts, *more])


def incident_queue(awake: list[Row], snoozed: list[Row], most: int = SHOWN) -> None:
    """Draws the incidents as cards; those that are snoozed are folded away."""
    draw_trouble()
    for row in awake[:most]:
        incident_card(row)
    if len(awake) > most:
        page_link("issues", f"{len(awake) - most} more, on Issues", ":material/error:")
    if snoozed:
        with st.expander(f"{count(len(snoozed), 'snoozed incident')}", icon=":material/snooze:"):
            for row in snoozed:
                incident_card(row)


def draw_trouble() -> None:
    """Draws once why what somebody did could not be saved."""
    if trouble := TROUBLE.take():
        st.error(plain(trouble), icon=":material/error:")


def incident_card(row: Row) -> None:
    """Draws one incident with what it explains."""
    rule = rules().get(row["rule"])
    with st.container(border=True, key=Key.CARD.of(row["incident_id"])):
        st.markdown(f"{labelled(row['severity'])} **{plain(row['summary'])}**")
        st.caption(" · ".join(incident_facts(row)))
        if not is_missing(row["unknown_since"]):
            since = f"Unknown since {instant(row['unknown_since'])}, so it stays open"
            st.markdown(f":gray-badge[Unknown] {since}: {plain(str(row['missing']))}.")
        if symptoms := symptoms_of(row):
            st.markdown(f"**Explains {count(len(symptoms), 'incident')}**, which its acknowledgement and snooze cover.")
        for one in symptoms:
            st.markdown(f"- {labelled(one['severity'])} {plain(one['summary'])} (since {instant(one['opened_at'])})")
        for line in evidence(row, rule):
            st.markdown(f"- {line}")
        if rule:
            st.markdown(f"**What to do.** {plain(rule.do)}")
        if not is_missing(row["note"]):
            written = "" if is_missing(row["noted_at"]) else f" ({dated(row['noted_at'])})"
            st.markdown(f":material/sticky_note_2: {plain(row['note'])}{written}")
        draw_acts(row)
        details_link(row, rule)


def incident_facts(row: Row) -> list[str]:
    """Writes since when, how long, where and who owns it, each in few words."""
    length = span((as_of() - row["opened_at"]).total_seconds())
    late = (row["noticed_at"] - row["opened_at"]).total_seconds()
    return [
        f"since {instant(row['opened_at'])}, for {length}" + (f", noticed {span(late)} later" if late >= 60 else ""),
        *([] if is_missing(row["app_name"]) else [plain(row["app_name"])]),
        "no owner" if is_missing(row["owner"]) else f"owner {plain(row['owner'])}",
        *(
            []
            if is_missing(row["acknowledged_by"])
            else [f"acknowledged by {plain(row['acknowledged_by'])}, {dated(row['acknowledged_at'])}"]
        ),
        *([] if is_missing(row["snoozed_until"]) else [f"snoozed until {dated(row['snoozed_until'])}"]),
    ]


def evidence(row: Row, rule: Rule | None) -> list[str]:
    """Writes the evidence in the words of the rule's own header, what is empty left out."""
    words = rule.query.columns if rule else {}
    facts: dict[str, Any] = json.loads(row["evidence"] or "{}")
    return [
        f"{plain(words.get(name, name))}: {plain(evidence_text(name, fact))}"
        for name, fact in facts.items()
        if fact not in (None, "", [])
    ]


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
    page_link(place, f"Open {label}", ":material/arrow_forward:", words)


def draw_acts(row: Row) -> None:
    """Draws what a person can do with an incident: acknowledge, snooze, assign and annotate it."""
    incident = str(row["incident_id"])
    if not is_missing(row.get("closed_at")):
        st.caption(" · ".join(handled(row)))
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if is_missing(row["acknowledged_by"]):
            draw_acknowledge(incident)
        with st.popover("Snooze", icon=":material/snooze:"):
            snooze_buttons(row)
        with st.popover("Assign", icon=":material/person_add:"):
            draw_owner(row)
        with st.popover("Note", icon=":material/edit_note:"):
            note_key = Key.NOTE.of(incident)
            st.text_area(
                "Note",
                "" if is_missing(row["note"]) else str(row["note"]),
                key=note_key,
                on_change=lambda: save(partial(annotate, store(), incident, entered(note_key))),
            )
    st.caption(" · ".join(handled(row)))


def draw_acknowledge(incident: str) -> None:
    """Draws whose name is recorded, as entered last, and the button."""
    key = Key.WHO.of(incident)
    st.text_input("Acknowledge as", NAME.get(), key=key, placeholder="Your name", width=180)
    st.button(
        "Acknowledge",
        key=Key.ACKNOWLEDGE.of(incident),
        icon=":material/done:",
        type="primary",
        on_click=acknowledge_as,
        args=(incident, key),
    )


def draw_owner(row: Row) -> None:
    """Draws the owner: the viewer in one click once their name is known, or anyone by name."""
    incident, owner = str(row["incident_id"]), "" if is_missing(row["owner"]) else str(row["owner"])
    owner_key, name = Key.OWNER.of(incident), NAME.get()
    if name and name != owner:
        st.button(
            f"Assign to me ({plain(name)})",
            key=Key.ASSIGN.of(incident),
            on_click=lambda: save(partial(assign, store(), incident, name)),
        )
    st.text_input(
        "Owner",
        owner,
        key=owner_key,
        on_change=lambda: save(partial(assign, store(), incident, entered(owner_key))),
    )


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


def snooze_buttons(row: Row) -> None:
    """Draws until when an incident can be snoozed, by the wall clock."""
    incident, now = row["incident_id"], wall_clock()
    for label, length in SPANS.items():
        st.button(label, key=Key.SNOOZE.of(label, incident), on_click=snooze_until, args=(incident, now + length))
    until = st.datetime_input("Until (UTC)", None, key=Key.SNOOZE_UNTIL.of(incident), format="YYYY-MM-DD")
    st.button(
        "Until then",
        key=Key.SNOOZE.of(incident),
        disabled=until is None,
        on_click=snooze_until,
        args=(incident, until),
    )
    if not is_missing(row["snoozed_until"]):
        st.button("Unsnooze", key=Key.UNSNOOZE.of(incident), on_click=snooze_until, args=(incident, None))


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


def snooze_until(incident_id: str, until: datetime | None) -> None:
    """Snoozes an incident until an instant, or not any more."""
    if until is not None and until <= wall_clock():
        TROUBLE.set(f"{dated(until)} is in the past; choose a later time.")
    else:
        save(partial(snooze, store(), incident_id, until))


def save(change: Callable[[], Any]) -> None:
    """Saves a change of an incident; why it could not be saved is drawn on the page."""
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
