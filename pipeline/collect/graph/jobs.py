"""A tenant's provisioning jobs: the apps that are asked for them, and each job's state at one moment.

Apps come from stored events and jobs; once a day the directory is listed for others. An app without jobs, or one that
was not there, is asked again after a day.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from pipeline.collect.contacts import UNCHANGED
from pipeline.collect.graph.client import Forbidden, Graph, ResourceMissing
from pipeline.config.clock import naive
from pipeline.config.tenants import Tenant
from pipeline.ingest.results import FileResult
from pipeline.ingest.stream import feed
from pipeline.store.lake import Store

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PRINCIPALS = {
    "$select": "id,displayName,appId",
    "$filter": "tags/any(t:t eq 'WindowsAzureActiveDirectoryIntegratedApp')",
    "$top": "999",
}
FORBIDDEN_APPS = 3
"Apps that must be forbidden, with none allowed, before the permission is called missing."
STORED_APPS = """
    select app_id, max_by(app_name, seen_at), bool_or(job)
    from (
        select app_id, app_name, occurred_at as seen_at, false as job
        from events where tenant_id = $tenant and occurred_at >= $since
        union all
        select app_id, app_name, observed_at, true
        from job_snapshots where tenant_id = $tenant and observed_at >= $since
    )
    where app_id is not null
    group by app_id
    order by app_id"""
RECENT_JOBS = """
    select job_id, max_by(app_name, observed_at), max_by(app_id, observed_at)
    from job_snapshots
    where tenant_id = $tenant and observed_at >= $since and job_id is not null
    group by job_id
    order by job_id"""


@dataclass
class AppCache:
    """A tenant's apps, kept between two polls; losing it costs requests and nothing else."""

    names: dict[str, str | None] = field(default_factory=dict)
    "Display names by object id."
    pending: list[str] = field(default_factory=list)
    "Apps of the directory that are still to be asked."
    stored: dict[str, bool] = field(default_factory=dict)
    "Apps that the store names, and whether they have jobs."
    stored_at: datetime | None = None
    "When the store was last asked for them."
    idle: dict[str, datetime] = field(default_factory=dict)
    "When an app without jobs, or one that alone is forbidden, is asked again."
    missing: dict[str, datetime] = field(default_factory=dict)
    "When an app that was not there is asked again."
    listed_at: datetime | None = None
    "When the directory was last listed."
    no_list: str = ""
    "Why it could not be."
    landed: bytes = b""
    "A digest of the documents that landed last, without the instant at which they were read."
    landed_at: datetime = datetime.min


@dataclass
class JobsResult:
    """What asking every app once brought."""

    landed: FileResult | None = None
    jobs: int = 0
    detail: str = ""
    skew_s: float | None = None
    listed: bool = False
    "Whether the whole directory was listed."


