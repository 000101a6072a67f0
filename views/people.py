"""People: find anyone, see how well each is provisioned, and open the story of one."""

from math import ceil

import pandas as pd
import streamlit as st

from pipeline.store.catalog import find_query
from views.frame.data import ask, bar, how, is_empty, records, teach, times, values_of
from views.frame.events import choose
from views.frame.look import LOOKS, chip_colours, chips, count, look
from views.parts.people import story as story_part

PAGE = 50
STATES = ("failing", "skipped", "in_sync", "disabled", "deleted")
SORTS = {"failures": "Most failures", "share": "Lowest success share", "recent": "Newest event", "name": "Name"}
WORDS = ("search", "state", "sort")


def take_words() -> None:
    """Lets an address that was opened set the filters, once."""
    given = {name: word for name, word in st.query_params.to_dict().items() if name in WORDS}
    if given == st.session_state.get("people_words"):
        return
    st.session_state.search = given.get("search", "")
    st.session_state.state = given.get("state") if given.get("state") in STATES else None
    st.session_state.sort = given.get("sort") if given.get("sort") in SORTS else "failures"


def filters() -> dict[str, str | None]:
    """Draws the filters, writes their words into the address and gives them."""
    take_words()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            "Find anyone", key="search", placeholder="UPN, name, source id or target id", icon=":material/search:"
        )
        state = st.pills("State", STATES, format_func=lambda word: LOOKS[word].label, key="state")
        sort = st.selectbox("Sort by", list(SORTS), format_func=SORTS.__getitem__, key="sort", width=200)
    words = {"search": search.strip(), "state": state or "", "sort": "" if sort == "failures" else sort}
    words = {name: word for name, word in words.items() if word}
    for name in WORDS:
        if name in words:
            st.query_params[name] = words[name]
        elif name in st.query_params:
            del st.query_params[name]
    st.session_state.people_words = words
    return {"search": words.get("search"), "state": state, "sort": sort}


def sentence(states: pd.DataFrame, search: str | None) -> str:
    """Says how many there are, and how they stand."""
    found = int(states["objects"].sum()) if not states.empty else 0
    who = f" match “{search}”" if search else ""
    if not found:
        return f"No person or group{who.replace('match', 'matches')} here."
    told = ", ".join(f"{row['objects']:,} {look(row['state']).label.lower()}" for row in records(states))
    where = f"in {bar().job_name}" if bar().job_name else "over all apps; who is in two apps counts twice"
    return f"{count(found, 'person or group', 'people and groups')}{who} ({where}): {told}."


def everybody() -> None:
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
    page = st.pagination(pages, key=f"page-{chosen}-{bar().words}") if pages > 1 else 1
    given = chosen | {"limit": PAGE, "offset": (page - 1) * PAGE}
    rows = ask("people", **given)
    with slot.container():
        if rows.empty:
            st.markdown(":gray[:material/remove: Nobody is in this state.]")
        else:
            table(rows)
    query = find_query("people")
    how([(query, values_of(query, given))])


def table(rows: pd.DataFrame) -> None:
    """Draws one row per object and app; a selected row opens its story."""
    rows = rows.assign(said=chips(rows["state"]))
    labels, colours = chip_colours()
    columns = {
        "name": st.column_config.TextColumn("Who", pinned=True),
        "app_name": st.column_config.TextColumn("App"),
        "said": st.column_config.MultiselectColumn("State", options=labels, color=colours),
        "attempts": st.column_config.NumberColumn("Attempts", format="localized", help="Successes and failures, ever"),
        "failures": st.column_config.NumberColumn("Failures", format="localized", help="Failures, ever"),
        "success_share": st.column_config.ProgressColumn("Success", format="percent", min_value=0, max_value=1),
        "daily_failures": st.column_config.BarChartColumn(
            "Failures a day", y_min=0, help="In the window, oldest day first"
        ),
        "open_error_code": st.column_config.TextColumn("Failing with"),
        **times(last_success_at="Last good", last_event_at="Last event"),
        "source_type": st.column_config.TextColumn("Type"),
    }
    opened = st.session_state.get("people_opened", 0)
    chosen = choose(rows, columns, f"people-{opened}", height=min(600, 38 + 35 * len(rows)))
    st.caption("Select a row to open the story of that person or group.")
    if chosen is not None:
        st.session_state.people_opened = opened + 1
        st.query_params["object"] = str(chosen["source_id"])
        st.rerun()


def page() -> None:
    """Draws everybody, or the one whom the address names."""
    if is_empty():
        teach()
        return
    if "object" not in st.query_params:
        everybody()
        return
    if st.button("Everybody", icon=":material/arrow_back:", type="tertiary"):
        for name in ("object", "event"):
            st.query_params.pop(name, None)
        st.rerun()
    story_part.draw(st.query_params["object"])


if __name__ == "__main__":
    page()
