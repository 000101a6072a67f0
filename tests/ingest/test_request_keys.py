"""By what a request is known: its id within its app or log, and its content; none is lost, none is counted twice."""

import random
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.lake import Store
from tests.ingest.test_exchanges import BODY, OWN, pair
from tests.support.cases import thinned
from tests.support.loads import load, load_one, one, rows, tally
from tests.support.shapes import lines


def request(number: int = 0, **members: Any) -> dict[str, Any]:
    """A request of our own form, of which the id is the same."""
    told = {
        "time": f"2026-01-05T12:{number // 60:02d}:{number % 60:02d}.250Z",
        "method": "PATCH",
        "path": "/scim/Users/7",
    }
    return told | {"status": 200, "duration_ms": 30, "request_id": "r-1"} | members


def ids(store: Store) -> list[str]:
    """The ids of all requests; each must be another."""
    found = [
        row["exchange_id"] for row in rows(store, "select exchange_id from exchanges order by occurred_at, exchange_id")
    ]
    assert len(set(found)) == len(found)
    return found


def test_equal_ids_of_two_apps_are_two_requests_in_any_order(store: Store, tmp_path: Path) -> None:
    apps = {app: lines([request(app_id=app, path=f"/{app}/Users/7")]) for app in ("cerby", "docs")}
    apps |= {"both": b"".join(apps.values())}
    for turn, order in enumerate((["cerby", "docs"], ["docs", "cerby"], ["both"])):
        for name in order:
            load_one(store, tmp_path / str(turn), apps[name], name)
    assert len(ids(store)) == 2
    assert store.rows("select sum(kept), sum(duplicates) from files") == [(2, 4)]
    assert {row["app_id"] for row in rows(store, "from exchanges")} == {"cerby", "docs"}


@pytest.mark.parametrize(
    "other",
    thinned(
        [
            {"time": "2026-01-05T12:00:00.950Z"},
            {"time": "2026-01-06T12:00:00.250Z"},
            {"time": "2026-02-05T12:00:00.250Z"},
            {"path": "/scim/Users/8"},
            {"method": "GET"},
            {"status": 500},
            {"app_id": "docs"},
            {"request_body": {"active": False}},
        ]
    ),
    ids=lambda other: " ".join(map(str, other.values())),
)
def test_an_equal_id_with_other_content_is_another_request(store: Store, tmp_path: Path, other: dict[str, Any]) -> None:
    first = request(app_id="cerby", request_body={"active": True})
    files = {"first": lines([first]), "other": lines([first | other]), "both": lines([first | other, first])}
    for name, data in files.items():
        load_one(store, tmp_path / "in", data, name)
    assert len(ids(store)) == 2 and store.rows("select sum(kept), sum(duplicates) from files") == [(2, 2)]
    again = load(store, tmp_path / "again", files)
    assert sum(file.kept for file in again.values()) == 0


def test_one_request_in_two_logs_is_one_whatever_either_leaves_out(store: Store, tmp_path: Path) -> None:
    own = request(7, request_id="0f0c7a52-0d1e-4c58-9a0a-1f2e3d4c5b6a", app_id="cerby", request_body=BODY)
    line = '10.0.0.1 - - [05/Jan/2026:12:00:07 +0000] "PATCH /scim/Users/7 HTTP/1.1" 200 17 "-" "-" request_id={}\n'
    load_one(store, tmp_path / "in", lines([own]), "own")
    assert load_one(store, tmp_path / "in", line.format(own["request_id"]).encode(), "nginx").duplicates == 1
    assert one(store, "app_id", "exchanges") == "cerby" and len(ids(store)) == 1


def test_an_id_that_every_request_has_hides_none(store: Store, tmp_path: Path) -> None:
    told = [request(number, path=f"/scim/Users/{number % 7}") for number in range(500)]
    halves = {"a": lines(told[:300]), "b": lines(told[200:])}
    found = load(store, tmp_path / "in", halves)
    assert sum(file.kept for file in found.values()) == 500 and len(ids(store)) == 500
    assert sum(file.duplicates for file in load(store, tmp_path / "again", halves).values()) == 600


