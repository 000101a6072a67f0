"""Tabs whose open one stands in the address, so that a link opens it and Back returns to the one before."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import streamlit as st

from views.frame import state
from views.frame.placeholder import hold_place
from views.frame.state import TAB_WORDS, Key, Word


def open_tab(tabs: Mapping[str, str], key: Key) -> tuple[str, AbstractContextManager[object]]:
    """Draws tabs, each a word of the address with its label, and returns the open one with its place.

    Only the open one is to be drawn. The first is open where the address names none.
    """
    first = next(iter(tabs))
    given = TAB_WORDS.opened()
    if given is not None:
        state.set_value(key, tabs.get(given.get(Word.TAB, first), tabs[first]))
    boxes = st.tabs(list(tabs.values()), key=key, on_change="rerun")
    word, box = next(((word, box) for word, box in zip(tabs, boxes, strict=True) if box.open), (first, boxes[0]))
    before = TAB_WORDS.memory.get()
    if before is not None and before.get(Word.TAB, first) != word:
        hold_place()
    TAB_WORDS.write({Word.TAB: None if word == first else word})
    return word, box
