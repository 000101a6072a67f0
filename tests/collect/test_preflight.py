"""Which permissions the collector has: tried against a real server, with some of them taken away."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from demo.standin import ALL, StandIn, TenantData
from pipeline.__main__ import run
from pipeline.collect.graph.client import Graph, RequestPolicy
from pipeline.collect.graph.limiter import RateLimiter
from pipeline.collect.graph.permission_checks import Permission
from pipeline.collect.permissions import check_permissions
from pipeline.commands.preflight import verdict
from pipeline.config.retry_policy import RetryPolicy
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant
from pipeline.store.lake import Store
from tests.support.azurite import SECRET, Logs, connection_string, emulated, needs_azurite, path
from tests.support.given import moment
from tests.support.tenants import APP, small_tenant, standing

Ask = Callable[..., dict[str, Permission]]


@pytest.fixture
def data() -> TenantData:
    """Contoso, whose app has the least that is needed."""
    tenant = small_tenant()
    tenant.roles = {"ProvisioningLog.Read.All", "Synchronization.Read.All", "Application.Read.All"}
    return tenant


@pytest.fixture
def served(
    data: TenantData, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[StandIn, Tenant]]:
    """The stand-in, and the tenant as its file says."""
    with standing(data, settings, tmp_path, monkeypatch, app_settings=False) as both:
        yield both


@pytest.fixture
def ask(served: tuple[StandIn, Tenant], store: Store, settings: Settings) -> Ask:
    """Asks, and gives what was found by feature."""

    def again(**tenant: Any) -> dict[str, Permission]:
        policy, limiter = RequestPolicy(RetryPolicy(0.01, 0.02, attempts=1)), RateLimiter(1000)
        asked = served[1].model_copy(update=tenant)
        found = check_permissions(
            store,
            [asked],
            moment(13).replace(tzinfo=UTC),
            lambda one: Graph(one, settings, policy=policy, limiter=limiter),
        )
        return {one.feature: one for one in found}

    return again


def states(found: dict[str, Permission]) -> dict[str, str]:
    """Gives each feature's state."""
    return {feature: one.state for feature, one in found.items()}


def test_the_least_permissions_are_enough(ask: Ask) -> None:
    found = ask()
    assert states(found) == {
        "provisioning events": "present",
        "list of apps": "present",
        "job status": "present",
        "configuration": "present",
    }
    assert found["provisioning events"].scope == "ProvisioningLog.Read.All"
    assert verdict(list(found.values())) == 0


def test_a_permission_that_is_not_granted_names_the_feature_lost_and_what_to_grant(ask: Ask, data: TenantData) -> None:
    data.roles -= {"Synchronization.Read.All"}
    found = ask()
    assert states(found) == {
        "provisioning events": "present",
        "list of apps": "present",
        "job status": "missing",
        "configuration": "missing",
    }
    status = found["job status"]
    assert status.scope == "Synchronization.Read.All"
    assert status.lost is not None and "No quarantine" in status.lost
    assert status.remedy is not None and "Grant Synchronization.Read.All" in status.remedy
    assert "the token lacks Synchronization.Read.All" in status.detail
    assert "mappings" in str(found["configuration"].lost)
    assert verdict(list(found.values())) == 1


def test_graph_has_the_last_word_over_the_token(ask: Ask, served: tuple[StandIn, Tenant]) -> None:
    served[0].faults.missing = {"ProvisioningLog.Read.All"}
    events = ask()["provisioning events"]
    assert events.state == "missing"
    assert "the token names ProvisioningLog.Read.All. Consent may be withdrawn" in events.detail


def test_audit_log_read_all_does_as_well(ask: Ask, data: TenantData) -> None:
    data.roles = ALL - {"ProvisioningLog.Read.All"}
    events = ask()["provisioning events"]
    assert (events.state, events.scope) == ("present", "AuditLog.Read.All")


def test_apps_that_are_named_need_no_list_of_apps(ask: Ask, data: TenantData) -> None:
    data.roles -= {"Application.Read.All"}
    assert states(ask())["list of apps"] == "missing"
    found = ask(apps=(APP,))
    assert "list of apps" not in found
    assert verdict(list(found.values())) == 0


def test_what_cannot_be_tried_is_judged_by_the_token(ask: Ask, data: TenantData) -> None:
    data.jobs = {}
    assert states(ask())["configuration"] == "present"
    data.principals = []
    data.roles -= {"Synchronization.Read.All"}
    status = ask()["job status"]
    assert status.state == "missing"
    assert status.detail.startswith("Not tried (no app is known yet")


def test_a_permission_to_write_is_warned_of_and_fails_nothing(ask: Ask, data: TenantData) -> None:
    data.roles |= {"Application.ReadWrite.OwnedBy", "User.Read.All"}
    found = ask()
    spare = found["least privilege"]
    assert (spare.state, spare.scope) == ("excess", "Application.ReadWrite.OwnedBy")
    assert "Take it away" in str(spare.remedy)
    assert verdict(list(found.values())) == 0


