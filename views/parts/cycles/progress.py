"""The running cycles, in words and bars: the same numbers on Cycles and on Overview, from queries/progress.sql.

Objects and pages are kept apart: Graph counts pages, and a page has several objects. What is unknown is not guessed.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import clock_span, count, instant, is_missing, share, span
from views.charts.cycles import burn_up
from views.frame.chart import chart
from views.frame.data import Row, as_of, ask, records
from views.frame.empty import readable
from views.frame.filters import bar
from views.frame.look import labelled, plain
from views.frame.panel import show_sql
from views.frame.places import page_link
from views.frame.state import Key, Word

TROUBLE = ("dead", "stalled", "quarantined", "late", "unknown")
RUNNING = ("running", "stalled")


def job_progress() -> pd.DataFrame:
    """Returns each job's rhythm, and how far its running cycle has come, as of now."""
    return ask("progress", as_of=as_of(), grace=read_settings().grace)


@st.fragment(run_every=5)
def refreshed(draw: Callable[[pd.DataFrame], None]) -> None:
    """Draws what moves, every few seconds again and by itself: the rest of the page, its scroll and selections stay.

    The store answers from memory until something was written or a minute went by.
    """
    with readable():
        draw(job_progress())


def progress_sentence(jobs: pd.DataFrame) -> str:
    """Writes what every job is doing, trouble first; the calm and the unknown are counted when they are many."""
    order = {word: place for place, word in enumerate(("running", *TROUBLE, "paused", "disabled", "never_run"))}
    rows = sorted(records(jobs), key=lambda row: order.get(str(row["rhythm"]), len(order)))
    crowds = {word: f"{len(own)} jobs {are}" for word, are in CROWDS.items() if len(own := of(rows, word)) > 2}
    clauses = [clause(row) for row in rows if row["rhythm"] not in crowds]
    return "; ".join([*clauses, *crowds.values()]) + "."


CROWDS = {"unknown": "are in an unknown state: Graph was not asked, or not lately", "on_time": "are idle and on time"}


def of(rows: list[Row], rhythm: str) -> list[Row]:
    """Returns the jobs of one rhythm."""
    return [row for row in rows if row["rhythm"] == rhythm]


def clause(job: Row) -> str:
    """Writes what one job is doing."""
    name, rhythm = f"**{plain(str(job['app_name']))}**", str(job["rhythm"])
    if rhythm == "running":
        return f"{name}'s {cycle_of(job)} runs: {done_text(job)}, {end_text(job)}"
    if rhythm == "stalled":
        stopped = f"has stalled, nothing has moved since {instant(job['stalled_since'])}"
        return f"{name}'s {cycle_of(job)} {stopped}: {done_text(job)}"
    return f"{name} {RHYTHMS.get(rhythm, unfamiliar)(job)}"


def cycle_of(job: Row) -> str:
    """Returns the cycle's name: its kind, where that is known."""
    return "cycle" if is_missing(job["kind"]) else f"{plain(str(job['kind']))} cycle"


def overdue(job: Row) -> str:
    """Writes by how much a job is over its due time."""
    return "" if is_missing(job["due_at"]) else span((as_of() - job["due_at"]).total_seconds())


def unfamiliar(job: Row) -> str:
    """Writes what is not known of a job."""
    why = "" if is_missing(job["explanation"]) else f": {plain(str(job['explanation']).rstrip('.'))}"
    return f"is in an unknown state{why}"


RHYTHMS: dict[str, Callable[[Row], str]] = {
    "on_time": lambda job: (
        "is idle and on time" + ("" if is_missing(job["due_at"]) else f", due {instant(job['due_at'])}")
    ),
    "late": lambda job: f"is {overdue(job)} late, it was due {instant(job['due_at'])}",
    "dead": lambda job: f"is dead: it was due {instant(job['due_at'])}, {overdue(job)} ago, and no cycle came",
    "paused": lambda job: "is paused" + ("" if is_missing(job["since"]) else f" since {instant(job['since'])}"),
    "disabled": lambda _: "is switched off",
    "quarantined": lambda job: (
        "is in quarantine" + ("" if is_missing(job["since"]) else f" since {instant(job['since'])}")
    ),
    "never_run": lambda _: "has never completed a cycle",
    "unknown": unfamiliar,
}


