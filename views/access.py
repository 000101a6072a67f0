"""Access: who may do what, and what was done."""

import streamlit as st


def page() -> None:
    """Draws the page."""
    st.markdown("Nothing here yet.")


if __name__ == "__main__":
    page()
