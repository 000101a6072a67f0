"""Issues: open incidents and failures by cause, failures over time, and past incidents."""

from views.frame.places import ISSUE_TABS
from views.frame.state import Key, Word, has_word
from views.frame.tabs import open_tab
from views.parts.alerts.incident import incident_panel
from views.parts.alerts.tab import draw_history
from views.parts.failures.tab import code_panel
from views.parts.failures.tab import draw_tab as draw_failures
from views.parts.issues.issue import issue_panel
from views.parts.issues.tab import draw_tab as draw_causes
from views.parts.people.panel import person_panel

TABS = {"causes": draw_causes, "failures": draw_failures, "history": draw_history}


def page() -> None:
    """Draws the open tab, and the side panel of the user, incident or issue that the address names."""
    word, box = open_tab(ISSUE_TABS, Key.ISSUE_TABS)
    with box:
        TABS[word]()
    if has_word(Word.OBJECT):
        person_panel()
    elif has_word(Word.INCIDENT):
        incident_panel()
    elif word == "failures":
        code_panel()
    else:
        issue_panel()


if __name__ == "__main__":
    page()
