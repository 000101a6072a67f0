"""Failures: how errors move, which ones hit the most, and the rows behind any bar."""

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, share
from pipeline.knowledge.causes import find_cause
from views.charts.failures import error_codes, failures_over_time
from views.frame.chart import chart_mark
from views.frame.data import Row, ask, ask_ahead, records
from views.frame.events import matching_events
from views.frame.filters import bar
from views.frame.look import plain, text_or_none
from views.frame.panel import panel
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, read_word, write_word
from views.frame.switches import follows
from views.frame.table import number_column, table, text_column, time_columns
from views.parts.people.status import in_code
from views.parts.shared.coverage import bucket_sentence, none_in_window, worst_states
from views.parts.shared.remedies import meaning_in, steps_in, stop_word

BY = {"code": "Error code", "app": "App", "step": "Step"}
NAMELESS = "(no code)"


def sentence(daily: pd.DataFrame, errors: pd.DataFrame) -> str:
    """Writes how much failed and which error affects the most users."""
    failed, good = (int(daily[name].sum()) if not daily.empty else 0 for name in ("failures", "successes"))
    if not failed:
        window = f"between {instant(bar().since)} and {instant(bar().until)}"
        return none_in_window(f"No failures {window}; {count(good, 'successful attempt')}.")
    top = records(errors)[0]
    affected = count(top["objects"], "user or group", "users and groups")
    still = int(errors["still_failing"].sum())
    verb = "is" if still == 1 else "are"
    return (
        f"{failed:,} of {count(failed + good, 'attempt')} failed (success rate {share(good / (failed + good))}, "
        f"expected skips not counted). Most widespread error: {named(top)}, {affected}. "
        f"{count(still, 'user or group', 'users and groups')} {verb} still failing with these errors."
    )


def named(row: Row) -> str:
    """Writes an error in a sentence: what it means, and its code."""
    title, code = title_of(row), text_or_none(row["error_code"])
    if code is None:
        return "one without a code"
    return f"`{in_code(code)}`, which is not documented" if title is None else f"{plain(title)} (`{in_code(code)}`)"


def code_name(code: object) -> str:
    """Returns an error code, or words for none."""
    return NAMELESS if is_missing(code) else str(code)


def choice(word: Word, key: Key, options: dict[str, str], usual: str, label: str) -> str:
    """Draws a switch whose choice stands in the address."""
    given = read_word(word, usual)
    chosen = st.segmented_control(
        label,
        list(options),
        format_func=options.__getitem__,
        required=True,
        **follows(word, key, given if given in options else usual, lambda one: None if one == usual else one),
    )
    return str(chosen or usual)


def over_time(by: str, bucket: str, rows: pd.DataFrame) -> None:
    """Draws failures over time; a selected bar opens its rows."""
    titles = labels_of(ask("top_errors")) if by == "code" else {}
    rows = rows.assign(label=[titles.get(label, label) for label in rows["label"].map(code_name)])
    values = {label: value for value, label in titles.items()}
    hours = 1 if bucket == "hour" else 24
    buckets = ask("bucket_completeness", bucket=bucket)
    hour_states = worst_states(ask("bucket_completeness", bucket="hour"))
    key, length = Key.FAILURES_OVER_TIME.of(by, bucket), timedelta(hours=hours)
    chosen = chart_mark(key, failures_over_time, rows, hours, hour_states, zooms=length)
    if chosen:
        since = datetime.fromisoformat(str(chosen[1]))
        until = since + length
        value = values.get(str(chosen[0]), chosen[0])
        only = {by: None if value == NAMELESS else value}
        title = f"{plain(str(chosen[0]))}, {instant(since)} to {instant(until)}"
        matching_events(title, since=max(since, bar().since), until=min(until, bar().until), **only)
    else:
        st.caption(f"Select a bar to list its events. {bucket_sentence(buckets, hours)}")


def labels_of(errors: pd.DataFrame) -> dict[str, str]:
    """Returns what each error code is called in the chart: what it means, with the code where two mean the same."""
    titles = {code_name(row["error_code"]): title_of(row) for row in records(errors)}
    twice = [title for title in titles.values() if list(titles.values()).count(title) > 1]
    return {code: f"{title} ({code})" if title in twice else title for code, title in titles.items() if title}


