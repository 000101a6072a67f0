"""The ledger of hours: what a file, a blob and a poll vouch for, and what a missing page does to an hour."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.config.settings import Settings, read_settings
from pipeline.ingest.coverage import named_hour
from pipeline.ingest.files import ingest
from pipeline.maintenance.retention import drop_old_rows, old_rows
from pipeline.store.lake import Store, open_store
from tests.support.given import TENANT, Given, job_id, moment
from tests.support.pages import app, healthy
from views.charts.failures import failures_over_time

pytestmark = pytest.mark.usefixtures("parallel")

HOUR = timedelta(hours=1)
States = dict[int, str]


def event(at: datetime, job: str = "scim.cerby", **more: Any) -> dict[str, Any]:
    """A Graph event of a job at an instant."""
    return {
        "id": f"{job}-{at.isoformat()}",
        "activityDateTime": f"{at.isoformat()}Z",
        "tenantId": TENANT,
        "jobId": job,
        "provisioningAction": "update",
        "provisioningStatusInfo": {"status": "success"},
        "servicePrincipal": {"id": f"app-{job}", "displayName": job},
        "sourceIdentity": {"id": "ada", "displayName": "Ada", "identityType": "User"},
    } | more


def lines(file: Path, records: Iterable[Mapping[str, Any]]) -> Path:
    """Writes records one a line."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file


def page(file: Path, since: datetime, until: datetime, job: str = "scim.cerby", step_s: int = 600) -> Path:
    """Writes a page of events, one every ten minutes from an instant to another, both included."""
    count = int((until - since).total_seconds()) // step_s
    return lines(file, [event(since + timedelta(seconds=step_s * n), job) for n in range(count + 1)])


def blob(folder: Path, hour: datetime, records: Iterable[Mapping[str, Any]]) -> Path:
    """Writes a diagnostic blob under the path that a storage account gives it."""
    path = f"y={hour:%Y}/m={hour:%m}/d={hour:%d}/h={hour:%H}/m=00/PT1H.json"
    wrapped = [{"time": one["activityDateTime"], "category": "ProvisioningLogs", "properties": one} for one in records]
    return lines(folder / path, wrapped)


def states(store: Store, job: str = "scim.cerby", kind: str = "events") -> States:
    """Gives each hour's state, counted from Monday's midnight."""
    found = store.rows(
        'select "hour", state from completeness where job_id is not distinct from ? and source = ? order by "hour"',
        [job, kind],
    )
    return {int((hour - moment()) / HOUR): state for hour, state in found}


def test_a_file_vouches_from_its_first_record_to_its_last(store: Store, tmp_path: Path) -> None:
    ingest(store, [page(tmp_path / "one.ndjson", moment(0, 1, 30), moment(0, 4, 20))])
    assert states(store) == {1: "partial", 2: "complete", 3: "complete", 4: "partial"}


def test_a_file_vouches_only_for_the_jobs_it_names_but_for_all_its_stretch(store: Store, tmp_path: Path) -> None:
    records = [event(moment(0, hour)) for hour in range(6)] + [event(moment(0, 3, 30), "scim.zoom")]
    ingest(
        store, [lines(tmp_path / "one.ndjson", records), page(tmp_path / "b.ndjson", moment(1), moment(1), "scim.b")]
    )
    assert states(store)[1] == states(store, "scim.zoom")[1] == "complete"
    assert states(store, "scim.b") == {24: "partial"}


@pytest.fixture
def pages(tmp_path: Path) -> list[Path]:
    """Three consecutive pages of one export: each begins in the second in which the last one ended."""
    ends = [moment(0, 0), moment(0, 3, 20), moment(0, 6, 40), moment(0, 10)]
    return [page(tmp_path / f"page-{n}.ndjson", since, until) for n, (since, until) in enumerate(pairwise(ends))]


def test_pages_that_meet_are_complete_where_they_meet(store: Store, pages: list[Path]) -> None:
    ingest(store, pages)
    assert set(states(store).values()) == {"complete", "partial"}
    assert [hour for hour, state in states(store).items() if state != "complete"] == [10]


