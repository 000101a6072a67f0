"""The cycles under way, in words and bars: the same numbers on Cycles and on Overview, from queries/progress.sql.

Objects and pages stand apart: Graph counts pages, and a page holds several objects. What nobody knows is not guessed.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from views.charts import cycles
from views.frame import data as page_frame
from views.frame.data import PLAIN, Row, as_of, ask, bar, records, standing
from views.frame.look import count, labelled, missing, plain, share, span, when

TROUBLE = ("dead", "stalled", "quarantined", "late", "unknown")
UNDER_WAY = ("running", "stalled")


def told() -> pd.DataFrame:
    """Gives each job's rhythm, and how far its cycle under way has come, as of now."""
    return ask("progress", as_of=as_of(), grace=read_settings().grace)


@st.fragment(run_every=5)
def live(draw: Callable[[pd.DataFrame], None]) -> None:
    """Draws what moves, every few seconds again and by itself: the rest of the page, its scroll and selections stay.

    The store answers from memory until something was written or a minute went by.
    """
    with standing():
        draw(told())


def sentence(jobs: pd.DataFrame) -> str:
    """Says what every job is doing, trouble first; the calm and the unknown are counted when they are many."""
    order = {word: place for place, word in enumerate(("running", *TROUBLE, "paused", "disabled", "never_run"))}
    rows = sorted(records(jobs), key=lambda row: order.get(str(row["rhythm"]), len(order)))
    crowds = {word: f"{len(own)} jobs {are}" for word, are in CROWDS.items() if len(own := of(rows, word)) > 2}
    said = [clause(row) for row in rows if row["rhythm"] not in crowds]
    return "; ".join([*said, *crowds.values()]) + "."


CROWDS = {"unknown": "are in an unknown state: Graph was not asked, or not lately", "on_time": "are idle and on time"}


def of(rows: list[Row], rhythm: str) -> list[Row]:
    """Gives the jobs of one rhythm."""
    return [row for row in rows if row["rhythm"] == rhythm]


def clause(job: Row) -> str:
    """Says what one job is doing."""
    name, rhythm = f"**{plain(str(job['app_name']))}**", str(job["rhythm"])
    if rhythm == "running":
        return f"{name}'s {cycle_of(job)} runs: {done(job)}, {ending(job)}"
    if rhythm == "stalled":
        stopped = f"has stalled, nothing has moved since {when(job['stalled_since'])}"
        return f"{name}'s {cycle_of(job)} {stopped}: {done(job)}"
    return f"{name} {STANDING.get(rhythm, unfamiliar)(job)}"


def cycle_of(job: Row) -> str:
    """Gives the cycle's name: its kind, where that is known."""
    return "cycle" if missing(job["kind"]) else f"{plain(str(job['kind']))} cycle"


def overdue(job: Row) -> str:
    """Says by how much a job is over its due time."""
    return "" if missing(job["due_at"]) else span((as_of() - job["due_at"]).total_seconds())


def unfamiliar(job: Row) -> str:
    """Says what is not known of a job."""
    why = "" if missing(job["explanation"]) else f": {plain(str(job['explanation']).rstrip('.'))}"
    return f"is in an unknown state{why}"


STANDING: dict[str, Callable[[Row], str]] = {
    "on_time": lambda job: "is idle and on time" + ("" if missing(job["due_at"]) else f", due {when(job['due_at'])}"),
    "late": lambda job: f"is {overdue(job)} late, it was due {when(job['due_at'])}",
    "dead": lambda job: f"is dead: it was due {when(job['due_at'])}, {overdue(job)} ago, and no cycle came",
    "paused": lambda job: "is paused" + ("" if missing(job["since"]) else f" since {when(job['since'])}"),
    "disabled": lambda _: "is switched off",
    "quarantined": lambda job: "is in quarantine" + ("" if missing(job["since"]) else f" since {when(job['since'])}"),
    "never_run": lambda _: "has never completed a cycle",
    "unknown": unfamiliar,
}


def done(job: Row) -> str:
    """Says how many objects were handled, of how many."""
    handled = 0 if missing(job["objects_done"]) else int(job["objects_done"])
    if missing(job["objects_expected"]):
        return f"{count(handled, 'object')} so far of an unknown number"
    return f"{handled:,} of about {count(job['objects_expected'], 'object')}"


def ending(job: Row) -> str:
    """Says when the cycle will be done, for a sentence."""
    return "when it ends is unknown" if missing(job["ends_low_at"]) else f"done {band(job)}"


def band(job: Row) -> str:
    """Gives the band in which four of five such cycles end."""
    low, high = job["ends_low_at"], job["ends_high_at"]
    if missing(low) or missing(high):
        return "unknown"
    if f"{low:%Y%m%d}" == f"{high:%Y%m%d}" == f"{as_of():%Y%m%d}":
        return f"{low:%H:%M} to {high:%H:%M} UTC"
    return f"{when(low)} to {when(high)}"


