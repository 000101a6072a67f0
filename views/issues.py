"""Issues: open incidents and failures by cause, failures over time, and past incidents."""

from views.frame.places import ISSUE_TABS
from views.frame.state import Key, Word, has_word
from views.frame.tabs import open_tab
from views.parts.failures.tab import draw_tab as draw_failures
from views.parts.health.incident import incident_panel
from views.parts.health.tab import draw_history, draw_open
from views.parts.issues.issue import issue_panel
from views.parts.issues.tab import draw_tab as draw_causes


def draw_by_cause() -> None:
    """Draws open incidents, then failures by cause."""
    draw_open()
    draw_causes()


TABS = {"causes": draw_by_cause, "failures": draw_failures, "history": draw_history}


def page() -> None:
    """Draws the open tab, and the side panel of the incident or the issue that the address names."""
    word, box = open_tab(ISSUE_TABS, Key.ISSUE_TABS)
    with box:
        TABS[word]()
    if has_word(Word.INCIDENT):
        incident_panel()
    else:
        issue_panel()


if __name__ == "__main__":
    page()
