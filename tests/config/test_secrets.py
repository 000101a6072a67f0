"""Secrets never reach the disk: tokens planted wherever a log may hold one are in no file of the lake."""

import gzip
import json
import re
from pathlib import Path

import duckdb
import pytest

from pipeline.config.secrets import HINT, PATTERNS, redacted, without_secrets
from pipeline.config.settings import Settings
from pipeline.store.lake import Store
from tests.support.loads import load, rows
from tests.support.shapes import analytics, diagnostic, dumped, event, failed, lines, pretty, rows_csv, step, zipped

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJwbGFudGVkIn0.cGxhbnRlZC1zaWduYXR1cmU"
PLANTED = ("PLANTED", "eyJzdWIiOiJwbGFudGVkIn0", "cGxhbnRlZC")
SECRET = "PLANTEDs3cr3t.0123456789"
BODY = {"userName": "ada", "password": SECRET, "nested": {"client_secret": f'{SECRET}"quoted\\'}, "pin_token": 12345678}


def bodies() -> list[dict[str, object]]:
    """Exchanges with secrets in every place an exchange has."""
    patch = {"Operations": [{"op": "Replace", "path": "password", "value": SECRET}]}
    turned = {
        "Operations": [{"value": SECRET, "op": "Replace", "path": "password"}, {"value": SECRET, "path": "password"}]
    }
    setting = {"value": [{"key": "SecretToken", "value": SECRET}, {"name": "BaseAddress", "value": "https://kept"}]}
    answer = {"detail": "invalid_token: token expired", "status": "401", "access_token": SECRET}
    asked = [
        BODY,
        dumped(BODY),
        patch,
        turned,
        setting,
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
        f"Basic {SECRET}",
    ]
    told: list[dict[str, object]] = [
        {"request_body": body, "response_body": answer, "path": f"/Users?access_token={SECRET}&n={n}"}
        for n, body in enumerate(asked)
    ]
    told.append({"path": f'https://ada:{SECRET}@scim.example.com/Users?filter=token eq "{JWT}"&sig={SECRET}'})
    told.append(
        {"path": f"/Users/{JWT}", "headers": {"authorization": SECRET}, "request_body": {"note": "basic profile"}}
    )
    return [
        {"time": "2026-01-05T12:00:00Z", "method": "PATCH", "status": 401, "request_id": str(n)} | one
        for n, one in enumerate(told)
    ]


def access_lines() -> str:
    """Access log lines with secrets in the request, behind it and in bodies, and one that is no line of the log."""
    begins = '10.0.0.1 - - [05/Jan/2026:12:00:00 +0000] "'
    escaped = json.dumps(BODY).replace('"', "\\x22").replace("\\\\", "\\x5C")
    return "\n".join((
        f'{begins}GET /Users?code={SECRET} HTTP/1.1" 401 17 "-" "-" "Bearer {SECRET}"',
        f'{begins}POST /Users HTTP/1.1" 201 17 "-" "-" "{escaped}"',
        f'{begins}POST /Users HTTP/1.1" 401 17 "https://x/?token={SECRET}" "-" "Authorization: {SECRET}"',
        f'broken {begins}POST /Users "{escaped} Cookie: session={SECRET}; Authorization: Bearer {JWT}',
        "",
    ))  # fmt: skip


def events() -> list[dict[str, object]]:
    """Records with secrets in reasons, advice, steps and changes, plain and escaped."""
    reason = f"StatusCode: Unauthorized Web Response: {dumped(BODY)} sent Authorization: Bearer {SECRET} to https://a:{SECRET}@x"
    details = {
        "SecretToken": SECRET,
        "note": dumped(BODY),
        "why": "invalid_token: token expired",
        "url": f"x?sig={SECRET}",
    }
    steps = [step("EntryExportAdd", "export", f"Sent Bearer {JWT} and failed", "failure", details)]
    told = failed("ada", 1, reason, provisioningSteps=steps)
    told["provisioningStatusInfo"]["errorInformation"]["recommendedAction"] = (
        f"Renew Bearer {SECRET}; Bearer authentication failed"
    )
    told["modifiedProperties"] = [
        {"displayName": "password", "oldValue": f"{SECRET}old", "newValue": SECRET},
        {"displayName": "note", "oldValue": None, "newValue": dumped(BODY)},
    ]
    return [told]


def spoilt(record: dict[str, object]) -> bytes:
    """A record that must be rejected with all that it holds."""
    return dumped(record | {"id": ""}).encode() + b"\n"


