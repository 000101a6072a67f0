"""The script that the app runs for every page: navigation, search, the header, then the page."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pipeline.config.errors import ProvisioningError, StoreError
from pipeline.store.catalog import find_query
from views.frame.data import answer, is_empty, store
from views.frame.empty import first_data, what_it_will_show
from views.frame.filters import job_names
from views.frame.header import Header, draw_header, offer_news, show_news, store_error
from views.frame.look import plain
from views.frame.navigation import Entry, draw_navigation
from views.frame.page_sql import forget_questions
from views.frame.placeholder import PAGE_PX, placeholder
from views.frame.places import follow
from views.frame.search import draw_search
from views.frame.state import ENTERED, PAGE, REFRESHING, send_address
from views.frame.times import use_zone_of_viewer
from views.frame.viewer import note_visit

HERE = Path(__file__).parent
ICON = HERE / "icon.svg"


SECTIONS = {
    "": (
        Entry("home.py", "Home", "home", "what needs attention, what is running, and how every app is doing"),
        Entry("apps.py", "Apps", "apps", "each app's status, cycles, users, groups, scope, configuration and SCIM log"),
        Entry("people.py", "People", "group", "each user and group, in every app, with what to do where it fails"),
        Entry("leavers.py", "Leavers", "person_off", "who left and still has access, and how long removals take"),
        Entry("issues.py", "Issues", "error", "open incidents and failures by cause, with owner, impact and steps"),
    ),
    "Explore": (
        Entry("query.py", "Query", "code", "answers to saved questions, and to SQL of your own"),
        Entry("reports.py", "Reports", "summarize", "the digest and evidence packs"),
    ),
    "Settings": (
        Entry("sources.py", "Data sources", "database", "imported files, rejected lines and data coverage"),
        Entry("rules.py", "Alert rules", "notifications", "each rule's state, thresholds and backtest"),
        Entry("notifications.py", "Notifications", "mail", "routes, tests and messages that were sent"),
        Entry("access.py", "Access", "shield_person", "who may do what, and what was done"),
    ),
}
PAGES = tuple(entry.file for entries in SECTIONS.values() for entry in entries)
SETTINGS = tuple(entry.file for entry in SECTIONS["Settings"])
"Pages that are drawn in an empty store as well."
STEADY = ("apps",)
"Pages that are not redrawn under a reader's eyes: what moves on them refreshes by itself."

STYLE = """<style>
/* The browser's own CSV of a grid would have cells that a spreadsheet computes; Export offers it without.
   Streamlit 1.67 has no option for that. */
[data-testid='stElementToolbarButton']:has(button[aria-label^='Download as CSV']){display:none}
[data-testid='stMainBlockContainer']{padding-top:2.8rem;padding-bottom:.5rem;max-width:1440px}
/* What opens the sidebar again is in a bar above the page, which covers nothing of it. */
.stApp:has([data-testid='stExpandSidebarButton']) [data-testid='stMainBlockContainer']{padding-top:4.2rem}
/* An offer of newer data moves nothing. */
.st-key-moving-news{position:fixed;top:.35rem;right:1.5rem;z-index:999990;width:auto!important}
.st-key-moving-news button{min-height:1.9rem;padding-block:0}
[data-testid='stSidebarHeader']{height:3.4rem}
[data-testid='stCaptionContainer']{opacity:1}
/* What is drawn again by itself is not greyed meanwhile, as Streamlit does after half a second. */
[class*='MOVING'] [data-stale=true]{opacity:1!important;transition:none!important}
/* A placeholder is seen once what it holds the place of takes longer than a moment. */
:is(.stSkeleton,[data-testid=stSkeleton]){animation:appear 0s .3s both!important}
@keyframes appear{from{visibility:hidden}to{visibility:visible}}
/* Contrast of at least 4.5, by day and by night. */
[data-testid='stCode'] :is(.token,.linenumber){color:inherit!important}
[data-testid='stCode'] .token.keyword{font-weight:600}
[data-testid='stPopover'] button[aria-expanded=true]{color:inherit!important}
/* What copies a text is in sight without a mouse. */
[data-testid='stCode'] :is(div:has(button),button){
  visibility:visible!important;opacity:1!important;transform:none!important;clip:auto!important}
