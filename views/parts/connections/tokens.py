"""Tokens on the page Connections: the calendar, the form that says when one ends, and what its end would cost."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config import clock
from pipeline.config.errors import RulesError, StoreError, TokenRefused
from pipeline.knowledge.app_profiles import Profile
from pipeline.rules.catch_up import overrides_of
from pipeline.rules.token_expiry import lead_days, note_of, read_jwt, record_expiry
from views.charts.tokens import calendar
from views.frame.data import BLANK, PLAIN, Row, as_of, ask, asked, records, store, tile, times
from views.frame.look import chip_colours, chips, count, missing, plain, when
from views.parts.connections.token_terms import Term, term_of, undone, whom

NOTICED = timedelta(days=1)
"How long it is taken to last until somebody has noticed an end and asks for a new token."
NO_PROFILE = "Nobody is known: profiles/ has no file for this app, and how long a new one takes is the rule's figure."
FIELDS = ("ends", "jwt", "by", "note")
"The form's fields beside the app, each kept in the session as token_<name>."


def draw(profiles: Sequence[Profile], now: datetime) -> None:
    """Draws all that is known of tokens."""
    try:
        overrides = overrides_of(store())
    except RulesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        overrides = {}
    # The minute's end, so that what was said a moment ago counts and the answer serves a minute long.
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    given: dict[str, Any] = {"at": minute, "heard": min(as_of(), now)}
    tile("token_calendar", lambda rows: shown(rows, profiles, overrides, now), empty="No app is known here.", **given)
    apps = records(ask("token_calendar", **given))
    if apps:
        form([str(row["app_name"]) for row in apps])
        cost(apps, overrides, now)


def shown(rows: pd.DataFrame, profiles: Sequence[Profile], overrides: Mapping[str, Any], now: datetime) -> None:
    """Draws the calendar: first what to do, then the picture, then a row an app."""
    every = records(rows)
    terms = [term for row in every if (term := term_of(row, overrides, now))]
    for line in (*pressing(terms, profiles), *refusing(every)):
        st.markdown(line)
    if terms:
        st.plotly_chart(calendar(terms, now), config=PLAIN, key="token-calendar")
    if unsaid := [plain(str(row["app_name"])) for row in every if missing(row["expires_at"])]:
        st.markdown(
            f":gray[:material/help:] Nobody has said when the token of {' and '.join(unsaid)} ends, and Graph does not "
            "tell: say it below. A token need not have an end."
        )
    table(every, {term.app_name: term for term in terms}, profiles)


def pressing(terms: Sequence[Term], profiles: Sequence[Profile]) -> list[str]:
    """Says which tokens have ended or must be replaced, and whom to ask."""
    icons = {"bad": ":red[:material/key_off:]", "warn": ":orange[:material/key:]"}
    return [
        f"{icons[term.tone]} **{plain(term.app_name)}**: the token {plain(term.said)}. "
        f"{plain(whom(profiles, term.app_name))}"
        for term in terms
        if term.tone in icons
    ]


def refusing(rows: Sequence[Row]) -> list[str]:
    """Says since which minute an app refuses its token."""
    return [
        f":red[:material/block:] **{plain(str(row['app_name']))}** refuses the token since "
        f"{when(row['refused_at'])} ({int(row['http_status'])}, {count(int(row['refusals']), 'call')}); "
        + (
            "no good call of the month before is known."
            if missing(row["last_good_at"])
            else f"the last good call was {when(row['last_good_at'])}."
        )
        for row in rows
        if not missing(row["refused_at"])
    ]


def table(rows: Sequence[Row], terms: Mapping[str, Term], profiles: Sequence[Profile]) -> None:
    """Draws one row an app, the soonest end first."""
    listed = pd.DataFrame(
        [
            row
            | {
                "word": term.word if term else "not_said",
                "order_by": term.order_by if term else pd.NaT,
                "lead": count(term.lead_days, "day") if term else None,
                "whom": whom(profiles, str(row["app_name"])) or NO_PROFILE,
            }
            for row in rows
            for term in [terms.get(str(row["app_name"]))]
        ]
    )
    listed["state"] = chips(listed["word"])
    labels, colours = chip_colours()
    columns = {
        "app_name": st.column_config.TextColumn("App", pinned=True),
        "state": st.column_config.MultiselectColumn("Its token", options=labels, color=colours),
        **times(expires_at="Ends"),
        "days_left": st.column_config.NumberColumn("Days left", format="localized"),
        **times(order_by="Order before"),
        "lead": st.column_config.TextColumn("A new one takes"),
        "whom": st.column_config.TextColumn("Whom to ask", width="large"),
        "said_by": st.column_config.TextColumn("Said by"),
        "note": st.column_config.TextColumn("Note", width="medium"),
        **times(last_good_at="Last good call", refused_at="First refusal since"),
    }
    for name in ("expires_at", "order_by", "last_good_at", "refused_at"):
        listed[name] = pd.to_datetime(listed[name])
    st.dataframe(
        listed, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK, key="tokens"
    )


def form(apps: Sequence[str]) -> None:
    """Takes a date, or a JWT that is read once and forgotten."""
    refused, kept = st.session_state.pop("token_trouble", ""), st.session_state.pop("token_kept", "")
    box = st.expander("Say when a token ends", icon=":material/edit_calendar:", expanded=bool(refused or kept))
    with box, st.form("token", clear_on_submit=True, border=False):
        st.selectbox("App", apps, key="token_app", width=320)
        with st.container(horizontal=True):
            st.datetime_input("Ends (UTC)", None, key="token_ends", format="YYYY-MM-DD", width=320)
            st.text_input(
                "Or paste the token, if it is a JWT",
                key="token_jwt",
                type="password",
                autocomplete="off",
                help="Only when it ends and was issued is read; the token is neither kept nor sent anywhere.",
            )
        with st.container(horizontal=True):
            st.text_input("Who says so", key="token_by", width=320)
            st.text_input("Note", key="token_note", help="Never the token.")
        with st.container(horizontal=True):
            st.form_submit_button("Keep it", icon=":material/save:", on_click=enter)
            st.form_submit_button("Nobody knows any more", icon=":material/help:", on_click=forget)
    if refused:
        box.error(plain(refused), icon=":material/error:")
    if kept:
        box.success(plain(kept), icon=":material/check_circle:")


def taken() -> dict[str, Any]:
    """Takes what was put into the form and empties it, so that no token stays in the session."""
    held = {name: st.session_state.get(f"token_{name}") for name in FIELDS}
    for name in FIELDS:
        st.session_state[f"token_{name}"] = None if name == "ends" else ""
    return held


def enter() -> None:
    """Keeps what the form says."""
    held = taken()
    pasted, ends = str(held["jwt"] or ""), held["ends"]
    if bool(pasted.strip()) == (ends is not None):
        st.session_state["token_trouble"] = "Give either a date or a token: one of them was expected."
        return
    try:
        if pasted.strip():
            claims = read_jwt(pasted)
            keep(claims.expires_at, held["by"] or "the token itself", note_of(claims, held["note"]))
        else:
            keep(ends, held["by"], held["note"])
    except (TokenRefused, StoreError) as error:
        st.session_state["token_trouble"] = str(error)


def forget() -> None:
    """Keeps that nobody knows an app's end any more."""
    held = taken()
    try:
        keep(None, held["by"], held["note"])
    except (TokenRefused, StoreError) as error:
        st.session_state["token_trouble"] = str(error)


