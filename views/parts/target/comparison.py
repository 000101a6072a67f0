"""The parts of the page Target: the stretch that is compared, the matrix, the rows behind a cell, and the report."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.knowledge.scim_findings import example, markdown, meaning, ranked, verdict
from views.charts import target
from views.frame.data import BLANK, PLAIN, Row, ask, bar, records, times
from views.frame.events import choose, story_link
from views.frame.look import COLOURS, LOOKS, Tone, count, missing, plain, share, when
from views.parts.target.cells import CELLS, COLUMNS, ROWS, Cell, counts, worst

MOST = 60_000
"Events and requests that are compared at once; more takes longer than a second."
ICONS: dict[Tone, str] = {
    "good": ":material/check_circle:",
    "bad": ":material/error:",
    "warn": ":material/warning:",
    "quiet": ":material/remove:",
    "info": ":material/info:",
}
WEIGHTS = {"breaks": "bad", "misleads": "warn", "worth knowing": "info"}


def stretch(sizes: pd.DataFrame) -> tuple[datetime, datetime]:
    """Gives what is compared: the window, or the day or hour of it that a person chooses where it holds too much."""
    whole = bar().since, bar().until
    hours = sizes.assign(rows=sizes["events"] + sizes["requests"])
    if hours["rows"].sum() <= MOST:
        return whole
    days = hours.groupby(hours["hour"].dt.floor("D"))["rows"].sum()
    by_day = float(days.median()) <= MOST
    parts = days if by_day else hours.set_index("hour")["rows"]
    wanted = pd.to_datetime(st.query_params.get("part", ""), errors="coerce")
    options = [at.to_pydatetime() for at in sorted(parts.index, reverse=True)]
    st.info(
        f"The window holds {count(hours['rows'].sum(), 'event or request', 'events and requests')}, too many to be "
        f"compared at once; this page looks at one {'day' if by_day else 'hour'} of it.",
        icon=":material/calendar_today:",
    )
    start = options.index(wanted.to_pydatetime()) if not pd.isna(wanted) and wanted in options else 0
    chosen = st.selectbox("Day (UTC)" if by_day else "Hour (UTC)", options, start, format_func=when, width=260)
    st.query_params["part"] = chosen.isoformat()
    until = chosen + timedelta(days=1 if by_day else 0, hours=0 if by_day else 1)
    return max(chosen, whole[0]), min(until, whole[1])


def one_app(rows: pd.DataFrame) -> str | None:
    """Lets a person choose one app where the matrix has several; None shows their sum."""
    apps = rows.dropna(subset=["app_id"]).drop_duplicates("app_id")
    known = dict(zip(apps["app_id"], apps["app_name"].fillna(apps["app_id"]), strict=True))
    if len(known) < 2:
        return None
    given = st.query_params.get("app")
    start = list(known).index(given) if given in known else None
    chosen = st.selectbox("App", list(known), start, format_func=known.__getitem__, placeholder="All apps", width=260)
    if chosen:
        st.query_params["app"] = chosen
    else:
        st.query_params.pop("app", None)
    return chosen


def matrix(rows: pd.DataFrame) -> str:
    """Draws the matrix as a grid of cells, and gives the cell that is open."""
    found = counts(rows)
    heads = st.columns([1.1, *[1] * len(COLUMNS)])
    for place, title in enumerate(COLUMNS):
        heads[place + 1].markdown(f"**{title}**")
    for row in ROWS:
        cells = st.columns([1.1, *[1] * len(COLUMNS)], vertical_alignment="center")
        cells[0].markdown(f"**{row}**")
        for place, column in enumerate(COLUMNS):
            own = {name: cell for name, cell in CELLS.items() if (cell.row, cell.column) == (row, column)}
            for name, cell in own.items():
                button(cells[place + 1], name, cell, found[name])
            if not own:
                cells[place + 1].markdown(f":gray[{BLANK}]")
    if found["not known"]:
        button(st, "not known", CELLS["not known"], found["not known"])
    named = st.query_params.get("cell")
    opened = named if named in CELLS else worst(found)
    cell = CELLS[opened]
    where = f"{cell.row}, {cell.column.lower()}: {cell.label}" if cell.row else cell.label
    st.caption(f"Open: **{where}**, that is: {cell.meaning}. Select another cell to open it.")
    return opened


def button(place: Any, name: str, cell: Cell, number: int) -> None:
    """Draws one cell as a button that opens its rows; an empty one cannot be opened."""
    tone = cell.tone if number else "quiet"
    label = f":{COLOURS[tone]}[{ICONS[tone]} **{number:,}**] {cell.label}"
    if place.button(label, key=f"cell-{name}", help=cell.meaning, disabled=not number, width="stretch"):
        st.query_params["cell"] = name


def behind(rows: pd.DataFrame) -> None:
    """Draws the rows of a cell; the selected one's person is one click away."""
    shown = rows.assign(path=rows["path"].str.slice(0, 90))
    columns = {
        **times(occurred_at="When"),
        "name": st.column_config.TextColumn("Who"),
        "action": st.column_config.TextColumn("Entra meant"),
        "status": st.column_config.TextColumn("Entra says"),
        "error_code": st.column_config.TextColumn("Error"),
        "method": st.column_config.TextColumn("Request"),
        "http_status": st.column_config.NumberColumn("The app answered", format="%d"),
        "path": st.column_config.TextColumn("Path"),
        "matched_by": st.column_config.TextColumn("Matched by"),
        "score": st.column_config.NumberColumn("Score", format="%.1f"),
        "apart_s": st.column_config.NumberColumn("Seconds apart", format="%.1f"),
        "client": st.column_config.TextColumn("Client"),
        "app_name": st.column_config.TextColumn("App"),
    }
    kept = {name: column for name, column in columns.items() if not rows[name].isna().all()}
    row = choose(shown, kept, "wire-cell", height=min(420, 75 + 35 * len(rows)))
    if row is not None and not missing(row["source_id"]):
        story_link(row, event=str(row["event_id"]))


