"""Checks which of Graph's permissions a tenant's app registration has, feature by feature, by a GET and by the token.

Nothing here needs a permission to write, and one that the token has is reported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from pipeline.collect.graph.client import Forbidden, Graph, ResourceMissing, SignInRefused
from pipeline.collect.graph.permission_requirements import (
    APPS,
    CONFIGURATION,
    EVENTS,
    JOBS,
    REQUIREMENTS,
    SETTINGS,
    PermissionRequirement,
    allows_writing,
    granted,
)
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
    """A feature and whether it is permitted; a row of `permissions`."""

    tenant: str
    feature: str
    scope: str
    state: str
    "present, missing, unknown, or excess."
    detail: str
    lost: str | None = None
    remedy: str | None = None


class NothingToCheck(Exception):
    """There is no app or job to check a permission with; the message says which is missing."""


class PermissionChecks:
    """One small GET a feature; what one returns, an app or a job, serves the next."""

    def __init__(self, store: Store, tenant: Tenant, graph: Graph) -> None:
        self._store, self._tenant, self._graph = store, tenant, graph
        self._app = tenant.apps[0] if tenant.apps else first(store.rows(ANY_APP, [tenant.tenant_id]))
        self._job: str | None = None
        self._refused: Forbidden | None = None

    def run(self, requirement: PermissionRequirement) -> None:
        """Checks a feature; raises GraphError where Graph refuses, NothingToCheck where there is no app or job."""
        checks = {
            EVENTS: self.events,
            APPS: self.apps,
            JOBS: self.jobs,
            CONFIGURATION: self.schema,
            SETTINGS: self.settings,
        }
        checks[requirement]()

    def events(self) -> None:
        """Requests one event."""
        self._graph.page("auditLogs/provisioning", **ONE)

    def apps(self) -> None:
        """Requests one app; later checks use it where the store has none that provisions."""
        self._app = self._app or any_id(self._graph.page("servicePrincipals", **ONE).document)

    def jobs(self) -> None:
        """Requests one app's jobs."""
        try:
            self._job = any_id(self._graph.page(self._path("jobs")).document)
        except Forbidden as error:
            self._refused = error
            raise

    def schema(self) -> None:
        """Requests one job's schema."""
        job = self._job or first(self._store.rows(ANY_JOB, [self._tenant.tenant_id, self._app]))
        if not job:
            raise self._refused or NothingToCheck("no job is known yet to try it with")
        self._graph.page(self._path(f"jobs/{quote(job, safe='')}/schema"))

    def settings(self) -> None:
        """Requests one app's settings; the answer is dropped unread."""
        self._graph.page(self._path("secrets"))

    def _path(self, what: str) -> str:
        """Returns a path below the app's synchronization."""
        if not self._app:
            raise NothingToCheck("no app is known yet to try it with")
        return f"servicePrincipals/{quote(self._app, safe='')}/synchronization/{what}"


def first(rows: Sequence[tuple[Any, ...]]) -> str | None:
    """Returns the one value of the first row."""
    return str(rows[0][0]) if rows else None


def any_id(document: dict[str, Any]) -> str | None:
    """Returns the id of a list's first entry."""
    entries = document.get("value")
    first_id = entries[0].get("id") if isinstance(entries, list) and entries and isinstance(entries[0], dict) else None
    return str(first_id) if first_id else None


def graph_permissions(store: Store, tenant: Tenant, connect: Callable[[Tenant], Graph]) -> list[Permission]:
    """Checks one tenant's permissions; without a sign-in, every feature is unknown for the same reason."""
    requirements = [one for one in REQUIREMENTS if one.applies(tenant)]
    if not requirements:
        return []
    try:
        with connect(tenant) as graph:
            roles, checks = graph.roles(), PermissionChecks(store, tenant, graph)
            checked = [check(tenant, one, roles, checks) for one in requirements]
            return checked + [excess(tenant, role) for role in sorted(roles) if allows_writing(role)]
    except GraphError as error:
        return [unknown(tenant, one, str(error)) for one in requirements]


def check(
    tenant: Tenant, requirement: PermissionRequirement, roles: frozenset[str], checks: PermissionChecks
) -> Permission:
    """Checks a feature by its GET and by the token; raises SignInRefused, which is true of all features."""
    named = granted(requirement, roles)
    token = f"the token names {' and '.join(named)}" if named else f"the token lacks {' and '.join(requirement.scopes)}"
    try:
        checks.run(requirement)
    except Forbidden as error:
        doubt = " Consent may be withdrawn or younger than the token, or a licence is lacking." if named else ""
        return missing(tenant, requirement, f"Graph forbids {forbidden_path(error)}; {token}.{doubt}")
    except SignInRefused:
        raise
    except (NothingToCheck, ResourceMissing) as error:
        detail = f"Not tried ({str(error).rstrip('.')}); {token}."
        return present(tenant, requirement, named, detail) if named else missing(tenant, requirement, detail)
    except GraphError as error:
        return unknown(tenant, requirement, f"{error} By its roles, {token}.")
    return present(tenant, requirement, named, f"Graph answered; {token}.")


def forbidden_path(error: Forbidden) -> str:
    """Returns the path that Graph forbids, without ids.

    >>> forbidden_path(Forbidden("", "https://graph.example.com/v1.0/servicePrincipals/1/synchronization/jobs?$top=1"))
    'synchronization/jobs'
    """
    parts = urlsplit(error.path).path.strip("/").split("/")[1:]
    kept = parts[2:] if parts[:1] == ["servicePrincipals"] and len(parts) > 2 else parts
    return "/".join(part for part in kept if part.isalpha())


def present(tenant: Tenant, requirement: PermissionRequirement, named: Sequence[str], detail: str) -> Permission:
    """Builds the row of a feature that is permitted."""
    return Permission(tenant.name, requirement.name, named[0] if named else requirement.scopes[0], "present", detail)


def missing(tenant: Tenant, requirement: PermissionRequirement, detail: str) -> Permission:
    """Builds the row of a feature that is not, with what to grant."""
    return Permission(
        tenant.name, requirement.name, requirement.scopes[0], "missing", detail, requirement.lost, requirement.grant
    )


def unknown(tenant: Tenant, requirement: PermissionRequirement, detail: str) -> Permission:
    """Builds the row of a feature that could not be checked."""
    return Permission(tenant.name, requirement.name, requirement.scopes[0], "unknown", detail, requirement.lost)


def excess(tenant: Tenant, role: str) -> Permission:
    """Builds the row of a permission that allows more than reading; nothing here needs one."""
    detail = f"The token names {role}, which allows more than reading; nothing here needs it."
    remedy = "Take it away from this app registration, or use one that only this collector has."
    return Permission(tenant.name, "least privilege", role, "excess", detail, remedy=remedy)
