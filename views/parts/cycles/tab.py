"""Cycles: the running ones, the history and time line of all, and one cycle in the side panel."""

from datetime import date, datetime, time, timedelta

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import dated, is_missing, span
from views.charts.cycles import day_lanes
from views.frame import state
from views.frame.chart import chart_mark
from views.frame.data import Row, as_of, ask, ask_ahead, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import chips, plain, plain_name
from views.frame.panel import panel, show_sql
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, read_word, write_words
from views.frame.switches import follows
from views.frame.table import chips_column, number_bar, number_column, table, text_column, time_columns
from views.frame.verdict import current_facts, draw_verdict
from views.parts.cycles.compare import draw_comparison
from views.parts.cycles.cycle import REPORTED, draw_cycle, title
from views.parts.cycles.progress import (
    RUNNING,
    draw_card,
    draw_details,
    idle_sentence,
    job_progress,
    progress_sentence,
    progress_values,
    refreshed,
    running_jobs,
    show_progress_sql,
)
from views.parts.overview.past import MANY, folded
from views.parts.overview.summary import draw_text
from views.parts.shared.coverage import none_in_window

DAY = timedelta(days=1)


def draw_progress(jobs: pd.DataFrame) -> None:
    """Draws what moves: the sentence that answers, and a card for each running cycle."""
    facts = current_facts()
    if jobs.empty:
        draw_verdict("cycles", facts)
        st.caption("No job status is loaded; provisioning logs alone show neither the start nor the end of a cycle.")
        return
    draw_text("cycles", progress_sentence(jobs), facts)
    running = running_jobs(jobs)
    st.subheader("Running now", anchor="progress")
    if running and facts.is_old:
        st.caption(f"As of {dated(facts.at)}, where the data ends. Whether these cycles still run is unknown.")
    if not running:
        nothing(idle_sentence(jobs))
    pending = pending_retries() if running else {}
    for job in running:
        draw_card(job, pending.get(str(job["job_id"])))
        with st.expander(f"Pace and pages of {plain_name(job['app_name'])}"):
            draw_details(job)
    show_progress_sql(running)


def pending_retries() -> dict[str, int]:
    """Returns how many users and groups of each job are pending a retry."""
    fleet = ask("fleet", until=as_of() + timedelta(seconds=1), grace=read_settings().grace)
    return {str(row["job_id"]): int(row["open_escrows"]) for row in records(fleet)}


def chosen_day() -> datetime:
    """Lets a person choose the day of the time line; usually it is the last one of the time range with a cycle."""
    newest = ask("cycles_lately", limit=1)
    usual = (bar().until - timedelta(microseconds=1)).date() if newest.empty else newest["began_at"].iloc[0].date()
    given = day_of(read_word(Word.DAY)) or usual
    own = follows(Word.DAY, Key.DAY, given, lambda day: None if day in (None, usual) else day.isoformat())
    day = st.date_input("Day (UTC)", format="YYYY-MM-DD", width=160, **own)
    return datetime.combine(day if isinstance(day, date) else usual, time())


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
    if cycles.empty and stretches.empty:
        nothing("No events and no job status for this day.")
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
            "Outlined: no cycle ran (missed, paused or in quarantine). Hatched: no data. Short cycles are drawn wide "
            "enough to be seen. Select a cycle to open it."
        )
    show_sql(day_lanes=judged, day_cycles=given)


def mark_running(cycles: pd.DataFrame) -> pd.DataFrame:
    """Marks the cycles that still run, and those that may: their outcome is not known yet.

    A job's newest cycle may still run where its status reports no end of it and says nothing of the present. A failed
    one is named a failed run.
    """
    jobs = job_progress()
    still = set(jobs[jobs["rhythm"].isin(RUNNING)]["cycle_id"].dropna())
    unclear = jobs[(jobs["rhythm"] == "unknown") & jobs["observed_at"].notna()]["job_id"]
    newest = cycles.groupby("job_id")["began_at"].transform("max") == cycles["began_at"]
    may = newest & cycles["job_id"].isin(unclear) & cycles["reported_outcome"].isna()
    outcome = cycles["outcome"].mask(may).where(~cycles["cycle_id"].isin(still), "running")
    return cycles.assign(outcome=outcome.replace("failed", "run failed"))