@dataclass
class JobDocuments:
    """The job documents of one poll, before they land."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    forbidden: dict[str, Forbidden] = field(default_factory=dict)
    skew_s: float | None = None

    @property
    def permission_missing(self) -> bool:
        """Whether the permission seems to be missing altogether."""
        return len(self.forbidden) >= FORBIDDEN_APPS and not self.answered


def read_jobs(
    store: Store, graph: Graph, apps: AppCache, now: datetime, time_is_over: Callable[[], bool] = lambda: False
) -> JobsResult:
    """Reads the jobs of every app that provisions, and lands them at once; `now` is UTC.

    `time_is_over` may end the asking of apps that are not known to provision; the rest of those comes next time.
    """
    at, tenant = naive(now).replace(microsecond=0), graph.tenant
    load_stored_apps(store, tenant, apps, at)
    before = store.rows(RECENT_JOBS, {"tenant": tenant.tenant_id.lower(), "since": at - DAY})
    list_directory(graph, apps, at)
    gathered = JobDocuments()
    for app in apps_to_ask(tenant, apps, at):
        if gathered.permission_missing:
            break
        read_app_jobs(graph, apps, app, at, gathered)
    while apps.pending and not gathered.permission_missing and not time_is_over():
        read_app_jobs(graph, apps, apps.pending.pop(0), at, gathered)
    if gathered.forbidden and not gathered.answered:
        raise next(iter(gathered.forbidden.values()))
    apps.idle |= dict.fromkeys(gathered.forbidden, at + DAY)
    result = land_changed(store, tenant, apps, gathered.documents, at)
    detail = summary(apps, gathered, before, at)
    return JobsResult(
        result, len(gathered.documents), detail, gathered.skew_s, bool(apps.listed_at) and not apps.pending
    )


def load_stored_apps(store: Store, tenant: Tenant, apps: AppCache, at: datetime) -> None:
    """Reads from the store, once an hour, which apps it has."""
    if apps.stored_at is not None and at - apps.stored_at < HOUR:
        return
    since = at - timedelta(days=tenant.retention_days or store.settings.retention_days)
    for app, name, job in store.rows(STORED_APPS, {"tenant": tenant.tenant_id.lower(), "since": since}):
        apps.stored[str(app)] = bool(job)
        if name:
            apps.names[str(app)] = name
    apps.stored_at = at


def list_directory(graph: Graph, apps: AppCache, at: datetime) -> None:
    """Lists the directory's apps, once a day, unless the tenant's table says which are asked."""
    if graph.tenant.apps or (apps.listed_at is not None and at - apps.listed_at < DAY):
        return
    try:
        for page in graph.pages("servicePrincipals", **PRINCIPALS):
            for one in page.document["value"]:
                apps.names[str(one["id"])] = one.get("displayName")
                apps.pending.append(str(one["id"]))
        apps.no_list = ""
    except Forbidden:
        apps.no_list = (
            "Application.Read.All is missing, so only apps that stored events name are asked; give `apps` for others."
        )
    apps.listed_at = at


def apps_to_ask(tenant: Tenant, apps: AppCache, at: datetime) -> list[str]:
    """Returns the apps to ask in this poll: those that provision first, and of the others those whose day is over."""
    chosen = list(tenant.apps) or sorted(apps.stored, key=lambda app: (not apps.stored[app], app))
    apps.pending = [app for app in dict.fromkeys(apps.pending) if app not in chosen]
    return [app for app in chosen if max(apps.idle.get(app, at), apps.missing.get(app, at)) <= at]


def read_app_jobs(graph: Graph, apps: AppCache, app: str, at: datetime, gathered: JobDocuments) -> None:
    """Reads one app's jobs."""
    try:
        for page in graph.pages(f"servicePrincipals/{app}/synchronization/jobs"):
            jobs = [one for one in page.document["value"] if isinstance(one, dict)]
            gathered.skew_s = page.skew_s
            moment = (page.answered_at or at.replace(tzinfo=UTC)).isoformat().replace("+00:00", "Z")
            party = {"id": app, "displayName": name_of(graph, apps, app) if jobs else None}
            more = {"observedAt": moment, "tenantId": graph.tenant.tenant_id, "servicePrincipal": party}
            gathered.documents += [one | more for one in jobs]
            if jobs:
                apps.stored[app] = True
            elif not page.next:
                apps.idle[app] = at + DAY
        gathered.answered.add(app)
        apps.missing.pop(app, None)
    except ResourceMissing:
        gathered.answered.add(app)
        apps.missing[app] = at + DAY
    except Forbidden as error:
        gathered.forbidden[app] = error


def name_of(graph: Graph, apps: AppCache, app: str) -> str | None:
    """Returns an app's name, requested once where nothing stored has it."""
    if app not in apps.names:
        apps.names[app] = None
        with suppress(Forbidden, ResourceMissing):
            principal = graph.page(f"servicePrincipals/{app}", **{"$select": "id,displayName"}).document
            apps.names[app] = principal.get("displayName")
    return apps.names[app]


def land_changed(
    store: Store, tenant: Tenant, apps: AppCache, documents: list[dict[str, Any]], at: datetime
) -> FileResult | None:
    """Lands a poll's documents if one says anything new, and otherwise only every few minutes."""
    unread = [one | {"observedAt": None} for one in documents]
    digest = blake2b(json.dumps(unread).encode(), digest_size=16).digest()
    if digest == apps.landed and at - apps.landed_at < UNCHANGED:
        return None
    result = land(store, tenant, documents)
    apps.landed, apps.landed_at = digest, at
    return result


def land(store: Store, tenant: Tenant, documents: list[dict[str, Any]]) -> FileResult | None:
    """Lands a poll's documents in one transaction."""
    if not documents:
        return None
    lines = "".join(f"{json.dumps(one)}\n" for one in documents)
    return feed(store, f"graph:{tenant.name}/synchronization/jobs", lines.encode())


def summary(apps: AppCache, gathered: JobDocuments, before: list[tuple[Any, ...]], at: datetime) -> str:
    """Describes how many jobs were seen, and what has vanished since yesterday."""
    seen = {str(one.get("id")) for one in gathered.documents}
    parts = [f"{len(seen)} job{'' if len(seen) == 1 else 's'} of {len(gathered.answered)} apps reported their state."]
    lost = [app for app, until in apps.missing.items() if until > at]
    parts += [f"The app {apps.names.get(app) or app} is not in the tenant any more." for app in sorted(lost)]
    parts += [
        f"The job {job} of {name or app} is gone; it was there within the last day."
        for job, name, app in before
        if job not in seen and app in gathered.answered and app not in lost
    ]
    if apps.pending:
        parts.append(f"{len(apps.pending)} apps of the directory are still to be asked.")
    return " ".join([*parts, apps.no_list] if apps.no_list else parts)
