"""Request logs as products write them: each file of tests/cases with its right answer, and every shape behind every
prefix, with its fields in any order, at any offset, with the query in the path or beside it.
"""

import json
import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.lake import Store
from tests.support.cases import thinned
from tests.support.loads import load, load_one, rows, tally

CASES = Path(__file__).parent.parent / "cases"
PROBE = 'userName eq "3f2b8c1e-5d47-4a0e-9b61-7c2d5e8f1a04"'
ADA = 'userName eq "ada.lovelace@contoso.example"'
USER = "8d1f0c52-6a7b-4e39-8c15-2f9e0b7d6a31"
ENTRA = "20.190.129.80"
INSTANTS = ("09:14:02.118", "09:14:03.402", "09:14:03.977", "09:14:05.250")
FOUR = (
    ("GET", "probe", PROBE, None, 200),
    ("GET", "query", ADA, None, 200),
    ("PATCH", "update", None, USER, 400),
    ("POST", "create", None, None, 409),
)
MS = (41, 38, 63, 55)


def case(
    *,
    ms: tuple[int | None, ...] = MS,
    filters: bool = True,
    seconds: bool = False,
    client: str | None = ENTRA,
    passed: int = 0,
    most: int = 4,
) -> dict[str, Any]:
    """The right answer of a file with the four requests, as precise as its format is."""
    told = (
        FOUR
        if filters
        else tuple((verb, "list" if verb == "GET" else do, None, who, status) for verb, do, _, who, status in FOUR)
    )
    at = [instant[:8] + ".000" if seconds else instant for instant in INSTANTS]
    return {"requests": [(at[n], *told[n], ms[n], client) for n in range(most)], "passed_over": passed}


UNTIMED = (None,) * 4
RIGHT: dict[str, dict[str, Any]] = {
    "01-traefik.json.log": case(),
    "02-caddy.json.log": case(),
    "04-istio.json.log": case(),
    "05-alb.log": case(ms=(42, 39, 64, 56)),
    "07-apigateway.json.log": case(ms=UNTIMED, filters=False, seconds=True),
    "09-iis.w3c.log": case(seconds=True, passed=4),
    "11-frontdoor.json": case(),
    "12-appgateway.json": case(seconds=True),
    "14-kubectl-timestamps.nginx.log": case(ms=UNTIMED, seconds=True),
    "16-docker-json-file.log": case(ms=UNTIMED, seconds=True),
    "17-cri-containerd.log": case(ms=UNTIMED, seconds=True),
    "18-journalctl-short.log": case(ms=UNTIMED, seconds=True),
    "20-apache.vhost_combined.log": case(ms=UNTIMED, seconds=True),
    "21-haproxy.log": case(),
    "22-pino-http.json": case(client="10.0.0.1"),
    "24-rails-lograge.log": case(filters=False, client=None),
    "25-grafana.log": case(filters=False),
    "27-kong-file-log.json": case(ms=(43, 40, 65, 57)),
    "28-cloudflare-logpush.json": case(seconds=True),
    "29-heroku-router.log": case(),
    "31-compose-json.log": {
        "requests": [
            ("09:14:03.120", "PATCH", "update", None, "5f1c", 200, 84, None),
            ("09:14:04.120", "GET", "read", None, "5f1c", 200, 84, None),
        ],
        "passed_over": 0,
    },
    "32-authentik-compose.log": {
        "requests": [
            ("09:04:09.123", "GET", "query", 'externalId eq "4045ea11-0000-4000-8000-000000000001"', None, 500, 34,
             "20.190.137.45"),
            ("09:04:11.500", "PATCH", "update", None, "9", 405, 51, "20.190.137.45"),
        ],
        "passed_over": 1,
    },
    "34-site-false-alarm.log": {
        "requests": [("09:00:01.000", "GET", "query", ADA, None, 200, None, ENTRA)],
        "passed_over": 3,
    },
    "36-gitlab.api_json.log": case(most=3),
    "39-slog-query.json": case(),
    "40-pairs-noise.json": {
        "requests": [("10:00:01.000", "POST", "create", None, None, 201, 33, None)],
        "passed_over": 2,
    },
}  # fmt: skip
ASKED = """
    select strftime(occurred_at, '%H:%M:%S.%g') as at, "method", operation, "filter", resource_id, http_status,
        duration_ms, client
    from exchanges order by occurred_at, case "method" when 'GET' then 0 else 1 end"""


def answers(store: Store) -> list[tuple[Any, ...]]:
    """What the store has of the requests, in order."""
    return [tuple(row.values()) for row in rows(store, ASKED)]


def test_every_case_has_its_right_answer() -> None:
    assert {file.name for file in CASES.iterdir() if file.name < "41"} == set(RIGHT)


