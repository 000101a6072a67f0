"""Numbers with small charts in them, whose marks are hidden from screen readers; see assets/numbers.js."""

from pathlib import Path
from typing import Any

import streamlit as st

from views.frame.state import Key

NUMBER_PX = 150
ASSETS = Path(__file__).parents[1] / "assets"
hide_marks = st.components.v2.component(
    "numbers", js=(ASSETS / "numbers.js").read_text(encoding="utf-8"), isolate_styles=False
)


def number_grid() -> Any:
    """Returns the place of a page's numbers: four of equal width beside each other, two on a phone."""
    return st.grid(4, min_column_width=NUMBER_PX)


def hide_chart_marks() -> None:
    """Hides the charts in a page's numbers from screen readers."""
    hide_marks(key=Key.NUMBERS, height=1)
