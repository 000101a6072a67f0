"""Query: an editor for SQL with the questions, tables and saved queries beside it, run within limits."""

import pandas as pd
import streamlit as st

from pipeline.config.errors import WrongValue
from pipeline.config.settings import read_settings
from pipeline.store.catalog import Query, bind, catalog, find_query
from views.frame import state
from views.frame.data import Values
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import plain
from views.frame.state import QUERY_DRAFT, QUERY_OPENED, QUERY_RUN, QUERY_TROUBLE, Key
from views.frame.table import text_grid
from views.parts.query.copies import kql_text, kql_texts
from views.parts.query.fields import fields, hint
from views.parts.query.results import results
from views.parts.query.runs import ROWS_SHOWN, Run, sealed_store
from views.parts.query.saved import SavedQueryError, save
from views.parts.query.shelf import shelf
from views.parts.query.statement import Draft, current_draft, edited, is_too_long, query_of, write_address

FIRST_KQL = "top_errors"
STYLE = f"""<style>
.st-key-{Key.QUERY_TEXT} textarea
{{font-family: "Source Code Pro", ui-monospace, monospace; font-size: 0.86rem; line-height: 1.5}}
.st-key-{Key.QUERY_LIST}, .st-key-{Key.QUERY_LIST} [data-testid="stVerticalBlock"] {{gap: 0.4rem}}
.st-key-{Key.QUERY_LIST} button {{min-height: 1.7rem; text-align: left}}
.st-key-{Key.QUERY_RUN} kbd {{color: inherit; opacity: 1}}
@media (max-width: 640px) {{[data-testid="stColumn"]:has(.st-key-{Key.QUERY_LIST}) {{order: 2}}}}
</style>"""
LIGHT = "<style>[data-testid='stBaseButton-segmented_controlActive']{color:#0b4f8a!important}</style>"
DARK = "<style>[data-testid='stBaseButton-primary']{color:#14181f}</style>"
"Streamlit's own colours of these have too little contrast to be read by everybody."


def page() -> None:
    """Draws the page."""
    st.html(STYLE + (DARK if st.context.theme.type == "dark" else LIGHT))
    draft = current_draft()
    beside, main = st.columns([1, 3.4], gap="medium")
    with main, st.container(key=Key.QUERY_EDITOR):
        is_kql = tools(draft)
        if is_kql:
            draw_kql(draft)
        else:
            draw_sql(draft)
    with beside, st.container(key=Key.QUERY_LIST, gap="small"):
        shelf(is_kql)


def tools(draft: Draft) -> bool:
    """Draws the line above the editor; returns whether KQL is shown instead of it."""
    settings = read_settings()
    with st.container(horizontal=True, vertical_alignment="center"):
        language = st.segmented_control(
            "Language",
            ["SQL", "KQL"],
            default="SQL",
            required=True,
            key=Key.QUERY_LANGUAGE,
            label_visibility="collapsed",
        )
        if language == "KQL":
            return True
        rows = min(ROWS_SHOWN, settings.screen_rows)
        with st.container(width="stretch"):
            st.caption(
                f"Read-only · {settings.screen_seconds} s · first {rows:,} rows on screen",
                help="Time range and App apply only where a query reads $since, $until or $job.",
            )
        save_menu(draft)
        st.button(
            "Run",
            key=Key.QUERY_RUN,
            type="primary",
            icon=":material/play_arrow:",
            shortcut="Ctrl+Enter",
            on_click=QUERY_OPENED.set,
            args=(True,),
        )
    return False


def save_menu(draft: Draft) -> None:
    """Saves what is in the editor under a name."""
    with st.popover("Save", icon=":material/save:", type="tertiary", width="content"):
        st.text_input(
            "Name", draft.saved, key=Key.QUERY_SAVE_AS.of(draft.saved), placeholder="Failures per app and week"
        )
        st.caption(f"Saved for everyone who uses this dashboard, as a file in `{read_settings().saved_queries}`.")
        st.button("Save", key=Key.QUERY_SAVE, type="primary", on_click=save_draft, args=(draft.saved,))


