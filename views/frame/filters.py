"""The shared bar: window, tenant and job, kept in the address as plain words so that a link shows what its sender saw.

A window follows the newest instant in the store, never the clock, because logs may be old.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.wording import dated, instant
from views.frame import state
from views.frame.look import plain
from views.frame.state import BAR, BAR_WORDS, ENTERED, PAGE, UNKNOWN_WORDS, ZONE, Key, Word
from views.frame.times import UTC_ZONE, ZONES, zone_name

SPANS = {
    "24-hours": ("Last 24 hours", timedelta(hours=24)),
    "7-days": ("Last 7 days", timedelta(days=7)),
    "14-days": ("Last 14 days", timedelta(days=14)),
    "30-days": ("Last 30 days", timedelta(days=30)),
    "all": ("All data", None),
    "chosen": ("Custom range", None),
}
USUAL = "14-days"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Bar:
    """What the pages look at: [since, until) of one job, of one tenant, or of all."""

    since: datetime
    until: datetime
    words: dict[str, str]
    "The bar as it stands in the address; what is usual is left out."
    job: str | None = None
    job_name: str | None = None
    tenant: str | None = None
    newest: datetime = EPOCH
    "The first full hour after the newest instant in the store: what is true now is asked as of then."

    def link(self, **more: str) -> dict[str, str]:
        """Returns the words of an address that keeps this bar."""
        return self.words | more

    @property
    def pinned(self) -> dict[str, str]:
        """Returns words that show the same window even after newer data came."""
        rest = {word: value for word, value in self.words.items() if word in (Word.JOB, Word.TENANT)}
        return {Word.SINCE: wording.address(self.since), Word.UNTIL: wording.address(self.until)} | rest


def bar() -> Bar:
    """Returns what the shared bar was set to in this run."""
    chosen = BAR.get()
    assert chosen is not None
    return chosen


def read_instant(word: str | None) -> datetime | None:
    """Reads an instant of the address as naive UTC; None where it is not one."""
    try:
        at = datetime.fromisoformat(word or "")
    except ValueError:
        return None
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def next_hour(at: datetime) -> datetime:
    """Returns the first full hour after an instant, so that a window that ends there contains it."""
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def job_names(jobs: pd.DataFrame) -> dict[str, str]:
    """Returns each job's word: its app's name, and the end of its id where two share one.

    >>> job_names(pd.DataFrame({"job_id": ["a.1234567", "b.7654321"], "app_name": ["Cerby", "Cerby"]}))
    {'Cerby 234567': 'a.1234567', 'Cerby 654321': 'b.7654321'}
    """
    shared = jobs["app_name"].duplicated(keep=False)
    rows = zip(jobs["job_id"], jobs["app_name"], shared, strict=True)
    return {f"{app} {job[-6:]}" if twice else str(app): str(job) for job, app, twice in rows}


def adopt_words(jobs: dict[str, str], tenants: list[str]) -> None:
    """Lets an address that was opened or linked win over the widgets.

    They stay where the navigation led to another page, whose address then has no word of the bar; only Home begins
    with all apps. On the same page an address without words is one that Back returned to.
    """
    given = BAR_WORDS.opened()
    if not given and ENTERED.get() and PAGE.get() == "":
        state.set_value(Key.JOB, None)
    if given is None or (not given and ENTERED.get()):
        return
    UNKNOWN_WORDS.set(unknown_words(given, jobs, tenants))
    if Word.SINCE in given or Word.UNTIL in given:
        state.set_value(Key.WINDOW, "chosen")
        state.set_value(Key.SINCE, read_instant(given.get(Word.SINCE)))
        state.set_value(Key.UNTIL, read_instant(given.get(Word.UNTIL)))
    else:
        window = given.get(Word.WINDOW)
        state.set_value(Key.WINDOW, window if window in SPANS else USUAL)
    job, tenant = given.get(Word.JOB), given.get(Word.TENANT)
    # A link from the SQL of a page names the job by its id.
    state.set_value(Key.JOB, job if job in jobs else next((word for word, one in jobs.items() if one == job), None))
    state.set_value(Key.TENANT, tenant if tenant in tenants else None)


def unknown_words(given: dict[str, str], jobs: dict[str, str], tenants: list[str]) -> list[str]:
    """Writes which words of an address name nothing here, with what is shown instead.

    >>> unknown_words({"job": "Cerbi", "since": "2026-01-05"}, {"Cerby": "a.1234567"}, [])
    ['There is no app “Cerbi” in this store; showing all apps.']
    """
    job, tenant, window = given.get(Word.JOB), given.get(Word.TENANT), given.get(Word.WINDOW)
    found = []
    if job is not None and job not in {*jobs, *jobs.values()}:
        found.append(f"There is no app “{plain(job)}” in this store; showing all apps.")
    if tenant is not None and tenant not in tenants and len(tenants) > 1:
        found.append(f"There is no tenant “{plain(tenant)}” in this store; showing all tenants.")
    if window is not None and window not in SPANS:
        has_ends = all(read_instant(given.get(word, "")) is not None for word in (Word.SINCE, Word.UNTIL))
        shown = "the time between its two ends" if has_ends else "the last 14 days"
        found.append(f"The address names an unknown time range, “{plain(window)}”; showing {shown}.")
    ends = [given[word] for word in (Word.SINCE, Word.UNTIL) if word in given and read_instant(given[word]) is None]
    return [*found, *(f"The address has an invalid time: “{plain(one)}”." for one in ends)]


def draw_unknown_words() -> None:
    """Draws, once, what of an address that was opened names nothing here."""
    for sentence in UNKNOWN_WORDS.take():
        st.warning(sentence, icon=":material/link_off:")


def draw_bar(first: datetime | None, last: datetime | None, jobs: pd.DataFrame) -> Bar:
    """Draws the bar's widgets, writes its words into the address and returns what was chosen."""
    names, tenants = job_names(jobs), sorted(jobs["tenant_id"].dropna().unique())
    adopt_words(names, tenants)
    if state.value(Key.WINDOW) is None:
        state.set_value(Key.WINDOW, USUAL)
    hidden: dict[str, Any] = {"index": None, "label_visibility": "collapsed", "width": 170}
    job = st.selectbox("App", list(names), placeholder="All apps", key=Key.JOB, **hidden)
    tenant = None
    if len(tenants) > 1:
        tenant = st.selectbox("Tenant", tenants, placeholder="All tenants", key=Key.TENANT, **hidden)
    window, since, until = draw_time_range(first, last)
    words: dict[Word, str | None] = {Word.WINDOW: None if window in (USUAL, "chosen") else window}
    if window == "chosen":
        words = {Word.SINCE: wording.address(since), Word.UNTIL: wording.address(until)}
    written = BAR_WORDS.write(words | {Word.JOB: job, Word.TENANT: tenant})
    chosen = Bar(since, until, written, names.get(job or ""), job, tenant, window_of(USUAL, first, last)[1])
    BAR.set(chosen)
    return chosen


