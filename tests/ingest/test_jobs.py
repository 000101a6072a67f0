"""Job documents: what Graph said of a job at one moment, with its sentinels told apart from facts."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.lake import Store
from tests.support.cases import thinned
from tests.support.loads import load, load_one, reasons, rows, tally
from tests.support.shapes import TENANT, dumped, lines, page, pretty

NEVER = "0001-01-01T00:00:00Z"


def job(name: str = "job", interval: str = "PT40M", **status: Any) -> dict[str, Any]:
    """A healthy job, as of noon."""
    run = {"state": "Succeeded", "timeBegan": "2026-01-05T11:20:00Z", "timeEnded": "2026-01-05T11:25:30.5Z"}
    told: dict[str, Any] = {
        "code": "Active",
        "countSuccessiveCompleteFailures": 0,
        "lastExecution": run | {"countEscrowed": 15, "countExported": 2, "countImported": 30, "error": None},
        "progress": [{"completedUnits": 3, "totalUnits": 5}, {"completedUnits": 4, "totalUnits": 5}],
        "quarantine": None,
        "steadyStateFirstAchievedTime": "2026-01-01T00:00:00Z",
        "synchronizedEntryCountByType": [{"key": "user to User", "value": 3}, {"key": "group to Group", "value": 33}],
    }
    return {
        "id": name,
        "templateId": "scim",
        "observedAt": "2026-01-05T12:00:00Z",
        "tenantId": TENANT,
        "servicePrincipal": {"id": "app", "displayName": "Cerby"},
        "schedule": {"expiration": None, "interval": interval, "state": "Active"},
        "status": told | status,
        "synchronizationJobSettings": [{"name": "QuarantineTooManyDeletesThreshold", "value": "500"}],
    }


def test_a_job_document_tells_all_that_is_promised(store: Store, tmp_path: Path) -> None:
    assert load_one(store, tmp_path / "in", pretty(job())).source == "jobs"
    [row] = rows(store, "select * exclude (snapshot_id) from job_snapshots")
    assert {name: value for name, value in row.items() if value is not None} == {
        "tenant_id": TENANT,
        "job_id": "job",
        "app_id": "app",
        "app_name": "Cerby",
        "observed_at": datetime(2026, 1, 5, 12),
        "state": "Active",
        "interval_s": 2400,
        "template_id": "scim",
        "schedule_state": "Active",
        "last_began_at": datetime(2026, 1, 5, 11, 20),
        "last_ended_at": datetime(2026, 1, 5, 11, 25, 30, 500000),
        "last_state": "Succeeded",
        "escrowed": 15,
        "exported": 2,
        "imported": 30,
        "completed_units": 7,
        "total_units": 10,
        "users": 3,
        "groups": 33,
        "steady_since": datetime(2026, 1, 1),
        "successive_failures": 0,
        "deletion_threshold": 500,
    }


def test_sentinels_are_null_and_a_job_that_never_ran_did_not_fail(store: Store, tmp_path: Path) -> None:
    run = {"state": "Failed", "timeBegan": NEVER, "timeEnded": NEVER, "error": {"code": "None", "message": ""}}
    never = job("never", code="NotRun", lastExecution=run, steadyStateFirstAchievedTime=NEVER, progress=[])
    blank = {"currentBegan": "", "nextAttempt": "", "reason": "", "seriesBegan": "", "seriesCount": 2, "error": None}
    held = job("held", code="Quarantine", quarantine=blank, lastExecution=None)
    real = blank | {"currentBegan": "2026-01-04T00:00:00Z", "seriesBegan": "2026-01-03T00:00:00Z"}
    real |= {"nextAttempt": "2026-01-06T00:00:00Z", "reason": "EncounteredQuarantineException"}
    real |= {"error": {"code": "CredentialValidationFailure", "message": "expired"}}
    load_one(
        store, tmp_path / "in", dumped(page([never, held, job("real", code="Quarantine", quarantine=real)])).encode()
    )
    asked = """
        select job_id, state, quarantine_reason as why, quarantine_since as since, quarantine_count as n,
            next_attempt_at as again, last_began_at as began, last_state as ended, steady_since as steady,
            error_code as code
        from job_snapshots order by job_id
    """
    nothing = dict.fromkeys(("why", "since", "n", "again", "began", "ended", "steady", "code"))
    began, steady = datetime(2026, 1, 5, 11, 20), datetime(2026, 1, 1)
    assert rows(store, asked) == [
        {"job_id": "held", "state": "Quarantine"} | nothing | {"n": 2, "steady": steady},
        {"job_id": "never", "state": "NotRun"} | nothing,
        {
            "job_id": "real",
            "state": "Quarantine",
            "why": "EncounteredQuarantineException",
            "since": datetime(2026, 1, 3),
        }
        | {"n": 2, "again": datetime(2026, 1, 6), "began": began, "ended": "Succeeded", "steady": steady}
        | {"code": "CredentialValidationFailure"},
    ]


def test_an_interval_is_seconds_and_the_longest_of_dotnet_is_never(store: Store, tmp_path: Path) -> None:
    told = {"PT40M": 2400, "PT1H30M": 5400, "P1D": 86400, "P1DT2H3M4.6S": 93785, "PT2M": 120, "PT30S": 30}
    told |= {"P10675199DT2H48M5.4775807S": None}
    load_one(store, tmp_path / "in", lines([job(interval, interval) for interval in told]))
    found = {row["job_id"]: row["interval_s"] for row in rows(store, "select job_id, interval_s from job_snapshots")}
    assert found == told


@pytest.mark.parametrize("shape", ["documents", "lists"])
def test_the_same_document_twice_is_one_snapshot(shape: str, store: Store, tmp_path: Path) -> None:
    later = job() | {"observedAt": "2026-01-05T13:00:00Z"}
    if shape == "documents":
        files = {"a": pretty(job()), "b": dumped(job()).encode(), "c": pretty(later)}
    else:
        files = {"a": lines([job(), job()]), "b": pretty(page([job()])), "c": pretty([later])}
    found = load(store, tmp_path / "in", files)
    assert sum(file.kept for file in found.values()) == 2
    assert rows(store, "select count(*) as n, count(distinct snapshot_id) as ids from job_snapshots") == [
        {"n": 2, "ids": 2}
    ]


def test_a_document_that_was_not_dated_counts_from_the_newest_instant_it_holds(store: Store, tmp_path: Path) -> None:
    undated = {name: value for name, value in job().items() if name != "observedAt"}
    load_one(store, tmp_path / "in", pretty(undated))
    [row] = rows(store, "select observed_at from job_snapshots")
    assert row["observed_at"] == datetime(2026, 1, 5, 11, 25, 30, 500000)


def test_a_document_without_an_id_is_a_reject(store: Store, tmp_path: Path) -> None:
    found = load(store, tmp_path / "in", {"a": lines([job(), job(""), job("other")])})
    assert tally(found["a"]) == (3, 2, 0, 1)


def powershell(value: Any, spans: str, dates: Any) -> Any:
    """A job as PowerShell's Graph module writes it: Pascal case, its own intervals and instants."""
    if isinstance(value, list):
        return [powershell(one, spans, dates) for one in value]
    if isinstance(value, dict):
        named = {key[:1].upper() + key[1:]: powershell(one, spans, dates) for key, one in value.items()}
        return named | {"AdditionalProperties": {}} | ({"Interval": SPANS[spans]} if "Interval" in named else {})
    return dates(value) if isinstance(value, str) and value[:4].isdigit() and "T" in value else value


