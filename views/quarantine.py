"""Quarantine: which job is in it or will be, why, who waits, and what ends it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from views.charts import quarantine as quarantine_charts
from views.frame.data import BLANK, PLAIN, Row, ahead, as_of, ask, asked, bar, is_empty, records, teach, times
from views.frame.look import cause, missing, plain, span, when
from views.parts.quarantine import cause as cause_part
from views.parts.quarantine import facts, forecast, limits, recovery
from views.parts.quarantine.facts import STALE, Job

Box = Callable[..., Any]


def answer(jobs: list[Job]) -> tuple[Box, str]:
    """Gives the sentence that answers, and the box for it."""
    out = [job for job in jobs if job.is_out]
    blind = [job for job in jobs if job.word == "unknown"]
    near = approaching([job for job in jobs if not job.is_out])
    if out:
        said = [facts.standing(job) for job in out]
        grave = any(job.word != "inferred" for job in out)
        return (st.error if grave else st.warning), ". ".join([*said, *near, *unknown(blind)]) + "."
    if near:
        return st.warning, ". ".join(
            [f"No job is known to be in quarantine, but: {near[0]}", *near[1:], *unknown(blind)]
        ) + "."
    if blind:
        return st.info, ". ".join(unknown(blind)) + "."
    sure = not cause_part.unasked() and not any(facts.age(job) for job in jobs)
    return st.success if sure else st.info, calm(jobs)


def approaching(jobs: list[Job]) -> list[str]:
    """Says which jobs move towards quarantine: by the slope of their failures, or by what a rule saw."""
    ahead = [f"**{job.name}** {limits.course(job)}" for job in jobs if limits.course(job)]
    return ahead + [plain(str(row["summary"])) for row in facts.seen(jobs) if row["severity"] == "critical"]


def unknown(jobs: list[Job]) -> list[str]:
    """Says of whom no status tells."""
    if not jobs:
        return []
    names = ", ".join(f"**{job.name}**" for job in jobs[:4]) + (f" and {len(jobs) - 4} more" if len(jobs) > 4 else "")
    return [
        f"Whether {names} {'is' if len(jobs) == 1 else 'are'} in quarantine is not known: no status was ever read, and "
        "the log itself never says so"
    ]


def calm(jobs: list[Job]) -> str:
    """Says that none is near, and how old the oldest word of that is."""
    fullest = max(jobs, key=lambda job: job.fullest)
    oldest = min(jobs, key=lambda job: job.state["observed_at"])
    old = f" The oldest status is of {when(oldest.state['observed_at'])}." if facts.age(oldest) else ""
    percent = limits.percent(fullest.fullest)
    blind = cause_part.unasked()
    rules = f"But {blind}." if blind else "No health rule sees a path into it."
    return (
        f"No job is in quarantine, and none is near by its failures: the fullest limit is {percent} used, by "
        f"**{fullest.name}**. {rules}{old}"
    )


def lanes(at: datetime) -> None:
    """Draws how every job stood over the window."""
    given = {"at": at, "gap": int(STALE.total_seconds())}
    rows = ask("quarantine_lanes", **given)
    st.subheader("How did each job stand over time?", anchor="lanes")
    if rows.empty:
        st.markdown(":gray[:material/remove: No job is known in this window.]")
    else:
        figure = quarantine_charts.lanes(rows, bar().since, bar().until, at)
        st.plotly_chart(figure, key="lanes", config=PLAIN)
        never = ask("rule_runs_lately").empty
        st.caption(
            "Watch and imminent are what the health rules found"
            + (", which were **never asked**, so neither can show here. " if never else ". ")
            + f"Hatched: no status within {span(STALE.total_seconds())}, so nobody knows."
        )
    asked(quarantine_lanes=given)


def chosen(jobs: list[Job]) -> None:
    """Draws all that is known of the bar's job, else of the worst."""
    job = jobs[0]
    known = facts.facts(job)
    st.header(job.name, divider="gray", anchor="job")
    if bar().job is None and len(jobs) > 1:
        others = ", ".join(other.name for other in jobs[1:6])
        st.caption(f"The one that needs a look the most; choose another as the job above: {others}.")
    limits.draw_clock(job)
    left, right = st.columns([3, 2], gap="large")
    with left:
        cause_part.draw(known)
    with right:
        recovery.draw(known)
    cause_part.waiting(known)
    limits.draw_headroom(job)
    limits.draw_burn(known)


def episodes(at: datetime) -> None:
    """Draws past quarantines with how soon each was noticed and mended."""
    rows = ask("quarantine_episodes", at=at)
    st.subheader(
        "Which quarantines were there, how soon were they noticed, and how long did they last?", anchor="episodes"
    )
    if rows.empty:
        st.markdown(":gray[:material/remove: No status that was read told of one.]")
    else:
        told = pd.DataFrame([episode(row) for row in records(rows)])
        columns = {
            "app_name": st.column_config.TextColumn("App"),
            **times(opened_at="Began", noticed_at="Noticed", closed_at="Over"),
            "to_notice": st.column_config.TextColumn("Time to notice"),
            "to_fix": st.column_config.TextColumn("Time to fix"),
            "why": st.column_config.TextColumn("Why", width="large"),
            "series_count": st.column_config.NumberColumn(
                "Tries kept", help="How often Entra looked again and kept it"
            ),
        }
        st.dataframe(told, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)
        st.caption(
            "Noticed is when a check of the rule `quarantined` found it; a check of old logs finds it late, by their "
            "own time. Over is when a status first said so."
        )
    asked(quarantine_episodes={"at": at})


def episode(row: Row) -> Row:
    """Writes one quarantine with the times it took."""
    return row | {
        "to_notice": "never" if missing(row["noticed_at"]) else apart(row["opened_at"], row["noticed_at"]),
        "to_fix": "lasts" if missing(row["closed_at"]) else apart(row["opened_at"], row["closed_at"]),
        "why": cause(row["reason"], row["error_code"]),
    }


def apart(first: Any, second: Any) -> str:
    """Writes the time between two instants."""
    return span(max(0.0, (second - first).total_seconds()))


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
        return
    at = as_of()
    facts.ask_ahead(at)
    ahead("quarantine_lanes", "quarantine_episodes", at=at, gap=int(STALE.total_seconds()))
    jobs = facts.jobs(at)
    if not jobs:
        st.info("No job is known here: neither an event nor a status of one was read.")
        return
    box, said = answer(jobs)
    box(said)
    asked(quarantine_states={"at": at}, quarantine_inferred={"at": at})
    lanes(at)
    chosen(jobs)
    episodes(at)
    forecast.score()


if __name__ == "__main__":
    page()