def draw_time_range(first: datetime | None, last: datetime | None) -> tuple[str, datetime, datetime]:
    """Draws the time range as one control, relative or absolute, with the zone in which instants are written."""
    labels = {word: label for word, (label, _) in SPANS.items()}
    shown = labels[state.value(Key.WINDOW)]
    if state.value(Key.WINDOW) == "chosen" and state.value(Key.SINCE) and state.value(Key.UNTIL):
        shown = range_text(state.value(Key.SINCE), state.value(Key.UNTIL))
    with st.popover(f"{shown} · {zone_name()}", icon=":material/schedule:", key=Key.TIME_RANGE):
        window = st.radio("Time range", list(SPANS), format_func=labels.__getitem__, key=Key.WINDOW)
        since, until = chosen_window(first, last) if window == "chosen" else window_of(window, first, last)
        if state.value(Key.ZONE) is None:
            state.set_value(Key.ZONE, ZONE.get())
        st.segmented_control(
            "Time zone",
            list(ZONES),
            format_func=ZONES.__getitem__,
            key=Key.ZONE,
            required=True,
            on_change=lambda: ZONE.set(state.value(Key.ZONE) or UTC_ZONE),
        )
        st.caption(f"{range_sentence(since, until, last)} ({zone_name()})")
        st.caption("Drag along the time axis of a chart to zoom in; Back zooms out.")
    return str(window), since, until


