"""Reads what is new in a tenant's container of diagnostic logs: each blob from the byte where the last reading ended.

Old hours are listed again each time, since blobs grow late. Records come at least once; the
store counts the others as duplicates.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from threading import Event

from pipeline.collect.blobs.container import Blob, BlobChanged, Container, ContainerMissing
from pipeline.collect.blobs.stretches import MARK, Stretch, digest, land_stretches
from pipeline.collect.contacts import Contact, has_news, newest_contacts, read_contacts, retry_pause
from pipeline.collect.watermark import CoverageKey, add_coverage
from pipeline.collect.windows import Covered
from pipeline.config.clock import naive
from pipeline.config.errors import ContainerError
from pipeline.config.retry_policy import BLOB_REQUESTS, RetryPolicy
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant
from pipeline.ingest.layout import ends_with_object
from pipeline.ingest.offsets import Entry, read_ledger
from pipeline.store.lake import Cursor, Store

AT_ONCE = 8
"Blobs that are read at the same time."
TOGETHER = 512
"Blobs that land in one transaction, if they are small: what an account answers within some seconds."
STRETCH = 1 << 26
"Bytes of blobs that are held in memory at most, but for a record that is longer; some 20,000 events."
FEED = "container"
Candidate = tuple[Blob, Entry | None]


@dataclass
class ContainerReport:
    """The result of reading a container once."""

    tenant: str
    container: str
    outcome: str = "ok"
    "ok, failed, or stopped."
    detail: str = ""
    "What was read, or what failed and what to do, in a sentence."
    blobs: int = 0
    "Blobs that the container lists."
    read: int = 0
    "Those in which something was new."
    lines: int = 0
    kept: int = 0
    duplicates: int = 0
    rejects: int = 0
    requests: int = 0
    seconds: float = 0.0


def read_container(
    store: Store,
    tenant: Tenant,
    now: datetime,
    stop: Event | None = None,
    policy: RetryPolicy = BLOB_REQUESTS,
    unwritten: dict[str, Contact] | None = None,
) -> ContainerReport:
    """Reads what is new in a tenant's container, and writes its status; `now` is the shown present, UTC.

    Where `stop` is set, it ends between two transactions. What Azure refuses is the report's sentence, not an error.
    `unwritten` keeps each container's status between two readings, which is not always worth writing.
    """
    began, report = time.monotonic(), ContainerReport(tenant.name, tenant.container)
    oldest, skew = None, None
    try:
        with Container(tenant, policy) as container:
            try:
                oldest = read_blobs(store, container, tenant, report, stop or Event())
            finally:
                report.requests, skew = container.requests, container.skew_s
    except ContainerMissing as absent:
        report.detail = str(absent)
    except ContainerError as error:
        report.outcome, report.detail = "failed", str(error)
    report.detail = report.detail or summary(report)
    report.seconds = round(time.monotonic() - began, 3)
    if report.outcome != "stopped":
        write_status(store, tenant, naive(now), report, oldest, skew, {} if unwritten is None else unwritten)
    return report


def read_blobs(
    store: Store, container: Container, tenant: Tenant, report: ContainerReport, stop: Event
) -> datetime | None:
    """Lands what is new in every blob; returns the hour of the oldest one, where the listing's coverage begins."""
    ledger, blobs = read_ledger(store, f"{tenant.container.rstrip('/')}/"), container.blobs()
    report.blobs = len(blobs)
    limit = min(store.settings.slice_bytes, STRETCH)
    with ThreadPoolExecutor(AT_ONCE, "blobs") as pool:
        for batch in batches([(blob, ledger.get(blob.url)) for blob in blobs], limit):
            if stop.is_set():
                report.outcome = "stopped"
                return None
            read = pool.map(lambda one: stretch_of(container, one[0], one[1], limit), batch)
            stretches = [one for one in read if one is not None]
            land_and_count(store, stretches, report)
            report.read += len(stretches)
            for one in stretches:
                land_rest(store, container, one, limit, report, stop)
    if stop.is_set():
        report.outcome = "stopped"
        return None
    return min((blob.hour for blob in blobs if blob.hour), default=None)


def batches(candidates: list[Candidate], limit: int) -> Iterator[list[Candidate]]:
    """Groups the blobs in which something may be new, many small ones together."""
    batch: list[Candidate] = []
    waiting = 0
    for blob, entry in candidates:
        if not blob.size or (entry is not None and entry.fingerprint.endswith(f" {blob.etag}")):
            continue
        amount = min(limit, blob.size - (entry.read_to if entry and entry.read_to < blob.size else 0))
        if batch and (len(batch) >= TOGETHER or waiting + amount > limit):
            yield batch
            batch, waiting = [], 0
        batch.append((blob, entry))
        waiting += amount
    if batch:
        yield batch


