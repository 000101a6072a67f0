"""Tokens on the page Connections: the calendar, the form that records an end, and what that end would cost."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config import clock
from pipeline.config.errors import RulesError, StoreError, TokenRefused
from pipeline.config.wording import count, instant, is_missing
from pipeline.knowledge.app_profiles import Profile
from pipeline.rules.catch_up import overrides_of
from pipeline.rules.token_expiry import lead_days, note_of, read_jwt, record_expiry
from views.charts.tokens import token_calendar
from views.frame import state
from views.frame.chart import chart
from views.frame.data import Row, as_of, ask, records, store
from views.frame.look import chips, plain
from views.frame.panel import panel, show_sql
from views.frame.state import TOKEN_SAVED, TOKEN_TROUBLE, Key
from views.frame.table import chips_column, number_column, table, text_column, time_columns
from views.parts.connections.token_terms import Term, cost_sentence, renewal_contact, term_of

NOTICED = timedelta(days=1)
"How long it is taken to last until an end is noticed and a new token is requested."
NO_PROFILE = "Nobody is known: profiles/ has no file for this app, and how long a new one takes is the rule's figure."
FIELDS = {"ends": Key.TOKEN_ENDS, "jwt": Key.TOKEN_JWT, "by": Key.TOKEN_BY, "note": Key.TOKEN_NOTE}
"The form's fields beside the app."


def draw_tokens(profiles: Sequence[Profile], now: datetime) -> None:
    """Draws the tokens: their calendar, the form for an end, and what one end would cost."""
    try:
        overrides = overrides_of(store())
    except RulesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        overrides = {}
    # The minute's end, so that what was entered a moment ago counts and the answer serves a minute long.
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    given: dict[str, Any] = {"at": minute, "heard": min(as_of(), now)}
    panel(
        "token_calendar",
        lambda rows: draw_calendar(rows, profiles, overrides, now),
        empty="No app is known here.",
        **given,
    )
    apps = records(ask("token_calendar", **given))
    if apps:
        token_form([str(row["app_name"]) for row in apps])
        draw_cost(apps, overrides, now)


def draw_calendar(rows: pd.DataFrame, profiles: Sequence[Profile], overrides: Mapping[str, Any], now: datetime) -> None:
    """Draws the calendar: first what to do, then the picture, then a row an app."""
    every = records(rows)
    terms = [term for row in every if (term := term_of(row, overrides, now))]
    for line in (*due_tokens(terms, profiles), *rejected_tokens(every)):
        st.markdown(line)
    if terms:
        chart(Key.TOKEN_CALENDAR, token_calendar, terms, now)
    if missing := [plain(str(row["app_name"])) for row in every if is_missing(row["expires_at"])]:
        st.markdown(
            f":gray[:material/help:] Nobody has said when the token of {' and '.join(missing)} ends, and Graph does "
            "not tell: say it below. A token need not have an end."
        )
    tokens_table(every, {term.app_name: term for term in terms}, profiles)


def due_tokens(terms: Sequence[Term], profiles: Sequence[Profile]) -> list[str]:
    """Writes which tokens have ended or must be replaced, and where to request a new one."""
    icons = {"bad": ":red[:material/key_off:]", "warn": ":orange[:material/key:]"}
    return [
        f"{icons[term.tone]} **{plain(term.app_name)}**: the token {plain(term.advice)}. "
        f"{plain(renewal_contact(profiles, term.app_name))}"
        for term in terms
        if term.tone in icons
    ]


def rejected_tokens(rows: Sequence[Row]) -> list[str]:
    """Writes since which minute an app rejects its token."""
    return [
        f":red[:material/block:] **{plain(str(row['app_name']))}** refuses the token since "
        f"{instant(row['refused_at'])} ({int(row['http_status'])}, {count(int(row['refusals']), 'call')}); "
        + (
            "no good call of the month before is known."
            if is_missing(row["last_good_at"])
            else f"the last good call was {instant(row['last_good_at'])}."
        )
        for row in rows
        if not is_missing(row["refused_at"])
    ]


def tokens_table(rows: Sequence[Row], terms: Mapping[str, Term], profiles: Sequence[Profile]) -> None:
    """Draws one row an app, the soonest end first."""
    listed = pd.DataFrame(
        [
            row
            | {
                "word": term.word if term else "not_said",
                "order_by": term.order_by if term else pd.NaT,
                "lead": count(term.lead_days, "day") if term else None,
                "contact": renewal_contact(profiles, str(row["app_name"])) or NO_PROFILE,
            }
            for row in rows
            for term in [terms.get(str(row["app_name"]))]
        ]
    )
    listed["state"] = chips(listed["word"])
    columns = {
        "app_name": text_column("App", pinned=True),
        "state": chips_column("Its token"),
        **time_columns(expires_at="Ends"),
        "days_left": number_column("Days left"),
        **time_columns(order_by="Order before"),
        "lead": text_column("A new one takes"),
        "contact": text_column("Whom to ask", width="large"),
        "said_by": text_column("Said by"),
        "note": text_column("Note", width="medium"),
        **time_columns(last_good_at="Last good call", refused_at="First refusal since"),
    }
    for name in ("expires_at", "order_by", "last_good_at", "refused_at"):
        listed[name] = pd.to_datetime(listed[name])
    table(listed, columns, Key.TOKENS)


def token_form(apps: Sequence[str]) -> None:
    """Draws the form for a date, or for a JWT that is read once and forgotten."""
    refused, saved = TOKEN_TROUBLE.take(), TOKEN_SAVED.take()
    box = st.expander("Say when a token ends", icon=":material/edit_calendar:", expanded=bool(refused or saved))
    with box, st.form(Key.TOKEN_FORM, clear_on_submit=True, border=False):
        st.selectbox("App", apps, key=Key.TOKEN_APP, width=320)
        with st.container(horizontal=True):
            st.datetime_input("Ends (UTC)", None, key=Key.TOKEN_ENDS, format="YYYY-MM-DD", width=320)
            st.text_input(
                "Or paste the token, if it is a JWT",
                key=Key.TOKEN_JWT,
                type="password",
                autocomplete="off",
                help="Only when it ends and was issued is read; the token is neither kept nor sent anywhere.",
            )
        with st.container(horizontal=True):
            st.text_input("Who says so", key=Key.TOKEN_BY, width=320)
            st.text_input("Note", key=Key.TOKEN_NOTE, help="Never the token.")
        with st.container(horizontal=True):
            st.form_submit_button("Keep it", icon=":material/save:", on_click=enter)
            st.form_submit_button("Nobody knows any more", icon=":material/help:", on_click=forget)
    if refused:
        box.error(plain(refused), icon=":material/error:")
    if saved:
        box.success(plain(saved), icon=":material/check_circle:")


def take_form() -> dict[str, Any]:
    """Returns what was entered and empties the form, so that no token stays in the session."""
    entered = {name: state.value(key) for name, key in FIELDS.items()}
    for name, key in FIELDS.items():
        state.set_value(key, None if name == "ends" else "")
    return entered


def enter() -> None:
    """Saves what was entered."""
    entered = take_form()
    pasted, ends = str(entered["jwt"] or ""), entered["ends"]
    if bool(pasted.strip()) == (ends is not None):
        TOKEN_TROUBLE.set("Give either a date or a token: one of them was expected.")
        return
    try:
        if pasted.strip():
            claims = read_jwt(pasted)
            save(claims.expires_at, entered["by"] or "the token itself", note_of(claims, entered["note"]))
        else:
            save(ends, entered["by"], entered["note"])
    except (TokenRefused, StoreError) as error:
        TOKEN_TROUBLE.set(str(error))


def forget() -> None:
    """Saves that an app's end is unknown."""
    entered = take_form()
    try:
        save(None, entered["by"], entered["note"])
    except (TokenRefused, StoreError) as error:
        TOKEN_TROUBLE.set(str(error))