def logs(rows: pd.DataFrame) -> None:
    """Says of each app's log whose it is and how its clock stands."""
    for row in records(rows):
        st.markdown(clock(row))


def clock(row: Row) -> str:
    """Says what one app's log holds, and how far its clock is from Entra's."""
    many = count(row["requests"], "request")
    if missing(row["app_id"]):
        return f":orange[:material/help:] {many} of which nobody can tell whose they are: no id in them is an event's."
    name = plain(str(row["app_id"] if missing(row["app_name"]) else row["app_name"]))
    told = f" {row['unnamed']:,} of them name no app; the ids in them are this app's." if row["unnamed"] else ""
    head = f"**{name}**: {many}, {count(row['probes'], 'credential check')} among them.{told}"
    found = f" Of {count(row['events'], 'event')} that say how they ended, {row['matched']:,} found their request."
    if missing(row["skew_s"]):
        return f"{head}{found if row['events'] else ''} Too few pairs agree to tell how its clock stands."
    way = "ahead of" if row["skew_s"] >= 0 else "behind"
    drift = f", and moves by {row['drift_s']:.1f} s from day to day" if row["drift_s"] >= 1 else ""
    return f"{head}{found} Its clock is {abs(row['skew_s']):.1f} s {way} Entra's, by {row['pairs']:,} pairs{drift}."


def health(rows: pd.DataFrame) -> None:
    """Draws how each verb is answered."""
    shown = rows.assign(
        app=rows["app_name"].fillna(rows["app_id"]).fillna("not known"),
        throttled=rows["throttled_share"].map(share),
        broken=rows["broken_share"].map(share),
    )
    columns = {
        "app": st.column_config.TextColumn("App"),
        "verb": st.column_config.TextColumn("Verb", pinned=True),
        "requests": st.column_config.NumberColumn("Requests", format="localized"),
        "p50_ms": st.column_config.NumberColumn("p50, ms", format="%d"),
        "p95_ms": st.column_config.NumberColumn("p95, ms", format="%d"),
        "throttled": st.column_config.TextColumn("429"),
        "broken": st.column_config.TextColumn("5xx"),
        "refused": st.column_config.NumberColumn("Other 4xx", format="localized"),
        "silent": st.column_config.NumberColumn("No answer", format="localized"),
    }
    st.dataframe(shown, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)


def latency(rows: pd.DataFrame) -> None:
    """Draws times and errors over time."""
    st.plotly_chart(target.latency(rows), key="latency", config=PLAIN)


def lint(rows: pd.DataFrame, names: dict[str, str]) -> None:
    """Draws each finding with what it means, an example and the cure; of several apps, with whose it is."""
    for row in ranked(records(rows)):
        told = meaning(str(row["mark"]))
        tone = LOOKS["info"].tone if told.weight == "worth knowing" else WEIGHTS[told.weight]
        icon = ICONS[tone]  # type: ignore[index]
        whose = "" if rows["app_id"].nunique() < 2 else f"{plain(names.get(str(row['app_id']), 'App not known'))}: "
        many = f"{row['requests']:,} of {row['of_requests']:,}"
        with st.expander(f"{whose}{told.title} · {many} · {told.weight}", icon=icon):
            st.markdown(f"{plain(told.expected)} ({plain(told.written)})")
            st.code(example(row), language=None, wrap_lines=True)
            st.markdown(f"**What to do**: {plain(told.cure)}")


def offer(app: str, found: pd.DataFrame, seen: Row, since: datetime, until: datetime) -> None:
    """Says what was found and offers it as Markdown to send to the app's vendor."""
    rows = [{name: None if missing(value) else value for name, value in row.items()} for row in records(found)]
    text = markdown(app, since, until, rows, seen)
    st.download_button(
        "Report for the app's vendor (Markdown)",
        text,
        file_name=f"scim-{app.lower().replace(' ', '-')}.md",
        mime="text/markdown",
        icon=":material/download:",
    )
    st.caption(f"{verdict(rows)} Ids and names in it are cut short; nothing in it is a secret.")


def ask_part(name: str, since: datetime, until: datetime, **more: Any) -> pd.DataFrame:
    """Asks a question about the stretch that is compared."""
    return ask(name, since=since, until=until, **more)
