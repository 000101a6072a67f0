"""One group in one app: its members and their states, what happened to them, and what the app itself lists."""

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing
from views.frame.data import Row, records
from views.frame.filters import bar
from views.frame.look import chips, plain_name
from views.frame.panel import panel
from views.frame.places import page_link
from views.frame.state import Key, Word
from views.frame.table import chips_column, number_column, table, text_column, time_columns
from views.parts.people.panel import open_person
from views.parts.shared.object_panel import give_way

STATES = {
    "in place": "member confirmed",
    "not refused": "member assumed",
    "unresolved": "member missing",
    "failed": "member failed",
    "unknown": "unknown",
    "removed": "member removed",
}
"The word of `look` for each member's state."
MEANINGS = (
    "**Present**: an answer of the app or an event without an error confirms the member. **Assumed present**: the "
    "event failed and names others only. **Not in the app**: Entra found no account of the member. **Failed**: the "
    "request was rejected. **Taken out**: removed from the group, or gone when the whole list was emptied or replaced."
)
SOURCES = {"event": "Provisioning log", "wire": "SCIM log"}


def verdict(row: Row) -> str:
    """Writes the state of a group, in a sentence or two.

    >>> verdict({"group_name": "Legal", "app_name": "Docs", "attempted": 10, "confirmed": 7, "not_refused": 0,
    ...     "unresolved": 3, "failed": 0, "unresolved_names": "Ada, Bob, Eve", "lost": 0, "flags": 0})
    'Legal in Docs: 7 of 10 members are present; 3 have no account in the app: Ada, Bob, Eve.'
    """
    good = int(row["confirmed"] + row["not_refused"])
    if not row["attempted"]:
        return f"{group_name(row)}: no record of its members."
    words = f"{group_name(row)}: {good:,} of {count(row['attempted'], 'member')} {'is' if good == 1 else 'are'} present"
    if row["not_refused"]:
        words += f" ({int(row['not_refused']):,} assumed)"
    if row["unresolved"]:
        has = "has" if row["unresolved"] == 1 else "have"
        words += f"; {int(row['unresolved']):,} {has} no account in the app: {names_text(row['unresolved_names'])}"
    if row["failed"]:
        words += f"; {count(row['failed'], 'request')} for a member failed"
    if row["flags"]:
        words += f". It lost {count(row['lost'], 'member')} when it was emptied or halved"
    return words + "."


def group_name(row: Row) -> str:
    """Writes a group's name with its app's."""
    app = "an app whose job is unknown" if is_missing(row["app_name"]) else plain_name(row["app_name"])
    return f"{plain_name(row['group_name'])} in {app}"


def names_text(names: object) -> str:
    """Writes names for a sentence, ten at most."""
    parts = [] if is_missing(names) else str(names).split(", ")
    rest = f" and {len(parts) - 10} more" if len(parts) > 10 else ""
    return ", ".join(map(plain_name, parts[:10])) + rest


def members_table(rows: pd.DataFrame) -> None:
    """Draws a group's members; each opens in the side panel."""
    shown = rows.assign(
        status=chips(rows["state"].map(lambda word: STATES.get(word, word))),
        source=rows["source"].map(SOURCES),
    )
    columns = {
        "name": text_column("Member"),
        "status": chips_column("Status"),
        **time_columns(since="Since", last_at="Newest record"),
        "attempts": number_column("Records", width="small"),
        "source": text_column("Source"),
    }
    table(shown, columns, Key.MEMBERS, at_most=320, opens="name", on_open=open_person)
    st.caption(MEANINGS)


def history_table(rows: pd.DataFrame) -> None:
    """Draws what each record did to the members, the newest first."""
    for row in records(rows[rows["flag"].isin(["emptied", "halved"])]):
        st.warning(loss_sentence(row), icon=":material/group_remove:")
    shown = rows.assign(source=rows["source"].map(SOURCES))
    columns = {
        "ops": text_column("Change"),
        **time_columns(occurred_at="When"),
        "outcome": text_column("Outcome"),
        "before": number_column("Before", width="small"),
        "after": number_column("After", width="small"),
        "added": text_column("Added", width="medium"),
        "lost": text_column("Removed", width="medium"),
        "unresolved": text_column("Not in the app", width="medium"),
        "source": text_column("Source"),
    }
    table(shown, columns, Key.GROUP_HISTORY, at_most=420)
    st.caption(
        "Numbers of members follow from the records; a group that is older than the records may have more. The app's "
        "clock is taken as it is: within its offset from Entra's, two records may be in the wrong order."
    )


def loss_sentence(row: Row) -> str:
    """Writes which record emptied or halved a group, and who was removed."""
    if not row["lost"]:
        return f"{instant(row['occurred_at'])}: all members were removed; no earlier record names them."
    did = "emptied the group" if row["flag"] == "emptied" else "left less than half of it"
    return (
        f"{instant(row['occurred_at'])}: {'a request' if row['source'] == 'wire' else 'an event'} {did}. "
        f"{count(row['went'], 'member')} of {int(row['before']):,} lost: {names_text(row['lost'])}."
    )


def compared_lists(rows: pd.DataFrame) -> None:
    """Draws where the app's own list and the records differ."""
    row = records(rows)[0]
    listed = f"{instant(row['occurred_at'])}: the app listed {count(row['seen'], 'member')}"
    words = f"{listed}; the records imply {row['implied']:,}."
    if not row["missing"] and not row["unexplained"]:
        st.markdown(f"{words} They agree.")
        return
    if row["missing"]:
        words += f" Missing in the list: {names_text(row['missing'])}."
    if row["unexplained"]:
        words += f" In the list, though no record added them: {names_text(row['unexplained'])}."
    st.warning(words, icon=":material/difference:")


def draw_group(row: Row) -> None:
    """Draws one group in one app."""
    give_way()
    job = None if is_missing(row["job_id"]) else str(row["job_id"])
    group = str(row["group_id"])
    st.markdown(f"**{verdict(row)}**")
    panel("group_people", members_table, empty="No record of its members.", group=group, job=job)
    with st.expander("Membership history"):
        panel("group_history", history_table, empty="No record of its members.", title="", group=group, job=job)
    with st.expander("Member list reported by the app"):
        panel(
            "group_list_seen",
            compared_lists,
            empty="The app's log has no answer that lists this group's members: Entra asks for groups without them.",
            title="",
            group=group,
            job=job,
        )
    if job is not None:
        words = bar().link(**{Word.OBJECT: group})
        page_link("people", f"{plain_name(row['group_name'])} in People", ":material/group:", words)
