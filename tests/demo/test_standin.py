"""The stand-in for Microsoft Graph answers as documented, and misbehaves only where it is told to."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from demo.faults import Faults
from demo.filters import FilterError, read_filter
from demo.sample_tenant import sample_tenant
from demo.standin import ALL, StandIn, StandInError, TenantData, Trigger
from pipeline.config.settings import read_settings
from pipeline.config.tenants import read_tenants

TENANT = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
EVENTS = "/v1.0/auditLogs/provisioning"
JOBS = "/v1.0/servicePrincipals/sp-1/synchronization/jobs"


def event(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    """One event, with as much of Graph's shape as is asked about here."""
    return {"id": f"event-{number}", "activityDateTime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "jobId": "scim.1"} | more


class Client:
    """A client of the stand-in with a token from the real library."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        trusted = ssl.create_default_context(cafile=str(stand_in.ca))
        self.http = httpx.Client(base_url=stand_in.url, verify=trusted, timeout=10)

    def credential(self, secret: str = "s3cret", client_id: str = "app-1", tenant_id: str = TENANT) -> Any:
        """Gives the real library's credential."""
        return ClientSecretCredential(
            tenant_id,
            client_id,
            secret,
            authority=self.stand_in.url,
            disable_instance_discovery=True,
            connection_verify=str(self.stand_in.ca),
        )

    def token(self, **who: str) -> str:
        """Gives a token."""
        with self.credential(**who) as credential:
            return str(credential.get_token("https://graph.microsoft.com/.default").token)

    def sign_in(self) -> "Client":
        """Uses a new token from now on."""
        self.http.headers["Authorization"] = f"Bearer {self.token()}"
        return self

    def get(self, path: str, timeout: float = 10, **query: str) -> httpx.Response:
        """Sends a request."""
        return self.http.get(path, params={f"${name}": value for name, value in query.items()}, timeout=timeout)

    def pages(self, path: str, **query: str) -> list[list[dict[str, Any]]]:
        """Follows the links to the end."""
        body = self.get(path, **query).json()
        found = [body["value"]]
        while "@odata.nextLink" in body:
            body = self.http.get(body["@odata.nextLink"]).json()
            found.append(body["value"])
        return found


@pytest.fixture
def tenant() -> TenantData:
    """A tenant with an event each hour of the last ten days, an app and its job."""
    return TenantData(
        TENANT,
        "contoso",
        "app-1",
        "s3cret",
        events=[event(hour, NOW - timedelta(hours=hour)) for hour in range(240)],
        jobs={"sp-1": [{"id": "scim.1", "status": {"code": "Active"}}]},
        principals=[{"id": "sp-1", "displayName": "Cerby", "appId": "a-1", "tags": []}],
        schemas={"scim.1": {"id": "scim.1", "synchronizationRules": [{"name": "users"}]}},
        secrets={"sp-1": [{"key": "SyncAll", "value": "false"}]},
    )


@pytest.fixture
def client(tenant: TenantData) -> Iterator[Client]:
    """A client that is signed in, of a stand-in without a throttle."""
    with StandIn([tenant], clock=lambda: NOW, page_size=50) as stand_in:
        stand_in.faults.throttle = False
        client = Client(stand_in).sign_in()
        with client.http:
            yield client


def ids(pages: list[list[dict[str, Any]]]) -> list[str]:
    """The ids of all pages' events."""
    return [each["id"] for page in pages for each in page]


def test_the_real_library_gets_a_token_and_every_page_comes_once(client: Client) -> None:
    pages = client.pages(EVENTS, top="500")
    assert [len(page) for page in pages] == [50, 50, 50, 50, 40]
    assert sorted(ids(pages)) == sorted(f"event-{hour}" for hour in range(240))


def test_pages_come_in_no_order_of_time(client: Client) -> None:
    moments = [each["activityDateTime"] for each in client.pages(EVENTS, orderby="activityDateTime desc")[0]]
    assert moments != sorted(moments) and moments != sorted(moments, reverse=True)


def test_a_window_is_strict_at_both_ends(client: Client) -> None:
    bounds = "activityDateTime gt 2026-01-20T08:00:00Z and activityDateTime lt 2026-01-20T11:00:00Z"
    assert sorted(ids(client.pages(EVENTS, filter=bounds))) == ["event-2", "event-3"]


@pytest.mark.parametrize("words", ["activityDateTime ge 2026-01-20", "jobId eq 'a' or jobId eq 'b'", "colour eq 'red'"])
def test_filters_that_are_not_documented_are_refused(client: Client, words: str) -> None:
    answer = client.get(EVENTS, filter=words)
    assert answer.status_code == 400
    assert "Invalid filter clause" in answer.json()["error"]["message"]


def test_filters_look_into_what_is_within() -> None:
    asked = read_filter("contains(tolower(servicePrincipal/id), 'ab') and provisioningStatusInfo/status eq 'failure'")
    told = {"servicePrincipal": {"id": "xABx"}, "provisioningStatusInfo": {"status": "failure"}}
    assert asked.passes(told) and not asked.passes(told | {"servicePrincipal": {"id": "x"}})
    with pytest.raises(FilterError):
        read_filter("activityDateTime gt yesterday")


def test_what_happens_between_two_pages_is_not_in_the_later_one(tenant: TenantData) -> None:
    present = [NOW]
    with StandIn([tenant], clock=lambda: present[0], page_size=50) as stand_in:
        client = Client(stand_in).sign_in()
        with client.http:
            first = client.get(EVENTS).json()
            tenant.events.extend(event(1000 + each, NOW + timedelta(seconds=30)) for each in range(200))
            present[0] = NOW + timedelta(minutes=1)
            second = client.http.get(first["@odata.nextLink"]).json()
    assert not [each for each in ids([second["value"]]) if int(each.removeprefix("event-")) >= 1000]


def test_events_leave_after_retention_and_come_when_they_are_visible(client: Client, tenant: TenantData) -> None:
    tenant.retention_days = 2
    tenant.events.append(event(500, NOW - timedelta(hours=1), _visibleAt="2026-01-20T12:00:01Z"))
    tenant.events.append(event(501, NOW - timedelta(hours=1), _visibleAt="2026-01-20T12:00:00Z"))
    found = client.pages(EVENTS)
    assert len(ids(found)) == 49 + 1 and "event-501" in ids(found)
    assert all("_visibleAt" not in each for page in found for each in page)


def test_jobs_schemas_settings_and_apps_are_served(client: Client) -> None:
    assert client.get("/v1.0/servicePrincipals", select="id,appId").json()["value"] == [{"id": "sp-1", "appId": "a-1"}]
    assert client.get(JOBS).json()["value"][0]["id"] == "scim.1"
    assert client.get(f"{JOBS}/scim.1").json()["status"] == {"code": "Active"}
    assert client.get(f"{JOBS}/scim.1/schema").json()["synchronizationRules"]
    assert client.get("/beta/servicePrincipals/sp-1/synchronization/secrets").json()["value"][0]["key"] == "SyncAll"
    assert client.get("/v1.0/servicePrincipals/sp-2/synchronization/jobs").status_code == 404


@pytest.mark.parametrize(
    ("missing", "path"),
    [
        ({"ProvisioningLog.Read.All", "AuditLog.Read.All"}, EVENTS),
        ({"Synchronization.Read.All"}, JOBS),
        ({"Application.Read.All"}, "/v1.0/servicePrincipals"),
    ],
)
def test_without_its_permission_a_request_is_forbidden(client: Client, missing: set[str], path: str) -> None:
    client.stand_in.faults.missing = missing
    answer = client.get(path)
    assert answer.status_code == 403 and set(answer.json()["error"]) == {"code", "message", "innerError"}
    client.stand_in.faults.missing = set()
    assert client.get(path).status_code == 200


def test_one_of_two_permissions_is_enough_for_events(client: Client) -> None:
    client.stand_in.faults.missing = ALL - {"ProvisioningLog.Read.All"}
    assert client.get(EVENTS).status_code == 200


@pytest.mark.parametrize(
    ("who", "number"),
    [
        ({"secret": "wrong"}, "AADSTS7000215"),
        ({"client_id": "app-2"}, "AADSTS700016"),
    ],
)
def test_wrong_credentials_are_refused_in_entras_words(client: Client, who: dict[str, str], number: str) -> None:
    with pytest.raises(ClientAuthenticationError, match=number):
        client.token(**who)


def test_an_unknown_tenant_has_no_tokens(client: Client) -> None:
    answer = client.http.get(f"/{TENANT[::-1]}/v2.0/.well-known/openid-configuration")
    assert answer.status_code == 400 and answer.json()["error_codes"] == [90002]
    with pytest.raises(ClientAuthenticationError):
        client.token(tenant_id=TENANT.replace("1", "9"))


def test_a_secret_that_expires_or_is_revoked_gives_no_token(client: Client) -> None:
    client.stand_in.faults.expired = {"app-1"}
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000222"):
        client.token()
    client.stand_in.faults.clear()
    client.stand_in.faults.revoked = {"app-1"}
    assert client.get(EVENTS).json()["error"]["code"] == "InvalidAuthenticationToken"
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        client.token()


def test_a_token_expires_after_so_many_requests_and_a_new_one_helps(client: Client) -> None:
    client.stand_in.faults.token_requests = 2
    assert [client.get(JOBS).status_code for _ in range(3)] == [200, 200, 401]
    assert client.sign_in().get(JOBS).status_code == 200


def test_a_forged_token_is_refused(client: Client) -> None:
    head, claims, _ = client.http.headers["Authorization"].split(".")
    answer = client.http.get(JOBS, headers={"Authorization": f"{head}.{claims}.AAAA"})
    assert answer.status_code == 401
    assert client.http.get(JOBS, headers={"Authorization": ""}).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_nothing_but_reading_is_allowed_and_every_try_is_remembered(client: Client, method: str) -> None:
    assert client.http.request(method, f"{JOBS}/scim.1").status_code == 405
    last = client.stand_in.requests[-1]
    assert (last.method, last.path, last.status) == (method, f"{JOBS}/scim.1", 405)


def test_the_reports_are_throttled_by_app_and_tenant_and_say_when(client: Client) -> None:
    client.stand_in.faults.throttle = True
    assert [client.get(EVENTS).status_code for _ in range(6)] == [200] * 5 + [429]
    refused = client.get(EVENTS)
    assert 1 <= int(refused.headers["Retry-After"]) <= 11
    assert client.get(JOBS).status_code == 200
    client.stand_in.faults.throttle_says_when = False
    assert "Retry-After" not in client.get(EVENTS).headers
    client.stand_in.faults.throttle_s = 0
    assert client.get(EVENTS).status_code == 200


def test_429_comes_with_and_without_a_hint(client: Client) -> None:
    client.stand_in.faults.throttled = Trigger(every=2)
    assert [client.get(JOBS).status_code for _ in range(4)] == [200, 429, 200, 429]
    client.stand_in.faults.clear()
    client.stand_in.faults.throttled_silently = Trigger(every=1, times=1)
    answers = [client.get(JOBS) for _ in range(2)]
    assert [each.status_code for each in answers] == [429, 200] and "Retry-After" not in answers[0].headers


def test_the_service_fails_in_three_ways_by_turns(client: Client) -> None:
    client.stand_in.faults.failing = Trigger(every=1, times=3, path="auditLogs")
    assert client.get(JOBS).status_code == 200
    assert [client.get(EVENTS).status_code for _ in range(4)] == [500, 503, 504, 200]


def test_a_connection_breaks_in_the_middle_of_a_body(client: Client) -> None:
    client.stand_in.faults.dropped = Trigger(every=1, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(EVENTS)
    assert len(client.get(EVENTS).json()["value"]) == 50


@pytest.mark.parametrize("fault", ["malformed", "truncated"])
def test_a_body_is_no_json(client: Client, fault: str) -> None:
    setattr(client.stand_in.faults, fault, Trigger(every=1, times=1))
    answer = client.get(EVENTS)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"line 1"):
        answer.json()


def test_a_page_comes_twice_and_nothing_is_missing(client: Client) -> None:
    client.stand_in.faults.duplicate_page = Trigger(every=2)
    found = ids(client.pages(EVENTS))
    assert len(found) > 240 and len(set(found)) == 240


def test_a_share_of_events_is_late(client: Client, tenant: TenantData) -> None:
    client.stand_in.faults.late, client.stand_in.faults.late_s = 0.5, 100 * 3600
    found = [int(each.removeprefix("event-")) for each in ids(client.pages(EVENTS))]
    early = [hour for hour in found if hour < 100]
    assert 25 < len(early) < 75 and len(found) - len(early) == 140


def test_wide_windows_and_chosen_requests_are_slow(client: Client) -> None:
    client.stand_in.faults.slow_s = 30
    client.stand_in.faults.slow_hours = 24
    with pytest.raises(httpx.ReadTimeout):
        client.get(EVENTS, timeout=0.2, filter="activityDateTime gt 2026-01-01")
    narrow = client.get(
        EVENTS, filter="activityDateTime gt 2026-01-20T00:00:00Z and activityDateTime lt 2026-01-20T10:00:00Z"
    )
    assert narrow.status_code == 200


def test_the_date_follows_the_clock_and_its_skew(client: Client) -> None:
    assert client.get(JOBS).headers["Date"] == "Tue, 20 Jan 2026 12:00:00 GMT"
    client.stand_in.faults.skew_s = 90
    assert client.get(JOBS).headers["Date"] == "Tue, 20 Jan 2026 12:01:30 GMT"


def test_a_job_is_made_again_and_an_app_is_deleted(client: Client) -> None:
    client.stand_in.faults.recreated = {"scim.1": "scim.2"}
    assert [job["id"] for job in client.get(JOBS).json()["value"]] == ["scim.2"]
    assert client.get(f"{JOBS}/scim.1").status_code == 404
    assert client.get(f"{JOBS}/scim.2/schema").json()["synchronizationRules"]
    client.stand_in.faults.deleted = {"sp-1"}
    assert client.get(JOBS).status_code == 404
    assert client.get("/v1.0/servicePrincipals").json()["value"] == []


def test_a_stopped_listener_refuses_and_comes_back_at_the_same_address(client: Client) -> None:
    client.stand_in.stop()
    with pytest.raises(httpx.ConnectError):
        client.get(JOBS)
    client.stand_in.start()
    assert client.get(JOBS).status_code == 200


def test_a_port_in_use_is_told_in_a_sentence(client: Client) -> None:
    port = int(client.stand_in.url.rpartition(":")[2])
    other = StandIn([], port=port)
    with pytest.raises(StandInError, match=f"Port {port} cannot be used"):
        other.start()
    other.close()


def test_another_process_sets_faults_and_reads_requests(client: Client) -> None:
    client.get(JOBS)
    assert client.http.get("/_requests").json()["value"][-1]["path"] == JOBS
    told = client.http.post("/_faults", json={"failing": {"every": 1}, "missing": ["AuditLog.Read.All"]}).json()
    assert told["failing"]["every"] == 1 and told["missing"] == ["AuditLog.Read.All"]
    assert client.get(JOBS).status_code == 500
    assert client.http.post("/_faults", json={"failing": None}).json()["failing"]["every"] == 0
    refused = client.http.post("/_faults", json={"faling": {}})
    assert refused.status_code == 400 and "faling is no fault; known are" in refused.json()["error"]


def test_the_same_seed_strikes_the_same_requests() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults(seed=seed, failing=Trigger(rate=0.4))
        return [faults.strikes("failing", EVENTS) for _ in range(50)]

    assert struck(1) == struck(1) != struck(2)


def test_the_file_of_tenants_is_one_that_the_pipeline_reads(
    client: Client, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in client.stand_in.environment().items():
        monkeypatch.setenv(name, secret)
    client.stand_in.tenants[0].client_id = "11111111-2222-4333-8444-000000000001"
    [read] = read_tenants(read_settings(tenants=client.stand_in.tenants_toml(tmp_path)))
    assert (read.name, read.tenant_id, read.graph) == ("contoso", TENANT, client.stand_in.url)
    assert read.secret(read.secret_env) == "s3cret" and read.ca == client.stand_in.ca


def test_the_sample_tenants_jobs_agree_with_its_events() -> None:
    until = datetime(2026, 1, 26, tzinfo=UTC)
    tenant = sample_tenant(7, until=until, users=60, groups=4, days=10)
    assert callable(tenant.jobs)
    jobs = tenant.jobs(until)
    assert set(jobs) == {each["id"] for each in tenant.principals}
    assert {each["jobId"] for each in tenant.events} == {job["id"] for of_app in jobs.values() for job in of_app}
