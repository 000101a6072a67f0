"""What a PATCH or PUT does to a group's members, in every dialect, by the store's own macros."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.store.migrate import schema_text

PUBLISHED = Path(__file__).parents[3] / "shared" / "fixtures" / "scim"
"Records that others published; they are not part of the project, so these tests run only where they lie."
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
Operations = list[dict[str, Any]]


@pytest.fixture(scope="module")
def macros() -> Iterator[duckdb.DuckDBPyConnection]:
    """The store's macros in memory."""
    cursor = duckdb.connect()
    for part in ("migrations/0001_tables.sql", "derived.sql", "groups.sql"):
        cursor.execute(schema_text(part))
    yield cursor
    cursor.close()


def members(macros: duckdb.DuckDBPyConnection, operations: Operations) -> list[tuple[str, str | None]]:
    """What the operations of a PATCH do, one pair a member."""
    body = json.dumps({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
    return macros.execute("select op, member from patch_members($body)", {"body": body}).fetchall()


def whole(macros: duckdb.DuckDBPyConnection, method: str, body: object) -> list[dict[str, Any]]:
    """What a request does to members, an operation each."""
    told = body if isinstance(body, str) else json.dumps(body)
    [(done,)] = macros.execute("select body_members($m, $b)", {"m": method, "b": told}).fetchall()
    return list(done)


DIALECTS: dict[str, tuple[dict[str, Any], list[tuple[str, str | None]]]] = {
    "entra adds several at once": (
        {"op": "Add", "path": "members", "value": [{"$ref": None, "value": "ada"}, {"$ref": None, "value": "bob"}]},
        [("add", "ada"), ("add", "bob")],
    ),
    "entra removes by a list of values": (
        {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "ada"}]},
        [("remove", "ada")],
    ),
    "the compliant dialect removes by a path": (
        {"op": "remove", "path": 'members[value eq "ada"]'},
        [("remove", "ada")],
    ),
    "a path may name two": (
        {"op": "REMOVE", "path": 'members[value EQ "ada" or value eq "bob"]'},
        [("remove", "ada"), ("remove", "bob")],
    ),
    "a path may have its schema": ({"op": "add", "path": f"{GROUP}:members", "value": "ada"}, [("add", "ada")]),
    "no path and a value object": ({"op": "add", "value": {"members": [{"value": "ada"}]}}, [("add", "ada")]),
    "no path and the schema around it": (
        {"op": "replace", "value": {GROUP: {"members": [{"value": "ada"}]}}},
        [("replace", "ada")],
    ),
    "a single object": ({"op": "Add", "path": "members", "value": {"value": "ada"}}, [("add", "ada")]),
    "a single text": ({"op": "add", "path": "Members", "value": "ada"}, [("add", "ada")]),
    "a list of texts": ({"op": "add", "path": "members", "value": ["ada", "bob"]}, [("add", "ada"), ("add", "bob")]),
    "a list of numbers": ({"op": "add", "path": "members", "value": [{"value": 7}]}, [("add", "7")]),
    "only a reference": (
        {"op": "add", "path": "members", "value": [{"$ref": "https://app.example.com/scim/Users/ada"}]},
        [("add", "ada")],
    ),
    "a list inside a text": ({"op": "add", "path": "members", "value": '[{"value": "ada"}]'}, [("add", "ada")]),
    "a replace of all": (
        {"op": "Replace", "path": "members", "value": [{"value": "ada"}, {"value": "bob"}]},
        [("replace", "ada"), ("replace", "bob")],
    ),
    "a remove without a value empties": ({"op": "Remove", "path": "members"}, [("empty", None)]),
    "a remove of null empties": ({"op": "remove", "path": "members", "value": None}, [("empty", None)]),
    "a replace with nobody empties": ({"op": "replace", "path": "members", "value": []}, [("empty", None)]),
    "a remove of an empty list removes nobody": ({"op": "remove", "path": "members", "value": []}, []),
    "another attribute is none of its business": ({"op": "Replace", "path": "displayName", "value": "members"}, []),
    "a value without members is none either": ({"op": "replace", "value": {"displayName": "Design"}}, []),
    "a member's own attribute is none either": (
        {"op": "replace", "path": 'members[value eq "ada"].display', "value": "Ada"},
        [],
    ),
    "an unfamiliar verb does nothing": ({"op": "move", "path": "members", "value": "ada"}, []),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_patch_dialect_is_understood(macros: duckdb.DuckDBPyConnection, dialect: str) -> None:
    operation, done = DIALECTS[dialect]
    assert members(macros, [operation]) == done


def test_patch_dialect_keeps_the_order_of_operations(macros: duckdb.DuckDBPyConnection) -> None:
    operations = [
        {"op": "Remove", "path": "members"},
        {"op": "Replace", "path": "displayName", "value": "Design"},
        {"op": "Add", "path": "members", "value": [{"value": "ada"}]},
    ]
    assert members(macros, operations) == [("empty", None), ("add", "ada")]


def test_patch_dialect_of_keys_in_other_letters(macros: duckdb.DuckDBPyConnection) -> None:
    body = {"operations": [{"Op": "add", "Path": "members", "Value": [{"Value": "ada"}]}]}
    assert whole(macros, "PATCH", body) == [{"op": "add", "members": ["ada"]}]


def test_patch_dialect_of_a_put_replaces_what_it_names(macros: duckdb.DuckDBPyConnection) -> None:
    assert whole(macros, "PUT", {"members": [{"value": "ada"}]}) == [{"op": "replace", "members": ["ada"]}]
    assert whole(macros, "PUT", {"members": []}) == [{"op": "empty", "members": []}]
    assert whole(macros, "PUT", {"displayName": "Design"}) == []


@pytest.mark.parametrize("body", ["", "{", "[removed]", "[]", "7", '{"Operations": 7}', '{"Operations": [null, 7]}'])
def test_patch_dialect_of_what_is_no_patch_does_nothing(macros: duckdb.DuckDBPyConnection, body: str) -> None:
    assert whole(macros, "PATCH", body) == []


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published records lie outside the project")
def test_patch_dialect_of_published_records(macros: duckdb.DuckDBPyConnection) -> None:
    documented = json.loads((PUBLISHED / "entra_documented/update_group.json").read_text())["request"]["Operations"]
    member = "f648f8d5ea4e4cd38e9c"
    assert members(macros, documented) == [("add", member), ("remove", member)]
    examples = json.loads((PUBLISHED / "scimserver/patch-operations.json").read_text())
    found = {name: members(macros, told["Operations"]) for name, told in examples.items() if isinstance(told, dict)}
    assert {name: done for name, done in found.items() if done} == {
        "add_group_members": [("add", "user-uuid-1"), ("add", "user-uuid-2")],
        "remove_group_member": [("remove", "user-uuid-1")],
    }
