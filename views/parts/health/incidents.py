"""The queue of incidents, worst first: what is wrong, since when, the evidence, what to do, and what people say of it.

What is said goes into the store at once, through the same turns that every writer takes.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.errors import StoreError, UnknownIncident
from pipeline.notify.messages import evidence_text
from pipeline.rules.incidents import acknowledge, annotate, assign, snooze
from pipeline.rules.rule import Rule, rules
from views.frame.data import Row, as_of, ask, records, store
from views.frame.filters import names, spelled
from views.frame.look import count, labelled, missing, plain, span, when

PAGES = Path(__file__).parents[2]
MOST = 20
"Cards that are drawn; what is worst comes first."
SPANS = {"1 hour": timedelta(hours=1), "1 day": timedelta(days=1), "1 week": timedelta(weeks=1)}
BOXES = {"critical": st.error, "warning": st.warning, "info": st.info}


def is_checked() -> bool:
    """Says whether the rules were ever asked."""
    return not ask("rule_runs_lately").empty


def lasting() -> tuple[list[Row], list[Row]]:
    """Gives the open incidents that want somebody, and those that are snoozed, both worst first."""
    rows, now = records(ask("open_incidents")), as_of()
    asleep = [row for row in rows if not missing(row["snoozed_until"]) and row["snoozed_until"] > now]
    return [row for row in rows if row not in asleep], asleep


def brief(rows: list[Row], most: int = 3) -> str:
    """Says what the worst incidents are."""
    told = [f"{plain(row['summary'])} (since {when(row['opened_at'])})" for row in rows[:most]]
    more = [f"{len(rows) - most} more"] if len(rows) > most else []
    return "; ".join([*told, *more])


def queue(awake: list[Row], asleep: list[Row], most: int = MOST) -> None:
    """Draws the incidents as cards; those that are snoozed are folded away."""
    say_trouble()
    if awake or asleep:
        known = st.session_state.get("me", "")
        st.session_state["me"] = st.text_input(
            "Your name", known, key="who", placeholder="Who acknowledges", width=260
        ).strip()
    for row in awake[:most]:
        card(row)
    if len(awake) > most:
        st.page_link("health.py", label=f"{len(awake) - most} more, on Health", icon=":material/monitor_heart:")
    if asleep:
        with st.expander(f"{count(len(asleep), 'snoozed incident')}", icon=":material/snooze:"):
            for row in asleep:
                card(row)


def say_trouble() -> None:
    """Says why what somebody did could not be kept, once."""
    trouble = st.session_state.pop("incident_trouble", None)
    if trouble:
        st.error(plain(trouble), icon=":material/error:")


def card(row: Row) -> None:
    """Draws one incident."""
    rule = rules().get(row["rule"])
    with st.container(border=True, key=f"card-{row['incident_id']}"):
        st.markdown(f"{labelled(row['severity'])} **{plain(row['summary'])}**")
        st.caption(" · ".join(facts(row)))
        for line in evidence(row, rule):
            st.markdown(f"- {line}")
        if rule:
            st.markdown(f"**What to do.** {plain(rule.do)}")
        if not missing(row["note"]):
            st.markdown(f":material/sticky_note_2: {plain(row['note'])}")
        with st.container(horizontal=True, vertical_alignment="center"):
            buttons(row)
            link(row, rule)


def facts(row: Row) -> list[str]:
    """Gives since when, how long, where and whose, each in few words."""
    lasted = span((as_of() - row["opened_at"]).total_seconds())
    late = (row["noticed_at"] - row["opened_at"]).total_seconds()
    return [
        f"since {when(row['opened_at'])}, for {lasted}" + (f", noticed {span(late)} later" if late >= 60 else ""),
        *([] if missing(row["app_name"]) else [plain(row["app_name"])]),
        "no owner" if missing(row["owner"]) else f"owner {plain(row['owner'])}",
        *(
            []
            if missing(row["acknowledged_by"])
            else [f"acknowledged by {plain(row['acknowledged_by'])}, {when(row['acknowledged_at'])}"]
        ),
        *([] if missing(row["snoozed_until"]) else [f"snoozed until {when(row['snoozed_until'])}"]),
    ]


def evidence(row: Row, rule: Rule | None) -> list[str]:
    """Gives the evidence in the words of the rule's own header, what is empty left out."""
    words = rule.query.columns if rule else {}
    held: dict[str, Any] = json.loads(row["evidence"] or "{}")
    return [
        f"{plain(words.get(name, name))}: {plain(evidence_text(name, seen))}"
        for name, seen in held.items()
        if seen not in (None, "", [])
    ]


