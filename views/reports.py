"""Reports: the digest as it would be sent now, and evidence packs for auditors."""

import streamlit as st

from views.parts.reports.digest import draw_digest
from views.parts.reports.evidence import draw_evidence


def page() -> None:
    """Draws the page."""
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        draw_digest()
    with right, st.container(border=True, height="stretch"):
        draw_evidence()


if __name__ == "__main__":
    page()
