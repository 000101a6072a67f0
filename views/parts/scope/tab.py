"""Scope: why users and groups were skipped, whether that is expected, and whether the scope has changed."""

from datetime import datetime

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.wording import count, instant, share, span
from views.charts.funnel import stage_funnel
from views.charts.scope import scope_drift
from views.frame.chart import Mark, chart, chart_mark
from views.frame.data import Row, as_of, ask, ask_ahead, records
from views.frame.empty import nothing
from views.frame.filters import DAY, bar
from views.frame.look import chips, plain, plain_name
from views.frame.numbers import number_grid
from views.frame.panel import panel, show_sql
from views.frame.state import Key, Word, write_word, write_words
from views.frame.table import chips_column, number_column, share_column, table, text_column, time_columns
from views.frame.verdict import number_or_unknown
from views.parts.people.panel import open_person
from views.parts.scope.skipped import APART, OBJECTS, open_panel, reason_label
from views.parts.shared.coverage import draw_completeness, none_in_window

WANTS = {"somebody": "skip needs action", "as intended": "skip expected", "nobody": "skip in sync"}
"The word of `look` for what a kind of skip asks for."
COMPARED = 20_000
"How many events and requests are compared here; SCIM traffic compares more."
VERDICTS = {"moved": "Changed", "new": "New", "gone": "No longer evaluated", "steady": "Unchanged"}
TURNS = {"left": "Left scope", "came": "Entered scope"}


def sentence(kinds: pd.DataFrame, drifts: pd.DataFrame) -> str:
    """Writes how many skips need action, how many are expected, and whether the scope changed."""
    if kinds.empty:
        return none_in_window(f"No skips between {instant(bar().since)} and {instant(bar().until)}.")
    open_cases, intended = skip_counts(kinds)
    need = f"{count(open_cases, *OBJECTS)} {'needs' if open_cases == 1 else 'need'} action"
    return (
        f"{need if open_cases else 'No skip in the log needs action'}; "
        f"{count(intended, *OBJECTS)} {'is' if intended == 1 else 'are'} out of scope, as expected. "
        f"{drifts_sentence(drifts)}"
    )


def skip_counts(kinds: pd.DataFrame) -> tuple[int, int]:
    """Returns how many users and groups need action, and how many are skipped as expected."""
    waiting = kinds.groupby("wants")["waiting"].sum()
    return int(waiting.get("somebody", 0)), int(waiting.get("as intended", 0))


def metrics(kinds: pd.DataFrame, moves: pd.DataFrame) -> None:
    """Draws four numbers."""
    open_cases, intended = skip_counts(kinds)
    left, came = (int((moves["turn"] == turn).sum()) for turn in ("left", "came"))
    with number_grid():
        st.metric("Skipped, needs action", number_or_unknown(open_cases), border=True, height="stretch")
        st.metric("Skipped as expected", f"{intended:,}", border=True, height="stretch")
        st.metric("Entered scope", f"{came:,}", border=True, height="stretch")
        st.metric("Left scope", f"{left:,}", border=True, height="stretch")


def drifts_sentence(drifts: pd.DataFrame) -> str:
    """Writes which clauses exclude more or fewer than before."""
    turns = [clause_sentence(row) for row in records(drifts[drifts["verdict"] != "steady"])]
    return " ".join(turns[:3]) or "No scoping clause in the log excludes more or fewer than usual."


def clause_sentence(row: Row) -> str:
    """Writes how one clause changed."""
    clause, app, day = plain(str(row["clause"])), plain_name(row["app_name"]), wording.day(row["moved_at"])
    if row["verdict"] == "new":
        return f"In {app} the clause “{clause}” is new since {day}."
    if row["verdict"] == "gone":
        return f"In {app} the clause “{clause}” is no longer evaluated since {day}."
    before, after = share(row["share_before"]), share(row["share_after"])
    return f"In {app} “{clause}” excluded {before} before {day} and {after} since."


def kinds_table(rows: pd.DataFrame) -> None:
    """Draws the kinds of skips, those that need action first; each opens its users and groups."""
    shown = rows.assign(
        action=chips(rows["wants"].map(lambda word: WANTS.get(word, word))), label=rows["kind"].map(reason_label)
    )
    columns = {
        "label": text_column("Reason"),
        "action": chips_column("Action"),
        "objects": number_column("Affected", width="small", help="Users and groups"),
        "waiting": number_column("Still skipped", width="small"),
        "skips": number_column("Skips", width="small"),
        "sentence": text_column("Newest example", width=260),
        "apps": text_column("Apps", width=195),
        **time_columns(last_seen_at="Last seen"),
    }
    table(
        shown,
        columns,
        Key.SKIP_KINDS,
        at_most=300,
        opens="label",
        on_open=lambda row: write_word(Word.SKIP, str(row["kind"])),
    )
    if missing := sorted({name for names in rows["attributes"].dropna() for name in str(names).split(", ") if name}):
        st.caption(f"Attributes that are missing: {plain(', '.join(missing))}")


def funnel(rows: pd.DataFrame) -> None:
    """Draws the way from seen to exported; a selected bar opens who is in it."""
    chart_mark(Key.SCOPE_FUNNEL, stage_funnel, rows, on_select=open_stage)
    since = compared_since(ask("wire_size"))
    st.caption(f"{confirmed(ask('scope_confirmed', since=since), since)} Select a bar to see who is in it.")


