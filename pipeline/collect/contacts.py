"""Feed status: one row of `contacts` a tenant and feed, replaced when there is news and otherwise every few minutes."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime, timedelta

from pipeline.config.clock import clock_of
from pipeline.config.retry_policy import FEED_LONGEST_S, RetryPolicy
from pipeline.config.settings import Settings
from pipeline.store.lake import Cursor, Store

UNCHANGED = timedelta(minutes=5)
"""How long what a poll finds unchanged is not written again: a feed's status, its coverage, the state of its jobs.

Every commit leaves files and catalog rows that maintenance has to take away, and makes open pages look again."""


@dataclass(frozen=True)
class Contact:
    """The status of one feed, a row of `contacts`; instants are UTC without a zone."""

    tenant: str
    feed: str
    reached_at: datetime | None = None
    tried_at: datetime | None = None
    outcome: str = "ok"
    detail: str = ""
    failures: int = 0
    next_try_at: datetime | None = None
    requests: int = 0
    skew_s: float | None = None

    def due(self, now: datetime) -> bool:
        """Whether the feed may be tried again."""
        return self.next_try_at is None or now >= self.next_try_at

    def after_success(self, now: datetime, detail: str, requests: int, skew_s: float | None) -> "Contact":
        """Returns the row after a try that succeeded."""
        skew = self.skew_s if skew_s is None else skew_s
        return Contact(self.tenant, self.feed, now, now, "ok", detail, 0, None, self.requests + requests, skew)

    def after_failure(self, now: datetime, detail: str, requests: int, pause: timedelta) -> "Contact":
        """Returns the row after a try that failed."""
        return replace(
            self,
            tried_at=now,
            outcome="failed",
            detail=detail,
            failures=self.failures + 1,
            next_try_at=now + pause,
            requests=self.requests + requests,
        )


def retry_pause(failures: int, settings: Settings, retry_after_s: float | None = None) -> timedelta:
    """Returns the pause, in shown time, before a feed that failed so often in a row is tried again."""
    policy = RetryPolicy(first_s=settings.poll_every, longest_s=FEED_LONGEST_S)
    speed = clock_of(settings.clock)[1] if settings.clock else 1.0
    return timedelta(seconds=policy.pause_s(failures, retry_after_s)) * speed


def read_contacts(store: Store, tenant: str) -> dict[str, Contact]:
    """Returns a tenant's rows by feed."""
    names = ", ".join(field.name for field in fields(Contact))
    return {row[1]: Contact(*row) for row in store.rows(f"select {names} from contacts where tenant = ?", [tenant])}


def newest_contacts(stored: dict[str, Contact], unwritten: dict[str, Contact]) -> dict[str, Contact]:
    """Returns a tenant's rows by feed, where those that had no news when they were made may be newer than the stored.

    A stored row may be another process's, or be gone because its feed was switched off.
    """
    newer = {
        feed: row
        for feed, row in unwritten.items()
        if feed in stored and (row.tried_at or datetime.min) > (stored[feed].tried_at or datetime.min)
    }
    return stored | newer


def write_contacts(store: Store, rows: Iterable[Contact], stored: dict[str, Contact]) -> dict[str, Contact]:
    """Replaces the rows that have news since the stored ones, by feed; all in one transaction, or none at all.

    Returns what is stored then.
    """
    changed = [row for row in rows if has_news(row, stored.get(row.feed))]
    if not changed:
        return stored

    def write(cursor: Cursor) -> None:
        for row in changed:
            cursor.execute("delete from contacts where tenant = ? and feed = ?", [row.tenant, row.feed])
            cursor.execute("insert into contacts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", list(astuple(row)))

    store.write(write)
    return stored | {row.feed: row for row in changed}


def has_news(row: Contact, stored: Contact | None) -> bool:
    """Whether a row differs from the stored one, or that one is old."""
    if stored is None or stored.tried_at is None or row.tried_at is None:
        return True
    status = (row.outcome, row.detail, row.failures)
    return (
        status != (stored.outcome, stored.detail, stored.failures) or abs(row.tried_at - stored.tried_at) >= UNCHANGED
    )


def delete_contacts(store: Store, disabled: dict[str, set[str]]) -> None:
    """Deletes the rows of tenants that are configured no more, and of feeds that were switched off.

    `disabled` has each configured tenant's feeds that are switched off. What was read of them stays.
    """
    rows = store.rows("select tenant, feed from contacts")
    obsolete = [row for row in rows if row[0] not in disabled or row[1] in disabled[row[0]]]
    if not obsolete:
        return

    def delete(cursor: Cursor) -> None:
        for row in obsolete:
            cursor.execute("delete from contacts where tenant = ? and feed = ?", row)

    store.write(delete)
