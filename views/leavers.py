"""Leavers: who has left and still has an account, how long each app takes, and the traps that leave accounts behind."""

from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st

from pipeline.store.catalog import find_query
from views.charts import leavers as leavers_charts
from views.frame.data import PLAIN, Row, ahead, as_of, ask, bar, how, is_empty, records, teach, tile, times, values_of
from views.frame.events import choose, story_link
from views.frame.look import count, missing, plain, span, when
from views.parts.shared import coverage

TRAPS = (
    "trap_unassigned",
    "trap_unassigned_deleted",
    "trap_still_active",
    "trap_memberships",
    "trap_null",
)
"""The documented ways in which an account or a membership is left behind without an error. Who came back, after a
removal or into scope, is one question, since the groups are looked through once for both."""
IN_USE = ("trap_unassigned", "trap_still_active")
"Those that leave an account in use."
QUICK = 20_000
"Up to how many events and requests in a window its removals are held against the app's log without being asked."
KINDS = {"disable": "Disable", "delete": "Delete"}


def sentence(left: pd.DataFrame, held: pd.DataFrame, lengths: pd.DataFrame) -> str:
    """Says whether everybody who was to go is out, and who is not since when."""
    waiting = f" {count(len(held), 'deletion is', 'deletions are')} held back." if len(held) else ""
    if left.empty:
        if lengths.empty:
            return f"Nobody was to be disabled or deleted in this window, and nobody from before waits.{waiting}"
        # Who was to go from two apps is counted twice, so these are people only where there is one.
        done = count(lengths["done"].sum(), "person", "removals")
        return f"Every leaver is out: {done} of this window, and nobody from before waits.{waiting}"
    first = records(left)[0]
    who = f"the first since {when(first['started_at'])}: {plain(str(first['name']))} in {plain(str(first['app_name']))}"
    many = count(len(left), "leaver still has an account in use", "leavers still have an account in use")
    return f"{many}, {who} ({plain(why(first))}).{waiting}"


def why(row: Row) -> str:
    """Says in a few words why somebody who was to go is still there."""
    if not missing(row["skip_reason"]) and row["status"] == "skipped":
        return f"skipped as {row['skip_reason']}; Entra does not try again by itself"
    error = "no code given" if missing(row["error_code"]) else str(row["error_code"])
    again = "" if missing(row["retry_at"]) else f", next try {when(row['retry_at'])}"
    return f"{error}{again}" if row["status"] == "failure" else f"last event: {row['status']}"


def still_active(rows: pd.DataFrame) -> None:
    """Draws who is still there; a selected row offers the story."""
    rows = rows.assign(open_for=rows["open_s"].map(span), why=[why(row) for row in records(rows)])
    columns = {
        "name": st.column_config.TextColumn("Who", pinned=True),
        "app_name": st.column_config.TextColumn("App"),
        "kind": st.column_config.TextColumn("Wanted"),
        "open_for": st.column_config.TextColumn("For"),
        "why": st.column_config.TextColumn("Why", width="large"),
        "left_as": st.column_config.TextColumn("Left as"),
        **times(started_at="Since", last_event_at="Last event", retry_at="Next try"),
        "requests": st.column_config.NumberColumn("Tried", format="localized"),
        "started_from": st.column_config.TextColumn("Counted from"),
        "reason": st.column_config.TextColumn("The log says", width="large"),
    }
    row = choose(rows, columns, "leavers-active")
    if row is None:
        st.caption("Select a row to open the story of that person.")
    else:
        story_link(row, event=str(row["event_id"]))


def held_back(rows: pd.DataFrame) -> None:
    """Draws the deletions that wait for a decision, and what can be decided."""
    apps = rows.groupby("app_name").size()
    told = ", ".join(f"{plain(str(app))}: {size:,}" for app, size in apps.items())
    st.warning(
        f"{told}. In Entra, on the app's Provisioning page: *Allow deletes* carries them out; to reject them, mend the "
        "scope or the assignments first and then restart provisioning.",
        icon=":material/front_hand:",
    )
    rows = rows.assign(held_for=rows["held_s"].map(span))
    columns = {
        "name": st.column_config.TextColumn("Who", pinned=True),
        "app_name": st.column_config.TextColumn("App"),
        "held_for": st.column_config.TextColumn("Held for"),
        "left_as": st.column_config.TextColumn("Left as"),
        "threshold": st.column_config.NumberColumn("Threshold", format="localized"),
        **times(staged_at="Since", last_event_at="Last event"),
    }
    row = choose(rows, columns, "leavers-held")
    if row is not None:
        story_link(row, event=str(row["event_id"]))


