"""How fresh the data is, and whether collecting is in trouble: the header's fragment, on every page.

A page is drawn again when something new was collected, not when a beat or a contact only said that it ran.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from pipeline.config.clock import naive, now
from pipeline.config.errors import StoreError
from pipeline.config.settings import read_settings
from pipeline.monitoring.troubles import STOPPED, Trouble, explained, troubles
from pipeline.scheduler.jobs import latest_news
from views.frame.data import ask, bar, store
from views.frame.look import count, dated, plain, span

SHOWN = 3
"Sentences that the header shows; the Ingestion page has them all."


def moved(drawn: int) -> bool:
    """Whether something was collected since a page was drawn."""
    return store().revision() != drawn and latest_news(store()) > drawn


def troubled() -> list[Trouble]:
    """Gives what is the matter with collecting now."""
    return troubles(store(), datetime.now(UTC))


@st.fragment(run_every=5)
def header(drawn: int, again: Callable[[], None]) -> None:
    """Says how far the data reaches and what is the matter; does what the page wants when there is newer data.

    Where the store cannot be read any more, what the page shows stays, and this says why nothing newer comes.
    """
    try:
        if moved(drawn):
            again()
        found, said = troubled(), reach(drawn)
    except StoreError as error:
        fail(error)
        return
    # A place of its own, so that what is below does not move to another one and is drawn twice for a moment.
    with st.container():
        warn(found)
    st.caption(f":material/database: {said}")


def fail(error: StoreError) -> None:
    """Says why the store cannot be read; a full disk is often behind it."""
    st.error(plain(explained(read_settings(), error)), icon=":material/error:")


def warn(found: list[Trouble], most: int = SHOWN) -> None:
    """Draws sentences, the gravest first."""
    for trouble in found[:most]:
        if trouble.kind in STOPPED:
            st.error(written(trouble), icon=":material/heart_broken:")
        else:
            st.warning(written(trouble), icon=":material/report:")
    if len(found) > most:
        st.page_link("ingestion.py", label=f"{len(found) - most} more, on Ingestion", icon=":material/report:")


def written(trouble: Trouble) -> str:
    """Gives a sentence in which a command looks like one and nothing else is interpreted."""
    parts = trouble.sentence.split("`")
    return "".join(f"`{part}`" if number % 2 else plain(part) for number, part in enumerate(parts))


def reach(drawn: int) -> str:
    """Says how far the data reaches, and how old the newest of it is."""
    reached = ask("extent").iloc[0]
    if pd.isna(reached["last_at"]):
        return "The store is empty."
    age = (naive(now(read_settings())) - reached["last_at"]).total_seconds()
    old = f", {span(age)} old" if age >= 0 else ""
    counted = f"{count(reached['events'], 'event')}, {count(reached['exchanges'], 'SCIM request')}"
    return (
        f"Data to **{dated(reached['last_at'])}**{old}: {counted}, revision {drawn}. "
        f"Showing {dated(bar().since)} until {dated(bar().until)}."
    )
