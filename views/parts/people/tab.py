"""The users and groups of all apps or of one: search, filters, and the side panel of one of them."""

from math import ceil

import pandas as pd
import streamlit as st

from pipeline.config.wording import count
from views.frame import state
from views.frame.data import Row, ask, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import LOOKS, chips, look
from views.frame.panel import show_sql
from views.frame.side_panel import side_panel
from views.frame.state import PEOPLE_WORDS, Key, Word, write_word
from views.frame.table import chips_column, daily_bars, number_column, share_bar, table, text_column, time_columns
from views.parts.people.story import draw_story

PAGE = 50
STATES = ("failing", "skipped", "in_sync", "disabled", "deleted")
SORTS = {"failures": "Most failures", "share": "Lowest success share", "recent": "Newest event", "name": "Name"}


def adopt_words() -> None:
    """Lets an address that was opened set the filters, once; the search is bound to the address by Streamlit."""
    given = PEOPLE_WORDS.opened()
    if given is None:
        return
    chosen, sort = given.get(Word.STATE), given.get(Word.SORT)
    state.set_value(Key.PEOPLE_STATE, chosen if chosen in STATES else None)
    state.set_value(Key.PEOPLE_SORT, sort if sort in SORTS else "failures")


def filters() -> dict[str, str | None]:
    """Draws the filters, writes their words into the address and returns them."""
    adopt_words()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            "Find anyone",
            key=Key.SEARCH,
            bind="query-params",
            placeholder="UPN, name, source id or target id",
            icon=":material/search:",
        )
        chosen = st.pills("State", STATES, format_func=lambda word: LOOKS[word].label, key=Key.PEOPLE_STATE)
        sort = st.selectbox("Sort by", list(SORTS), format_func=SORTS.__getitem__, key=Key.PEOPLE_SORT, width=200)
    PEOPLE_WORDS.write({Word.STATE: chosen, Word.SORT: None if sort == "failures" else sort})
    return {"search": search.strip() or None, "state": chosen, "sort": sort}


def sentence(states: pd.DataFrame, search: str | None) -> str:
    """Writes how many there are, and how many in each state."""
    total = int(states["objects"].sum()) if not states.empty else 0
    who = f" match “{search}”" if search else ""
    if not total:
        return f"No person or group{who.replace('match', 'matches')} here."
    parts = ", ".join(f"{row['objects']:,} {look(row['state']).label.lower()}" for row in records(states))
    where = f"in {bar().job_name}" if bar().job_name else "over all apps; who is in two apps counts twice"
    return f"{count(total, 'person or group', 'people and groups')}{who} ({where}): {parts}."


def all_people() -> None:
    """Draws the search, the sentence and one page of the table."""
    chosen = filters()
    states = ask("people_by_state", search=chosen["search"])
    st.markdown(f"**{sentence(states, chosen['search'])}**")
    if states.empty:
        return
    total = int(
        states[states["state"] == chosen["state"]]["objects"].sum() if chosen["state"] else states["objects"].sum()
    )
    st.subheader("How well is each person or group provisioned, app by app?", anchor="people")
    slot = st.empty()
    pages = max(1, ceil(total / PAGE))
    page = st.pagination(pages, key=Key.PEOPLE_PAGE.of(chosen, bar().words)) if pages > 1 else 1
    given = chosen | {"limit": PAGE, "offset": (page - 1) * PAGE}
    rows = ask("people", **given)
    with slot.container():
        if rows.empty:
            nothing("Nobody is in this state.")
        else:
            people_table(rows)
    show_sql(people=given)


def people_table(rows: pd.DataFrame) -> None:
    """Draws one row per object and app; a selected row opens its story."""
    rows = rows.assign(chip=chips(rows["state"]))
    columns = {
        "name": text_column("Who", pinned=True),
        "app_name": text_column("App"),
        "chip": chips_column("State"),
        "attempts": number_column("Attempts", help="Successes and failures, ever"),
        "failures": number_column("Failures", help="Failures, ever"),
        "success_share": share_bar("Success"),
        "daily_failures": daily_bars("Failures a day", help="In the window, oldest day first"),
        "open_error_code": text_column("Failing with"),
        **time_columns(last_success_at="Last good", last_event_at="Last event"),
        "source_type": text_column("Type"),
    }
    table(rows, columns, Key.PEOPLE, at_most=600, opens="name", on_open=open_object)


def open_object(row: Row) -> None:
    """Opens the side panel of a user or group."""
    write_word(Word.OBJECT, str(row["source_id"]))


def draw_tab() -> None:
    """Draws the list, and the side panel of the user or group that the address names."""
    all_people()
    side_panel(Word.OBJECT, "User or group", draw_story, Word.EVENT, wide=True)
