"""A token that is a part of a path, with no name before it, is stored nowhere; what else stands there stays."""

import json
from pathlib import Path

import pytest

from pipeline.store.lake import Store
from tests.support.loads import load, rows
from tests.support.shapes import failed, lines

TOKENS = {
    "base64": "c29tZS1zZWNyZXQ9dG9rZW4Xy7Q2p",
    "base64url": "c29tZS1zZWNyZXQ-Xy7Q_2pTk",
    "hex": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "letters and digits": "k3j9x0q2m4n8b7v6c5z1a2s3d4f5",
}
OTHERS = {
    "a tenant": "7a1c0c52-6a7b-4e39-8c15-2f9e0b7d6a31",
    "a tenant without hyphens": "8d1f0c525d474a0e9b617c2d5e8f1a04",
    "a name": "contoso-production-2026-eu",
    "a directory": "directory_01HXYZABCDEF0123456789",
    "a directory by MongoDB's id": "64f1a2b3c4d5e6f7a8b9c0d1",
    "a connection by its ULID": "01HXYZABCDEF0123456789ABCD",
    "a version": "v2.0",
    "an app": "groups/contoso",
}


def logs(part: str, second: int) -> dict[str, bytes]:
    """A log of text and one of JSON with bodies, each with a line that cannot be read."""
    target = f"/scim/v2/{part}/Users/4711"
    line = f'20.190.129.80 - - [14/Apr/2026:07:21:{second:02d} +0000] "PATCH {target} HTTP/1.1" 200 5 "-" "-"\n'
    body = json.dumps({"id": "4711", "meta": {"location": f"https://a.test{target}"}})
    record = {"time": f"2026-04-14T08:21:{second:02d}Z", "method": "PATCH", "path": target, "status": 200}
    told = [record | {"response_body": body}, record | {"time": "soon"}]
    return {f"{second}.log": (line + line.replace("14/Apr", "99/Apr")).encode(), f"{second}.json": lines(told)}


def test_a_token_in_a_path_is_shown_by_its_digest_and_stored_nowhere(store: Store, tmp_path: Path) -> None:
    files = {name: data for second, part in enumerate(TOKENS.values()) for name, data in logs(part, second).items()}
    reason = f"StatusCode: BadRequest. Resource: https://a.test/scim/v2/{TOKENS['base64']}/Users/1 refused it"
    load(store, tmp_path / "in", {**files, "events.json": lines([failed(reason=reason)])})
    found = rows(store, 'select distinct "path", resource_type, resource_id, operation from exchanges')
    assert len(found) == len(TOKENS)
    assert {(row["resource_type"], row["resource_id"], row["operation"]) for row in found} == {
        ("User", "4711", "update")
    }
    assert rows(store, 'select count(*) as n from exchanges where contains(response_body, "path")') == [{"n": 4}]
    kept = repr([rows(store, f"from {table}") for table in ("exchanges", "rejects", "events")])
    assert [name for name, token in TOKENS.items() if token in kept] == []
    again = load(store, tmp_path / "again", files)
    assert sum(one.kept for one in again.values()) == 0


@pytest.mark.parametrize("part", OTHERS.values(), ids=OTHERS)
def test_what_else_stands_before_a_collection_stays(store: Store, tmp_path: Path, part: str) -> None:
    load(store, tmp_path / "in", logs(part, 1))
    assert rows(store, 'select distinct "path" from exchanges') == [{"path": f"/scim/v2/{part}/Users/4711"}]


def test_a_request_in_a_message_without_an_instant_is_a_reject(store: Store, tmp_path: Path) -> None:
    """It was passed over without a word."""
    told = [{"level": "info", "message": f'20.190.129.80:41822 - "GET /scim/v2/Users/{n} HTTP/1.1" 200'} for n in "12"]
    found = load(store, tmp_path / "in", {"a.json": lines(told)})["a.json"]
    assert (found.kept, found.rejects, found.passed_over) == (0, 2, 0)
    assert "without a readable time" in str(rows(store, "select reason from rejects"))
