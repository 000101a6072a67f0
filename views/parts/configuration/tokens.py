"""Token expiry: the calendar, the form that records when a token expires, and the impact of that."""

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
from pipeline.rules.token_expiry import lead_days, note_of, read_jwt, record_expiry, token_of, with_leads
from views.charts.tokens import token_calendar
from views.frame import state
from views.frame.chart import chart
from views.frame.data import Row, as_of, ask, own_name, records, store
from views.frame.filters import bar
from views.frame.look import chips, plain, plain_name
from views.frame.panel import panel, show_sql
from views.frame.state import TOKEN_SAVED, TOKEN_TROUBLE, Key
from views.frame.table import chips_column, table, text_column, time_columns
from views.parts.configuration.token_terms import Term, cost_sentence, renewal_contact, term_of

NOTICED = timedelta(days=1)
"How long it is taken to last until an end is noticed and a new token is requested."
NO_PROFILE = "Unknown: no profile of this app. The time for a new token is the alert rule's setting."
FIELDS = {"ends": Key.TOKEN_ENDS, "jwt": Key.TOKEN_JWT, "by": Key.TOKEN_BY, "note": Key.TOKEN_NOTE}
"The form's fields beside the app."
NAMED = 5


def draw_tokens(profiles: Sequence[Profile], now: datetime) -> None:
    """Draws the tokens: their calendar, the form for an end, and what one end would cost."""
    try:
        overrides = overrides_of(store())
    except RulesError as error:
        st.error(plain(str(error)), icon=":material/error:")
        overrides = {}
    panel(
        "token_calendar",
        lambda rows: draw_calendar(own_apps(records(rows)), profiles, overrides, now),
        empty="No app is known here.",
        **calendar_values(now),
    )
    apps = token_rows(now)
    if apps:
        token_form([str(row["app_name"]) for row in apps])
        draw_cost(apps, overrides, now)


def calendar_values(now: datetime) -> dict[str, Any]:
    """Returns the values that the token calendar is asked with."""
    # The minute's end, so that what was entered a moment ago counts and the answer serves a minute long.
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return {"at": minute, "heard": min(as_of(), now)}


def own_apps(rows: list[Row]) -> list[Row]:
    """Returns the rows of the apps that the page is about: tokens are of an app, and the question has all."""
    if bar().job is None and bar().tenant is None:
        return rows
    own = {own_name(row) for row in records(ask("connections"))}
    return [row for row in rows if row["app_name"] in own]


def token_rows(now: datetime) -> list[Row]:
    """Returns the token of each app that the page is about."""
    return own_apps(records(ask("token_calendar", **calendar_values(now))))


def rejecting_apps(now: datetime) -> list[str]:
    """Writes which apps reject their token."""
    names = [f"**{plain_name(row['app_name'])}**" for row in token_rows(now) if not is_missing(row["refused_at"])]
    return (
        [f"{name} is rejecting the token" for name in names]
        if len(names) <= NAMED
        else [f"{len(names)} apps are rejecting their token"]
    )


def draw_calendar(every: list[Row], profiles: Sequence[Profile], overrides: Mapping[str, Any], now: datetime) -> None:
    """Draws the calendar: first what to do, then the picture, then a row an app."""
    if not every:
        return
    terms = [term for row in every if (term := term_of(row, overrides, now))]
    lines = [*due_tokens(terms, profiles), *rejected_tokens(every)]
    for line in lines[:NAMED]:
        st.markdown(line)
    if len(lines) > NAMED:
        st.caption(f"{count(len(lines) - NAMED, 'more app')} to act on: see the table.")
    if missing := [plain_name(row["app_name"]) for row in every if is_missing(row["expires_at"])]:
        named = ", ".join(missing) if len(missing) <= NAMED else count(len(missing), "app")
        st.markdown(
            f":gray[:material/help: Token expiry is not set for {named}. Graph does not report it; enter it below "
            "to get a reminder.]"
        )
    for line in renewals([str(row["app_name"]) for row in every], profiles)[:NAMED]:
        st.markdown(line)
    tokens_table(every, {term.app_name: term for term in terms}, profiles, overrides)
    if terms:
        with st.expander("Token calendar"):
            chart(Key.TOKEN_CALENDAR, token_calendar, terms, now)


def due_tokens(terms: Sequence[Term], profiles: Sequence[Profile]) -> list[str]:
    """Writes which tokens have ended or must be replaced, and where to request a new one."""
    icons = {"bad": ":red[:material/key_off:]", "warn": ":orange[:material/key:]"}
    return [
        f"{icons[term.tone]} **{plain(term.app_name)}**: the token {plain(term.advice)}. "
        f"{plain(renewal_contact(profiles, term.app_name))}"
        for term in terms
        if term.tone in icons
    ]


def renewals(apps: Sequence[str], profiles: Sequence[Profile]) -> list[str]:
    """Writes how a new token of each app with a profile is had, and how long that takes."""
    return [
        f":material/key: **New token for {plain(app)}:** {plain(contact)}"
        for app in apps
        if (contact := renewal_contact(profiles, app))
    ]


def rejected_tokens(rows: Sequence[Row]) -> list[str]:
    """Writes since which minute an app rejects its token."""
    return [
        f":red[:material/block:] **{plain_name(row['app_name'])}** has been rejecting the token since "
        f"{instant(row['refused_at'])} ({int(row['http_status'])}, {count(int(row['refusals']), 'request')}); "
        + (
            "no successful request is known in the month before."
            if is_missing(row["last_good_at"])
            else f"the last successful request was {instant(row['last_good_at'])}."
        )
        for row in rows
        if not is_missing(row["refused_at"])
    ]


