"""Home's four numbers, each with its change since an instant: apps, users failing, leavers with access, success rate.

A number that cannot be known reads Unknown, with why; a change is coloured only where it is a fact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, is_missing, share
from pipeline.rules.verdict import BLINDING, Facts, Missing, Verdict, verdict
from pipeline.rules.verdict_text import app_of, lacking, unknown_sentence
from views.frame.data import as_of, ask, ask_ahead
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.numbers import hide_chart_marks, number_grid
from views.frame.panel import show_sql
from views.frame.verdict import BLIND, MARKED
from views.frame.viewer import Seen, last_visit

DAY = timedelta(days=1)
HEIGHT = 148
"Pixels of a number with a chart, without the space that Streamlit leaves below it."
TILE = 24
"Characters of an app's name that a tile has room for."
COVERED = 0.5
"How much of the previous period has to be covered, of what this one is, for the two to be compared."
Colour = Literal["normal", "inverse", "off"]
Change = tuple[str | None, Colour, Literal["auto", "off"]]
"A change's text, how it is coloured, and whether it has an arrow."


@dataclass(frozen=True)
class Changes:
    """By how much the numbers differ from those of an instant; None where there is no data to compare with."""

    compared_with: str
    "What they are compared with, in words."
    since: datetime
    apps: int | None = None
    failing: int | None = None
    leavers: int | None = None


def compared() -> tuple[datetime, str]:
    """Returns the instant to compare with: the viewer's last visit, or a day earlier."""
    visit = compared_visit()
    return (as_of() - DAY, "24 h earlier") if visit is None else (visit.data_at, "your last visit")


def compared_visit() -> Seen | None:
    """Returns what the viewer saw at their last visit; None where they never were here, or no data came since."""
    seen = last_visit()
    return None if seen is None or seen.data_at >= as_of() else seen


def changes(since: datetime, compared_with: str) -> Changes:
    """Returns what changed since an instant."""
    first = ask("extent").iloc[0]["first_at"]
    if is_missing(first) or first > since:
        return Changes(compared_with, since)
    now, then = ask("attention_at", at=as_of()), ask("attention_at", at=since)
    return Changes(
        compared_with,
        since,
        len(now) - len(then),
        int(now["failing"].sum() - then["failing"].sum()),
        int(now["leavers"].sum() - then["leavers"].sum()),
    )


def previous_period() -> dict[str, datetime]:
    """Returns the period of the same length before the time range."""
    return {"since": bar().since - (bar().until - bar().since), "until": bar().since}


def previous_success() -> float | None:
    """Returns the success rate of the previous period; None where there was no attempt, or too little data."""
    then, now = covered_share(**previous_period()), covered_share(since=bar().since, until=bar().until)
    known = then > 0 and then >= COVERED * now
    return success_of(ask("daily_success", **previous_period())) if known else None


def covered_share(**period: datetime) -> float:
    """Returns how much of a period provisioning logs cover."""
    rows = ask("completeness_of_window", **period)
    return 0.0 if rows.empty or not rows.iloc[0]["hours"] else float(rows.iloc[0]["complete"] / rows.iloc[0]["hours"])


def ask_numbers_ahead() -> None:
    """Has the questions behind the numbers asked side by side."""
    ask_ahead("daily_success")
    ask_ahead("attention_at", at=as_of())
    ask_ahead("attention_at", at=compared()[0])


def draw_numbers(facts: Facts) -> None:
    """Draws the four numbers."""
    changed = changes(*compared())
    days = ask("daily_success")
    with number_grid():
        draw_apps(verdict(facts), changed)
        draw_failing(facts, changed, days)
        draw_leavers(verdict(facts, "leavers"), changed)
        draw_success(days)
    hide_chart_marks()
    show_sql(attention_at={"at": as_of()}, daily_success={})


def metric(label: str, value: str, change: Change, help: str, **more: Any) -> None:
    """Draws one number."""
    text, colour, arrow = change
    st.metric(label, value, text, delta_color=colour, delta_arrow=arrow, help=help, border=True, height=HEIGHT, **more)


def draw_apps(result: Verdict, changed: Changes) -> None:
    """Draws how many apps need attention."""
    number = len({app_of(cause) for cause in result.causes if cause.app_name is not None})
    unknown = not number and result.state == "unknown"
    metric(
        "Apps needing attention",
        "Unknown" if unknown else f"{number} of {max(result.apps, number)}",
        (reason_in_short(result.missing), "off", "off") if unknown else counted(changed.apps, changed, unknown),
        "Apps with an open incident, in quarantine or stopped, or with users failing. "
        f"{unknown_sentence(result, MARKED)}",
    )


