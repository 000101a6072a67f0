"""The permissions that each feature requires: what is read of a tenant, and the least permission that gives it.

Permissions are Graph's application permissions, as a token names them; none of them writes.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipeline.config.tenants import Tenant

CONSENT = "at the app registration, API permissions, Microsoft Graph, Application permissions; then admin consent"
UNDOCUMENTED = "Whether read-only permissions show these settings is not documented. "
READS = re.compile(r"^Read(?!Write)")


@dataclass(frozen=True)
class PermissionRequirement:
    """A feature, and the permissions of which one is enough to read it."""

    name: str
    scopes: tuple[str, ...]
    "The permissions, the least first."
    lost: str
    "What is missing without it."
    applies: Callable[[Tenant], bool]
    remedy: str = ""

    @property
    def grant(self) -> str:
        """Returns what to grant, in a sentence."""
        return self.remedy or f"Grant {self.scopes[0]} {CONSENT}."


EVENTS = PermissionRequirement(
    "provisioning events",
    ("ProvisioningLog.Read.All", "AuditLog.Read.All"),
    "Nothing that happens to a person arrives from Graph: no failures, no stories, no cycles.",
    lambda tenant: tenant.events,
    f"Grant ProvisioningLog.Read.All {CONSENT}. AuditLog.Read.All does too, in some tenants only together with "
    "Directory.Read.All.",
)
APPS = PermissionRequirement(
    "list of apps",
    ("Application.Read.All", "Directory.Read.All"),
    "Apps that provision are not found by themselves.",
    lambda tenant: tenant.jobs and not tenant.apps,
    f"Grant Application.Read.All {CONSENT}; or name the apps' object ids under `apps` in the file of tenants.",
)
JOBS = PermissionRequirement(
    "job status",
    ("Synchronization.Read.All",),
    "No quarantine, no schedule, no progress: a late cycle looks like an idle one.",
    lambda tenant: tenant.jobs,
)
CONFIGURATION = PermissionRequirement(
    "configuration",
    ("Synchronization.Read.All",),
    "No attribute mappings, so nothing can be checked against the app's profile.",
    lambda tenant: tenant.jobs,
)
SETTINGS = PermissionRequirement(
    "notification and scope",
    ("Synchronization.Read.All",),
    "Unknown whether Entra mails on failure, and which users it provisions.",
    lambda tenant: tenant.jobs and tenant.app_settings,
    UNDOCUMENTED + "Do not grant a permission to write for it: set app_settings = false in the file of tenants.",
)
CONTAINER = PermissionRequirement(
    "diagnostic container",
    ("Storage Blob Data Reader",),
    "Diagnostic logs are not read from the storage account.",
    lambda tenant: bool(tenant.container),
    "Assign the role Storage Blob Data Reader to the app at the storage container, Access control (IAM).",
)
REQUIREMENTS = (EVENTS, APPS, JOBS, CONFIGURATION, SETTINGS)
"What Graph is asked for, in the order in which one answer serves the next check."


def granted(requirement: PermissionRequirement, roles: Iterable[str]) -> list[str]:
    """Returns the permissions of a token that meet a requirement, the least first; one to write includes reading.

    >>> granted(JOBS, ["Synchronization.ReadWrite.All", "Mail.Read"])
    ['Synchronization.ReadWrite.All']
    """
    place = {scope: place for place, scope in enumerate(requirement.scopes)}
    able = {role: place[read] for role in roles if (read := role.replace(".ReadWrite.", ".Read.")) in place}
    return sorted(able, key=lambda role: (able[role], role))


def allows_writing(role: str) -> bool:
    """Whether a permission allows more than reading.

    >>> roles = ("User.Read.All", "Application.ReadWrite.OwnedBy", "Mail.Send", "User.ReadBasic.All")
    >>> [allows_writing(role) for role in roles]
    [False, True, True, False]
    """
    parts = role.split(".")
    return len(parts) > 1 and not any(READS.match(part) for part in parts[1:])