@pytest.mark.parametrize("name", thinned(sorted(RIGHT)))
def test_a_log_as_a_product_writes_it_gives_its_requests(store: Store, tmp_path: Path, name: str) -> None:
    right, data = RIGHT[name], (CASES / name).read_bytes()
    result = load_one(store, tmp_path / "in", data, name)
    assert answers(store) == right["requests"]
    assert result.rejects == 0 and result.passed_over == right["passed_over"]
    assert rows(store, "from exchanges where resource_type <> 'User' or resource_type is null") == []
    again = load_one(store, tmp_path / "again", data, name)
    assert (again.kept, again.duplicates) == (0, result.kept)
    assert store.rows("select sum(passed_over) from files") == [(2 * right["passed_over"],)]
    assert b"c29tZS1zZWNyZXQ" not in repr(rows(store, "from exchanges")).encode()


# Each shape as its product writes it, from a request: method, path, query, status, milliseconds, instant.
def request_record(at: datetime, method: str, path: str, query: str, status: int, ms: int) -> dict[str, Any]:
    """One request, of which every shape is made."""
    return {"at": at, "method": method, "path": path, "query": query, "status": status, "ms": ms}


def target(one: dict[str, Any]) -> str:
    """The path with its query."""
    return one["path"] + ("?" + one["query"] if one["query"] else "")


