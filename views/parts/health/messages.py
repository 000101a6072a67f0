"""Who is told of what, and what went out: the routes of the file, and the outbox."""

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from pipeline.config.errors import RoutesError
from pipeline.config.settings import read_settings
from pipeline.notify.deliver import try_out
from pipeline.notify.routes import Route, Routes, read_routes
from views.frame.data import BLANK, as_of, ask, tile, times
from views.frame.look import count, plain

EVER = datetime(1970, 1, 1)
WORDS = {"given_up": "given up", "merged": "said by another"}


def draw() -> None:
    """Draws the routes and the outbox; without a file of routes it says how to make one."""
    st.subheader("Who is told of what?", anchor="routes")
    try:
        routes = read_routes(read_settings())
    except RoutesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if routes.routes:
        route_table(routes)
        test(routes)
    else:
        st.info(
            "Nobody is told of anything: name a file of routes in `PROVISIONING_NOTIFY`; `docs/notifications.md` shows "
            "one. An address and a server are enough, and `python -m pipeline notify --test` tries them."
        )
    tile("messages", outbox, empty="No message was written in this window.")


def route_table(routes: Routes) -> None:
    """Draws one row a route, with when it last went well and last failed."""
    sent = ask("messages", since=EVER, until=as_of() + timedelta(days=3650), limit=5000)
    rows = pd.DataFrame([described(route, sent[sent["route"] == route.name]) for route in routes.routes])
    columns = {
        "route": st.column_config.TextColumn("Route", pinned=True),
        "apps": st.column_config.TextColumn("Apps"),
        "severities": st.column_config.TextColumn("Severities"),
        "to": st.column_config.TextColumn("Tells", width="medium"),
        "quiet": st.column_config.TextColumn("Quiet hours"),
        "digest": st.column_config.TextColumn("Digest"),
        **times(sent_at="Last sent"),
        "error": st.column_config.TextColumn("What fails now", width="large"),
    }
    st.dataframe(rows, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)


def described(route: Route, sent: pd.DataFrame) -> dict[str, object]:
    """Gives one route in words."""
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


def test(routes: Routes) -> None:
    """Sends a test message over one route when asked to."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Route", [one.name for one in routes.routes], key="route", width=220)
        wanted = st.button("Send a test", key="test", icon=":material/send:")
    for sent in try_out(routes, [routes.find(name)], as_of()) if wanted else []:
        said = f"{plain(sent.address)}: {plain(sent.error) if sent.error else 'taken by its server'}"
        (st.error if sent.error else st.success)(said)


def outbox(rows: pd.DataFrame) -> None:
    """Draws the messages, and says how many went and how many did not."""
    told = rows["state"].replace(WORDS).value_counts()
    st.markdown(", ".join(count(number, f"message {said}", f"messages {said}") for said, number in told.items()))
    columns = {
        **times(created_at="Written"),
        "state": st.column_config.TextColumn("State"),
        "route": st.column_config.TextColumn("Route"),
        "address": st.column_config.TextColumn("To"),
        "title": st.column_config.TextColumn("What", width="large"),
        **times(sent_at="Sent"),
        "attempts": st.column_config.NumberColumn("Attempts", format="localized"),
        "error": st.column_config.TextColumn("What went wrong", width="large"),
        **times(due_at="Due, or next try"),
    }
    st.dataframe(rows, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)
