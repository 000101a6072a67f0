"""Cycles: how far the running ones have come, when each job ran and when it did not, and what one cycle did."""

from datetime import date, datetime, time, timedelta

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, dated
from views.charts.cycles import day_lanes
from views.frame import state
from views.frame.chart import chart_mark
from views.frame.data import as_of, ask, ask_ahead, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import chips, plain
from views.frame.panel import panel, show_sql
from views.frame.state import Key, Word, has_word, read_word, write_word, write_words
from views.frame.table import chips_column, number_bar, number_column, table, text_column, time_columns
from views.frame.verdict import current_facts, draw_judged, draw_verdict
from views.parts.cycles.compare import draw_comparison
from views.parts.cycles.cycle import draw_cycle
from views.parts.cycles.progress import (
    RUNNING,
    draw_running,
    job_progress,
    progress_sentence,
    refreshed,
    running_jobs,
    show_progress_sql,
)
from views.parts.shared.coverage import none_in_window

DAY = timedelta(days=1)


def draw_progress(jobs: pd.DataFrame) -> None:
    """Draws what moves: the sentence that answers, and a bar for each running cycle."""
    facts = current_facts()
    if jobs.empty:
        draw_verdict("cycles", facts)
        st.caption("No job status was read; the log alone shows neither the beginning nor the end of a cycle.")
        return
    draw_judged("cycles", progress_sentence(jobs), facts)
    running = running_jobs(jobs)
    st.subheader("How far have the cycles under way come?", anchor="progress")
    if running and facts.is_old:
        st.caption(f"As of {dated(facts.at)}, where the data ends. Whether these cycles still run is unknown.")
    if not running:
        blind = int((jobs["rhythm"] == "unknown").sum())
        nothing(f"No running cycle is known; unknown for {count(blind, 'app')}." if blind else "No cycle is running.")
    for job in running:
        draw_running(job)
    show_progress_sql(running)


def chosen_day() -> datetime:
    """Lets a person choose the day of the lanes; usually it is the window's last."""
    usual = (bar().until - timedelta(microseconds=1)).date()
    given = day_of(read_word(Word.DAY)) or usual
    day = st.date_input("Day (UTC)", given, key=Key.DAY.of(usual), format="YYYY-MM-DD", width=160)
    chosen = day if isinstance(day, date) else usual
    write_word(Word.DAY, None if chosen == usual else chosen.isoformat())
    return datetime.combine(chosen, time())


def day_of(word: str) -> date | None:
    """Reads a day of the address; None where it is not one."""
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def draw_day() -> None:
    """Draws the day of every job."""
    since = chosen_day()
    given = {"since": since, "until": since + DAY}
    judged = given | {"as_of": as_of(), "grace": read_settings().grace}
    ask_ahead("day_lanes", **judged)
    cycles = ask("day_cycles", **given)
    stretches = ask("day_lanes", **judged)
    st.subheader("When did each job run on this day, when was a run due, and where did none come?", anchor="day-lanes")
    if cycles.empty and stretches.empty:
        nothing("No event and no job status of this day was read.")
    else:
        chart_mark(
            Key.DAY_LANES.of(f"{since:%Y%m%d}"),
            day_lanes,
            stretches,
            mark_running(cycles),
            since,
            as_of(),
            on_select=lambda mark: open_cycle(str(mark[1])) if mark else None,
        )
        st.caption(
            "A frame is a hole: a run was due and none came. Hatched: no status and no event, so nobody knows. "
            "Short cycles are drawn wide enough to be seen. Select a cycle to open it."
        )
    show_sql(day_lanes=judged, day_cycles=given)


def mark_running(cycles: pd.DataFrame) -> pd.DataFrame:
    """Marks the cycles that still run: their outcome is not known yet. A failed one is named a failed run."""
    jobs = job_progress()
    still = set(jobs[jobs["rhythm"].isin(RUNNING)]["cycle_id"].dropna())
    return cycles.assign(
        outcome=cycles["outcome"].where(~cycles["cycle_id"].isin(still), "running").replace("failed", "run failed")
    )


def open_cycle(cycle_id: str | None) -> None:
    """Puts a cycle into the address, or takes it out."""
    write_words({Word.WITH: None, Word.CYCLE: cycle_id})


def cycles_table(rows: pd.DataFrame) -> None:
    """Draws the cycles of the window, newest first; a selected one is opened below."""
    rows = mark_running(rows)
    rows = rows.assign(
        ended=chips(rows["outcome"].fillna("unknown")),
        minutes=rows["duration_ms"] / 60_000,
        kind=rows["kind"].fillna("unknown"),
    )
    columns = {
        "app_name": text_column("App", pinned=True),
        **time_columns("began_at"),
        "kind": text_column("Kind"),
        "ended": chips_column("Outcome", help="What the log shows"),
        "reported_outcome": text_column("Graph reports"),
        "objects": number_bar("Objects", rows["objects"].max()),
        "failed": number_bar("Failed", rows["failed"].max()),
        "succeeded": number_column("Succeeded"),
        "skipped": number_column("Skipped"),
        "minutes": number_bar("Minutes", rows["minutes"].max(), 1),
    }
    # A new cycle moves every row down: then it is another table, or the selection would slide to a neighbour.
    table(
        rows,
        columns,
        Key.CYCLES.of(rows["cycle_id"].iloc[0], len(rows)),
        on_select=lambda row: open_cycle(None if row is None else str(row["cycle_id"])),
        selected=list(rows.reset_index().index[rows["cycle_id"] == read_word(Word.CYCLE)]),
        at_most=420,
    )
    st.caption("Select a cycle to open it below.")


def draw_opened(cycle_id: str) -> None:
    """Draws the cycle that the address names, and how another one compares; or says that there is none."""
    rows = ask("cycles_beside", cycle=cycle_id)
    if rows.empty:
        st.warning(f"There is no cycle with the id {plain(cycle_id)}; retention may have dropped it.")
        return
    cycle, *others = records(mark_running(rows))
    draw_cycle(cycle)
    if cycle["events"]:
        draw_comparison(cycle, others)


def draw_tab() -> None:
    """Draws the tab."""
    least = 0 if state.value(Key.WITHOUT_CHANGES) else 1
    ask_ahead("progress", as_of=as_of(), grace=read_settings().grace)
    ask_ahead("cycles_lately", least=least)
    refreshed(draw_progress)
    draw_day()
    st.toggle("Also cycles that found nothing to change", key=Key.WITHOUT_CHANGES)
    panel("cycles_lately", cycles_table, empty=none_in_window("No cycle of this time range was read."), least=least)
    if has_word(Word.CYCLE):
        draw_opened(read_word(Word.CYCLE))
