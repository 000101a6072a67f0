"""Evidence packs: what one contains, the command that writes it, and a download where the time range is small."""

import shlex
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import streamlit as st

from pipeline.config.wording import count, dated, iso
from pipeline.evidence.pack import LEAVERS, SIDES, TRAPS, make
from pipeline.store.catalog import find_query
from views.frame.data import ask, store
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.state import Key

SMALL = 20_000
"Events and requests of a time range from which a pack is made while a person waits: some seconds."
PARTS = {"Leavers": LEAVERS, "Known gaps": TRAPS, "Both sides": SIDES}


def draw_evidence() -> None:
    """Draws what a pack is, and how to get one of the bar's time range."""
    st.subheader("Evidence pack", anchor="evidence")
    st.markdown(
        "A sealed zip for auditors: who left, whether and when access was removed, what Entra and the app each "
        "logged of it, and which hours are not covered."
    )
    jobs = ask("jobs")
    apps = sorted(jobs["app_name"].dropna().unique())
    if not apps:
        nothing("No app is known yet.")
        return
    own = jobs.loc[jobs["job_id"] == bar().job, "app_name"].dropna()
    first = apps.index(own.iloc[0]) if len(own) else 0
    app = str(st.selectbox("App", apps, first, key=Key.EVIDENCE_APP.of(bar().job or "")))
    st.caption(f"For the time range above: {dated(bar().since)} to {dated(bar().until)}.")
    name = f"evidence-{'-'.join(app.lower().split())}-{bar().since:%Y-%m-%d}-{bar().until:%Y-%m-%d}.zip"
    since, until = bar().since, bar().until
    sizes = ask("wire_size")
    if int(sizes[["events", "requests"]].sum().sum()) <= SMALL:
        st.download_button(
            "Download evidence pack",
            lambda: pack(app, since, until),
            name,
            "application/zip",
            key=Key.EVIDENCE_COMMAND,
            on_click="ignore",
            icon=":material/folder_zip:",
            help="It takes some seconds to write.",
        )
        st.markdown("Or use the command line: it prints the seal, which you should record separately.")
    else:
        st.markdown(f"This time range has more than {SMALL:,} events and requests: write the pack on the command line.")
    st.code(command(app, since, until, name), language=None, wrap_lines=True)
    with st.expander(f"Contents: {count(sum(map(len, PARTS.values())), 'table')}"):
        for title, names in PARTS.items():
            st.markdown(f"**{title}**: {', '.join(find_query(one).title for one in names)}")
        st.markdown(
            "Each as CSV with its SQL, beside README.md (summary and gaps), parameters.json and a manifest whose "
            "hashes seal it. `python -m pipeline verify FILE` checks a pack."
        )


def command(app: str, since: datetime, until: datetime, name: str) -> str:
    """Writes the command that makes a pack.

    >>> command("Contoso Docs", datetime(2026, 1, 5), datetime(2026, 1, 6), "e.zip")
    "python -m pipeline evidence --app 'Contoso Docs' --since 2026-01-05T00:00:00Z --until 2026-01-06T00:00:00Z e.zip"
    """
    of = f"--app {shlex.quote(app)} --since {iso(since)} --until {iso(until)}"
    return f"python -m pipeline evidence {of} {shlex.quote(name)}"


def pack(app: str, since: datetime, until: datetime) -> BinaryIO:
    """Writes a pack into a temporary folder and returns it to be read."""
    with TemporaryDirectory(prefix="evidence-") as folder:
        file = Path(folder) / "pack.zip"
        make(store(), app, since, until, file, lambda _share: None)
        # The file's name goes with the folder, its content when it was read.
        return file.open("rb")
