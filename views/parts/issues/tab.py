"""Issues: what goes wrong, by its cause; new against recurring, what a stretch has of its own, and one in detail."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, share
from pipeline.knowledge.causes import OWNERS
from views.charts.issues import issue_kinds
from views.frame import state
from views.frame.chart import chart_stretch
from views.frame.data import Row, ask, ask_ahead, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.panel import panel
from views.frame.state import ISSUE_WORDS, Key, Word, write_words
from views.frame.table import (
    chips_column,
    code_column,
    daily_bars,
    decimal_column,
    number_column,
    share_bar,
    table,
    text_column,
    time_columns,
)
from views.parts.issues.attribute_blame import draw_changed, draw_failing_next, needed_attributes, reads_everything
from views.parts.issues.sentences import FAULTS, STATES, issue_title
from views.parts.shared.coverage import draw_completeness, none_in_window, worst_states


def adopt_words() -> None:
    """Lets an address that was opened set the filters, once."""
    given = ISSUE_WORDS.opened()
    if given is None:
        return
    chosen, fault = given.get(Word.STATE), given.get(Word.FAULT)
    state.set_value(Key.ISSUE_STATE, chosen if chosen in STATES else None)
    state.set_value(Key.ISSUE_FAULT, fault if fault in FAULTS else None)
    state.set_value(Key.ISSUE_NOISE, given.get(Word.NOISE) == "in")


def filters() -> dict[str, str]:
    """Draws the filters, writes their words into the address and returns them."""
    adopt_words()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.pills("State", list(STATES), format_func=lambda word: STATES[word][0], key=Key.ISSUE_STATE)
        fault = st.pills("Owner", FAULTS, format_func=str.capitalize, key=Key.ISSUE_FAULT)
        noise = st.toggle(
            "Noise",
            key=Key.ISSUE_NOISE,
            help="Both sides matched already, out of scope, updates that altered nothing",
        )
    return ISSUE_WORDS.write({Word.STATE: chosen, Word.FAULT: fault, Word.NOISE: "in" if noise else None})


def sentence(rows: pd.DataFrame) -> str:
    """Writes how many causes there are, how many people wait and which hits the most."""
    if rows.empty:
        return f"No failures were read between {instant(bar().since)} and {instant(bar().until)}."
    waiting = int((rows["waiting"] > 0).sum())
    causes = count(len(rows), "cause")
    if not waiting:
        return f"{causes} of failures in this time range; no pending retries in the log."
    first = records(rows)[0]
    fresh = int(rows["state"].isin(["new", "regressed", "escalating"]).sum())
    recent = f", {fresh:,} of them new, back or growing" if fresh else ""
    return (
        f"{causes} of failures{recent}; {count(waiting, 'keeps', 'keep')} people waiting. Most wait for "
        f"“{plain(issue_title(first))}” in {plain(str(first['app_name']))}: {first['waiting']:,}."
    )


def draw_rates(row: pd.Series) -> None:
    """Draws how much went well, with and without noise."""
    redundant, outside, pseudo = (int(row[name]) for name in ("redundant", "out_of_scope", "pseudo"))
    noise = redundant + outside + pseudo
    st.caption(
        f"Success {share(row['share_without'])} without noise, {share(row['share_with'])} with it: "
        f"{count(noise, 'event')} did nothing ({redundant:,} matched already, {outside:,} out of "
        f"scope, {count(pseudo, 'update')} altered nothing)."
    )


def over_time(rows: pd.DataFrame, hours: int) -> tuple[datetime, datetime] | None:
    """Draws new against recurring, and returns the stretch that is brushed."""
    hour_states = worst_states(ask("bucket_completeness", bucket="hour"))
    chosen = stretch(chart_stretch(Key.ISSUE_KINDS.of(hours), issue_kinds, rows, hours, hour_states), hours)
    if chosen is None:
        st.caption("Drag across some bars of the chart, or over one, to see what is different inside that stretch.")
    return chosen


def compare(since: datetime, until: datetime) -> None:
    """Compares a stretch with the rest of the window."""
    title = f"{instant(since)} to {instant(until)}"
    panel(
        "stretch_differences",
        lambda rows: differences(rows, title),
        empty=f"{title}: nothing went wrong inside, or nothing in the rest; there is nothing to compare.",
        begins=since,
        ends=until,
    )


def stretch(brushed: tuple[Any, Any] | None, hours: int) -> tuple[datetime, datetime] | None:
    """Returns the stretch that was brushed: the bars that the chart lights, which are those with their middle in it.

    A brush without a bar's middle in it is for the bar that it is on. No stretch reaches beyond the window.
    """
    if brushed is None:
        return None
    low, high = sorted(pd.Timestamp(edge).to_pydatetime() for edge in brushed)
    half = timedelta(hours=hours / 2)
    begin, end = floored(low + half, hours), floored(high + half, hours)
    if begin == end:
        begin = floored(low + (high - low) / 2, hours)
        end = begin + 2 * half
    begin, end = max(begin, bar().since), min(end, bar().until)
    return (begin, end) if begin < end else None


def floored(at: datetime, hours: int) -> datetime:
    """Returns the beginning of an instant's hour or day.

    >>> floored(datetime(2026, 1, 5, 12, 30), 24)
    datetime.datetime(2026, 1, 5, 0, 0)
    """
    at = at.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    return at if hours == 1 else at.replace(hour=0)


def differences(rows: pd.DataFrame, title: str) -> None:
    """Draws what is commoner or rarer inside a stretch than in the rest of the window."""
    st.caption(f"{title}, against the rest of the window. Double-click on the chart to let go of it.")
    sure = rows[(rows["ratio_low"] > 1) | (rows["ratio_high"] < 1)]
    first = rows.iloc[0]
    if sure.empty:
        st.markdown("Nothing inside is so different that chance would not do it.")
    else:
        first_value = f"{plain(str(first['dimension']))} {plain(str(first['value']))}"
        inside, rest = share(first["inside_share"]), share(first["baseline_share"])
        st.markdown(f"**{first_value}: {inside} of what went wrong inside, {rest} in the rest.**")
    shown = rows.assign(
        interval=[f"{row.ratio_low:,.2f} to {row.ratio_high:,.2f}" for row in rows.itertuples()],
        counts=[f"{row.inside:,} of {row.inside_all:,}" for row in rows.itertuples()],
        rest=[f"{row.baseline:,} of {row.baseline_all:,}" for row in rows.itertuples()],
    )
    columns = {
        "dimension": text_column("Dimension", pinned=True),
        "value": text_column("Value", width=300),
        "inside_share": share_bar("Inside"),
        "baseline_share": share_bar("In the rest"),
        "ratio": decimal_column("Times as common", 2),
        "interval": text_column("95% interval"),
        "counts": text_column("Counted inside"),
        "rest": text_column("Counted in the rest"),
    }
    table(shown, columns, Key.DIFFERENCES)


def issues_table(rows: pd.DataFrame, words: dict[str, str]) -> None:
    """Draws the issues; a selected row opens one."""
    for name in ("state", "fault"):
        rows = rows[rows[name] == words[name]] if name in words else rows
    if rows.empty:
        nothing("No issue of this window is so.")
        return
    labels = {word: label for word, (label, _, _) in STATES.items()}
    shown = rows.assign(
        what=[issue_title(row) for row in records(rows)],
        chip=rows["state"].map(lambda word: [labels[word]]),
    )
    colours = ("red", "red", "red", "orange", "gray", "blue")
    columns = {
        "chip": chips_column("State", dict(zip(labels.values(), colours, strict=True)), pinned=True),
        "what": text_column("What goes wrong", width="large", pinned=True),
        "app_name": text_column("App"),
        "waiting": number_column("Waiting", help="People and groups, at the end"),
        "people": number_column("Hit", help="People and groups, ever"),
        "fault": text_column("Owner", help=". ".join(f"{k}: {v}" for k, v in OWNERS.items())),
        "daily": daily_bars("Hit a day", help="In the window, oldest day first"),
        "code": text_column("Code"),
        "http_status": code_column("HTTP"),
        "step_type": text_column("Step"),
        **time_columns(first_seen_at="First seen", last_seen_at="Last seen"),
    }
    table(shown, columns, Key.ISSUES, at_most=600, opens="what", on_open=open_issue)


def open_issue(row: Row) -> None:
    """Opens the side panel of an issue."""
    write_words({Word.ISSUE: str(row["issue"]), Word.OF: str(row["job_id"])})


def all_issues() -> None:
    """Draws the list and what belongs to it."""
    hours = 1 if (bar().until - bar().since) <= timedelta(days=3) else 24
    bucket = "hour" if hours == 1 else "day"
    issues = ask("issues")
    text = f"**{sentence(issues)}**"
    st.markdown(none_in_window(text) if issues.empty else text)
    ask_ahead("success_and_noise", "completeness_of_window", "changed_attributes")
    ask_ahead("bucket_completeness", bucket="hour")
    needed = needed_attributes()
    rates = ask("success_and_noise").iloc[0]
    attempts = int(rates["successes"] + rates["failures"])
    ask_ahead("failing_next", required=needed if reads_everything(attempts) else "")
    draw_rates(rates)
    draw_completeness()
    words = filters()
    panel(
        "issues",
        lambda rows: issues_table(rows, words),
        empty=none_in_window("No failures and no pending retries were read."),
        also=("success_and_noise",),
    )
    chosen = panel(
        "issues_over_time",
        lambda rows: over_time(rows, hours),
        empty=none_in_window("No failures of this time range were read."),
        bucket=bucket,
        noise=words.get("noise", "out"),
    )
    if chosen:
        compare(*chosen)
    draw_failing_next(attempts, needed)
    draw_changed()


def draw_tab() -> None:
    """Draws the list."""
    all_issues()
