"""The running cycles, in words and bars: the same numbers on Home and on Cycles, from queries/progress.sql.

Objects and pages are two measures: Entra counts pages, and a page has several objects. What is unknown is not guessed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import clock_span, count, instant, is_missing, share, span, within
from pipeline.rules.verdict_text import PEOPLE
from pipeline.store.present import present_after_data
from views.charts.cycles import burn_up
from views.frame.chart import chart
from views.frame.data import Row, as_of, ask, records, store
from views.frame.empty import nothing, readable
from views.frame.look import labelled, plain, plain_name
from views.frame.panel import show_sql
from views.frame.places import page_link
from views.frame.state import Key, Word

TROUBLE = ("dead", "stalled", "quarantined", "late", "unknown")
RUNNING = ("running", "stalled")
CARDS = 3
"Cards that are drawn; Cycles has the others."


def job_progress() -> pd.DataFrame:
    """Returns each job's rhythm, and how far its running cycle has come, as of now."""
    return ask("progress", **progress_values())


def progress_values() -> dict[str, Any]:
    """Returns what progress is asked with: also the present, where the data ended before it."""
    return {"as_of": as_of(), "grace": read_settings().grace, "now": present_after_data(store())}


@st.fragment(run_every=5)
def refreshed(draw: Callable[[pd.DataFrame], None]) -> None:
    """Draws what moves, every few seconds again and by itself: the rest of the page, its scroll and selections stay.

    The store answers from memory until something was written or a minute went by.
    """
    with readable(), st.container(key=Key.MOVING.of("progress")):
        draw(job_progress())


def progress_sentence(jobs: pd.DataFrame) -> str:
    """Writes what every app is doing, trouble first; those up to date and the unknown are counted when many."""
    words = (*TROUBLE[:-1], "running", "unknown", "paused", "disabled", "never_run")
    order = {word: place for place, word in enumerate(words)}
    rows = sorted(records(jobs), key=lambda row: order.get(str(row["rhythm"]), len(order)))
    crowds = {word: write(len(own)) for word, write in CROWDS.items() if len(own := of(rows, word)) > 2}
    clauses = [clause(row) for row in rows if row["rhythm"] not in crowds]
    return "; ".join([*clauses, *crowds.values()]) + "."


CROWDS: dict[str, Callable[[int], str]] = {
    "unknown": lambda number: f"Status unknown for {number} apps (no recent job status)",
    "on_time": lambda number: f"{number} apps up to date",
}


def of(rows: list[Row], rhythm: str) -> list[Row]:
    """Returns the jobs of one rhythm."""
    return [row for row in rows if row["rhythm"] == rhythm]


def clause(job: Row) -> str:
    """Writes what one app is doing."""
    name, rhythm = f"**{plain_name(job['app_name'])}**", str(job["rhythm"])
    if rhythm == "running":
        return f"{name}: {cycle_of(job)} running, {done_text(job)}, {left_text(job)}"
    if rhythm == "stalled":
        return f"{name}: {cycle_of(job)} stalled, no progress since {instant(job['stalled_since'])}, {done_text(job)}"
    return f"{name}: {RHYTHMS.get(rhythm, unfamiliar)(job)}"


def cycle_of(job: Row) -> str:
    """Returns the cycle's name: its kind, where that is known."""
    if is_missing(job["kind"]):
        return "cycle"
    return "initial cycle (restarted)" if job["kind"] == "restarted" else f"{plain(str(job['kind']))} cycle"


def overdue(job: Row) -> str:
    """Writes by how much a job is over its due time."""
    return "" if is_missing(job["due_at"]) else span((as_of() - job["due_at"]).total_seconds())


def unfamiliar(job: Row) -> str:
    """Writes what is not known of a job."""
    why = "" if is_missing(job["explanation"]) else f" ({plain(within(str(job['explanation'])).rstrip('.'))})"
    return f"status unknown{why}"


def next_due(job: Row) -> str:
    """Writes when the next cycle is due, or was by the newest status; empty where that is unknown."""
    due = job["due_at"]
    if is_missing(due):
        return ""
    return f", next cycle at {instant(due)}" if due > as_of() else f"; a cycle was due {instant(due)}"


def since(job: Row) -> str:
    """Writes since when it is so; empty where that is unknown."""
    return "" if is_missing(job["since"]) else f" since {instant(job['since'])}"


