"""A tenant small enough to be counted by hand, and a stand-in Graph that answers for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from demo.schemas import cerby_schema
from demo.standin import StandIn, TenantData
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant, read_tenants
from tests.support.given import TENANT

APP = "aaaaaaaa-0000-4000-8000-000000000001"
JOB = "scim.11111111111141118111111111111111.bbbbbbbb-0000-4000-8000-000000000001"
PLANTED = "planted-9f2c-must-never-be-kept"


def job_document(**more: Any) -> dict[str, Any]:
    """Gives a synchronizationJob that is well."""
    return {
        "id": JOB,
        "templateId": "scim",
        "schedule": {"expiration": None, "interval": "PT40M", "state": "Active"},
        "status": {"code": "Active", "lastExecution": {"state": "Succeeded", "timeEnded": "2026-01-31T12:00:00Z"}},
        "synchronizationJobSettings": [{"name": "QuarantineTooManyDeletesThreshold", "value": "500"}],
    } | more


def secrets(**told: str) -> list[dict[str, Any]]:
    """Gives what stands at /synchronization/secrets, with a token that must never be kept."""
    known = {
        "BaseAddress": f"https://api.cerby.com/v1/scim/v2?key={PLANTED}",
        "SecretToken": PLANTED,
        "SyncAll": "false",
        "SyncNotificationSettings": '{"Enabled":true,"DeleteThresholdEnabled":false}',
    }
    return [{"key": key, "value": value} for key, value in (known | told).items()]


def small_tenant() -> TenantData:
    """Gives a tenant with Cerby and its one job; its client is its own, since a limiter is shared by whoever asks."""
    return TenantData(
        tenant_id=TENANT,
        name="contoso",
        client_id=str(uuid4()),
        secret="not-a-secret",
        jobs={APP: [job_document()]},
        principals=[{"id": APP, "displayName": "Cerby", "appId": APP, "tags": []}],
        schemas={JOB: cerby_schema()},
        secrets={APP: secrets()},
    )


@contextmanager
def standing(
    data: TenantData, settings: Settings, folder: Path, patch: pytest.MonkeyPatch, **told: Any
) -> Iterator[tuple[StandIn, Tenant]]:
    """Runs the stand-in for a tenant, sets PROVISIONING_TENANTS to it, and gives both; `told` wins over the file."""
    with StandIn([data]) as graph:
        graph.faults.throttle = False
        for name, secret in graph.environment().items():
            patch.setenv(name, secret)
        file = graph.tenants_toml(folder)
        patch.setenv("PROVISIONING_TENANTS", str(file))
        [tenant] = read_tenants(settings.model_copy(update={"tenants": file}))
        yield graph, tenant.model_copy(update=told)
