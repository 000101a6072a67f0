"""One group in one app: its members and their states, what happened to them, and what the app itself lists."""

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing
from views.frame.data import Row, records
from views.frame.events import story_link
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.panel import panel
from views.frame.places import page_link
from views.frame.state import Key, Word
from views.frame.table import number_column, table, text_column, time_columns

STATES = {
    "in place": ":material/check_circle: In place",
    "not refused": ":material/check: Not refused",
    "unresolved": ":material/link_off: Unresolved",
    "failed": ":material/error: Failed",
    "unknown": ":material/help: Unknown",
    "removed": ":material/person_remove: Removed",
}
LABELS = {word: label.partition(": ")[2] for word, label in STATES.items()}
MEANINGS = (
    "*In place*: an answer of the app or an event without an error says so. *Not refused*: the event failed and names "
    "others, so that this member should be in. *Unresolved*: Entra could not find the member in the app. *Failed*: the "
    "request was refused. *Removed*: taken out, or gone when the whole list was emptied or replaced."
)
SOURCES = {"event": "Entra's event", "wire": "SCIM request"}


def verdict(row: Row) -> str:
    """Writes the state of a group, in a sentence or two.

    >>> verdict({"group_name": "Legal", "app_name": "Docs", "attempted": 10, "confirmed": 7, "not_refused": 0,
    ...     "unresolved": 3, "failed": 0, "unresolved_names": "Ada, Bob, Eve", "lost": 0, "flags": 0})
    'Legal in Docs: 7 of 10 members are in place; 3 could not be found there: Ada, Bob, Eve.'
    """
    good = int(row["confirmed"] + row["not_refused"])
    if not row["attempted"]:
        return f"{group_name(row)}: no record speaks of its members."
    words = (
        f"{group_name(row)}: {good:,} of {count(row['attempted'], 'member')} {'is' if good == 1 else 'are'} in place"
    )
    if row["not_refused"]:
        words += f" ({int(row['not_refused']):,} by an event that names only the others)"
    if row["unresolved"]:
        words += f"; {int(row['unresolved']):,} could not be found there: {names_text(row['unresolved_names'])}"
    if row["failed"]:
        words += f"; {count(row['failed'], 'request')} for a member failed"
    if row["flags"]:
        words += f". It lost {count(row['lost'], 'member')} when it was emptied or halved"
    return words + "."


def group_name(row: Row) -> str:
    """Writes a group's name with its app's."""
    app = "an app whose job is not known" if is_missing(row["app_name"]) else plain(str(row["app_name"]))
    return f"{plain(str(row['group_name']))} in {app}"


def names_text(names: object) -> str:
    """Writes names for a sentence, ten at most."""
    parts = [] if is_missing(names) else str(names).split(", ")
    rest = f" and {len(parts) - 10} more" if len(parts) > 10 else ""
    return ", ".join(map(plain, parts[:10])) + rest


def members_table(rows: pd.DataFrame) -> None:
    """Draws a group's members; a selected one's story is one click away where an event names it."""
    shown = rows.assign(state=rows["state"].map(LABELS), source=rows["source"].map(SOURCES))
    columns = {
        "name": text_column("Member", pinned=True),
        "state": text_column("State"),
        **time_columns(since="Since"),
        **time_columns(last_at="Newest record"),
        "attempts": number_column("Records"),
        "source": text_column("Last told by"),
    }
    row = table(shown, columns, Key.MEMBERS, select=True)
    st.caption(MEANINGS)
    if row is not None and row["known"]:
        story_link(row)
    elif row is not None:
        st.caption("No event names this id, so there is no story of it: it may be an account that Entra did not make.")


def history_table(rows: pd.DataFrame) -> None:
    """Draws what each record did to the members, the newest first."""
    for row in records(rows[rows["flag"].isin(["emptied", "halved"])]):
        st.warning(loss_sentence(row), icon=":material/group_remove:")
    shown = rows.assign(source=rows["source"].map(SOURCES))
    columns = {
        **time_columns(occurred_at="When"),
        "source": text_column("Told by"),
        "ops": text_column("Did"),
        "outcome": text_column("Outcome"),
        "before": number_column("Members before"),
        "after": number_column("After"),
        "flag": text_column("Flag"),
        "added": text_column("Came", width="medium"),
        "lost": text_column("Went", width="medium"),
        "unresolved": text_column("Not found", width="medium"),
    }
    table(shown, columns, Key.GROUP_HISTORY, select=True)
    st.caption(
        "Numbers are those that the records imply. Where they begin after the group did, it may have had more. The "
        "app's clock is taken as it stands: within its difference from Entra's, two records may be in the wrong order."
    )


def loss_sentence(row: Row) -> str:
    """Writes which record emptied or halved a group, and who was removed."""
    if not row["lost"]:
        return f"{instant(row['occurred_at'])}: everybody was removed; who that was, no record before it says."
    did = "emptied the group" if row["flag"] == "emptied" else "left less than half of it"
    return (
        f"{instant(row['occurred_at'])}: {'a request' if row['source'] == 'wire' else 'an event'} {did}. "
        f"{count(row['went'], 'member')} of {int(row['before']):,} lost: {names_text(row['lost'])}."
    )


def compared_lists(rows: pd.DataFrame) -> None:
    """Draws where the app's own list and the records differ."""
    row = records(rows)[0]
    listed = f"On {instant(row['occurred_at'])} the app listed {count(row['seen'], 'member')}"
    words = f"{listed}; the records imply {row['implied']:,}."
    if not row["missing"] and not row["unexplained"]:
        st.markdown(f"{words} They are the same.")
        return
    if row["missing"]:
        words += f" Missing there: {names_text(row['missing'])}."
    if row["unexplained"]:
        words += f" There, though no record brought them: {names_text(row['unexplained'])}."
    st.warning(words, icon=":material/difference:")


def draw_group(row: Row) -> None:
    """Draws one group in one app."""
    job = None if is_missing(row["job_id"]) else str(row["job_id"])
    group = str(row["group_id"])
    st.markdown(f"**{verdict(row)}**")
    if job is not None:
        words = bar().link(**{Word.OBJECT: group})
        label = f"Everything that Entra did with {plain(str(row['group_name']))}"
        page_link("people", label, ":material/group:", words)
    panel("group_people", members_table, empty="No record speaks of its members.", group=group, job=job)
    panel("group_history", history_table, empty="No record speaks of its members.", group=group, job=job)
    panel(
        "group_list_seen",
        compared_lists,
        empty="The app's log has no answer that lists this group's members: Entra asks for groups without them.",
        group=group,
        job=job,
    )
