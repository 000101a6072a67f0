"""The outbox: a message is in the store before it is sent, and so is its outcome afterwards.

A row is one change for one address. It is written in the transaction of the check that made the change; delivery
claims it, sends it and records the outcome. Nothing here touches a network.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from pipeline.config.retry_policy import MESSAGES
from pipeline.notify.messages import CLOSED, PASSED, Message
from pipeline.store.lake import Cursor, Store
from pipeline.store.rows import column_names, insert_rows

WAITING, SENDING, SENT, MERGED, GIVEN_UP = "waiting", "sending", "sent", "merged", "given_up"
"Merged: another message says it as well, since this one had not gone out when the incident changed again."
ABANDONED = timedelta(minutes=15)
"How old a claim must be to be taken over where it is not known whether its process has ended."


@dataclass(frozen=True)
class Row:
    """One message to one address. Instants are naive UTC."""

    message_id: str
    incident_id: str | None
    change: str
    route: str
    address: str
    title: str
    body: str
    severity: str
    app_name: str | None
    link: str
    created_at: datetime
    due_at: datetime
    state: str = WAITING
    attempts: int = 0
    repeats: int = 0
    "How often it was sent again because a process ended between sending and recording."
    tried_at: datetime | None = None
    "When it was first sent; a check may be as of an instant long past, so `created_at` may be old."
    claimed_at: datetime | None = None
    claimed_by: str | None = None
    sent_as: str | None = None
    "The id it goes out under; that of a group where several go as one."
    sent_at: datetime | None = None
    error: str | None = None

    @property
    def message(self) -> Message:
        """Returns the message that is sent."""
        return Message(
            self.message_id,
            self.change,
            self.severity,
            self.title,
            self.body,
            self.app_name,
            self.link,
            self.incident_id,
            self.repeats > 0,
        )


NAMES = column_names(Row)


def mark(*parts: str) -> str:
    """Returns a message's id: the same parts, the same id."""
    return sha256("|".join(parts).encode()).hexdigest()[:32]


def messages_by_incident(cursor: Cursor, incidents: Sequence[str]) -> dict[str, list[Row]]:
    """Returns the messages of incidents, as a transaction sees them; merged messages are left out."""
    if not incidents:
        return {}
    messages: dict[str, list[Row]] = {}
    for row in selected(cursor, f"list_contains(?, incident_id) and state <> '{MERGED}'", [list(incidents)]):
        messages.setdefault(row.incident_id or "", []).append(row)
    return messages


def add_rows(cursor: Cursor, rows: Sequence[Row]) -> None:
    """Adds messages."""
    insert_rows(cursor, "outbox", rows)


def selected(cursor: Cursor, condition: str, values: Sequence[object]) -> list[Row]:
    """Returns the messages that meet a condition, the oldest first."""
    matching = f"select {NAMES} from outbox where {condition} order by created_at, message_id"
    return [Row(*row) for row in cursor.execute(matching, values).fetchall()]


def waiting(store: Store) -> list[Row]:
    """Returns what has not gone out yet, the oldest first."""
    unsent = f"select {NAMES} from outbox where state in ('{WAITING}', '{SENDING}') order by created_at, message_id"
    return [Row(*row) for row in store.rows(unsent)]


def claim(store: Store, ids: Iterable[str], sent_as: str, by: str, now: datetime) -> list[Row]:
    """Claims those of some messages that still wait, so that no other process sends them; returns them."""

    def take(cursor: Cursor) -> list[Row]:
        claimed = selected(cursor, f"list_contains(?, message_id) and state = '{WAITING}'", [list(ids)])
        claiming = f"""
            update outbox
            set state = '{SENDING}', attempts = attempts + 1, tried_at = coalesce(tried_at, $1), claimed_at = $1,
                claimed_by = $2, sent_as = $3
            where list_contains($4, message_id)"""
        if claimed:
            cursor.execute(claiming, [now, by, sent_as, [one.message_id for one in claimed]])
        return claimed

    return store.write(take)


def take_over(store: Store, host: str, now: datetime) -> int:
    """Releases messages whose sender ended before it could record the outcome; returns how many.

    Only whoever holds the deliverers' lock may ask. That lock on a file is lost with the process alone; on a PostgreSQL
    catalog a living one may have lost it, so a claim of this machine is free when its process is gone.
    """
    is_over = (lambda _by: True) if store.settings.catalog_file else has_ended
    dead = [
        one.message_id
        for one in waiting(store)
        if one.state == SENDING
        and (
            ((one.claimed_by or "").startswith(f"{host} ") and is_over(one.claimed_by or ""))
            or now - (one.claimed_at or now) > ABANDONED
        )
    ]
    reason = (
        "The process that was sending it ended before it could note the outcome; it is sent again under the same id."
    )
    if dead:
        store.write(
            lambda cursor: cursor.execute(
                f"""update outbox set state = '{WAITING}', repeats = repeats + 1, due_at = ?, error = ?
                where list_contains(?, message_id) and state = '{SENDING}'""",
                [now, reason, dead],
            )
        )
    return len(dead)


def has_ended(claimed_by: str) -> bool:
    """Whether the process of this machine that claimed a message has ended, or is this one, which sends nothing now."""
    pid = int(claimed_by.rpartition(" ")[2])
    return pid == os.getpid() or not Path(f"/proc/{pid}").exists()


def record_sent(store: Store, rows: Sequence[Row], at: datetime) -> None:
    """Records that messages were taken by their receiver's server."""
    ids = [one.message_id for one in rows]
    settled = f"update outbox set state = '{SENT}', sent_at = ?, error = null where list_contains(?, message_id)"
    store.write(lambda cursor: cursor.execute(settled, [at, ids]), under_leases=False)


def record_failed(store: Store, rows: Sequence[Row], error: str, now: datetime, give_up_after: timedelta) -> None:
    """Records a failed attempt; the next one is later each time, and there is none `give_up_after` the first.

    An opening whose recovery was written meanwhile is not tried again: the recovery says both.
    """

    def settle(cursor: Cursor) -> None:
        for one in rows:
            over = selected(
                cursor,
                f"incident_id = ? and address = ? and change in ('{CLOSED}', '{PASSED}') and message_id <> ?",
                [one.incident_id, one.address, one.message_id],
            )
            state = MERGED if over else GIVEN_UP if now - (one.tried_at or now) >= give_up_after else WAITING
            cursor.execute(
                "update outbox set state = ?, error = ?, due_at = ? where message_id = ?",
                [state, error, now + timedelta(seconds=MESSAGES.pause_s(one.attempts + 1)), one.message_id],
            )

    store.write(settle, under_leases=False)
