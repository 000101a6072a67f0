"""The parts of the tab SCIM traffic: what is compared, the matrix, the rows behind a cell, findings and the report."""

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, share
from pipeline.knowledge.scim_findings import example, markdown, meaning, ranked, verdict
from views.charts.target import answer_times, operation_label
from views.frame.chart import chart
from views.frame.data import Row, Values, ask, own_name, records
from views.frame.filters import HOUR, bar
from views.frame.look import COLOURS, LOOKS, Tone, plain, with_code
from views.frame.panel import panel
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, read_word, write_word
from views.frame.switches import follows
from views.frame.table import code_column, decimal_column, number_column, table, text_column, time_columns
from views.parts.people.panel import open_person
from views.parts.shared.object_panel import give_way
from views.parts.traffic.cells import CELLS, COLUMNS, ROWS, Cell, cell_counts

MOST = 60_000
"Events and requests that are compared at once; more takes longer than a second."
ICONS: dict[Tone, str] = {
    "good": ":material/check_circle:",
    "bad": ":material/error:",
    "warn": ":material/warning:",
    "quiet": ":material/remove:",
    "info": ":material/info:",
}
FINDINGS = 30
"Findings that are drawn at once."
LABELS = {"breaks": "Breaks provisioning", "misleads": "Misleading", "worth knowing": "Worth knowing"}
"How a finding's weight reads."
WEIGHTS = {"breaks": "bad", "misleads": "warn", "worth knowing": "info"}


def choose_stretch(sizes: pd.DataFrame) -> tuple[datetime, datetime]:
    """Returns what is compared: the window, or the day or hour of it that a person chooses where it holds too much."""
    whole = bar().since, bar().until
    hours = sizes.assign(rows=sizes["events"] + sizes["requests"])
    if hours["rows"].sum() <= MOST:
        return whole
    days = hours.groupby(hours["hour"].dt.floor("D"))["rows"].sum()
    by_day = float(days.median()) <= MOST
    parts = days if by_day else hours.set_index("hour")["rows"]
    given = pd.to_datetime(read_word(Word.PART), errors="coerce")
    options = [at.to_pydatetime() for at in sorted(parts.index, reverse=True)]
    st.info(
        f"This time range has {count(hours['rows'].sum(), 'event or request', 'events and requests')}, too many to "
        f"compare at once. Showing one {'day' if by_day else 'hour'} of it.",
        icon=":material/calendar_today:",
    )
    start = given.to_pydatetime() if not pd.isna(given) and given in options else options[0]
    label = "Day" if by_day else "Hour"
    own = follows(Word.PART, Key.WIRE_PART.of(by_day, *whole), start, datetime.isoformat)
    words = {at: instant(at) for at in options}
    chosen = st.selectbox(label, options, format_func=words.__getitem__, width=260, **own)
    until = chosen + timedelta(days=1 if by_day else 0, hours=0 if by_day else 1)
    return max(chosen, whole[0]), min(until, whole[1])


def choose_app(rows: pd.DataFrame) -> str | None:
    """Lets a person choose one app where the matrix has several; None shows their sum."""
    apps = rows.dropna(subset=["app_id"]).drop_duplicates("app_id")
    names = dict(zip(apps["app_id"], apps["app_name"].fillna(apps["app_id"]), strict=True))
    if len(names) < 2:
        return None
    given = read_word(Word.APP)
    chosen: str | None = st.selectbox(
        "App",
        list(names),
        None,
        format_func=names.__getitem__,
        placeholder="All apps",
        width=260,
        **follows(Word.APP, Key.WIRE_APP.of(*names), given if given in names else None, lambda app: app),
    )
    return chosen


def draw_matrix(rows: pd.DataFrame, has_events: bool = True) -> None:
    """Draws the matrix, a line for each of Entra's results: its cells open their rows, the empty ones are named.

    Without provisioning logs only what was found is drawn, since an empty cell would claim that there is none.
    """
    counts = cell_counts(rows)
    if not has_events:
        with st.container(horizontal=True):
            for name in (name for name in CELLS if counts[name]):
                cell_button(name, CELLS[name], counts[name])
        return
    with st.grid(len(ROWS), min_column_width=280):
        for row in ROWS:
            with st.container(border=True, gap="xsmall", height="stretch"):
                draw_row(row, counts)
    if counts["not known"]:
        cell_button("not known", CELLS["not known"], counts["not known"])