def tokens_table(
    rows: Sequence[Row], terms: Mapping[str, Term], profiles: Sequence[Profile], overrides: Mapping[str, Any]
) -> None:
    """Draws one row an app, the soonest end first."""
    listed = pd.DataFrame(
        [
            row
            | {
                "word": state_word(row, term),
                "order_by": term.order_by if term else pd.NaT,
                "lead": lead_text(str(row["app_name"]), term, profiles, overrides),
                "contact": renewal_contact(profiles, str(row["app_name"])) or NO_PROFILE,
            }
            for row in rows
            for term in [terms.get(str(row["app_name"]))]
        ]
    )
    listed["state"] = chips(listed["word"])
    columns = {
        "app_name": text_column("App"),
        "state": chips_column("Token"),
        **time_columns(expires_at="Expires", order_by="Renew by"),
        "lead": text_column("New token takes"),
        "contact": text_column("Contact", width="large"),
        **time_columns(refused_at="Rejected since", last_good_at="Last success"),
        "said": text_column("Set by, note", width="medium"),
    }
    for name in ("expires_at", "order_by", "last_good_at", "refused_at"):
        listed[name] = pd.to_datetime(listed[name])
    listed["said"] = [
        ", ".join(str(row[name]) for name in ("said_by", "note") if not is_missing(row[name]))
        for row in records(listed)
    ]
    table(listed, columns, Key.TOKENS, at_most=320)


def lead_text(app: str, term: Term | None, profiles: Sequence[Profile], overrides: Mapping[str, Any]) -> str | None:
    """Writes how long a new token takes: by the alert rule's setting for the app, which its profile sets."""
    if term is not None:
        return count(term.lead_days, "day")
    token = token_of(profiles, app)
    if token is None:
        return None
    days = lead_days(with_leads(overrides, profiles, [app]), app)
    return f"{'About ' if token.lead_is_assumed else ''}{count(days, 'day')}"


def state_word(row: Row, term: Term | None) -> str:
    """Returns the word of a token's state: that the app rejects it comes before when it expires."""
    if not is_missing(row["refused_at"]):
        return "token rejected"
    return term.word if term else "not_said"


def token_form(apps: Sequence[str]) -> None:
    """Draws the form for a date, or for a JWT that is read once and forgotten."""
    refused, saved = TOKEN_TROUBLE.take(), TOKEN_SAVED.take()
    box = st.expander("Set token expiry", expanded=bool(refused or saved))
    with box, st.form(Key.TOKEN_FORM, clear_on_submit=True, border=False):
        st.selectbox("App", apps, key=Key.TOKEN_APP, width=320)
        with st.container(horizontal=True):
            st.datetime_input("Expires (UTC)", None, key=Key.TOKEN_ENDS, format="YYYY-MM-DD", width=320)
            st.text_input(
                "Or paste the token, if it is a JWT",
                key=Key.TOKEN_JWT,
                type="password",
                autocomplete="off",
                help="Only its expiry and issue date are read. The token is not stored and not sent anywhere.",
            )
        with st.container(horizontal=True):
            st.text_input("Set by", key=Key.TOKEN_BY, width=320)
            st.text_input("Note", key=Key.TOKEN_NOTE, help="Do not enter the token here.")
        with st.container(horizontal=True):
            st.form_submit_button("Save", icon=":material/save:", on_click=enter)
            st.form_submit_button("Set to unknown", icon=":material/help:", on_click=forget)
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
        TOKEN_TROUBLE.set("Enter either a date or a token.")
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
    when = "token expiry set to unknown." if ends is None else f"the token expires {instant(ends)}."
    TOKEN_SAVED.set(f"{app}: {when}")


def draw_cost(apps: Sequence[Row], overrides: Mapping[str, Any], now: datetime) -> None:
    """Draws, closed, the impact of the expiry of a chosen app's token: on its date, and now."""
    with st.expander("Impact of token expiry"):
        token_impact(apps, overrides, now)


def token_impact(apps: Sequence[Row], overrides: Mapping[str, Any], now: datetime) -> None:
    """Draws what the expiry of a chosen app's token would leave undone."""
    names = [str(row["app_name"]) for row in apps]
    coming = [place for place, row in enumerate(apps) if not is_missing(row["expires_at"]) and row["expires_at"] > now]
    first = coming[0] if coming else None
    chosen = st.selectbox("App", names, first, key=Key.TOKEN_COST, placeholder="Choose an app", width=320)
    if chosen is None:
        return
    ends = next(row["expires_at"] for row in apps if row["app_name"] == chosen)
    repair = NOTICED + timedelta(days=lead_days(overrides, chosen))
    minute = now.replace(second=0, microsecond=0)
    spans = {"If the token expired now": minute}
    if not is_missing(ends) and ends > minute:
        spans = {f"If the token expires on {instant(ends)}": ends} | spans
    for opening, begins in spans.items():
        rows = records(ask("expiry_cost", **cost_values(chosen, begins, begins + repair)))
        st.markdown(f":material/hourglass_bottom: {plain(sentence(rows, opening, begins + repair))}")
    st.caption(
        f"Assumes one day until it is noticed, then the {count(lead_days(overrides, chosen), 'day')} that a new token "
        "takes. Estimated from the changes in each hour of the week, over the eight weeks before the newest data; "
        "retries and initial cycles are excluded."
    )
    show_sql(expiry_cost=cost_values(chosen, minute, minute + repair))


def cost_values(app: str, begins: datetime, repaired: datetime) -> dict[str, Any]:
    """Returns the values that the question on the cost takes."""
    return {"at": as_of(), "app": app, "expires": begins, "repaired": repaired}


def sentence(rows: Sequence[Row], opening: str, repaired: datetime) -> str:
    """Writes what one end would leave open."""
    return cost_sentence(rows, f"{opening} and a new one works from {instant(repaired)}")
