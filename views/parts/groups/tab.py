"""Groups: which lack members in the app and which lost them, and each group's members with their history."""

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant
from views.frame.data import Row, ask, ask_ahead, records
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.panel import panel
from views.frame.state import Key, Word, has_word, read_word, write_words
from views.frame.table import number_column, table, text_column, time_columns
from views.parts.groups.group import draw_group, group_name, verdict
from views.parts.shared.coverage import draw_completeness

COLUMNS = {
    "group_name": text_column("Group", pinned=True),
    "app_name": text_column("App"),
    "attempted": number_column("Members"),
    "confirmed": number_column("In place"),
    "not_refused": number_column("Not refused"),
    "unresolved": number_column("Unresolved"),
    "failed": number_column("Failed"),
    "lost": number_column("Lost at once"),
    "missing": number_column("Missing in the app's list"),
    "unexplained": number_column("Only in the app's list"),
    "unresolved_names": text_column("Who is unresolved", width="large"),
    **time_columns(last_at="Newest record"),
}


def sentence(rows: pd.DataFrame) -> str:
    """Writes how many groups lack members, and which lost them."""
    if rows.empty:
        return f"No group is known as of {instant(bar().until)}."
    lacking = rows[rows["unresolved"] > 0]
    shrunk = rows[rows["flags"] > 0]
    lacks = int(lacking["unresolved"].sum())
    groups = int(rows["of_groups"].max())
    words = (
        f"{count(len(lacking), 'group')} of {groups:,} {'lacks' if len(lacking) == 1 else 'lack'} "
        f"{count(lacks, 'member')} that Entra could not find in the app"
        if lacks
        else f"No member of {count(groups, 'group')} is known to be unresolved"
    )
    if len(shrunk):
        first = records(shrunk.sort_values("lost", ascending=False))[0]
        lost = (
            f"{group_name(first)} lost {count(first['lost'], 'member')} at once" if first["lost"] else group_name(first)
        )
        return (
            f"{words}. {count(len(shrunk), 'group')} {'was' if len(shrunk) == 1 else 'were'} emptied or halved: {lost}."
        )
    return f"{words}. None was emptied or halved by the records of this time range."


def scope_note(rows: pd.DataFrame) -> str | None:
    """Writes how many groups were looked into, where there are more than that."""
    many = 0 if rows.empty else int(rows["of_groups"].max())
    return f"Looked into {len(rows):,} of {many:,} groups: those with most trouble." if many > len(rows) else None


def ledger(rows: pd.DataFrame) -> None:
    """Draws the groups, those that lack most first; a selected one is opened below and put into the address."""
    columns = {name: column for name, column in COLUMNS.items() if not rows[name].isna().all()}
    row = table(rows, columns, Key.GROUPS, select=True)
    if row is not None:
        write_words({Word.GROUP: str(row["group_id"]), Word.OF: str(row["job_id"])})
    else:
        st.caption("Select a row to open the group.")
    opened = row or addressed(rows)
    if opened is not None:
        st.divider()
        draw_group(opened)


def addressed(rows: pd.DataFrame) -> Row | None:
    """Returns the group that the address names; draws a sentence where there is none."""
    if not has_word(Word.GROUP):
        return None
    group, job = read_word(Word.GROUP), read_word(Word.OF)
    if group not in set(rows["group_id"]):
        rows = ask("group_ledger", group=group)
    fits = rows[(rows["group_id"] == group) & ((not has_word(Word.OF)) | (rows["job_id"].astype(str) == job))]
    if fits.empty:
        st.info(f"No group “{plain(group)}” is known here as of {instant(bar().until)}.", icon=":material/group_off:")
        return None
    return records(fits)[0]


def draw_tab() -> None:
    """Draws the tab."""
    ask_ahead("completeness_of_window")
    rows = ask("group_ledger")
    st.markdown(f"**{sentence(rows)}**")
    if note := scope_note(rows):
        st.caption(note)
    first = records(rows[rows["unresolved"] > 0])
    if first and not has_word(Word.GROUP):
        st.markdown(verdict(first[0]))
    draw_completeness()
    panel("group_ledger", ledger, empty="No event and no SCIM request speaks of a group.")
