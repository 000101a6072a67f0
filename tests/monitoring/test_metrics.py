"""What Prometheus reads: well-formed whatever an app is called, zero where nothing is, and no trace in the store."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed
from starlette.requests import Request
from starlette.responses import Response

import dashboard
from pipeline.monitoring.metrics import TYPE, metrics
from pipeline.store.lake import Store
from tests.support.given import Given, job_id, moment

NASTY = 'Say "hi" \\ to\nus'
ASKED = Request({"type": "http", "method": "GET", "path": "/metrics", "headers": []})


def samples(store: Store) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Gives every sample as Prometheus's own reader understands it."""
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in parsed(metrics(store))
        for one in family.samples
    }


def value(found: dict[Any, float], name: str, **labels: str) -> float:
    """Gives the one sample that has at least these labels."""
    [held] = [held for (named, has), held in found.items() if named == name and has >= set(labels.items())]
    return held


def test_a_job_has_one_state_and_its_waiting_objects_whatever_its_app_is_called(given: Given) -> None:
    given.failed("ada", app=NASTY)
    given.failed("bo", app=NASTY, error_code="UnableToResolveReferenceAttributeValue")
    given.observed(NASTY, "Quarantine", day=0, hour=1)
    found = samples(given.stored())
    states = [
        dict(has)["state"] for (name, has), held in found.items() if name == "provisioning_job_state" and held == 1
    ]
    assert states == ["quarantined"]
    for reference in ("false", "true"):
        told = value(found, "provisioning_open_escrows", app=NASTY, is_reference=reference)
        assert told == 1
    assert value(found, "provisioning_job_last_event_age_seconds", job=job_id(NASTY)) > 0


def test_what_is_open_and_rejected_is_counted_and_what_is_not_is_zero(given: Given) -> None:
    given.loaded("a.json", rejects=3)
    store = given.stored()
    row = "insert into incidents (incident_id, rule, severity, opened_at) values ('a', 'silence', 'critical', ?)"
    store.write(lambda cursor: cursor.execute(row, [moment(1)]))
    found = samples(store)
    assert value(found, "provisioning_incidents_open", rule="silence", severity="critical") == 1
    assert value(found, "provisioning_incidents_open", rule="quarantined") == 0
    assert value(found, "provisioning_rejects_total") == 3
    assert value(found, "provisioning_outbox_messages", state="given_up") == 0


def test_an_empty_store_is_told_and_telling_leaves_no_trace(store: Store) -> None:
    before = store.revision()
    found = samples(store)
    assert value(found, "provisioning_files") == 0
    assert value(found, "provisioning_revision") == store.revision() == before


def answered() -> Response:
    return asyncio.run(dashboard.prometheus(ASKED))


def test_the_dashboard_answers_in_the_format_and_says_503_when_the_store_cannot_be_read(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (answered().status_code, answered().headers["content-type"]) == (200, TYPE)
    (tmp_path / "broken.sqlite").write_text("no catalog" * 100)
    monkeypatch.setenv("PROVISIONING_STORE", f"ducklake:sqlite:{tmp_path}/broken.sqlite")
    broken = answered()
    assert broken.status_code == 503 and len(broken.body.split()) > 3
    monkeypatch.setenv("PROVISIONING_STORE", "nonsense")
    assert answered().status_code == 503 and b"ducklake" in answered().body
