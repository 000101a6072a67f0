"""The shared bar: window, tenant and job, kept in the address as plain words so that a link shows what its sender saw.

A window follows the newest instant in the store, never the clock, because logs may be old.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from views.frame.look import when

SPANS = {
    "24-hours": ("Last 24 hours of data", timedelta(hours=24)),
    "7-days": ("Last 7 days of data", timedelta(days=7)),
    "14-days": ("Last 14 days of data", timedelta(days=14)),
    "30-days": ("Last 30 days of data", timedelta(days=30)),
    "all": ("All data", None),
    "chosen": ("From … until …", None),
}
USUAL = "14-days"
WORDS = ("window", "since", "until", "job", "tenant")
EPOCH = datetime(2026, 1, 1)
Words = dict[str, str]


@dataclass(frozen=True)
class Bar:
    """What the pages look at: [since, until) of one job, of one tenant, or of all."""

    since: datetime
    until: datetime
    words: Words
    "The bar as it stands in the address; what is usual is left out."
    job: str | None = None
    job_name: str | None = None
    tenant: str | None = None
    newest: datetime = EPOCH
    "The first full hour after the newest instant in the store: what is true now is asked as of then."

    def link(self, **more: str) -> Words:
        """Gives the words of an address that keeps this bar."""
        return self.words | more

    @property
    def pinned(self) -> Words:
        """Gives words that show the same window even after newer data came."""
        rest = {name: word for name, word in self.words.items() if name in ("job", "tenant")}
        return {"since": spelled(self.since), "until": spelled(self.until)} | rest


def spelled(at: datetime) -> str:
    """Writes an instant as briefly as it is exact.

    >>> spelled(datetime(2026, 1, 12)), spelled(datetime(2026, 1, 12, 9))
    ('2026-01-12', '2026-01-12T09:00')
    """
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%dT%H:%M}"


def read(word: str | None) -> datetime | None:
    """Reads an instant of the address as naive UTC; None where it is not one."""
    try:
        at = datetime.fromisoformat(word or "")
    except ValueError:
        return None
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def next_hour(at: datetime) -> datetime:
    """Gives the first full hour after an instant, so that a window that ends there holds it."""
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def names(jobs: pd.DataFrame) -> dict[str, str]:
    """Gives each job's word: its app's name, and the end of its id where two share one.

    >>> names(pd.DataFrame({"job_id": ["a.1234567", "b.7654321"], "app_name": ["Cerby", "Cerby"]}))
    {'Cerby 234567': 'a.1234567', 'Cerby 654321': 'b.7654321'}
    """
    shared = jobs["app_name"].duplicated(keep=False)
    rows = zip(jobs["job_id"], jobs["app_name"], shared, strict=True)
    return {f"{app} {job[-6:]}" if twice else str(app): str(job) for job, app, twice in rows}


def take_words(jobs: dict[str, str], tenants: list[str]) -> None:
    """Lets an address that was opened or linked to win over the widgets; what it does not name stays."""
    given = {name: word for name, word in st.query_params.to_dict().items() if name in WORDS}
    if not given or given == st.session_state.get("bar_words"):
        return
    state = st.session_state
    if "since" in given or "until" in given:
        state.window, state.since, state.until = "chosen", read(given.get("since")), read(given.get("until"))
    else:
        state.window = given.get("window") if given.get("window") in SPANS else USUAL
    state.job = given.get("job") if given.get("job") in jobs else None
    state.tenant = given.get("tenant") if given.get("tenant") in tenants else None


def draw(first: datetime | None, last: datetime | None, jobs: pd.DataFrame) -> Bar:
    """Draws the bar's widgets, writes its words into the address and gives what was chosen."""
    known, tenants = names(jobs), sorted(jobs["tenant_id"].dropna().unique())
    take_words(known, tenants)
    st.session_state.setdefault("window", USUAL)
    labels = {word: label for word, (label, _) in SPANS.items()}
    window = st.selectbox("Window", list(SPANS), format_func=labels.__getitem__, key="window", width=210)
    since, until = chosen(first, last) if window == "chosen" else reach(window, first, last)
    job = st.selectbox("Job", list(known), index=None, placeholder="All jobs", key="job", width=200)
    tenant = None
    if len(tenants) > 1:
        tenant = st.selectbox("Tenant", tenants, index=None, placeholder="All tenants", key="tenant", width=200)
    words = {} if window in (USUAL, "chosen") else {"window": window}
    if window == "chosen":
        words = {"since": spelled(since), "until": spelled(until)}
    words |= {name: word for name, word in (("job", job), ("tenant", tenant)) if word}
    write_words(words)
    return Bar(since, until, words, known.get(job or ""), job, tenant, reach(USUAL, first, last)[1])


def reach(window: str, first: datetime | None, last: datetime | None) -> tuple[datetime, datetime]:
    """Gives the window that ends just after the newest instant."""
    until = next_hour(last) if last else EPOCH
    length = SPANS[window][1]
    start = first.replace(minute=0, second=0, microsecond=0) if first else until - timedelta(days=14)
    return (until - length if length else start), until


def chosen(first: datetime | None, last: datetime | None) -> tuple[datetime, datetime]:
    """Lets a person choose both ends; an impossible choice falls back to the usual window and says so."""
    since, until = reach(USUAL, first, last)
    for name, at in (("since", since), ("until", until)):
        if st.session_state.get(name) is None:
            st.session_state[name] = at
    low = st.datetime_input("Since (UTC)", key="since", format="YYYY-MM-DD", step=3600, width=190)
    high = st.datetime_input("Until (UTC), exclusive", key="until", format="YYYY-MM-DD", step=3600, width=190)
    if low and high and low < high:
        return low, high
    st.warning(f"The window must begin before it ends; showing {when(since)} until {when(until)}.")
    return since, until


def write_words(words: Words) -> None:
    """Puts the bar into the address and leaves a page's own words there alone."""
    others = {name: word for name, word in st.query_params.to_dict().items() if name not in WORDS}
    if st.query_params.to_dict() != words | others:
        st.query_params.from_dict(words | others)
    st.session_state["bar_words"] = words


def share_link(bar: Bar) -> None:
    """Offers an address that shows this very window later, whatever is loaded meanwhile."""
    with st.popover("Link", icon=":material/link:", type="tertiary"):
        st.caption("Shows this window and these filters to whoever opens it, also after newer data came.")
        others = {name: word for name, word in st.query_params.to_dict().items() if name not in WORDS}
        address = (st.context.url or "").partition("?")[0]
        st.code(f"{address}?{urlencode(bar.pinned | others)}", language=None, wrap_lines=True)