def test_without_its_middle_page_an_export_is_incomplete_wherever_it_is_shown(given: Given, pages: list[Path]) -> None:
    ingest(given.store, [pages[0], pages[2]])
    expected = {3: "partial", 4: "unknown", 5: "unknown", 6: "partial"}
    assert {hour: states(given.store)[hour] for hour in expected} == expected
    window = {"since": moment(0, 1), "until": moment(0, 10)}
    cells = {row["hour"].hour: row for row in given.answer("failures_by_hour", **window)}
    assert {hour: cells[hour]["state"] for hour in expected} == expected
    assert (cells[4]["attempts"], cells[4]["failures"], cells[6]["failures"]) == (None, None, 0)
    [whole, cerby] = given.answer("completeness_of_window", **window)
    assert (whole["hours"], whole["complete"], whole["partial"], whole["unknown"]) == (9, 5, 2, 2)
    assert cerby["unknown"] == 2
    [day] = given.answer("bucket_completeness", **window)
    assert (day["bucket"], day["hours"], day["partial"], day["unknown"]) == (moment(), 9, 2, 2)
    [success] = given.answer("daily_success", **window)
    assert (success["hours"], success["partial_hours"], success["unknown_hours"]) == (9, 2, 2)
    assert success["daily_gaps"] == [4]
    [placed] = given.answer("placements")
    assert placed["gap_hours"] == 5
    [gap] = given.answer("gaps", **window)
    assert (gap["began_at"], gap["ended_at"], gap["unknown"]) == (moment(0, 3), moment(0, 7), 2)


def test_the_page_that_was_missing_makes_its_hours_complete(store: Store, pages: list[Path]) -> None:
    ingest(store, [pages[0], pages[2]])
    ingest(store, [pages[1]])
    assert [states(store)[hour] for hour in range(10)] == ["complete"] * 10


def test_reading_again_changes_nothing_and_duplicates_vouch_as_well(store: Store, pages: list[Path]) -> None:
    ingest(store, pages)
    before = (states(store), store.rows("select * exclude (read_at) from coverage order by all"))
    ingest(store, pages)
    assert (states(store), store.rows("select * exclude (read_at) from coverage order by all")) == before
    copied = shutil.copy(pages[1], pages[1].with_name("copy.ndjson"))
    [copy] = ingest(store, [copied]).files
    assert (copy.kept, copy.duplicates) == (0, copy.lines)
    assert states(store) == before[0]
    assert store.rows("select count(*) from coverage") == [(4,)]


def test_a_file_that_grows_has_one_stretch_that_grows(store: Store, tmp_path: Path) -> None:
    file = page(tmp_path / "grows.ndjson", moment(0, 0), moment(0, 2))
    ingest(store, [file])
    with file.open("a") as stream:
        stream.write(json.dumps(event(moment(0, 5, 30), "scim.zoom")) + "\n")
    ingest(store, [file])
    assert states(store) == states(store, "scim.zoom")
    assert states(store)[4] == "complete"
    assert store.rows("select count(*), count(distinct since) from coverage") == [(2, 1)]


def test_another_file_under_an_old_name_does_not_vouch_for_what_lies_between(store: Store, tmp_path: Path) -> None:
    ingest(store, [page(tmp_path / "latest.ndjson", moment(0, 0), moment(0, 2))])
    ingest(store, [page(tmp_path / "latest.ndjson", moment(0, 6), moment(0, 8))])
    assert [states(store)[hour] for hour in (1, 3, 4, 6, 7)] == [
        "complete",
        "unknown",
        "unknown",
        "complete",
        "complete",
    ]


