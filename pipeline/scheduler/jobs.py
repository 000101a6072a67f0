"""What each beat does, and the row that says when it last did it.

A beat gives a sentence about what it did, or nothing when there was nothing to do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

from pipeline.collect.inbox import unfinished
from pipeline.config.clock import naive, now
from pipeline.config.errors import TenantsError
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant, read_tenants
from pipeline.ingest.files import ingest
from pipeline.maintenance.chores import maintain
from pipeline.maintenance.publish import publish
from pipeline.notify.enqueue import outbox_writer
from pipeline.rules.catch_up import check_due, sentence
from pipeline.store.lake import LAKE, Cursor, Store

if TYPE_CHECKING:
    from pipeline.collect.polling import PollJob

HEARTBEAT = timedelta(minutes=1)
"How often a beat without news still says that it ran, and one that is at work that it is."
CHECK_AT_LEAST_S = 15
"How often it is looked whether a check is due, which goes by the log's time."
NOTIFY_S = 15
"How often it is looked whether a message is due."
QUIET = ("beats", "contacts", "rule_runs")
"Tables that tell how collecting goes; that they moved is no news of what was collected."


class Stopping(Exception):
    """The beats were told to stop while one was at work; what it has committed stays."""


@dataclass(frozen=True)
class Beat:
    """One thing that happens again and again."""

    name: str
    every: int
    "Seconds."
    work: Callable[[Store, Event], str]
    end: Callable[[], None] = lambda: None
    "Lets go of what it keeps between two turns, after the last one."


def beats(settings: Settings) -> list[Beat]:
    """Gives the beats that the settings ask for."""
    polls = Polls()
    chosen = [
        Beat("ingest", settings.ingest_every, read_inbox),
        Beat("maintain", settings.maintain_every, tidy),
        *([Beat("poll", settings.poll_every, polls, polls.close)] if settings.tenants else []),
        *([Beat("container", settings.poll_every, read_containers)] if contained(settings) else []),
        Beat("check", min(settings.check_every, CHECK_AT_LEAST_S), ask_rules),
        *([Beat("notify", NOTIFY_S, tell)] if settings.notify else []),
    ]
    return chosen + ([Beat("publish", settings.publish_every, Publishing())] if settings.publish else [])


def read_inbox(store: Store, stop: Event) -> str:
    """Reads what is new in the inbox; told to stop, it ends between two transactions. What is being written waits."""

    def heed(_done: int, _everything: int) -> None:
        if stop.is_set():
            raise Stopping

    inbox = store.settings.inbox
    inbox.mkdir(parents=True, exist_ok=True)
    waiting = unfinished(inbox)
    read = [file for file in ingest(store, [inbox], progress=heed, leave=waiting).files if file.lines]
    kept, rejects = sum(file.kept for file in read), sum(file.rejects for file in read)
    said = (
        [f"{len(read)} files: {sum(file.lines for file in read)} lines, {kept} kept, {rejects} rejects"] if read else []
    )
    return "; ".join([*said, *(f"{path.name} is still being written and waits" for path in sorted(waiting))])


def tidy(store: Store, _stop: Event) -> str:
    """Does a round of maintenance."""
    done = maintain(store, datetime.now(UTC))
    return ", ".join(f"{item.chore} {item.amount} {item.unit} of {item.subject}" for item in done)


class Polls:
    """Asks Microsoft Graph; azure-identity is only loaded where tenants are asked."""

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
        """Ends every connection."""
        if self._polling is not None:
            self._polling.close()


def contained(settings: Settings) -> list[Tenant]:
    """Gives the tenants that have a storage container; what is wrong with their file, the beat that polls says."""
    try:
        return [tenant for tenant in read_tenants(settings) if tenant.container]
    except TenantsError:
        return []


def read_containers(store: Store, stop: Event) -> str:
    """Reads what is new in the tenants' containers; Azure's library is only loaded where there is one."""
    from pipeline.collect.blobs import is_backing_off, read_container

    said = []
    for tenant in contained(store.settings):
        at = now(store.settings)
        if is_backing_off(store, tenant, at):
            continue
        report = read_container(store, tenant, at, stop)
        if report.outcome == "stopped":
            raise Stopping
        if report.lines or report.outcome == "failed":
            said.append(report.detail if report.outcome == "failed" else f"{tenant.name}: {report.detail}")
    return " ".join(said)


def ask_rules(store: Store, stop: Event) -> str:
    """Makes the checks that are due; what they change is told to whom it concerns."""
    return sentence(check_due(store, along=outbox_writer(store), stopping=stop.is_set))


def tell(store: Store, _stop: Event) -> str:
    """Writes digests whose time has come, and sends what is due; apprise is only loaded where somebody is told."""
    from pipeline.notify.deliver import deliver_due
    from pipeline.notify.digest import send_digest
    from pipeline.notify.routes import read_routes

    routes, at = read_routes(store.settings), naive(now(store.settings))
    send_digest(store, at, routes)
    sent = deliver_due(store, at, routes)
    failed = sum(one.error is not None for one in sent)
    return f"{len(sent) - failed} messages sent, {failed} failed" if sent else ""


class Publishing:
    """Publishes when there is news since it last did."""

    def __init__(self) -> None:
        self._published: int | None = None

    def __call__(self, store: Store, _stop: Event) -> str:
        file, newest = store.settings.publish, latest_news(store)
        if file is None or (newest == self._published and file.exists()):
            return ""
        size = publish(store, file.absolute())
        self._published = newest
        return f"{file}: {size} bytes"


def latest_news(store: Store) -> int:
    """Gives the newest snapshot that changed more than how collecting goes; 0 when none is remembered.

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


def record(store: Store, beat: str, began_at: datetime, outcome: str, detail: str) -> None:
    """Keeps one row a beat: when it last ran, and how that went. Instants are UTC."""
    keep(store, [beat, naive(began_at), naive(datetime.now(UTC)), outcome, detail])


def record_at_work(store: Store, beat: str, began_at: datetime) -> None:
    """Keeps that a beat has been at work since `began_at`."""
    keep(store, [beat, naive(began_at), None, "running", "at work"])


def keep(store: Store, row: list[object]) -> None:
    """Puts a row in place of its beat's former one."""

    def replace(cursor: Cursor) -> None:
        cursor.execute("delete from beats where beat = ?", row[:1])
        cursor.execute("insert into beats values (?, ?, ?, ?, ?)", row)

    store.write(replace)


def last_runs(store: Store) -> Mapping[str, tuple[datetime, str, str]]:
    """Gives each beat's last recorded end, outcome and detail."""
    rows = store.rows("select beat, ended_at, outcome, detail from beats")
    return {str(beat): (ended_at, outcome, detail) for beat, ended_at, outcome, detail in rows}