def save_draft(opened: str) -> None:
    """Saves what is in the editor; the one that was opened is replaced where it keeps its name."""
    name, text = state.value(Key.QUERY_SAVE_AS.of(opened)) or "", state.value(Key.QUERY_TEXT) or ""
    try:
        if not text.strip():
            raise SavedQueryError("There is nothing in the editor to save.")
        saved = save(name, text, replace=bool(opened) and name.strip() == opened)
    except SavedQueryError as error:
        QUERY_TROUBLE.set(str(error))
        return
    st.toast(f"Saved as {plain(saved)}", icon=":material/check:")
    draft = Draft(text.strip(), saved=saved)
    QUERY_DRAFT.set(draft)
    write_address(draft)


def draw_sql(draft: Draft) -> None:
    """Draws the editor, the fields of its parameters, and what came of the last run."""
    if draft.missing:
        st.warning(plain(draft.missing), icon=":material/link_off:")
    if trouble := QUERY_TROUBLE.take():
        st.warning(plain(trouble), icon=":material/report:")
    text = st.text_area("SQL", key=Key.QUERY_TEXT, height=200, label_visibility="collapsed", placeholder="select …")
    draft = edited(draft, text.strip())
    QUERY_DRAFT.set(draft)
    query = query_of(draft)
    about(draft)
    given = fields(query)
    if given.missing:
        st.info(plain(hint(given.missing)), icon=":material/edit:")
        return
    try:
        values = bind(query, given.values)
    except WrongValue as error:
        st.warning(plain(str(error)), icon=":material/edit:")
        return
    if draft.text:
        results(current_run(draft, query, values))


def about(draft: Draft) -> None:
    """Draws what a question answers, and what its columns mean once a person opens that."""
    query = draft.query
    if query is None:
        return
    changed = "" if draft.is_question else " (edited)"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch"):
            st.markdown(f"**{plain(query.title)}**{changed} :small[{plain(query.question)}]")
        if draft.is_question:
            columns_menu(query)


def columns_menu(query: Query) -> None:
    """Offers what a question counts and what its columns mean."""
    with st.popover("Columns", icon=":material/list:", type="tertiary", width="content"):
        if query.about:
            st.caption(plain(query.about))
        text_grid(pd.DataFrame({"Column": list(query.columns), "Meaning": list(query.columns.values())}))


def current_run(draft: Draft, query: Query, values: Values) -> Run:
    """Returns the last run; another one where the draft is to be run, or where its values changed."""
    run: Run | None = QUERY_RUN.get()
    is_due = QUERY_OPENED.take()
    is_same = run is not None and run.query.sql == query.sql
    if run is None or is_due or (is_same and run.values != values):
        if run is not None:
            run.cancel()
        run = Run(sealed_store(), query, values, draft.title, draft.is_question)
        QUERY_RUN.set(run)
        write_address(draft)
        if is_too_long(draft):
            st.caption("This SQL is too long for an address, so Share cannot hold it. Save it to share it by name.")
    elif not is_same:
        st.caption(":material/edit: Edited since the last run. Press Run, or Ctrl+Enter.")
    return run


def draw_kql(draft: Draft) -> None:
    """Draws a question as KQL; it is a text to copy and is not run."""
    name = draft.question or FIRST_KQL
    query = find_query(name) if name in catalog() else find_query(FIRST_KQL)
    if query.name not in kql_texts():
        nothing(f"{query.title} cannot be answered from the Log Analytics table. Choose a question from the list.")
        return
    st.markdown(f"**{plain(query.title)}**  \n:gray[{plain(query.question)}]")
    st.code(kql_text(query.name, bar()), language=None, wrap_lines=True)
    st.caption(
        "Text to copy into Log Analytics, for the time range and app above. It was not run here: it asks the table "
        f"AADProvisioningLogs of your workspace. {kql_texts()[query.name]['differs']}"
    )


if __name__ == "__main__":
    page()
