"""The script that the app runs for every page: navigation, the shared bar, freshness, then the page."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pipeline.config.errors import ProvisioningError, StoreError
from pipeline.store.catalog import find_query
from views.frame.data import answer, store
from views.frame.filters import draw_bar, share_link
from views.frame.header import header, offer_news, store_error
from views.frame.look import plain

ICON = Path(__file__).with_name("icon.svg")
# No icons: the browser would fetch the open page's from the internet, to put it on its tab.
PAGES = (
    "overview.py",
    "cycles.py",
    "quarantine.py",
    "health.py",
    "people.py",
    "leavers.py",
    "issues.py",
    "failures.py",
    "skips.py",
    "groups.py",
    "target.py",
    "questions.py",
    "connections.py",
    "ingestion.py",
)

TITLES = {"skips": "Skips and scope"}
"Pages whose title is more than their file's name."
STEADY = ("cycles",)
"Pages that are not redrawn under a reader's eyes: what moves on them refreshes by itself."


def pages() -> list[st.Page]:
    """Returns the pages in the order of the navigation; the first is the one that opens.

    The first is served at the address without a name. It has its name's as well, outside the navigation, for links.
    """
    first, *others = (file.removesuffix(".py") for file in PAGES)
    return [
        st.Page(f"{first}.py", title=first.capitalize(), url_path="home", default=True),
        *(st.Page(f"{name}.py", title=TITLES.get(name, name.capitalize()), url_path=name) for name in others),
        st.Page(f"{first}.py", title=first.capitalize(), url_path=first, visibility="hidden"),
    ]


NO_COPY_OF_GRIDS = (
    "<style>[data-testid='stElementToolbarButton']:has(button[aria-label^='Download as CSV']){display:none}</style>"
)
"""The browser's own CSV of a grid would have cells that a spreadsheet computes; *Questions* offers it without.
Streamlit 1.67 has no option for that."""


def main() -> None:
    """Draws the frame and the page in it; a store or setting that cannot be used is one sentence."""
    page = st.navigation(pages(), position="top")
    st.set_page_config(page_title=f"{page.title} · Provisioning", page_icon=str(ICON), layout="wide")
    st.html(NO_COPY_OF_GRIDS)
    try:
        link = frame(offer_news if page.url_path in STEADY else st.rerun)
        page.run()
        # After the page, which puts words of its own into the address.
        with link:
            share_link()
    except StoreError as error:
        store_error(error)
    except ProvisioningError as error:
        st.error(plain(str(error)), icon=":material/error:")


def frame(on_news: Callable[[], None]) -> DeltaGenerator:
    """Draws the shared bar and how fresh the data is; returns the place of the link. `on_news` is for newer data."""
    revision = store().revision()
    store().answers.prefetch(find_query("jobs").sql)
    extent = store().ask(find_query("extent").sql).to_pylist()[0]
    jobs = answer(find_query("jobs"), {})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_bar(extent["first_at"], extent["last_at"], jobs)
        link = st.container(width="content")
    header(revision, on_news)
    return link


if __name__ == "__main__":
    main()
