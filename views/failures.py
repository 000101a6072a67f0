"""Failures: how errors move, which ones hit the most, and the rows behind any bar."""

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from views.charts import base
from views.frame.data import PLAIN, ahead, ask, bar, is_empty, pointed, teach, tile, times
from views.frame.events import behind, choose
from views.frame.look import count, missing, plain, share, when
from views.parts.shared import coverage

BY = {"code": "Error code", "app": "App", "step": "Step"}
NAMELESS = "(no code)"


def sentence(daily: pd.DataFrame, errors: pd.DataFrame) -> str:
    """Says how much failed and which error hit the most."""
    failed, good = (int(daily[name].sum()) if not daily.empty else 0 for name in ("failures", "successes"))
    if not failed:
        window = f"between {when(bar().since)} and {when(bar().until)}"
        return f"No failure was read {window}; {count(good, 'attempt')} succeeded."
    top = errors.iloc[0]
    hit = count(top["objects"], "person or group", "people and groups")
    widest = f"{plain(named(top['error_code']))} hit the most: {hit}"
    still = count(errors["still_failing"].sum(), "object is", "objects are")
    return (
        f"{count(failed, 'attempt')} of {failed + good:,} failed "
        f"(success {share(good / (failed + good))}, benign skips left out). "
        f"{widest}. {still} still failing with one of these."
    )


def named(code: object) -> str:
    """Gives an error code, or says that there is none."""
    return NAMELESS if missing(code) else str(code)


def word(name: str, options: dict[str, str], usual: str, label: str) -> str:
    """Draws a switch whose choice stands in the address."""
    given = st.query_params.get(name, usual)
    start = given if given in options else usual
    chosen = st.segmented_control(
        label, list(options), default=start, format_func=options.__getitem__, required=True, key=name
    )
    chosen = chosen or usual
    if chosen != usual:
        st.query_params[name] = chosen
    else:
        st.query_params.pop(name, None)
    return str(chosen)


def moves(by: str, bucket: str, rows: pd.DataFrame) -> None:
    """Draws failures over time; a selected bar opens its rows."""
    rows = rows.assign(label=rows["label"].map(named))
    hours = 1 if bucket == "hour" else 24
    buckets = ask("bucket_completeness", bucket=bucket)
    known = coverage.worst_states(ask("bucket_completeness", bucket="hour"))
    state = st.plotly_chart(
        base.over_time(rows, hours, known),
        key=f"moves-{by}-{bucket}",
        on_select="rerun",
        selection_mode="points",
        config=PLAIN,
    )
    chosen = pointed(state)
    if chosen:
        since = datetime.fromisoformat(str(chosen[1]))
        until = since + timedelta(hours=hours)
        only = {by: None if chosen[0] == NAMELESS else chosen[0]}
        title = f"{plain(str(chosen[0]))}, {when(since)} to {when(until)}"
        behind(title, since=max(since, bar().since), until=min(until, bar().until), **only)
    else:
        st.caption(f"Select a bar to see its rows. {coverage.bucket_sentence(buckets, hours)}")


def ranking(rows: pd.DataFrame) -> None:
    """Draws attempts and objects of each error side by side, then the errors as a table that opens their rows."""
    rows = rows.assign(error_code=rows["error_code"].map(named))
    bars = st.plotly_chart(base.codes(rows), key="codes", on_select="rerun", selection_mode="points", config=PLAIN)
    columns = {
        "error_code": st.column_config.TextColumn("Error", pinned=True),
        "apps": st.column_config.TextColumn("Apps"),
        "objects": st.column_config.NumberColumn("People and groups", format="localized"),
        "attempts": st.column_config.NumberColumn("Attempts", format="localized"),
        "still_failing": st.column_config.NumberColumn("Still failing", format="localized"),
        **times(first_seen_at="First seen", last_seen_at="Last seen"),
        "advice": st.column_config.TextColumn("Microsoft recommends", width="medium"),
        "reason": st.column_config.TextColumn("The newest one says", width="medium"),
    }
    row, mark = choose(rows, columns, "errors"), pointed(bars)
    code = str(mark[0]) if mark else str(row["error_code"]) if row else None
    if code is None:
        st.caption("Select a bar or a row to see its events.")
    else:
        behind(plain(code), code=None if code == NAMELESS else code)


def skips(rows: pd.DataFrame) -> None:
    """Draws skip reasons; those that need somebody come first. A selected row opens its events."""
    rows = rows.assign(needs=rows["benign"].map({True: "nobody", False: "somebody"}))
    columns = {
        "skip_reason": st.column_config.TextColumn("Reason", pinned=True),
        "needs": st.column_config.TextColumn("Needs"),
        "objects": st.column_config.NumberColumn("People and groups", format="localized"),
        "skips": st.column_config.NumberColumn("Skips", format="localized"),
        "apps": st.column_config.TextColumn("Apps"),
        **times(last_seen_at="Last seen"),
    }
    row = choose(rows, columns, "skips")
    if row is not None:
        reason = row["skip_reason"]
        behind(plain(named(reason)), status="skipped", skip=None if missing(reason) else reason)


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
        return
    ahead("top_errors", "daily_success")
    errors = ask("top_errors")
    st.markdown(f"**{sentence(ask('daily_success'), errors)}**")
    ahead("completeness_of_window", "skips_by_reason")
    ahead("bucket_completeness", bucket="hour")
    coverage.say_known()
    with st.container(horizontal=True):
        by = word("by", BY, "code", "Tell apart by")
        short = (bar().until - bar().since) <= timedelta(days=3)
        bucket = word("bucket", {"hour": "Hour", "day": "Day (UTC)"}, "hour" if short else "day", "Each bar is")
    tile(
        "failures_over_time",
        lambda rows: moves(by, bucket, rows),
        empty="No failure of this window was read.",
        by=by,
        bucket=bucket,
    )
    tile("top_errors", ranking, empty="No failure of this window was read.")
    label = "The same by cause: whom each hit, whose fault it is and what to do"
    st.page_link("issues.py", label=label, icon=":material/arrow_forward:", query_params=bar().link())
    tile("skips_by_reason", skips, empty="No skip of this window was read.")


if __name__ == "__main__":
    page()
