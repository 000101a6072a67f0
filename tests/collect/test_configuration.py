"""Each job's configuration as Graph tells it: read from a real server, kept only when it changed, without a secret."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.schemas import cerby_schema
from demo.standin import StandIn, TenantData
from pipeline.collect.graph.client import Forbidden, Graph, RequestPolicy, Unreachable
from pipeline.collect.graph.configuration import read_configurations, settings_of
from pipeline.collect.graph.limiter import RateLimiter
from pipeline.config.retry_policy import RetryPolicy
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant
from pipeline.store.lake import Store
from tests.support.given import TENANT, Given, moment
from tests.support.tenants import APP, JOB, PLANTED, secrets, small_tenant, standing

NOW = moment(13).replace(tzinfo=UTC)
Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def data() -> TenantData:
    """Contoso with Cerby's one job."""
    return small_tenant()


@pytest.fixture
def served(
    data: TenantData, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[StandIn, Tenant]]:
    """The stand-in, and the tenant as its file says; its settings are asked for."""
    with standing(data, settings, tmp_path, monkeypatch, app_settings=True) as both:
        yield both


@pytest.fixture
def read(served: tuple[StandIn, Tenant], given: Given, settings: Settings) -> Read:
    """Reads configurations after Cerby's job was seen, and gives all rows that were kept, oldest first."""
    given.observed(
        "Cerby", "Active", app_id=APP, job_id=JOB, template_id="scim", interval_s=2400, schedule_state="Active"
    )
    store = given.stored()

    def again(hours: int = 0, **tenant: Any) -> list[dict[str, Any]]:
        policy = RequestPolicy(RetryPolicy(0.01, 0.02, attempts=1))
        asked = served[1].model_copy(update=tenant)
        with Graph(asked, settings, policy=policy, limiter=RateLimiter(1000)) as graph:
            read_configurations(store, graph, asked, NOW + timedelta(hours=hours))
        return kept(store)

    return again


def kept(store: Store) -> list[dict[str, Any]]:
    """Gives every configuration, oldest first."""
    rows: list[dict[str, Any]] = store.fetch("from configurations order by observed_at").to_pylist()
    return rows


def test_a_configuration_is_what_the_job_its_schema_and_its_settings_say(read: Read) -> None:
    [row] = read()
    assert (row["job_id"], row["tenant_id"], row["app_id"], row["app_name"]) == (JOB, TENANT, APP, "Cerby")
    assert (row["template_id"], row["schedule_state"], row["interval_s"]) == ("scim", "Active", 2400)
    assert (row["scope_mode"], row["notification"], row["base_host"]) == ("assigned", True, "api.cerby.com")
    assert (row["deletion_threshold"], row["skip_deletions"]) == (None, None)
    assert row["observed_at"] == moment(13)
    first, *_, last = row["mappings"]
    assert first == {
        "source_object": "User",
        "target_object": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "target_attribute": "userName",
        "source_expression": "[userPrincipalName]",
        "flow": "Always",
        "matching_priority": 1,
        "default": None,
    }
    assert (last["target_attribute"], last["matching_priority"], len(row["mappings"])) == ("members", None, 9)


def test_an_unchanged_configuration_adds_no_row_and_no_revision(read: Read, store: Store) -> None:
    read()
    before = store.revision()
    assert len(read(hours=24)) == 1
    assert store.revision() == before


def test_a_changed_configuration_adds_a_row_and_so_does_its_return(read: Read, data: TenantData) -> None:
    read()
    data.schemas[JOB] = cerby_schema(matched_by="externalId")
    assert [row["observed_at"] for row in read(hours=24)] == [moment(13), moment(14)]
    data.schemas[JOB] = cerby_schema()
    assert len(read(hours=48)) == 3


def test_a_changed_schedule_adds_a_row(read: Read, given: Given) -> None:
    read()
    given.observed("Cerby", "Paused", day=1, app_id=APP, job_id=JOB, template_id="scim", deletion_threshold=500)
    given.stored()
    assert [row["deletion_threshold"] for row in read(hours=1)] == [None, 500]


