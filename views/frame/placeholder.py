"""Placeholders: what holds the place of content that is not on the screen yet and takes longer than a moment."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from views.frame.state import PLACEHOLDER

PAGE_PX, PANEL_PX = 560, 320


@contextmanager
def placeholder(is_new: bool, height: int) -> Iterator[None]:
    """Holds the place below what is drawn inside until all of it is, where nothing of it is on the screen yet.

    It is seen after 0.3 s (STYLE in views/app.py). What is drawn again keeps what it showed until then.
    """
    with st.container(gap=None):
        body, slot = st.container(), st.empty()
    PLACEHOLDER.set(slot)
    if is_new:
        slot.skeleton(height=height)
    try:
        with body:
            yield
    finally:
        slot.empty()


def hold_place() -> None:
    """Holds the place of content that a page has only now been asked for, as that of another tab."""
    if (slot := PLACEHOLDER.get()) is not None:
        slot.skeleton(height=PAGE_PX)
