"""How long each app takes to remove a leaver: a line per app and action, its leavers in the side panel, the curve."""

from collections.abc import Collection

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, is_missing, span
from views.charts.leavers import survival_curve
from views.frame.chart import chart
from views.frame.data import Row, as_of, ask, records
from views.frame.look import chips, plain_name
from views.frame.panel import show_sql
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, write_word
from views.frame.table import chips_column, number_column, table, text_column, time_columns
from views.parts.leavers.access import KINDS
from views.parts.people.panel import open_person
from views.parts.shared.object_panel import give_way

OUTCOMES = {"done": "removed", "open": "has_access", "held back": "held back", "called off": "cancelled"}
IMMEDIATELY = "Immediately (first attempt)"
ENTRY = {"trigger": "Import that showed it", "event": "First request"}


def deprovision_times(rows: pd.DataFrame, blind: Collection[object] = ()) -> None:
    """Draws one line per app and action, which opens its leavers, and the curve of each in an expander.

    `blind` are the jobs of which it is unknown whether leavers were removed: none with access is not known there.
    """
    shown = rows.assign(
        action=rows["kind"].map(lambda kind: KINDS.get(kind, kind)),
        half=[quantile(row, "p50_s") for row in records(rows)],
        most=[quantile(row, "p95_s") for row in records(rows)],
        longest=[quantile(row, "longest_s") for row in records(rows)],
        with_access=[
            "Unknown" if not row["still_open"] and row["job_id"] in blind else f"{int(row['still_open']):,}"
            for row in records(rows)
        ],
    )
    columns = {
        "app_name": text_column("App"),
        "action": text_column("Action"),
        "cases": number_column("Leavers"),
        "done": number_column("Removed"),
        "with_access": text_column("With access"),
        "called_off": number_column("Cancelled"),
        "half": text_column("Median"),
        "most": text_column("95% within"),
        "longest": text_column("Longest"),
    }
    table(
        shown,
        columns,
        Key.DEPROVISION_TIMES,
        at_most=280,
        opens="app_name",
        on_open=lambda row: write_word(Word.CASES, f"{row['kind']} {row['job_id']}"),
    )
    curve = ask("deprovision_curve", as_of=as_of())
    if not curve["took_s"].max() > 0:
        note = no_curve(curve)
        st.caption(f"{note[0].upper()}{note[1:]} {counting_note(rows)}")
        return
    with st.expander("Accounts remaining over time"):
        chart(Key.SURVIVAL, survival_curve, curve)
        st.caption(counting_note(rows))


def no_curve(curve: pd.DataFrame) -> str:
    """Writes why there is no curve where nothing in it took any time.

    >>> no_curve(pd.DataFrame({"went": [3, 1], "left_sight": [0, 2]}))
    'all 4 removals succeeded at the first attempt, and 2 leavers could not be followed for any time.'
    """
    went, followed = int(curve["went"].sum()), int(curve["left_sight"].sum())
    if not went:
        return "no removal could be followed for any time."
    done = "the one removal" if went == 1 else f"all {went:,} removals"
    rest = f", and {count(followed, 'leaver')} could not be followed for any time" if followed else ""
    return f"{done} succeeded at the first attempt{rest}."


def quantile(row: Row, name: str) -> str:
    """Writes a quantile, or says that the curve does not fall that far."""
    if is_missing(row[name]):
        return "Not reached"
    return IMMEDIATELY if row[name] == 0 else span(row[name])


def counting_note(rows: pd.DataFrame) -> str:
    """Writes what the times are counted from."""
    triggered, leavers = int(rows["from_trigger"].sum()), int(rows["cases"].sum())
    imported, requested = "the first event that shows that the user left", "the first event that requests the removal"
    if triggered in (0, leavers):
        start = f"Times count from {imported if triggered else requested}."
    else:
        start = (
            f"Times of {triggered:,} of {count(leavers, 'leaver')} count from {imported}; the others from {requested}."
        )
    return f"{start} The time between leaving and Entra's import is not in the logs."


def cases_panel(rows: pd.DataFrame) -> None:
    """Opens the leavers of the line that the address names."""

    def draw(word: str) -> None:
        give_way()
        kind, _, job = word.partition(" ")
        fits = records(rows[(rows["kind"] == kind) & (rows["job_id"] == job)])
        if not fits:
            st.info("No removals of this app and action in this time range.", icon=":material/person_off:")
            return
        draw_cases(fits[0])

    side_panel(Word.CASES, "Removals", draw, wide=True)


def draw_cases(row: Row) -> None:
    """Draws the leavers behind a line of the table."""
    given = {"as_of": as_of(), "job": row["job_id"], "kind": row["kind"]}
    rows = ask("leaver_cases", **given)
    st.markdown(f"**{KINDS.get(str(row['kind']), str(row['kind']))} in {plain_name(row['app_name'])}**")
    shown = rows.assign(
        took=[quantile(row, "took_s") for row in records(rows)],
        status=chips(rows["outcome"].map(lambda word: OUTCOMES.get(word, word))),
        started_from=rows["started_from"].map(lambda word: ENTRY.get(word, word)),
    )
    columns = {
        "name": text_column("Name"),
        "status": chips_column("Status"),
        "took": text_column("Took"),
        **time_columns(started_at="From", ended_at="Until"),
        "requests": number_column("Attempts"),
        "failures": number_column("Failed"),
        "started_from": text_column("Counted from"),
        "left_as": text_column("Reason"),
    }
    if not rows["again_at"].isna().all():
        columns |= {**time_columns(again_at="New account since"), "again_as": text_column("New account")}
    key = Key.LEAVER_CASES.of(row["job_id"], row["kind"])
    table(shown, columns, key, at_most=640, opens="name", on_open=open_person)
    show_sql(leaver_cases=given)
