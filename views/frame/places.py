"""Places of the dashboard: what each name leads to. Every link goes by these names, and every address of before.

A place is a page, or a tab of one.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import streamlit as st

from views.frame.state import LEADS_TO, Word


class Place(NamedTuple):
    """A page's file, and the tab of it."""

    file: str
    tab: str = ""

    @property
    def path(self) -> str:
        """The page's path in an address."""
        return "" if self.file == FIRST else self.file.removesuffix(".py")

    @property
    def words(self) -> dict[str, str]:
        """What stands in the address for the tab."""
        return {Word.TAB: self.tab} if self.tab else {}


FIRST = "home.py"
APP_TABS = {
    "overview": "Overview",
    "cycles": "Cycles",
    "users": "Users",
    "groups": "Groups",
    "scope": "Scope",
    "configuration": "Configuration",
    "traffic": "SCIM traffic",
}
ISSUE_TABS = {"causes": "By cause", "failures": "Failures over time", "history": "Incident history"}
PLACES = {
    "home": Place(FIRST),
    "apps": Place("apps.py"),
    "people": Place("people.py"),
    "leavers": Place("leavers.py"),
    "issues": Place("issues.py"),
    "query": Place("query.py"),
    "reports": Place("reports.py"),
    "sources": Place("sources.py"),
    "rules": Place("rules.py"),
    "notifications": Place("notifications.py"),
    "access": Place("access.py"),
    **{tab: Place("apps.py", tab) for tab in APP_TABS if tab != "overview"},
    **{tab: Place("issues.py", tab) for tab in ISSUE_TABS if tab != "causes"},
}
MOVED = {
    "home": "home",
    "overview": "home",
    "cycles": "cycles",
    "quarantine": "apps",
    "health": "issues",
    "failures": "failures",
    "skips": "scope",
    "groups": "groups",
    "target": "traffic",
    "questions": "query",
    "connections": "configuration",
    "ingestion": "sources",
}
"Addresses of before, and the place that each leads to now."


def page_link(
    place: str, label: str, icon: str | None = None, words: dict[str, str] | None = None, **more: Any
) -> None:
    """Draws a link to a place with these words in its address."""
    target = PLACES[place]
    st.page_link(target.file, label=label, icon=icon, query_params=target.words | dict(words or {}), **more)


def switch_page(place: str, words: Mapping[str, str] | None = None) -> None:
    """Opens a place with these words in its address."""
    target = PLACES[place]
    st.switch_page(target.file, query_params=target.words | dict(words or {}))


def lead_to(place: str, words: Mapping[str, str]) -> None:
    """Has the place opened that a row leads to, once its page is drawn again: for a callback, which cannot open one."""
    LEADS_TO.set((place, dict(words)))


def follow() -> None:
    """Opens the place that a row led to."""
    if (target := LEADS_TO.take()) is not None:
        switch_page(*target)


def moved(old: str, words: list[tuple[str, str]]) -> str:
    """Returns the address that an address of before leads to, with what it asked for.

    >>> moved("cycles", [("job", "Cerby")])
    '/apps?tab=cycles&job=Cerby'
    >>> moved("health", [("rule", "silence")])
    '/rules?rule=silence'
    """
    given = dict(words)
    target = PLACES["rules" if old == "health" and Word.RULE in given else MOVED[old]]
    query = urlencode(target.words | given, safe=":")
    return f"/{target.path}{'?' if query else ''}{query}"
