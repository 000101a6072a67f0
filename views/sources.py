"""Data sources: how data gets in, what was collected and how it goes, coverage, imported files and rejected lines."""

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, share
from views.frame.data import ask, is_empty, records
from views.frame.empty import nothing
from views.frame.header import current_troubles, draw_troubles
from views.frame.numbers import number_grid
from views.frame.panel import panel
from views.parts.ingestion.collection import draw_collection, sources_table
from views.parts.ingestion.connect import draw_connect
from views.parts.ingestion.files import draw_files, file_checks
from views.parts.ingestion.upload import runner_sentence
from views.parts.shared.coverage import coverage_checks, draw_coverage


def sentence(files: pd.DataFrame) -> str:
    """Writes what was read and what became of it."""
    lines, kept, twice, rejects = (int(files[name].sum()) for name in ("lines", "kept", "duplicates", "rejects"))
    return (
        f"{count(len(files), 'file')} with {count(lines, 'line')}: {kept:,} kept, {count(twice, 'duplicate')}, "
        f"{rejects:,} rejected."
    )


def metrics(files: pd.DataFrame) -> None:
    """Draws four numbers."""
    [extent] = records(ask("extent"))
    hours = ask("completeness_of_window")
    covered = "Unknown" if hours.empty else share(hours.iloc[0]["complete"] / max(hours.iloc[0]["hours"], 1))
    with number_grid():
        st.metric("Newest record", instant(extent["last_at"]), border=True, height="stretch")
        st.metric("Events", f"{extent['events']:,}", border=True, height="stretch")
        st.metric(
            "Rejected lines", f"{int(files['rejects'].sum()) if len(files) else 0:,}", border=True, height="stretch"
        )
        st.metric("Covered in this time range", covered, border=True, height="stretch")


def page() -> None:
    """Draws the page."""
    settings = read_settings()
    files = ask("file_ledger")
    troubles = current_troubles()
    summary = f"**{sentence(files)}** " if not files.empty else ""
    connected = "" if len(ask("contacts")) else " :gray-badge[Microsoft Graph is not connected]"
    st.markdown(f"{summary}{runner_sentence(settings)}{connected}")
    draw_troubles(troubles[2:], most=len(troubles))
    if is_empty():
        draw_connect(settings, expanded=True)
        draw_collection()
        return
    metrics(files)
    draw_connect(settings, expanded=False)
    panel("freshness", sources_table, empty="No files loaded; the data came another way.", title="Sources")
    draw_coverage()
    draw_files(files)
    draw_collection()
    checks = [*coverage_checks(), *file_checks()]
    if checks:
        nothing(f"{count(len(checks), 'check')}, nothing found: {', '.join(checks)}.")


if __name__ == "__main__":
    page()
