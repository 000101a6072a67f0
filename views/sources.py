"""Ingestion: what was loaded, what was not and why, who runs the background jobs, and a place to drop a file."""

from os.path import commonpath

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, span
from pipeline.store.leader import current_leader
from views.frame.data import ask, is_empty
from views.frame.header import current_troubles, draw_troubles
from views.frame.panel import panel
from views.frame.table import decimal_column, number_column, share_bar, table, text_column, time_columns
from views.parts.ingestion.upload import draw_upload, runner_sentence
from views.parts.shared.coverage import draw_coverage


def sentence(files: pd.DataFrame) -> str:
    """Writes what was read and what became of it."""
    lines, kept, twice, rejects = (int(files[name].sum()) for name in ("lines", "kept", "duplicates", "rejects"))
    return (
        f"{count(len(files), 'file')} with {count(lines, 'line')}: {kept:,} kept, {count(twice, 'duplicate')}, "
        f"{count(rejects, 'reject')}."
    )


def sources(rows: pd.DataFrame) -> None:
    """Draws how far each source reaches."""
    rows = rows.assign(lag=rows["lag_s"].map(span))
    columns = {
        "source": text_column("Source", pinned=True),
        "files": number_column("Files"),
        "lines": number_column("Lines"),
        **time_columns(first_event_at="Oldest record", last_event_at="Newest record", loaded_at="Last loaded"),
        "lag": text_column("Lag", help="From the newest record to its loading"),
    }
    table(rows, columns)


def ledger(rows: pd.DataFrame) -> None:
    """Draws what became of each file's lines, the names below the folder they share."""
    folders = {file.rpartition("/")[0] for file in rows["file"]}
    shared = commonpath(folders) if all(folders) and len({folder[0] == "/" for folder in folders}) == 1 else ""
    if shared:
        st.caption(f"Names below `{shared}`")
    rows = rows.assign(
        read=rows["read_to"] / rows["size"].where(rows["size"] > 0),
        file=rows["file"].str.removeprefix(shared).str.removeprefix("/"),
    )
    columns = {
        "file": text_column("File", pinned=True),
        "source": text_column("Source"),
        "read": share_bar("Read"),
        **{name: number_column(name.capitalize()) for name in ("lines", "kept", "duplicates", "rejects")},
        "passed_over": number_column("Passed over", help="Lines of a request log that are no SCIM requests"),
        "unfamiliar": number_column("Unfamiliar"),
        **time_columns(first_event_at="Oldest record", last_event_at="Newest record", finished_at="Last read"),
    }
    table(rows, columns)


def reasons(rows: pd.DataFrame) -> None:
    """Draws why lines were rejected, the commonest reason first."""
    columns = time_columns(last_at="Last rejected") | {"reason": text_column("Reason", width="large")}
    table(rows, columns, order=list(rows.columns))


def lines(rows: pd.DataFrame) -> None:
    """Draws rejected lines with their text as it was read; nothing in it is interpreted."""
    columns = {
        "file": text_column("File"),
        "line": number_column("Line"),
        "reason": text_column("Reason", width="large"),
        "text": text_column("The line", width="large"),
        **time_columns("rejected_at"),
    }
    table(rows, columns, order=list(rows.columns))


def unfamiliar_words(rows: pd.DataFrame) -> None:
    """Draws values that nobody has documented."""
    table(rows, time_columns(last_at="Newest hour"), order=list(rows.columns))


def job_runs(rows: pd.DataFrame) -> None:
    """Draws each background job's last run."""
    columns = time_columns(began_at="Began", ended_at="Ended") | {
        "beat": text_column("Beat", pinned=True),
        "outcome": text_column("Outcome"),
        "detail": text_column("Detail", width="large"),
    }
    table(rows, columns, order=list(rows.columns))


def contacts(rows: pd.DataFrame) -> None:
    """Draws how asking each feed of a tenant goes; those that fail come first."""
    columns = {
        "tenant": text_column("Tenant", pinned=True),
        "feed": text_column("Feed"),
        "outcome": text_column("Outcome"),
        **time_columns(reached_at="Last answered", next_try_at="Next try"),
        "detail": text_column("What came, or what is the matter", width="large"),
        "failures": number_column("Failures in a row"),
        "skew_s": decimal_column("Its clock is ahead by (s)", 0),
        "requests": number_column("Requests"),
    }
    table(rows, columns)


def collecting() -> None:
    """Draws whether collecting is in trouble, and how each background job and each feed goes."""
    troubles = current_troubles()
    if troubles:
        draw_troubles(troubles, most=len(troubles))
    elif current_leader(read_settings()) is None:
        st.markdown(":material/remove: Nothing is collected by itself here; files are loaded by hand.")
    else:
        st.markdown(":material/check_circle: Background jobs are running, and none reports trouble.")
    panel("beats_lately", job_runs, empty="No beat has run yet.")
    panel("contacts", contacts, empty="No tenant is asked: PROVISIONING_TENANTS names none.")


def page() -> None:
    """Draws the page."""
    settings = read_settings()
    draw_upload(settings)
    st.markdown(runner_sentence(settings))
    if is_empty():
        collecting()
        return
    files = ask("file_ledger")
    if not files.empty:
        st.markdown(f"**{sentence(files)}**")
    panel("freshness", sources, empty="No file was loaded; the data came another way.")
    draw_coverage()
    panel("file_ledger", ledger, empty="No file was loaded.")
    panel("reject_reasons", reasons, empty="No line was rejected.")
    panel("rejected_lines", lines, empty="No line was rejected.")
    panel("unfamiliar_words", unfamiliar_words, empty="No undocumented value was read.")
    collecting()


if __name__ == "__main__":
    page()
