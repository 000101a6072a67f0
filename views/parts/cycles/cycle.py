"""One cycle: how far its objects got, what drove its duration, what failed in it, and how another one fared."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.wording import count, instant, is_missing, span
from pipeline.rules.verdict_text import PEOPLE
from views.charts.funnel import stage_funnel, waterfall
from views.frame.chart import chart, chart_mark
from views.frame.data import Row, ask, records
from views.frame.empty import nothing
from views.frame.events import MOST, story_link
from views.frame.filters import bar, job_names
from views.frame.look import labelled, look, plain, plain_name
from views.frame.panel import panel
from views.frame.places import page_link
from views.frame.state import Key, Word
from views.frame.table import table, text_column, time_columns

COLUMNS = {
    "name": text_column("User or group"),
    "label_there": text_column("In the other cycle"),
    "label_here": text_column("In this cycle"),
    "action": text_column("Action"),
    "error_code": text_column("Error"),
    "skip_reason": text_column("Skip reason"),
    **time_columns(occurred_at="Time"),
    "reason": text_column("Message", width="large"),
}


REPORTED = {"EntryLevelErrors": "Errors", "InProgress": "Running", "NotRun": "Never ran"}
"Outcomes of a job status in words; others are words already."


def draw_cycle(cycle: Row) -> None:
    """Draws one cycle."""
    st.markdown(sentence(cycle))
    if not cycle["events"]:
        nothing("This cycle has no events: nothing had to change.")
        return
    asked = cycle_values([cycle])
    panel("cycle_funnel", lambda rows: draw_funnel(rows, asked), **asked)
    draw_duration(cycle)
    failures_link(cycle)


def title(cycle: Row) -> str:
    """Names a cycle."""
    kind = "Cycle" if is_missing(cycle["kind"]) else f"{plain(str(cycle['kind'])).capitalize()} cycle"
    return f"{kind} of {plain_name(cycle['app_name'])}, {instant(cycle['began_at'])}"


def sentence(cycle: Row) -> str:
    """Writes how a cycle went."""
    ended = "outcome unknown" if is_missing(cycle["outcome"]) else labelled(str(cycle["outcome"]))
    if not is_missing(cycle["reported_outcome"]):
        reported = REPORTED.get(cycle["reported_outcome"], str(cycle["reported_outcome"])).lower()
        ended += f" (reported by Entra: {plain(reported)})"
    work = f"{count(cycle['objects'], *PEOPLE)}, {count(cycle['events'], 'event')}, {int(cycle['failed']):,} failed"
    if cycle["outcome"] == "running":
        return f"{ended}: {work} so far, in {cycle_duration(cycle)} until {instant(cycle['ended_at'])}."
    return f"{ended}: {work}. Duration: {cycle_duration(cycle)}, ended {instant(cycle['ended_at'])}."


def cycle_duration(cycle: Row) -> str:
    """Returns how long a cycle took: to the second where it took less than an hour."""
    seconds = cycle["duration_ms"] / 1000
    if seconds >= 3600:
        return span(seconds)
    return f"{int(seconds // 60)} min {int(seconds % 60)} s" if seconds >= 60 else f"{seconds:g} s"


def cycle_values(cycles: list[Row]) -> dict[str, Any]:
    """Returns what questions about one cycle, or about two, are asked with; the first is the one the page is about."""
    since = min(cycle["began_at"] for cycle in cycles).to_pydatetime()
    until = max(cycle["ended_at"] for cycle in cycles).to_pydatetime() + timedelta(seconds=1)
    first, *other = cycles
    asked = {"job": first["job_id"], "cycle": first["cycle_id"], "since": since, "until": until}
    return asked | ({"with": other[0]["cycle_id"]} if other else {})


def draw_funnel(rows: pd.DataFrame, asked: dict[str, Any]) -> None:
    """Draws how far the objects got; a selected bar opens who is behind it."""
    mark = chart_mark(Key.CYCLE_FUNNEL.of(asked["cycle"]), stage_funnel, rows)
    if mark is None:
        st.caption("Each user or group counts once, by its last event in the cycle. Select a bar to list them.")
    elif mark[1]:
        cycle_objects(f"Not {mark[0]}: {look(str(mark[1])).label.lower()}", here=str(mark[1]), **asked)
    else:
        cycle_objects(f"{str(mark[0]).capitalize()}", here=",".join(later_outcomes(rows, str(mark[0]))), **asked)


def later_outcomes(rows: pd.DataFrame, stage: str) -> list[str]:
    """Returns the outcomes of those who reached a stage: exported, or a leak further on."""
    place = rows[rows["stage"] == stage]["ordinal"].iloc[0]
    return ["exported", *rows[(rows["ordinal"] > place) & rows["leak"].notna()]["leak"]]


def cycle_objects(name: str, **asked: Any) -> None:
    """Draws who is behind a number of a cycle; a selected row opens their story."""
    rows = ask("cycle_objects", limit=MOST, **asked)
    rows = rows.assign(label_here=rows["here"].map(outcome_label), label_there=rows["there"].map(outcome_label))
    with st.container(border=True):
        first = f", the first {MOST}" if len(rows) == MOST else ""
        st.markdown(f"**{plain(name)}**: {count(len(rows), *PEOPLE)}{first}")
        columns = {each: column for each, column in COLUMNS.items() if not rows[each].isna().all()}
        row = table(rows, columns, Key.CYCLE_OBJECTS.of(name, asked["cycle"]), select=True)
        if row is None:
            st.caption("Select a row to open its user or group.")
        else:
            story_link(row, event=str(row["event_id"]))


def outcome_label(word: object) -> str | None:
    """Returns how an outcome is called."""
    return None if is_missing(word) else look(str(word)).label


def draw_duration(cycle: Row) -> None:
    """Draws what made the cycle as long as it was."""
    began = cycle["began_at"].to_pydatetime()
    panel(
        "cycle_duration",
        draw_waterfall,
        empty="Not enough data: fewer than five earlier cycles of this kind, or events without durations.",
        job=cycle["job_id"],
        cycle=cycle["cycle_id"],
        since=began,
        until=began + timedelta(seconds=1),
    )


def draw_waterfall(rows: pd.DataFrame) -> None:
    """Draws one cycle's duration against the usual one."""
    row = records(rows)[0]
    st.markdown(plain(str(row["sentence"])))
    chart(Key.WATERFALL.of(row["cycle_id"]), waterfall, row)


def failures_link(cycle: Row) -> None:
    """Offers the failures of the cycle on their own page, in a window that just contains it."""
    if not cycle["failed"]:
        st.markdown(":gray[:material/remove: No failures in this cycle.]")
        return
    label = f"{count(cycle['failed'], 'failure')} of this cycle"
    page_link("failures", label, ":material/error:", window_of(cycle))


def window_of(cycle: Row) -> dict[str, str]:
    """Returns the words of an address whose window just contains a cycle."""
    until: datetime = cycle["ended_at"].to_pydatetime() + timedelta(minutes=1)
    words = {word: value for word, value in bar().words.items() if word == Word.TENANT}
    since = wording.address(cycle["began_at"].to_pydatetime())
    return words | {Word.JOB: job_word(cycle), Word.SINCE: since, Word.UNTIL: wording.address(until)}


def job_word(cycle: Row) -> str:
    """Returns the word by which the bar knows a cycle's job."""
    return next((word for word, job in job_names(ask("jobs")).items() if job == cycle["job_id"]), "")
