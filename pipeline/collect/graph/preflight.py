"""Which of Graph's permissions a tenant's app registration has, feature by feature: judged by a GET and by the token.

Nothing here needs a permission to write, and one that the token has is warned of.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from pipeline.collect.graph.client import Forbidden, Graph, NotFound, SignInRefused
from pipeline.collect.graph.features import APPS, CONFIGURATION, EVENTS, FEATURES, JOBS, SETTINGS, Feature, had, writes
from pipeline.config.errors import GraphError
from pipeline.config.tenants import Tenant
from pipeline.store.lake import Store

ONE = {"$top": "1"}
ANY_APP = """
select app_id from job_snapshots
where tenant_id = lower(?) and app_id is not null
order by observed_at desc, app_id limit 1
"""
ANY_JOB = """
select job_id from job_snapshots
where tenant_id = lower(?) and app_id = ? and job_id is not null
order by observed_at desc, job_id limit 1
"""


@dataclass(frozen=True)
class Permission:
    """A feature and whether it can be had; a row of `permissions`."""

    tenant: str
    feature: str
    scope: str
    state: str
    "present, missing, unknown, or excess."
    detail: str
    lost: str | None = None
    remedy: str | None = None


class Untried(Exception):
    """There was nothing to try it with; the message says what was lacking."""


class Tries:
    """One small GET for each feature; what one finds, an app or a job, serves the next."""

    def __init__(self, store: Store, tenant: Tenant, graph: Graph) -> None:
        self._store, self._tenant, self._graph = store, tenant, graph
        self._app = tenant.apps[0] if tenant.apps else first(store.rows(ANY_APP, [tenant.tenant_id]))
        self._job: str | None = None
        self._refused: Forbidden | None = None

    def of(self, feature: Feature) -> None:
        """Tries a feature; raises GraphError where Graph refuses, Untried where there is nothing to try it with."""
        tries = {
            EVENTS: self.events,
            APPS: self.apps,
            JOBS: self.jobs,
            CONFIGURATION: self.schema,
            SETTINGS: self.settings,
        }
        tries[feature]()

    def events(self) -> None:
        """Asks for one event."""
        self._graph.page("auditLogs/provisioning", **ONE)

    def apps(self) -> None:
        """Asks for one app; it serves where no app that provisions is known."""
        self._app = self._app or any_id(self._graph.page("servicePrincipals", **ONE).document)

    def jobs(self) -> None:
        """Asks for one app's jobs."""
        try:
            self._job = any_id(self._graph.page(self._path("jobs")).document)
        except Forbidden as error:
            self._refused = error
            raise

    def schema(self) -> None:
        """Asks for one job's schema."""
        job = self._job or first(self._store.rows(ANY_JOB, [self._tenant.tenant_id, self._app]))
        if not job:
            raise self._refused or Untried("no job is known yet to try it with")
        self._graph.page(self._path(f"jobs/{quote(job, safe='')}/schema"))

    def settings(self) -> None:
        """Asks for one app's settings; what comes is dropped unread."""
        self._graph.page(self._path("secrets"))

    def _path(self, what: str) -> str:
        """Gives the path of something of the app's."""
        if not self._app:
            raise Untried("no app is known yet to try it with")
        return f"servicePrincipals/{quote(self._app, safe='')}/synchronization/{what}"


def first(rows: Sequence[tuple[Any, ...]]) -> str | None:
    """Gives the one value of the first row."""
    return str(rows[0][0]) if rows else None


def any_id(document: dict[str, Any]) -> str | None:
    """Gives the id of a list's first entry."""
    entries = document.get("value")
    found = entries[0].get("id") if isinstance(entries, list) and entries and isinstance(entries[0], dict) else None
    return str(found) if found else None


def permissions_of(store: Store, tenant: Tenant, opened: Callable[[Tenant], Graph]) -> list[Permission]:
    """Gives one tenant's permissions; where nobody can sign in, every feature is unknown for the same reason."""
    features = [feature for feature in FEATURES if feature.wanted(tenant)]
    if not features:
        return []
    try:
        with opened(tenant) as graph:
            roles, tries = graph.roles(), Tries(store, tenant, graph)
            found = [judged(tenant, feature, roles, tries) for feature in features]
            return found + [excess(tenant, role) for role in sorted(roles) if writes(role)]
    except GraphError as error:
        return [unknown(tenant, feature, str(error)) for feature in features]


def judged(tenant: Tenant, feature: Feature, roles: frozenset[str], tries: Tries) -> Permission:
    """Tries a feature and says what that and the token tell; raises SignInRefused, which is true of all features."""
    named = had(feature, roles)
    token = f"the token names {' and '.join(named)}" if named else f"the token lacks {' and '.join(feature.scopes)}"
    try:
        tries.of(feature)
    except Forbidden as error:
        doubt = " Consent may be withdrawn or younger than the token, or a licence is lacking." if named else ""
        return missing(tenant, feature, f"Graph forbids {asked_for(error)}; {token}.{doubt}")
    except SignInRefused:
        raise
    except (Untried, NotFound) as error:
        said = f"Not tried ({str(error).rstrip('.')}); {token}."
        return present(tenant, feature, named, said) if named else missing(tenant, feature, said)
    except GraphError as error:
        return unknown(tenant, feature, f"{error} By its roles, {token}.")
    return present(tenant, feature, named, f"Graph answered; {token}.")


def asked_for(error: Forbidden) -> str:
    """Names what Graph forbids, without ids.

    >>> asked_for(Forbidden("", "https://graph.example.com/v1.0/servicePrincipals/1/synchronization/jobs?$top=1"))
    'synchronization/jobs'
    """
    parts = urlsplit(error.path).path.strip("/").split("/")[1:]
    kept = parts[2:] if parts[:1] == ["servicePrincipals"] and len(parts) > 2 else parts
    return "/".join(part for part in kept if part.isalpha())


def present(tenant: Tenant, feature: Feature, named: Sequence[str], detail: str) -> Permission:
    """A feature that can be had."""
    return Permission(tenant.name, feature.name, named[0] if named else feature.scopes[0], "present", detail)


def missing(tenant: Tenant, feature: Feature, detail: str) -> Permission:
    """A feature that is lost, with what to grant."""
    return Permission(tenant.name, feature.name, feature.scopes[0], "missing", detail, feature.lost, feature.grant)


def unknown(tenant: Tenant, feature: Feature, detail: str) -> Permission:
    """A feature that could not be tried."""
    return Permission(tenant.name, feature.name, feature.scopes[0], "unknown", detail, feature.lost)


def excess(tenant: Tenant, role: str) -> Permission:
    """A permission that allows more than reading; nothing here needs one."""
    said = f"The token names {role}, which allows more than reading; nothing here needs it."
    remedy = "Take it away from this app registration, or use one that only this collector has."
    return Permission(tenant.name, "least privilege", role, "excess", said, remedy=remedy)
