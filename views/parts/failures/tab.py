"""Failures: how errors move, which ones hit the most, and the rows behind any bar."""

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, share
from views.charts.failures import error_codes, failures_over_time
from views.frame.chart import chart_mark
from views.frame.data import ask, ask_ahead
from views.frame.events import matching_events
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.panel import panel
from views.frame.places import page_link
from views.frame.state import Key, Word, read_word, write_word
from views.frame.table import number_column, table, text_column, time_columns
from views.parts.shared.coverage import bucket_sentence, draw_completeness, none_in_window, worst_states

BY = {"code": "Error code", "app": "App", "step": "Step"}
NAMELESS = "(no code)"


def sentence(daily: pd.DataFrame, errors: pd.DataFrame) -> str:
    """Writes how much failed and which error hit the most."""
    failed, good = (int(daily[name].sum()) if not daily.empty else 0 for name in ("failures", "successes"))
    if not failed:
        window = f"between {instant(bar().since)} and {instant(bar().until)}"
        return none_in_window(f"No failure was read {window}; {count(good, 'attempt')} succeeded.")
    top = errors.iloc[0]
    hit = count(top["objects"], "person or group", "people and groups")
    widest = f"{plain(code_name(top['error_code']))} hit the most: {hit}"
    still = count(errors["still_failing"].sum(), "object is", "objects are")
    return (
        f"{count(failed, 'attempt')} of {failed + good:,} failed "
        f"(success {share(good / (failed + good))}, benign skips left out). "
        f"{widest}. {still} still failing with one of these."
    )


def code_name(code: object) -> str:
    """Returns an error code, or words for none."""
    return NAMELESS if is_missing(code) else str(code)


def choice(word: Word, key: Key, options: dict[str, str], usual: str, label: str) -> str:
    """Draws a switch whose choice stands in the address."""
    given = read_word(word, usual)
    chosen = st.segmented_control(
        label,
        list(options),
        default=given if given in options else usual,
        format_func=options.__getitem__,
        required=True,
        key=key,
    )
    chosen = chosen or usual
    write_word(word, chosen if chosen != usual else None)
    return str(chosen)


def over_time(by: str, bucket: str, rows: pd.DataFrame) -> None:
    """Draws failures over time; a selected bar opens its rows."""
    rows = rows.assign(label=rows["label"].map(code_name))
    hours = 1 if bucket == "hour" else 24
    buckets = ask("bucket_completeness", bucket=bucket)
    hour_states = worst_states(ask("bucket_completeness", bucket="hour"))
    chosen = chart_mark(Key.FAILURES_OVER_TIME.of(by, bucket), failures_over_time, rows, hours, hour_states)
    if chosen:
        since = datetime.fromisoformat(str(chosen[1]))
        until = since + timedelta(hours=hours)
        only = {by: None if chosen[0] == NAMELESS else chosen[0]}
        title = f"{plain(str(chosen[0]))}, {instant(since)} to {instant(until)}"
        matching_events(title, since=max(since, bar().since), until=min(until, bar().until), **only)
    else:
        st.caption(f"Select a bar to see its rows. {bucket_sentence(buckets, hours)}")


def errors_table(rows: pd.DataFrame) -> None:
    """Draws attempts and objects of each error side by side, then the errors as a table that opens their rows."""
    rows = rows.assign(error_code=rows["error_code"].map(code_name))
    mark = chart_mark(Key.CODES, error_codes, rows)
    columns = {
        "error_code": text_column("Error", pinned=True),
        "apps": text_column("Apps"),
        "objects": number_column("People and groups"),
        "attempts": number_column("Attempts"),
        "still_failing": number_column("Still failing"),
        **time_columns(first_seen_at="First seen", last_seen_at="Last seen"),
        "advice": text_column("Microsoft recommends", width="medium"),
        "reason": text_column("The newest one says", width="medium"),
    }
    row = table(rows, columns, Key.TOP_ERRORS, select=True)
    code = str(mark[0]) if mark else str(row["error_code"]) if row else None
    if code is None:
        st.caption("Select a bar or a row to see its events.")
    else:
        matching_events(plain(code), code=None if code == NAMELESS else code)


def skips_table(rows: pd.DataFrame) -> None:
    """Draws skip reasons; those that need somebody come first. A selected row opens its events."""
    rows = rows.assign(needs=rows["benign"].map({True: "nobody", False: "somebody"}))
    columns = {
        "skip_reason": text_column("Reason", pinned=True),
        "needs": text_column("Needs"),
        "objects": number_column("People and groups"),
        "skips": number_column("Skips"),
        "apps": text_column("Apps"),
        **time_columns(last_seen_at="Last seen"),
    }
    row = table(rows, columns, Key.SKIP_REASONS, select=True)
    if row is not None:
        reason = row["skip_reason"]
        matching_events(plain(code_name(reason)), status="skipped", skip=None if is_missing(reason) else reason)


def draw_tab() -> None:
    """Draws the tab."""
    ask_ahead("top_errors", "daily_success")
    errors = ask("top_errors")
    st.markdown(f"**{sentence(ask('daily_success'), errors)}**")
    ask_ahead("completeness_of_window", "skips_by_reason")
    ask_ahead("bucket_completeness", bucket="hour")
    draw_completeness()
    with st.container(horizontal=True):
        by = choice(Word.BY, Key.GROUPED_BY, BY, "code", "Tell apart by")
        short = (bar().until - bar().since) <= timedelta(days=3)
        buckets = {"hour": "Hour", "day": "Day (UTC)"}
        bucket = choice(Word.BUCKET, Key.BUCKET, buckets, "hour" if short else "day", "Each bar is")
    panel(
        "failures_over_time",
        lambda rows: over_time(by, bucket, rows),
        empty=none_in_window("No failure of this window was read."),
        by=by,
        bucket=bucket,
    )
    panel("top_errors", errors_table, empty=none_in_window("No failure of this window was read."))
    label = "The same by cause: whom each hit, whose fault it is and what to do"
    page_link("issues", label, ":material/arrow_forward:", bar().link())
    panel("skips_by_reason", skips_table, empty=none_in_window("No skip of this window was read."))
