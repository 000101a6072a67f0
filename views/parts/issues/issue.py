"""One issue: what it is, whose fault and why, whom it hit, how it came and went, and what tells those hit apart."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.knowledge.causes import FAULTS, card_of, evidence
from views.charts import issues as issues_charts
from views.frame.data import BLANK, PLAIN, Row, ask, asked, bar, records, tile, times
from views.frame.events import choose, story_link
from views.frame.look import COLOURS, count, plain, when
from views.parts.issues import attribute_blame
from views.parts.issues.sentences import ICONS, STATES, called, filled, text_of, unknown_code

LONG_AGO = datetime(1970, 1, 1)
STANDINGS = {"leaver": "Leaver, still in", "waiting": "Waits", "settled": "Settled"}
PARTS = ("template", "source_type", "step_type", "code", "http_status", "scim_type")


def draw(row: Row, others: pd.DataFrame) -> None:
    """Draws one issue; `others` are the issues of the window, among which similar codes are looked for."""
    one: dict[str, Any] = {"job": row["job_id"], "issue": row["issue"], "until": bar().until}
    st.markdown(f"### {plain(called(row))}")
    st.markdown(sentence(row))
    with st.container(horizontal=True):
        with st.container(border=True):
            fault(row)
        with st.container(border=True):
            card(row, others)
    asked(issues={"since": LONG_AGO})
    tile("issue_people", lambda rows: people(rows, row), **one)
    attribute_blame.draw(row)
    tile("issue_spread", lambda rows: spread(rows, row), **one)
    tile("issue_episodes", episodes, **one)
    tile("issue_example", lambda rows: grouped(records(rows)[0], row), empty="Its newest event is not kept.", **one)


def sentence(row: Row) -> str:
    """Says how an issue stands: its state, whom it hit and who waits."""
    label, tone, meaning = STATES[row["state"]]
    if row["state"] == "quiet":
        meaning = "nothing was tried for a day" if row["waiting"] else "nobody waits any more"
    hit = count(row["people"], "person or group", "people and groups")
    waits = f"{count(row['waiting'], 'waits', 'wait')}" if row["waiting"] else "nobody waits"
    again = f" It came {count(row['episodes'], 'time')}." if row["episodes"] > 1 else ""
    return (
        f":{COLOURS[tone]}[{ICONS[tone]} **{label}**] in **{plain(str(row['app_name']))}**: {meaning}. "
        f"It hit {hit} in {count(row['events'], 'attempt')}; {waits}. "
        f"First seen {when(row['first_seen_at'])}, last {when(row['last_seen_at'])}.{again}"
    )


def fault(row: Row) -> None:
    """Draws whose fault it is taken to be, and what speaks for that."""
    st.markdown(f"**Whose fault: {plain(str(row['fault']))}**")
    st.markdown(FAULTS[str(row["fault"])][0].upper() + FAULTS[str(row["fault"])][1:] + ".")
    said = evidence(filled(row))
    st.caption("Read from: " + "; ".join(plain(one) for one in said) + "." if said else "Nothing speaks for anybody.")


def card(row: Row, others: pd.DataFrame) -> None:
    """Draws what the code means and what to do, or that nobody documented it."""
    code = text_of(row["code"])
    known = card_of(code)
    if known is None:
        st.markdown("**What it means**")
        seen = sorted(set(others["code"].dropna()) - {code})
        st.markdown(unknown_code(code, seen) if code else "The log gives no code.")
        return
    st.markdown(f"**{plain(known.title)}**")
    st.markdown(plain(known.meaning))
    st.markdown("\n".join(f"1. {plain(step)}" for step in known.steps))
    st.caption(f"{known.again} Code: {plain(str(code))}")


def people(rows: pd.DataFrame, row: Row) -> None:
    """Draws whom it hit, leavers first; a selected row opens its story."""
    leavers = int((rows["standing"] == "leaver").sum())
    waiting = int((rows["standing"] != "settled").sum())
    grave = f" **{count(leavers, 'leaver is', 'leavers are')} among them, who should be gone.**" if leavers else ""
    st.markdown(f"{count(len(rows), 'person or group', 'people and groups')}, {waiting:,} of them waiting.{grave}")
    columns = {
        "name": st.column_config.TextColumn("Who", pinned=True),
        "said": st.column_config.TextColumn("Stands"),
        "action": st.column_config.TextColumn("Wanted"),
        "attempts": st.column_config.NumberColumn("Attempts", format="localized"),
        **times(first_seen_at="First", last_seen_at="Last", settled_at="Settled", retry_at="Entra tries again"),
    }
    chosen = choose(rows.assign(said=rows["standing"].map(STANDINGS)), columns, f"people-{row['issue']}")
    if chosen is None:
        st.caption("Select a row to open the story of whom it is about.")
    else:
        story_link(chosen, event=str(chosen["event_id"]))


def spread(rows: pd.DataFrame, row: Row) -> None:
    """Draws how many waited, and how many it had hit."""
    figure = issues_charts.spread(rows, bar().until)
    st.plotly_chart(figure, key=f"spread-{row['issue']}", config=PLAIN)


def episodes(rows: pd.DataFrame) -> None:
    """Draws how it came and went."""
    columns = {
        "episode": st.column_config.NumberColumn("Episode", format="%d"),
        **times(began_at="Began", ended_at="Ended"),
        "people": st.column_config.NumberColumn("People and groups", format="localized"),
        "most": st.column_config.NumberColumn("At once", format="localized"),
        "cycles": st.column_config.NumberColumn("Cycles", format="localized"),
    }
    st.dataframe(
        rows, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK, key="episodes"
    )


def grouped(example: Row, row: Row) -> None:
    """Draws what the fingerprint was made from: the message before and after, and everything else that counts."""
    left, right = st.columns(2)
    left.caption("One message as it came")
    left.code(str(example["raw"]), language=None, wrap_lines=True)
    right.caption("What is the same for all of them")
    right.code(str(example["detail"]) or "(no message)", language=None, wrap_lines=True)
    told = filled(row | {"template": example["template"]})
    parts = ", ".join(f"{name.replace('_', ' ')} `{number(told[name])}`" for name in PARTS if name in told)
    st.markdown(f"Everything with this message and {parts} is this issue: `{row['issue']}`.")
    story_link(example, event=str(example["event_id"]))


def number(value: Any) -> str:
    """Writes a part of a fingerprint; a status without decimals."""
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def find(issue: str, job: str | None) -> tuple[Row | None, pd.DataFrame]:
    """Gives an issue as of the window's end, whenever it was last seen, and all that were seen until then."""
    rows = ask("issues", since=LONG_AGO)
    found = [row for row in records(rows) if row["issue"] == issue and job in (None, row["job_id"])]
    return (found[0] if found else None), rows


def page(issue: str, job: str | None) -> None:
    """Draws the issue that the address names."""
    row, others = find(issue, job)
    if row is None:
        st.warning(f"There is no issue {plain(issue)} in this store before {when(bar().until)}.")
        return
    draw(row, others)
