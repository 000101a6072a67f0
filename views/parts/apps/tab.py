"""Overview of Apps: all of them with their status, or one app: what is wrong, what to do, impact and evidence."""

from datetime import datetime

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, share
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_text import by_app, head
from views.frame.data import Row, as_of, ask, ask_ahead
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.panel import show_sql
from views.frame.places import page_link
from views.frame.state import Key, write_words
from views.frame.verdict import MARKED, current_facts, draw_verdict
from views.parts.alerts.incidents import problem_of
from views.parts.apps.app import draw_app
from views.parts.apps.facts import (
    STALE,
    Job,
    ask_jobs_ahead,
    job_sentence,
    jobs_as_of,
    open_incidents_of,
    status_age,
)
from views.parts.apps.forecast import draw_score
from views.parts.apps.limits import course
from views.parts.overview.fleet import ROWS, app_words, ask_fleet_ahead, draw_fleet, fleet_values
from views.parts.overview.past import MANY, draw_heat_map, draw_lanes, draw_pending, draw_quarantines, folded
from views.parts.overview.summary import draw_text

NAMED = 3
"Apps that the sentence names; of more it names the worst, and the table has them all."


def summary(jobs: list[Job], others: list[str]) -> str:
    """Writes which apps are in quarantine, which `others` need attention, and which are near it."""
    out = [job for job in jobs if job.is_out]
    blind = [job for job in jobs if job.word == "unknown"]
    near = approaching([job for job in jobs if not job.is_out], with_incidents=not others)
    if out or others:
        more = [f"{count(len(out) - 1, 'more app')} in quarantine or disabled"] if len(out) > NAMED else []
        sentences = [job_sentence(job) for job in (out[:1] if more else out)]
        return ". ".join([*sentences, *more, *others, *near[:NAMED], *unknown(blind)]) + "."
    if near:
        return ". ".join([f"No known quarantine, but {near[0]}", *near[1:NAMED], *unknown(blind)]) + "."
    return ". ".join(unknown(blind)) + "." if blind else calm(jobs)


def others_needing_attention(jobs: list[Job]) -> list[str]:
    """Writes what is the matter with apps that are not in quarantine, the worst first."""
    out = {job.job_id for job in jobs if job.is_out}
    causes = [one for one in verdict(current_facts()).causes if one.app_name is not None and one.job_id not in out]
    apps = by_app(causes)
    more = (
        [count(len(apps) - NAMED, "more app needs attention", "more apps need attention")] if len(apps) > NAMED else []
    )
    return [*(head(own, MARKED) for own in apps[:NAMED]), *more]


def approaching(jobs: list[Job], with_incidents: bool) -> list[str]:
    """Writes which jobs move towards quarantine: by the trend of their failures, or by what a rule found."""
    ahead = [f"**{job.name}** {course(job)}" for job in jobs if course(job)]
    found = open_incidents_of(jobs) if with_incidents else []
    return ahead + [
        f"{plain(problem_of(row))} since {instant(row['opened_at'])}" for row in found if row["severity"] == "critical"
    ]


def unknown(jobs: list[Job]) -> list[str]:
    """Writes of which jobs there is no status."""
    if not jobs:
        return []
    names = ", ".join(f"**{job.name}**" for job in jobs[:4]) + (f" and {len(jobs) - 4} more" if len(jobs) > 4 else "")
    return [f"Quarantine status unknown for {names}: no job status is loaded, and provisioning logs do not have it"]


def calm(jobs: list[Job]) -> str:
    """Writes that none is near, and how old the oldest status is."""
    fullest = max(jobs, key=lambda job: job.fullest)
    oldest = min(jobs, key=lambda job: job.state["observed_at"])
    old = f" Oldest job status: {instant(oldest.state['observed_at'])}." if status_age(oldest) else ""
    return (
        f"No job status shows a quarantine. Closest to a limit: **{fullest.name}**, {share(fullest.fullest)} used.{old}"
    )


def open_app(row: Row) -> None:
    """Chooses the app of a row."""
    write_words(app_words(row["job_id"]))


def matching_apps(fleet: pd.DataFrame) -> pd.DataFrame:
    """Returns the apps whose name holds what was entered; of few, all of them without asking."""
    if len(fleet) <= ROWS:
        return fleet
    entered = st.text_input(
        "Find an app", key=Key.APPS.of("search"), placeholder="Find an app by its name", icon=":material/search:"
    )
    found = fleet[fleet["app_name"].fillna("").str.contains(entered.strip(), case=False, regex=False)]
    if found.empty:
        nothing(f"No app has {plain(entered)} in its name.")
    return found.reset_index(drop=True)


def draw_all(jobs: list[Job], at: datetime) -> None:
    """Draws every app, with its status over time; more in closed expanders."""
    # Of a job that a newer one of its app has replaced there is nothing to tell.
    replaced = {job.job_id for job in current_facts().jobs if job.replaced_at is not None}
    current = [job for job in jobs if job.job_id not in replaced]
    others = others_needing_attention(jobs)
    doubt = any(course(job) for job in jobs)
    draw_text("all" if others else "quarantine", summary(current, others), doubt=doubt)
    show_sql(quarantine_states={"at": at}, quarantine_inferred={"at": at})
    fleet = ask("fleet", **fleet_values())
    if fleet.empty:
        nothing("No app in the provisioning logs yet.")
    elif not (chosen := matching_apps(fleet)).empty:
        draw_fleet(chosen, Key.APPS, open_app)
    if len(jobs) > MANY:
        folded("Job status history", lambda: draw_lanes(at))
    else:
        st.subheader("Job status history", anchor="lanes")
        draw_lanes(at)
    folded("Failures by app over time", draw_heat_map)
    folded("Pending retries", draw_pending)
    folded("Past quarantines", lambda: draw_quarantines(at))
    folded("Prediction accuracy", draw_score)


def draw_tab() -> None:
    """Draws the tab."""
    at = as_of()
    ask_jobs_ahead(at)
    ask_ahead("quarantine_lanes", at=at, gap=int(STALE.total_seconds()))
    ask_fleet_ahead()
    jobs = jobs_as_of(at)
    if bar().job is not None and jobs:
        draw_app(jobs[0])
    elif jobs:
        draw_all(jobs, at)
    else:
        draw_verdict("quarantine")
        page_link("traffic", "SCIM traffic", ":material/swap_horiz:")
