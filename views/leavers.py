"""Leavers: who has left and still has an account, how long each app takes, and the traps that leave accounts behind."""

from collections import Counter
from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, span
from pipeline.rules.verdict import Facts, unknown_of
from pipeline.rules.verdict_facts import with_in_use
from views.charts.leavers import survival_curve
from views.frame.chart import chart
from views.frame.data import Row, as_of, ask, ask_ahead, records
from views.frame.events import story_link
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.panel import panel, show_sql
from views.frame.state import Key
from views.frame.table import code_column, decimal_column, number_column, table, text_column, time_columns
from views.frame.verdict import current_facts, draw_judged, unknown_since
from views.parts.shared.coverage import draw_completeness, none_in_window, unknown_hours

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
"Up to how many events and requests in a window its removals are compared with the app's log without a click."
NAMED = 10
"Apps that are named where it is unknown whether leavers were removed."
KINDS = {"disable": "Disable", "delete": "Delete"}


def sentence(left: pd.DataFrame, staged: pd.DataFrame, lengths: pd.DataFrame) -> str:
    """Writes whether all who were to go are out, and who is not since when."""
    waiting = f" {count(len(staged), 'deletion is', 'deletions are')} held back." if len(staged) else ""
    if left.empty:
        # Who was to go from two apps is counted twice.
        done = 0 if lengths.empty else int(lengths["done"].sum())
        return f"No pending removals in the log; {count(done, 'removal')} done in this time range.{waiting}"
    first = records(left)[0]
    name, app = plain(str(first["name"])), plain(str(first["app_name"]))
    who = f"the first since {instant(first['started_at'])}: {name} in {app}"
    many = count(len(left), "leaver still has an account in use", "leavers still have an account in use")
    return f"{many}, {who} ({plain(why(first))}).{waiting}"


def why(row: Row) -> str:
    """Writes in a few words why somebody who was to go is still there."""
    if not is_missing(row["skip_reason"]) and row["status"] == "skipped":
        return f"skipped as {row['skip_reason']}; Entra does not try again by itself"
    error = "no code given" if is_missing(row["error_code"]) else str(row["error_code"])
    again = "" if is_missing(row["retry_at"]) else f", next try {instant(row['retry_at'])}"
    return f"{error}{again}" if row["status"] == "failure" else f"last event: {row['status']}"


def still_active(rows: pd.DataFrame) -> None:
    """Draws who is still there; a selected row offers the story."""
    rows = rows.assign(open_for=rows["open_s"].map(span), why=[why(row) for row in records(rows)])
    columns = {
        "name": text_column("Who", pinned=True),
        "app_name": text_column("App"),
        "kind": text_column("Wanted"),
        "open_for": text_column("For"),
        "why": text_column("Why", width="large"),
        "left_as": text_column("Left as"),
        **time_columns(started_at="Since", last_event_at="Last event", retry_at="Next try"),
        "requests": number_column("Tried"),
        "started_from": text_column("Counted from"),
        "reason": text_column("The log says", width="large"),
    }
    row = table(rows, columns, Key.STILL_ACTIVE, select=True)
    if row is None:
        st.caption("Select a row to open the story of that person.")
    else:
        story_link(row, event=str(row["event_id"]))


def staged_deletions(rows: pd.DataFrame) -> None:
    """Draws the deletions that wait for a decision, and what can be decided."""
    apps = rows.groupby("app_name").size()
    by_app = ", ".join(f"{plain(str(app))}: {size:,}" for app, size in apps.items())
    st.warning(
        f"{by_app}. In Entra, on the app's Provisioning page: *Allow deletes* carries them out; to reject them, mend "
        "the scope or the assignments first and then restart provisioning.",
        icon=":material/front_hand:",
    )
    rows = rows.assign(held_for=rows["held_s"].map(span))
    columns = {
        "name": text_column("Who", pinned=True),
        "app_name": text_column("App"),
        "held_for": text_column("Held for"),
        "left_as": text_column("Left as"),
        "threshold": number_column("Threshold"),
        **time_columns(staged_at="Since", last_event_at="Last event"),
    }
    row = table(rows, columns, Key.HELD_DELETIONS, select=True)
    if row is not None:
        story_link(row, event=str(row["event_id"]))


