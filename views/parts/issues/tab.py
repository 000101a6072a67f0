"""Issues: open incidents, failures by cause, users at risk, and what a stretch of time has of its own."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, share
from pipeline.knowledge.causes import OWNER_NAMES, OWNERS
from views.charts.issues import issue_kinds
from views.frame import state
from views.frame.chart import chart_stretch
from views.frame.data import ask, ask_ahead, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import plain, plain_name
from views.frame.numbers import number_grid
from views.frame.panel import panel, show_sql
from views.frame.state import ISSUE_WORDS, Key, Word, read_word, write_word
from views.frame.table import (
    chips_column,
    daily_bars,
    decimal_column,
    number_column,
    share_bar,
    table,
    text_column,
    time_columns,
)
from views.frame.verdict import number_or_unknown
from views.parts.alerts.tab import draw_open, draw_summary
from views.parts.issues.attribute_blame import draw_changed, draw_failing_next
from views.parts.issues.handling import owner_of, with_handling
from views.parts.issues.issue import open_issue
from views.parts.issues.sentences import FAULTS, STATES, affected_words, issue_title
from views.parts.shared.coverage import draw_completeness, none_in_window, worst_states

OPEN, SNOOZED, ALL = "open", "snoozed", "all"
"Which issues the list shows besides those of one state: the open ones, as it is first, the snoozed, or all."
OWNER_HELP = ". ".join(f"{OWNER_NAMES[owner]}: {text}" for owner, text in OWNERS.items() if owner != "nobody")


def adopt_words() -> None:
    """Lets an address that was opened set the filters, once."""
    given = ISSUE_WORDS.opened()
    if given is None:
        return
    chosen, fault = given.get(Word.STATE), given.get(Word.FAULT)
    state.set_value(Key.ISSUE_STATE, chosen if chosen in (SNOOZED, ALL, *STATES) else OPEN)
    state.set_value(Key.ISSUE_FAULT, fault if fault in FAULTS else None)
    state.set_value(Key.ISSUE_NOISE, given.get(Word.NOISE) == "in")


def is_open(rows: pd.DataFrame) -> pd.Series:
    """Returns which issues are open: not snoozed, and users or groups are pending, or it is new, back or growing."""
    return ((rows["waiting"] > 0) | ~rows["state"].isin(["quiet", "resolved"])) & ~rows["snoozed"]


def filters(issues: pd.DataFrame) -> dict[str, str]:
    """Draws the filters with how many issues each leaves, writes their words into the address and returns them."""
    adopt_words()
    counts = {OPEN: int(is_open(issues).sum()), SNOOZED: int(issues["snoozed"].sum()), ALL: len(issues)}
    counts |= dict(issues["state"].value_counts())
    labels = {OPEN: "Open", SNOOZED: "Snoozed", ALL: "All"} | {word: label for word, (label, _, _) in STATES.items()}
    chosen_now = state.value(Key.ISSUE_STATE)
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.pills(
            "Status",
            [OPEN, *(word for word in (*STATES, SNOOZED) if counts.get(word) or chosen_now == word), ALL],
            format_func=lambda word: f"{labels[word]} {counts.get(word, 0):,}",
            key=Key.ISSUE_STATE,
            label_visibility="collapsed",
        )
        fault = st.selectbox(
            "Likely owner",
            FAULTS,
            index=None,
            placeholder="Any owner",
            format_func=OWNER_NAMES.__getitem__,
            key=Key.ISSUE_FAULT,
            label_visibility="collapsed",
            width=170,
        )
        if code := read_word(Word.CODE):
            st.button(
                f"Error code: {plain(code)}",
                icon=":material/close:",
                key=Key.CLEAR_CODE,
                help="Clear the error code filter",
                on_click=lambda: write_word(Word.CODE, None),
            )
    noise = "in" if state.value(Key.ISSUE_NOISE) else None
    shown = None if chosen == OPEN else chosen
    return ISSUE_WORDS.write({Word.STATE: shown, Word.FAULT: fault, Word.NOISE: noise})


def sentence(rows: pd.DataFrame) -> str:
    """Writes how many issues are open, and which has most users pending."""
    if rows.empty:
        return f"No failures were read between {instant(bar().since)} and {instant(bar().until)}."
    still = rows[is_open(rows)]
    if still.empty:
        return f"{count(len(rows), 'issue')} in this time range; none is open, no retries are pending in the log."
    first = records(still)[0]
    title = f"{plain(issue_title(first))} in {plain_name(first['app_name'])}"
    largest = f"{title} ({affected_words(first['waiting'], first['source_type'])})"
    return f"1 open issue: {largest}." if len(still) == 1 else f"{len(still):,} open issues; the largest: {largest}."


def draw_metrics(issues: pd.DataFrame, rates: pd.Series) -> None:
    """Draws four numbers: open incidents, open causes, who is pending, and the success rate."""
    redundant, outside, pseudo = (int(rates[name]) for name in ("redundant", "out_of_scope", "pseudo"))
    checked = not ask("rule_runs_lately").empty
    incidents = len(ask("open_incidents")) if checked else 0
    fresh = int(issues["state"].isin(["new", "regressed", "escalating"]).sum()) if len(issues) else 0
    tiles = (
        ("Open incidents", f"{incidents:,}" if checked else "Unknown", "Root causes that alert rules found"),
        (
            "Open issues",
            number_or_unknown(int(is_open(issues).sum()) if len(issues) else 0),
            f"{fresh:,} of them new, back or growing. {len(issues):,} in this time range, resolved ones included",
        ),
        (
            "Affected now",
            number_or_unknown(int(issues["waiting"].sum())),
            "Users and groups with an open issue; each counts once for every issue",
        ),
        (
            "Success rate",
            share(rates["share_without"], "Unknown"),
            f"Successes of successes and failures. Not counted: {count(redundant + outside + pseudo, 'no-op event')} "
            f"({redundant:,} in sync already, {outside:,} out of scope, {count(pseudo, 'update')} without a change). "
            f"With them: {share(rates['share_with'], 'unknown')}",
        ),
    )
    with number_grid():
        for label, shown, explained in tiles:
            st.metric(label, shown, help=explained, border=True)


def over_time(rows: pd.DataFrame, hours: int) -> tuple[datetime, datetime] | None:
    """Draws new against recurring, and returns the stretch that is brushed."""
    hour_states = worst_states(ask("bucket_completeness", bucket="hour"))
    chosen = stretch(chart_stretch(Key.ISSUE_KINDS.of(hours), issue_kinds, rows, hours, hour_states), hours)
    if chosen is None:
        st.caption("Drag across bars to compare that stretch with the rest of the time range.")
    return chosen


def compare(since: datetime, until: datetime) -> None:
    """Compares a stretch with the rest of the window."""
    title = f"{instant(since)} to {instant(until)}"
    panel(
        "stretch_differences",
        lambda rows: differences(rows, title),
        empty=f"{title}: no failures inside, or none in the rest, so there is nothing to compare.",
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
    st.caption(f"{title}, compared with the rest of the time range. Double-click the chart to clear.")
    sure = rows[(rows["ratio_low"] > 1) | (rows["ratio_high"] < 1)]
    first = rows.iloc[0]
    if sure.empty:
        st.markdown("No difference that chance does not explain.")
    else:
        first_value = f"{plain(str(first['dimension']))} {plain(str(first['value']))}"
        inside, rest = share(first["inside_share"]), share(first["baseline_share"])
        st.markdown(f"**{first_value}: {inside} of the failures inside, {rest} of the rest.**")
    shown = rows.assign(
        interval=[f"{row.ratio_low:,.2f} to {row.ratio_high:,.2f}" for row in rows.itertuples()],
        counts=[f"{row.inside:,} of {row.inside_all:,}" for row in rows.itertuples()],
        rest=[f"{row.baseline:,} of {row.baseline_all:,}" for row in rows.itertuples()],
    )
    columns = {
        "dimension": text_column("Dimension"),
        "value": text_column("Value", width=300),
        "inside_share": share_bar("Inside"),
        "baseline_share": share_bar("In the rest"),
        "ratio": decimal_column("Times as common", 2),
        "interval": text_column("95% interval"),
        "counts": text_column("Counted inside"),
        "rest": text_column("Counted in the rest"),
    }
    table(shown, columns, Key.DIFFERENCES)


def matching(rows: pd.DataFrame, words: dict[str, str]) -> pd.DataFrame:
    """Returns the issues that the filters leave; a search for a code shows it whatever its state."""
    code = read_word(Word.CODE)
    chosen = words.get(Word.STATE, ALL if code else OPEN)
    if chosen == OPEN:
        rows = rows[is_open(rows)]
    elif chosen == SNOOZED:
        rows = rows[rows["snoozed"]]
    elif chosen != ALL:
        rows = rows[rows["state"] == chosen]
    if Word.FAULT in words:
        rows = rows[rows["fault"] == words[Word.FAULT]]
    return rows[rows["code"] == code] if code else rows


def draw_list(every: pd.DataFrame, words: dict[str, str]) -> None:
    """Draws the issues that the filters leave, or why there are none; a row opens one."""
    rows = matching(every, words)
    if rows.empty:
        code = read_word(Word.CODE)
        what = f" with the error code {plain(code)}" if code else ""
        only = "open " if not code and Word.STATE not in words else ""
        filtered = " match the filters" if words.keys() & {Word.STATE, Word.FAULT} else ""
        nothing(none_in_window(f"No {only}issues{what} in this time range{filtered}."))
        return
    labels = {word: label for word, (label, _, _) in STATES.items()}
    shown = rows.assign(
        what=[issue_title(row) for row in records(rows)],
        chip=(rows["state"].map(labels).mask(rows["snoozed"], "Snoozed")).map(lambda label: [label]),
        owner=[owner_of(row) for row in records(rows)],
    )
    columns = {
        "what": text_column("Issue", width=330),
        "app_name": text_column("App", width=105),
        "chip": chips_column("Status", dict(zip(labels.values(), COLOURED, strict=True)) | {"Snoozed": "gray"}),
        "waiting": number_column("Affected", help="Users and groups whose last attempt failed"),
        "people": number_column("In total", help="Users and groups, also those that recovered"),
        "daily": daily_bars("Trend", width="small", help="Users and groups affected on each day, oldest first"),
        "owner": text_column("Owner", width=135, help=OWNER_HELP),
        **time_columns(first_seen_at="Since", last_seen_at="Last seen"),
    }
    table(shown, columns, Key.ISSUES, at_most=420, opens="what", on_open=open_issue, of="issues")


COLOURED = ("red", "red", "red", "orange", "gray", "blue")
"The colour of each state's chip."


def draw_trend(words: dict[str, str]) -> None:
    """Draws new against recurring failures, and what a brushed stretch has of its own."""
    hours = 1 if (bar().until - bar().since) <= timedelta(days=3) else 24
    bucket, noise = "hour" if hours == 1 else "day", words.get(Word.NOISE, "out")
    label = "New vs recurring failures"
    box = st.expander(label, key=Key.NEW_RECURRING, on_change="rerun")
    if not box.open:
        show_sql(issues_over_time={"bucket": bucket, "noise": noise})
        return
    with box:
        st.toggle(
            "Include no-op events",
            key=Key.ISSUE_NOISE,
            help="In sync already, out of scope, or updates without a change",
        )
        none = none_in_window("No failures in this time range.")
        chosen = panel(
            "issues_over_time",
            lambda rows: over_time(rows, hours),
            empty=none,
            title="",
            bucket=bucket,
            noise=noise,
        )
        if chosen:
            compare(*chosen)


def draw_tab() -> None:
    """Draws what is open, the incidents, the issues, and in closed sections who is at risk and how failures move."""
    ask_ahead("success_and_noise", "rule_runs_lately", "completeness_of_window")
    issues = with_handling(ask("issues"))
    draw_summary(none_in_window(sentence(issues)) if issues.empty else sentence(issues))
    rates = ask("success_and_noise").iloc[0]
    draw_metrics(issues, rates)
    draw_open()
    st.subheader("Issues by cause", anchor="issues", help="Failures of one app with the same cause are one issue.")
    words = filters(issues)
    draw_list(issues, words)
    show_sql(issues={}, success_and_noise={}, issue_actions={})
    draw_failing_next(int(rates["successes"] + rates["failures"]))
    draw_trend(words)
    draw_changed()
    draw_completeness()
