"""Home: what needs attention, what is running, and how every app is doing, on one screen."""

from collections.abc import Mapping

import streamlit as st

from pipeline.config.settings import read_settings
from views.frame.data import Row, as_of, ask, ask_ahead, records
from views.frame.empty import readable
from views.frame.filters import bar
from views.frame.panel import show_sql
from views.frame.places import lead_to, page_link
from views.frame.state import Key, Word, has_word
from views.frame.verdict import current_facts, draw_verdict
from views.parts.alerts.incident import incident_panel
from views.parts.cycles.progress import draw_running, job_progress
from views.parts.issues.issue import issue_panel
from views.parts.overview.attention import draw_attention
from views.parts.overview.fleet import app_words, ask_fleet_ahead, draw_fleet, fleet_values
from views.parts.overview.numbers import ask_numbers_ahead, draw_numbers
from views.parts.overview.summary import draw_summary
from views.parts.people.panel import person_panel


@st.fragment(run_every=5, parallel=True)
def running_cycles(pending: Mapping[str, int], words: Mapping[str, str]) -> None:
    """Draws the running cycles parallel to the rest of the page, so that nothing waits for them."""
    with readable(), st.container(key=Key.MOVING.of("running")):
        draw_running(job_progress(), pending, words)


def open_app(row: Row) -> None:
    """Opens an app's page."""
    lead_to("apps", app_words(row["job_id"]))


def page() -> None:
    """Draws the page."""
    ask_ahead("rule_runs_lately")
    ask_fleet_ahead()
    ask_numbers_ahead()
    fleet = ask("fleet", **fleet_values())
    if fleet.empty:
        draw_verdict()
        st.info("No app yet: only SCIM requests are loaded. Load provisioning logs to see apps here.")
        with st.container(horizontal=True):
            page_link("issues", "Open incidents", ":material/error:", width="content")
            page_link("traffic", "SCIM traffic", ":material/swap_horiz:", width="content")
            page_link("sources", "Add provisioning logs", ":material/upload_file:", width="content")
        return
    facts = current_facts()
    # Closer together than Streamlit draws, so that three apps fit on a screen.
    with st.container(gap="xxsmall"):
        draw_summary(facts)
        draw_numbers(facts)
        draw_attention(facts, fleet)
        st.subheader("Running now", anchor="running")
        running_cycles({row["job_id"]: int(row["open_escrows"]) for row in records(fleet)}, bar().link())
        st.subheader("Apps", anchor="apps", help="Status is current; success and failures cover the time range.")
        draw_fleet(fleet, Key.FLEET, open_app)
    grace = read_settings().grace
    show_sql(job_facts={"at": as_of(), "grace": grace}, progress={"as_of": as_of(), "grace": grace})
    if has_word(Word.OBJECT):
        person_panel()
    elif has_word(Word.ISSUE):
        issue_panel()
    else:
        incident_panel()


if __name__ == "__main__":
    page()
