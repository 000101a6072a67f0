"""How asking goes: one row of `contacts` a tenant and feed, replaced when there is news and otherwise once a minute."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime, timedelta

from pipeline.config.clock import clock_of
from pipeline.config.retry_policy import FEED_LONGEST_S, RetryPolicy
from pipeline.config.settings import Settings
from pipeline.store.lake import Cursor, Store

OFTEN = timedelta(seconds=55)
"A row without news is written again when it is older than this: every commit makes open pages look again."


@dataclass(frozen=True)
class Contact:
    """A row of `contacts`; instants are UTC without a zone."""

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
        """Whether it may be asked again."""
        return self.next_try_at is None or now >= self.next_try_at

    def reached(self, now: datetime, detail: str, requests: int, skew_s: float | None) -> "Contact":
        """Gives the row after a try that went well."""
        skew = self.skew_s if skew_s is None else skew_s
        return Contact(self.tenant, self.feed, now, now, "ok", detail, 0, None, self.requests + requests, skew)

    def failed(self, now: datetime, detail: str, requests: int, pause: timedelta) -> "Contact":
        """Gives the row after a try that did not."""
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
    """Gives a tenant's rows by feed."""
    names = ", ".join(field.name for field in fields(Contact))
    return {row[1]: Contact(*row) for row in store.rows(f"select {names} from contacts where tenant = ?", [tenant])}


def keep_contacts(store: Store, rows: Iterable[Contact], known: dict[str, Contact]) -> None:
    """Replaces the rows that have news since what is `known`, by feed; all in one transaction, or none at all."""
    news = [row for row in rows if worth_writing(row, known.get(row.feed))]
    if not news:
        return

    def write(cursor: Cursor) -> None:
        for row in news:
            cursor.execute("delete from contacts where tenant = ? and feed = ?", [row.tenant, row.feed])
            cursor.execute("insert into contacts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", list(astuple(row)))

    store.write(write)


def worth_writing(row: Contact, known: Contact | None) -> bool:
    """Says whether a row tells more than the one that is stored."""
    if known is None or known.tried_at is None or row.tried_at is None:
        return True
    told = (row.outcome, row.detail, row.failures)
    return told != (known.outcome, known.detail, known.failures) or abs(row.tried_at - known.tried_at) >= OFTEN


def forget_contacts(store: Store, asked: dict[str, set[str]]) -> None:
    """Deletes the rows of tenants that are asked no more, and of feeds of theirs that were switched off.

    `asked` has each tenant's feeds that are not asked. What was read of them stays.
    """
    rows = store.rows("select tenant, feed from contacts")
    gone = [row for row in rows if row[0] not in asked or row[1] in asked[row[0]]]
    if not gone:
        return

    def delete(cursor: Cursor) -> None:
        for row in gone:
            cursor.execute("delete from contacts where tenant = ? and feed = ?", row)

    store.write(delete)
