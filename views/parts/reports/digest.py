"""The digest as it would be sent now, and which routes send one."""

from datetime import datetime

import streamlit as st

from pipeline.config.errors import RoutesError
from pipeline.config.settings import read_settings
from pipeline.config.wording import dated
from pipeline.notify.digest import body_of, digest, title_of
from pipeline.notify.quiet_hours import Digest
from pipeline.notify.routes import Routes, read_routes
from views.frame.data import as_of, store
from views.frame.look import plain
from views.frame.places import page_link
from views.frame.state import DIGEST, Key

PERIODS = {"daily": "Daily", "weekly": "Weekly"}


def draw_digest() -> None:
    """Draws which routes send a digest, and a preview when asked for."""
    st.subheader("Digest", anchor="digest")
    st.markdown(
        "Verdict, incidents, leavers with access, causes of pending retries and one line per app, for a day or a week."
    )
    try:
        routes = read_routes(read_settings())
    except RoutesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.markdown(senders(routes))
    page_link("notifications", "Notifications", ":material/mail:")
    every = st.segmented_control(
        "Period", list(PERIODS), format_func=PERIODS.__getitem__, default="daily", required=True, key=Key.DIGEST_PERIOD
    )
    since, until = planned(routes, str(every)).period(as_of())
    newest = "day" if every == "daily" else "week"
    st.caption(f"{dated(since)} to {dated(until)}: the newest full {newest}. Times in the text are UTC.")
    drawn = (str(every), since, until, store().revision())
    if st.button("Preview digest", key=Key.DIGEST_PREVIEW, icon=":material/preview:"):
        with st.spinner("Building the digest", show_time=True):
            DIGEST.set((drawn, *preview(str(every), since, until, routes.dashboard_url)))
    done = DIGEST.get()
    if done is not None and done[0] == drawn:
        st.markdown(f"**{plain(done[1])}**")
        st.code(done[2], language=None, wrap_lines=True)


def senders(routes: Routes) -> str:
    """Writes which routes send a digest."""
    sending = [f"{route.name} ({route.digest.every})" for route in routes.routes if route.digest]
    if sending:
        return f"Sent by {plain(', '.join(sending))}."
    return "The digest is not sent yet. Add `digest` to a route in your notification file (PROVISIONING_NOTIFY)."


def planned(routes: Routes, every: str) -> Digest:
    """Returns the digest of that period which a route sends, else one at the usual time."""
    own = [route.digest for route in routes.routes if route.digest and route.digest.every == every]
    return own[0] if own else Digest.model_validate({"every": every})


def preview(every: str, since: datetime, until: datetime, dashboard_url: str) -> tuple[str, str]:
    """Returns a digest's subject and text."""
    summary = digest(store(), since, until)
    return title_of(summary, every), body_of(summary, dashboard_url)
