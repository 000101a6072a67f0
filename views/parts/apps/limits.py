"""How near one job is to quarantine and to its end: the 28-day clock, headroom, pending retries over time."""

from datetime import datetime, timedelta
from math import ceil
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, share
from pipeline.rules.verdict_text import PEOPLE
from views.charts.quarantine import burn_down, headroom
from views.frame.chart import chart
from views.frame.data import Row, Values, ask, own_name, records
from views.frame.empty import nothing
from views.frame.panel import show_sql
from views.frame.state import Key
from views.parts.apps.facts import AHEAD, Facts, Job, clock_label, limits, status_age, used

LABELS = {
    "share": "Share of failing users and groups",
    "count": "Failures without references",
    "total": "All failures",
    "deletions": "Deletions in one cycle",
}
CHARTED = 0.1
"From which part of a limit on that is used the limits are drawn; below it a sentence says it all."
PACE = 12
"Cycles from which a cycle's usual distance is taken, as the slope is."


def draw_clock(job: Job) -> None:
    """Draws how much of the time until Entra disables a job is over; nothing where no clock runs."""
    if job.word != "quarantined" or is_missing(job.since):
        return
    passed = (job.at - job.since) / timedelta(days=job.days)
    st.progress(min(1.0, max(0.0, passed)), text=f"{clock_label(job)}{status_age(job)}.")
    st.caption(
        f"After that, provisioning stops until you restart it, which triggers a full initial cycle.{attempts(job)}"
    )


def attempts(job: Job) -> str:
    """Writes how often Entra tried since the quarantine began."""
    tries = job.state["series_count"]
    return "" if is_missing(tries) else f" Entra has retried {count(tries, 'time')} without success."


def draw_headroom(job: Job) -> None:
    """Draws how much of each limit is used up, and what the next cycles are expected to add."""
    rows, given = limit_rows(job)
    if not rows:
        nothing("No events of this app in the store, so nothing can be counted.")
    else:
        st.markdown(next_limit(rows))
        if any(used(row) >= CHARTED or not is_missing(row.get("cycles_left")) for row in rows):
            chart(Key.HEADROOM, headroom, rows)
        for line in remarks(job, given):
            (st.markdown if line is FIRST else st.caption)(line)
    show_sql(
        quarantine_headroom={"at": job.at, "job": job.job_id, **given},
        quarantine_deletions={"at": job.at, "job": job.job_id},
    )


def limit_rows(job: Job) -> tuple[list[Row], Values]:
    """Returns the rows of the chart, and the numbers that rules.toml sets for the job's app."""
    given = limits(own_name(job.state))
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
        return f"**Limit reached**: {over}."
    first = min((row for row in rows if not is_missing(row.get("cycles_left"))), key=cycles, default=None)
    if first is None:
        fullest = max(rows, key=used)
        slope = [row for row in rows if not is_missing(row.get("per_cycle"))]
        rising = "Failures are not increasing" if slope else "Too few cycles for a trend"
        return f"{rising}. Closest limit: *{fullest['label'].lower()}*, {share(used(fullest))} used."
    return f"At the current trend, *{first['label'].lower()}* reaches its limit {forecast(first)}."


def course(job: Job) -> str:
    """Writes that a job has crossed a limit, or soon will; empty where it does not move there."""
    if job.word == "paused" and job.state["escrows_pruned"]:
        return (
            "was paused by Entra after its first cycle: too many failures, which Entra cleared. Fix their causes, then "
            "start provisioning again"
        )
    near = job.nearest
    if near is None or near["cycles_left"] > AHEAD:
        return ""
    limit = LABELS[near["measure"]].lower()
    if not near["cycles_left"]:
        return f"has reached a quarantine limit ({limit})"
    return f"will reach a quarantine limit ({limit}) {forecast(near)} at the current trend"


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
    ":orange[:material/flag:] The newest cycle is an initial one. Entra does not quarantine for failures in it: beyond "
    "the limit it clears them, finishes the cycle and pauses the job."
)


def remarks(job: Job, given: Values) -> list[str]:
    """Writes what the bars rest on."""
    lines = [
        "Microsoft calls these limits approximate and does not document the period; pending retries are counted here. "
        f"Limits, as set on Alert rules: {share(given['part'])} of users and groups from {given['least']:,} failures "
        f"on; {given['most']:,} failures without references; {given['altogether']:,} in all. A rejected token "
        "quarantines a job whatever the numbers."
    ]
    if job.limits and job.limits[0]["whole"] and not job.is_out:
        lines.append(FIRST)
    if job.state["escrows_pruned"]:
        lines.append("Entra cleared failures in the first cycle.")
    if job.deletions is None or is_missing(job.deletions["at_most"]):
        lines.append("No deletion limit is known: none is set, or no job status has it.")
    else:
        newest = f"the newest cycle with an event, {instant(job.deletions['began_at'])}"
        staged = int(job.deletions["staged"])
        back = f" {count(staged, 'deletion')} staged." if staged else ""
        lines.append(
            f"Deletions and disables count per cycle: {int(job.deletions['reached']):,} in {newest}; at most "
            f"{int(job.deletions['most']):,} in the last 30 days.{back} At the limit Entra stages them and quarantines."
        )
    return lines


def has_retries(facts: Facts) -> bool:
    """Whether the app has, or had in the cycles that are looked at, pending retries."""
    return len(facts.burn) > 1 and bool(facts.burn["open"].any() or facts.burn["opened"].any())


def draw_burn_down(facts: Facts) -> None:
    """Draws the objects that are pending a retry, cycle by cycle, and when none would be left."""
    rows = facts.burn
    if len(rows) < 2:
        nothing("Fewer than two cycles of this app are in the store.")
    elif not has_retries(facts):
        nothing(f"No pending retries after the last {len(rows)} cycles, to {instant(rows['ended_at'].iloc[-1])}.")
    else:
        slope, ends_at = pace(facts.job, rows)
        st.markdown(trend(int(rows["open"].iloc[-1]), slope, ends_at))
        chart(Key.BURN_DOWN, burn_down, rows, ends_at)
        st.caption("Each user or group counts once, however often it was retried. Retries end after 28 days.")
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
        return "No pending retries."
    number = f"**{count(waiting, *PEOPLE)}** pending retry"
    if slope is None:
        return f"{number}; too few cycles for a trend."
    if slope > 0:
        return f"{number}, **rising** by about {slope:,.1f} per cycle."
    if slope == 0 or ends_at is None:
        return f"{number}, not decreasing."
    return f"{number}, falling by about {-slope:,.1f} per cycle: none left by **{instant(ends_at)}** at this trend."