def done_text(job: Row) -> str:
    """Writes how far a cycle has come: objects, and the estimate of an initial cycle of unknown size."""
    if is_missing(job["progress_share"]) or not is_missing(job["objects_expected"]):
        return objects_text(job)
    source = plain(str(job["progress_from"]))
    return f"about {share(float(job['progress_share']))} done ({source}), {objects_text(job)}"


def objects_text(job: Row) -> str:
    """Writes how many objects were handled, of how many."""
    handled = 0 if is_missing(job["objects_done"]) else int(job["objects_done"])
    if is_missing(job["objects_expected"]):
        return f"{count(handled, 'object')} so far of an unknown number"
    return f"{handled:,} of about {count(job['objects_expected'], 'object')}"


def end_text(job: Row) -> str:
    """Writes when the cycle will be done, for a sentence."""
    return "when it ends is unknown" if is_missing(job["ends_low_at"]) else f"done {end_band(job)}"


def end_band(job: Row) -> str:
    """Writes the band in which four of five such cycles end."""
    low, high = job["ends_low_at"], job["ends_high_at"]
    if is_missing(low) or is_missing(high):
        return "unknown"
    if low.date() == high.date() == as_of().date():
        return clock_span(low, high)
    return f"{instant(low)} to {instant(high)}"


def draw_running(job: Row) -> None:
    """Draws one running cycle: its estimate, objects of expected, pages apart, its pace, its end, and its climb."""
    with st.container(border=True):
        left, right = st.columns([3, 2], gap="medium")
        with left:
            job_line(job)
            estimate_bar(job)
            objects_bar(job)
            pages_bar(job)
            pace_line(job)
        with right:
            draw_climb(job)


def job_line(job: Row) -> None:
    """Names the job, what its cycle is doing, and opens it."""
    phase = "phase unknown" if is_missing(job["phase"]) else f"phase: {plain(str(job['phase']))}"
    began = "" if is_missing(job["began_at"]) else f", began {instant(job['began_at'])}"
    st.markdown(f"**{plain(str(job['app_name']))}** {labelled(str(job['rhythm']))}: {cycle_of(job)}{began}; {phase}")


def estimate_bar(job: Row) -> None:
    """Draws how far an initial cycle of unknown size has come, with what that is estimated from, or what is missing."""
    if is_missing(job["progress_from"]) or not is_missing(job["objects_share"]):
        return
    source = plain(str(job["progress_from"]))
    if is_missing(job["progress_share"]):
        st.markdown(f"Progress: **unknown** ({source}). In sync is n/a until the initial cycle has ended.")
        return
    estimate = share(float(job["progress_share"]))
    text = f"Progress: **about {estimate}**, {source}. In sync is n/a until the initial cycle has ended."
    st.progress(between(job["progress_share"]), text=text)


def objects_bar(job: Row) -> None:
    """Draws objects handled of expected, with where the expectation comes from; no bar where nothing is expected."""
    source = "" if is_missing(job["expected_from"]) else f" ({plain(str(job['expected_from']))})"
    text = f"Objects: **{objects_text(job)}**{source}"
    if is_missing(job["objects_share"]) and not is_missing(job["progress_share"]):
        st.markdown(f"{text}.")
    elif is_missing(job["objects_share"]):
        st.markdown(f"{text}. How far that is, is unknown.")
    else:
        st.progress(between(job["objects_share"]), text=f"{text}, {share(float(job['objects_share']))}")


