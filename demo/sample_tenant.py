"""The sample tenant as Microsoft Graph would show it; what has not happened yet is not served."""

import random
from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta

from demo.tenant import Document, TenantData
from pipeline.sample import imagine
from pipeline.sample.answers import World
from pipeline.sample.jobs import snapshots
from pipeline.sample.nouns import App, guid
from pipeline.sample.shapes import graph

EVERY = timedelta(minutes=10)
"How often the jobs' state moves."


def sample_tenant(seed: int, *, until: datetime, users: int = 120, groups: int = 10, days: int = 21) -> TenantData:
    """Returns the tenant of a seed; `until`, a UTC midnight, is where its history ends."""
    world = imagine(seed=seed, users=users, groups=groups, days=days, until=until)
    tenant_id = world.directory.tenant_id
    return TenantData(
        tenant_id=tenant_id,
        name="contoso",
        client_id=guid(random.Random(f"client:{seed}")),
        secret="not-a-secret",
        events=[graph(event) for event in world.events],
        jobs=Jobs(world),
        principals=[principal_of(app) for app in world.apps],
        secrets={app.app_id: SETTINGS for app in world.apps},
    )


SETTINGS: list[Document] = [
    {"key": "BaseAddress", "value": "https://scim.example.com/v2"},
    {"key": "SecretToken", "value": "*"},
    {"key": "SyncAll", "value": "false"},
    {"key": "SyncNotificationSettings", "value": '{"Enabled":true,"DeleteThresholdEnabled":true}'},
]


def principal_of(app: App) -> Document:
    """Returns an app's service principal."""
    return {"id": app.app_id, "displayName": app.name, "appId": app.application_id, "tags": []}


class Jobs:
    """Each app's job as it was at an instant."""

    def __init__(self, world: World) -> None:
        self._seen: list[tuple[datetime, dict[str, list[Document]]]] = []
        for at, document in snapshots(world.timeline, world.histories, EVERY):
            if not self._seen or self._seen[-1][0] != at:
                self._seen.append((at, {}))
            plain = {key: value for key, value in document.items() if key not in ("observedAt", "servicePrincipal")}
            principal = document["servicePrincipal"]
            assert isinstance(principal, dict)
            self._seen[-1][1][principal["id"]] = [plain]

    def __call__(self, at: datetime) -> Mapping[str, list[Document]]:
        place = bisect_right(self._seen, at, key=lambda each: each[0])
        return self._seen[max(0, place - 1)][1]
