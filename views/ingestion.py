"""Ingestion: what was loaded, what was not and why, who runs the beats, and a place to drop a file."""

from os.path import commonpath

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from views.frame.data import BLANK, ask, is_empty, teach, tile, times
from views.frame.header import troubled, warn
from views.frame.look import count, span
from views.parts.ingestion import upload
from views.parts.shared import coverage


def sentence(files: pd.DataFrame) -> str:
    """Says what was read and what became of it."""
    lines, kept, twice, rejects = (int(files[name].sum()) for name in ("lines", "kept", "duplicates", "rejects"))
    return (
        f"{count(len(files), 'file')} with {count(lines, 'line')}: {kept:,} kept, {count(twice, 'duplicate')}, "
        f"{count(rejects, 'reject')}."
    )


def sources(rows: pd.DataFrame) -> None:
    """Draws how far each source reaches."""
    rows = rows.assign(lag=rows["lag_s"].map(span))
    columns = {
        "source": st.column_config.TextColumn("Source", pinned=True),
        "files": st.column_config.NumberColumn("Files", format="localized"),
        "lines": st.column_config.NumberColumn("Lines", format="localized"),
        **times(first_event_at="Oldest record", last_event_at="Newest record", loaded_at="Last loaded"),
        "lag": st.column_config.TextColumn("Lag", help="From the newest record to its loading"),
    }
    st.dataframe(rows, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)


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
        "file": st.column_config.TextColumn("File", pinned=True),
        "source": st.column_config.TextColumn("Source"),
        "read": st.column_config.ProgressColumn("Read", format="percent", min_value=0, max_value=1),
        **{
            name: st.column_config.NumberColumn(name.capitalize(), format="localized")
            for name in ("lines", "kept", "duplicates", "rejects", "unfamiliar")
        },
        **times(first_event_at="Oldest record", last_event_at="Newest record", finished_at="Last read"),
    }
    st.dataframe(rows, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)


def reasons(rows: pd.DataFrame) -> None:
    """Draws why lines were rejected, the commonest reason first."""
    st.dataframe(
        rows,
        hide_index=True,
        placeholder=BLANK,
        column_config=times(last_at="Last rejected") | {"reason": st.column_config.TextColumn("Reason", width="large")},
    )


def lines(rows: pd.DataFrame) -> None:
    """Draws rejected lines with their text as it was read; nothing in it is interpreted."""
    columns = {
        "file": st.column_config.TextColumn("File"),
        "line": st.column_config.NumberColumn("Line", format="localized"),
        "reason": st.column_config.TextColumn("Reason", width="large"),
        "text": st.column_config.TextColumn("The line", width="large"),
        **times("rejected_at"),
    }
    st.dataframe(rows, hide_index=True, placeholder=BLANK, column_config=columns)


def words(rows: pd.DataFrame) -> None:
    """Draws values that nobody has documented."""
    st.dataframe(rows, hide_index=True, placeholder=BLANK, column_config=times(last_at="Newest hour"))


def beats(rows: pd.DataFrame) -> None:
    """Draws each beat's last run."""
    columns = times(began_at="Began", ended_at="Ended") | {
        "beat": st.column_config.TextColumn("Beat", pinned=True),
        "outcome": st.column_config.TextColumn("Outcome"),
        "detail": st.column_config.TextColumn("Detail", width="large"),
    }
    st.dataframe(rows, hide_index=True, placeholder=BLANK, column_config=columns)


def contacts(rows: pd.DataFrame) -> None:
    """Draws how asking each feed of a tenant goes; those that fail come first."""
    columns = {
        "tenant": st.column_config.TextColumn("Tenant", pinned=True),
        "feed": st.column_config.TextColumn("Feed"),
        "outcome": st.column_config.TextColumn("Outcome"),
        **times(reached_at="Last answered", next_try_at="Next try"),
        "detail": st.column_config.TextColumn("What came, or what is the matter", width="large"),
        "failures": st.column_config.NumberColumn("Failures in a row", format="localized"),
        "skew_s": st.column_config.NumberColumn("Its clock is ahead by (s)", format="%.0f"),
        "requests": st.column_config.NumberColumn("Requests", format="localized"),
    }
    st.dataframe(rows, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)


def collecting() -> None:
    """Draws whether collecting is in trouble, who collects, and how each beat and each feed goes."""
    found = troubled()
    if found:
        warn(found, most=len(found))
    else:
        st.markdown(":material/check_circle: Collecting goes as it should.")
    tile("beats_lately", beats, empty="No beat has run yet.")
    tile("contacts", contacts, empty="No tenant is asked: PROVISIONING_TENANTS names none.")


def page() -> None:
    """Draws the page."""
    settings = read_settings()
    upload.draw(settings)
    st.markdown(upload.who_beats(settings))
    if is_empty():
        teach(here=True)
        collecting()
        return
    files = ask("file_ledger")
    if not files.empty:
        st.markdown(f"**{sentence(files)}**")
    tile("freshness", sources, empty="No file was loaded; the data came another way.")
    coverage.draw()
    tile("file_ledger", ledger, empty="No file was loaded.")
    tile("reject_reasons", reasons, empty="No line was rejected.")
    tile("rejected_lines", lines, empty="No line was rejected.")
    tile("unfamiliar_words", words, empty="Every value is a documented one.")
    collecting()


if __name__ == "__main__":
    page()
