"""Users and groups behind a skip reason, a scoping clause or a bar of the funnel, in the side panel."""

from datetime import datetime
from typing import Any

import streamlit as st

from pipeline.config.wording import count, instant, is_missing
from views.frame.data import ask, records
from views.frame.empty import nothing
from views.frame.events import MOST
from views.frame.filters import bar
from views.frame.look import look, plain
from views.frame.panel import show_sql
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, has_word, read_word
from views.frame.table import number_column, table, text_column, time_columns
from views.parts.people.panel import open_person
from views.parts.shared.object_panel import give_way, object_panel

OBJECTS = ("user or group", "users and groups")
SKIPPED = {
    "name": text_column("Name"),
    "app_name": text_column("App"),
    "sentence": text_column("Reason", width="large"),
    "cure": text_column("If it is not expected", width="large"),
    "skips": number_column("Skips", width="small"),
    **time_columns(last_seen_at="Last seen"),
}
STAGED = {
    "name": text_column("Name"),
    "app_name": text_column("App"),
    "action": text_column("Action"),
    "status": text_column("Status"),
    "error_code": text_column("Error"),
    "skip_reason": text_column("Skip reason"),
    **time_columns(occurred_at="Last event"),
}
REASONS = {
    "already equal": "No changes needed",
    "not entitled": "Not assigned",
    "reason unfamiliar": "Undocumented reason",
}
"Kinds of skips in Entra's words; others are words already."
LONG_AGO = datetime(1970, 1, 1)
APART = " / "
"Between a stage and where it was left, in the address."


def open_panel() -> None:
    """Opens what the address names: a user or group, else a skip reason, a clause or a stage."""
    if has_word(Word.OBJECT):
        object_panel()
    elif has_word(Word.SKIP):
        kind = read_word(Word.SKIP)
        title = reason_label(kind) if is_here(kind=kind) else "Skip reason not found"
        side_panel(Word.SKIP, plain(title), lambda word: skipped_people(kind=word), wide=True)
    elif has_word(Word.CLAUSE):
        job = read_word(Word.OF) or None
        side_panel(Word.CLAUSE, "Scoping clause", lambda word: skipped_by_clause(word, job), Word.OF, wide=True)
    else:
        side_panel(Word.STAGE, "Provisioning funnel", stage_people, wide=True)


def reason_label(kind: str) -> str:
    """Writes a kind of skip as Entra calls it.

    >>> reason_label("already equal"), reason_label("not in filter")
    ('No changes needed', 'Not in filter')
    """
    return REASONS.get(kind, kind.capitalize())


def is_here(**given: Any) -> bool:
    """Whether the store has a skip of that kind or clause before the end of the time range."""
    return not ask("skip_people", since=LONG_AGO, limit=1, **given).empty


def skipped_by_clause(clause: str, job: str | None) -> None:
    """Draws who was left out by one clause."""
    st.markdown(f"**{plain(clause)}**")
    skipped_people(clause=clause, job=job)


def skipped_people(**given: Any) -> None:
    """Draws who was skipped, what to do where all have the same cure, and the way to each."""
    give_way()
    values = {"limit": MOST} | given
    rows = ask("skip_people", **values)
    show_sql(skip_people=values)
    if rows.empty:
        draw_none(**given)
        return
    newest = f", the newest {MOST}" if len(rows) == MOST else ""
    st.markdown(f"{count(len(rows), *OBJECTS)}{newest}")
    columns = dict(SKIPPED)
    cures = [cure for cure in rows["cure"].unique() if not is_missing(cure)]
    if len(cures) == 1:
        st.markdown(f"**If it is not expected.** {plain(str(cures[0]))}")
        del columns["cure"]
    table(
        rows, columns, Key.SKIPPED_PEOPLE.of(*map(str, given.values())), at_most=640, opens="name", on_open=open_person
    )


def draw_none(**given: Any) -> None:
    """Draws that nobody was skipped so in the time range, or that the address names what the store does not know."""
    if is_here(**given):
        nothing("No user or group in this time range.")
        return
    what = "with this scoping clause" if "clause" in given else f"with the reason “{plain(str(given['kind']))}”"
    st.warning(
        f"There is no skip {what} in this store before {instant(bar().until)}. The link may be mistyped or from "
        "another store, or the data was removed by retention.",
        icon=":material/search_off:",
    )


def stage_people(word: str) -> None:
    """Draws who is in one bar of the funnel."""
    give_way()
    stage, _, leak = word.partition(APART)
    bars = ask("scope_funnel")
    if not ((bars["stage"] == stage) & (bars["leak"].fillna("") == leak)).any():
        st.warning(
            f"The funnel of this time range has no bar “{plain(word)}”. Select one in the chart.",
            icon=":material/search_off:",
        )
        return
    rows = ask("scope_leak", stage=stage, leak=leak or None)
    show_sql(scope_leak={"stage": stage, "leak": leak or None})
    title = f"Not {stage}: {look(leak).label.lower()}" if leak else stage.capitalize()
    st.markdown(f"**{plain(title)}**: {count(len(rows), *OBJECTS)}{', the newest' if len(rows) == MOST else ''}")
    if not records(rows):
        nothing("No user or group in this time range.")
        return
    key = Key.SCOPE_LEAK.of(stage, leak)
    table(rows, STAGED, key, at_most=640, opens="name", on_open=open_person)