def lengths_of(rows: pd.DataFrame) -> None:
    """Draws one line per app and kind, then the curve of each, then the cases of the selected line."""
    shown = rows.assign(
        wanted=rows["kind"].map(lambda kind: KINDS.get(kind, kind)),
        half=[quantile(row, "p50_s") for row in records(rows)],
        most=[quantile(row, "p95_s") for row in records(rows)],
        longest=rows["longest_s"].map(span),
    )
    columns = {
        "app_name": st.column_config.TextColumn("App", pinned=True),
        "wanted": st.column_config.TextColumn("Wanted"),
        "cases": st.column_config.NumberColumn("Leavers", format="localized"),
        "done": st.column_config.NumberColumn("Out", format="localized"),
        "still_open": st.column_config.NumberColumn("Still there", format="localized"),
        "called_off": st.column_config.NumberColumn("Called off", format="localized"),
        "half": st.column_config.TextColumn("Half are out after"),
        "most": st.column_config.TextColumn("95 % are out after"),
        "longest": st.column_config.TextColumn("Longest"),
        "from_trigger": st.column_config.NumberColumn(
            "From trigger", format="localized", help="An import showed that the person left before it was asked for"
        ),
    }
    row = choose(shown, columns, "leaver-times")
    st.caption(counted_from(rows))
    curve = ask("deprovision_curve", as_of=as_of())
    if curve["took_s"].max() > 0:
        st.plotly_chart(leavers_charts.survival(curve), key="survival", config=PLAIN)
    else:
        st.markdown(f"There is no curve to draw: {no_curve(curve)}")
    if row is None:
        st.caption("Select a row of the table to see its leavers.")
    else:
        cases(row)


def no_curve(curve: pd.DataFrame) -> str:
    """Says why there is no curve where nothing in it took any time.

    >>> no_curve(pd.DataFrame({"went": [3, 1], "left_sight": [0, 2]}))
    'all 4 who went were out at the first try, and 2 could not be followed for any time.'
    """
    went, still = int(curve["went"].sum()), int(curve["left_sight"].sum())
    if not went:
        return "nobody was followed for any time."
    gone = "the one who went was" if went == 1 else f"all {went:,} who went were"
    rest = f", and {still:,} could not be followed for any time" if still else ""
    return f"{gone} out at the first try{rest}."


def quantile(row: Row, name: str) -> str:
    """Writes a quantile, or says that the curve does not fall that far."""
    if missing(row[name]):
        return "not reached: too many are still there"
    return "at the first try" if row[name] == 0 else span(row[name])


def counted_from(rows: pd.DataFrame) -> str:
    """Says what the times are counted from."""
    known, everybody = int(rows["from_trigger"].sum()), int(rows["cases"].sum())
    return (
        f"For {known:,} of {count(everybody, 'leaver')} the time is counted from the trigger, as far as it is known: "
        "the first event whose import showed that the person had left. For the others it is counted from the event "
        "that imported the change and asked for it: what passed between leaving and Entra's import is not in it, since "
        "the directory's own log is not stored here. Who is still there counts as still there, not as missing."
    )


def cases(row: Row) -> None:
    """Draws the leavers behind a line of the table."""
    given = {"as_of": as_of(), "job": row["job_id"], "kind": row["kind"]}
    rows = ask("leaver_cases", **given)
    with st.container(border=True):
        st.markdown(f"**{plain(str(row['app_name']))}, {KINDS.get(str(row['kind']), str(row['kind'])).lower()}**")
        shown = rows.assign(took=rows["took_s"].map(span))
        columns = {
            "name": st.column_config.TextColumn("Who", pinned=True),
            "outcome": st.column_config.TextColumn("Outcome"),
            "took": st.column_config.TextColumn("Took, or takes"),
            **times(started_at="From", ended_at="Until"),
            "started_from": st.column_config.TextColumn("Counted from"),
            "left_as": st.column_config.TextColumn("Left as"),
            "requests": st.column_config.NumberColumn("Tried", format="localized"),
            "failures": st.column_config.NumberColumn("Failed", format="localized"),
        }
        one = choose(shown, columns, f"leaver-cases-{row['job_id']}-{row['kind']}")
        if one is not None:
            story_link(one, event=str(one["event_id"]))
    query = find_query("leaver_cases")
    how([(query, values_of(query, given))])


