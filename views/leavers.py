"""Leavers: who left and still has access or may have, how long removals take, and known gaps in deprovisioning."""

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant
from pipeline.rules.verdict import Facts
from pipeline.rules.verdict_facts import with_in_use
from views.frame.data import as_of, ask, ask_ahead, records
from views.frame.filters import bar
from views.frame.look import plain, plain_name
from views.frame.numbers import number_grid
from views.frame.panel import panel
from views.frame.places import page_link
from views.frame.state import Word, has_word
from views.frame.verdict import current_facts, draw_judged
from views.parts.leavers.access import (
    IN_USE,
    access_facts,
    access_rows,
    access_table,
    draw_unknown,
    in_use_by_job,
    note_questions,
    unknown_apps,
    unknown_jobs,
    why,
)
from views.parts.leavers.gaps import TRAPS, checks, draw_gaps, gap_facts
from views.parts.leavers.times import cases_panel, deprovision_times
from views.parts.overview.fleet import app_words
from views.parts.shared.coverage import has_logs, none_in_window, unknown_hours
from views.parts.shared.object_panel import object_panel


def sentence(left: pd.DataFrame, staged: pd.DataFrame, lengths: pd.DataFrame, loaded: bool = True) -> str:
    """Writes whether all leavers were removed, and who was not and since when; nothing without logs."""
    waiting = f" {count(len(staged), 'deletion is', 'deletions are')} held." if len(staged) else ""
    if left.empty:
        if not loaded:
            return ""
        # Who was to go from two apps is counted twice.
        done = 0 if lengths.empty else int(lengths["done"].sum())
        return f"No pending removals in the log; {count(done, 'removal')} done in this time range.{waiting}"
    first = records(left)[0]
    name, app = plain(str(first["name"])), plain_name(first["app_name"])
    who = f"the first since {instant(first['started_at'])}: {name} in {app}"
    many = count(len(left), "leaver still has access", "leavers still have access")
    return f"{many}, {who} ({plain(why(first))}).{waiting}"


def metrics(with_access: int, facts: Facts, lengths: pd.DataFrame, gaps: int, loaded: bool) -> None:
    """Draws four numbers; none with access is a claim, which is unknown where an app is, as it is on Home."""
    blind = unknown_apps(facts)
    known = bool(facts.jobs) and not blind
    with number_grid():
        st.metric(
            "Leavers still with access",
            f"{with_access:,}" if known else f"At least {with_access:,}" if with_access else "Unknown",
            border=True,
            height="stretch",
            help="Users who should be disabled or deleted in an app and are not, staged deletes included.",
        )
        st.metric(
            "Unchecked apps",
            f"{len(blind)} of {len(facts.jobs)}" if facts.jobs else "Unknown",
            border=True,
            height="stretch",
        )
        st.metric(
            "Removals in this time range",
            f"{int(lengths['done'].sum()):,}" if len(lengths) else "0" if loaded else "Unknown",
            border=True,
            height="stretch",
        )
        st.metric("Known gaps found", f"{gaps:,}" if gaps or known else "Unknown", border=True, height="stretch")


def page_links_of(facts: Facts) -> None:
    """Draws the ways to what is missing: the app that cannot be checked, and the logs."""
    blind = unknown_apps(facts)
    if not blind:
        return
    with st.container(horizontal=True):
        if len(blind) == 1:
            words = app_words(next(iter(unknown_jobs(facts))))
            page_link("apps", f"Open {plain_name(blind[0])}", ":material/apps:", words, width="content")
        page_link("sources", "Data sources", ":material/database:", bar().words, width="content")


def page() -> None:
    """Draws the page."""
    now = as_of()
    ask_ahead("leavers_active", "leavers_held", "deprovision_times", *IN_USE, as_of=now)
    left, staged, lengths = (ask(name, as_of=now) for name in ("leavers_active", "leavers_held", "deprovision_times"))
    rows = access_rows(left, now)
    facts = current_facts(min(now, bar().until))
    loaded = bool(facts.jobs) and has_logs()
    summary = sentence(left, staged, lengths, loaded)
    if caught := len(rows) - len(left):
        summary += f" {count(caught, 'more account', 'more accounts')} may be in use without an error."
    draw_judged("leavers", summary, with_in_use(facts, in_use_by_job(now)), doubt=bool(unknown_hours()))
    page_links_of(facts)
    ask_ahead("completeness_of_window", "deprovision_curve", "wire_size", *TRAPS, as_of=now)
    made = checks(now, staged)
    metrics(len(rows) + len(staged), facts, lengths, sum(1 for one in made if one.found), loaded)
    draw_unknown(facts)
    note_questions(now)
    access_table(rows, facts)
    panel(
        "deprovision_times",
        lambda rows: deprovision_times(rows, unknown_jobs(facts)),
        empty=none_in_window("No disable or delete in this time range."),
        also={"deprovision_curve": {"as_of": now}},
        as_of=now,
    )
    draw_gaps(made, facts, now)
    page_link("reports", "Evidence pack for auditors", ":material/folder_zip:", bar().words)
    if has_word(Word.OBJECT):
        object_panel(access_facts(rows), *gap_facts(now, staged))
    else:
        cases_panel(lengths)


if __name__ == "__main__":
    page()
