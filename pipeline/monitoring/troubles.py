"""Whether collecting itself is in trouble, in sentences that the page, `status` and /healthz share.

Beats are told by this machine's clock. Contacts are told by the shown one, as they were written.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from pipeline.config.clock import naive
from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.scheduler.jobs import HEARTBEAT, BackgroundJob, background_jobs
from pipeline.store.lake import Store
from pipeline.store.leader import Leader, current_leader

Kind = Literal["dead", "late", "disk", "failed", "long", "contact"]
STOPPED = ("dead", "late", "disk")
"Kinds of trouble in which nothing new comes; /healthz answers 503."
ROOM = 64 * 1024 * 1024
"Bytes below which a disk is called full: a commit needs room for its rows and for the catalog's journal."
LONG = timedelta(hours=1)
"A beat that is at work for longer is worth a sentence."
FIRST = timedelta(seconds=30)
"Within which every beat has begun for the first time."
LAST_RUNS = "select job, began_at, ended_at, outcome, detail from background_jobs"
CONTACTS = """
    select tenant, feed, detail, reached_at, next_try_at
    from contacts
    where outcome = 'failed'
    order by tenant, detail, feed"""
WATCH = "start `python -m pipeline watch`"


@dataclass(frozen=True)
class Trouble:
    """Something that keeps data from coming."""

    kind: Kind
    subject: str
    "A beat, a feed of a tenant, a disk, or the pipeline."
    sentence: str


def troubles(store: Store, at: datetime) -> list[Trouble]:
    """Gives what is the matter now, the gravest first; none when data comes as it should. `at` is real time."""
    at = naive(at)
    runs = {str(row["job"]): row for row in store.ask(LAST_RUNS).to_pylist()}
    running = current_leader(store.settings)
    found = [*disks(store.settings)]
    if running is None:
        found += dead(store.settings, runs, at)
    else:
        expected = background_jobs(store.settings)
        found += [one for job in expected for one in job_troubles(job, runs.get(job.name), running, at)]
    return found + list(contact_troubles(store.ask(CONTACTS).to_pylist(), at))


def dead(settings: Settings, runs: dict[str, Any], at: datetime) -> Iterator[Trouble]:
    """Says that nobody runs the beats; a store that is only loaded by hand never had any, and lacks none."""
    last = max((row["ended_at"] or row["began_at"] for row in runs.values()), default=None)
    if last is not None:
        told = f"The pipeline has not run since {clock_time(last, at)}: nothing new is read; {WATCH}."
        yield Trouble("dead", "pipeline", told)
    elif settings.tenants or not settings.beats:
        yield Trouble("dead", "pipeline", f"The pipeline has never run here: nothing is read by itself; {WATCH}.")


def job_troubles(job: BackgroundJob, row: dict[str, Any] | None, running: Leader, at: datetime) -> Iterator[Trouble]:
    """Says what is the matter with one background job, which `running` should run."""
    since = started(running, at)
    if row is not None and row["ended_at"] is None and row["began_at"] >= since:
        if at - row["began_at"] > LONG:
            told = f"The beat {job.name} has been at work since {clock_time(row['began_at'], at)}."
            yield Trouble("long", job.name, told)
        return
    last = row["ended_at"] if row is not None else None
    allowed = 2 * timedelta(seconds=job.every) + HEARTBEAT + FIRST
    if at - max(last or since, since) > allowed:
        ran = f"it last ran at {clock_time(last, at)}" if last else "it never ran"
        due = f"is due every {job.every} s; see the log of {running}"
        yield Trouble("late", job.name, f"The beat {job.name} is late: {ran} and {due}.")
    if row is not None and row["outcome"] == "failed":
        said = f"The beat {job.name} failed at {clock_time(last or row['began_at'], at)} and is tried again"
        yield Trouble("failed", job.name, f"{said} every {job.every} s: {ended(row['detail'])}")


def contact_troubles(rows: list[dict[str, Any]], at: datetime) -> Iterator[Trouble]:
    """Says what is the matter with each tenant, once for all feeds that fail alike."""
    for (tenant, detail), alike in groupby(rows, lambda row: (str(row["tenant"]), str(row["detail"]))):
        fed = list(alike)
        feeds = ", ".join(str(row["feed"]) for row in fed)
        reached = min((row["reached_at"] for row in fed if row["reached_at"]), default=None)
        again = min((row["next_try_at"] for row in fed if row["next_try_at"]), default=None)
        last = f"It last answered at {clock_time(reached, at)}" if reached else "It has never answered"
        tried = f"; the next try is at {clock_time(again, at)}" if again else ""
        said = ended(detail.removeprefix(f"{tenant}: "))
        yield Trouble("contact", f"{tenant}: {feeds}", f"{tenant} ({feeds}): {said} {last}{tried}.")


def disks(settings: Settings) -> Iterator[Trouble]:
    """Says which disk has no room for anything new."""
    catalog = settings.catalog_file
    places = [settings.folder, *([catalog.parent] if catalog else [])]
    for place in dict.fromkeys(there(place) for place in places):
        free = shutil.disk_usage(place).free
        if free < ROOM:
            told = f"The disk that holds {place} has {free / 1e6:,.0f} MB left: nothing new can be stored"
            yield Trouble("disk", str(place), f"{told} until there is room. What is shown is what was stored before.")
            return


def explained(settings: Settings, error: StoreError) -> str:
    """Gives why a store cannot be read or written, after a disk that is full, where one is: SQLite only says I/O."""
    return " ".join([*(trouble.sentence for trouble in disks(settings)), str(error)])


def there(place: Path) -> Path:
    """Gives the nearest folder that exists."""
    return place if place.exists() else there(place.parent)


def started(running: Leader, at: datetime) -> datetime:
    """Gives since when a process runs the beats; the present where it does not say."""
    try:
        return naive(datetime.fromisoformat(running.since))
    except ValueError:
        return at


def clock_time(instant: datetime, at: datetime) -> str:
    """Writes an instant for a sentence of the day; an older one has its date.

    >>> clock_time(datetime(2026, 1, 5, 9, 41), datetime(2026, 1, 5, 10))
    '09:41 UTC'
    >>> clock_time(datetime(2026, 1, 5, 9, 41), datetime(2027, 1, 1))
    '5 Jan 2026 09:41 UTC'
    """
    if abs(at - instant) < timedelta(hours=20):
        return f"{instant:%H:%M} UTC"
    return f"{instant.day} {instant:%b %Y %H:%M} UTC"


def ended(sentence: str) -> str:
    """Gives a sentence on one line, with its full stop."""
    line = " ".join(sentence.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."
