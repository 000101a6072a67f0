"""How near one job is to quarantine and to its end: the 28-day clock, headroom, pending retries over time."""

from datetime import datetime, timedelta
from math import ceil
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, share
from views.charts.quarantine import burn_down, headroom
from views.frame.chart import chart
from views.frame.data import Row, Values, ask, records
from views.frame.empty import nothing
from views.frame.panel import show_sql
from views.frame.state import Key
from views.parts.quarantine.facts import AHEAD, Facts, Job, clock_text, day_number, limits, status_age, used

LABELS = {
    "share": "Share of objects that fail",
    "count": "Failures without references",
    "total": "All failures",
    "deletions": "Deletions in one cycle",
}
PACE = 12
"Cycles from which a cycle's usual distance is taken, as the slope is."


def draw_clock(job: Job) -> None:
    """Draws how much of the time until Entra disables a job is over."""
    st.subheader("How long until Entra switches it off?", anchor="clock")
    if job.word != "quarantined":
        st.markdown(f":gray[:material/remove: {WHY_NO_CLOCK.get(job.word, WHY_NO_CLOCK['healthy'])}]")
        return
    passed = (job.at - job.since) / timedelta(days=job.days)
    st.progress(min(1.0, max(0.0, passed)), text=f"**{job.name}**: {clock_text(job)}{status_age(job)}.")
    st.markdown(
        f"Then nothing runs any more, for anybody, until somebody restarts it, which costs a whole initial cycle. "
        f"{attempts_sentence(job)}"
    )
    st.caption(
        f"Day {day_number(job)} counts from {instant(job.since)}, when this series of quarantines began. Microsoft "
        f"says more than four weeks; the {job.days} days are the parameter `limit` of the rule `disable_clock`."
    )


WHY_NO_CLOCK = {
    "healthy": "No clock runs: the job is not in quarantine.",
    "unknown": "Not known: no status of the job was read.",
    "inferred": "Not known: no status of the job was read, and the end counts from a beginning that only Graph knows.",
    "switched_off": "It is switched off already.",
    "paused": "No clock runs: somebody paused the job.",
    "never_run": "No clock runs: the job has not completed a cycle yet.",
}


def attempts_sentence(job: Job) -> str:
    """Writes how often Entra tried, and when it does again."""
    tries = job.state["series_count"]
    past = "" if is_missing(tries) else f"Entra looked again {count(tries, 'time')} and kept it in quarantine. "
    at = job.state["next_attempt_at"]
    if is_missing(at):
        return f"{past}Graph does not say when it tries next."
    if at > job.at:
        return f"{past}The next try is due **{instant(at)}**{job.countdown(at)}."
    return f"{past}The try of {instant(at)} should be over; no status since has told how it ended."


def draw_headroom(job: Job) -> None:
    """Draws how much of each limit is used up, and what the next cycles are expected to add."""
    st.subheader("How near is it to each limit, and where will the next three cycles bring it?", anchor="headroom")
    rows, given = limit_rows(job)
    if not rows:
        nothing("No event of this job was read, so nothing can be counted.")
    else:
        st.markdown(next_limit(rows))
        chart(Key.HEADROOM, headroom, rows)
        for line in remarks(job, given):
            (st.markdown if line is FIRST else st.caption)(line)
    show_sql(
        quarantine_headroom={"at": job.at, "job": job.job_id, **given},
        quarantine_deletions={"at": job.at, "job": job.job_id},
    )


def limit_rows(job: Job) -> tuple[list[Row], Values]:
    """Returns the rows of the chart, and the numbers that rules.toml sets for the job's app."""
    given = limits(str(job.state["app_name"]))
    same = given == limits()
    rows = job.limits if same else records(ask("quarantine_headroom", at=job.at, job=job.job_id, **given))
    made = [row | {"label": LABELS[row["measure"]]} for row in rows]
    if job.deletions and not is_missing(job.deletions["at_most"]):
        slope = {"per_cycle_low": None, "per_cycle_high": None}
        made.append(job.deletions | slope | {"label": LABELS["deletions"], "measure": "deletions"})
    return sorted(made, key=lambda row: list(LABELS).index(row["measure"])), given


def next_limit(rows: list[Row]) -> str:
    """Writes which limit comes first, and when."""
    crossed = [row for row in rows if row["reached"] >= row["at_most"]]
    if crossed:
        over = ", ".join(row["label"].lower() for row in crossed)
        return f"**Crossed**: {over}."
    first = min((row for row in rows if not is_missing(row.get("cycles_left"))), key=cycles, default=None)
    if first is None:
        fullest = max(rows, key=used)
        slope = [row for row in rows if not is_missing(row.get("per_cycle"))]
        rising = "The number of failures does not rise" if slope else "Too few cycles tell a slope"
        return f"{rising}; the fullest limit is *{fullest['label'].lower()}*, {share(used(fullest))} used."
    return f"At the present slope *{first['label'].lower()}* is crossed {forecast(first)}."