def stretch_of(container: Container, blob: Blob, entry: Entry | None, limit: int) -> Stretch | None:
    """Reads the whole lines of a blob behind what was read of it; all of it when it was written anew."""
    try:
        if entry is None or not 0 < entry.read_to <= blob.size:
            return cut(container, blob, 0, b"", b"", limit)
        begin = max(0, entry.read_to - MARK)
        data = container.read(blob, begin, min(blob.size, entry.read_to + limit))
        mark, rest = data[: entry.read_to - begin], data[entry.read_to - begin :]
        if digest(mark) != entry.fingerprint.partition(" ")[0]:
            return cut(container, blob, 0, b"", b"", limit)
        return cut(container, blob, entry.read_to, mark, rest, limit)
    except BlobChanged:
        return None


def cut(container: Container, blob: Blob, begin: int, mark: bytes, data: bytes, limit: int) -> Stretch:
    """Cuts what follows byte `begin` behind its last whole line; reads until there is one, or the blob ends."""
    while True:
        whole = begin + len(data) >= blob.size
        end = len(data) if whole and (not blob.grows or ends_with_object(data)) else data.rfind(b"\n") + 1
        if whole or (end and blob.grows):
            return Stretch(blob, begin, data[:end], whole, (mark + data[:end])[-MARK:])
        data += container.read(blob, begin + len(data), min(blob.size, begin + len(data) + limit))


def land_rest(
    store: Store, container: Container, stretch: Stretch, limit: int, report: ContainerReport, stop: Event
) -> None:
    """Lands the rest of a large blob, a stretch at a time."""
    while not stretch.last and not stop.is_set():
        try:
            stretch = cut(container, stretch.blob, stretch.end, stretch.mark, b"", limit)
        except BlobChanged:
            return
        land_and_count(store, [stretch], report)


def land_and_count(store: Store, stretches: list[Stretch], report: ContainerReport) -> None:
    """Lands stretches and adds their counts to the report."""
    for result in land_stretches(store, stretches):
        report.lines += result.lines
        report.kept += result.kept
        report.duplicates += result.duplicates
        report.rejects += result.rejects


def summary(report: ContainerReport) -> str:
    """Describes what was read."""
    if not report.blobs:
        return "The container holds no blob of this tenant yet."
    if not report.lines:
        return f"{report.blobs} blobs, nothing new."
    return (
        f"{report.read} of {report.blobs} blobs grew: {report.lines} lines, {report.kept} kept, "
        f"{report.duplicates} duplicates, {report.rejects} rejects."
    )


def write_status(
    store: Store,
    tenant: Tenant,
    now: datetime,
    report: ContainerReport,
    oldest: datetime | None,
    skew: float | None,
    unwritten: dict[str, Contact],
) -> None:
    """Writes the container's status and the listing's coverage; without news, every few minutes."""
    stored = read_contacts(store, tenant.name)
    newest = newest_contacts(stored, {FEED: unwritten[tenant.name]} if tenant.name in unwritten else {})
    row = contact(newest.get(FEED) or Contact(tenant.name, FEED), store.settings, now, report, skew)
    unwritten[tenant.name] = row
    if not report.lines and not has_news(row, stored.get(FEED)):
        return

    def write(cursor: Cursor) -> None:
        cursor.execute("delete from contacts where tenant = ? and feed = ?", [row.tenant, row.feed])
        cursor.execute("insert into contacts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", list(astuple(row)))
        if oldest is not None:
            add_listing_coverage(cursor, tenant, now, oldest)

    store.write(write)


def contact(former: Contact, settings: Settings, now: datetime, report: ContainerReport, skew: float | None) -> Contact:
    """Returns the container's row in `contacts`; each failure in a row doubles the time until the next try."""
    if report.outcome != "failed":
        return former.after_success(now, report.detail, report.requests, skew)
    return former.after_failure(now, report.detail, report.requests, retry_pause(former.failures + 1, settings))


def is_backing_off(store: Store, tenant: Tenant, now: datetime) -> bool:
    """Whether a container that could not be read is not tried yet."""
    status = read_contacts(store, tenant.name).get(FEED)
    return status is not None and not status.due(naive(now))


def add_listing_coverage(cursor: Cursor, tenant: Tenant, now: datetime, oldest: datetime) -> None:
    """Adds the listing's coverage, from its oldest hour until now, merged with that of earlier ones.

    An hour's blob freezes 2 to 8 minutes after its end, so the hour before the present one is not settled yet. When a
    diagnostic setting is new, Azure may add to old hours for hours; for this category that is unverified.
    """
    key = CoverageKey(
        "diagnostic", tenant.tenant_id.lower(), f"container:{tenant.container.rstrip('/').rpartition('/')[2]}"
    )
    settled = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    add_coverage(cursor, key, Covered(oldest, max(oldest, settled), max(oldest, now)), now)
