"""Finds what keeps data from coming, in sentences that the page, `status` and /healthz share.

Background jobs run by this machine's clock. Contacts are judged by the shown one, as they were written.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from pipeline.config.clock import naive
from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.config.wording import clock_time, dated, span
from pipeline.maintenance.clock_jumps import REMEDY, expiry_stop, retention_stop
from pipeline.scheduler.jobs import AGAIN, HEARTBEAT, LONG_RUN, BackgroundJob, background_jobs
from pipeline.store.lake import Store
from pipeline.store.leader import current_leader
from pipeline.store.process_lock import Holder

Kind = Literal["dead", "late", "disk", "failed", "long", "contact", "clock"]
STOPPED = ("dead", "late", "disk", "failed", "contact")
"Kinds of trouble in which something new does not come or is not looked at; /healthz answers 503."
ROOM = 64 * 1024 * 1024
"Bytes below which a disk is called full: a commit needs room for its rows and for the catalog's journal."
LONG = timedelta(hours=1)
"A background job that is at work for longer is worth a sentence."
FIRST = timedelta(seconds=30)
"Within which every background job has begun for the first time."
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
    "A background job, a feed of a tenant, a disk, or the pipeline."
    sentence: str


def troubles(store: Store, at: datetime) -> list[Trouble]:
    """Finds the troubles of now, the gravest first; none when data comes as it should. `at` is real time."""
    at = naive(at)
    runs = {str(row["job"]): row for row in store.ask(LAST_RUNS).to_pylist()}
    running = current_leader(store.settings)
    contacts = store.ask(CONTACTS).to_pylist()
    reasons = [" ".join(row["detail"].split()) for row in contacts if row["detail"]]
    all_troubles = [*disks(store.settings)]
    if running is None:
        all_troubles += not_running(store.settings, runs, at)
    else:
        expected = background_jobs(store.settings)
        for job in expected:
            all_troubles += job_troubles(job, runs.get(job.name), running, at)
    told = [
        trouble
        for trouble in all_troubles
        # What a poll failed for is said of the tenant and feed, with when it is tried again.
        if trouble.kind != "failed" or not any(reason in trouble.sentence for reason in reasons)
    ]
    clock = [one for one in clock_troubles(store, at) if not any(one.sentence in other.sentence for other in told)]
    return told + clock + list(contact_troubles(contacts, at))


def not_running(settings: Settings, runs: dict[str, Any], at: datetime) -> Iterator[Trouble]:
    """Reports that no process runs the background jobs; a store that is only loaded by hand needs none."""
    last = max((row["ended_at"] or row["began_at"] for row in runs.values()), default=None)
    if last is not None:
        sentence = f"The pipeline has not run since {moment(last, at)}: nothing new is read; {WATCH}."
        yield Trouble("dead", "pipeline", sentence)
    elif settings.tenants or not settings.beats:
        yield Trouble("dead", "pipeline", f"The pipeline has never run here: nothing is read by itself; {WATCH}.")


def job_troubles(job: BackgroundJob, row: dict[str, Any] | None, running: Holder, at: datetime) -> Iterator[Trouble]:
    """Reports the troubles of one background job, which `running` should run."""
    since = started(running, at)
    if row is not None and row["ended_at"] is None and row["began_at"] >= since:
        if at - row["began_at"] > LONG:
            sentence = f"The background job {job.name} has been running since {moment(row['began_at'], at)}."
            yield Trouble("long", job.name, sentence)
        if row["detail"].startswith(AGAIN):
            sentence = (
                f"The background job {job.name} failed and has been running again since {moment(row['began_at'], at)}"
            )
            yield Trouble("failed", job.name, f"{sentence}: {ended(row['detail'].removeprefix(AGAIN))}")
        return
    last = row["ended_at"] if row is not None else None
    allowed = 2 * timedelta(seconds=job.every) + HEARTBEAT + 2 * LONG_RUN + FIRST
    if at - max(last or since, since) > allowed:
        ran = f"it last ran at {moment(last, at)}" if last else "it never ran"
        due = f"is due every {span(job.every)}; see the log of {running}"
        yield Trouble("late", job.name, f"The background job {job.name} is late: {ran} and {due}.")
    if row is not None and row["outcome"] == "failed":
        failed = f"The background job {job.name} failed at {moment(last or row['began_at'], at)} and is retried"
        yield Trouble("failed", job.name, f"{failed} every {span(job.every)}: {ended(row['detail'])}")


def contact_troubles(rows: list[dict[str, Any]], at: datetime) -> Iterator[Trouble]:
    """Reports the trouble of each tenant, once for all feeds that fail alike."""
    for (tenant, detail), alike in groupby(rows, lambda row: (str(row["tenant"]), str(row["detail"]))):
        fed = list(alike)
        feeds = ", ".join(str(row["feed"]) for row in fed)
        reached = min((row["reached_at"] for row in fed if row["reached_at"]), default=None)
        again = min((row["next_try_at"] for row in fed if row["next_try_at"]), default=None)
        last = f"It last answered at {moment(reached, at)}" if reached else "It has never answered"
        tried = f"; the next attempt is at {moment(again, at)}" if again else ""
        reason = ended(detail.removeprefix(f"{tenant}: "))
        yield Trouble("contact", f"{tenant}: {feeds}", f"{tenant} ({feeds}): {reason} {last}{tried}.")


def clock_troubles(store: Store, at: datetime) -> Iterator[Trouble]:
    """Reports that this machine's clock may have jumped, for which maintenance drops nothing."""
    now = at.replace(tzinfo=UTC)
    if stop := retention_stop(store, now) or expiry_stop(store, now):
        yield Trouble("clock", "clock", f"{stop} Maintenance drops nothing meanwhile. {REMEDY}")


def disks(settings: Settings) -> Iterator[Trouble]:
    """Reports the disk that has no room for anything new."""
    catalog = settings.catalog_file
    places = [settings.folder, *([catalog.parent] if catalog else [])]
    for place in dict.fromkeys(existing_folder(place) for place in places):
        free = shutil.disk_usage(place).free
        if free < ROOM:
            left = f"The disk that holds {place} has {free / 1e6:,.0f} MB left"
            remedy = "nothing new can be stored until there is room. Earlier data is still shown."
            yield Trouble("disk", str(place), f"{left}: {remedy}")
            return


def explained(settings: Settings, error: StoreError) -> str:
    """Explains why a store cannot be read or written; a full disk comes first, since SQLite only says I/O."""
    return " ".join([*(trouble.sentence for trouble in disks(settings)), str(error)])


def existing_folder(place: Path) -> Path:
    """Returns the nearest folder that exists."""
    return place if place.exists() else existing_folder(place.parent)


def started(running: Holder, at: datetime) -> datetime:
    """Returns since when a process runs the background jobs; the present where its note does not say."""
    try:
        return naive(datetime.fromisoformat(running.since))
    except ValueError:
        return at


def moment(instant: datetime, at: datetime) -> str:
    """Writes an instant for a sentence of the day; an older one has its date.

    >>> moment(datetime(2026, 1, 5, 9, 41), datetime(2026, 1, 5, 10))
    '09:41 UTC'
    >>> moment(datetime(2026, 1, 5, 9, 41), datetime(2027, 1, 1))
    '5 Jan 2026, 09:41 UTC'
    """
    return clock_time(instant) if abs(at - instant) < timedelta(hours=20) else dated(instant)


def ended(sentence: str) -> str:
    """Returns a sentence on one line, with its full stop."""
    line = " ".join(sentence.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."