[data-testid^='stBaseButton-primary']{color:light-dark(#fff,#0b1622)!important}
[role='dialog'] [data-testid^='stBaseButton-primary']{color:PRIMARY!important}
[role='dialog'] h3{font-size:1.05rem!important}
/* A name that is written from right to left does not turn what is beside it. */
[data-testid='stMarkdownContainer'] :is(strong,code){unicode-bidi:isolate}
/* A long name takes at most one line beside the header's controls, and two above a panel. */
[class*='st-key-header'] h1{max-width:26rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
[role='dialog'] h2{display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden}
@media (min-width:1400px){
  .st-key-header{flex-wrap:nowrap!important}
  .st-key-header>:not(:first-child){flex-shrink:0!important}
  .st-key-header>:first-child,.st-key-header>:first-child :has(h1){
    min-width:0!important;flex-wrap:nowrap!important;flex-shrink:1!important}
}
@media (max-width:1399px){
  /* So do numbers and their changes. */
  [data-testid='stMetric'] :is([data-testid=stMetricLabel],[data-testid=stMetricValue],[data-testid=stMetricDelta]) *{
    white-space:normal!important;overflow:visible!important;text-overflow:clip!important}
}
@media (max-width:640px){
  [data-testid='stMainBlockContainer']{padding:4.2rem 1rem 2rem}
  /* The header in three rows: title, what is chosen, and what can be done, without icons. */
  .st-key-header{gap:.3rem .8rem!important}
  .st-key-header>:first-child{flex-basis:100%}
  .st-key-header>:nth-child(2){display:none}
  .st-key-header>:not(:first-child,.st-key-job,.st-key-time-range){order:1}
  .st-key-header>:last-child{gap:.8rem}
  .st-key-header button[kind=tertiary]{padding-inline:0}
  /* Filters take a second line instead of being cut; a slider's label stays inside. */
  [data-testid='stButtonGroup'] [role=radiogroup],[data-testid='stButtonGroup']>div{flex-wrap:wrap!important}
  [data-testid='stSlider']{padding-inline:3rem}
  .st-key-header button[kind=tertiary] span[data-has-shortcut]>span:has([data-testid=stIconMaterial]){display:none}
}
@page{size:A4;margin:10mm}
@media print{
  [data-testid='stSidebar'],[data-testid='stHeader'],[data-testid='stToolbar'],[data-testid='stElementToolbar'],
  [data-testid='stPopover'],[data-testid='stExpander'],[data-testid='stButton'],[data-testid='stLinkButton'],
  [data-testid='stPageLink'],[data-testid='stSelectbox'],[data-testid='stTextInput'],
  [role='dialog'] button[aria-label='Close'],.stApp:has(~* [role='dialog']),
  body:has([role='dialog']) [data-testid='stMain']:not(:has([role='dialog'])){display:none!important}
  .stApp,[data-testid='stAppViewContainer'],[data-testid='stMain'],[data-testid='stDialog'],[role='dialog']{
    position:static!important;overflow:visible!important;height:auto!important;max-height:none!important}
  [data-testid='stMainBlockContainer']{padding:0;zoom:.62}
  [data-testid='stPlotlyChart'],[data-testid='stDataFrame'],[data-testid='stAlert']{break-inside:avoid}
}
</style>"""


def pages() -> dict[str, list[st.Page]]:
    """Returns the pages in the order of the navigation, by section; the first is the one that opens."""
    return {
        section: [
            st.Page(
                entry.file,
                title=entry.title,
                icon=f":material/{entry.icon}:",
                url_path=None if entry.file == PAGES[0] else entry.file.removesuffix(".py"),
                default=entry.file == PAGES[0],
            )
            for entry in entries
        ]
        for section, entries in SECTIONS.items()
    }


def main() -> None:
    """Draws the frame and the page in it; a store or setting that cannot be used is one sentence."""
    st.set_page_config(page_icon=str(ICON), layout="wide", initial_sidebar_state=220)
    page = st.navigation(pages(), position="hidden")
    follow()
    ENTERED.set(PAGE.get() != page.url_path)
    PAGE.set(page.url_path)
    st.set_page_config(page_title=f"{page.title} · Provisioning Observatory")
    # A side panel stands outside of what has the theme's colour scheme, so that light-dark() is light there.
    dark = st.context.theme.type == "dark"
    style = STYLE.replace("PRIMARY", "#0b1622" if dark else "#fff")
    st.html(style.replace("MOVING", "stApp" if REFRESHING.take() else "st-key-moving"))
    st.logo(str(HERE / ("logo-dark.svg" if dark else "logo.svg")), size="medium", icon_image=str(ICON))
    draw_navigation(SECTIONS)
    use_zone_of_viewer()
    forget_questions()
    try:
        top = st.container()
        with placeholder(ENTERED.get(), PAGE_PX):
            with top:
                header = frame(page, offer_news if page.url_path in STEADY else show_news)
            draw_page(page)
        send_address()
        # After the page, which puts words of its own into the address and asks the questions that can be exported.
        header.draw_share()
        header.draw_questions()
    except StoreError as error:
        store_error(error)
    except ProvisioningError as error:
        st.error(plain(str(error)), icon=":material/error:")


def draw_page(page: st.Page) -> None:
    """Draws a page; in an empty store what it will show, and how to get there."""
    entry = next(one for entries in SECTIONS.values() for one in entries if one.title == page.title)
    if not is_empty() or entry.file in SETTINGS:
        page.run()
    elif entry.file == PAGES[0]:
        first_data()
    else:
        what_it_will_show(entry.title, entry.shows)


def frame(page: st.Page, on_news: Callable[[], None]) -> Header:
    """Draws what every page has: search, title, data coverage, time range, and what is the matter with collecting."""
    note_visit()
    revision = store().revision()
    store().answers.prefetch(find_query("jobs").sql)
    extent = store().ask(find_query("extent").sql).to_pylist()[0]
    jobs = answer(find_query("jobs"), {})
    draw_search(job_names(jobs))
    return draw_header(page.title, extent["first_at"], extent["last_at"], jobs, revision, on_news)


if __name__ == "__main__":
    main()