def errors_table(rows: pd.DataFrame) -> None:
    """Draws one row an error, the most widespread first; a row opens its events beside the page."""
    rows = rows.assign(
        name=rows["error_code"].map(code_name),
        title=[title_of(row) or text_or_none(row["error_code"]) or "No code in the log" for row in records(rows)],
    )
    columns = {
        "title": text_column("Error", width=250),
        "name": text_column("Error code", width=240),
        "apps": text_column("Apps", width=200),
        "objects": number_column("Affected", help="Users and groups"),
        "attempts": number_column("Attempts", help="Failed attempts"),
        "still_failing": number_column("Still failing", help="Users and groups"),
        **time_columns(first_seen_at="First seen", last_seen_at="Last seen"),
    }
    table(rows, columns, Key.TOP_ERRORS, at_most=420, opens="title", on_open=open_code)
    with st.expander("Attempts and affected users by error"):
        mark = chart_mark(Key.CODES, error_codes, rows.assign(error_code=rows["name"]))
        if mark:
            code = str(mark[0])
            matching_events(plain(code), code=None if code == NAMELESS else code)
        else:
            st.caption("Select a bar to list its events.")


def title_of(row: Row) -> str | None:
    """Returns what an error is known as; None where it is not documented."""
    code = text_or_none(row["error_code"])
    cause = find_cause(code, words=text_or_none(row["reason"])) if code else None
    return cause.title if cause else None


def open_code(row: Row) -> None:
    """Opens the side panel of an error code."""
    write_word(Word.CODE, str(row["name"]))


def code_panel() -> None:
    """Opens the side panel of the error code that the address names."""
    cause = find_cause(read_word(Word.CODE))
    side_panel(Word.CODE, plain(cause.title) if cause else "Error code", draw_code, wide=True)


def draw_code(code: str) -> None:
    """Draws what an error code means, what to do, and its events in the time range."""
    cause = find_cause(None if code == NAMELESS else code)
    head = "No error code" if code == NAMELESS else f"Error code `{in_code(code)}`"
    stop = None if bar().job is None else stop_word(bar().job)
    st.markdown(f"{head}: {meaning_in(cause, stop)}" if cause else f"{head}, which is not documented.")
    if cause:
        st.markdown("**What to do:**\n" + "\n".join(f"1. {step}" for step in steps_in(cause, bar().job_name, stop)))
    if st.button("Issues with this error code", icon=":material/error:", key=Key.ISSUES_OF_CODE):
        write_word(Word.TAB, None)
        st.rerun()
    matching_events("Failures in this time range", code=None if code == NAMELESS else code)


def skips_table(rows: pd.DataFrame) -> None:
    """Draws skip reasons; those that need action come first. A selected row lists its events."""
    rows = rows.assign(needs=rows["benign"].map({True: "None, expected", False: "Needs attention"}))
    columns = {
        "skip_reason": text_column("Skip reason"),
        "needs": text_column("Action", width="medium"),
        "objects": number_column("Affected", help="Users and groups"),
        "skips": number_column("Skips"),
        "apps": text_column("Apps"),
        **time_columns(last_seen_at="Last seen"),
    }
    row = table(rows, columns, Key.SKIP_REASONS, select=True)
    if row is not None:
        reason = row["skip_reason"]
        matching_events(plain(code_name(reason)), status="skipped", skip=None if is_missing(reason) else reason)


def draw_tab() -> None:
    """Draws failures over time, the errors, and in a closed section the skips."""
    ask_ahead("top_errors", "daily_success")
    errors = ask("top_errors")
    st.markdown(sentence(ask("daily_success"), errors))
    ask_ahead("completeness_of_window", "skips_by_reason")
    ask_ahead("bucket_completeness", bucket="hour")
    with st.container(horizontal=True):
        by = choice(Word.BY, Key.GROUPED_BY, BY, "code", "Group by")
        short = (bar().until - bar().since) <= timedelta(days=3)
        buckets = {"hour": "Hour", "day": "Day (UTC)"}
        bucket = choice(Word.BUCKET, Key.BUCKET, buckets, "hour" if short else "day", "Interval")
    panel(
        "failures_over_time",
        lambda rows: over_time(by, bucket, rows),
        empty=none_in_window("No failures in this time range."),
        title="",
        by=by,
        bucket=bucket,
    )
    panel("top_errors", errors_table, empty=none_in_window("No failures in this time range."))
    with st.expander("Skips by reason"):
        none = none_in_window("No skips in this time range.")
        panel("skips_by_reason", skips_table, empty=none, title="")
