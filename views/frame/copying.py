"""Text to copy, and the address that a copied link leads to."""

import streamlit as st

from pipeline.config.settings import read_settings
from views.frame.state import PAGE

HERE = "http://localhost:8501"
"Where Streamlit serves unless it is told otherwise."


def text_to_copy(label: str, text: str) -> None:
    """Draws a closed box with a text in full, whose button copies it.

    Not a popover, which is cut off where it is drawn near the end of the window.
    """
    with st.expander(label, type="compact"):
        st.code(text, language=None, wrap_lines=True)


def dashboard_address() -> str:
    """Returns the address of the dashboard as the viewer's browser has it, else as the settings have it."""
    here = (st.context.url or "").partition("?")[0].rstrip("/")
    return here.removesuffix(f"/{PAGE.get()}") if here else read_settings().dashboard_url.rstrip("/") or HERE
