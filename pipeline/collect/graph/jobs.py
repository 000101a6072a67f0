"""A tenant's provisioning jobs: whose are asked, and what each says of itself at one moment.

Apps are known from stored events and jobs; once a day the directory is looked through for others. An app without jobs,
or one that is gone, is asked again after a day.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.collect.graph.client import Forbidden, Graph, NotFound
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
ENOUGH = 3
"Apps that must be forbidden, with none allowed, before the permission is called missing."
KNOWN = """
    select app_id, max_by(app_name, told_at), bool_or(job)
    from (
        select app_id, app_name, occurred_at as told_at, false as job
        from events where tenant_id = $tenant and occurred_at >= $since
        union all
        select app_id, app_name, observed_at, true
        from job_snapshots where tenant_id = $tenant and observed_at >= $since
    )
    where app_id is not null
    group by app_id
    order by app_id"""
RECENT = """
    select job_id, max_by(app_name, observed_at), max_by(app_id, observed_at)
    from job_snapshots
    where tenant_id = $tenant and observed_at >= $since and job_id is not null
    group by job_id
    order by job_id"""


@dataclass
class Apps:
    """What is remembered of a tenant's apps between two rounds; losing it costs requests and nothing else."""

    names: dict[str, str | None] = field(default_factory=dict)
    "Display names by object id."
    pending: list[str] = field(default_factory=list)
    "Apps of the directory that are still to be asked."
    known: dict[str, bool] = field(default_factory=dict)
    "Apps that the store names, and whether they have jobs."
    known_at: datetime | None = None
    "When the store was last asked for them."
    idle: dict[str, datetime] = field(default_factory=dict)
    "When an app without jobs, or one that alone is forbidden, is asked again."
    gone: dict[str, datetime] = field(default_factory=dict)
    "When an app that was not found is asked again."
    listed_at: datetime | None = None
    "When the directory was last looked through."
    no_list: str = ""
    "Why it could not be."


@dataclass
class Round:
    """What became of asking every app once."""

    result: FileResult | None = None
    jobs: int = 0
    detail: str = ""
    skew_s: float | None = None
    listed: bool = False
    "Whether the directory was looked through to its end."


@dataclass
class Found:
    """What one round gathers before it lands."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    forbidden: dict[str, Forbidden] = field(default_factory=dict)
    skew_s: float | None = None

    @property
    def hopeless(self) -> bool:
        """Whether the permission seems to be missing altogether."""
        return len(self.forbidden) >= ENOUGH and not self.answered


def ask_jobs(
    store: Store, graph: Graph, apps: Apps, now: datetime, enough: Callable[[], bool] = lambda: False
) -> Round:
    """Asks every app that provisions, and lands all they say at once; `now` is UTC.

    `enough` may end the asking of apps that are not known to provision; the rest of those comes next time.
    """
    at, tenant = naive(now).replace(microsecond=0), graph.tenant
    recall(store, tenant, apps, at)
    before = store.rows(RECENT, {"tenant": tenant.tenant_id.lower(), "since": at - DAY})
    look_through(graph, apps, at)
    found = Found()
    for app in wanted(tenant, apps, at):
        if found.hopeless:
            break
        ask_app(graph, apps, app, at, found)
    while apps.pending and not found.hopeless and not enough():
        ask_app(graph, apps, apps.pending.pop(0), at, found)
    if found.forbidden and not found.answered:
        raise next(iter(found.forbidden.values()))
    apps.idle |= dict.fromkeys(found.forbidden, at + DAY)
    result = land(store, tenant, found.documents)
    detail = sentence(apps, found, before, at)
    return Round(result, len(found.documents), detail, found.skew_s, bool(apps.listed_at) and not apps.pending)


def recall(store: Store, tenant: Tenant, apps: Apps, at: datetime) -> None:
    """Asks the store, once an hour, which apps it knows."""
    if apps.known_at is not None and at - apps.known_at < HOUR:
        return
    since = at - timedelta(days=tenant.retention_days or store.settings.retention_days)
    for app, name, job in store.rows(KNOWN, {"tenant": tenant.tenant_id.lower(), "since": since}):
        apps.known[str(app)] = bool(job)
        if name:
            apps.names[str(app)] = name
    apps.known_at = at


def look_through(graph: Graph, apps: Apps, at: datetime) -> None:
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


def wanted(tenant: Tenant, apps: Apps, at: datetime) -> list[str]:
    """Gives the apps to ask this round: those that provision first, and of the others those whose day is over."""
    chosen = list(tenant.apps) or sorted(apps.known, key=lambda app: (not apps.known[app], app))
    apps.pending = [app for app in dict.fromkeys(apps.pending) if app not in chosen]
    return [app for app in chosen if max(apps.idle.get(app, at), apps.gone.get(app, at)) <= at]


def ask_app(graph: Graph, apps: Apps, app: str, at: datetime, found: Found) -> None:
    """Asks one app for its jobs."""
    try:
        for page in graph.pages(f"servicePrincipals/{app}/synchronization/jobs"):
            told = [one for one in page.document["value"] if isinstance(one, dict)]
            found.skew_s = page.skew_s
            moment = (page.answered_at or at.replace(tzinfo=UTC)).isoformat().replace("+00:00", "Z")
            party = {"id": app, "displayName": name_of(graph, apps, app) if told else None}
            more = {"observedAt": moment, "tenantId": graph.tenant.tenant_id, "servicePrincipal": party}
            found.documents += [one | more for one in told]
            if told:
                apps.known[app] = True
            elif not page.next:
                apps.idle[app] = at + DAY
        found.answered.add(app)
        apps.gone.pop(app, None)
    except NotFound:
        found.answered.add(app)
        apps.gone[app] = at + DAY
    except Forbidden as error:
        found.forbidden[app] = error


def name_of(graph: Graph, apps: Apps, app: str) -> str | None:
    """Gives an app's name, asking for it once where nothing stored tells it."""
    if app not in apps.names:
        apps.names[app] = None
        with suppress(Forbidden, NotFound):
            told = graph.page(f"servicePrincipals/{app}", **{"$select": "id,displayName"}).document
            apps.names[app] = told.get("displayName")
    return apps.names[app]


def land(store: Store, tenant: Tenant, documents: list[dict[str, Any]]) -> FileResult | None:
    """Lands a round's documents in one transaction."""
    if not documents:
        return None
    lines = "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in documents)
    return feed(store, f"graph:{tenant.name}/synchronization/jobs", lines.encode())


def sentence(apps: Apps, found: Found, before: list[tuple[Any, ...]], at: datetime) -> str:
    """Says how many jobs were seen, and what has vanished since yesterday."""
    seen = {str(one.get("id")) for one in found.documents}
    parts = [f"{len(seen)} job{'' if len(seen) == 1 else 's'} of {len(found.answered)} apps told their state."]
    lost = [app for app, until in apps.gone.items() if until > at]
    parts += [f"The app {apps.names.get(app) or app} is not in the tenant any more." for app in sorted(lost)]
    parts += [
        f"The job {job} of {name or app} is gone; it was there within the last day."
        for job, name, app in before
        if job not in seen and app in found.answered and app not in lost
    ]
    if apps.pending:
        parts.append(f"{len(apps.pending)} apps of the directory are still to be asked.")
    return " ".join([*parts, apps.no_list] if apps.no_list else parts)