RHYTHMS: dict[str, Callable[[Row], str]] = {
    "on_time": lambda job: "up to date" + next_due(job),
    "late": lambda job: f"{overdue(job)} late, the cycle was due {instant(job['due_at'])}",
    "dead": lambda job: f"no cycle for {overdue(job)}, the last one due was {instant(job['due_at'])}",
    "paused": lambda job: f"paused{since(job)}",
    "disabled": lambda _: "disabled in Entra",
    "quarantined": lambda job: f"in quarantine{since(job)}",
    "never_run": lambda _: "no cycle has completed yet",
    "unknown": unfamiliar,
}


def done_text(job: Row) -> str:
    """Writes how far a cycle has come, by which measure, and how many users and groups that is."""
    part, measure = how_far(job)
    percent = "progress unknown" if part is None else f"{share(part)}{measure}"
    return f"{percent}, {processed(job)}"


def how_far(job: Row) -> tuple[float | None, str]:
    """Returns the share of a cycle that is done, and by which measure where it is not the number of objects.

    An initial cycle always has an estimate: assigned objects where they are counted, else pages and pace.
    """
    if not is_missing(job["progress_share"]):
        source = "" if not is_missing(job["objects_expected"]) else f" ({plain(str(job['progress_from']))}{grown(job)})"
        return float(job["progress_share"]), source
    if not is_missing(job["objects_share"]):
        return float(job["objects_share"]), ""
    if not is_missing(job["pages_share"]):
        return float(job["pages_share"]), " of pages (Microsoft's measure)"
    return None, ""


def grown(job: Row) -> str:
    """Writes how many pages Entra counts now, where more were found since: what is shown never goes backwards."""
    if is_missing(job["pages_share"]) or job["pages_done"] / job["pages_total"] > job["pages_share"] - 0.01:
        return ""
    return f"; more pages were found since, {int(job['pages_done']):,} of {int(job['pages_total']):,} are done"


def processed(job: Row) -> str:
    """Writes how many users and groups were processed, of how many where that is known."""
    handled = 0 if is_missing(job["objects_done"]) else int(job["objects_done"])
    if is_missing(job["objects_expected"]):
        return f"{count(handled, *PEOPLE)} processed"
    return f"{handled:,} of about {count(job['objects_expected'], *PEOPLE)} processed"


def left_text(job: Row) -> str:
    """Writes how long a cycle takes yet, with the band in which four of five such cycles end."""
    if is_missing(job["ends_low_at"]) or is_missing(job["ends_high_at"]):
        return "end unknown" + ("" if is_missing(job["ends_from"]) else f" ({plain(str(job['ends_from']))})")
    likely = job["ends_low_at"] if is_missing(job["ends_at"]) else job["ends_at"]
    left = (likely - (present_after_data(store()) or as_of())).total_seconds()
    about = (
        f"about **{span(left)}** left"
        if left >= 60
        else "less than a minute left"
        if left >= 0
        else "past its usual end"
    )
    return f"{about} ({end_band(job)})"


def end_band(job: Row) -> str:
    """Writes the band in which four of five such cycles end."""
    low, high = job["ends_low_at"], job["ends_high_at"]
    if low.date() == high.date() == as_of().date():
        return clock_span(low, high)
    return f"{instant(low)} to {instant(high)}"


def draw_running(jobs: pd.DataFrame, pending: Mapping[str, int], words: Mapping[str, str]) -> None:
    """Draws a card for each running cycle, a few of them; a line where none runs. `words` are those of their links."""
    running = running_jobs(jobs)
    with st.container(gap="xsmall"):
        for job in running[:CARDS]:
            draw_card(job, pending.get(str(job["job_id"])), dict(words))
    if len(running) > CARDS:
        page_link("cycles", f"{len(running) - CARDS} more running", ":material/cached:", dict(words))
    if not running:
        nothing(idle_sentence(jobs))


def idle_sentence(jobs: pd.DataFrame) -> str:
    """Writes that no running cycle is known, of how many apps that is unknown, and which cycle comes next."""
    blind = int((jobs["rhythm"] == "unknown").sum())
    due = jobs[(jobs["rhythm"] == "on_time") & (jobs["due_at"] > as_of())].sort_values(["due_at", "app_name"])
    following = records(due.head(1))
    coming = [f"Next: {plain_name(one['app_name'])} at {instant(one['due_at'])}." for one in following]
    known = "No running cycle is known." if blind else "Nothing running."
    return " ".join([known, *([f"Unknown for {count(blind, 'app')}."] if blind else []), *coming])


