"""How fresh the data is, and whether collecting is in trouble: the header's fragment, on every page.

A page is drawn again when something new was collected, not when a background job or a contact only recorded that it
ran.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from pipeline.config.clock import naive, now
from pipeline.config.errors import StoreError
from pipeline.config.settings import read_settings
from pipeline.config.wording import count, dated, span
from pipeline.monitoring.troubles import STOPPED, Trouble, explained, troubles
from pipeline.rules.verdict import verdict
from pipeline.scheduler.jobs import latest_news
from views.frame.data import ask, store
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.verdict import chip, current_facts, old_data_note

SHOWN = 3
"Sentences that the header shows; the Ingestion page has them all."


def has_news(drawn: int) -> bool:
    """Whether something was collected since a page was drawn."""
    return store().revision() != drawn and latest_news(store()) > drawn


def current_troubles() -> list[Trouble]:
    """Returns what is the matter with collecting now."""
    return troubles(store(), datetime.now(UTC))


@st.fragment(run_every=5)
def header(drawn: int, on_news: Callable[[], None]) -> None:
    """Draws how far the data reaches and what is the matter; does what the page wants when there is newer data.

    Where the store cannot be read any more, what the page shows stays, and this says why nothing newer comes.
    """
    try:
        if has_news(drawn):
            on_news()
        present, sentence, facts = current_troubles(), freshness(drawn), current_facts()
    except StoreError as error:
        store_error(error)
        return
    # A place of its own, so that what is below does not move to another one and is drawn twice for a moment.
    with st.container():
        draw_troubles(present)
    if note := old_data_note(facts):
        st.info(note, icon=":material/history:")
    status = "" if facts.ends_at is None else f"{chip(verdict(facts))} "
    st.caption(f"{status}:material/database: {sentence}")


def offer_news() -> None:
    """Offers newer data instead of showing it, on a page that keeps what moves up to date by itself."""
    if st.button("Newer data came: show all of it", icon=":material/refresh:", type="tertiary"):
        st.rerun()


def store_error(error: StoreError) -> None:
    """Draws why the store cannot be read; a full disk is often behind it."""
    st.error(plain(explained(read_settings(), error)), icon=":material/error:")


def draw_troubles(present: list[Trouble], most: int = SHOWN) -> None:
    """Draws troubles as sentences, the gravest first."""
    for trouble in present[:most]:
        if trouble.kind in STOPPED:
            st.error(trouble_text(trouble), icon=":material/heart_broken:")
        else:
            st.warning(trouble_text(trouble), icon=":material/report:")
    if len(present) > most:
        st.page_link("ingestion.py", label=f"{len(present) - most} more, on Ingestion", icon=":material/report:")


def trouble_text(trouble: Trouble) -> str:
    """Writes a trouble so that a command in it looks like one and nothing else is interpreted."""
    parts = trouble.sentence.split("`")
    return "".join(f"`{part}`" if number % 2 else plain(part) for number, part in enumerate(parts))


def freshness(drawn: int) -> str:
    """Writes how far the data reaches, and how old the newest of it is."""
    extent = ask("extent").iloc[0]
    if pd.isna(extent["last_at"]):
        return "The store is empty."
    age = (naive(now(read_settings())) - extent["last_at"]).total_seconds()
    old = f", {span(age)} old" if age >= 0 else ""
    counted = f"{count(extent['events'], 'event')}, {count(extent['exchanges'], 'SCIM request')}"
    return (
        f"Data to **{dated(extent['last_at'])}**{old}: {counted}, revision {drawn}. "
        f"Showing {dated(bar().since)} until {dated(bar().until)}."
    )
