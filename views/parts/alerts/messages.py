"""Notifications: the routes of the file, a test over one of them, and the messages that were sent or were not."""

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from pipeline.config.errors import RoutesError
from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant
from pipeline.notify.deliver import try_out
from pipeline.notify.routes import Route, Routes, read_routes
from views.frame.data import as_of, ask, records, wall_clock
from views.frame.look import chips, plain
from views.frame.numbers import number_grid
from views.frame.panel import panel
from views.frame.state import Key
from views.frame.table import chips_column, number_column, table, text_column, time_columns

EVER = datetime(1970, 1, 1)
STATES = {
    "waiting": "message waiting",
    "sending": "message waiting",
    "sent": "message sent",
    "merged": "message merged",
    "given_up": "message not delivered",
}
"The word of `look` for each state of a message."
EXAMPLE = """email = "it@example.com"

[smtp]
host = "smtp.example.com"
from = "Provisioning <observatory@example.com>"
user = "observatory"
password_env = "SMTP_PASSWORD"
"""
COMMANDS = """export PROVISIONING_NOTIFY=notify.toml
export PROVISIONING_DASHBOARD_URL=https://provisioning.example.com
python -m pipeline notify --test"""


def draw_messages() -> None:
    """Draws the routes and what was sent; without a file of routes, how to set them up."""
    try:
        routes = read_routes(read_settings())
    except RoutesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    sent = ask("messages", since=EVER, until=as_of() + timedelta(days=3650), limit=5000)
    if routes.routes:
        st.markdown(routes_sentence(routes, sent))
        metrics(routes, sent)
        st.subheader("Routes", anchor="routes")
        route_table(routes, sent)
        route_test(routes)
    else:
        set_up()
    panel("messages", outbox, empty="No messages in this time range.")


def set_up() -> None:
    """Draws how notifications are set up."""
    st.warning(
        "**Notifications are not set up.** Incidents are shown in the dashboard only; no one is notified.",
        icon=":material/notifications_off:",
    )
    with st.container(border=True):
        st.subheader("Set up notifications", anchor=False)
        st.markdown(
            "1. Write a file of routes. One e-mail address and one mail server are enough; Teams, Slack and others, "
            "quiet hours and a digest are described in docs/notifications.md."
        )
        st.code(EXAMPLE, language=None)
        st.markdown(
            "2. Set PROVISIONING_NOTIFY to its path and PROVISIONING_DASHBOARD_URL to the address at which people open "
            "this dashboard, for the links in messages. Send a test."
        )
        st.code(COMMANDS, language=None)
        st.markdown("3. Restart the dashboard, or `python -m pipeline watch`. It sends what is due by itself.")


def routes_sentence(routes: Routes, sent: pd.DataFrame) -> str:
    """Writes how many routes there are, and which fail now."""
    failing = [route.name for route in routes.routes if error_of(route, sent)]
    text = f"**{count(len(routes.routes), 'route')} set up.**"
    if failing:
        return f":red[:material/error:] {text} Failing: {plain(', '.join(failing))}."
    newest = sent["sent_at"].max() if len(sent) else pd.NaT
    last = "No message has been sent yet." if pd.isna(newest) else f"Last message sent {instant(newest)}."
    linked = "" if routes.dashboard_url else " Messages have no link: set PROVISIONING_DASHBOARD_URL to this address."
    return f"{text} {last}{linked}"


def metrics(routes: Routes, sent: pd.DataFrame) -> None:
    """Draws four numbers, of all messages ever written."""
    states = sent["state"].value_counts() if len(sent) else pd.Series(dtype=int)
    with number_grid():
        st.metric("Routes", f"{len(routes.routes):,}", border=True, height="stretch")
        st.metric("Sent", f"{states.get('sent', 0):,}", border=True, height="stretch")
        st.metric("Waiting", f"{states.get('waiting', 0) + states.get('sending', 0):,}", border=True, height="stretch")
        st.metric("Not delivered", f"{states.get('given_up', 0):,}", border=True, height="stretch")


def error_of(route: Route, sent: pd.DataFrame) -> str:
    """Returns what went wrong with the newest message of a route; empty where it was sent."""
    own = sent[(sent["route"] == route.name) & sent["state"].isin(["sent", "waiting", "sending", "given_up"])]
    if own.empty:
        return ""
    newest = records(own)[0]
    return "" if newest["state"] == "sent" or pd.isna(newest["error"]) else str(newest["error"])


def route_table(routes: Routes, sent: pd.DataFrame) -> None:
    """Draws one row a route, with when a message was last sent and what fails now."""
    rows = pd.DataFrame([route_row(route, sent) for route in routes.routes])
    columns = {
        "route": text_column("Route"),
        "to": text_column("Sends to", width="medium"),
        "apps": text_column("Apps"),
        "severities": text_column("Severities"),
        "quiet": text_column("Quiet hours"),
        "digest": text_column("Digest", width="small"),
        **time_columns(sent_at="Last sent"),
        "error": text_column("Error", width="large"),
    }
    table(rows, columns)


def route_row(route: Route, sent: pd.DataFrame) -> dict[str, object]:
    """Writes one route in words."""
    quiet, own = route.quiet_hours, sent[sent["route"] == route.name]
    return {
        "route": route.name,
        "apps": "All that no other route takes"
        if route.default
        else "All"
        if route.apps is None
        else ", ".join(route.apps),
        "severities": ", ".join(route.severities).capitalize(),
        "to": ", ".join(one.address for one in route.destinations),
        "quiet": f"{quiet.begin:%H:%M} to {quiet.until:%H:%M} {quiet.zone}" if quiet else "",
        "digest": route.digest.every.capitalize() if route.digest else "",
        "sent_at": own["sent_at"].max() if len(own) else pd.NaT,
        "error": error_of(route, sent),
    }


def route_test(routes: Routes) -> None:
    """Sends a test message over one route when asked to."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Route", [one.name for one in routes.routes], key=Key.ROUTE, width=220)
        clicked = st.button("Send test message", key=Key.TEST_ROUTE, icon=":material/send:")
    for sent in try_out(routes, [routes.find(name)], wall_clock()) if clicked else []:
        result = f"{plain(sent.address)}: {plain(sent.error) if sent.error else 'accepted by its server'}"
        (st.error if sent.error else st.info)(result, icon=f":material/{'error' if sent.error else 'send'}:")


def outbox(rows: pd.DataFrame) -> None:
    """Draws the messages of the time range, the newest first."""
    columns = {
        "title": text_column("Message", width="large"),
        "status": chips_column("Status"),
        "route": text_column("Route"),
        "address": text_column("To"),
        **time_columns(created_at="Written", sent_at="Sent", due_at="Next attempt"),
        "attempts": number_column("Attempts", width="small"),
        "error": text_column("Error", width="large"),
    }
    waits = rows["state"].isin(["waiting", "sending"])
    shown = rows.assign(
        status=chips(rows["state"].map(lambda word: STATES.get(word, word))), due_at=rows["due_at"].where(waits)
    )
    table(shown, columns, Key.OUTBOX, at_most=420)