def test_settings_are_only_tried_where_they_are_asked_for_and_never_ask_for_a_permission_to_write(
    ask: Ask, served: tuple[StandIn, Tenant], store: Store
) -> None:
    assert "notification and scope" not in ask()
    assert states(ask(app_settings=True))["notification and scope"] == "present"
    served[0].faults.missing = {"Synchronization.Read.All"}
    remedy = str(ask(app_settings=True)["notification and scope"].remedy)
    assert "app_settings = false" in remedy and "ReadWrite" not in remedy
    assert "planted" not in str(store.rows("from permissions"))


def test_nothing_but_get_is_sent(ask: Ask, served: tuple[StandIn, Tenant]) -> None:
    ask(app_settings=True)
    graph = [(one.method, one.query.get("$top")) for one in served[0].requests if one.path.startswith("/v1.0/")]
    assert {method for method, _ in graph} == {"GET"}
    assert [top for _, top in graph][:2] == ["1", "1"]


def test_who_cannot_sign_in_gets_one_sentence_for_all_features(
    ask: Ask, served: tuple[StandIn, Tenant], data: TenantData
) -> None:
    served[0].faults.revoked = {data.client_id}
    found = ask()
    assert set(states(found).values()) == {"unknown"}
    [sentence] = {one.detail for one in found.values()}
    assert "the client secret is wrong" in sentence
    assert verdict(list(found.values())) == 2


def test_a_graph_that_is_down_is_unknown_and_not_missing(ask: Ask, served: tuple[StandIn, Tenant]) -> None:
    served[0].stop()
    assert set(states(ask()).values()) == {"unknown"}


def test_what_was_found_replaces_what_was(ask: Ask, store: Store, data: TenantData) -> None:
    ask()
    data.roles -= {"Synchronization.Read.All"}
    ask()
    rows = store.rows("select feature, state, asked_at from permissions where tenant = 'contoso' order by feature")
    assert rows == [
        ("configuration", "missing", moment(13)),
        ("job status", "missing", moment(13)),
        ("list of apps", "present", moment(13)),
        ("provisioning events", "present", moment(13)),
    ]


def test_the_command_says_what_is_missing_and_exits_with_1(
    served: tuple[StandIn, Tenant], data: TenantData, capsys: pytest.CaptureFixture[str]
) -> None:
    data.roles -= {"Synchronization.Read.All"}
    assert run(["preflight"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "missing job status Synchronization.Read.All" in said
    assert "Lost: No quarantine, no schedule, no progress" in said


def test_the_command_exits_with_0_when_all_is_there(served: tuple[StandIn, Tenant]) -> None:
    assert run(["preflight"]) == 0


def test_the_command_prints_one_document(
    served: tuple[StandIn, Tenant], data: TenantData, capsys: pytest.CaptureFixture[str]
) -> None:
    data.roles -= {"Synchronization.Read.All"}
    assert run(["preflight", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    [status] = [one for one in document["permissions"] if one["feature"] == "job status"]
    assert (status["tenant"], status["state"], status["scope"]) == ("contoso", "missing", "Synchronization.Read.All")
    assert document["complete"] is False


def test_the_command_without_tenants_says_what_to_set(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PROVISIONING_TENANTS", raising=False)
    assert run(["preflight"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("PROVISIONING_TENANTS is not set") and "docs/graph.md" in printed.err


def test_the_command_whose_secret_is_refused_says_so_in_a_sentence(
    served: tuple[StandIn, Tenant], data: TenantData, capsys: pytest.CaptureFixture[str]
) -> None:
    served[0].faults.expired = {data.client_id}
    assert run(["preflight"]) == 2
    assert capsys.readouterr().out.count("has expired") == 1


def test_the_command_whose_secret_is_not_set_says_which(
    served: tuple[StandIn, Tenant], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STANDIN_SECRET_CONTOSO")
    assert run(["preflight"]) == 2
    assert "the environment variable STANDIN_SECRET_CONTOSO is empty" in " ".join(capsys.readouterr().out.split())


@needs_azurite
def test_a_container_is_tried_by_listing_and_reading_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def tried(**more: Any) -> Permission:
        [found] = check_permissions(
            store, [logs.tenant(**more)], moment(13).replace(tzinfo=UTC), lambda one: Graph(one, settings)
        )
        return found

    with emulated() as account:
        logs = Logs(account, "logs")
        monkeypatch.setenv(SECRET, connection_string(account))
        assert (tried().state, tried().feature) == ("unknown", "diagnostic container")
        assert tried().detail.startswith("No data yet: there is no container logs.")
        logs.make()
        assert (tried().state, "it is empty" in tried().detail) == ("present", True)
        logs.append(path(), b"{}\r\n")
        assert (tried().state, "listed and read" in tried().detail) == ("present", True)
        monkeypatch.setenv(SECRET, logs.sas("l"))
        lacking = tried()
        assert (lacking.state, lacking.scope) == ("missing", "Storage Blob Data Reader")
        assert "Storage Blob Data Reader" in str(lacking.remedy) and lacking.lost is not None
        monkeypatch.setenv(SECRET, "")
        assert tried().state == "unknown"