def utc(one: dict[str, Any]) -> str:
    """The instant in UTC, to the millisecond."""
    return one["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def clf(one: dict[str, Any]) -> str:
    """The instant as access logs have it, at its own offset."""
    return one["at"].strftime("%d/%b/%Y:%H:%M:%S %z")


def combined(one: dict[str, Any]) -> str:
    """A combined line."""
    asked = f'"{one["method"]} {target(one)} HTTP/1.1"'
    return f'{ENTRA} - - [{clf(one)}] {asked} {one["status"]} 130 "-" "-" {one["ms"] / 1000:.3f}'


def record(members: dict[str, Any], rng: random.Random) -> str:
    """A JSON object whose members stand in any order."""
    names = list(members)
    rng.shuffle(names)
    return json.dumps({name: members[name] for name in names})


def pairs(members: dict[str, Any], rng: random.Random) -> str:
    """A line of logfmt whose members stand in any order."""
    names = list(members)
    rng.shuffle(names)
    return " ".join(
        f'{name}="{members[name]}"' if "=" in str(members[name]) else f"{name}={members[name]}" for name in names
    )


def traefik(one: dict[str, Any], rng: random.Random) -> str:
    return record({"ClientAddr": f"{ENTRA}:41822", "DownstreamStatus": one["status"], "Duration": one["ms"] * 1_000_000,
                   "RequestMethod": one["method"], "RequestPath": target(one), "StartLocal": one["at"].isoformat(),
                   "StartUTC": utc(one), "level": "info", "msg": "", "time": "2026-03-02T00:00:00Z"}, rng)  # fmt: skip


def caddy(one: dict[str, Any], rng: random.Random) -> str:
    asked = {"remote_ip": ENTRA, "method": one["method"], "uri": target(one), "host": "scim.contoso.example",
             "headers": {"Authorization": ["Bearer c29tZS1zZWNyZXQtdG9rZW4tMTIzNDU2"]}}  # fmt: skip
    return record(
        {"ts": one["at"].timestamp(), "request": asked, "duration": one["ms"] / 1000, "status": one["status"]}, rng
    )


def gateway(one: dict[str, Any], rng: random.Random) -> str:
    inner = {
        "httpMethod": one["method"],
        "requestUri": one["path"],
        "requestQuery": one["query"],
        "clientIP": ENTRA,
        "httpStatus": one["status"],
        "timeTaken": one["ms"] / 1000,
        "transactionId": "592d1649f75a8d48",
    }
    return record(
        {"timeStamp": one["at"].isoformat(), "category": "ApplicationGatewayAccessLog", "properties": inner}, rng
    )


def pino(one: dict[str, Any], rng: random.Random) -> str:
    asked = {"id": rng.randrange(9), "method": one["method"], "url": target(one), "remoteAddress": ENTRA,
             "headers": {"authorization": "Bearer c29tZS1zZWNyZXQtdG9rZW4tMTIzNDU2"}}  # fmt: skip
    return record({"time": round(one["at"].timestamp() * 1000), "req": asked, "res": {"statusCode": one["status"]},
                   "responseTime": one["ms"]}, rng)  # fmt: skip


def slog(one: dict[str, Any], rng: random.Random) -> str:
    return record({"time": one["at"].isoformat(), "method": one["method"], "path": one["path"], "query": one["query"],
                   "status": one["status"], "duration": one["ms"] * 10**6, "remote": f"{ENTRA}:1"}, rng)  # fmt: skip


def gitlab(one: dict[str, Any], rng: random.Random) -> str:
    params = [{"key": name, "value": value} for name, value in [("filter", ADA)] if one["query"]]
    return record({"time": utc(one), "method": one["method"], "path": one["path"], "params": params,
                   "status": one["status"], "duration_s": one["ms"] / 1000, "remote_ip": ENTRA}, rng)  # fmt: skip


def heroku(one: dict[str, Any], rng: random.Random) -> str:
    return pairs({"at": "info", "method": one["method"], "path": target(one), "fwd": ENTRA, "service": f"{one['ms']}ms",
                  "status": one["status"], "time": utc(one), "bytes": 130}, rng)  # fmt: skip


def haproxy(one: dict[str, Any], _rng: random.Random) -> str:
    at = one["at"].astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S.%f")[:-3]
    took = f"0/0/1/{one['ms'] - 1}/{one['ms']}"
    asked = f'"{one["method"]} {target(one)} HTTP/1.1"'
    return f"{ENTRA}:41822 [{at}] https~ scim/srv1 {took} {one['status']} 130 - - ---- 1/1/0/0/0 0/0 {asked}"


def envoy(one: dict[str, Any], _rng: random.Random) -> str:
    asked = f'"{one["method"]} {target(one)} HTTP/1.1"'
    number = f"cc21d9b0-cf5c-432b-8c7e-98aeb798{_rng.randrange(10_000):04d}"
    answered = f'{one["status"]} - via_upstream - "-" 0 130 {one["ms"]} 40'
    return f'[{utc(one)}] {asked} {answered} "{ENTRA}" "-" "{number}" "scim.contoso.example" "10.0.0.1:8080"'


SHAPES = {
    "combined": lambda one, _rng: combined(one),
    "vhost": lambda one, _rng: "scim.contoso.example:443 " + combined(one),
    "traefik": traefik,
    "caddy": caddy,
    "gateway": gateway,
    "pino": pino,
    "slog": slog,
    "gitlab": gitlab,
    "heroku": heroku,
    "haproxy": haproxy,
    "envoy": envoy,
}
SECONDS = {"combined", "vhost"}
PREFIXES = {
    "none": "{}",
    "compose": "scim-1  | {}",
    "colours": "\x1b[36mscim-1  |\x1b[0m {}",
    "kubectl": "2026-03-02T11:00:00.123456789Z {}",
    "CRI": "2026-03-02T11:00:00.123456789+01:00 stdout F {}",
    "journal": "Mar 02 11:00:00 scim01 server[812]: {}",
    "iso journal": "2026-03-02T11:00:00+0100 scim01 server[812]: {}",
    "syslog 3164": "<134>Mar  2 11:00:00 scim01 server: {}",
    "syslog 5424": "<134>1 2026-03-02T11:00:00.5Z scim01 server 812 - - {}",
    "pod and time": "[pod/scim-7d9c/server] 2026-03-02T11:00:00.1Z {}",
}
WRAPPED = {
    "json-file": lambda line: json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-03-02T11:00:00.1Z"}),
    "journal json": lambda line: json.dumps({"__REALTIME_TIMESTAMP": "1772442842118000", "MESSAGE": line}),
}
NOISE = ("GET /login took long", '{"level":"info","msg":"started"}', "level=info msg=started")


@pytest.mark.parametrize(
    "shape",
    thinned(sorted(SHAPES), 6),
)
def test_a_shape_is_read_behind_any_prefix_in_any_order_at_any_offset(store: Store, tmp_path: Path, shape: str) -> None:
    rng = random.Random(shape)
    files, right = {}, []
    for turn, prefix in enumerate([*PREFIXES, *WRAPPED]):
        lines = []
        zone = timezone(timedelta(minutes=rng.choice((0, 120, -300, 345))))
        for number in range(6):
            at = datetime(2026, 3, 2, turn, number, 7, rng.randrange(1000) * 1000, zone)
            query = "filter=userName+eq+%22ada.lovelace%40contoso.example%22" if number % 3 == 0 else ""
            path = "/scim/v2/Users" if query else f"/api/scim/v2/groups/contoso/Users/{turn}-{number}"
            one = request_record(
                at, "GET" if query else "PATCH", path, query, rng.choice((200, 204, 400)), rng.randrange(20, 900)
            )
            seen = dict(
                one,
                path=rng.choice(("/users/sign_in", "/", "/assets/Users.js")),
                query="",
                at=at + timedelta(seconds=1),
            )
            write = PREFIXES[prefix].format if prefix in PREFIXES else WRAPPED[prefix]
            noise = write(rng.choice(NOISE[turn == 0 :]))
            lines += [write(SHAPES[shape](one, rng)), write(SHAPES[shape](seen, rng)), noise]
            instant = at.astimezone(UTC).replace(tzinfo=None)
            right.append((
                instant.replace(microsecond=0) if shape in SECONDS else instant,
                one["method"], one["status"], one["ms"], ADA if query else None,
                None if query else f"{turn}-{number}", "query" if query else "update", ENTRA,
            ))  # fmt: skip
        files[f"{turn}.log"] = ("\n".join(lines) + "\n").encode()
    found = load(store, tmp_path / "in", files)
    asked = """
        select occurred_at, "method", http_status, duration_ms, "filter", resource_id, operation, client
        from exchanges"""
    seen = set(map(repr, store.rows(asked)))
    missing = set(map(repr, right)) - seen
    assert (missing, seen - set(map(repr, right))) == (set(), set())
    assert {tally(one)[0] - one.kept for one in found.values()} == {0}
    assert {one.passed_over for one in found.values()} == {12}
    assert "c29tZS1zZWNyZXQ" not in repr(rows(store, "from exchanges")) + repr(rows(store, "from rejects"))
    again = load(store, tmp_path / "again", files)
    assert sum(one.kept for one in again.values()) == 0
