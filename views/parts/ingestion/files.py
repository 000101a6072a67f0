"""Imported files, lines that were rejected with what to do, and values that are not documented; closed at first."""

from os.path import commonpath

import pandas as pd
import streamlit as st

from pipeline.config.wording import count
from views.frame.data import ask
from views.frame.panel import show_sql
from views.frame.table import number_column, share_bar, table, text_column, time_columns
from views.parts.ingestion.collection import SOURCES


def draw_files(files: pd.DataFrame) -> None:
    """Draws what became of each file, the rejected lines and undocumented values, each where there are some."""
    rejected, words = ask("rejected_lines"), ask("unfamiliar_words")
    if rejected.empty:
        show_sql(rejected_lines={})
    else:
        lines = int(ask("reject_reasons")["rejects"].sum())
        with st.expander(f"Rejected lines: {lines:,}"):
            draw_rejects(rejected)
    show_sql(unfamiliar_words={})
    if not words.empty:
        with st.expander(f"Undocumented values: {len(words):,}"):
            st.caption(
                "Microsoft adds values now and then. Events that have them are kept and counted as they are; nothing "
                "needs to be done."
            )
            unfamiliar_words(words)
    show_sql(file_ledger={})
    if not files.empty:
        with st.expander(f"Imported files: {len(files):,}"):
            ledger(files)


def file_checks() -> list[str]:
    """Writes what there is none of."""
    rejected = ["rejected lines"] if ask("rejected_lines").empty else []
    return [*rejected, *(["undocumented values"] if ask("unfamiliar_words").empty else [])]


def draw_rejects(rejected: pd.DataFrame) -> None:
    """Draws why lines were rejected and what to do, then the lines as they were read."""
    st.markdown(
        "Only these lines were skipped; the rest of each file was loaded. The reason names the field and what was "
        "expected. Correct the line where it comes from, then load the file again: only what is new is added. For a "
        "file that should not be here, `python -m pipeline forget FILE` removes it with all its rows."
    )
    show_sql(reject_reasons={})
    reasons(ask("reject_reasons"))
    show_sql(rejected_lines={})
    lines(rejected)


def ledger(rows: pd.DataFrame) -> None:
    """Draws what became of each file's lines, the names below the folder they share."""
    folders = {file.rpartition("/")[0] for file in rows["file"]}
    shared = commonpath(folders) if all(folders) and len({folder[0] == "/" for folder in folders}) == 1 else ""
    if shared:
        st.caption(f"Names below `{shared}`")
    rows = rows.assign(
        read=rows["read_to"] / rows["size"].where(rows["size"] > 0),
        file=rows["file"].str.removeprefix(shared).str.removeprefix("/"),
        shape=rows["source"].map(lambda name: SOURCES.get(name, name)),
    )
    columns = {
        "file": text_column("File"),
        "shape": text_column("Source"),
        "read": share_bar("Read"),
        **{name: number_column(name.capitalize(), width="small") for name in ("lines", "kept", "duplicates")},
        "rejects": number_column("Rejected", width="small"),
        "passed_over": number_column("Not SCIM", width="small", help="Lines of a web server's log on other things"),
        **time_columns(last_event_at="Newest record"),
    }
    table(rows, columns, at_most=420)
    if unfamiliar := int(rows["unfamiliar"].sum()):
        st.caption(f"{count(unfamiliar, 'row has', 'rows have')} an undocumented value.")


def reasons(rows: pd.DataFrame) -> None:
    """Draws why lines were rejected, the commonest reason first."""
    columns = {
        "reason": text_column("Reason", width=520),
        "rejects": number_column("Lines", width="small"),
        "files": number_column("Files", width="small"),
        "example": text_column("Example"),
        **time_columns(last_at="Last rejected"),
    }
    table(rows.assign(reason=capitalised(rows["reason"])), columns)


def capitalised(texts: "pd.Series[str]") -> "pd.Series[str]":
    """Returns sentences with a capital at their beginning."""
    return texts.str.slice(0, 1).str.upper() + texts.str.slice(1)


def lines(rows: pd.DataFrame) -> None:
    """Draws rejected lines with their text as it was read; nothing in it is interpreted."""
    columns = {
        "file": text_column("File"),
        "line": number_column("Line", width="small"),
        "reason": text_column("Reason", width="large"),
        "text": text_column("Text of the line", width="large"),
        **time_columns(rejected_at="Rejected"),
    }
    table(rows.assign(reason=capitalised(rows["reason"])), columns, at_most=320)


def unfamiliar_words(rows: pd.DataFrame) -> None:
    """Draws values that are not documented."""
    columns = {
        "column": text_column("Field"),
        "value": text_column("Value"),
        "events": number_column("Events"),
        **time_columns(last_at="Last seen"),
    }
    table(rows, columns, at_most=320)