def link(row: Row, rule: Rule | None) -> None:
    """Offers the page that fits, on the incident's window and job."""
    page = rule.page if rule else "health"
    if page == "health" or not (PAGES / f"{page}.py").exists():
        page = "connections" if missing(row["job_id"]) else "failures"
    since = row["opened_at"].floor("h") - timedelta(hours=24)
    words = {"since": spelled(since), "until": spelled(as_of().replace(minute=0) + timedelta(hours=1))}
    job = {job: word for word, job in names(ask("jobs")).items()}.get(row["job_id"])
    words |= {"job": job} if job else {}
    st.page_link(f"{page}.py", label=f"See it on {page.capitalize()}", icon=":material/search:", query_params=words)


def buttons(row: Row) -> None:
    """Draws what a person can say of an incident."""
    mine = row["incident_id"]
    if missing(row["acknowledged_by"]):
        st.button("Acknowledge", key=f"ack-{mine}", icon=":material/done:", on_click=see, args=(mine,))
    with st.popover("Snooze", icon=":material/snooze:"):
        sleeping(row)
    with st.popover("Owner and note", icon=":material/edit_note:"):
        owner, note = ("" if missing(row[name]) else str(row[name]) for name in ("owner", "note"))
        place = f"owner-{mine}"
        st.text_input("Owner", owner, key=place, on_change=lambda: keep(partial(assign, store(), mine, typed(place))))
        other = f"note-{mine}"
        st.text_area("Note", note, key=other, on_change=lambda: keep(partial(annotate, store(), mine, typed(other))))


def sleeping(row: Row) -> None:
    """Draws until when an incident can be snoozed; instants are those of the data."""
    mine, now = row["incident_id"], as_of()
    for label, length in SPANS.items():
        st.button(label, key=f"snooze-{label}-{mine}", on_click=sleep, args=(mine, now + length))
    until = st.datetime_input("Until (UTC)", None, key=f"until-{mine}", format="YYYY-MM-DD")
    st.button("Until then", key=f"snooze-{mine}", disabled=until is None, on_click=sleep, args=(mine, until))
    if not missing(row["snoozed_until"]):
        st.button("Wake it", key=f"wake-{mine}", on_click=sleep, args=(mine, None))


def typed(place: str) -> str | None:
    """Gives what somebody typed; None where nothing is left."""
    return str(st.session_state[place]).strip() or None


def see(incident_id: str) -> None:
    """Keeps that whoever sits here has seen an incident."""
    by = str(st.session_state.get("who", "")).strip()
    if by:
        keep(partial(acknowledge, store(), incident_id, by, as_of()))
    else:
        st.session_state["incident_trouble"] = "Say who you are first: your name stands beside what you acknowledge."


def sleep(incident_id: str, until: datetime | None) -> None:
    """Keeps until when nobody wants to hear of an incident."""
    if until is not None and until <= as_of():
        st.session_state["incident_trouble"] = f"{when(until)} is over already; a later instant was expected."
    else:
        keep(partial(snooze, store(), incident_id, until))


def keep(change: Callable[[], Any]) -> None:
    """Writes what somebody said; why it could not be kept is said on the page."""
    try:
        change()
    except (StoreError, UnknownIncident) as error:
        st.session_state["incident_trouble"] = str(error)


def past(rows: pd.DataFrame) -> pd.DataFrame:
    """Gives incidents with how long it took to notice and to mend them."""
    return rows.assign(
        to_notice=[span(seconds) for seconds in (rows["noticed_at"] - rows["opened_at"]).dt.total_seconds()],
        to_fix=[
            "lasts" if missing(seconds) else span(seconds)
            for seconds in (rows["closed_at"] - rows["opened_at"]).dt.total_seconds()
        ],
    )
