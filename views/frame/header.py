"""The header of every page: title, status, data coverage, time range, Share, Export and SQL, and what is wrong.

A page is drawn again when something new was collected, not when a background job or a contact only recorded that it
ran.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pipeline.config.clock import naive, now
from pipeline.config.errors import StoreError
from pipeline.config.settings import read_settings
from pipeline.config.wording import ago, count, dated, share
from pipeline.monitoring.troubles import STOPPED, Trouble, explained, troubles
from pipeline.rules.verdict import verdict
from pipeline.scheduler.jobs import latest_news
from views.frame import state
from views.frame.data import ask, records, store
from views.frame.export import draw_page_menu
from views.frame.filters import draw_bar, draw_unknown_words, share_link
from views.frame.look import plain, plain_name, with_code
from views.frame.page_sql import noted_columns, noted_questions, noted_tables, sql_dialog
from views.frame.places import page_link
from views.frame.state import REFRESHING, Key
from views.frame.verdict import chip, current_facts, old_data_note

JUDGED = ("Home", "Apps", "People", "Leavers", "Issues")
"Pages about the state of apps, which stands as a chip beside their title."
UNFILTERED = {
    "Alert rules": (Key.JOB, Key.TENANT),
    "Notifications": (Key.JOB, Key.TENANT),
    "Access": (Key.JOB, Key.TENANT, Key.TIME_RANGE, Key.COVERAGE_CHIP),
}
"Controls that change nothing on a page, which are not shown there; what was chosen stays for the others."
SHOWN = 2
"Sentences that the header shows; Data sources has them all."


@dataclass(frozen=True)
class Header:
    """What of the header is drawn after its page."""

    share: DeltaGenerator
    questions: DeltaGenerator

    def draw_share(self) -> None:
        """Draws the address that shows what this page shows."""
        with self.share:
            share_link()

    def draw_questions(self) -> None:
        """Draws what opens the SQL of the page's questions."""
        questions = noted_questions()
        with self.questions:
            if not questions:
                return
            draw_page_menu(questions, noted_columns(), noted_tables())
            if st.button("View SQL", icon=":material/code:", type="tertiary", key=Key.VIEW_SQL):
                sql_dialog(questions)


def draw_header(
    title: str,
    first: datetime | None,
    last: datetime | None,
    jobs: pd.DataFrame,
    revision: int,
    on_news: Callable[[], None],
) -> Header:
    """Draws the header in one line, and below it what is wrong. `on_news` is called when newer data was collected."""
    crumbs = st.container()
    with st.container(horizontal=True, vertical_alignment="center", key=Key.HEADER):
        left = st.container(horizontal=True, vertical_alignment="center", width="content")
        st.space("stretch")
        coverage = st.container(width="content")
        chosen = draw_bar(first, last, jobs)
        slots = Header(st.container(width="content"), st.container(horizontal=True, width="content"))
    app = title == "Apps" and chosen.job_name is not None
    with crumbs:
        hide_controls(title, last is not None, not jobs.empty)
        if app:
            st.button("Apps", key=Key.ALL_APPS, icon=":material/arrow_back:", type="tertiary", on_click=choose_all)
    with left:
        st.title(plain(str(chosen.job_name)) if app else title, anchor=False, width="content")
        facts = current_facts()
        if title in JUDGED and facts.ends_at is not None:
            st.markdown(chip(verdict(facts)), width="content")
    with coverage:
        coverage_chip(last, revision)
    draw_unknown_words()
    watch(revision, on_news)
    return slots


def hide_controls(title: str, has_data: bool, has_apps: bool) -> None:
    """Hides the filters that leave a page as it is: all of them without data, that of apps without an app."""
    unused = {*UNFILTERED.get(title, ()), *(() if has_apps else (Key.JOB,)), *(() if has_data else (Key.TIME_RANGE,))}
    if unused:
        # What is in a container of its own leaves no gap behind.
        places = ",".join(f".st-key-{key},.st-key-header>:has(.st-key-{key})" for key in sorted(unused))
        st.html(f"<style>{places}{{display:none!important}}</style>")


def choose_all() -> None:
    """Chooses all apps."""
    state.set_value(Key.JOB, None)


def coverage_chip(last: datetime | None, revision: int) -> None:
    """Draws how much of the time range is covered by provisioning logs, with what is missing and how fresh it is."""
    rows = records(ask("completeness_of_window"))
    if last is None or not rows:
        return
    whole, *jobs = rows
    label = f"Data {share(whole['complete'] / whole['hours'])} complete" if whole["hours"] else "No data"
    with st.popover(label, icon=":material/database:", type="tertiary", key=Key.COVERAGE_CHIP):
        extent = ask("extent").iloc[0]
        age = (naive(now(read_settings())) - last).total_seconds()
        old = f" ({ago(age)})" if age >= 0 else ""
        st.markdown(f"**Newest record:** {dated(last)}{old}")
        missing = whole["hours"] - whole["complete"]
        if missing:
            st.markdown(
                f"{count(missing, 'hour')} of {whole['hours']:,} in this time range are not covered by provisioning "
                "logs, or only partly. Counts may be low."
            )
            for job in sorted(jobs, key=lambda one: one["complete"])[:5]:
                if job["complete"] < job["hours"]:
                    st.markdown(f"- {plain_name(job['app_name'])}: {job['hours'] - job['complete']:,} h")
        page_link("sources", "Data sources", ":material/database:")
        st.caption(
            f"{count(extent['events'], 'event')} · {count(extent['exchanges'], 'SCIM request')} · revision {revision}"
        )


def has_news(drawn: int) -> bool:
    """Whether something was collected since a page was drawn."""
    return store().revision() != drawn and latest_news(store()) > drawn


def current_troubles() -> list[Trouble]:
    """Returns what is the matter with collecting now."""
    return troubles(store(), datetime.now(UTC))


@st.fragment(run_every=5)
def watch(drawn: int, on_news: Callable[[], None]) -> None:
    """Draws what is wrong with collecting, and does what the page wants when there is newer data.

    Where the store cannot be read any more, what the page shows stays, and this says why nothing newer comes.
    """
    try:
        if has_news(drawn):
            on_news()
        present, facts = current_troubles(), current_facts()
    except StoreError as error:
        store_error(error)
        return
    # A place of its own, so that what is below does not move to another one and is drawn twice for a moment.
    with st.container(key=Key.MOVING.of("header")):
        draw_troubles(present)
        if note := old_data_note(facts):
            st.markdown(f":orange-background[:material/history: {note}]")


def show_news() -> None:
    """Draws the page again with newer data; what it shows is not greyed meanwhile."""
    REFRESHING.set(True)
    st.rerun()


def offer_news() -> None:
    """Offers newer data instead of showing it, on a page that keeps what moves up to date by itself."""
    with st.container(key=Key.MOVING.of("news")):
        if st.button("New data available · Refresh", icon=":material/refresh:"):
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
        page_link("sources", f"{len(present) - most} more, on Data sources", ":material/report:")


def trouble_text(trouble: Trouble) -> str:
    """Writes a trouble so that a command in it looks like one and nothing else is interpreted."""
    return with_code(trouble.sentence)