@pytest.mark.parametrize("seed", range(4))
def test_lines_of_one_id_begin_a_request_anew_however_the_log_is_cut(store: Store, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    logs: dict[str, list[dict[str, Any]]] = {"a": [], "b": []}
    for name, told in logs.items():
        for turn in range(6):
            status = rng.choice((200, 201, 409, 500))
            opened, answered = pair("r-1", second=turn * 9), pair("r-1", status, turn * 9 + rng.randrange(1, 5))
            path = {"path": f"/scim/{name}/Users"}
            told += [opened | path, answered | ({} if rng.random() < 0.5 else path)]
            if "path" not in answered or rng.random() < 0.5:
                told[-1] = {key: value for key, value in answered.items() if key not in ("method", "path")}
            else:
                told[-1] = answered | path
    for name, told in logs.items():
        cut = rng.randrange(len(told) + 1)
        folder = tmp_path / "in" / f"{name}.log"
        folder.parent.mkdir(exist_ok=True)
        for data in (lines(told[:cut]), lines(told)):
            if data:
                load_one(store, tmp_path / "in", data, f"{name}.log")
    asked = "select path, strftime(occurred_at, '%S') as second, http_status from exchanges order by all"
    seen = [tuple(row.values()) for row in rows(store, asked)]
    right = [
        (opened["path"], opened["timestamp"][17:19], answered["data"]["status"])
        for told in logs.values()
        for opened, answered in zip(told[::2], told[1::2], strict=True)
    ]
    assert seen == sorted(right) and len(ids(store)) == 12
    again = load(store, tmp_path / "copy", {f"{name}.old": lines(told) for name, told in logs.items()})
    assert sum(file.kept for file in again.values()) == 0 and len(ids(store)) == 12


def test_a_log_that_an_earlier_version_read_is_known_again(store: Store, tmp_path: Path) -> None:
    """That version knew our form's lines without an id by what it read of them, and named no log."""
    slog = {
        "time": "2026-03-02T09:14:02.118Z",
        "method": "GET",
        "path": "/scim/Users",
        "query": "filter=userName+eq+%22ada%22",
    }
    slog |= {"status": 200, "duration": 41_000_000, "remote": "10.0.0.1:41822"}
    told = [slog, slog, OWN, pair("p", body=BODY), pair("p", 201, 3)]
    files = {"slog": lines(told[:2]), "own": lines([OWN]), "pairs": lines(told[3:])}
    store.write(
        lambda cursor: cursor.execute(
            """
            insert into exchanges by name
            select md5('2026-03-02T09:14:02.118Z|GET|/scim/Users|200') || nth as exchange_id,
                timestamp '2026-03-02 09:14:02.118' as occurred_at, 'GET' as "method", '/scim/Users' as "path",
                'User' as resource_type, 'list' as operation, 200 as http_status
            from (values (''), ('-2')) t(nth)
            union all by name
            select 'r-1' as exchange_id, 'r-1' as request_id, timestamp '2026-01-05 12:00:00.25' as occurred_at,
                'POST' as "method", '/scim/v2/Users' as "path", 'User' as resource_type, 409 as http_status
            union all by name
            select 'p' as exchange_id, 'p' as request_id, timestamp '2026-01-05 12:00:00' as occurred_at,
                'POST' as "method", '/scim/Users' as "path", 'User' as resource_type, 201 as http_status,
                '{}' as request_body"""
        )
    )
    found = load(store, tmp_path / "in", files)
    assert [tally(found[name]) for name in files] == [(2, 0, 2, 0), (1, 0, 1, 0), (2, 0, 2, 0)]
    assert len(ids(store)) == 4