@pytest.fixture
def planted(store: Store, tmp_path: Path) -> Store:
    """A lake that was loaded with secrets from every source, good lines and rejects."""
    told = events()
    job = {"id": "j", "schedule": {"interval": "PT40M"}, "status": {"code": "Quarantine"}, "templateId": "scim"}
    job["status"] = {
        "code": "Quarantine",
        "quarantine": {"error": {"code": "x", "message": f"Bearer {SECRET} was refused"}},
    }
    cut = dumped(told[0]).encode()
    files = {
        "graph": lines(told) + spoilt(told[0]) + cut[:-700] + b"\n" + cut[: cut.rindex(b"PLANTED") + 9] + b"\n",
        "diagnostic": lines([diagnostic(one | {"jobId": "d"}) for one in told])
        + lines([diagnostic(told[0] | {"id": ""})]),
        "graph pretty": pretty(told)[:-300],
        "analytics": rows_csv([analytics(one | {"jobId": "l"}) for one in told] + [analytics(told[0]) | {"Id": ""}]),
        "scim": lines(bodies()) + b"".join(dumped(one | {"time": "?"}).encode() + b"\n" for one in bodies()),
        "access": access_lines().encode(),
        "job": pretty(job),
        "unknown": f"Authorization: Bearer {SECRET}\n{json.dumps(BODY)}".encode(),
        "unknown.gz": gzip.compress(pretty(BODY)),
        "zip": zipped({"x": lines(told)}),
    }
    found = load(store, tmp_path / "in", files)
    rejecting = ("graph", "diagnostic", "graph pretty", "analytics", "scim", "access")
    assert [name for name in rejecting if not found[name].rejects] == []
    assert found["scim"].kept == len(bodies()) and found["access"].kept == 3
    return store


def test_no_planted_secret_is_in_any_file_of_the_lake(planted: Store, settings: Settings, tmp_path: Path) -> None:
    planted.close()
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and "in" not in path.relative_to(tmp_path).parts]
    assert {path.suffix for path in kept} >= {".parquet", ".sqlite"}
    leaks = [str(path) for path in kept for word in PLANTED if word.encode() in path.read_bytes()]
    for path in kept:
        if path.suffix == ".parquet":
            text = str(duckdb.sql(f"select * from '{path}'").fetchall())
            leaks += [f"{path}: {text[at - 200 : at + 60]}" for word in PLANTED for at in [text.find(word)] if at >= 0]
    assert leaks == []
    assert settings.folder.exists()


def test_what_a_text_means_survives_beside_its_secrets(planted: Store) -> None:
    [event_row] = rows(planted, "select * from events where source = 'diagnostic'")
    assert json.loads(event_row["steps"][0]["details"])["why"] == "invalid_token: token expired"
    assert event_row["steps"][0]["description"] == "Sent Bearer [removed] and failed"
    assert event_row["recommended_action"] == "Renew Bearer [removed]; Bearer authentication failed"
    assert event_row["changes"][0] == {"attribute": "password", "old_value": "[removed]", "new_value": "[removed]"}
    exchange = rows(planted, "select * from exchanges where exchange_id = '0'")[0]
    assert exchange["detail"] == "invalid_token: token expired"
    assert json.loads(exchange["request_body"])["userName"] == "ada"
    assert rows(planted, "select distinct error_message from job_snapshots") == [
        {"error_message": "Bearer [removed] was refused"}
    ]
    bodies_kept = [
        row["request_body"] for row in rows(planted, "select request_body from exchanges") if row["request_body"]
    ]
    assert any("basic profile" in body for body in bodies_kept) and any("https://kept" in body for body in bodies_kept)


@pytest.mark.parametrize(
    "text", [dumped(BODY), dumped(dumped(BODY)), access_lines().replace("\\x22", '"'), *map(dumped, bodies())]
)
def test_sql_and_python_remove_the_same(text: str) -> None:
    assert duckdb.execute(f"select {redacted('t')} from (select ? as t)", [text]).fetchone() == (without_secrets(text),)
    assert not any(word in without_secrets(text) for word in PLANTED)


def test_the_hint_sees_whatever_a_pattern_would_remove() -> None:
    texts = [*access_lines().splitlines(), *map(dumped, bodies()), *map(dumped, events()), dumped(dumped(BODY))]
    for text in texts:
        if any(re.search(pattern, text) for pattern, _ in PATTERNS):
            assert re.search(HINT, text)


def test_harmless_words_are_left_alone() -> None:
    for text in (
        "Bearer authentication failed",
        "invalid_token: token expired",
        "a basic account",
        "reset your password: ask IT",
    ):
        assert without_secrets(text) == text
    assert dumped(event()) == without_secrets(dumped(event()))