def keep(ends: datetime | None, by: str | None, note: str | None) -> None:
    """Writes when the chosen app's token ends."""
    at = clock.naive(clock.now(store().settings))
    app = record_expiry(store(), str(st.session_state["token_app"]), ends, by, at, note)
    st.session_state["token_kept"] = f"{app}: " + (
        "it is not known when the token ends." if ends is None else f"the token ends {when(ends)}."
    )


def cost(apps: Sequence[Row], overrides: Mapping[str, Any], now: datetime) -> None:
    """Says what the end of a chosen app's token would leave undone: on its date, and now."""
    st.markdown("**What would its end leave undone?**")
    names = [str(row["app_name"]) for row in apps]
    coming = [place for place, row in enumerate(apps) if not missing(row["expires_at"]) and row["expires_at"] > now]
    first = coming[0] if coming else None
    chosen = st.selectbox("Of the token of", names, first, key="token_cost", placeholder="Choose an app", width=320)
    if chosen is None:
        return
    ends = next(row["expires_at"] for row in apps if row["app_name"] == chosen)
    repair = NOTICED + timedelta(days=lead_days(overrides, chosen))
    minute = now.replace(second=0, microsecond=0)
    spans = {"If it ended now": minute}
    if not missing(ends) and ends > minute:
        spans = {f"If this token ends on {when(ends)}": ends} | spans
    for opening, begins in spans.items():
        rows = records(ask("expiry_cost", **values(chosen, begins, begins + repair)))
        st.markdown(f":material/hourglass_bottom: {plain(sentence(rows, opening, begins + repair))}")
    st.caption(
        f"A day until somebody notices and asks, then the {count(lead_days(overrides, chosen), 'day')} that a new one "
        "takes. Told from what this tenant was given in each hour of the week, over the eight weeks before the newest "
        "data; retries and first cycles are left out."
    )
    asked(expiry_cost=values(chosen, minute, minute + repair))


def values(app: str, begins: datetime, repaired: datetime) -> dict[str, Any]:
    """Gives the values that the question on the cost takes."""
    return {"at": as_of(), "app": app, "expires": begins, "repaired": repaired}


def sentence(rows: Sequence[Row], opening: str, repaired: datetime) -> str:
    """Writes what one end would leave undone."""
    return undone(rows, f"{opening} and the new one is in place on {when(repaired)}")
