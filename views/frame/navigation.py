"""The navigation in the sidebar: pages by section."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from views.frame.state import Key

ASSETS = Path(__file__).parents[1] / "assets"
close_after_link = st.components.v2.component(
    "sidebar", js=(ASSETS / "sidebar.js").read_text(encoding="utf-8"), isolate_styles=False
)


class Entry(NamedTuple):
    """A page of the navigation."""

    file: str
    title: str
    icon: str
    shows: str
    "What the page shows once there is data."


def draw_navigation(sections: Mapping[str, Sequence[Entry]]) -> None:
    """Draws the navigation. Streamlit 1.67's own puts sections into its list in a way that screen readers lose."""
    with st.sidebar:
        for section, entries in sections.items():
            if section:
                st.markdown(f"**{section}**")
            for entry in entries:
                st.page_link(entry.file, label=entry.title, icon=f":material/{entry.icon}:", width="stretch")
        close_after_link(key=Key.SIDEBAR, height=1)