def save(ends: datetime | None, by: str | None, note: str | None) -> None:
    """Saves when the chosen app's token ends."""
    at = clock.naive(clock.now(store().settings))
    app = record_expiry(store(), str(state.value(Key.TOKEN_APP)), ends, by, at, note)
    when = "it is not known when the token ends." if ends is None else f"the token ends {instant(ends)}."
    TOKEN_SAVED.set(f"{app}: {when}")


def draw_cost(apps: Sequence[Row], overrides: Mapping[str, Any], now: datetime) -> None:
    """Draws what the end of a chosen app's token would leave open: on its date, and now."""
    st.markdown("**What would its end leave undone?**")
    names = [str(row["app_name"]) for row in apps]
    coming = [place for place, row in enumerate(apps) if not is_missing(row["expires_at"]) and row["expires_at"] > now]
    first = coming[0] if coming else None
    chosen = st.selectbox("Of the token of", names, first, key=Key.TOKEN_COST, placeholder="Choose an app", width=320)
    if chosen is None:
        return
    ends = next(row["expires_at"] for row in apps if row["app_name"] == chosen)
    repair = NOTICED + timedelta(days=lead_days(overrides, chosen))
    minute = now.replace(second=0, microsecond=0)
    spans = {"If it ended now": minute}
    if not is_missing(ends) and ends > minute:
        spans = {f"If this token ends on {instant(ends)}": ends} | spans
    for opening, begins in spans.items():
        rows = records(ask("expiry_cost", **cost_values(chosen, begins, begins + repair)))
        st.markdown(f":material/hourglass_bottom: {plain(sentence(rows, opening, begins + repair))}")
    st.caption(
        f"A day until somebody notices and asks, then the {count(lead_days(overrides, chosen), 'day')} that a new one "
        "takes. Told from what this tenant was given in each hour of the week, over the eight weeks before the newest "
        "data; retries and first cycles are left out."
    )
    show_sql(expiry_cost=cost_values(chosen, minute, minute + repair))


def cost_values(app: str, begins: datetime, repaired: datetime) -> dict[str, Any]:
    """Returns the values that the question on the cost takes."""
    return {"at": as_of(), "app": app, "expires": begins, "repaired": repaired}


def sentence(rows: Sequence[Row], opening: str, repaired: datetime) -> str:
    """Writes what one end would leave open."""
    return cost_sentence(rows, f"{opening} and the new one is in place on {instant(repaired)}")
