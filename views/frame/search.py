"""Search, in the sidebar of every page: users, groups, apps, error codes and pages."""

from collections.abc import Iterable

import streamlit as st

from pipeline.config.wording import count
from pipeline.rules.verdict_facts import read_facts
from pipeline.store.catalog import find_query
from views.frame import state
from views.frame.data import Row, answer, records, store
from views.frame.empty import nothing
from views.frame.look import look, plain
from views.frame.places import APP_TABS, ISSUE_TABS, page_link
from views.frame.state import SEARCHED, Key, Word
from views.frame.verdict import status_now

LABELS = {
    "home": "Home",
    "apps": "Apps",
    "people": "People",
    "leavers": "Leavers",
    "issues": "Issues",
    "query": "Query",
    "reports": "Reports",
    "sources": "Data sources",
    "rules": "Alert rules",
    "notifications": "Notifications",
    "access": "Access",
    **{tab: f"Apps › {label}" for tab, label in APP_TABS.items() if tab != "overview"},
    **{tab: f"Issues › {label}" for tab, label in ISSUE_TABS.items() if tab != "causes"},
}
SHOWN = 8


def draw_search(jobs: Iterable[str]) -> None:
    """Draws the search, and its results once something was entered."""
    with st.sidebar:
        st.text_input(
            "Search",
            key=Key.SEARCH_ALL,
            placeholder="User, group, app or error",
            help="Press / to search. Names, ids, error codes and pages; case and accents do not matter.",
            icon=":material/search:",
            label_visibility="collapsed",
            on_change=lambda: SEARCHED.set((state.value(Key.SEARCH_ALL) or "").strip()),
        )
    if searched := SEARCHED.take():
        results(searched, list(jobs))


@st.dialog("Search results", width="medium", icon=":material/search:")
def results(searched: str, jobs: list[str]) -> None:
    """Draws what matches, each as a link."""
    folded = searched.casefold()
    found = records(answer(find_query("search"), {"search": searched, "limit": SHOWN}))
    objects = [row for row in found if row["kind"] == "object"]
    errors = [row for row in found if row["kind"] == "error"]
    apps = [name for name in jobs if folded in name.casefold()][:SHOWN]
    places = [place for place, label in LABELS.items() if folded in label.casefold()]
    st.caption(f"For “{plain(searched)}”")
    if not (found or apps or places):
        nothing("No user, group, app, error code or page matches.")
    if objects:
        st.markdown("**Users and groups**")
        for row in objects:
            words: dict[str, str] = {Word.SEARCH: searched, Word.OBJECT: str(row["id"])}
            with st.container(gap=None):
                page_link("people", plain(str(row["name"])), object_icon(row), words)
                st.caption(object_states(row))
        page_link("people", "All matches in People", ":material/arrow_forward:", {Word.SEARCH: searched})
    if apps:
        st.markdown("**Apps**")
        for name in apps:
            page_link("apps", plain(name), ":material/apps:", {Word.JOB: name})
    if errors:
        st.markdown("**Error codes**")
        for row in errors:
            label = f"{plain(row['name'])} · {count(row['amount'], 'failure')} in {plain(', '.join(row['apps']))}"
            page_link("issues", label, ":material/error:", {Word.CODE: row["id"]})
    if places:
        st.markdown("**Pages**")
        for place in places:
            page_link(place, LABELS[place], ":material/description:")


def object_states(row: Row) -> str:
    """Writes what a user or group is in each app."""
    facts = read_facts(store())
    words = [status_now(job, str(state), facts) for job, state in zip(row["jobs"], row["states"], strict=True)]
    return ", ".join(
        f"{plain(str(app))}: {look(word).label.lower()}" for app, word in zip(row["apps"], words, strict=True)
    )


def object_icon(row: Row) -> str:
    """Returns the icon of a user or a group."""
    return ":material/group:" if row["source_type"] == "Group" else ":material/person:"