def draw_row(row: str, counts: dict[str, int]) -> None:
    """Draws the cells of one of Entra's results, one below the other; the empty ones are named in a line."""
    st.markdown(f"**{row}**")
    own = [(name, CELLS[name]) for column in COLUMNS for name in CELLS if is_at(CELLS[name], row, column)]
    for name, cell in own:
        if counts[name]:
            cell_button(name, cell, counts[name])
    if none := [cell.label for name, cell in own if not counts[name]]:
        st.caption(f"None: {', '.join(none)}.")


def is_at(cell: Cell, row: str, column: str) -> bool:
    """Whether a cell is in a row and a column of the matrix."""
    return (cell.row, cell.column) == (row, column)


def cell_button(name: str, cell: Cell, number: int) -> None:
    """Draws one cell that is not empty as a button that opens its rows."""
    where = f"{cell.column} · " if cell.column else ""
    st.button(
        f"{where}:{COLOURS[cell.tone]}[{ICONS[cell.tone]} **{number:,}**] {cell.label}",
        key=Key.WIRE_CELL.of(name),
        help=f"{cell.meaning[0].upper()}{cell.meaning[1:]}.",
        on_click=lambda: write_word(Word.CELL, name),
    )


def cell_panel(app: str | None, part: Values) -> None:
    """Opens the rows of the cell that the address names."""
    cell = CELLS.get(read_word(Word.CELL))
    title = "Not found" if cell is None else cell.label.capitalize()

    def draw(name: str) -> None:
        give_way()
        if cell is None:
            st.info(f"There is no cell “{plain(name)}” in this comparison.", icon=":material/help:")
            return
        where = f"{cell.row} · {cell.column}. " if cell.row else ""
        st.markdown(f"{where}{cell.meaning[0].upper()}{cell.meaning[1:]}.")
        panel("wire_cell", cell_rows, empty="Nothing is in this cell.", title="", cell=name, app=app, **part)

    side_panel(Word.CELL, title, draw, wide=True)


def cell_rows(rows: pd.DataFrame) -> None:
    """Draws the rows of a cell; one with an event opens the user or group that it is about."""
    request = rows["method"].fillna("").str.cat(rows["path"].fillna("").str.slice(0, 90), sep=" ")
    shown = rows.assign(
        shown=rows["name"].fillna(request),
        request=request,
        result=rows["status"].str.cat(rows["error_code"].fillna(""), sep=" "),
        matched=rows["matched_by"].str.cat(rows["score"].map(score_text), sep=" "),
    )
    known = not rows["source_id"].isna().all()
    columns = {
        "shown": text_column("Name" if known else "Request"),
        **time_columns(occurred_at="When"),
        "action": text_column("Action"),
        "result": text_column("Entra reports"),
        "http_status": code_column("App answered", width="small"),
        **({"request": text_column("Request", width="medium")} if known else {}),
        "matched": text_column("Matched by"),
        "apart_s": decimal_column("Seconds apart"),
        "client": text_column("Client"),
    }
    kept = {name: column for name, column in columns.items() if name == "shown" or not shown[name].isna().all()}
    if known:
        table(shown, kept, Key.WIRE_ROWS, at_most=640, opens="shown", on_open=open_row)
    else:
        table(shown, kept, Key.WIRE_ROWS, at_most=640)


def open_row(row: Row) -> None:
    """Puts whom a row is about into the address; a request without an event is about nobody that Entra knows."""
    if not is_missing(row["source_id"]):
        open_person(row)


def score_text(score: float) -> str:
    """Writes how well an event and a request match."""
    return "" if is_missing(score) else f"({score:.1f})"


def log_sentences(rows: pd.DataFrame) -> None:
    """Draws each app's log and its clock offset."""
    for row in records(rows):
        st.markdown(log_sentence(row))


