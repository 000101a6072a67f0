"""Groups: which lack members in the app and which lost them, and each group's members with their history."""

import pandas as pd
import streamlit as st

from views.frame.data import Row, ahead, ask, bar, is_empty, records, teach, tile, times
from views.frame.events import choose
from views.frame.look import count, plain, when
from views.parts.groups import group as group_part
from views.parts.shared import coverage

COLUMNS = {
    "group_name": st.column_config.TextColumn("Group", pinned=True),
    "app_name": st.column_config.TextColumn("App"),
    "attempted": st.column_config.NumberColumn("Members", format="localized"),
    "confirmed": st.column_config.NumberColumn("In place", format="localized"),
    "not_refused": st.column_config.NumberColumn("Not refused", format="localized"),
    "unresolved": st.column_config.NumberColumn("Unresolved", format="localized"),
    "failed": st.column_config.NumberColumn("Failed", format="localized"),
    "lost": st.column_config.NumberColumn("Lost at once", format="localized"),
    "missing": st.column_config.NumberColumn("Missing in the app's list", format="localized"),
    "unexplained": st.column_config.NumberColumn("Only in the app's list", format="localized"),
    "unresolved_names": st.column_config.TextColumn("Who is unresolved", width="large"),
    **times(last_at="Newest record"),
}


def sentence(rows: pd.DataFrame) -> str:
    """Says how many groups lack members, and which lost them."""
    if rows.empty:
        return f"No group is known as of {when(bar().until)}."
    lacking = rows[rows["unresolved"] > 0]
    shrunk = rows[rows["flags"] > 0]
    lacks = int(lacking["unresolved"].sum())
    known = int(rows["of_groups"].max())
    words = (
        f"{count(len(lacking), 'group')} of {known:,} {'lacks' if len(lacking) == 1 else 'lack'} "
        f"{count(lacks, 'member')} that Entra could not find in the app"
        if lacks
        else f"No member of {count(known, 'group')} is known to be unresolved"
    )
    if len(shrunk):
        worst = records(shrunk.sort_values("lost", ascending=False))[0]
        lost = (
            f"{group_part.named(worst)} lost {count(worst['lost'], 'member')} at once"
            if worst["lost"]
            else group_part.named(worst)
        )
        return (
            f"{words}. {count(len(shrunk), 'group')} {'was' if len(shrunk) == 1 else 'were'} emptied or halved: {lost}."
        )
    return f"{words}. None was emptied or halved in this window, as far as the records tell."


def looked_at(rows: pd.DataFrame) -> str | None:
    """Says how many groups were looked into, where there are more than that."""
    many = 0 if rows.empty else int(rows["of_groups"].max())
    return f"Looked into {len(rows):,} of {many:,} groups: those with most trouble." if many > len(rows) else None


def ledger(rows: pd.DataFrame) -> None:
    """Draws the groups, those that lack most first; a selected one is opened below and put into the address."""
    columns = {name: column for name, column in COLUMNS.items() if not rows[name].isna().all()}
    row = choose(rows, columns, "groups")
    if row is not None:
        st.query_params.update({"group": str(row["group_id"]), "of": str(row["job_id"])})
    else:
        st.caption("Select a row to open the group.")
    found = row or addressed(rows)
    if found is not None:
        st.divider()
        group_part.detail(found)


def addressed(rows: pd.DataFrame) -> Row | None:
    """Gives the group that the address names; says so where there is none."""
    group, job = st.query_params.get("group"), st.query_params.get("of")
    if group is None:
        return None
    if group not in set(rows["group_id"]):
        rows = ask("group_ledger", group=group)
    fits = rows[(rows["group_id"] == group) & ((job is None) | (rows["job_id"].astype(str) == str(job)))]
    if fits.empty:
        st.info(f"No group “{plain(group)}” is known here as of {when(bar().until)}.", icon=":material/group_off:")
        return None
    return records(fits)[0]


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
        return
    ahead("completeness_of_window")
    rows = ask("group_ledger")
    st.markdown(f"**{sentence(rows)}**")
    if said := looked_at(rows):
        st.caption(said)
    first = records(rows[rows["unresolved"] > 0])
    if first and "group" not in st.query_params:
        st.markdown(group_part.verdict(first[0]))
    coverage.say_known()
    tile("group_ledger", ledger, empty="No event and no SCIM request speaks of a group.")


if __name__ == "__main__":
    page()
