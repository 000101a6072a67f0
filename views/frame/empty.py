"""What a page shows where there is nothing: no data in the store, no row of an answer, no store that can be read."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pipeline.config.errors import StoreError
from pipeline.config.settings import read_settings

LESSON = """# your own logs: a file or a folder
python -m pipeline ingest PATH
# by itself, from Microsoft Graph: first see which permissions are there
python -m pipeline preflight
# a sample tenant
python -m pipeline sample build/tenant
python -m pipeline ingest build/tenant"""
"What to type into a terminal where the store is empty."


def first_data(on_ingestion: bool = False) -> None:
    """Draws how logs get into an empty store; on Ingestion the place to drop a file is on the page itself."""
    place = "this page" if on_ingestion else "the page Ingestion"
    st.info(
        "There is nothing in the store yet, so there is nothing to show: no events, no job status, no SCIM requests."
    )
    st.markdown(
        f"- **Drop a file** on {place}, or into `{read_settings().inbox}`.\n"
        "- **Load a file or a folder** in a terminal; what each file is, is recognised from its content.\n"
        "- **Let it come by itself**: name a table of tenants in `PROVISIONING_TENANTS`, as README.md says.\n"
        "- **Or try it** with a sample tenant."
    )
    if not on_ingestion:
        st.page_link("ingestion.py", label="Drop a file on Ingestion", icon=":material/upload_file:")
    st.code(LESSON, language="bash")


def nothing(sentence: str, icon: str = "remove", colour: str = "gray") -> None:
    """Draws a sentence in place of what is not there."""
    st.markdown(f":{colour}[:material/{icon}: {sentence}]")


@contextmanager
def readable() -> Iterator[None]:
    """Ends a fragment with a sentence where the store cannot be read any more; the header says why, the page stays."""
    try:
        yield
    except StoreError:
        st.caption(":material/hourglass_empty: This cannot be read now; the top of the page says why.")
