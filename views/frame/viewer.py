"""Who looks at the pages: when they were here before, what they saw, and what they chose, kept from visit to visit.

A viewer is known by the name they signed in with, where there is a sign-in, else by their browser: a cookie with a
random id that means nothing elsewhere. What is kept is a small file each, beside the lake's files.
"""

import json
import os
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from http.cookies import SimpleCookie
from pathlib import Path

import pandas as pd
import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.config.wording import iso
from pipeline.store.catalog import find_query
from views.frame.data import answer, as_of, store, wall_clock
from views.frame.state import NAME, VIEWER, ZONE

COOKIE = "viewer"
YEAR_S = 365 * 24 * 3600
APART = timedelta(minutes=30)
"Who was away for so long comes back for another visit."
FRESH = timedelta(minutes=1)
"How old what is kept of a visit may be before it is written again."


@dataclass(frozen=True)
class Seen:
    """What was on a page when it was last drawn for a viewer; instants are naive UTC."""

    at: datetime
    "When, by the wall clock."
    data_at: datetime
    "As of when pages judged."
    checked_at: datetime | None = None
    "As of when alert rules had been evaluated; None where none ever were."


@dataclass(frozen=True)
class Visits:
    """What is kept of a viewer."""

    last: Seen
    previous: Seen | None = None
    "The end of the visit before this one."
    zone: str = "utc"
    name: str = ""
    "Under which name they act, as they entered it."


def viewer_name() -> str | None:
    """Returns what tells one viewer from another; None where nothing does."""
    name = st.user.get("email") or st.user.get("sub")
    return str(name) if name else st.context.cookies.get(COOKIE)


def note_visit() -> None:
    """Notes that a page is drawn for a viewer, and takes up what they chose before; a disk that is full is no error."""
    name = viewer_name()
    if name is None:
        return
    now, noted = wall_clock(), VIEWER.get()
    if noted is not None and now - noted.last.at < FRESH and (noted.zone, noted.name) == (ZONE.get(), NAME.get()):
        return
    seen = Seen(now, as_of(), last_check())
    if noted is None:
        noted = visit_of(read_visits(file_of(name)), seen)
        ZONE.set(noted.zone)
        NAME.set(noted.name or NAME.get())
    noted = replace(noted, last=seen, zone=ZONE.get(), name=NAME.get())
    VIEWER.set(noted)
    write_visits(file_of(name), noted)


def last_check() -> datetime | None:
    """Returns as of when alert rules were last evaluated; None where none ever were."""
    ran = answer(find_query("rule_runs_lately"), {})["ran_at"].max()
    return None if pd.isna(ran) else pd.Timestamp(ran).to_pydatetime()


def visit_of(before: Visits | None, seen: Seen) -> Visits:
    """Returns what is kept of a viewer whose session begins: another visit, or the same in another tab."""
    if before is None:
        return Visits(seen)
    return replace(before, previous=before.last) if seen.at - before.last.at >= APART else before


def last_visit() -> Seen | None:
    """Returns what the viewer saw at the end of the visit before; None where that is not known, or they never were."""
    visits = VIEWER.get()
    return None if visits is None else visits.previous


def file_of(name: str) -> Path:
    """Returns the file of a viewer, whose name does not stand in it."""
    return store().folder / "viewers" / f"{sha256(name.encode()).hexdigest()[:32]}.json"


def read_visits(file: Path) -> Visits | None:
    """Reads what is kept of a viewer; None where nothing is, or nothing that can be read."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        previous = kept["previous"]
        return Visits(
            read_seen(kept["last"]), read_seen(previous) if previous else None, str(kept["zone"]), name_in(kept)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def name_in(kept: dict[str, str]) -> str:
    """Returns the name that is kept of a viewer; empty in what earlier versions kept."""
    return str(kept.get("name", ""))


def read_seen(kept: dict[str, str]) -> Seen:
    """Reads what was on a page, as it was written."""
    checked = kept["checked_at"]
    return Seen(at(kept["at"]), at(kept["data_at"]), at(checked) if checked else None)


def at(text: str) -> datetime:
    """Reads an instant as it was written."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def write_visits(file: Path, visits: Visits) -> None:
    """Writes what is kept of a viewer, whole or not at all."""
    new = file.with_suffix(f".{os.getpid()}.new")
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        new.write_text(json.dumps(asdict(visits), default=iso), encoding="utf-8")
        new.replace(file)
    except OSError:
        with suppress(OSError):
            new.unlink()


class ViewerCookie:
    """Gives each browser an id of its own with the first page that it loads."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or COOKIE in SimpleCookie(Headers(scope=scope).get("cookie", "")):
            await self.app(scope, receive, send)
            return
        secure = "; Secure" if scope.get("scheme") == "https" else ""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    name = f"{COOKIE}={uuid.uuid4()}; Max-Age={YEAR_S}; Path=/; HttpOnly; SameSite=Lax{secure}"
                    headers.append("Set-Cookie", name)
            await send(message)

        await self.app(scope, receive, sent)