def course(job: Job) -> str:
    """Writes that a job has crossed a limit, or soon will; empty where it does not move there."""
    if job.word == "paused" and job.state["escrows_pruned"]:
        return (
            "is paused after its first cycle: so much failed that Entra cleared the failures (escrowsPruned). Clean "
            "up, then start it again"
        )
    near = job.nearest
    if near is None or near["cycles_left"] > AHEAD:
        return ""
    limit = LABELS[near["measure"]].lower()
    if not near["cycles_left"]:
        return f"has crossed a limit ({limit})"
    return f"will cross a limit ({limit}) at the present slope {forecast(near)}"


def cycles(row: Row) -> float:
    """Returns how many cycles are left."""
    return float(row["cycles_left"])


def forecast(row: Row) -> str:
    """Writes in how many cycles, between how many, and when a limit is crossed."""
    low, high = row["cycles_least"], row["cycles_most"]
    until = "or never" if is_missing(high) else f"to {int(high):,}"
    between = "" if is_missing(low) else f" (80% band: {int(low):,} {until})"
    at = "" if is_missing(row["crosses_at"]) else f", {instant(row['crosses_at'])}"
    return f"in about {count(row['cycles_left'], 'cycle')}{between}{at}"


FIRST = (
    ":orange[:material/flag:] Its newest cycle is a first one. In it Entra does not quarantine for failures: past the "
    "limit it clears them, finishes the cycle and pauses the job until somebody cleans up."
)


def remarks(job: Job, given: Values) -> list[str]:
    """Writes what the bars rest on."""
    lines = [
        "Microsoft calls these limits approximate and does not say over which time it counts; here the objects that "
        f"wait for a retry are counted. The numbers are parameters of the rule `quarantine_ahead`: the share of "
        f"{share(given['part'])} counts from {given['least']:,} failures; {given['most']:,} without references, "
        f"and {given['altogether']:,} in all. Credentials quarantine a job whatever the numbers."
    ]
    if job.limits and job.limits[0]["whole"] and not job.is_out:
        lines.append(FIRST)
    if job.state["escrows_pruned"]:
        lines.append("Graph says that failures were cleared in its first cycle (escrowsPruned).")
    if job.deletions is None or is_missing(job.deletions["at_most"]):
        lines.append("No deletion limit is known of this job: none is set, or no status told of one.")
    else:
        newest = f"the newest cycle with an event, {instant(job.deletions['began_at'])}"
        staged = int(job.deletions["staged"])
        back = f" {count(staged, 'object')} held back (stagedDelete)." if staged else ""
        lines.append(
            f"Deletions and disables count by cycle: {newest}, held {int(job.deletions['reached']):,}; the fullest "
            f"of the last 30 days {int(job.deletions['most']):,}.{back} At the limit Entra holds back and quarantines."
        )
    return lines


def draw_burn_down(facts: Facts) -> None:
    """Draws the objects that are pending a retry, cycle by cycle, and when none would be left."""
    st.subheader("How many objects awaited a retry after each cycle, and when will none?", anchor="burn-down")
    rows = facts.burn
    if len(rows) < 2:
        nothing("Fewer than two cycles of this job are facts.")
    elif not (rows["open"].any() or rows["opened"].any()):
        nothing(f"No pending retries after its last {len(rows)} cycles, to {instant(rows['ended_at'].iloc[-1])}.")
    else:
        slope, ends_at = pace(facts.job, rows)
        st.markdown(trend(int(rows["open"].iloc[-1]), slope, ends_at))
        chart(Key.BURN_DOWN, burn_down, rows, ends_at)
        st.caption("An object is one wait, however often it was retried; Entra gives up on it 28 days after it began.")
    show_sql(quarantine_burn_down={"at": facts.job.at, "job": facts.job.job_id})


def pace(job: Job, rows: pd.DataFrame) -> tuple[float | None, datetime | None]:
    """Returns how many more wait after each cycle, and when none would be left; None where not known, or no fall."""
    [slope] = [row["per_cycle"] for row in job.limits if row["measure"] == "total"] or [None]
    apart = rows["ended_at"].tail(PACE + 1).diff().median()
    waiting = int(rows["open"].iloc[-1])
    if is_missing(slope):
        return None, None
    if slope >= 0 or not waiting or is_missing(apart):
        return float(slope), None
    return float(slope), job.at + ceil(waiting / -slope) * apart


def trend(waiting: int, slope: float | None, ends_at: Any) -> str:
    """Writes how many wait and where that goes."""
    if not waiting:
        return "**Nobody** awaits a retry now."
    number = f"**{count(waiting, 'object')}** {'awaits' if waiting == 1 else 'await'} a retry"
    if slope is None:
        return f"{number}; too few cycles tell where that goes."
    if slope > 0:
        return f"{number}, and the number is **rising** by about {slope:,.1f} a cycle: at this slope it never ends."
    if slope == 0 or ends_at is None:
        return f"{number}, and the number neither rises nor falls: at this slope it never ends."
    return f"{number}, falling by about {-slope:,.1f} a cycle: at this slope none is left by **{instant(ends_at)}**."