def deprovision_times(rows: pd.DataFrame) -> None:
    """Draws one line per app and kind, then the curve of each, then the cases of the selected line."""
    shown = rows.assign(
        wanted=rows["kind"].map(lambda kind: KINDS.get(kind, kind)),
        half=[quantile(row, "p50_s") for row in records(rows)],
        most=[quantile(row, "p95_s") for row in records(rows)],
        longest=rows["longest_s"].map(span),
    )
    columns = {
        "app_name": text_column("App", pinned=True),
        "wanted": text_column("Wanted"),
        "cases": number_column("Leavers"),
        "done": number_column("Out"),
        "still_open": number_column("Still there"),
        "called_off": number_column("Called off"),
        "half": text_column("Half are out after"),
        "most": text_column("95% are out after"),
        "longest": text_column("Longest"),
        "from_trigger": number_column(
            "From trigger", help="An import showed that the person left before it was asked for"
        ),
    }
    row = table(shown, columns, Key.DEPROVISION_TIMES, select=True)
    st.caption(counting_note(rows))
    curve = ask("deprovision_curve", as_of=as_of())
    if curve["took_s"].max() > 0:
        chart(Key.SURVIVAL, survival_curve, curve)
    else:
        st.markdown(f"There is no curve to draw: {no_curve(curve)}")
    if row is None:
        st.caption("Select a row of the table to see its leavers.")
    else:
        cases(row)


def no_curve(curve: pd.DataFrame) -> str:
    """Writes why there is no curve where nothing in it took any time.

    >>> no_curve(pd.DataFrame({"went": [3, 1], "left_sight": [0, 2]}))
    'all 4 who went were out at the first try, and 2 could not be followed for any time.'
    """
    went, followed = int(curve["went"].sum()), int(curve["left_sight"].sum())
    if not went:
        return "nobody was followed for any time."
    done = "the one who went was" if went == 1 else f"all {went:,} who went were"
    rest = f", and {followed:,} could not be followed for any time" if followed else ""
    return f"{done} out at the first try{rest}."


def quantile(row: Row, name: str) -> str:
    """Writes a quantile, or says that the curve does not fall that far."""
    if is_missing(row[name]):
        return "not reached: too many are still there"
    return "at the first try" if row[name] == 0 else span(row[name])


def counting_note(rows: pd.DataFrame) -> str:
    """Writes what the times are counted from."""
    triggered, leavers = int(rows["from_trigger"].sum()), int(rows["cases"].sum())
    return (
        f"For {triggered:,} of {count(leavers, 'leaver')} the time is counted from the trigger, as far as it is known: "
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
            "name": text_column("Who", pinned=True),
            "outcome": text_column("Outcome"),
            "took": text_column("Took, or takes"),
            **time_columns(started_at="From", ended_at="Until"),
            "started_from": text_column("Counted from"),
            "left_as": text_column("Left as"),
            "requests": number_column("Tried"),
            "failures": number_column("Failed"),
            **time_columns(again_at="New account since"),
            "again_as": text_column("New account"),
        }
        one = table(shown, columns, Key.LEAVER_CASES.of(row["job_id"], row["kind"]), select=True)
        if one is not None:
            story_link(one, event=str(one["event_id"]))
    show_sql(leaver_cases=given)


def compared_removals(now: datetime) -> None:
    """Compares each removal with the app's own log, at once where that is quick, else on a click."""
    if int(ask("wire_size")[["events", "requests"]].sum().sum()) > QUICK and not st.toggle(
        "Hold each removal against the app's own log", key=Key.COMPARE_REMOVALS
    ):
        st.caption("In so large a window that takes a while; a smaller window, or one job, makes it quick.")
        return
    panel(
        "deprovision_heard",
        removals,
        empty=none_in_window("No removal of this time range is reported as done."),
        as_of=now,
    )


def removals(rows: pd.DataFrame) -> None:
    """Draws for how many removals the app's log has a good answer, and the others first."""
    counts = rows["cell"].value_counts().to_dict()
    good = counts.pop("both well", 0)
    rest = ", ".join(f"{cell}: {size:,}" for cell, size in counts.items())
    st.markdown(
        f"Of {count(len(rows), 'removal')} that Entra calls done, the app's log shows the request and a good answer "
        f"for {good:,}{'; ' + rest if rest else ''}."
    )
    columns = {
        "name": text_column("Who", pinned=True),
        "app_name": text_column("App"),
        "kind": text_column("Wanted"),
        "cell": text_column("Both sides"),
        **time_columns(ended_at="Done", heard_at="Heard"),
        "method": text_column("Request"),
        "http_status": code_column("Answer"),
        "matched_by": text_column("Matched by"),
        "score": decimal_column("Score"),
    }
    row = table(rows, columns, Key.REMOVALS, at_most=320, select=True)
    if row is not None:
        story_link(row, event=str(row["event_id"]))


