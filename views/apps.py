"""Apps: all of them, or one; each tab is a subject."""

from views.frame.places import APP_TABS
from views.frame.state import Key
from views.frame.tabs import open_tab
from views.parts.apps.tab import draw_tab as draw_overview
from views.parts.configuration.tab import draw_tab as draw_configuration
from views.parts.cycles.tab import draw_tab as draw_cycles
from views.parts.groups.tab import draw_tab as draw_groups
from views.parts.people.tab import draw_tab as draw_users
from views.parts.scope.tab import draw_tab as draw_scope
from views.parts.traffic.tab import draw_tab as draw_traffic

TABS = {
    "overview": draw_overview,
    "cycles": draw_cycles,
    "users": draw_users,
    "groups": draw_groups,
    "scope": draw_scope,
    "configuration": draw_configuration,
    "traffic": draw_traffic,
}


def page() -> None:
    """Draws the open tab."""
    word, box = open_tab(APP_TABS, Key.APP_TABS)
    with box:
        TABS[word]()


if __name__ == "__main__":
    page()
