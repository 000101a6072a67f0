"""The users and groups of all apps or of one: search, filters, and the side panel of one of them."""

from collections.abc import Collection
from functools import partial
from math import ceil

import pandas as pd
import streamlit as st

from pipeline.config.wording import count
from pipeline.rules.verdict_facts import read_facts
from views.frame import state
from views.frame.data import ask, records, store
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import LOOKS, chips, look, plain, plain_name
from views.frame.panel import show_sql
from views.frame.state import PEOPLE_SEARCH, PEOPLE_WORDS, Key, Word, has_word, read_word
from views.frame.table import chips_column, number_column, table, text_column, time_columns
from views.frame.verdict import WAS, blind_spot, current_facts
from views.parts.people.panel import HISTORY, open_person, person_panel
from views.parts.people.status import reason_of, shown_word, stop_sentence, word_of
from views.parts.people.story import close_history, draw_story
from views.parts.shared.coverage import none_in_window

PAGE = 50
STATES = ("failing", "rejected", "skipped", "in_sync", "disabled", "deleted", "unknown")
RARE = ("rejected", "unknown")
"States that are offered where there are any: most apps' own logs are not there to show that none is rejected."
FILTERS = {"skipped": "Skipped or out of scope"}
"Labels of states that are shown as more than one word."
SORTS = {
    "failing": "Failing first",
    "failures": "Most failures",
    "share": "Lowest success rate",
    "recent": "Latest event",
    "name": "Name",
}
USUAL = "failing"


def adopt_words() -> None:
    """Lets an address that was opened set the filters, once; the search is bound to the address by Streamlit."""
    given = PEOPLE_WORDS.opened()
    if given is None:
        return
    chosen, sort = given.get(Word.STATE), given.get(Word.SORT)
    state.set_value(Key.PEOPLE_STATE, chosen if chosen in STATES else None)
    state.set_value(Key.PEOPLE_SORT, sort if sort in SORTS else USUAL)


def draw_search() -> str | None:
    """Draws the search, and returns what was entered. Another search leads from the full history to the list.

    It stands above the history too: Streamlit takes the word of a widget that is not drawn out of the address, which
    would be one more step for Back.
    """
    if not has_word(Word.SEARCH) and PEOPLE_SEARCH.take() == state.value(Key.SEARCH) != "":
        # A link from the page itself to the page without a search.
        state.set_value(Key.SEARCH, "")
    entered = st.text_input(
        "Search",
        key=Key.SEARCH,
        bind="query-params",
        placeholder="Name, UPN, object ID or target ID",
        icon=":material/search:",
        label_visibility="collapsed",
        on_change=close_history,
    )
    PEOPLE_SEARCH.set(read_word(Word.SEARCH))
    return entered.strip() or None


def filters(states: pd.DataFrame) -> dict[str, str | None]:
    """Draws the filters with how many rows each has, writes their words into the address and returns them."""
    counts = {row["state"]: row["objects"] for row in records(states)}
    labels = filter_labels()
    # Its labels change with the search, which would make it another widget with nothing chosen.
    state.set_value(Key.PEOPLE_STATE, state.value(Key.PEOPLE_STATE))
    offered = [word for word in STATES if word not in RARE or counts.get(word) or word == state.value(Key.PEOPLE_STATE)]
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.pills(
            "Status",
            offered,
            format_func=lambda word: f"{labels[word]} {counts.get(word, 0):,}",
            key=Key.PEOPLE_STATE,
            label_visibility="collapsed",
        )
        st.space("stretch")
        sort = st.selectbox(
            "Sort by",
            list(SORTS),
            format_func=SORTS.__getitem__,
            key=Key.PEOPLE_SORT,
            label_visibility="collapsed",
            width=180,
        )
    PEOPLE_WORDS.write({Word.STATE: chosen, Word.SORT: None if sort == USUAL else sort})
    return {"state": chosen, "sort": sort}


def filter_labels() -> dict[str, str]:
    """Returns the label of each state; of who is in sync it says no more than the table does."""
    labels = {word: FILTERS.get(word, LOOKS[word].label) for word in STATES}
    facts = current_facts()
    blind = [blind_spot(job.job_id, facts) is not None for job in facts.jobs]
    if blind and all(blind):
        labels["in_sync"] = LOOKS["was_in_sync"].label
    elif any(blind):
        labels["in_sync"] = "In sync now or before"
    return labels


