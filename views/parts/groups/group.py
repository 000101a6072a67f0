"""One group in one app: its members and how they stand, what happened to them, and what the app itself lists."""

import pandas as pd
import streamlit as st

from views.frame.data import Row, bar, records, tile, times
from views.frame.events import choose, story_link
from views.frame.look import count, missing, plain, when

STATES = {
    "in place": ":material/check_circle: In place",
    "not refused": ":material/check: Not refused",
    "unresolved": ":material/link_off: Unresolved",
    "failed": ":material/error: Failed",
    "unknown": ":material/help: Unknown",
    "removed": ":material/person_remove: Removed",
}
PLAINLY = {word: label.partition(": ")[2] for word, label in STATES.items()}
MEANINGS = (
    "*In place*: an answer of the app or an event without an error says so. *Not refused*: the event failed and names "
    "others, so that this member should be in. *Unresolved*: Entra could not find the member in the app. *Failed*: the "
    "request was refused. *Removed*: taken out, or gone when the whole list was emptied or replaced."
)
SOURCES = {"event": "Entra's event", "wire": "SCIM request"}


def verdict(row: Row) -> str:
    """Says how a group stands, in a sentence or two.

    >>> verdict({"group_name": "Legal", "app_name": "Docs", "attempted": 10, "confirmed": 7, "not_refused": 0,
    ...     "unresolved": 3, "failed": 0, "unresolved_names": "Ada, Bob, Eve", "lost": 0, "flags": 0})
    'Legal in Docs: 7 of 10 members are in place; 3 could not be found there: Ada, Bob, Eve.'
    """
    good = int(row["confirmed"] + row["not_refused"])
    if not row["attempted"]:
        return f"{named(row)}: no record speaks of its members."
    words = f"{named(row)}: {good:,} of {count(row['attempted'], 'member')} {'is' if good == 1 else 'are'} in place"
    if row["not_refused"]:
        words += f" ({int(row['not_refused']):,} by an event that names only the others)"
    if row["unresolved"]:
        words += f"; {int(row['unresolved']):,} could not be found there: {plain_names(row['unresolved_names'])}"
    if row["failed"]:
        words += f"; {count(row['failed'], 'request')} for a member failed"
    if row["flags"]:
        words += f". It lost {count(row['lost'], 'member')} when it was emptied or halved"
    return words + "."


def named(row: Row) -> str:
    """Gives a group's name with its app's."""
    app = "an app whose job is not known" if missing(row["app_name"]) else plain(str(row["app_name"]))
    return f"{plain(str(row['group_name']))} in {app}"


def plain_names(names: object) -> str:
    """Gives names for a sentence, ten at most."""
    told = [] if missing(names) else str(names).split(", ")
    rest = f" and {len(told) - 10} more" if len(told) > 10 else ""
    return ", ".join(map(plain, told[:10])) + rest


def members(rows: pd.DataFrame) -> None:
    """Draws a group's members; a selected one's story is one click away where an event names it."""
    shown = rows.assign(state=rows["state"].map(PLAINLY), source=rows["source"].map(SOURCES))
    columns = {
        "name": st.column_config.TextColumn("Member", pinned=True),
        "state": st.column_config.TextColumn("State"),
        **times(since="Since"),
        **times(last_at="Newest record"),
        "attempts": st.column_config.NumberColumn("Records", format="localized"),
        "source": st.column_config.TextColumn("Last told by"),
    }
    row = choose(shown, columns, "members")
    st.caption(MEANINGS)
    if row is not None and row["known"]:
        story_link(row)
    elif row is not None:
        st.caption("No event names this id, so there is no story of it: it may be an account that Entra did not make.")


def history(rows: pd.DataFrame) -> None:
    """Draws what each record did to the members, the newest first."""
    for row in records(rows[rows["flag"].isin(["emptied", "halved"])]):
        st.warning(flagged(row), icon=":material/group_remove:")
    shown = rows.assign(source=rows["source"].map(SOURCES))
    columns = {
        **times(occurred_at="When"),
        "source": st.column_config.TextColumn("Told by"),
        "ops": st.column_config.TextColumn("Did"),
        "outcome": st.column_config.TextColumn("Outcome"),
        "before": st.column_config.NumberColumn("Members before", format="localized"),
        "after": st.column_config.NumberColumn("After", format="localized"),
        "flag": st.column_config.TextColumn("Flag"),
        "added": st.column_config.TextColumn("Came", width="medium"),
        "lost": st.column_config.TextColumn("Went", width="medium"),
        "unresolved": st.column_config.TextColumn("Not found", width="medium"),
    }
    choose(shown, columns, "history")
    st.caption(
        "Numbers are those that the records imply. Where they begin after the group did, it may have had more. The "
        "app's clock is taken as it stands: within its difference from Entra's, two records may be in the wrong order."
    )


def flagged(row: Row) -> str:
    """Says which record emptied or halved a group, and who went."""
    if not row["lost"]:
        return f"{when(row['occurred_at'])}: everybody was removed; who that was, no record before it says."
    did = "emptied the group" if row["flag"] == "emptied" else "left less than half of it"
    return (
        f"{when(row['occurred_at'])}: {'a request' if row['source'] == 'wire' else 'an event'} {did}. "
        f"{count(row['went'], 'member')} of {int(row['before']):,} lost: {plain_names(row['lost'])}."
    )


def differences(rows: pd.DataFrame) -> None:
    """Says where the app's own list and the records differ."""
    row = records(rows)[0]
    listed = f"On {when(row['occurred_at'])} the app listed {count(row['seen'], 'member')}"
    words = f"{listed}; the records imply {row['implied']:,}."
    if not row["missing"] and not row["unexplained"]:
        st.success(f"{words} They are the same.", icon=":material/check_circle:")
        return
    if row["missing"]:
        words += f" Missing there: {plain_names(row['missing'])}."
    if row["unexplained"]:
        words += f" There, though no record brought them: {plain_names(row['unexplained'])}."
    st.warning(words, icon=":material/difference:")


def detail(row: Row) -> None:
    """Draws one group in one app."""
    job = None if missing(row["job_id"]) else str(row["job_id"])
    group = str(row["group_id"])
    st.markdown(f"**{verdict(row)}**")
    if job is not None:
        words = bar().link(object=group)
        label = f"Everything that Entra did with {plain(str(row['group_name']))}"
        st.page_link("people.py", label=label, icon=":material/group:", query_params=words)
    tile("group_people", members, empty="No record speaks of its members.", group=group, job=job)
    tile("group_history", history, empty="No record speaks of its members.", group=group, job=job)
    tile(
        "group_list_seen",
        differences,
        empty="The app's log has no answer that lists this group's members: Entra asks for groups without them.",
        group=group,
        job=job,
    )
