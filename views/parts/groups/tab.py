"""Groups: which lack members in the app and which lost them; a group opens in the side panel."""

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant
from views.frame.data import Row, ask, ask_ahead, records
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.numbers import number_grid
from views.frame.panel import panel
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, has_word, read_word, write_words
from views.frame.table import number_column, table, text_column, time_columns
from views.parts.groups.group import draw_group, group_name, names_text
from views.parts.shared.coverage import draw_completeness, has_logs
from views.parts.shared.object_panel import object_panel

COLUMNS = {
    "group_name": text_column("Group"),
    "app_name": text_column("App"),
    "attempted": number_column("Members", width="small"),
    "present": number_column("Present", width="small", help="Confirmed, or assumed: an event that failed names others"),
    "unresolved": number_column("Not in the app"),
    "failed": number_column("Failed", width="small"),
    "lost": number_column("Lost at once", width="small", help="When it was emptied or halved in the time range"),
    "unresolved_names": text_column("Members not in the app", width="medium"),
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
    apart = " (each counted in every app)" if rows["group_id"].duplicated().any() else ""
    words = (
        f"In {len(lacking):,} of {count(groups, 'group')}{apart}, {count(lacks, 'member has', 'members have')} no "
        "account in the app"
        if lacks
        else f"No missing members in {count(groups, 'group')}{apart}"
    )
    if len(shrunk):
        first = records(shrunk.sort_values("lost", ascending=False))[0]
        lost = (
            f"{group_name(first)} lost {count(first['lost'], 'member')} at once" if first["lost"] else group_name(first)
        )
        return (
            f"{words}. {count(len(shrunk), 'group')} {'was' if len(shrunk) == 1 else 'were'} emptied or halved: {lost}."
        )
    return f"{words}. No group in the records lost half of its members or more at once in this time range."


def worst(rows: pd.DataFrame) -> str:
    """Writes which group lacks most members."""
    first = records(rows[rows["unresolved"] > 0])[:1]
    return "".join(
        f" Most in {group_name(one)} ({int(one['unresolved']):,}): {names_text(one['unresolved_names'])}."
        for one in first
    )


def scope_note(rows: pd.DataFrame) -> str | None:
    """Writes how many groups were looked into, where there are more than that."""
    many = 0 if rows.empty else int(rows["of_groups"].max())
    return f"Looked into {len(rows):,} of {many:,} groups: those with most problems." if many > len(rows) else None


def metrics(rows: pd.DataFrame) -> None:
    """Draws four numbers."""
    with number_grid():
        each = "Each counted in every app" if rows["group_id"].duplicated().any() else None
        st.metric("Groups", f"{int(rows['of_groups'].max()):,}", border=True, height="stretch", help=each)
        # That the app has no account for a member is in provisioning logs alone.
        lacking, members = int((rows["unresolved"] > 0).sum()), int(rows["unresolved"].sum())
        is_known = bool(lacking) or has_logs()
        st.metric(
            "Groups with missing members", f"{lacking:,}" if is_known else "Unknown", border=True, height="stretch"
        )
        st.metric("Missing members", f"{members:,}" if is_known else "Unknown", border=True, height="stretch")
        st.metric("Emptied or halved", f"{int((rows['flags'] > 0).sum()):,}", border=True, height="stretch")


def ledger(rows: pd.DataFrame) -> None:
    """Draws the groups, those that lack most first; each opens in the side panel."""
    columns = {name: column for name, column in COLUMNS.items() if name == "present" or not rows[name].isna().all()}
    table(
        rows.assign(present=rows["confirmed"] + rows["not_refused"]),
        columns,
        Key.GROUPS,
        at_most=460,
        opens="group_name",
        on_open=lambda row: write_words({Word.GROUP: str(row["group_id"]), Word.OF: str(row["job_id"])}),
    )
    lists = int((rows["missing"].fillna(0) + rows["unexplained"].fillna(0) > 0).sum())
    if lists:
        st.caption(
            f"In {count(lists, 'group')} the app's own member list differs from the records; open one to compare."
        )


def addressed(rows: pd.DataFrame) -> Row | None:
    """Returns the group that the address names."""
    group, job = read_word(Word.GROUP), read_word(Word.OF)
    if group not in set(rows["group_id"]):
        rows = ask("group_ledger", group=group)
    fits = rows[(rows["group_id"] == group) & ((not has_word(Word.OF)) | (rows["job_id"].astype(str) == job))]
    return None if fits.empty else records(fits)[0]


def group_panel(rows: pd.DataFrame) -> None:
    """Opens the group that the address names, or a sentence where it is not here."""
    if has_word(Word.OBJECT):
        object_panel()
        return
    if not has_word(Word.GROUP):
        return
    row = addressed(rows)
    title = "Not found" if row is None else plain(str(row["group_name"]))

    def draw(group: str) -> None:
        if row is None:
            found = f"No group “{plain(group)}” is known here as of {instant(bar().until)}."
            st.info(found, icon=":material/group_off:")
        else:
            draw_group(row)

    side_panel(Word.GROUP, title, draw, Word.OF, wide=True)


def draw_tab() -> None:
    """Draws the tab."""
    ask_ahead("completeness_of_window")
    rows = ask("group_ledger")
    if has_logs() or rows.empty:
        st.markdown(f"**{sentence(rows)}**{worst(rows)}")
    else:
        many = count(int(rows["of_groups"].max()), "group")
        st.markdown(
            f"**{many} in the apps' SCIM logs.** Whether members are missing is unknown: no provisioning logs cover "
            "this time range."
        )
    draw_completeness()
    if not rows.empty:
        metrics(rows)
    panel("group_ledger", ledger, title="Groups", empty="No event or SCIM request names a group.")
    if note := scope_note(rows):
        st.caption(note)
    group_panel(rows)
