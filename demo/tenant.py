"""A tenant's data, as the stand-in serves it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Document = dict[str, Any]
Jobs = Callable[[datetime], Mapping[str, list[Document]]] | Mapping[str, list[Document]]

EVENTS = ("ProvisioningLog.Read.All", "AuditLog.Read.All")
SYNCHRONIZATION = ("Synchronization.Read.All", "Synchronization.ReadWrite.All")
PRINCIPALS = ("Application.Read.All", "Directory.Read.All")
ALL = {"ProvisioningLog.Read.All", "AuditLog.Read.All", "Synchronization.Read.All", "Application.Read.All"}


@dataclass
class TenantData:
    """A tenant that the stand-in answers for."""

    tenant_id: str
    name: str
    client_id: str
    secret: str
    roles: set[str] = field(default_factory=lambda: set(ALL))
    events: list[Document] = field(default_factory=list)
    "As Graph v1.0 gives them; `_visibleAt` is the instant before which an event is not served."
    jobs: Jobs = field(default_factory=dict)
    "Each service principal's job documents, now or as of an instant."
    principals: list[Document] = field(default_factory=list)
    schemas: dict[str, Document] = field(default_factory=dict)
    "By job."
    secrets: dict[str, list[Document]] = field(default_factory=dict)
    "By service principal: key and value, served as they stand."
    retention_days: int = 30