def test_no_secret_reaches_the_disk_or_the_log(
    read: Read, data: TenantData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    schema = cerby_schema()
    schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][1]["defaultValue"] = f"Bearer {PLANTED}"
    data.schemas[JOB] = schema
    [row] = read()
    assert row["base_host"] == "api.cerby.com"
    assert PLANTED not in json.dumps(row, default=str)
    assert PLANTED not in caplog.text
    holding = [file for file in tmp_path.rglob("*") if file.is_file() and PLANTED.encode() in file.read_bytes()]
    assert holding == []


def test_settings_are_not_asked_for_unless_the_tenant_says_so(read: Read, served: tuple[StandIn, Tenant]) -> None:
    [row] = read(app_settings=False)
    assert (row["scope_mode"], row["notification"], row["base_host"]) == (None, None, None)
    assert not [one.path for one in served[0].requests if one.path.endswith("/secrets")]


def test_only_gets_are_sent(read: Read, served: tuple[StandIn, Tenant]) -> None:
    read()
    assert {one.method for one in served[0].requests if one.path.startswith("/v1.0/")} == {"GET"}


@pytest.mark.parametrize(
    "told, scope, mail, skips",
    [
        ({"SyncAll": "true"}, "all", True, None),
        ({"SyncAll": ""}, None, True, None),
        ({"SyncAll": "False", "SkipOutOfScopeDeletions": "True"}, "assigned", True, True),
        ({"SyncNotificationSettings": '{"enabled":false}'}, "assigned", False, None),
        ({"SyncNotificationSettings": "{"}, "assigned", None, None),
        ({"SyncNotificationSettings": "[1]"}, "assigned", None, None),
        ({"BaseAddress": "http://[bad", "SyncNotificationSettings": "{}"}, "assigned", None, None),
    ],
)
def test_what_nobody_told_is_not_guessed(
    told: dict[str, str], scope: str | None, mail: bool | None, skips: bool | None
) -> None:
    found = settings_of({"value": secrets(**told)})
    assert (found.scope_mode, found.notification, found.skip_deletions) == (scope, mail, skips)


@pytest.mark.parametrize("document", [{}, {"value": None}, {"value": ["x", {"key": "SyncAll", "value": None}, {}]}])
def test_settings_of_another_shape_are_not_told(document: dict[str, Any]) -> None:
    assert settings_of(document).scope_mode is None


def test_a_job_that_is_gone_is_passed_over_and_its_last_configuration_stays(
    read: Read, served: tuple[StandIn, Tenant]
) -> None:
    read()
    served[0].faults.deleted = {APP}
    assert len(read(hours=24)) == 1


def test_without_the_permission_it_is_forbidden_and_nothing_is_kept(
    read: Read, served: tuple[StandIn, Tenant], store: Store
) -> None:
    served[0].faults.missing = {"Synchronization.Read.All"}
    with pytest.raises(Forbidden):
        read()
    assert kept(store) == []


def test_a_graph_that_is_down_leaves_what_is_known(read: Read, served: tuple[StandIn, Tenant], store: Store) -> None:
    read()
    served[0].stop()
    with pytest.raises(Unreachable):
        read(hours=24)
    assert len(kept(store)) == 1


def test_a_job_of_another_tenant_or_of_an_app_that_is_not_asked_is_left_alone(read: Read, given: Given) -> None:
    given.observed("Zoom", "Active", app_id="zoom", tenant_id="22222222-2222-4222-8222-222222222222")
    given.stored()
    assert [row["app_name"] for row in read()] == ["Cerby"]
    assert len(read(hours=24, apps=("dddddddd-0000-4000-8000-000000000001",))) == 1


def test_a_job_document_that_names_no_app_cannot_be_asked_about(read: Read, given: Given) -> None:
    given.observed("Zoom", "Active")
    given.stored()
    assert [row["app_name"] for row in read()] == ["Cerby"]


def test_a_schema_of_an_unfamiliar_shape_is_a_configuration_without_mappings(read: Read, data: TenantData) -> None:
    data.schemas[JOB] = {"id": "x", "synchronizationRules": [{"objectMappings": None}, {}], "directories": 7}
    assert [row["mappings"] for row in read()] == [[]]