@pytest.mark.deep
def test_a_large_file_that_takes_several_transactions_has_one_stretch(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_SLICE_BYTES", "1024")
    store = open_store(read_settings(_env_file=None))
    ingest(store, [page(tmp_path / "large.ndjson", moment(0, 0), moment(0, 9))])
    assert store.rows("select since, until from coverage") == [(moment(), moment(0, 9, 0, 1))]
    store.close()


def test_an_hours_blob_vouches_for_its_hour_and_every_job_of_the_tenant(store: Store, tmp_path: Path) -> None:
    ingest(store, [page(tmp_path / "zoom.ndjson", moment(0, 0), moment(0, 0), "scim.zoom")])
    ingest(store, [blob(tmp_path, moment(0, hour), [event(moment(0, hour, 7))]) for hour in (2, 3, 5)])
    assert states(store) == {2: "complete", 3: "complete", 4: "unknown", 5: "complete"}
    assert states(store, "scim.zoom")[2] == "complete"


def test_a_blob_without_an_event_of_its_hour_vouches_for_nothing(store: Store, tmp_path: Path) -> None:
    ingest(store, [blob(tmp_path, moment(0, 4), [event(moment(0, 2, 7))])])
    assert states(store) == {2: "partial"}


def test_a_blob_of_an_hour_that_is_not_over_is_partial_until_it_is(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [blob(tmp_path, moment(0, hour), [event(moment(0, hour, 7))]) for hour in (2, 3)]
    ingest(at(store, monkeypatch, moment(0, 2, 30)), files[:1])
    assert states(store) == {2: "partial"}
    ingest(at(store, monkeypatch, moment(0, 3, 30)), files)
    assert states(store) == {2: "complete", 3: "partial"}


def at(store: Store, monkeypatch: pytest.MonkeyPatch, instant: datetime) -> Store:
    """Gives the store under a clock that shows an instant."""
    began = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}Z"
    monkeypatch.setattr(store.settings, "clock", f"{instant:%Y-%m-%dT%H:%M}Z,0.001,{began}")
    return store


def test_an_hour_is_read_from_a_path_however_its_slashes_were_spelled() -> None:
    hour = datetime(2026, 1, 17, 9)
    assert named_hour("a/y=2026/m=01/d=17/h=09/m=00/PT1H.json") == hour
    assert named_hour("y=2026 m=01 d=17 h=09.json") == hour
    assert named_hour("y=2026/m=13/d=17/h=09/PT1H.json") is None
    assert named_hour("cerby-2026-01-17.ndjson") is None


def test_different_sources_of_events_make_up_for_each_other(given: Given) -> None:
    given.succeeded("ada", hour=1)
    given.vouched(moment(0, 1), moment(0, 1, 40), source="graph")
    given.vouched(moment(0, 1, 30), moment(0, 3), app="Cerby", source="portal")
    given.vouched(moment(0, 3), moment(0, 4), source="scim")
    assert states(given.stored(), "scim.cerby") == {1: "complete", 2: "complete"}


def test_until_late_records_are_over_an_hour_is_partial(given: Given) -> None:
    given.succeeded("ada", hour=1)
    given.vouched(moment(0, 0), moment(0, 4), settled_until=moment(0, 2))
    assert states(given.stored()) == {0: "complete", 1: "complete", 2: "partial", 3: "partial"}


def test_an_hour_with_an_event_is_never_unknown(given: Given) -> None:
    given.succeeded("ada", hour=1)
    given.failed("ada", hour=4)
    assert states(given.stored()) == {1: "partial", 2: "unknown", 3: "unknown", 4: "partial"}


def test_a_tenant_is_the_same_however_its_id_is_spelled(given: Given) -> None:
    given.succeeded("ada", hour=1, tenant_id="ABCDEF00-2222-4222-8222-222222222222")
    given.vouched(moment(0, 0), moment(0, 3), tenant_id="abcdef00-2222-4222-8222-222222222222")
    assert set(states(given.stored()).values()) == {"complete"}


def test_another_tenants_poll_says_nothing(given: Given) -> None:
    given.succeeded("ada", hour=1)
    given.vouched(moment(0, 0), moment(0, 4), tenant_id="22222222-2222-4222-8222-222222222222")
    assert states(given.stored()) == {1: "partial"}


def test_logs_of_two_tenants_that_cover_the_same_stretch_are_two(given: Given) -> None:
    other = "22222222-2222-4222-8222-222222222222"
    for tenant in (TENANT, other, None):
        given.vouched(moment(0, 0), moment(0, 4), source="access_log", tenant_id=tenant)
    rows = [one for one in given.answer("completeness", kind="exchanges") if one["state"] == "complete"]
    assert Counter(one["tenant_id"] for one in rows) == {TENANT: 4, other: 4, None: 4}


def test_a_jobs_status_is_known_in_hours_in_which_it_was_observed(given: Given) -> None:
    given.observed("Cerby", "Active", hour=1)
    given.observed("Cerby", "Active", hour=3)
    assert states(given.stored(), kind="jobs") == {1: "complete", 2: "unknown", 3: "complete"}


def test_a_log_of_scim_requests_vouches_for_its_tenants_requests(store: Store, tmp_path: Path) -> None:
    requests = [
        {
            "time": f"{moment(0, hour).isoformat()}Z",
            "method": "GET",
            "path": "/Users",
            "status": 200,
            "request_id": hour,
        }
        for hour in range(3)
    ]
    ingest(store, [lines(tmp_path / "scim.jsonl", requests)])
    assert store.rows("""select state from completeness where source = 'exchanges' order by "hour" """) == [
        ("complete",),
        ("complete",),
        ("partial",),
    ]


def test_what_maintenance_dropped_is_unknown_and_not_empty(given: Given) -> None:
    given.succeeded("ada", day=0, hour=23)
    given.succeeded("ada", day=2, hour=1)
    given.vouched(moment(0, 0), moment(3, 0))
    store = given.stored()
    store.settings.keep_days = 1
    now = moment(2, 12).replace(tzinfo=UTC)
    drop_old_rows(store, old_rows(store, now), now)
    drop_old_rows(store, old_rows(store, now), now)
    rows = given.answer("failures_by_hour", since=moment(0, 22), until=moment(2))
    assert [row["state"] for row in rows] == ["unknown"] * 2 + ["complete"] * 24
    assert store.rows("select count(*) from coverage where source = 'forgotten'") == [(1,)]


def cliff(given: Given, now: datetime, **more: Any) -> list[dict[str, Any]]:
    """Asks what Entra forgets next."""
    told = json.dumps([{"tenant_id": TENANT, "name": "contoso", "retention_days": None}])
    return given.answer("retention_cliff", **({"now": now, "tenants": told, "retention_days": 7} | more))


def test_a_gap_is_counted_down_until_it_leaves_entras_store(given: Given) -> None:
    given.succeeded("ada", day=0, hour=1)
    given.vouched(moment(-20), moment(5, 9))
    given.vouched(moment(5, 12), moment(9))
    leaving = {"state": "leaving", "tenant": "contoso", "began_at": moment(5, 9), "hours": 3, "apps": "Cerby"}
    [gap] = cliff(given, moment(9, 1))
    assert gap.items() >= leaving.items()
    assert (gap["leaves_at"], gap["leaves_in_s"]) == (moment(12, 9), 3 * 86_400 + 8 * 3600)
    last, gone = cliff(given, moment(12, 11, 30), settle_s=5 * 86_400)
    assert (last["began_at"], last["hours"], last["leaves_in_s"]) == (moment(5, 11), 1, 0)
    assert (gone["state"], gone["hours"]) == ("gone", 2)


def test_what_entra_forgot_is_gone_and_said_once(given: Given) -> None:
    given.succeeded("ada", day=0, hour=1)
    given.vouched(moment(0, 0), moment(0, 9))
    given.vouched(moment(0, 12), moment(1, 0))
    given.vouched(moment(1, 3), moment(15, 0))
    [gone] = cliff(given, moment(15, 1))
    assert (gone["state"], gone["hours"], gone["began_at"], gone["ended_at"]) == (
        "gone",
        6,
        moment(0, 9),
        moment(1, 3),
    )
    assert gone["leaves_in_s"] is None


def test_the_tenants_own_retention_wins(given: Given) -> None:
    given.succeeded("ada", day=0, hour=1)
    given.vouched(moment(0, 0), moment(5, 9))
    told = json.dumps([{"tenant_id": TENANT.upper(), "name": "contoso", "retention_days": 30}])
    assert cliff(given, moment(9), tenants=told)[0]["retention_days"] == 30
    assert cliff(given, moment(9), tenants=None)[0]["tenant"] is None


def test_only_a_tenant_that_is_polled_is_said_to_be(given: Given) -> None:
    given.succeeded("ada", day=0, hour=1)
    assert not cliff(given, moment(3))[0]["polled"]
    given.rows["contacts"].append({"tenant": "contoso", "feed": "events", "outcome": "failed", "tried_at": moment(2)})
    gap = cliff(given, moment(3))[0]
    assert (gap["polled"], gap["outcome"]) == (True, "failed")


def test_a_tenant_of_which_nothing_was_copied_yet_is_a_gap_as_long_as_entra_remembers(given: Given) -> None:
    [gap] = cliff(given, moment(9, 0, 30), settle_s=0)
    assert (gap["state"], gap["tenant"], gap["polled"]) == ("leaving", "contoso", False)
    assert (gap["began_at"], gap["leaves_in_s"]) == (moment(2), 0)


def test_ingestion_of_another_job_leaves_a_silent_one_unknown(given: Given) -> None:
    given.succeeded("ada", hour=1, app="Cerby")
    given.succeeded("ada", hour=3, app="Zoom")
    given.vouched(moment(0, 1), moment(0, 4), app="Zoom")
    rows = given.answer("failures_by_hour", until=moment(0, 4))
    cells = {(row["job_id"], row["hour"].hour): row["failures"] for row in rows}
    assert cells[job_id("Cerby"), 2] is None
    assert cells[job_id("Zoom"), 2] == 0


def drawn(page: str, **words: str) -> str:
    """Gives the words of a page."""
    test = healthy(app(page, **words))
    return "\n".join(str(element.value) for kind in ("markdown", "caption") for element in getattr(test, kind))


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("failures", "Some data is missing for 14 of 24 hours; counts may be low."),
        ("scope", "Some data is missing: 58.3% of this time range is not covered. Counts may be low."),
    ],
)
def test_a_page_that_gives_a_rate_says_how_much_of_its_window_is_known(given: Given, page: str, said: str) -> None:
    given.failed("ada", hour=1)
    given.vouched(moment(0, 0), moment(0, 6))
    given.vouched(moment(0, 7, 30), moment(0, 12))
    given.stored()
    day = {"since": "2026-01-19", "until": "2026-01-20"}
    assert said in drawn(page, **day)
    morning = drawn(page, since="2026-01-19", until="2026-01-19T06:00")
    assert "Some data is missing" not in morning


