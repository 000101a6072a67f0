"""What each background job does, and the row that records its last run.

A job returns a sentence about what it did, or nothing when there was nothing to do.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from pipeline.collect.contacts import Contact, read_contacts
from pipeline.collect.inbox import Inbox
from pipeline.config.clock import naive, now
from pipeline.config.errors import JobFailed, TenantsError
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant, read_tenants
from pipeline.maintenance.chores import maintain, stop_sentences
from pipeline.maintenance.publish import publish
from pipeline.notify.enqueue import outbox_writer
from pipeline.rules.catch_up import check_due, failed_rules, sentence
from pipeline.store.fence import FENCE
from pipeline.store.lake import LAKE, Cursor, Store
from pipeline.store.rows import insert_rows

if TYPE_CHECKING:
    from pipeline.collect.polling import PollJob

HEARTBEAT = timedelta(minutes=5)
"How often a job without news is still recorded: an idle store does not grow."
LONG_RUN = timedelta(minutes=1)
"A run that takes longer is recorded as running, so that it is not taken for one that is late."
CHECK_AT_LEAST_S = 15
"How often the check job looks whether one is due, which goes by the log's time."
NOTIFY_S = 15
"How often the notify job looks whether a message is due."
AGAIN = "at work again after it failed: "
"What is recorded of a job that is running and failed the time before."
QUIET = ("background_jobs", "contacts", "rule_runs", FENCE)
"Tables about collecting itself; a change of them is no news of what was collected."


class Stopping(Exception):
    """The scheduler was stopped while a job was running; what it has committed stays."""


@dataclass(frozen=True)
class BackgroundJob:
    """One thing that the scheduler does again and again."""

    name: str
    every: int
    "Seconds."
    work: Callable[[Store, Event], str]
    end: Callable[[], None] = lambda: None
    "Closes what it keeps open between two runs, after the last one."


def background_jobs(settings: Settings) -> list[BackgroundJob]:
    """Returns the jobs that the settings ask for."""
    polls = Polls()
    chosen = [
        BackgroundJob("ingest", settings.ingest_every, InboxJob()),
        BackgroundJob("maintain", settings.maintain_every, tidy),
        *([BackgroundJob("poll", settings.poll_every, polls, polls.close)] if settings.tenants else []),
        *([BackgroundJob("container", settings.poll_every, Containers())] if with_container(settings) else []),
        BackgroundJob("check", min(settings.check_every, CHECK_AT_LEAST_S), check_rules),
        *([BackgroundJob("notify", NOTIFY_S, Notifying())] if settings.notify else []),
    ]
    return chosen + ([BackgroundJob("publish", settings.publish_every, Publishing())] if settings.publish else [])


class InboxJob:
    """Reads the inbox when a change of it is reported, and else as often as looking at all of it is cheap."""

    def __init__(self) -> None:
        self.inbox = Inbox()

    def __call__(self, store: Store, stop: Event) -> str:
        return read_inbox(store, stop, self.inbox) if self.inbox.is_due else ""


def read_inbox(store: Store, stop: Event, inbox: Inbox | None = None) -> str:
    """Reads what is new in the inbox; stopped, it ends between two transactions. What is being written waits."""

    def raise_if_stopped(_done: int, _everything: int) -> None:
        if stop.is_set():
            raise Stopping

    store.settings.inbox.mkdir(parents=True, exist_ok=True)
    report, waiting = (inbox or Inbox()).read(store, raise_if_stopped)
    read = [file for file in report.files if file.lines]
    if report.unreadable:
        raise JobFailed(" ".join(faults(store, report.unreadable)))
    kept, rejects = sum(file.kept for file in read), sum(file.rejects for file in read)
    counts = (
        [f"{len(read)} files: {sum(file.lines for file in read)} lines, {kept} kept, {rejects} rejects"] if read else []
    )
    return "; ".join([*counts, *(f"{Path(file.name).name} is still being written and waits" for file in waiting)])


def faults(store: Store, unreadable: Iterable[str]) -> list[str]:
    """Returns why files could not be read, each in a sentence; the ledger has it where their bytes' mark would be."""
    rows = store.rows("select file, fingerprint from files where list_contains(?, file) order by file", [[*unreadable]])
    return [f"{file} {fault}." for file, fault in rows]


def tidy(store: Store, _stop: Event) -> str:
    """Runs a round of maintenance."""
    began = datetime.now(UTC)
    done = maintain(store, began)
    if stops := stop_sentences(store, began):
        raise JobFailed(" ".join(stops))
    return ", ".join(f"{item.chore} {item.amount} {item.unit} of {item.subject}" for item in done)


class Polls:
    """Polls Microsoft Graph; azure-identity is only loaded where there are tenants."""

    def __init__(self) -> None:
        self._polling: PollJob | None = None

    def __call__(self, store: Store, stop: Event) -> str:
        from pipeline.collect.graph.errors import Stopped
        from pipeline.collect.polling import PollJob

        self._polling = self._polling or PollJob()
        try:
            return self._polling(store, stop)
        except Stopped:
            raise Stopping from None

    def close(self) -> None:
        """Closes every connection."""
        if self._polling is not None:
            self._polling.close()


def with_container(settings: Settings) -> list[Tenant]:
    """Returns the tenants that have a storage container; what is wrong with their file, the poll job reports."""
    try:
        return [tenant for tenant in read_tenants(settings) if tenant.container]
    except TenantsError:
        return []


