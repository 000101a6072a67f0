"""The side panel: what one row is about, opened beside its page. Its id stands in the address; Back closes it."""

from collections.abc import Callable

import streamlit as st

from views.frame.state import Word, has_word, read_word, write_words


def side_panel(word: Word, title: str, draw: Callable[[str], None], *also: Word, wide: bool = False) -> None:
    """Opens the panel where the address has its word, and draws what that names; closing it takes the word out.

    `also` are words that mean nothing without it. A page opens at most one panel.
    """
    if not has_word(word):
        return

    def close() -> None:
        write_words(dict.fromkeys((word, *also)))

    @st.dialog(title, width="large" if wide else "medium", position="right", on_dismiss=close)
    def opened() -> None:
        draw(read_word(word))

    opened()
