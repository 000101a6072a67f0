"""Cycles: how far those under way have come, when each job ran and when it did not, and what one cycle did."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from views.charts import cycles as cycles_charts
from views.frame.data import (
    BLANK,
    PLAIN,
    ahead,
    as_of,
    ask,
    asked,
    bar,
    is_empty,
    picked,
    pointed,
    records,
    teach,
    tile,
    times,
)
from views.frame.look import chip_colours, chips, plain
from views.parts.cycles import compare, progress
from views.parts.cycles import cycle as cycle_part

DAY = timedelta(days=1)


def moving(jobs: pd.DataFrame) -> None:
    """Draws what moves: the sentence that answers, and a bar for each cycle under way."""
    if jobs.empty:
        st.info(
            "No status of any job was read, so nobody knows what runs; the log alone says neither beginning nor end."
        )
        return
    words = set(jobs["rhythm"])
    box, icon = next(each for each in BOXES if not each[2] or words & each[2])[:2]
    box(f"{progress.sentence(jobs)}", icon=icon)
    running = progress.under_way(jobs)
    st.subheader("How far have the cycles under way come?", anchor="progress")
    if not running:
        st.markdown(":green[:material/check_circle: No cycle is under way.]")
    for job in running:
        progress.bars(job)
    progress.asked(running)


BOXES: tuple[tuple[Callable[..., Any], str, set[str]], ...] = (
    (st.error, ":material/error:", {"dead", "stalled", "quarantined"}),
    (st.warning, ":material/warning:", {"late", "unknown"}),
    (st.success, ":material/check_circle:", set()),
)


def chosen_day() -> datetime:
    """Lets a person choose the day of the lanes; usually it is the window's last."""
    usual = (bar().until - timedelta(microseconds=1)).date()
    given = day_of(st.query_params.get("day", "")) or usual
    day = st.date_input("Day (UTC)", given, key=f"day-{usual}", format="YYYY-MM-DD", width=160)
    if not isinstance(day, date) or day == usual:
        st.query_params.pop("day", None)
        return datetime.combine(usual, time())
    st.query_params["day"] = f"{day:%Y-%m-%d}"
    return datetime.combine(day, time())


def day_of(word: str) -> date | None:
    """Reads a day of the address; None where it is not one."""
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def lanes() -> None:
    """Draws the day of every job."""
    since = chosen_day()
    given = {"since": since, "until": since + DAY}
    judged = given | {"as_of": as_of(), "grace": read_settings().grace}
    ahead("day_lanes", **judged)
    cycles = ask("day_cycles", **given)
    stretches = ask("day_lanes", **judged)
    st.subheader("When did each job run on this day, when was a run due, and where did none come?", anchor="day-lanes")
    if cycles.empty and stretches.empty:
        st.markdown(":gray[:material/remove: No job left an event or a status on this day.]")
    else:
        key = f"lanes-{since:%Y%m%d}"
        st.plotly_chart(
            cycles_charts.day(stretches, running(cycles), since, as_of()),
            key=key,
            on_select=lambda: open_marked(key),
            selection_mode="points",
            config=PLAIN,
        )
        st.caption(
            "A frame is a hole: a run was due and none came. Hatched: no status and no event, so nobody knows. "
            "Short cycles are drawn wide enough to be seen. Select a cycle to open it."
        )
    asked(day_lanes=judged, day_cycles=given)


def running(cycles: pd.DataFrame) -> pd.DataFrame:
    """Marks the cycles that are still under way: their outcome is not known yet."""
    jobs = progress.told()
    still = set(jobs[jobs["rhythm"].isin(progress.UNDER_WAY)]["cycle_id"].dropna())
    return cycles.assign(outcome=cycles["outcome"].where(~cycles["cycle_id"].isin(still), "running"))


def open_marked(key: str) -> None:
    """Opens the cycle that was selected in the lanes."""
    mark = pointed(st.session_state[key])
    if mark:
        open_cycle(str(mark[1]))


def open_cycle(cycle_id: str | None) -> None:
    """Puts a cycle into the address, or takes it out."""
    st.query_params.pop("with", None)
    if cycle_id is None:
        st.query_params.pop("cycle", None)
    else:
        st.query_params["cycle"] = cycle_id


def table(rows: pd.DataFrame) -> None:
    """Draws the cycles of the window, newest first; a selected one is opened below."""
    rows = running(rows)
    rows = rows.assign(
        said=chips(rows["outcome"].fillna("unknown")),
        minutes=rows["duration_ms"] / 60_000,
        kind=rows["kind"].fillna("unknown"),
    )
    labels, colours = chip_colours()
    most = {name: max(1, int(rows[name].max())) for name in ("objects", "failed")}
    columns = {
        "app_name": st.column_config.TextColumn("App", pinned=True),
        **times("began_at"),
        "kind": st.column_config.TextColumn("Kind"),
        "said": st.column_config.MultiselectColumn("Outcome", options=labels, color=colours),
        "objects": st.column_config.ProgressColumn("Objects", format="%d", min_value=0, max_value=most["objects"]),
        "failed": st.column_config.ProgressColumn("Failed", format="%d", min_value=0, max_value=most["failed"]),
        "succeeded": st.column_config.NumberColumn("Succeeded", format="localized"),
        "skipped": st.column_config.NumberColumn("Skipped", format="localized"),
        "minutes": st.column_config.ProgressColumn(
            "Minutes", format="%.1f", min_value=0, max_value=max(0.1, float(rows["minutes"].max()))
        ),
    }
    opened = st.query_params.get("cycle", "")
    # A new cycle moves every row down: then it is another table, or the selection would slide to a neighbour.
    key = f"cycles-{rows['cycle_id'].iloc[0]}-{len(rows)}"
    st.dataframe(
        rows,
        column_config=columns,
        column_order=list(columns),
        hide_index=True,
        placeholder=BLANK,
        height=min(420, 38 + 35 * len(rows)),
        key=key,
        on_select=lambda: open_row(key, rows),
        selection_mode="single-row",
        selection_default={"selection": {"rows": list(rows.reset_index().index[rows["cycle_id"] == opened])}},
    )
    st.caption("Select a cycle to open it below.")


def open_row(key: str, rows: pd.DataFrame) -> None:
    """Opens the cycle whose row was selected; without a selection none is open."""
    chosen = picked(st.session_state[key])
    open_cycle(None if chosen is None else str(rows.iloc[chosen]["cycle_id"]))


def opened(cycle_id: str) -> None:
    """Draws the cycle that the address names, and how another one compares; or says that there is none."""
    beside = ask("cycles_beside", cycle=cycle_id)
    if beside.empty:
        st.warning(f"There is no cycle with the id {plain(cycle_id)}; retention may have dropped it.")
        return
    cycle, *others = records(running(beside))
    cycle_part.draw(cycle)
    if cycle["events"]:
        compare.draw(cycle, others)


def page() -> None:
    """Draws the page."""
    if is_empty():
        teach()
        return
    least = 0 if st.session_state.get("every") else 1
    ahead("progress", as_of=as_of(), grace=read_settings().grace)
    ahead("cycles_lately", least=least)
    progress.live(moving)
    lanes()
    st.toggle("Also cycles that found nothing to change", key="every")
    tile("cycles_lately", table, empty="No cycle ran in this window.", least=least)
    if "cycle" in st.query_params:
        opened(st.query_params["cycle"])


if __name__ == "__main__":
    page()