def draw_card(job: Row, pending: int | None = None, words: dict[str, str] | None = None) -> None:
    """Draws one running cycle: app, kind, start, what is left, how far it has come, and who is pending a retry."""
    with st.container(border=True, gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain_name(job['app_name'])}** · {' · '.join(card_facts(job))}", width="content")
            st.space("stretch")
            st.markdown(left_text(job).replace("end unknown", "End unknown"), width="content")
            if words is not None:
                cycle = {} if is_missing(job["cycle_id"]) else {Word.CYCLE: str(job["cycle_id"])}
                page_link("cycles", "Open", ":material/chevron_right:", words | cycle, width="content")
        part, measure = how_far(job)
        retries = [f"{pending:,} pending retry"] if pending else []
        if part is None:
            why = "" if is_missing(job["progress_from"]) else f" ({plain(str(job['progress_from']))})"
            st.markdown(" · ".join([f"Progress unknown{why}", processed(job), *retries]))
        else:
            st.progress(between(part), text=" · ".join([f"**{share(part)}**{measure}", processed(job), *retries]))


def card_facts(job: Row) -> list[str]:
    """Writes a cycle's kind, its start and its phase; and that it has stalled."""
    kind = cycle_of(job)
    return [
        f"{kind[:1].upper()}{kind[1:]}",
        *([] if is_missing(job["began_at"]) else [f"started {instant(job['began_at'])}"]),
        *([] if is_missing(job["phase"]) or job["phase"] == "unknown" else [f"phase: {plain(str(job['phase']))}"]),
        *([f"{labelled('stalled')} since {instant(job['stalled_since'])}"] if job["rhythm"] == "stalled" else []),
    ]


def draw_details(job: Row) -> None:
    """Draws a running cycle's pace, pages and climb, and what its estimates rest on."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        pace_line(job)
        pages_bar(job)
        if not is_missing(job["expected_from"]):
            st.caption(f"Expected number: {plain(str(job['expected_from']))}.")
        if job["kind"] in ("initial", "restarted"):
            st.caption("In sync is n/a until the initial cycle has ended.")
    with right:
        draw_climb(job)


def pages_bar(job: Row) -> None:
    """Draws the pages as Entra reports them, which say little about users."""
    if is_missing(job["pages_share"]):
        st.caption("Entra reports no pages for this cycle.")
        return
    if (job["pages_done"], job["pages_total"]) == (job["objects_done"], job["objects_expected"]):
        return
    unit = "" if is_missing(job["page_unit"]) else f"; Entra calls the unit “{plain(str(job['page_unit']))}”"
    part = float(job["pages_done"] / job["pages_total"])
    pages = f"{int(job['pages_done']):,} of {int(job['pages_total']):,}, {share(part)}"
    st.progress(between(part), text=f"Pages (Microsoft's measure): **{pages}**")
    st.caption(f"A page holds several users or groups, so pages are not proportional to them{unit}.")


def between(value: Any) -> float:
    """Returns a share that a bar can show."""
    return min(1.0, max(0.0, float(value)))


def pace_line(job: Row) -> None:
    """Draws how fast it goes, against usual, and what the estimate of its end rests on."""
    rate = "Pace unknown" if is_missing(job["per_minute"]) else f"**{float(job['per_minute']):,.1f}** per minute"
    usual = (
        "no earlier cycle to compare with"
        if is_missing(job["usual_per_minute"])
        else f"usually {float(job['usual_per_minute']):,.1f}"
    )
    st.markdown(f"{rate}, {usual}.")
    if not is_missing(job["ends_low_at"]) and not is_missing(job["ends_from"]):
        st.caption(f"End: 80% band, from {plain(str(job['ends_from']))}.")


def draw_climb(job: Row) -> None:
    """Draws how the cycle got to where it is."""
    points = ask("burn_up", job=job["job_id"], as_of=as_of(), grace=read_settings().grace)
    if len(points) < 2:
        st.caption("Not enough data of this cycle for a chart.")
        return
    ends = tuple(value_or_none(job[name]) for name in ("ends_low_at", "ends_at", "ends_high_at"))
    chart(Key.CLIMB.of(job["job_id"]), burn_up, points, as_of(), value_or_none(job["objects_expected"]), ends)


def value_or_none(value: Any) -> Any:
    """Returns a value, or None for an empty cell."""
    return None if is_missing(value) else value


def running_jobs(jobs: pd.DataFrame) -> list[Row]:
    """Returns the jobs whose cycle is running."""
    return records(jobs[jobs["rhythm"].isin(RUNNING)])


def show_progress_sql(jobs: list[Row]) -> None:
    """Draws the SQL of the sentence, the bars and the climbs."""
    given = {"as_of": as_of(), "grace": read_settings().grace}
    climbs = {"burn_up": given | {"job": jobs[0]["job_id"]}} if jobs else {}
    show_sql(progress=progress_values(), **climbs)
