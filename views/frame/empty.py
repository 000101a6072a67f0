"""What a page shows where there is nothing: no data in the store, no row of an answer, no store that can be read."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pipeline.config.errors import StoreError
from pipeline.config.settings import read_settings
from views.frame.places import page_link
from views.frame.sample import draw_sample_button

WAYS = (
    (
        "Connect a tenant",
        "Collects provisioning logs and job status from Microsoft Graph every minute. First shows which "
        "permissions are granted.",
        "python -m pipeline preflight",
    ),
    (
        "Drop an export",
        "Loads provisioning logs, SCIM request logs or job status from files: JSON, CSV, access logs, compressed or "
        "not. The kind of file is recognised from its content.",
        "python -m pipeline ingest PATH",
    ),
    (
        "Explore the sample",
        "Loads an invented tenant with three apps, one of them in quarantine.",
        "python -m pipeline sample build/tenant\npython -m pipeline ingest build/tenant",
    ),
)
"Three ways in: title, what it does, what to type into a terminal."


def first_data() -> None:
    """Draws three ways in where the store is empty."""
    st.markdown("**No data yet.** Choose how to begin; this page fills by itself.")
    for column, (title, text, commands) in zip(st.columns(3), WAYS, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.subheader(title, anchor=False)
            st.markdown(text)
            if title == "Connect a tenant":
                page_link("sources", "Set up the connection", ":material/arrow_forward:")
            elif title == "Drop an export":
                page_link("sources", "Drop a file on Data sources", ":material/upload_file:")
                st.caption(f"Files in `{read_settings().inbox}` are loaded by themselves.")
            else:
                draw_sample_button()
            with st.expander("On the command line"):
                st.code(commands, language="bash", wrap_lines=True)


def what_it_will_show(title: str, shows: str) -> None:
    """Draws what a page will show once there is data, with the way there."""
    st.markdown(f"**No data yet.** {title} will show {shows}.")
    page_link("home", "Add your first data", ":material/arrow_forward:")


def nothing(sentence: str, icon: str = "remove", colour: str = "gray") -> None:
    """Draws a sentence in place of rows."""
    st.markdown(f":{colour}[:material/{icon}: {sentence}]")


@contextmanager
def readable() -> Iterator[None]:
    """Ends a fragment with a sentence where the store cannot be read any more; the header says why, the page stays."""
    try:
        yield
    except StoreError:
        st.caption(":material/hourglass_empty: This cannot be read now; the top of the page shows the reason.")
