"""What each beat does, and the row that says when it last did it.

A beat gives a sentence about what it did, or nothing when there was nothing to do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

from pipeline.ingest import ingest
from pipeline.publish import publish
from pipeline.settings import Settings
from pipeline.store import LAKE, Cursor, Store
from pipeline.upkeep import maintain


class Stopping(Exception):
    """The beats were told to stop while one was at work; what it has committed stays."""


@dataclass(frozen=True)
class Beat:
    """One thing that happens again and again."""

    name: str
    every: int
    "Seconds."
    work: Callable[[Store, Event], str]


def beats(settings: Settings) -> list[Beat]:
    """Gives the beats that the settings ask for."""
    chosen = [
        Beat("ingest", settings.ingest_every, read_inbox),
        Beat("maintain", settings.maintain_every, tidy),
    ]
    return chosen + ([Beat("publish", settings.publish_every, Publishing())] if settings.publish else [])


def read_inbox(store: Store, stop: Event) -> str:
    """Reads what is new in the inbox; told to stop, it ends between two transactions."""

    def heed(_done: int, _everything: int) -> None:
        if stop.is_set():
            raise Stopping

    inbox = store.settings.inbox
    inbox.mkdir(parents=True, exist_ok=True)
    read = [file for file in ingest(store, [inbox], progress=heed).files if file.lines]
    if not read:
        return ""
    kept, rejects = sum(file.kept for file in read), sum(file.rejects for file in read)
    return f"{len(read)} files: {sum(file.lines for file in read)} lines, {kept} kept, {rejects} rejects"


def tidy(store: Store, _stop: Event) -> str:
    """Does a round of maintenance."""
    done = maintain(store, datetime.now(UTC))
    return ", ".join(f"{item.chore} {item.amount} {item.unit} of {item.subject}" for item in done)


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
    """Gives the newest snapshot that changed something other than the beats' own rows; 0 when none is remembered."""
    news = f"""
        select coalesce(max(snapshot_id), 0)
        from ducklake_snapshots('{LAKE}')
        where exists (
            select 1
            from (select unnest(map_entries(changes)) as change)
            where change.key not in ('merge_adjacent', 'rewrite_delete')
                and change.value <> (
                    select [table_id::varchar] from ducklake_table_info('{LAKE}') where table_name = 'beats')
        )"""
    return int(store.rows(news)[0][0])


def record(store: Store, beat: str, began_at: datetime, outcome: str, detail: str) -> None:
    """Keeps one row a beat: when it last ran, and how that went. Instants are UTC."""
    row = [beat, naive(began_at), naive(datetime.now(UTC)), outcome, detail]

    def replace(cursor: Cursor) -> None:
        cursor.execute("delete from beats where beat = ?", [beat])
        cursor.execute("insert into beats values (?, ?, ?, ?, ?)", row)

    store.write(replace)


def naive(instant: datetime) -> datetime:
    """Gives an instant the store's way: UTC without a zone."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def last_runs(store: Store) -> Mapping[str, tuple[datetime, str, str]]:
    """Gives each beat's last recorded end, outcome and detail."""
    rows = store.rows("select beat, ended_at, outcome, detail from beats")
    return {str(beat): (ended_at, outcome, detail) for beat, ended_at, outcome, detail in rows}