def draw_failing(facts: Facts, changed: Changes, days: pd.DataFrame) -> None:
    """Draws how many users and groups fail, with the failures of each day."""
    number = sum(job.failing for job in facts.jobs)
    blind = [one for one in verdict(facts).missing if one.kind in BLIND]
    unknown = bool(blind) and not number
    daily = [sum(value for value in day if not is_missing(value)) for day in zip(*lists(days, "failures"), strict=True)]
    metric(
        "Users and groups failing",
        "Unknown" if unknown else f"{number:,}",
        (reason_in_short(blind), "off", "off") if unknown else counted(changed.failing, changed, bool(blind)),
        "Users and groups whose latest attempt failed; one in two apps counts twice. Bars: failures per day.",
        chart_data=daily or None,
        chart_type="bar",
    )


def draw_leavers(result: Verdict, changed: Changes) -> None:
    """Draws how many leavers still have access, as far as that is known."""
    number = sum(cause.count for cause in result.causes)
    known = not result.missing
    shown = f"{number:,}" if known else f"At least {number:,}" if number else "Unknown"
    why: Change = (reason_in_short(result.missing), "off", "off")
    metric(
        "Leavers still with access",
        shown,
        counted(changed.leavers, changed, False) if known else why,
        "Users who should be disabled or deleted in an app and are not, staged deletes included. "
        f"{unknown_sentence(result, MARKED)}",
    )


def draw_success(days: pd.DataFrame) -> None:
    """Draws the success rate of the time range, against the period before."""
    rate, before = success_of(days), previous_success()
    change: Change = (
        "No attempts in the time range" if rate is None else "Previous period not covered",
        "off",
        "off",
    )
    if rate is not None and before is not None:
        points = 100 * (rate - before)
        change = (f"{points:+.1f} pts vs previous period", "normal" if round(points, 1) else "off", "auto")
    shares = [100 * sum(good) / (sum(good) + sum(bad)) for good, bad in daily_attempts(days) if sum(good) + sum(bad)]
    metric(
        "Success rate",
        share(rate, absent="Unknown"),
        change,
        "Successes of successes and failures in the time range; expected skips and no-op events are in neither. "
        "Line: the rate of each day with attempts.",
        chart_data=shares if len(shares) > 1 else None,
        chart_type="line",
    )


def lists(days: pd.DataFrame, of: str) -> list[list[Any]]:
    """Returns each job's numbers by day."""
    return [list(row) for row in days[f"daily_{of}"]]


def daily_attempts(days: pd.DataFrame) -> Iterable[tuple[list[float], list[float]]]:
    """Returns each day's successes and failures, job by job."""
    good, bad = (zip(*lists(days, of), strict=True) for of in ("successes", "failures"))
    for first, second in zip(good, bad, strict=True):
        yield tuple([value for value in one if not is_missing(value)] for one in (first, second))  # type: ignore[misc]


def success_of(days: pd.DataFrame) -> float | None:
    """Returns the share of attempts that succeeded; None where there was no attempt."""
    good, bad = int(days["successes"].sum()), int(days["failures"].sum())
    return good / (good + bad) if good + bad else None


def counted(change: int | None, changed: Changes, is_partly_known: bool) -> Change:
    """Writes a change of a number of which less is better; fewer is green only where the data is complete."""
    if change is None:
        return "No earlier data", "off", "off"
    if not change:
        return f"Same as {changed.compared_with}", "off", "off"
    return f"{change:+,} vs {changed.compared_with}", "off" if is_partly_known and change < 0 else "inverse", "auto"


def reason_in_short(missing: Iterable[Missing]) -> str:
    """Writes in few words why a number cannot be known: what hides it first."""
    every = sorted(missing, key=lambda one: one.kind not in BLINDING)
    if not every:
        return "Not enough data"
    first = every[0]
    if first.kind in BLINDING:
        is_short = len(first.names) == 1 and len(first.names[0]) <= TILE
        names = plain(first.names[0]) if is_short else count(len(first.names), "app")
        return f"{names} cannot be checked"
    text = lacking(first, MARKED)
    return f"{text[:1].upper()}{text[1:]}"
