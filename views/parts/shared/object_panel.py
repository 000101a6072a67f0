"""The side panel on a user or group, opened from a row of a page on another subject: what the row says comes first."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import pandas as pd
import streamlit as st

from pipeline.config.wording import dated, is_missing
from views.frame.data import Row, records
from views.frame.look import plain
from views.frame.side_panel import side_panel
from views.frame.state import Word, has_word, read_word
from views.parts.people.panel import draw_person, panel_title

CODE = re.compile(r"[A-Z]\w*[a-z]\w*[A-Z]\w*")
"A code as Graph spells it."


class Facts(NamedTuple):
    """Rows of a page, and which of their columns the panel shows under which labels."""

    title: str
    rows: pd.DataFrame
    labels: Mapping[str, str]


def give_way() -> None:
    """Lets the panel on a user or group take the place of another panel in which a row of theirs was opened."""
    if has_word(Word.OBJECT):
        st.rerun()


def object_panel(*facts: Facts) -> None:
    """Opens the panel where the address names a user or group."""
    if not has_word(Word.OBJECT):
        return

    def draw(source_id: str) -> None:
        for one in facts:
            for row in records(one.rows[one.rows["source_id"] == source_id]):
                draw_facts(one, row)
        draw_person(source_id, has_history=False)

    side_panel(Word.OBJECT, panel_title(read_word(Word.OBJECT)), draw, Word.EVENT, Word.AT, Word.VIEW)


def draw_facts(facts: Facts, row: Row) -> None:
    """Draws what one row says, a line each."""
    lines = [
        f"- {label}: {fact_text(row[name])}"
        for name, label in facts.labels.items()
        if name in row and not is_missing(row[name]) and row[name] != ""
    ]
    with st.container(border=True):
        st.markdown(f"**{facts.title}**\n\n" + "\n".join(lines))


def fact_text(value: object) -> str:
    """Writes a cell for a sentence."""
    if isinstance(value, datetime):
        return dated(value)
    return f"`{value}`" if CODE.fullmatch(str(value)) else plain(str(value))