KINDS = {"steady": "Incremental", "restarted": "Initial (restarted)"}
"Kinds of cycles in words; others are words already."


def kind_labels(rows: pd.DataFrame) -> pd.Series:
    """Returns each cycle's kind in words."""
    return rows["kind"].fillna("unknown").map(lambda kind: KINDS.get(kind, str(kind).capitalize()))


def cycle_length(row: Row) -> str | None:
    """Writes how long a cycle took; nothing of one whose end is not known."""
    if row["outcome"] == "running" or is_missing(row["outcome"]) or is_missing(row["duration_ms"]):
        return None
    return "Under 1 s" if row["duration_ms"] < 1000 else span(row["duration_ms"] / 1000)


def open_cycle(cycle_id: str | None) -> None:
    """Puts a cycle into the address, or takes it out."""
    write_words({Word.WITH: None, Word.CYCLE: cycle_id})


def cycles_table(rows: pd.DataFrame) -> None:
    """Draws the cycles of the time range, newest first; a row opens the side panel."""
    rows = mark_running(rows)
    rows = rows.assign(
        ended=chips(rows["outcome"].fillna("unknown")),
        length=pd.Series([cycle_length(row) for row in records(rows)], rows.index, dtype=object),
        kind=kind_labels(rows),
        reported=rows["reported_outcome"].map(lambda word: REPORTED.get(word, word)),
    )
    columns = {
        "app_name": text_column("App"),
        **time_columns(began_at="Started"),
        "kind": text_column("Kind"),
        "ended": chips_column("Outcome", help="What the log shows"),
        "reported": text_column("Reported by Entra", help="The outcome in the job status; empty without one"),
        "objects": number_bar("Users and groups", rows["objects"].max()),
        "failed": number_column("Failed"),
        "skipped": number_column("Skipped"),
        "length": text_column("Duration"),
    }
    opens = "app_name"
    if bar().job is not None:
        del columns["app_name"]
        opens = "kind"
        columns = {opens: columns[opens], **columns}
    table(
        rows,
        columns,
        # A new cycle moves every row down: then it is another table.
        Key.CYCLES.of(rows["cycle_id"].iloc[0], len(rows)),
        at_most=360,
        opens=opens,
        on_open=lambda row: open_cycle(str(row["cycle_id"])),
    )


def cycle_rows(cycle_id: str) -> list[Row]:
    """Returns the cycle of an id and those to compare it with; none where there is no such cycle."""
    rows = ask("cycles_beside", cycle=cycle_id)
    return [] if rows.empty else records(mark_running(rows))


def draw_opened(cycle_id: str) -> None:
    """Draws a cycle, and how another one compares; or says that there is none."""
    rows = cycle_rows(cycle_id)
    if not rows:
        st.warning(
            f"There is no cycle with the id {plain(cycle_id)} in this store. Retention may have removed it, or the "
            "link is from another store.",
            icon=":material/search_off:",
        )
        return
    cycle, *others = rows
    draw_cycle(cycle)
    if cycle["events"]:
        draw_comparison(cycle, others)


def cycle_panel() -> None:
    """Opens the side panel of the cycle that the address names."""
    cycle_id = read_word(Word.CYCLE)
    rows = cycle_rows(cycle_id) if cycle_id else []
    side_panel(Word.CYCLE, title(rows[0]) if rows else "Cycle", draw_opened, Word.WITH, wide=True)


def draw_tab() -> None:
    """Draws the tab."""
    least = 0 if state.value(Key.WITHOUT_CHANGES) else 1
    ask_ahead("progress", **progress_values())
    ask_ahead("cycles_lately", least=least)
    refreshed(draw_progress)
    panel("cycles_lately", cycles_table, empty=none_in_window("No cycles in this time range."), least=least)
    st.toggle("Show cycles without events", key=Key.WITHOUT_CHANGES)
    if len(ask("jobs")) > MANY and bar().job is None:
        folded("Cycle timeline", draw_day)
    else:
        st.subheader("Cycle timeline", anchor="day-lanes")
        draw_day()
    cycle_panel()
