"""What Entra had written of somebody to each app, at an instant that a reader chooses."""

from datetime import datetime

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.panel import panel
from views.frame.state import Key, Word, read_word, write_word
from views.frame.table import number_column, table, text_column, time_columns

MOST = 200
"How many instants the slider offers; the newest ones."


def instants(events: pd.DataFrame) -> list[datetime]:
    """Returns the instants at which something was written, oldest first."""
    written = events[events["status"].isin(["success", "warning"])]["occurred_at"].drop_duplicates().sort_values()
    return [at.to_pydatetime() for at in written.tail(MOST)]


def choose_instant(events: pd.DataFrame) -> datetime | None:
    """Draws the choice of an instant, the newest at first, and returns it; None where nothing was ever written."""
    offered = instants(events)
    if not offered:
        return None
    given = read_word(Word.AT)
    start = next((at for at in offered if at.isoformat() == given), offered[-1])
    if len(offered) == 1:
        return offered[0]
    chosen: datetime = st.select_slider(
        "Attributes as of (dashed line)",
        offered,
        value=start,
        format_func=lambda at: instant(at, seconds=True),
        key=Key.STORY_INSTANT,
    )
    write_word(Word.AT, chosen.isoformat() if chosen != offered[-1] else None)
    return chosen


def draw_state(source_id: str, at: datetime | None) -> None:
    """Draws the attributes as of an instant, each with the event that it came from."""
    if at is None:
        return
    panel(
        "person_state_at",
        lambda rows: state_table(rows, at),
        empty=f"No attributes were written before {instant(at)}, or the account was deleted.",
        object=source_id,
        at=at,
        job=bar().job,
    )


def state_table(rows: pd.DataFrame, at: datetime) -> None:
    """Draws the values; a selected one opens the event that wrote it."""
    apps = ", ".join(
        f"{plain(str(app))}: {count(size, 'attribute')}" for app, size in rows.groupby("app_name").size().items()
    )
    st.markdown(f"As of **{instant(at)}**. {apps}.")
    fresh = rows["since"] == at
    shown = rows.assign(fresh=fresh.map({True: "Written then", False: ""})).fillna({"value": "none"})
    columns = {
        "attribute": text_column("Attribute"),
        "value": text_column("Value", width="medium"),
        "app_name": text_column("App"),
        **time_columns(since="Written"),
        "action": text_column("Action"),
        "old_value": text_column("Before"),
        "times": number_column("Times written"),
        "fresh": text_column("New"),
    }
    row = table(shown, columns, Key.STATE_AT.of(at.isoformat()), at_most=420, select=True)
    if row is not None and read_word(Word.EVENT) != str(row["event_id"]):
        write_word(Word.EVENT, str(row["event_id"]))
        st.rerun()
    st.caption(
        "Values that the provisioning log shows as exported; the app may differ. For a group, members is the last "
        "change, not the full list. Select a row to open its event."
    )
