"""SCIM request logs of every kind: what an exchange was, whom it was about, and that none is counted twice."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.store.lake import Store
from tests.support.loads import load, load_one, one, read, reasons, rows, tally
from tests.support.shapes import TENANT, dumped, event, lines, pretty

GUID = "0f0c7a52-0d1e-4c58-9a0a-1f2e3d4c5b6a"
BODY = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": 'Zoë "Z" 漢', "active": True}
ERROR = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "409", "scimType": "uniqueness"}
ERROR |= {"detail": 'user "Zoë" exists'}
OWN = {
    "time": "2026-01-05T12:00:00.250Z",
    "method": "POST",
    "path": "/scim/v2/Users",
    "status": 409,
    "duration_ms": 41.6,
    "request_id": "r-1",
    "tenant_id": TENANT,
    "app_id": "app",
    "client": "10.0.0.1",
    "request_body": BODY,
    "response_body": ERROR,
}
ALIASES = {
    "time": ("timestamp", "@timestamp", "time_iso8601", "occurred_at", "date", "Time"),
    "method": ("request_method", "httpMethod", "http_method", "verb"),
    "path": ("url", "uri", "request_uri", "requestUri", "target"),
    "status": ("statusCode", "status_code", "http_status", "httpStatus", "responseStatus"),
    "duration_ms": ("durationMs", "elapsed_ms", "latency_ms"),
    "request_id": ("requestId", "correlation_id", "correlationId", "x_request_id"),
    "tenant_id": ("tenantId",),
    "app_id": ("appId",),
    "client": ("client_ip", "clientIp", "remote_addr", "ip"),
    "request_body": ("request", "requestBody"),
    "response_body": ("response", "responseBody"),
}
LINE = '10.0.0.1 - - [05/Jan/2026:14:00:00 +0200] "{} HTTP/1.1" {} 17'


def renamed(turn: int) -> dict[str, Any]:
    """Our own form under other names."""
    return {(names := ALIASES[key])[turn % len(names)]: value for key, value in OWN.items()}


def escaped(body: object) -> str:
    """A body as nginx writes it: quotes, backslashes and all that is not ASCII by its bytes."""
    text = json.dumps(body, ensure_ascii=False).encode()
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02X}" for byte in text)


def patch(value: object, path: str = "active") -> dict[str, Any]:
    """A PatchOp of one operation."""
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "Replace", "path": path, "value": value}],
    }


def test_an_exchange_is_the_same_under_every_documented_name(store: Store, tmp_path: Path) -> None:
    files = {str(turn): lines([renamed(turn) | {}]) for turn in range(6)}
    files["texts"] = lines([OWN | {"request_body": dumped(BODY), "response_body": dumped(ERROR), "status": "409"}])
    found = load(store, tmp_path / "in", files | {"own": lines([OWN])})
    assert sum(file.kept for file in found.values()) == 1 and sum(file.duplicates for file in found.values()) == 7
    [row] = rows(store, "from exchanges")
    assert {name: value for name, value in row.items() if not name.endswith("body")} == {
        "exchange_id": "r-1",
        "occurred_at": datetime(2026, 1, 5, 12, 0, 0, 250000),
        "tenant_id": TENANT,
        "app_id": "app",
        "method": "POST",
        "path": "/scim/v2/Users",
        "resource_type": "User",
        "resource_id": None,
        "filter": None,
        "operation": "create",
        "http_status": 409,
        "scim_type": "uniqueness",
        "detail": 'user "Zoë" exists',
        "duration_ms": 42,
        "request_id": "r-1",
        "client": "10.0.0.1",
        "log": f"{tmp_path.resolve()}/in/0",
    }
    assert (json.loads(row["request_body"]), json.loads(row["response_body"])) == (BODY, ERROR)


def pair(request_id: str, status: int | None = None, second: int = 0, **data: object) -> dict[str, Any]:
    """A line about a request: its arrival, or its answer where a status is given."""
    at = f"2026-01-05T12:00:{second:02d}.000Z"
    told = data if status is None else {"status": status, "durationMs": 17, **data}
    return {"timestamp": at, "requestId": request_id, "method": "POST", "path": "/scim/Users", "data": told}


def test_lines_of_one_request_are_one_exchange_in_any_order(store: Store, tmp_path: Path) -> None:
    told = [
        pair("a", body=BODY, ip="10.0.0.1"),
        pair("b", 409, 1, responseBody=ERROR),
        pair("a", 201, 2),
        pair("never"),
    ]
    told.append(pair("b", body=BODY))
    assert tally(load_one(store, tmp_path / "in", lines(told))) == (5, 5, 0, 0)
    asked = """
        select exchange_id, http_status, duration_ms, scim_type, request_body is not null as asked
        from exchanges order by exchange_id
    """
    assert rows(store, asked) == [
        {"exchange_id": "a", "http_status": 201, "duration_ms": 17, "scim_type": None, "asked": True},
        {"exchange_id": "b", "http_status": 409, "duration_ms": 17, "scim_type": "uniqueness", "asked": True},
        {"exchange_id": "never", "http_status": None, "duration_ms": None, "scim_type": None, "asked": False},
    ]


def test_an_answer_that_arrives_in_a_later_run_joins_its_request(store: Store, tmp_path: Path) -> None:
    first = load_one(store, tmp_path / "in", lines([pair("a", body=BODY), pair("b", 204, 9)]), "first")
    assert first.source == "scim_pairs"
    assert tally(load_one(store, tmp_path / "in", lines([pair("a", 201, 5), pair("b", body=BODY)]), "second")) == (
        2,
        2,
        0,
        0,
    )
    asked = "select exchange_id, http_status, request_body is not null as asked, occurred_at from exchanges order by 1"
    noon = datetime(2026, 1, 5, 12)
    assert rows(store, asked) == [
        {"exchange_id": "a", "http_status": 201, "asked": True, "occurred_at": noon},
        {"exchange_id": "b", "http_status": 204, "asked": True, "occurred_at": noon},
    ]
    again = load(store, tmp_path / "again", {"x": lines([pair("a", body=BODY), pair("a", 201, 5), pair("b", 204, 9)])})
    assert tally(again["x"]) == (3, 0, 3, 0)
    assert rows(store, "select count(*) as n from exchanges") == [{"n": 2}]


def test_access_lines_are_read_with_all_that_servers_add(store: Store, tmp_path: Path) -> None:
    target = f"GET /{TENANT}/scim/Users/42"
    told = [
        LINE.format(target, 200),
        "scim-1  | "
        + LINE.format(f"POST /{TENANT}/scim/Users", 409)
        + f' "-" "-" 0.042 "{escaped(BODY)}" "{escaped(ERROR)}"',
        LINE.format("GET https://scim.example.com/scim/Users/43?attributes=id", 404) + ' "-" "curl/8" rt=0.007 "-" "-"',
        LINE.format("DELETE /Users/44", 204).replace("17", "-") + f' "-" "-" request_id={GUID}',
    ]
    load(store, tmp_path / "events", {"of the tenant": lines([event()])})
    result = load_one(store, tmp_path / "in", "\n".join(told).encode() + b"\n")
    assert (result.source, tally(result)) == ("access_log", (4, 4, 0, 0))
    assert one(store, "occurred_at", "exchanges") == datetime(2026, 1, 5, 12)
    asked = """
        select path, resource_id, http_status, duration_ms, operation, tenant_id, detail
        from exchanges order by http_status, path
    """
    assert [tuple(row.values()) for row in rows(store, asked)] == [
        (f"/{TENANT}/scim/Users/42", "42", 200, None, "read", TENANT, None),
        ("/Users/44", "44", 204, None, "delete", None, None),
        ("/scim/Users/43", "43", 404, 7, "read", None, None),
        (f"/{TENANT}/scim/Users", None, 409, 42, "create", TENANT, 'user "Zoë" exists'),
    ]
    [body] = rows(store, "select request_body from exchanges where request_body is not null")
    assert json.loads(body["request_body"]) == BODY
    assert rows(store, "select exchange_id from exchanges where http_status = 204") == [{"exchange_id": GUID}]


FILTERS = {
    "userName+eq+%22ada%40example.com%22": 'userName eq "ada@example.com"',
    "userName%20eq%20%22ada%2Bx@example.com%22": 'userName eq "ada+x@example.com"',
    'userName eq "ada b"': 'userName eq "ada b"',
    "userName+eq+\\x22zo\\xC3\\xAB\\x22": 'userName eq "zoë"',
    'emails[type eq "work"].value eq "ada@example.com"': 'emails[type eq "work"].value eq "ada@example.com"',
}


def test_a_filter_is_read_however_it_was_encoded(store: Store, tmp_path: Path) -> None:
    told = [LINE.format(f"GET /Users?count=1&filter={given}&startIndex=1", 200) for given in FILTERS]
    assert load_one(store, tmp_path / "in", "\n".join([*told, ""]).encode()).kept == len(FILTERS)
    assert {row["filter"] for row in rows(store, "from exchanges where operation = 'query'")} == set(FILTERS.values())


def test_two_equal_lines_in_one_second_are_two_exchanges_and_reading_them_again_is_none(
    store: Store, tmp_path: Path
) -> None:
    told = (LINE.format("GET /Users/42", 200) + "\n") * 2 + LINE.format("GET /Users/43", 200) + "\n"
    assert tally(load_one(store, tmp_path / "in", told.encode(), "a")) == (3, 3, 0, 0)
    assert tally(load_one(store, tmp_path / "in", told.encode(), "b")) == (3, 0, 3, 0)
    assert tally(read(store, tmp_path / "in" / "a")["a"]) == (0, 0, 0, 0)


OPERATIONS: list[tuple[str, str, object, str]] = [
    ("GET", f'/Users?filter=userName+eq+"{GUID}"', None, "probe"),
    ("GET", f'/Groups?excludedAttributes=members&filter=displayName+eq+"{GUID}"', None, "probe"),
    ("GET", '/Users?filter=userName+eq+"ada"', None, "query"),
    ("GET", f'/Users?filter=externalId+eq+"{GUID}"', None, "query"),
    ("GET", "/Users", None, "list"),
    ("GET", "/Users/42", None, "read"),
    ("GET", "/Schemas", None, "discover"),
    ("GET", "/ServiceProviderConfig", None, "discover"),
    ("POST", "/Users", BODY, "create"),
    ("POST", "/Groups", {"displayName": "g"}, "create"),
    ("PATCH", "/Users/42", patch("False"), "disable"),
    ("PATCH", "/Users/42", patch(False), "disable"),
    ("PATCH", "/Users/42", {"Operations": [{"op": "replace", "value": {"active": False}}]}, "disable"),
    ("PATCH", "/Users/42", {"Operations": [{"value": "False", "path": "active", "op": "Replace"}]}, "disable"),
    ("PUT", "/Users/42", BODY | {"active": False}, "disable"),
    ("PATCH", "/Users/42", patch("True"), "enable"),
    ("PATCH", "/Users/42", patch(True), "enable"),
    ("PATCH", "/Users/42", patch("False", "title"), "update"),
    ("PATCH", "/Groups/7", patch([{"$ref": None, "value": "42"}], "members"), "members"),
    ("PATCH", "/Groups/7", patch(None, 'members[value eq "42"]'), "members"),
    ("PATCH", "/Groups/7", patch("New name", "displayName"), "update"),
    ("DELETE", "/Users/42", None, "delete"),
    ("DELETE", "/Groups/7", None, "delete"),
]


def test_an_operation_says_what_the_request_was_for(store: Store, tmp_path: Path) -> None:
    told = [
        {
            "time": "2026-01-05T12:00:00Z",
            "method": method,
            "path": path,
            "status": 200,
            "request_id": f"{n:02d}",
            "request_body": body,
        }
        for n, (method, path, body, _) in enumerate(OPERATIONS)
    ]
    load_one(store, tmp_path / "in", lines(told))
    found = [row["operation"] for row in rows(store, "select operation from exchanges order by request_id")]
    assert [(*case[:3], name) for case, name in zip(OPERATIONS, found, strict=True)] == OPERATIONS


def test_a_document_of_one_exchange_needs_only_its_time(store: Store, tmp_path: Path) -> None:
    timeless = {name: value for name, value in OWN.items() if name != "time"}
    found = load(
        store, tmp_path / "in", {"a": pretty(OWN), "b": pretty(timeless), "c": pretty({"schemas": [], "id": "x"})}
    )
    assert [tally(found[name]) for name in "abc"] == [(1, 1, 0, 0), (1, 0, 0, 1), (1, 0, 0, 1)]
    said = reasons(store)
    assert "b:1: time is missing; an ISO 8601 instant was expected" in said[0]
    assert "is a SCIM resource or message without method, path and time" in said[1]


def test_what_no_pattern_reads_is_a_reject_and_what_is_no_scim_request_is_passed_over(
    store: Store, tmp_path: Path
) -> None:
    good = LINE.format("GET /Users/42", 200).encode()
    odd = good.replace(b"05/Jan/2026:14", b"41/Jan/2026:14")
    data = b"\n".join(
        [
            good,
            b"upstream timed out",
            b'{"method":"GET","path":"/x","status":200,"time":"2026-01-05T12:00:00Z"}',
            odd,
            good,
            b'{"method":"GET","path":"/Users/42","status":',
            b'10.0.0.1 - - [05/Jan/2026:14:00:00 +0200] "GET /Us',
            b"upstream \xff\xfe out",
        ]
    )
    result = load_one(store, tmp_path / "in", data + b"\n")
    assert (tally(result), result.passed_over) == ((7, 2, 0, 5), 1)
    assert all("is no line of this log; client - user [05/Jan" in reason for reason in reasons(store))
    assert store.rows("select lines, passed_over from files") == [(7, 1)]
