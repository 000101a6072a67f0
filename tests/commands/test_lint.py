"""What an app's answers show its vendor: each mark from a request that has it, none from one that has not."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from scim2_models import EnterpriseUser, Group, ResourceType, ScimProvider, User
from scim2_server.applications.wsgi import WSGIApplication
from scim2_server.memory import InMemoryStorage
from scim2_server.utils import load_default_service_provider_config

from pipeline.__main__ import run
from pipeline.commands.lint import report
from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.knowledge.scim_findings import MEANINGS, markdown, shortened
from pipeline.store.lake import Store, open_store
from tests.support.given import Given, moment

SCIM_ERROR = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "409", "detail": "taken"}
PATCH = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
GUID = "e53f37d6-37f0-417e-9201-9f30ac842557"
Made = tuple[str, dict[str, Any]]


def json_text(body: Any) -> str:
    return json.dumps(body)


def disabling(value: Any) -> str:
    return json_text(PATCH | {"Operations": [{"op": "Replace", "path": "active", "value": value}]})


QUERY = {"operation": "query", "filter": 'userName eq "ada@example.com"'}
BAD: dict[str, Made] = {
    "query_404": ("GET", QUERY | {"http_status": 404}),
    "filter_refused": ("GET", QUERY | {"http_status": 400, "scim_type": "invalidFilter"}),
    "patch_unsupported": ("PATCH", {"http_status": 501}),
    "string_boolean_refused": ("PATCH", {"http_status": 400, "request_body": disabling("False")}),
    "string_boolean": ("PATCH", {"http_status": 200, "request_body": disabling("False")}),
    "disable_ignored": (
        "PATCH",
        {"operation": "disable", "http_status": 200, "response_body": json_text({"id": "a", "active": True})},
    ),
    "create_without_id": ("POST", {"http_status": 201, "response_body": json_text({"userName": "ada"})}),
    "create_not_201": ("POST", {"http_status": 200}),
    "delete_not_204": ("DELETE", {"http_status": 200}),
    "group_patch_not_204": ("PATCH", {"resource_type": "Group", "http_status": 200}),
    "no_scim_type": ("POST", {"http_status": 409, "response_body": json_text(SCIM_ERROR)}),
    "error_not_json": ("POST", {"http_status": 502, "response_body": "<html>Bad gateway</html>"}),
    "error_not_scim": ("PATCH", {"http_status": 404, "response_body": json_text({"error": "no such user"})}),
    "string_boolean_answered": (
        "PATCH",
        {"http_status": 200, "response_body": json_text({"id": "a", "active": "True"})},
    ),
    "several_matches": ("GET", QUERY | {"http_status": 200, "response_body": json_text({"totalResults": 2})}),
    "slow": ("PATCH", {"http_status": 200, "duration_ms": 9000}),
}
GOOD: tuple[Made, ...] = (
    ("GET", QUERY | {"http_status": 200, "response_body": json_text({"totalResults": 1})}),
    ("GET", {"operation": "read", "http_status": 404, "response_body": json_text(SCIM_ERROR | {"status": "404"})}),
    ("POST", {"http_status": 201, "response_body": json_text({"id": "a", "active": True})}),
    ("POST", {"http_status": 409, "scim_type": "uniqueness", "response_body": json_text(SCIM_ERROR)}),
    ("PATCH", {"http_status": 200, "operation": "disable", "request_body": disabling(False)}),
    ("PATCH", {"http_status": 204, "resource_type": "Group"}),
    ("DELETE", {"http_status": 204}),
    ("GET", QUERY | {"http_status": 429}),
    ("GET", QUERY | {"http_status": 401}),
)
KINDS = {"POST": "create", "PATCH": "update", "DELETE": "delete"}


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A vendor for each mark, with one request that has it, and one vendor that does everything well."""
    folder = tmp_path_factory.mktemp("vendors")
    store = open_store(Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    given = Given(store)
    for app, (method, facts) in [*BAD.items(), *(("good", made) for made in GOOD)]:
        told = {"operation": KINDS.get(method), "resource_type": "User", "duration_ms": 80} | facts
        status = told.pop("http_status")
        given.exchanged(method, f"/scim/v2/Users/{GUID}", status, moment(1), app_id=app, **told)
    given.event("ada", "success", moment(1), app="Shop", app_id="good")
    given.stored()
    yield store
    store.close()


@pytest.fixture(scope="module")
def marks(vendors: Store) -> dict[str, list[str]]:
    """Which marks each vendor has."""
    found: dict[str, list[str]] = {}
    for row in Given(vendors).answer("target_lint"):
        found.setdefault(row["app_id"], []).append(row["mark"])
    return found


@pytest.mark.parametrize("mark", BAD)
def test_a_request_that_has_a_mark_gets_it_and_no_other(marks: dict[str, list[str]], mark: str) -> None:
    assert marks[mark] == [mark]


def test_good_answers_get_no_mark(marks: dict[str, list[str]]) -> None:
    assert "good" not in marks


def test_every_mark_has_a_meaning_and_is_tried() -> None:
    assert set(BAD) == set(MEANINGS)
    assert all(told.expected and told.cure and told.written for told in MEANINGS.values())


def test_the_report_tells_no_id_and_no_name(vendors: Store) -> None:
    until = moment(2)
    for mark in BAD:
        text = report(vendors, mark, "Shop", moment(), until)
        assert MEANINGS[mark].title in text
        assert GUID not in text and "ada@" not in text


def test_a_report_without_findings_says_so_and_what_was_looked_at(vendors: Store) -> None:
    text = report(vendors, "good", "Shop", moment(), moment(2))
    assert "Nothing was found that RFC 7644 or Entra would have otherwise." in text
    assert "9 requests: 2 POST, 2 PATCH, 1 DELETE, 3 look-ups by filter" in text
    assert "whether the 1 answers of 429 had a Retry-After" in text


def test_a_report_of_a_window_without_requests_says_that_its_answers_are_unknown(vendors: Store) -> None:
    assert "its answers are unknown" in report(vendors, "good", "Shop", moment(5), moment(6))


def test_what_is_sent_is_cut_short() -> None:
    assert (
        shortened(f'/Users/{GUID}?filter=userName eq "ada@example.com"')
        == '/Users/e53f…?filter=userName eq "a…@example.com"'
    )


def test_the_word_lint_prints_writes_and_refuses(
    given: Given, tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    given.exchanged("DELETE", "/Users/a", 200, moment(1), app_id="app-shop", operation="delete", resource_type="User")
    given.event("ada", "success", moment(1), app="Shop")
    given.stored()
    assert run(["lint", "shop"]) == 0
    assert "A delete was not answered 204" in capsys.readouterr().out
    file = tmp_path / "shop.md"
    assert run(["lint", "app-shop", str(file)]) == 0
    assert file.read_text(encoding="utf-8").startswith("# How Shop answers SCIM")
    assert str(file) in capsys.readouterr().out
    assert run(["lint", "Shpo"]) == 2
    assert "No app is called 'Shpo'; did you mean Shop?" in capsys.readouterr().err
    assert run(["lint", "Shop", "--since", "2026-02-01", "--until", "2026-01-01"]) == 2
    assert "must begin before it ends" in capsys.readouterr().err


def test_a_real_scim_server_is_read_and_linted(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "scim.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in talk()), encoding="utf-8")
    assert ingest(store, [str(file)]).files[0].kept == 6
    [seen] = Given(store).answer("target_looked_at", app="real")
    assert (seen["requests"], seen["probes"], seen["creates"], seen["patches"]) == (6, 1, 2, 1)
    found = Given(store).answer("target_lint", app="real")
    assert "string_boolean" in {row["mark"].removesuffix("_refused") for row in found}
    assert not {"query_404", "filter_refused", "create_without_id", "error_not_scim"} & {row["mark"] for row in found}
    assert "How Real answers SCIM" in markdown("Real", moment(), moment(2), found, seen)


def talk() -> Iterator[dict[str, Any]]:
    """Speaks Entra's dialect with a SCIM server that others have written, and logs it in our own form."""
    provider = ScimProvider(
        models=[User, EnterpriseUser, Group],
        resource_types=[ResourceType.from_resource(User[EnterpriseUser]), ResourceType.from_resource(Group)],
        config=load_default_service_provider_config(),
    )
    transport = httpx.WSGITransport(app=WSGIApplication(InMemoryStorage(), provider))  # type: ignore[arg-type]
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada@example.com", "active": True}
    with httpx.Client(transport=transport, base_url="http://127.0.0.1") as client:
        number = 0

        def asked(method: str, path: str, body: Any = None) -> dict[str, Any]:
            """Sends one request and gives the line that a server logs of it."""
            nonlocal number
            number += 1
            answer = client.request(method, path, json=body)
            return {
                "time": f"{moment(1) + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}",
                "method": method,
                "path": path,
                "status": answer.status_code,
                "duration_ms": 5,
                "request_id": f"r-{number}",
                "app_id": "real",
                "request_body": body,
                "response_body": answer.json() if answer.content else None,
            }

        yield asked("GET", f'/v2/Users?filter=userName eq "{GUID}"')
        made = asked("POST", "/v2/Users", user)
        yield made
        yield asked("POST", "/v2/Users", user)
        one = f"/v2/Users/{made['response_body']['id']}"
        yield asked("PATCH", one, json.loads(disabling("False")))
        yield asked("GET", one)
        yield asked("DELETE", one)