def both_sides(now: datetime) -> None:
    """Holds each removal against the app's own log, at once where that is quick, else when asked."""
    if int(ask("wire_size")[["events", "requests"]].sum().sum()) > QUICK and not st.toggle(
        "Hold each removal against the app's own log", key="leavers_heard"
    ):
        st.caption("In so large a window that takes a while; a smaller window, or one job, makes it quick.")
        return
    tile("deprovision_heard", heard, empty="Entra calls no removal of this window done.", as_of=now)


def heard(rows: pd.DataFrame) -> None:
    """Says of how many removals the app's log shows a good answer, and draws the others first."""
    counts = rows["cell"].value_counts().to_dict()
    well = counts.pop("both well", 0)
    rest = ", ".join(f"{cell}: {size:,}" for cell, size in counts.items())
    st.markdown(
        f"Of {count(len(rows), 'removal')} that Entra calls done, the app's log shows the request and a good answer "
        f"for {well:,}{'; ' + rest if rest else ''}."
    )
    columns = {
        "name": st.column_config.TextColumn("Who", pinned=True),
        "app_name": st.column_config.TextColumn("App"),
        "kind": st.column_config.TextColumn("Wanted"),
        "cell": st.column_config.TextColumn("Both sides"),
        **times(ended_at="Done", heard_at="Heard"),
        "method": st.column_config.TextColumn("Request"),
        "http_status": st.column_config.NumberColumn("Answer"),
        "matched_by": st.column_config.TextColumn("Matched by"),
        "score": st.column_config.NumberColumn("Score", format="%.1f"),
    }
    row = choose(rows, columns, "leavers-heard", height=min(320, 38 + 35 * len(rows)))
    if row is not None:
        story_link(row, event=str(row["event_id"]))


def trap(name: str, rows: pd.DataFrame) -> None:
    """Draws whom a trap caught; a selected row offers the story."""
    columns = {
        "name": st.column_config.TextColumn("Who", pinned=True),
        "app_name": st.column_config.TextColumn("App"),
        **({"was": st.column_config.TextColumn("Was")} if "was" in rows.columns else {}),
        **times(since="Since"),
        "seen": st.column_config.TextColumn("What gives it away", width="large"),
        "cure": st.column_config.TextColumn("What cures it", width="large"),
    }
    row = choose(rows, columns, name)
    if row is not None:
        story_link(row, event=str(row["event_id"]))


def traps() -> None:
    """Draws every trap, and what cannot be known of them."""
    st.header("Traps that leave something behind without an error", anchor="traps")
    st.caption(
        "Each is documented by Microsoft, and none is an error in the log. What is not stored cannot be seen: the "
        "directory's own log (who was unassigned or deleted when), and what an account in the app looks like where no "
        "answer of the app was logged. A membership is taken to be as the group's events say."
    )
    for name in TRAPS:
        tile(name, partial(trap, name), empty="Nobody, as far as can be seen.", as_of=as_of())


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
        return
    now = as_of()
    ahead("leavers_active", "leavers_held", "deprovision_times", *IN_USE, as_of=now)
    left, held = ask("leavers_active", as_of=now), ask("leavers_held", as_of=now)
    said = sentence(left, held, ask("deprovision_times", as_of=now))
    caught = sum(len(ask(name, as_of=now)) for name in IN_USE)
    if caught:
        said += f" {count(caught, 'account', 'accounts')} more may be in use without an error: see the traps below."
    (st.error if caught or len(left) or len(held) else st.success)(said)
    st.caption(f"As of {when(min(now, bar().until))}.")
    ahead("completeness_of_window", "deprovision_curve", "wire_size", *TRAPS, as_of=now)
    coverage.say_known()
    tile("leavers_active", still_active, empty="Nobody.", as_of=now)
    tile(
        "deprovision_times",
        lengths_of,
        empty="Nobody was to be disabled or deleted in this window.",
        beside={"deprovision_curve": {"as_of": now}},
        as_of=now,
    )
    tile("leavers_held", held_back, empty="None is held back.", as_of=now)
    both_sides(now)
    traps()


if __name__ == "__main__":
    page()