SPANS = {
    "text": "00:40:00",
    "object": {"Ticks": 24000000000, "Days": 0, "Hours": 0, "Minutes": 40, "TotalSeconds": 2400},
    "iso": "PT40M",
}


def in_milliseconds(at: str) -> str:
    """An instant as Windows PowerShell 5.1 writes it."""
    return f"/Date({int(datetime.fromisoformat(at).timestamp() * 1000)})/"


def american(at: str) -> str:
    """An instant as PowerShell writes it into a text."""
    return datetime.fromisoformat(at).strftime("%m/%d/%Y %I:%M:%S %p")


@pytest.mark.parametrize("dates", [str, in_milliseconds, american])
@pytest.mark.parametrize("spans", thinned(SPANS))
def test_a_job_of_powershells_tells_what_graphs_does(spans: str, dates: Any, store: Store, tmp_path: Path) -> None:
    held = {"currentBegan": "2026-01-04T00:00:00Z", "seriesBegan": "2026-01-03T00:00:00Z", "seriesCount": 2}
    held |= {"nextAttempt": "2026-01-06T00:00:00Z", "reason": "EncounteredQuarantineException"}
    run = {"state": "Failed", "timeBegan": "2026-01-05T11:20:00Z", "timeEnded": "2026-01-05T11:25:30Z", "error": None}
    plain = [job(f"job{n}", code="Quarantine", quarantine=held, lastExecution=run) for n in range(3)]
    told = "select * exclude (snapshot_id) from job_snapshots order by job_id"
    load_one(store, tmp_path / "plain", pretty(plain))
    right = rows(store, told)
    store.write(lambda cursor: cursor.execute("delete from job_snapshots"))
    made = powershell(plain, spans, dates)
    files = {
        "array": pretty(made).decode().encode("utf-16"),
        "wrapped": pretty({"value": made, "Count": 3}),
        "body": dumped({"statusCode": 200, "body": {"value": made}}).encode(),
        "single": b"\xef\xbb\xbf" + pretty(made[0]),
    }
    for name, data in files.items():
        found = load_one(store, tmp_path / name, data)
        many = 1 if name == "single" else 3
        assert tally(found) == (many, many, 0, 0), name
        assert rows(store, told) == right[:many], name
        store.write(lambda cursor: cursor.execute("delete from job_snapshots"))


def test_an_instant_or_a_status_that_cannot_be_read_is_a_reject_that_says_so(store: Store, tmp_path: Path) -> None:
    held = {"currentBegan": "2 Jan 2026, 8 Uhr", "reason": "EncounteredQuarantineException", "seriesCount": 1}
    german = job("german", code="Quarantine", quarantine=held)
    cut = job("cut") | {"status": "Microsoft.Graph.PowerShell.Models.MicrosoftGraphSynchronizationStatus"}
    assert tally(load_one(store, tmp_path / "in", lines([german, job("good"), cut]))) == (3, 1, 0, 2)
    first, second = reasons(store)
    assert "status.quarantine.currentBegan is '2 Jan 2026, 8 Uhr'; an ISO 8601 instant was expected" in first
    assert "status is cut off" in second and "ConvertTo-Json -Depth 10" in second


@pytest.mark.parametrize(
    "told, seconds",
    [
        ("1.02:03:04.6", 93785),
        ("00:40:00", 2400),
        ("10675199.02:48:05.4775807", None),
        ("01:00:00", 3600),
        ("P7D", 604800),
    ],
)
def test_an_interval_of_dotnets_is_seconds(told: str, seconds: int | None, store: Store, tmp_path: Path) -> None:
    load_one(store, tmp_path / "in", pretty(job(interval=told)))
    assert rows(store, "select interval_s from job_snapshots") == [{"interval_s": seconds}]
