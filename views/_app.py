"""The script that the app runs for every page: navigation, the shared bar, freshness, then the page."""

import streamlit as st

from pipeline.settings import SettingsError
from pipeline.store import StoreError
from views import _bar, _frame

PAGES = (
    ("overview.py", "Overview", ":material/monitor_heart:"),
    ("people.py", "People", ":material/group:"),
    ("failures.py", "Failures", ":material/error:"),
    ("questions.py", "Questions", ":material/database_search:"),
    ("ingestion.py", "Ingestion", ":material/upload_file:"),
)


def pages() -> list[st.Page]:
    """Gives the pages in the order of the navigation; the first is the one that opens."""
    return [
        st.Page(file, title=title, icon=icon, url_path=file.removesuffix(".py"), default=file == PAGES[0][0])
        for file, title, icon in PAGES
    ]


def main() -> None:
    """Draws the frame and the page in it; a store or setting that cannot be used is one sentence."""
    st.set_page_config(page_title="Provisioning Observatory", page_icon=":material/monitor_heart:", layout="wide")
    page = st.navigation(pages(), position="top")
    try:
        frame()
        page.run()
    except (StoreError, SettingsError) as error:
        st.error(str(error), icon=":material/error:")


def frame() -> None:
    """Draws the shared bar and how fresh the data is."""
    revision = _frame.store().revision()
    reached = _frame.store().ask(_frame.find_query("extent").sql).to_pylist()[0]
    jobs = _frame.store().ask(_frame.find_query("jobs").sql).to_pandas()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = _bar.draw(reached["first_at"], reached["last_at"], jobs)
        st.session_state["bar"] = chosen
        _bar.share_link(chosen)
    _frame.freshness(revision)


main()