def pages_bar(job: Row) -> None:
    """Draws the pages as Graph reports them, which say little about users."""
    if is_missing(job["pages_share"]):
        st.markdown("Pages: Graph reports none for this cycle.")
        return
    unit = "" if is_missing(job["page_unit"]) else f"; Graph calls the unit “{plain(str(job['page_unit']))}”"
    pages = f"{int(job['pages_done']):,} of {int(job['pages_total']):,}, {share(float(job['pages_share']))}"
    st.progress(between(job["pages_share"]), text=f"Pages, as Graph reports them: **{pages}**")
    st.caption(f"A page holds several objects, so pages are not proportional to users{unit}.")


def between(value: Any) -> float:
    """Returns a share that a bar can show."""
    return min(1.0, max(0.0, float(value)))


def pace_line(job: Row) -> None:
    """Draws how fast it goes, against usual, and when it will be done."""
    rate = "unknown" if is_missing(job["per_minute"]) else f"{float(job['per_minute']):,.1f} objects a minute"
    usual = "unknown" if is_missing(job["usual_per_minute"]) else f"{float(job['usual_per_minute']):,.1f}"
    st.markdown(f"Pace: **{rate}**, usual: {usual}. End: **{end_band(job)}**{certainty(job)}.")


def certainty(job: Row) -> str:
    """Writes what the estimate of the end is worth."""
    if is_missing(job["ends_low_at"]):
        return "" if is_missing(job["ends_from"]) else f" ({plain(str(job['ends_from']))})"
    likeliest = "" if is_missing(job["ends_at"]) else f", likeliest {instant(job['ends_at'])}"
    source = "" if is_missing(job["ends_from"]) else f"; from {plain(str(job['ends_from']))}"
    return f" (80% band{likeliest}{source})"


def draw_climb(job: Row) -> None:
    """Draws how the cycle got to where it is."""
    points = ask("burn_up", job=job["job_id"], as_of=as_of(), grace=read_settings().grace)
    if len(points) < 2:
        st.caption("Too little of this cycle was seen to draw how it climbs.")
        return
    ends = tuple(value_or_none(job[name]) for name in ("ends_low_at", "ends_at", "ends_high_at"))
    chart(Key.CLIMB.of(job["job_id"]), burn_up, points, as_of(), value_or_none(job["objects_expected"]), ends)


def value_or_none(value: Any) -> Any:
    """Returns a value, or None for an empty cell."""
    return None if is_missing(value) else value


def running_jobs(jobs: pd.DataFrame) -> list[Row]:
    """Returns the jobs whose cycle is running."""
    return records(jobs[jobs["rhythm"].isin(RUNNING)])


def draw_running_lines(jobs: pd.DataFrame) -> None:
    """Draws the running cycles in one line each, for Overview; nothing when none runs."""
    for job in running_jobs(jobs):
        words = bar().link() if is_missing(job["cycle_id"]) else bar().link(**{Word.CYCLE: str(job["cycle_id"])})
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            draw_line(job)
            page_link("cycles", "Cycle", ":material/cached:", words)


def draw_line(job: Row) -> None:
    """Draws one running cycle in a line: a bar of its estimate, of objects, else of pages, else only words."""
    name = f"**{plain(str(job['app_name']))}** {labelled(str(job['rhythm']))}"
    text = f"{name} {cycle_of(job)}: {done_text(job)}, {end_text(job)}"
    if not is_missing(job["progress_share"]):
        st.progress(between(job["progress_share"]), text=text)
    elif not is_missing(job["objects_share"]):
        st.progress(between(job["objects_share"]), text=text)
    elif not is_missing(job["pages_share"]):
        st.progress(between(job["pages_share"]), text=f"{text}; the bar is of pages, as Graph reports them")
    else:
        st.markdown(text)


def show_progress_sql(jobs: list[Row]) -> None:
    """Draws the SQL of the sentence, the bars and the climbs."""
    given = {"as_of": as_of(), "grace": read_settings().grace}
    climbs = {"burn_up": given | {"job": jobs[0]["job_id"]}} if jobs else {}
    show_sql(progress=given, **climbs)
