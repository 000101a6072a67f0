"""What Entra believed the apps held of somebody, at an instant that a reader chooses."""

from datetime import datetime

import pandas as pd
import streamlit as st

from views.frame.data import bar, tile, times
from views.frame.events import choose
from views.frame.look import count, plain, when

MOST = 200
"How many instants the slider offers; the newest ones."


def instants(events: pd.DataFrame) -> list[datetime]:
    """Gives the instants at which something was written, oldest first."""
    written = events[events["status"].isin(["success", "warning"])]["occurred_at"].drop_duplicates().sort_values()
    return [at.to_pydatetime() for at in written.tail(MOST)]


def pick(events: pd.DataFrame) -> datetime | None:
    """Draws the choice of an instant, the newest at first, and gives it; nothing where nothing was ever written."""
    offered = instants(events)
    if not offered:
        return None
    given = st.query_params.get("at")
    start = next((at for at in offered if at.isoformat() == given), offered[-1])
    if len(offered) == 1:
        return offered[0]
    chosen: datetime = st.select_slider(
        "What did the apps hold at the dashed line? Move it; the answer is below",
        offered,
        value=start,
        format_func=lambda at: f"{at:%d %b %H:%M:%S}",
        key="story_at",
    )
    if chosen != offered[-1]:
        st.query_params["at"] = chosen.isoformat()
    else:
        st.query_params.pop("at", None)
    return chosen


def draw(source_id: str, at: datetime | None) -> None:
    """Draws the attributes as of an instant, each with the event that it came from."""
    if at is None:
        return
    tile(
        "person_state_at",
        lambda rows: values(rows, at),
        empty=f"Nothing that is stored was written before {when(at)}, or a delete took all of it.",
        object=source_id,
        at=at,
        job=bar().job,
    )


def values(rows: pd.DataFrame, at: datetime) -> None:
    """Draws the values; a selected one opens the event that wrote it."""
    apps = ", ".join(
        f"{plain(str(app))}: {count(size, 'attribute')}" for app, size in rows.groupby("app_name").size().items()
    )
    st.markdown(f"As of **{when(at)}**. {apps}.")
    fresh = rows["since"] == at
    shown = rows.assign(fresh=fresh.map({True: "written then", False: ""})).fillna({"value": "none"})
    columns = {
        "attribute": st.column_config.TextColumn("Attribute", pinned=True),
        "value": st.column_config.TextColumn("Value", width="medium"),
        "app_name": st.column_config.TextColumn("App"),
        **times(since="Written"),
        "action": st.column_config.TextColumn("By"),
        "old_value": st.column_config.TextColumn("Before"),
        "times": st.column_config.NumberColumn("Written, times", format="localized"),
        "fresh": st.column_config.TextColumn(""),
    }
    row = choose(shown, columns, f"state-{at.isoformat()}", height=min(420, 38 + 35 * len(shown)))
    if row is not None and st.query_params.get("event") != str(row["event_id"]):
        st.query_params["event"] = str(row["event_id"])
        st.rerun()
    st.caption(
        "This is what the log says was exported well, not what the app says. Of a group, members is the last change of "
        "members, not the list of them. Select a row to open the event that wrote it."
    )