def sentence(states: pd.DataFrame, search: str | None, chosen: str | None = None) -> str:
    """Writes how many assignments there are and how many fail, or how many are in the chosen state."""
    total = int(states["objects"].sum()) if not states.empty else 0
    where = f"in {plain_name(bar().job_name)}" if bar().job_name else "across all apps"
    if not total:
        return (
            f"No user or group matches “{plain(search)}” {where}."
            if search
            else none_in_window(f"No users or groups {where}.")
        )
    number = int(states.loc[states["state"] == (chosen or "failing"), "objects"].sum())
    match = f" match “{plain(search)}”" if search else ""
    if chosen:
        label = filter_labels()[chosen].lower()
        return f"**{number:,} of {count(total, 'assignment')}**{match} {where}: {label}."
    fails = f"; **{number:,} {'is' if number == 1 else 'are'} failing**" if number else ""
    return f"**{count(total, 'assignment')}**{match} {where}{fails}. Each row is one user or group in one app."


def all_people(search: str | None) -> None:
    """Draws the filters, the sentence and one page of the table."""
    adopt_words()
    states = ask("people_by_state", search=search)
    chosen = filters(states)
    if bar().job is not None and (stopped := stop_sentence({"job_id": bar().job, "app_name": bar().job_name})):
        st.markdown(f":material/block: {stopped}")
    st.markdown(sentence(states, search, chosen["state"]))
    if states.empty:
        show_sql(people_by_state={"search": search})
        return
    of_state = states[states["state"] == chosen["state"]] if chosen["state"] else states
    pages = max(1, ceil(int(of_state["objects"].sum()) / PAGE))
    slot = st.empty()
    page = st.pagination(pages, key=Key.PEOPLE_PAGE.of(search, chosen, bar().words)) if pages > 1 else 1
    given = chosen | {"search": search, "limit": PAGE, "offset": (page - 1) * PAGE}
    rows = ask("people", **given)
    show_sql(people=given)
    with slot.container():
        if rows.empty:
            nothing("No user or group has this status.")
        else:
            people_table(rows)
    show_sql(people_by_state={"search": search})


def people_table(rows: pd.DataFrame) -> None:
    """Draws one row per object and app; a row opens the side panel."""
    every = records(rows)
    facts = read_facts(store())
    words = pd.Series([shown_word(row, facts) for row in every])
    rows = rows.assign(chip=chips(words), why=pd.Series([reason_of(row) for row in every]))
    columns = {
        "name": text_column("User or group"),
        "chip": chips_column("Status", help="As of the latest event in the log"),
        "why": text_column("Reason", width=260),
        "app_name": text_column("App"),
        **time_columns(last_success_at="Last success", retry_at="Next retry", last_event_at="Last event"),
        "failures": number_column("Failures", help="Failed attempts since the log begins, not only in this time range"),
    }
    if bar().job is not None:
        del columns["app_name"]
    table(
        rows,
        columns,
        Key.PEOPLE,
        at_most=600,
        opens="name",
        on_open=open_person,
        of="people",
        derived={"state": (("state", "skip_reason", "job_id"), partial(state_label, blind_jobs()))},
    )


def blind_jobs() -> set[object]:
    """Returns the jobs of whose users it is not known how they are now."""
    facts = current_facts()
    return {job.job_id for job in facts.jobs if blind_spot(job.job_id, facts) is not None}


def state_label(blind: Collection[object], state: str, skip_reason: str | None, job_id: str) -> str:
    """Returns a status as the table labels it, for exports; `blind` are the jobs of whose users it is not known."""
    word = word_of({"state": state, "skip_reason": skip_reason})
    return look(WAS.get(word, word) if job_id in blind else word).label


def draw_tab() -> None:
    """Draws the search, and the list with the side panel of whom the address names, or the full history of that one."""
    search = draw_search()
    if has_word(Word.OBJECT) and read_word(Word.VIEW) == HISTORY:
        draw_story(read_word(Word.OBJECT))
        # The filters are not drawn here and forget what they hold: the list takes it from the address again.
        PEOPLE_WORDS.memory.set(None)
        return
    all_people(search)
    person_panel(has_history=True)