@pytest.mark.usefixtures("settings")
def test_ingestion_counts_down_to_when_entra_forgets(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = tmp_path / "tenants.toml"
    tenants.write_text(f'[contoso]\ntenant_id = "{TENANT}"\nclient_id = "c"\nsecret_env = "S"\nretention_days = 7\n')
    monkeypatch.setenv("PROVISIONING_TENANTS", str(tenants))
    monkeypatch.setenv("PROVISIONING_CLOCK", f"{moment(7):%Y-%m-%dT%H:%M}Z,0.0001,{datetime.now(UTC):%Y-%m-%dT%H:%M}Z")
    given.failed("ada", hour=1)
    given.vouched(moment(-9), moment(0, 17))
    given.vouched(moment(0, 20), moment(7))
    given.rows["contacts"].append(
        {"tenant": "contoso", "feed": "events", "outcome": "failed", "tried_at": moment(6), "reached_at": moment(6)}
    )
    given.stored()
    words = drawn("sources")
    assert "**contoso**: 3 hours are missing here and still in Entra." in words
    assert "in 17 h (it keeps 7 days). The next `python -m pipeline poll` collects them." in words
    assert "Collection is failing now" in words


def test_bands_lie_behind_hours_that_are_not_complete() -> None:
    rows = pd.DataFrame({"bucket": [moment()], "label": ["Timeout"], "failures": [3]})
    hours = pd.DataFrame(
        {"hour": [moment(0, n) for n in range(4)], "state": ["complete", "unknown", "unknown", "partial"]}
    )
    bars, unknown, partial = failures_over_time(rows, 24, hours).data
    assert (bars.yaxis, unknown.yaxis, partial.yaxis) == (None, "y2", "y2")
    assert (unknown.marker.pattern.shape, partial.marker.pattern.shape) == ("/", ".")
    assert list(unknown.width) == [2 * 3_600_000]
    assert len(failures_over_time(rows, 24, hours[:1]).data) == 1