def bars(job: Row) -> None:
    """Draws one cycle under way: objects of expected, pages apart, its pace, its end, and how it got there."""
    with st.container(border=True):
        left, right = st.columns([3, 2], gap="medium")
        with left:
            head(job)
            objects_bar(job)
            pages_bar(job)
            pace(job)
        with right:
            climb(job)


def head(job: Row) -> None:
    """Names the job, what its cycle is doing, and opens it."""
    phase = "phase unknown" if missing(job["phase"]) else f"phase: {plain(str(job['phase']))}"
    began = "" if missing(job["began_at"]) else f", began {when(job['began_at'])}"
    st.markdown(f"**{plain(str(job['app_name']))}** {labelled(str(job['rhythm']))}: {cycle_of(job)}{began}; {phase}")


def objects_bar(job: Row) -> None:
    """Draws objects handled of expected, with where the expectation comes from; no bar where nothing is expected."""
    source = "" if missing(job["expected_from"]) else f" ({plain(str(job['expected_from']))})"
    text = f"Objects: **{done(job)}**{source}"
    if missing(job["objects_share"]):
        st.markdown(f"{text}. How far that is, is unknown.")
    else:
        st.progress(between(job["objects_share"]), text=f"{text}, {share(float(job['objects_share']))}")


def pages_bar(job: Row) -> None:
    """Draws the pages as Graph reports them, which say little about users."""
    if missing(job["pages_share"]):
        st.markdown("Pages: Graph reports none for this cycle.")
        return
    unit = "" if missing(job["page_unit"]) else f"; Graph calls the unit “{plain(str(job['page_unit']))}”"
    pages = f"{int(job['pages_done']):,} of {int(job['pages_total']):,}, {share(float(job['pages_share']))}"
    st.progress(between(job["pages_share"]), text=f"Pages, as Graph reports them: **{pages}**")
    st.caption(f"A page holds several objects, so pages are not proportional to users{unit}.")


def between(value: Any) -> float:
    """Gives a share that a bar can show."""
    return min(1.0, max(0.0, float(value)))


def pace(job: Row) -> None:
    """Says how fast it goes, against usual, and when it will be done."""
    rate = "unknown" if missing(job["per_minute"]) else f"{float(job['per_minute']):,.1f} objects a minute"
    usual = "unknown" if missing(job["usual_per_minute"]) else f"{float(job['usual_per_minute']):,.1f}"
    st.markdown(f"Pace: **{rate}**, usual: {usual}. End: **{band(job)}**{certainty(job)}.")


def certainty(job: Row) -> str:
    """Says what the estimate of the end is worth."""
    if missing(job["ends_low_at"]):
        return "" if missing(job["ends_from"]) else f" ({plain(str(job['ends_from']))})"
    likeliest = "" if missing(job["ends_at"]) else f", likeliest {when(job['ends_at'])}"
    source = "" if missing(job["ends_from"]) else f"; from {plain(str(job['ends_from']))}"
    return f" (80 % band{likeliest}{source})"


def climb(job: Row) -> None:
    """Draws how the cycle got to where it is."""
    points = ask("burn_up", job=job["job_id"], as_of=as_of(), grace=read_settings().grace)
    if len(points) < 2:
        st.caption("Too little of this cycle was seen to draw how it climbs.")
        return
    ends = tuple(known(job[name]) for name in ("ends_low_at", "ends_at", "ends_high_at"))
    figure = cycles.burn_up(points, as_of(), known(job["objects_expected"]), ends)
    st.plotly_chart(figure, key=f"climb-{job['job_id']}", config=PLAIN)


def known(value: Any) -> Any:
    """Gives a value, or None for a cell that holds nothing."""
    return None if missing(value) else value


def under_way(jobs: pd.DataFrame) -> list[Row]:
    """Gives the jobs whose cycle is under way."""
    return records(jobs[jobs["rhythm"].isin(UNDER_WAY)])


def strip(jobs: pd.DataFrame) -> None:
    """Draws the cycles under way in one line each, for Overview; nothing when none runs."""
    for job in under_way(jobs):
        words = bar().link() if missing(job["cycle_id"]) else bar().link(cycle=str(job["cycle_id"]))
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            line(job)
            st.page_link("cycles.py", label="On Cycles", icon=":material/cached:", query_params=words)


def line(job: Row) -> None:
    """Draws one cycle under way in a line: a bar of objects, else of pages, else only words."""
    said = (
        f"**{plain(str(job['app_name']))}** {labelled(str(job['rhythm']))} {cycle_of(job)}: {done(job)}, {ending(job)}"
    )
    if not missing(job["objects_share"]):
        st.progress(between(job["objects_share"]), text=said)
    elif not missing(job["pages_share"]):
        st.progress(between(job["pages_share"]), text=f"{said}; the bar is of pages, as Graph reports them")
    else:
        st.markdown(said)


def asked(jobs: list[Row]) -> None:
    """Shows how the sentence, the bars and the climbs were asked."""
    judged = {"as_of": as_of(), "grace": read_settings().grace}
    climbs = {"burn_up": judged | {"job": jobs[0]["job_id"]}} if jobs else {}
    page_frame.asked(progress=judged, **climbs)
