"""One issue: what it is, its likely owner and why, who is affected, how it came and went, and what is blamed."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant
from pipeline.knowledge.causes import OWNERS, cause_of, evidence
from views.charts.issues import issue_spread
from views.frame.chart import chart
from views.frame.data import Row, ask, records
from views.frame.events import story_link
from views.frame.filters import bar
from views.frame.look import COLOURS, plain
from views.frame.panel import panel, show_sql
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, read_word
from views.frame.table import code_column, number_column, table, text_column, time_columns
from views.parts.issues.attribute_blame import draw_blame
from views.parts.issues.sentences import ICONS, STATES, filled, issue_title, text_of, unknown_code

LONG_AGO = datetime(1970, 1, 1)
STANDINGS = {"leaver": "Leaver, still in", "waiting": "Waits", "settled": "Settled"}
PARTS = ("template", "source_type", "step_type", "code", "http_status", "scim_type")


def draw_details(row: Row, others: pd.DataFrame) -> None:
    """Draws one issue; similar codes are searched among `others`, the issues until the window's end."""
    one: dict[str, Any] = {"job": row["job_id"], "issue": row["issue"], "until": bar().until}
    st.markdown(f"### {plain(issue_title(row))}")
    st.markdown(sentence(row))
    with st.container(horizontal=True):
        with st.container(border=True):
            draw_owner(row)
        with st.container(border=True):
            draw_meaning(row, others)
    show_sql(issues={"since": LONG_AGO})
    panel("issue_people", lambda rows: people_table(rows, row), **one)
    draw_blame(row)
    panel("issue_spread", lambda rows: draw_spread(rows, row), **one)
    panel("issue_episodes", episodes_table, **one)
    panel(
        "issue_example", lambda rows: draw_example(records(rows)[0], row), empty="Its newest event is not kept.", **one
    )


def sentence(row: Row) -> str:
    """Writes the state of an issue, how many it affected and how many wait."""
    label, tone, meaning = STATES[row["state"]]
    if row["state"] == "quiet":
        meaning = "nothing was tried for a day" if row["waiting"] else "no pending retries in the log"
    affected = count(row["people"], "person or group", "people and groups")
    pending = f"{count(row['waiting'], 'waits', 'wait')}" if row["waiting"] else "no pending retries in the log"
    again = f" It came {count(row['episodes'], 'time')}." if row["episodes"] > 1 else ""
    return (
        f":{COLOURS[tone]}[{ICONS[tone]} **{label}**] in **{plain(str(row['app_name']))}**: {meaning}. "
        f"It hit {affected} in {count(row['events'], 'attempt')}; {pending}. "
        f"First seen {instant(row['first_seen_at'])}, last {instant(row['last_seen_at'])}.{again}"
    )


def draw_owner(row: Row) -> None:
    """Draws the likely owner, and why."""
    st.markdown(f"**Likely owner: {plain(str(row['fault']))}**")
    st.markdown(OWNERS[str(row["fault"])][0].upper() + OWNERS[str(row["fault"])][1:] + ".")
    signs = evidence(filled(row))
    st.caption(
        "Why we think so: " + "; ".join(plain(one) for one in signs) + "."
        if signs
        else "The record shows nothing that tells."
    )


def draw_meaning(row: Row, others: pd.DataFrame) -> None:
    """Draws what the code means and what to do, or that it is not documented."""
    code = text_of(row["code"])
    cause = cause_of(filled(row))
    if cause is None:
        st.markdown("**What it means**")
        codes = sorted(set(others["code"].dropna()) - {code})
        st.markdown(unknown_code(code, codes) if code else "The log gives no code.")
        return
    st.markdown(f"**{plain(cause.title)}**")
    st.markdown(plain(cause.meaning))
    st.markdown("\n".join(f"1. {plain(step)}" for step in cause.steps))
    named = f" Code: {plain(code)}." if code else ""
    st.caption(f"{cause.again}{named} Source: {plain(cause.source)}.")


def people_table(rows: pd.DataFrame, row: Row) -> None:
    """Draws who is affected, leavers first; a selected row opens its story."""
    leavers = int((rows["standing"] == "leaver").sum())
    waiting = int((rows["standing"] != "settled").sum())
    grave = f" **{count(leavers, 'leaver is', 'leavers are')} among them, who should be gone.**" if leavers else ""
    st.markdown(f"{count(len(rows), 'person or group', 'people and groups')}, {waiting:,} of them waiting.{grave}")
    columns = {
        "name": text_column("Who", pinned=True),
        "label": text_column("Stands"),
        "action": text_column("Wanted"),
        "attempts": number_column("Attempts"),
        **time_columns(first_seen_at="First", last_seen_at="Last", settled_at="Settled", retry_at="Entra tries again"),
        **time_columns(again_at="Another account since"),
    }
    chosen = table(
        rows.assign(label=rows["standing"].map(STANDINGS)), columns, Key.ISSUE_PEOPLE.of(row["issue"]), select=True
    )
    if chosen is None:
        st.caption("Select a row to open the story of whom it is about.")
    else:
        story_link(chosen, event=str(chosen["event_id"]))


def draw_spread(rows: pd.DataFrame, row: Row) -> None:
    """Draws how many waited, and how many it had hit."""
    chart(Key.ISSUE_SPREAD.of(row["issue"]), issue_spread, rows, bar().until)


def episodes_table(rows: pd.DataFrame) -> None:
    """Draws how it came and went."""
    columns = {
        "episode": code_column("Episode"),
        **time_columns(began_at="Began", ended_at="Ended"),
        "people": number_column("People and groups"),
        "most": number_column("At once"),
        "cycles": number_column("Cycles"),
    }
    table(rows, columns, Key.EPISODES)


def draw_example(example: Row, row: Row) -> None:
    """Draws what the fingerprint was made from: the message before and after, and everything else that counts."""
    left, right = st.columns(2)
    left.caption("One message as it came")
    left.code(str(example["raw"]), language=None, wrap_lines=True)
    right.caption("What is the same for all of them")
    right.code(str(example["detail"]) or "(no message)", language=None, wrap_lines=True)
    parts_of = filled(row | {"template": example["template"]})
    parts = ", ".join(f"{name.replace('_', ' ')} `{number(parts_of[name])}`" for name in PARTS if name in parts_of)
    st.markdown(f"Everything with this message and {parts} is this issue: `{row['issue']}`.")
    story_link(example, event=str(example["event_id"]))


def number(value: Any) -> str:
    """Writes a part of a fingerprint; a status without decimals."""
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def find_issue(issue: str, job: str | None) -> tuple[Row | None, pd.DataFrame]:
    """Returns an issue as of the window's end, whenever it was last seen, and all that were seen until then."""
    rows = ask("issues", since=LONG_AGO)
    matches = [row for row in records(rows) if row["issue"] == issue and job in (None, row["job_id"])]
    return (matches[0] if matches else None), rows


def draw_issue(issue: str, job: str | None) -> None:
    """Draws the issue that the address names."""
    row, others = find_issue(issue, job)
    if row is None:
        st.warning(f"There is no issue {plain(issue)} in this store before {instant(bar().until)}.")
        return
    draw_details(row, others)


def issue_panel() -> None:
    """Opens the side panel of the issue that the address names."""
    side_panel(Word.ISSUE, "Issue", lambda issue: draw_issue(issue, read_word(Word.OF) or None), Word.OF, wide=True)
