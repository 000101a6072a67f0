"""Issues: open incidents and failures by cause, failures over time, and past incidents."""

from views.frame.places import ISSUE_TABS
from views.frame.state import Key
from views.frame.tabs import open_tab
from views.parts.failures.tab import draw_tab as draw_failures
from views.parts.health.tab import draw_history, draw_open
from views.parts.issues.tab import draw_tab as draw_causes


def draw_by_cause() -> None:
    """Draws open incidents, then failures by cause."""
    draw_open()
    draw_causes()


TABS = {"causes": draw_by_cause, "failures": draw_failures, "history": draw_history}


def page() -> None:
    """Draws the open tab."""
    word, box = open_tab(ISSUE_TABS, Key.ISSUE_TABS)
    with box:
        TABS[word]()


if __name__ == "__main__":
    page()