def open_stage(mark: Mark | None) -> None:
    """Puts the bar that was selected into the address."""
    if mark is not None:
        write_word(Word.STAGE, f"{mark[0]}{APART}{mark[1]}" if mark[1] else str(mark[0]))


def compared_since(sizes: pd.DataFrame) -> datetime:
    """Returns since when exports are compared with the apps' logs: the window, or as much of its end as is quick."""
    newest = sizes.sort_values("hour", ascending=False)
    fits = newest[(newest["events"] + newest["requests"]).cumsum() <= COMPARED]
    whole = len(fits) == len(sizes) or fits.empty
    return bar().since if whole else max(bar().since, fits["hour"].min().to_pydatetime())


def confirmed(rows: pd.DataFrame, since: datetime) -> str:
    """Writes how many exports the app's own log confirms."""
    if rows.empty:
        return none_in_window("No exports to confirm in the app's log.")
    first = rows.iloc[0]
    if first["unknown"] == first["exported"]:
        return "Confirmed by the app: unknown, no SCIM log covers these exports."
    part = "" if since <= bar().since else f" since {instant(since)}"
    good = f"Confirmed by the app: {first['confirmed']:,} of {first['exported']:,} exported{part}"
    lost = f", {first['never_seen']:,} missing in its log" if first["never_seen"] else ""
    return f"{good}{lost}, {first['unknown']:,} unknown."


def drifts_table(rows: pd.DataFrame) -> None:
    """Draws how many each clause excluded, day by day, and whether that changed; a row opens whom."""
    show_sql(scope_by_day={}, scope_drift={})
    shown = rows.assign(verdict=rows["verdict"].map(VERDICTS))
    columns = {
        "clause": text_column("Clause", width="large"),
        "app_name": text_column("App"),
        "failed": number_column("Not met", width="small"),
        "evaluated": number_column("Evaluated", width="small"),
        "failed_share": share_column("Excluded", width="small"),
        "verdict": text_column("Over time"),
        **time_columns(moved_at="Since"),
        "share_before": share_column("Before", width="small"),
        "share_after": share_column("After", width="small"),
    }
    table(
        shown,
        columns,
        Key.SCOPE_CLAUSES,
        at_most=320,
        opens="clause",
        on_open=lambda row: write_words({Word.CLAUSE: str(row["clause"]), Word.OF: str(row["job_id"])}),
    )
    if (rows["failed"] > 0).any():
        chart(Key.SCOPE_DRIFT, scope_drift, ask("scope_by_day"), rows["job_id"].nunique() > 1, zooms=DAY)
    st.caption(
        "A user who is evaluated again counts again. A clause is one condition of a filter; which of them must be true "
        "together, the log does not show."
    )


def moves_table(rows: pd.DataFrame) -> None:
    """Draws who entered the scope and who left it."""
    show_sql(scope_moves={})
    columns = {
        "name": text_column("Name"),
        "turn": text_column("Change"),
        "app_name": text_column("App"),
        "sentence": text_column("Reason", width="large"),
        **time_columns(moved_at="First event"),
    }
    shown = rows.assign(turn=rows["turn"].map(TURNS))
    table(shown, columns, Key.SCOPE_MOVES, at_most=420, opens="name", on_open=open_person)


def never_provisioned_table(rows: pd.DataFrame) -> None:
    """Draws who is in scope and has no account, the longest wait first."""
    show_sql(never_provisioned={})
    waits = [as_of() - since for since in rows["since"]]
    columns = {
        "name": text_column("Name"),
        "app_name": text_column("App"),
        "status": chips_column("Status"),
        "waits": text_column("For", width="small"),
        "attempts": number_column("Attempts", width="small"),
        "error_code": text_column("Error"),
        **time_columns(since="Since", last_event_at="Last event"),
        "source_type": text_column("Type", width="small"),
    }
    shown = rows.assign(waits=[span(length) for length in waits], status=chips(rows["state"]))
    table(shown, columns, Key.NEVER_PROVISIONED, at_most=420, opens="name", on_open=open_person)


def draw_folded(drifts: pd.DataFrame, moves: pd.DataFrame) -> None:
    """Draws, closed, what found something; what found nothing is one line."""
    never = ask("never_provisioned")
    parts = (
        ("Users never provisioned", len(never), never, never_provisioned_table),
        ("Users entering and leaving scope", len(moves), moves, moves_table),
        ("Scoping clauses", len(drifts), drifts, drifts_table),
    )
    for title, found, rows, draw in parts:
        if found:
            with st.expander(f"{title}: {found:,}"):
                draw(rows)
    empty = [title.lower() for title, found, _, _ in parts if not found]
    if empty:
        nothing(none_in_window(f"{count(len(empty), 'check')}, nothing found: {', '.join(empty)}."))


def draw_tab() -> None:
    """Draws the tab."""
    ask_ahead("skip_kinds", "scope_moves", "scope_drift")
    kinds, moves, drifts = ask("skip_kinds"), ask("scope_moves"), ask("scope_drift")
    st.markdown(f"**{sentence(kinds, drifts)}**")
    ask_ahead("completeness_of_window", "scope_funnel", "wire_size", "scope_by_day", "never_provisioned")
    draw_completeness()
    if not kinds.empty:
        metrics(kinds, moves)
    panel("skip_kinds", kinds_table, empty=none_in_window("No skips in this time range."))
    panel("scope_funnel", funnel, empty="No events in this time range.", also=("scope_confirmed",))
    draw_folded(drifts, moves)
    open_panel()
