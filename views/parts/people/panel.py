"""The side panel of one user or group: its status in each app, what to do, and the steps of the latest attempt."""

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, in_utc, instant, is_missing
from views.frame.copying import dashboard_address, text_to_copy
from views.frame.data import Row, as_of, ask, records
from views.frame.filters import bar
from views.frame.look import chips, first_names, look, plain, plain_name
from views.frame.panel import show_sql
from views.frame.places import switch_page
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, has_word, read_word, write_word, write_words
from views.frame.table import BLANK, chips_column, number_column, table, text_column, time_columns
from views.parts.people.entra import entra_address
from views.parts.people.event import moment_of
from views.parts.people.note import address, note
from views.parts.people.status import (
    ORDER,
    STAGES,
    chip,
    headline,
    next_retry,
    shortened,
    shown_word,
    steps_of,
    stop_sentence,
    unknown_statuses,
    why,
    word_of,
)

HISTORY = "history"
"The word of the address for the full history."
STEP_LOOKS = {
    "success": ":green[:material/check_circle:]",
    "failure": ":red[:material/cancel:]",
    "warning": ":orange[:material/warning:]",
}
SHOWN = 4
"Apps whose status is written as a sentence; the table has all."


def person_panel(has_history: bool = False) -> None:
    """Opens the side panel of the user or group that the address names.

    The full history opens in its place where the page has it, so that Back leads to the list as it was; else on People.
    """
    source_id = read_word(Word.OBJECT)
    if has_word(Word.OBJECT):
        draw = partial(draw_person, has_history=has_history)
        side_panel(Word.OBJECT, panel_title(source_id), draw, Word.EVENT, Word.AT, Word.VIEW)


def open_person(row: Row) -> None:
    """Opens the side panel of the user or group that a row is about."""
    event = row.get("event_id")
    write_words({Word.OBJECT: str(row["source_id"]), Word.EVENT: None if is_missing(event) else str(event)})


def panel_title(source_id: str) -> str:
    """Returns the name of a user or group; a plain word where it is not here."""
    states = ask("person_states", object=source_id)
    return "User or group" if states.empty else plain(str(states.iloc[0]["name"]))


def by_gravity(states: pd.DataFrame) -> list[Row]:
    """Returns the status in each app, those that fail first."""
    return sorted(records(states), key=lambda row: ORDER.get(word_of(row), 2))


def not_here(source_id: str) -> None:
    """Draws that nobody in the store has an id, and what to look at."""
    st.warning(
        f"No user or group in this store has the id {plain(source_id)}. It may never have been in a provisioning log "
        "that was loaded, or its data was removed by retention. Search for the name instead.",
        icon=":material/search_off:",
    )


def draw_person(source_id: str, has_history: bool = False) -> None:
    """Draws one user or group, or a sentence where it is not here."""
    states = ask("person_states", object=source_id)
    if states.empty:
        not_here(source_id)
        return
    rows = by_gravity(states)
    st.markdown(" · ".join(f"{plain_name(row['app_name'])}: {chip(row)}" for row in rows[:SHOWN]))
    draw_statuses(rows, accounts_in_use(source_id))
    events = ask("person_events", object=source_id)
    show_sql(person_states={"object": source_id}, person_events={"object": source_id})
    st.subheader("Status by app", anchor=False)
    draw_table(rows)
    event = latest_attempt(events, rows)
    if event is not None:
        draw_attempt(event)
    draw_buttons(source_id, rows, event, has_history)


IN_USE = ("trap_unassigned", "trap_still_active")
"Known gaps that leave an account in use, whatever the log says."


def accounts_in_use(source_id: str) -> dict[str, str]:
    """Returns why an account may be in use although nothing failed, by job."""
    rows = [row for name in IN_USE for row in records(ask(name, as_of=as_of()))]
    return {str(row["job_id"]): f"{row['seen']} {row['cure']}" for row in rows if row["source_id"] == source_id}


def draw_statuses(rows: list[Row], in_use: Mapping[str, str]) -> None:
    """Draws a sentence for each app, and what to do where it fails or the account may be in use."""
    groups = apps_by_advice(rows, in_use)
    for row, *others in groups[:SHOWN]:
        draw_status(row, in_use.get(str(row["job_id"]), ""))
        if others:
            st.markdown(f"The same in {first_names([str(one['app_name']) for one in others])}.")
    if rest := sum(map(len, groups[SHOWN:])):
        st.caption(f"{count(rest, 'more app')} in the table.")
    if unknown := unknown_statuses(rows[:SHOWN]):
        st.caption(unknown)


