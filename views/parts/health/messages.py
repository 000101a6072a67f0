"""Who is notified of what, and what was sent: the routes of the file, and the outbox."""

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from pipeline.config.errors import RoutesError
from pipeline.config.settings import read_settings
from pipeline.config.wording import count
from pipeline.notify.deliver import try_out
from pipeline.notify.routes import Route, Routes, read_routes
from views.frame.data import as_of, ask, wall_clock
from views.frame.look import plain
from views.frame.panel import panel
from views.frame.state import Key
from views.frame.table import number_column, table, text_column, time_columns

EVER = datetime(1970, 1, 1)
WORDS = {"given_up": "given up", "merged": "said by another"}


def draw_messages() -> None:
    """Draws the routes and the outbox; without a file of routes, how to make one."""
    st.subheader("Who is told of what?", anchor="routes")
    try:
        routes = read_routes(read_settings())
    except RoutesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if routes.routes:
        route_table(routes)
        route_test(routes)
    else:
        st.info(
            "Nobody is told of anything: name a file of routes in `PROVISIONING_NOTIFY`; `docs/notifications.md` shows "
            "one. An address and a server are enough, and `python -m pipeline notify --test` tries them."
        )
    panel("messages", outbox, empty="No message was written in this window.")


def route_table(routes: Routes) -> None:
    """Draws one row a route, with when it last went well and last failed."""
    sent = ask("messages", since=EVER, until=as_of() + timedelta(days=3650), limit=5000)
    rows = pd.DataFrame([route_row(route, sent[sent["route"] == route.name]) for route in routes.routes])
    columns = {
        "route": text_column("Route", pinned=True),
        "apps": text_column("Apps"),
        "severities": text_column("Severities"),
        "to": text_column("Tells", width="medium"),
        "quiet": text_column("Quiet hours"),
        "digest": text_column("Digest"),
        **time_columns(sent_at="Last sent"),
        "error": text_column("What fails now", width="large"),
    }
    table(rows, columns)


def route_row(route: Route, sent: pd.DataFrame) -> dict[str, object]:
    """Writes one route in words."""
    quiet, failed = route.quiet_hours, sent[sent["error"].notna()]
    return {
        "route": route.name,
        "apps": "all that no other takes" if route.default else "all" if route.apps is None else ", ".join(route.apps),
        "severities": ", ".join(route.severities),
        "to": ", ".join(one.address for one in route.destinations),
        "quiet": f"{quiet.begin:%H:%M} to {quiet.until:%H:%M} {quiet.zone}" if quiet else "",
        "digest": route.digest.every if route.digest else "",
        "sent_at": sent["sent_at"].max() if len(sent) else pd.NaT,
        "error": failed.iloc[0]["error"] if len(failed) else "",
    }


def route_test(routes: Routes) -> None:
    """Sends a test message over one route when asked to."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Route", [one.name for one in routes.routes], key=Key.ROUTE, width=220)
        clicked = st.button("Send a test", key=Key.TEST_ROUTE, icon=":material/send:")
    for sent in try_out(routes, [routes.find(name)], wall_clock()) if clicked else []:
        result = f"{plain(sent.address)}: {plain(sent.error) if sent.error else 'taken by its server'}"
        (st.error if sent.error else st.success)(result)


def outbox(rows: pd.DataFrame) -> None:
    """Draws the messages, and how many were sent and how many were not."""
    states = rows["state"].replace(WORDS).value_counts()
    st.markdown(", ".join(count(number, f"message {word}", f"messages {word}") for word, number in states.items()))
    columns = {
        **time_columns(created_at="Written"),
        "state": text_column("State"),
        "route": text_column("Route"),
        "address": text_column("To"),
        "title": text_column("What", width="large"),
        **time_columns(sent_at="Sent"),
        "attempts": number_column("Attempts"),
        "error": text_column("What went wrong", width="large"),
        **time_columns(due_at="Due, or next try"),
    }
    table(rows, columns)