def trapped(name: str, rows: pd.DataFrame) -> None:
    """Draws whom a trap caught; a selected row offers the story."""
    columns = {
        "name": text_column("Who", pinned=True),
        "app_name": text_column("App"),
        **({"was": text_column("Was")} if "was" in rows.columns else {}),
        **time_columns(since="Since"),
        "seen": text_column("What gives it away", width="large"),
        "cure": text_column("What cures it", width="large"),
    }
    row = table(rows, columns, Key.TRAP.of(name), select=True)
    if row is not None:
        story_link(row, event=str(row["event_id"]))


def draw_traps() -> None:
    """Draws every trap, and what cannot be known of them."""
    st.header("Traps that leave something behind without an error", anchor="traps")
    st.caption(
        "Each is documented by Microsoft, and none is an error in the log. What is not stored cannot be seen: the "
        "directory's own log (who was unassigned or deleted when), and what an account in the app looks like where no "
        "answer of the app was logged. A membership is taken to be as the group's events say."
    )
    for name in TRAPS:
        panel(name, partial(trapped, name), empty="None in the data that was read.", as_of=as_of())


def in_use_by_job(now: datetime) -> dict[str, int]:
    """Counts the accounts that may be in use, as the traps list them, by job."""
    rows = [row for name in IN_USE for row in records(ask(name, as_of=now))]
    return dict(Counter(str(row["job_id"]) for row in rows))


def draw_unknown(facts: Facts) -> None:
    """Draws of which apps it is unknown whether leavers were removed, why, and since when."""
    lines = [
        f":gray-badge[:material/question_mark: Unknown] **{plain(job.app_name)}**: whether leavers are removed is "
        f"{unknown_since(gap)}."
        for job in facts.jobs
        if (gap := unknown_of(job, facts))
    ]
    for line in lines[:NAMED]:
        st.markdown(line)
    if len(lines) > NAMED:
        st.markdown(f"{count(len(lines) - NAMED, 'more app is', 'more apps are')} unknown so.")


def none(text: str, facts: Facts) -> str:
    """Returns a sentence that says none, with the apps of which that is unknown."""
    blind = [plain(job.app_name) for job in facts.jobs if unknown_of(job, facts)]
    more = f" and {len(blind) - NAMED} more" if len(blind) > NAMED else ""
    return f"{text} Unknown for {', '.join(blind[:NAMED])}{more}, as above." if blind else text


def page() -> None:
    """Draws the page."""
    now = as_of()
    ask_ahead("leavers_active", "leavers_held", "deprovision_times", *IN_USE, as_of=now)
    left, staged = ask("leavers_active", as_of=now), ask("leavers_held", as_of=now)
    summary = sentence(left, staged, ask("deprovision_times", as_of=now))
    caught = sum(len(ask(name, as_of=now)) for name in IN_USE)
    if caught:
        summary += f" {count(caught, 'account', 'accounts')} more may be in use without an error: see the traps below."
    facts = current_facts(min(now, bar().until))
    draw_judged("leavers", summary, with_in_use(facts, in_use_by_job(now)), doubt=bool(unknown_hours()))
    draw_unknown(facts)
    st.caption(f"As of {instant(min(now, bar().until))}.")
    ask_ahead("completeness_of_window", "deprovision_curve", "wire_size", *TRAPS, as_of=now)
    draw_completeness()
    panel("leavers_active", still_active, empty=none("No pending removals in the log.", facts), as_of=now)
    panel(
        "deprovision_times",
        deprovision_times,
        empty=none_in_window("No disable or delete of this time range was read."),
        also={"deprovision_curve": {"as_of": now}},
        as_of=now,
    )
    panel("leavers_held", staged_deletions, empty=none("No deletion in the log is held back.", facts), as_of=now)
    compared_removals(now)
    draw_traps()


if __name__ == "__main__":
    page()
