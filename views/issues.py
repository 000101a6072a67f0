"""Issues: what goes wrong, by its cause; new against recurring, what a stretch has of its own, and one in detail."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.knowledge.causes import FAULTS as WHOSE
from views.charts import issues
from views.frame.data import PLAIN, ahead, ask, bar, is_empty, records, teach, tile, times
from views.frame.events import choose
from views.frame.look import count, plain, share, when
from views.parts.issues import attribute_blame
from views.parts.issues import issue as issue_part
from views.parts.issues.sentences import FAULTS, STATES, called
from views.parts.shared import coverage

WORDS = {"state": tuple(STATES), "fault": FAULTS, "noise": ("in",)}
"The page's own words in the address, and what they may be."


def take_words() -> None:
    """Lets an address that was opened set the filters, once."""
    given = {name: word for name, word in st.query_params.to_dict().items() if name in WORDS}
    if given == st.session_state.get("issue_words"):
        return
    for name in ("state", "fault"):
        st.session_state[f"issue_{name}"] = given.get(name) if given.get(name) in WORDS[name] else None
    st.session_state.issue_noise = given.get("noise") == "in"


def filters() -> dict[str, str]:
    """Draws the filters, writes their words into the address and gives them."""
    take_words()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state = st.pills("State", list(STATES), format_func=lambda word: STATES[word][0], key="issue_state")
        fault = st.pills("Whose fault", FAULTS, format_func=str.capitalize, key="issue_fault")
        noise = st.toggle(
            "Noise", key="issue_noise", help="Both sides matched already, out of scope, updates that altered nothing"
        )
    chosen = {"state": state, "fault": fault, "noise": "in" if noise else None}
    words = {name: str(word) for name, word in chosen.items() if word}
    for name in WORDS:
        if name in words:
            st.query_params[name] = words[name]
        else:
            st.query_params.pop(name, None)
    st.session_state.issue_words = words
    return words


def sentence(rows: pd.DataFrame) -> str:
    """Says how many causes there are, how many people wait and which hits the most."""
    if rows.empty:
        return f"Nothing went wrong between {when(bar().since)} and {when(bar().until)}."
    waiting = int((rows["waiting"] > 0).sum())
    causes = count(len(rows), "cause")
    if not waiting:
        return f"{causes} of failures in this window, and nobody waits any more."
    first = records(rows)[0]
    fresh = int(rows["state"].isin(["new", "regressed", "escalating"]).sum())
    told = f", {fresh:,} of them new, back or growing" if fresh else ""
    return (
        f"{causes} of failures{told}; {count(waiting, 'keeps', 'keep')} people waiting. Most wait for "
        f"“{plain(called(first))}” in {plain(str(first['app_name']))}: {first['waiting']:,}."
    )


def rates(row: pd.Series) -> None:
    """Says how much went well, with and without noise."""
    redundant, outside, pseudo = (int(row[name]) for name in ("redundant", "out_of_scope", "pseudo"))
    noise = redundant + outside + pseudo
    st.caption(
        f"Success {share(row['share_without'])} without noise, {share(row['share_with'])} with it: "
        f"{count(noise, 'event')} did nothing ({redundant:,} matched already, {outside:,} out of "
        f"scope, {count(pseudo, 'update')} altered nothing)."
    )


def moves(rows: pd.DataFrame, hours: int) -> tuple[datetime, datetime] | None:
    """Draws new against recurring, and gives the stretch that is brushed."""
    known = coverage.worst_states(ask("bucket_completeness", bucket="hour"))
    state = st.plotly_chart(
        issues.kinds(rows, hours, known),
        key=f"kinds-{hours}",
        on_select="rerun",
        selection_mode="box",
        config=PLAIN,
    )
    chosen = stretch(state, hours)
    if chosen is None:
        st.caption("Drag across some bars of the chart, or over one, to see what is different inside that stretch.")
    return chosen


def compare(since: datetime, until: datetime) -> None:
    """Holds a stretch against the rest of the window."""
    called = f"{when(since)} to {when(until)}"
    tile(
        "stretch_differences",
        lambda rows: differences(rows, called),
        empty=f"{called}: nothing went wrong inside, or nothing in the rest; there is nothing to compare.",
        begins=since,
        ends=until,
    )


def stretch(state: Any, hours: int) -> tuple[datetime, datetime] | None:
    """Gives the stretch that was brushed: the bars that the chart lights, which are those with their middle in it.

    A brush that holds no bar's middle means the bar that it is on. No stretch reaches beyond the window.
    """
    boxes = state["selection"].get("box")
    if not boxes:
        return None
    low, high = sorted(pd.Timestamp(edge).to_pydatetime() for edge in boxes[0]["x"][:2])
    half = timedelta(hours=hours / 2)
    begin, end = floored(low + half, hours), floored(high + half, hours)
    if begin == end:
        begin = floored(low + (high - low) / 2, hours)
        end = begin + 2 * half
    begin, end = max(begin, bar().since), min(end, bar().until)
    return (begin, end) if begin < end else None


def floored(at: datetime, hours: int) -> datetime:
    """Gives the beginning of an instant's hour or day.

    >>> floored(datetime(2026, 1, 5, 12, 30), 24)
    datetime.datetime(2026, 1, 5, 0, 0)
    """
    at = at.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    return at if hours == 1 else at.replace(hour=0)


def differences(rows: pd.DataFrame, called: str) -> None:
    """Draws what is commoner or rarer inside a stretch than in the rest of the window."""
    st.caption(f"{called}, against the rest of the window. Double-click on the chart to let go of it.")
    sure = rows[(rows["ratio_low"] > 1) | (rows["ratio_high"] < 1)]
    first = rows.iloc[0]
    if sure.empty:
        st.markdown("Nothing inside is so different that chance would not do it.")
    else:
        named = f"{plain(str(first['dimension']))} {plain(str(first['value']))}"
        inside, rest = share(first["inside_share"]), share(first["baseline_share"])
        st.markdown(f"**{named}: {inside} of what went wrong inside, {rest} in the rest.**")
    shown = rows.assign(
        interval=[f"{row.ratio_low:,.2f} to {row.ratio_high:,.2f}" for row in rows.itertuples()],
        counts=[f"{row.inside:,} of {row.inside_all:,}" for row in rows.itertuples()],
        rest=[f"{row.baseline:,} of {row.baseline_all:,}" for row in rows.itertuples()],
    )
    columns = {
        "dimension": st.column_config.TextColumn("Dimension", pinned=True),
        "value": st.column_config.TextColumn("Value", width=300),
        "inside_share": st.column_config.ProgressColumn("Inside", format="percent", min_value=0, max_value=1),
        "baseline_share": st.column_config.ProgressColumn("In the rest", format="percent", min_value=0, max_value=1),
        "ratio": st.column_config.NumberColumn("Times as common", format="%.2f"),
        "interval": st.column_config.TextColumn("95 % interval"),
        "counts": st.column_config.TextColumn("Counted inside"),
        "rest": st.column_config.TextColumn("Counted in the rest"),
    }
    st.dataframe(shown, column_config=columns, column_order=list(columns), hide_index=True, key="differences")


def listed(rows: pd.DataFrame, words: dict[str, str]) -> None:
    """Draws the issues; a selected row opens one."""
    for name in ("state", "fault"):
        rows = rows[rows[name] == words[name]] if name in words else rows
    if rows.empty:
        st.markdown(":gray[:material/remove: No issue of this window is so.]")
        return
    labels = {word: label for word, (label, _, _) in STATES.items()}
    shown = rows.assign(
        what=[called(row) for row in records(rows)],
        said=rows["state"].map(lambda word: [labels[word]]),
    )
    colours = ["red", "red", "red", "orange", "gray", "green"]
    columns = {
        "said": st.column_config.MultiselectColumn("State", options=list(labels.values()), color=colours, pinned=True),
        "what": st.column_config.TextColumn("What goes wrong", width="large", pinned=True),
        "app_name": st.column_config.TextColumn("App"),
        "waiting": st.column_config.NumberColumn("Waiting", format="localized", help="People and groups, at the end"),
        "people": st.column_config.NumberColumn("Hit", format="localized", help="People and groups, ever"),
        "fault": st.column_config.TextColumn("Whose fault", help=". ".join(f"{k}: {v}" for k, v in WHOSE.items())),
        "daily": st.column_config.BarChartColumn("Hit a day", y_min=0, help="In the window, oldest day first"),
        "code": st.column_config.TextColumn("Code"),
        "http_status": st.column_config.NumberColumn("HTTP", format="%d"),
        "step_type": st.column_config.TextColumn("Step"),
        **times(first_seen_at="First seen", last_seen_at="Last seen"),
    }
    opened = st.session_state.get("issues_opened", 0)
    chosen = choose(shown, columns, f"issues-{opened}", height=min(600, 38 + 35 * len(shown)))
    st.caption("Select a row to open the issue: whom it hit, why, and what to do.")
    if chosen is not None:
        st.session_state.issues_opened = opened + 1
        st.query_params["issue"] = str(chosen["issue"])
        st.query_params["of"] = str(chosen["job_id"])
        st.rerun()


def everything() -> None:
    """Draws the list and what belongs to it."""
    hours = 1 if (bar().until - bar().since) <= timedelta(days=3) else 24
    bucket = "hour" if hours == 1 else "day"
    st.markdown(f"**{sentence(ask('issues'))}**")
    ahead("success_and_noise", "completeness_of_window", "changed_attributes")
    ahead("bucket_completeness", bucket="hour")
    wanted = attribute_blame.needed()
    told = ask("success_and_noise").iloc[0]
    attempts = int(told["successes"] + told["failures"])
    ahead("failing_next", required=wanted if attribute_blame.reads_all(attempts) else "")
    rates(told)
    coverage.say_known()
    words = filters()
    tile(
        "issues",
        lambda rows: listed(rows, words),
        empty="Nothing went wrong, and nobody waits.",
        beside=("success_and_noise",),
    )
    chosen = tile(
        "issues_over_time",
        lambda rows: moves(rows, hours),
        empty="Nothing of this window went wrong.",
        bucket=bucket,
        noise=words.get("noise", "out"),
    )
    if chosen:
        compare(*chosen)
    attribute_blame.failing_next(attempts, wanted)
    attribute_blame.changing()


def page() -> None:
    """Draws everything, or the one issue that the address names."""
    if is_empty():
        teach()
        return
    if "issue" not in st.query_params:
        everything()
        return
    if st.button("All issues", icon=":material/arrow_back:", type="tertiary"):
        for name in ("issue", "of"):
            st.query_params.pop(name, None)
        st.rerun()
    issue_part.page(st.query_params["issue"], st.query_params.get("of"))


if __name__ == "__main__":
    page()