def log_sentence(row: Row) -> str:
    """Writes what one app's log holds, and how far its clock is from Entra's."""
    many = count(row["requests"], "request")
    if is_missing(row["app_id"]):
        return f":orange[:material/help:] {many} of an unknown app: no id in them belongs to an event."
    name = plain(str(row["app_id"] if is_missing(row["app_name"]) else row["app_name"]))
    unnamed = f" {row['unnamed']:,} without an app name were assigned by their ids." if row["unnamed"] else ""
    head = f"**{name}**: {many}, of which {count(row['probes'], 'credential check')}.{unnamed}"
    matched = f" {row['matched']:,} of {count(row['events'], 'event')} with a result matched a request."
    if is_missing(row["skew_s"]):
        return f"{head}{matched if row['events'] else ''} Clock offset unknown: too few matches."
    way = "ahead of" if row["skew_s"] >= 0 else "behind"
    drift = f", drifting by {row['drift_s']:.1f} s a day" if row["drift_s"] >= 1 else ""
    return (
        f"{head}{matched} Its clock is {abs(row['skew_s']):.1f} s {way} Entra's ({row['pairs']:,.0f} matches{drift})."
    )


def health_table(rows: pd.DataFrame) -> None:
    """Draws how each verb is answered."""
    shown = rows.assign(
        app=rows["app_name"].fillna(rows["app_id"]).fillna("Unknown"),
        throttled=rows["throttled_share"].map(share),
        broken=rows["broken_share"].map(share),
        verb=rows["verb"].map(operation_label),
    )
    columns = {
        "verb": text_column("Operation"),
        "app": text_column("App"),
        "requests": number_column("Requests"),
        "p50_ms": code_column("Median, ms"),
        "p95_ms": code_column("95th percentile, ms"),
        "throttled": text_column("Throttled (429)"),
        "broken": text_column("Server errors (5xx)"),
        "refused": number_column("Other 4xx"),
        "silent": number_column("No answer"),
    }
    table(shown, columns, at_most=420)


def latency_chart(rows: pd.DataFrame) -> None:
    """Draws times and errors over time."""
    chart(Key.LATENCY, answer_times, rows, zooms=HOUR)
    if rows["p95_ms"].isna().all():
        st.caption("The log has no response times.")


def lint_findings(rows: pd.DataFrame, names: dict[str, str]) -> None:
    """Draws each finding with what it means, an example and the cure; of several apps, with the app's name."""
    found = [{name: None if is_missing(value) else value for name, value in row.items()} for row in records(rows)]
    if len(found) > FINDINGS:
        st.caption(f"The {FINDINGS} most severe of {len(found):,} findings. Choose one app to see all of its findings.")
    for row in ranked(found)[:FINDINGS]:
        finding = meaning(str(row["mark"]))
        tone = LOOKS["info"].tone if finding.weight == "worth knowing" else WEIGHTS[finding.weight]
        icon = ICONS[tone]  # type: ignore[index]
        owner = "" if rows["app_id"].nunique() < 2 else f"{plain(names.get(str(row['app_id']), 'Unknown app'))}: "
        many = f"{row['requests']:,} of {row['of_requests']:,}"
        with st.expander(f"{icon} {owner}{finding.title} · {many} · {LABELS[finding.weight]}"):
            st.markdown(f"{with_code(finding.expected)} ({plain(finding.written)})")
            st.code(example(row), language=None, wrap_lines=True)
            st.markdown(f"**What to do.** {with_code(finding.cure)}")


ERROR_PARTS = (
    "code", "http_status", "scim_type", "detail", "action", "job_id", "events", "people", "waiting"
)  # fmt: skip
"What the report says of an issue."


def vendor_report(app: str, findings: pd.DataFrame, examined: Row, since: datetime, until: datetime) -> None:
    """Draws the verdict and offers the findings as Markdown to send to the app's vendor."""
    rows = [{name: None if is_missing(value) else value for name, value in row.items()} for row in records(findings)]
    issues = [one for one in records(ask("issues")) if own_name(one) == app and one["fault"] == "target"]
    errors = [{name: value for name, value in one.items() if name in ERROR_PARTS} for one in issues]
    errors = [{name: None if is_missing(value) else value for name, value in one.items()} for one in errors]
    text = markdown(app, since, until, rows, examined, errors)
    st.download_button(
        "Report for the vendor",
        text,
        file_name=f"scim-{app.lower().replace(' ', '-')}.md",
        mime="text/markdown",
        icon=":material/download:",
    )
    st.caption(f"{verdict(rows)} Markdown; ids and names are shortened, and it contains no secrets.")