class Containers:
    """Reads what is new in the tenants' containers; Azure's library is only loaded where there is one."""

    def __init__(self) -> None:
        self._contacts: dict[str, Contact] = {}

    def __call__(self, store: Store, stop: Event) -> str:
        from pipeline.collect.blobs import is_backing_off, read_container

        news, failed = list[str](), list[str]()
        for tenant in with_container(store.settings):
            at = now(store.settings)
            if is_backing_off(store, tenant, at):
                failed.append(read_contacts(store, tenant.name)["container"].detail)
                continue
            report = read_container(store, tenant, at, stop, unwritten=self._contacts)
            if report.outcome == "stopped":
                raise Stopping
            if report.outcome == "failed":
                failed.append(report.detail)
            elif report.lines:
                news.append(f"{tenant.name}: {report.detail}")
        if failed:
            raise JobFailed(" ".join(failed))
        return " ".join(news)


def check_rules(store: Store, stop: Event) -> str:
    """Makes the checks that are due; the changes go into the outbox with them."""
    done = check_due(store, along=outbox_writer(store), stopping=stop.is_set)
    if failed := failed_rules(store):
        raise JobFailed(
            f"Rules that failed in the last check: {', '.join(failed)}; the incidents of rule_failed show since when."
        )
    return sentence(done)


class Notifying:
    """Writes digests whose time has come and what was snoozed, and sends what is due.

    apprise is only loaded where there are routes.
    """

    def __init__(self) -> None:
        self._unsnoozed: datetime | None = None
        "Until when snoozes that ended were looked at."

    def __call__(self, store: Store, _stop: Event) -> str:
        from pipeline.notify.deliver import deliver_due
        from pipeline.notify.digest import send_digest
        from pipeline.notify.enqueue import enqueue_unsnoozed
        from pipeline.notify.routes import read_routes

        routes, at = read_routes(store.settings), naive(now(store.settings))
        send_digest(store, at, routes)
        self._unsnoozed = enqueue_unsnoozed(store, routes, self._unsnoozed)
        sent = deliver_due(store, at, routes)
        failed = sum(one.error is not None for one in sent)
        return f"{len(sent) - failed} messages sent, {failed} failed" if sent else ""


class Publishing:
    """Publishes when there is news since it last did.

    Without news too, so often that the file and its spare are of snapshots which the store still has: what was done
    since an expired one is not on record, and everything would have to be written anew.
    """

    def __init__(self) -> None:
        self._published: int | None = None
        self._tried = 0.0

    def __call__(self, store: Store, _stop: Event) -> str:
        file, newest = store.settings.publish, latest_news(store)
        is_aging = time.monotonic() - self._tried > store.settings.keep_snapshots / 3
        has_news = file is not None and (newest != self._published or not file.exists())
        if file is None or not (has_news or is_aging):
            return ""
        try:
            size = publish(store, file.absolute())
        except Exception as error:
            raise JobFailed(f"{file}: {error or type(error).__name__}") from error
        self._published, self._tried = newest, time.monotonic()
        return f"{file}: {size} bytes" if has_news else ""


def latest_news(store: Store) -> int:
    """Returns the newest snapshot that changed more than the tables about collecting; 0 when none is on record.

    Takes some 50 ms once a revision.
    """
    news = f"""
        select coalesce(max(snapshot_id), 0)::bigint as newest
        from ducklake_snapshots('{LAKE}')
        cross join (
            select list(table_id::varchar) as quiet
            from ducklake_table_info('{LAKE}')
            where list_contains({list(QUIET)}, table_name)
        )
        where exists (
            select 1
            from (select unnest(map_entries(changes)) as change)
            where change.key not in ('merge_adjacent', 'rewrite_delete')
                and len(list_intersect(change.value, quiet)) < len(change.value)
        )"""
    return int(store.ask(news)["newest"][0].as_py())


@dataclass(frozen=True)
class JobRun:
    """A row of `background_jobs`: a job's last run. Instants are naive UTC, of this machine's clock."""

    job: str
    began_at: datetime
    ended_at: datetime | None
    outcome: str
    detail: str


def record_run(store: Store, job: str, began_at: datetime, outcome: str, detail: str) -> None:
    """Records a run that has ended. `began_at` has its zone."""
    replace_runs(store, [JobRun(job, naive(began_at), naive(datetime.now(UTC)), outcome, detail)])


def record_running(store: Store, job: str, began_at: datetime) -> None:
    """Records that a job has been running since `began_at`; that it failed before stays until it succeeds."""
    former = store.rows("select outcome, detail from background_jobs where job = ?", [job])
    outcome, detail = former[0] if former else ("", "")
    failure = f"{AGAIN}{detail.removeprefix(AGAIN)}" if outcome == "failed" or detail.startswith(AGAIN) else ""
    replace_runs(store, [JobRun(job, naive(began_at), None, "running", failure or "at work")])


def replace_runs(store: Store, runs: Sequence[JobRun]) -> None:
    """Writes the last runs of some jobs in place of the ones before."""
    if not runs:
        return

    def replace(cursor: Cursor) -> None:
        cursor.execute("delete from background_jobs where job in (select unnest(?))", [[run.job for run in runs]])
        insert_rows(cursor, "background_jobs", runs)

    store.write(replace)
