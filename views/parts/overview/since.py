"""New and resolved problems since the viewer's last visit, one per root cause; each opens its incident."""

from datetime import datetime, timedelta

import streamlit as st

from pipeline.config.wording import address, is_missing
from pipeline.rules.verdict import Facts
from views.frame.data import Row, as_of, ask, records
from views.frame.look import look, plain_name
from views.frame.panel import show_sql
from views.frame.places import switch_page
from views.frame.state import Key, Word
from views.frame.viewer import last_check
from views.parts.alerts.incident import open_incident
from views.parts.alerts.incidents import problem_of
from views.parts.overview.fleet import day
from views.parts.overview.numbers import compared, compared_visit

NAMED = 2
"New and resolved problems that the line names; Incident history has them all."
TICK = timedelta(microseconds=1)


def draw_new_and_resolved(facts: Facts) -> None:
    """Draws new and resolved problems in one line; one that came and went since is resolved."""
    checked = last_check()
    if checked is None:
        return
    asked = {"since": end_of_last_visit(), "until": as_of() + timedelta(seconds=1)}
    own = {job.job_id for job in facts.jobs}
    rows = [row for row in records(ask("incidents", **asked)) if is_missing(row["job_id"]) or row["job_id"] in own]
    found = [row for row in rows if row["is_new"] and not row["is_over"]]
    new = [row for row in found if row["opened_at"] >= asked["since"]]
    old = [row for row in found if row not in new]
    resolved = [row for row in rows if row["is_over"]]
    a_day = "In the last 24 h of data" if facts.is_old else "In the last 24 h"
    since = a_day if compared_visit() is None else "Since your last visit"
    if found or resolved:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            draw_problems(f"{since}, new:", new, Key.NEW_PROBLEM)
            draw_problems("Detected, but older:" if new else f"{since}, detected:", old, Key.FOUND_PROBLEM)
            draw_problems("Resolved:" if found else f"{since}, resolved:", resolved, Key.RESOLVED_PROBLEM)
    elif checked >= asked["since"]:
        st.caption(f"{since}: no new or resolved problems found by the checks that ran.")
    show_sql(incidents=asked)


def end_of_last_visit() -> datetime:
    """Returns the first instant whose checks the viewer has not seen the results of."""
    visit = compared_visit()
    if visit is None or visit.checked_at is None:
        return compared()[0]
    return visit.checked_at + TICK


def draw_problems(label: str, rows: list[Row], key: Key) -> None:
    """Draws problems, the worst first, each a button that opens its incident; nothing where there are none.

    Not links: on Home itself one would not change the address (Streamlit 1.67).
    """
    if rows:
        st.caption(label, width="content")
    for row in rows[:NAMED]:
        icon = ":material/check_circle:" if key is Key.RESOLVED_PROBLEM else look(str(row["severity"])).icon
        name = plain_name(problem_of(row))
        if key is Key.FOUND_PROBLEM:
            name += f" (since {day(row['opened_at'])})"
        st.button(name, key.of(row["incident_id"]), icon=icon, type="tertiary", on_click=open_incident, args=(row,))
    if len(rows) > NAMED and st.button(f"{len(rows) - NAMED:,} more", Key.MORE_PROBLEMS.of(key), type="tertiary"):
        until = as_of().replace(minute=0) + timedelta(hours=1)
        switch_page("history", {Word.SINCE: address(end_of_last_visit()), Word.UNTIL: address(until)})