def apps_by_advice(rows: list[Row], in_use: Mapping[str, str]) -> list[list[Row]]:
    """Groups apps in which the same is to be done for the same reason; any other stands alone."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        steps = tuple(steps_of(row))
        alone = not steps or stop_sentence(row) or str(row["job_id"]) in in_use
        groups.setdefault(str(row["job_id"]) if alone else (row["state"], why(row), steps), []).append(row)
    return list(groups.values())


def draw_status(row: Row, may_be_in_use: str) -> None:
    """Draws the status in one app, and what to do where it fails or the account may be in use."""
    if stopped := stop_sentence(row):
        st.markdown(f":material/block: {stopped}")
    st.markdown(headline(row))
    if may_be_in_use:
        st.warning(f"May still have access. {plain(may_be_in_use)}", icon=":material/warning:")
    steps, again = steps_of(row), next_retry(row)
    if steps:
        lines = f"**What to do:** {steps[0]}" if len(steps) == 1 else "**What to do:**\n" + numbered(steps)
        st.markdown(f"{lines}\n\n{again}" if len(steps) > 1 else f"{lines} {again}")
    elif again:
        st.markdown(again)


def numbered(steps: list[str]) -> str:
    """Writes steps as a numbered list."""
    return "\n".join(f"1. {step}" for step in steps)


def draw_table(rows: list[Row]) -> None:
    """Draws one row an app."""
    frame = pd.DataFrame(rows).assign(chip=chips(pd.Series([shown_word(row) for row in rows])))
    frame["tried"] = [
        f"{int(row['attempts'] - row['failures']):,} of {int(row['attempts']):,}" if row["attempts"] else BLANK
        for row in rows
    ]
    columns = {
        "app_name": text_column("App"),
        "chip": chips_column("Status"),
        **time_columns(last_success_at="Last success"),
        "tried": text_column("Succeeded", help="Successful attempts of all attempts, ever"),
        "failures": number_column("Failures", help="Ever"),
        **time_columns(retry_at="Next retry"),
    }
    table(frame, columns, Key.PERSON_APPS, at_most=280)


def latest_attempt(events: pd.DataFrame, rows: list[Row]) -> Row | None:
    """Returns the event that the address names, else the newest one of the app that fails, else the newest."""
    if events.empty:
        return None
    named = events[events["event_id"] == read_word(Word.EVENT)]
    worst = events[(events["job_id"] == rows[0]["job_id"]) & (events["status"] == "failure")]
    first = worst if rows[0]["state"] == "failing" else events.iloc[:0]
    return next(records(frame)[0] for frame in (named, first, events) if not frame.empty)


def draw_attempt(event: Row) -> None:
    """Draws the steps of one attempt, each with how it ended; those after a failure were not attempted."""
    steps = ask("event_steps", **moment_of(event))
    which = "Attempt" if event["event_id"] == read_word(Word.EVENT) else "Latest attempt"
    st.subheader(f"{which} · {plain_name(event['app_name'])}, {instant(event['occurred_at'])}", anchor=False)
    if steps.empty:
        ended = look(str(event["status"])).label.lower()
        st.markdown(f"{plain(str(event['action'])).capitalize()}: {ended}. The log has no steps for it.")
        return
    st.markdown("  \n".join(step_lines(records(steps), str(event["status"]))))


def step_lines(steps: list[Row], status: str) -> list[str]:
    """Writes each step in a line, and the stages that a failure left out."""
    lines = [step_line(step) for step in steps]
    order = list(STAGES)
    if status == "failure" and steps[-1]["type"] in order and not any(step["type"] == "export" for step in steps):
        lines.append(":gray[:material/do_not_disturb_on:] Export – not attempted")
    return lines


def step_line(step: Row) -> str:
    """Writes one step: its sign, its stage, and what it says where it did not succeed."""
    sign = STEP_LOOKS.get(str(step["status"]), ":gray[:material/do_not_disturb_on:]")
    stage = STAGES.get(str(step["type"]), plain(str(step["type"])))
    if step["status"] == "success":
        return f"{sign} {stage}"
    text = "" if is_missing(step["description"]) else " ".join(str(step["description"]).split())
    said = f" – {plain(shortened(text))}" if text else ""
    ended = "failed" if step["status"] == "failure" else look(str(step["status"])).label.lower()
    return f"{sign} **{stage}** {ended}{said}"


def draw_buttons(source_id: str, rows: list[Row], event: Row | None, has_history: bool) -> None:
    """Draws the ways on: the full history, Entra, and a note for a ticket."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Open full history", type="primary", icon=":material/history:", key=Key.FULL_HISTORY):
            if has_history:
                write_word(Word.VIEW, HISTORY)
                st.rerun()
            named = {Word.EVENT: read_word(Word.EVENT)} if has_word(Word.EVENT) else {}
            switch_page("people", bar().link(**{Word.OBJECT: source_id, Word.VIEW: HISTORY}, **named))
        if link := in_entra(source_id, rows):
            st.link_button("Open in Entra", link, icon=":material/open_in_new:", type="tertiary")
    if event is not None:
        copy_note(source_id, rows, event)


def in_entra(source_id: str, rows: list[Row]) -> str | None:
    """Returns where Entra shows the user or group; None where that is not known."""
    tenants = {row["job_id"]: str(row["tenant_id"]) for row in records(ask("jobs"))}
    links = (
        entra_address(tenants.get(row["job_id"], ""), str(row["source_type"]), source_id, str(row["job_id"]))
        for row in rows
    )
    return next(filter(None, links), None)


def copy_note(source_id: str, states: list[Row], event: Row) -> None:
    """Offers plain text for a ticket, in UTC and with a link."""
    with in_utc():
        words = bar().pinned | {Word.OBJECT: source_id, Word.EVENT: str(event["event_id"])}
        link = address(dashboard_address(), words)
        requests = ask("event_exchanges", **moment_of(event))
        text_to_copy("Copy for ticket", note(source_id, states, event, requests, link))