def range_text(since: datetime, until: datetime) -> str:
    """Writes a time range in short, with its hours where they are not midnights.

    >>> range_text(datetime(2026, 1, 5), datetime(2026, 1, 7)), range_text(datetime(2026, 1, 5, 9), EPOCH + 5 * DAY)
    ('5 Jan 2026 – 7 Jan 2026', '5 Jan, 09:00 UTC – 6 Jan, 00:00 UTC')
    """
    written = wording.day if since.time() == until.time() == time() else instant
    return f"{written(since)} – {written(until)}"


def range_sentence(since: datetime, until: datetime, last: datetime | None) -> str:
    """Writes a time range that ends with the newest data, or earlier.

    >>> range_sentence(datetime(2026, 1, 5), datetime(2026, 1, 7), datetime(2026, 1, 6, 23, 10))
    '5 Jan 2026, 00:00 UTC to 6 Jan 2026, 23:10 UTC, the newest data'
    """
    if last is None or until <= last:
        return f"{dated(since)} to {dated(until)}"
    return f"{dated(since)} to {dated(last)}, the newest data"


def window_of(window: str, first: datetime | None, last: datetime | None) -> tuple[datetime, datetime]:
    """Returns the window that ends just after the newest instant."""
    until = next_hour(last) if last else EPOCH
    length = SPANS[window][1]
    start = first.replace(minute=0, second=0, microsecond=0) if first else until - timedelta(days=14)
    return (until - length if length else start), until


def chosen_window(first: datetime | None, last: datetime | None) -> tuple[datetime, datetime]:
    """Lets a person choose both ends; an impossible choice falls back to the usual window, with a sentence."""
    since, until = window_of(USUAL, first, last)
    for key, at in ((Key.SINCE, since), (Key.UNTIL, until)):
        if state.value(key) is None:
            state.set_value(key, at)
    low = st.datetime_input("From (UTC)", key=Key.SINCE, format="YYYY-MM-DD", step=3600)
    high = st.datetime_input("Until (UTC), exclusive", key=Key.UNTIL, format="YYYY-MM-DD", step=3600)
    if low and high and low < high:
        return low, high
    st.warning(f"The time range must begin before it ends; showing {instant(since)} until {instant(until)}.")
    return since, until


def zoom(edges: tuple[Any, Any] | None, step: timedelta) -> None:
    """Sets the time range to what was dragged over on a time axis, in whole steps; nothing is wider than it was."""
    if edges is None:
        return
    low, high = sorted(pd.Timestamp(edge).to_pydatetime() for edge in edges)
    begin = max(EPOCH + (low - EPOCH) // step * step, bar().since)
    end = min(EPOCH - (EPOCH - high) // step * step, bar().until)
    if begin < end:
        state.write_words({Word.WINDOW: None, Word.SINCE: wording.address(begin), Word.UNTIL: wording.address(end)})


def share_link() -> None:
    """Offers an address that shows this very time range later, whatever is loaded meanwhile."""
    with st.popover("Share", icon=":material/link:", type="tertiary"):
        st.caption("Link to this view. The time range stays fixed when newer data arrives.")
        words = bar().pinned | state.other_words(BAR_WORDS.words)
        address = (st.context.url or "").partition("?")[0]
        st.code(f"{address}?{urlencode(words)}", language=None, wrap_lines=True)
