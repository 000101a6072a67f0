"""What can be opened in the editor: saved queries, questions by topic, tables with what their columns mean."""

import re
from collections.abc import Callable, Iterable
from functools import partial

import streamlit as st

from pipeline.store.catalog import TOPICS, Query, catalog
from views.frame.empty import nothing
from views.frame.look import plain
from views.frame.state import QUERY_TROUBLE, Key
from views.parts.query.copies import kql_texts
from views.parts.query.saved import SavedQueryError, delete, read_saved, saved_names
from views.parts.query.schema import Table, tables
from views.parts.query.statement import Draft, choose, editor_text

MOST_MATCHES = 40
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def shelf(kql: bool) -> None:
    """Draws the list; for KQL only the questions that Log Analytics can answer."""
    wanted = st.text_input(
        "Filter",
        key=Key.QUERY_FILTER,
        placeholder="Filter questions and tables" if not kql else "Filter questions",
        label_visibility="collapsed",
        icon=":material/search:",
    ).strip()
    questions = [query for query in catalog().values() if not kql or query.name in kql_texts()]
    if wanted:
        draw_matches(wanted.casefold(), questions, kql)
        return
    if not kql:
        draw_saved(saved_names())
    st.markdown("**Questions**")
    for topic in TOPICS:
        own = [query for query in questions if query.topic == topic]
        if own:
            fold(topic, Key.QUERY_TOPIC.of(topic), partial(draw_questions, own))
    if not kql:
        st.markdown("**Tables**")
        for table in tables().values():
            fold(table.name, Key.QUERY_TABLE.of(table.name), partial(draw_table, table))


def fold(label: str, key: str, draw: Callable[[], None]) -> None:
    """Draws a closed part of the list; what is in it is drawn once it is opened."""
    with st.expander(label, on_change="rerun", key=key) as box:
        if box.open:
            draw()


def draw_matches(wanted: str, questions: list[Query], kql: bool) -> None:
    """Draws what the filter matches: in titles, questions and names, in names of tables and columns."""
    found = [query for query in questions if wanted in f"{query.title}\n{query.question}\n{query.name}".casefold()]
    saved = [] if kql else [name for name in saved_names() if wanted in name.casefold()]
    held = [] if kql else [table for table in tables().values() if has_word(table, wanted)]
    if saved:
        draw_saved(saved)
    if found:
        st.markdown("**Questions**")
        draw_questions(found[:MOST_MATCHES])
    if held:
        st.markdown("**Tables**")
        for table in held:
            fold(table.name, Key.QUERY_TABLE.of(table.name), partial(draw_table, table))
    if not (saved or found or held):
        nothing("No match.")


def has_word(table: Table, wanted: str) -> bool:
    """Whether a table or one of its columns is named so."""
    return any(wanted in name.casefold() for name in (table.name, *(column.name for column in table.columns)))


def draw_questions(queries: Iterable[Query]) -> None:
    """Draws questions by their titles."""
    for query in sorted(queries, key=lambda query: query.title):
        entry(query.title, query.name, query.question, lambda query=query: Draft(editor_text(query), query.name))  # type: ignore[misc]


def draw_saved(names: list[str]) -> None:
    """Draws saved queries, each with a way to delete it."""
    if trouble := QUERY_TROUBLE.take():
        st.warning(plain(trouble), icon=":material/report:")
    if not names:
        return
    st.markdown("**Saved queries**")
    for name in names:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            entry(name, f"saved-{name}", "Open this saved query", partial(saved_draft, name))
            with st.popover("", icon=":material/delete:", type="tertiary", help=f"Delete {name}"):
                st.markdown(f"Delete the saved query **{plain(name)}**? A deleted query cannot be restored.")
                st.button("Delete", key=Key.QUERY_DELETE.of(name), on_click=remove, args=(name,), type="primary")


def saved_draft(name: str) -> Draft:
    """Returns the draft of a saved query."""
    return Draft(read_saved(name), saved=name)


def remove(name: str) -> None:
    """Deletes a saved query; why that failed is shown with the next drawing."""
    try:
        delete(name)
    except SavedQueryError as error:
        QUERY_TROUBLE.set(str(error))


def entry(label: str, key: str, meaning: str, draft: Callable[[], Draft]) -> None:
    """Draws one thing that opens in the editor."""

    def opened() -> None:
        try:
            choose(draft())
        except SavedQueryError as error:
            QUERY_TROUBLE.set(str(error))

    st.button(plain(label), key=Key.QUERY_OPEN.of(key), help=meaning, type="tertiary", on_click=opened)


def draw_table(table: Table) -> None:
    """Draws what a table and its columns mean."""
    st.caption(without_links(table.meaning))
    entry("Open first 100 rows", f"table-{table.name}", "Replaces what is in the editor", lambda: table_draft(table))
    st.markdown(
        "\n".join(
            f"- **{plain(column.name)}** :gray[{plain(column.type)}]  \n  :small[{without_links(column.meaning)}]"
            for column in table.columns
        )
    )


def table_draft(table: Table) -> Draft:
    """Returns a statement that shows what is in a table."""
    name = table.name if table.name.islower() else f'"{table.name}"'
    return Draft(f"select *\nfrom {name}\nlimit 100")


def without_links(text: str) -> str:
    """Takes the links out of a sentence of the dictionary: they lead to files beside it."""
    return LINK.sub(r"\1", text)
