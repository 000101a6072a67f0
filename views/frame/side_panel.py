"""The side panel: what one row is about, opened beside its page. Its id stands in the address; Back closes it."""

from collections.abc import Callable

import streamlit as st

from views.frame.placeholder import PANEL_PX, placeholder
from views.frame.state import PANEL, Word, has_word, read_word, write_words


def side_panel(word: Word, title: str, draw: Callable[[str], None], *also: Word, wide: bool = False) -> None:
    """Opens the panel where the address has its word, and draws what that names; closing it takes the word out.

    `also` are words that mean nothing without it. A page opens at most one panel.
    """
    if not has_word(word):
        if PANEL.get().startswith(f"{word}="):
            PANEL.set("")
        return
    own = f"{word}={read_word(word)}"
    is_new = PANEL.get() != own
    PANEL.set(own)

    def close() -> None:
        write_words(dict.fromkeys((word, *also)))

    @st.dialog(title, width="large" if wide else "medium", position="right", on_dismiss=close)
    def opened() -> None:
        with placeholder(is_new, PANEL_PX):
            draw(read_word(word))

    opened()
