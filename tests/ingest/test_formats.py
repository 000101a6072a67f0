"""Events from every source: one event is one row whatever route it took, recognised by content alone."""

import csv
import io
import json
import random
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.lake import Store
from tests.support.loads import load, load_one, one, read, reasons, rows, tally
from tests.support.shapes import (
    CAMEL_HEADERS,
    JOB,
    PLAIN_HEADERS,
    SHAPES,
    TENANT,
    Record,
    analytics,
    array,
    captured,
    cased,
    diagnostic,
    dumped,
    event,
    failed,
    in_2019,
    lines,
    packed,
    page,
    portal,
    rows_csv,
    skipped,
    step,
)

ROWS = "select * exclude (source, job_id) from events order by job_id, occurred_at, event_id"
SOURCES = {"graph": 12, "diagnostic": 10, "log_analytics": 5, "portal": 2}


def day(job: str = JOB) -> list[Record]:
    """Five events of every ending, of one job."""
    told = [event("ada"), failed("bob", 1), skipped("cy", 2), event("dee", 3, "warning")]
    told.append(event("eve", 4, provisioningAction="stagedDelete"))
    return [record | {"jobId": job} for record in told]


def with_status(info: object, **members: Any) -> Record:
    """An event whose status was told as `info`."""
    return event(provisioningStatusInfo=info, **members)


def test_an_event_is_the_same_row_in_every_shape(store: Store, tmp_path: Path) -> None:
    files = {name: write(day(name)) for name, write in SHAPES.items()}
    files |= {f"{name} gz": packed(write(day(f"{name} gz"))) for name, write in SHAPES.items() if "zip" not in name}
    load(store, tmp_path / "in", {f"{n}/deep/er/{n % 3}": data for n, data in enumerate(files.values())})
    by_job = {name: rows(store, ROWS.replace("from events", f"from events where job_id = '{name}'")) for name in files}
    expected = by_job["graph lines"]
    assert len(expected) == 5
    assert {name: found for name, found in by_job.items() if found != expected} == {}
    told = expected[1]
    assert (told["http_status"], told["scim_type"], told["retry_count"]) == (409, "uniqueness", 2)
    assert told["scim_detail"] == 'user "ada" exists, or é does\n'
    assert told["retry_at"] == datetime(2026, 1, 5, 18, 0, 0, 123456)
    assert told["changes"][0] == {"attribute": "userName", "old_value": None, "new_value": "bob@example.com"}
    assert [row["status"] for row in expected] == ["success", "failure", "skipped", "warning", "success"]
    assert [row["skip_reason"] for row in expected] == [None, None, "RedundantExport", None, None]


def test_an_event_is_stored_once_whatever_shape_comes_first(store: Store, tmp_path: Path) -> None:
    order = random.Random(1).sample(sorted(SHAPES), len(SHAPES))
    found = load(store, tmp_path / "in", {f"{n:02d}": SHAPES[name](day()) for n, name in enumerate(order)})
    assert sum(file.kept for file in found.values()) == 5
    assert sum(file.duplicates for file in found.values()) == 5 * len(SHAPES) - 5
    assert len(rows(store, "from events")) == 5
    read_all = [file.source for file in found.values() if file.lines == 5]
    assert {source: read_all.count(source) for source in set(read_all)} == SOURCES
    before = rows(store, "from files order by all"), store.revision()
    assert {tally(file) for file in read(store, tmp_path / "in").values()} == {(0, 0, 0, 0)}
    assert (rows(store, "from files order by all"), store.revision()) == before


def test_a_blob_layout_of_azure_monitor_is_read_where_it_lies(store: Store, tmp_path: Path) -> None:
    blobs = {
        "tenantId=1/y=2026/m=01/d=05/h=12/m=00/PT1H.json": lines([diagnostic(event("ada"))], "\r\n"),
        "resourceId=/TENANTS/1/y=2026/m=01/d=05/h=13/m=00/PT1H.json": lines([diagnostic(event("bob"))], "\r\n"),
    }
    assert [tally(file) for file in load(store, tmp_path / "in", blobs).values()] == [(1, 1, 0, 0)] * 2


def test_a_portal_download_in_a_folder_needs_no_names(store: Store, tmp_path: Path) -> None:
    files = {"graph/x": lines(day("graph"))}
    for job, headers, pack, bom in (("a", PLAIN_HEADERS, bytes, True), ("b", CAMEL_HEADERS, packed, False)):
        three = portal(day(job), headers, bom).values()
        files |= {f"download {job}/{name}": pack(data) for name, data in zip("bac", three, strict=True)}
    found = load(store, tmp_path / "in", files)
    assert [found[f"download {job}/{name}"].kept for job in "ab" for name in "abc"] == [0, 5, 0] * 2
    assert {file.source for file in found.values()} == {"portal", "graph"}
    by_job = [
        rows(store, ROWS.replace("from events", f"from events where job_id = '{job}'")) for job in ("graph", "a", "b")
    ]
    assert by_job[0] == by_job[1] == by_job[2]


def test_a_portal_download_without_its_steps_still_tells_its_events(store: Store, tmp_path: Path) -> None:
    main = next(iter(portal(day()).values()))
    assert tally(load_one(store, tmp_path / "in", main)) == (5, 5, 0, 0)
    assert rows(store, "select count(*) as events, sum(len(steps)) as steps from events") == [{"events": 5, "steps": 0}]


@pytest.mark.parametrize("first", ["download", "graph", "together"])
def test_an_event_of_a_portal_download_without_ids_is_the_one_of_its_change(
    store: Store, tmp_path: Path, first: str
) -> None:
    main = list(csv.reader(io.StringIO(next(iter(portal(day()).values())).decode("utf-8-sig"))))
    text = io.StringIO(newline="")
    csv.writer(text).writerows([*row[:2], *row[3:]] for row in main)
    files = {"download/a": text.getvalue().encode(), "events/b": lines([*day(), event("fay", 9) | {"jobId": JOB}])}
    order = {"download": (0, 1), "graph": (1, 0)}.get(first)
    parts = [dict([list(files.items())[n]]) for n in order] if order else [files]
    kept = sum(file.kept for n, part in enumerate(parts) for file in load(store, tmp_path / str(n), part).values())
    assert kept == len(rows(store, "from events")) == 6
    again = load(store, tmp_path / "again", files)
    assert sum(file.kept for file in again.values()) == 0
    assert all(file.lines == file.duplicates for file in again.values())


def test_steps_of_a_portal_download_without_its_main_file_are_a_reject(store: Store, tmp_path: Path) -> None:
    steps = list(portal(day()).values())[1]
    assert load_one(store, tmp_path / "in", steps).rejects == 1
    assert "its main file was not beside it" in one(store, "reason", "rejects")


def test_the_portals_american_instants_are_read(store: Store, tmp_path: Path) -> None:
    cells = ("1/5/2026, 12:00:07 PM", "1/5/2026, 12:00:07.123 PM", "1/5/2026 12:00:07 PM", "01/05/2026 12:00:07")
    told = [event(who, activityDateTime=cell) for who, cell in zip("abcd", cells, strict=True)]
    assert tally(load_one(store, tmp_path / "in", portal(told)["ProvisioningLogs.csv"])) == (4, 4, 0, 0)
    assert one(store, "occurred_at") == datetime(2026, 1, 5, 12, 0, 7)


STATUSES: dict[str, tuple[Record, str]] = {
    "provisioningStatusInfo wins": (with_status({"status": "failure"}, statusInfo={"status": "success"}), "failure"),
    "then statusInfo": (with_status(None, statusInfo={"status": "warning"}), "warning"),
    "an empty text says nothing": (with_status({"status": ""}, statusInfo={"status": "Skipped"}), "skipped"),
    "then the last step": (with_status(None), "success"),
    "in any case": (with_status({"status": "FAILURE"}), "failure"),
    "as a number": (with_status({"Status": 1}), "failure"),
    "not an object": (with_status("nonsense"), "success"),
    "nowhere": (with_status(None, provisioningSteps=None), ""),
    "properties before envelope": (
        diagnostic(with_status({"status": "success"})) | {"resultType": "Failure"},
        "success",
    ),
    "envelope before steps": (
        diagnostic(with_status({"status": ""}), graph_cased=True) | {"resultType": "Failure"},
        "failure",
    ),
}


def test_status_follows_one_precedence(store: Store, tmp_path: Path) -> None:
    for name, (record, _) in STATUSES.items():
        record.get("properties", record)["jobId"] = name
    load(store, tmp_path / "in", {name: lines([record]) for name, (record, _) in STATUSES.items()})
    found = {row["job_id"]: row["status"] or "" for row in rows(store, "select job_id, status from events")}
    assert found == {name: status for name, (_, status) in STATUSES.items()}


def test_an_undocumented_word_is_kept_as_spelled_and_counted_unfamiliar(store: Store, tmp_path: Path) -> None:
    told = [
        event("ada", provisioningAction="reassign"),
        event("bob", 1, "postponed"),
        event("cy", 2, provisioningAction="CREATE"),
        event("dee", 3, provisioningSteps=[step("New", "negotiation", status="deferred")]),
    ]
    found = load_one(store, tmp_path / "in", lines(told))
    assert (found.kept, found.unfamiliar) == (4, 2)
    assert rows(store, "select action, status from events order by occurred_at") == [
        {"action": "reassign", "status": "success"},
        {"action": "create", "status": "postponed"},
        {"action": "create", "status": "success"},
        {"action": "create", "status": "success"},
    ]
    assert rows(store, "select type, status from steps where name = 'New'") == [
        {"type": "negotiation", "status": "deferred"}
    ]


def test_empty_texts_are_null_in_every_column(store: Store, tmp_path: Path) -> None:
    nobody = {"id": "", "displayName": "", "identityType": "", "details": {"UserPrincipalName": ""}}
    error = {"errorCode": "", "reason": "", "errorCategory": "", "recommendedAction": ""}
    record = event(
        tenantId="",
        cycleId="",
        changeId="",
        provisioningAction="",
        action="update",
        servicePrincipal={"id": "", "displayName": ""},
        sourceSystem={"displayName": ""},
        targetSystem={"displayName": ""},
        sourceIdentity=nobody,
        targetIdentity=nobody,
        provisioningStatusInfo={"status": "failure", "errorInformation": error},
        provisioningSteps=[step("", "export", "")],
        modifiedProperties=[{"displayName": "mail", "oldValue": "", "newValue": ""}],
    )
    load_one(store, tmp_path / "in", lines([record]))
    [row] = rows(store, "from events")
    assert [name for name, value in row.items() if value == ""] == []
    assert row["action"] == "update"
    assert row["changes"] == [{"attribute": "mail", "old_value": None, "new_value": None}]
    assert (row["steps"][0]["name"], row["steps"][0]["description"], row["last_step"]) == (None, None, None)


def test_an_event_of_1_january_0001_is_a_reject_and_not_a_date(store: Store, tmp_path: Path) -> None:
    found = load_one(store, tmp_path / "in", lines([event(activityDateTime="0001-01-01T00:00:00Z"), event("bob")]))
    assert tally(found) == (2, 1, 0, 1)
    assert "activityDateTime" in one(store, "reason", "rejects")


def test_members_that_are_missing_or_of_another_kind_do_not_spoil_an_event(store: Store, tmp_path: Path) -> None:
    bare = {"id": "1", "activityDateTime": "2026-01-05T12:00:00Z", "jobId": JOB}
    odd = event(
        "bob", 1, durationInMilliseconds="soon", provisioningSteps="none", modifiedProperties={}, sourceIdentity=[]
    )
    vast = event("cy", 2, durationInMilliseconds=10**30)
    found = load_one(store, tmp_path / "in", lines([event(), bare, odd, vast]))
    assert tally(found) == (4, 4, 0, 0)
    assert rows(store, "select duration_ms from events where duration_ms is not null") == [{"duration_ms": 828}]


def test_an_instant_is_kept_in_utc_to_the_second(store: Store, tmp_path: Path) -> None:
    instants = (
        "2026-01-05T12:00:07.1234567Z",
        "2026-01-05T14:00:07+02:00",
        "2026-01-05T12:00:07",
        "2026-01-05 12:00:07Z",
    )
    told = [event(f"p{n}", activityDateTime=instant) for n, instant in enumerate(instants)]
    assert tally(load_one(store, tmp_path / "in", lines(told))) == (4, 4, 0, 0)
    assert one(store, "occurred_at") == datetime(2026, 1, 5, 12, 0, 7)


def test_equal_ids_of_two_jobs_are_two_events(store: Store, tmp_path: Path) -> None:
    told = [event(), event(jobId="other job"), event(jobId=None), event(jobId=None), event()]
    assert tally(load_one(store, tmp_path / "in", lines(told))) == (5, 3, 2, 0)


REASONS: list[tuple[str, Mapping[str, object]]] = [
    ("StatusCode: BadRequest Message: no", {"http_status": 400}),
    ("StatusCode: 422\r\nMessage: no", {"http_status": 422}),
    ("Contoso returned an error response with the HTTP status code 409.  It may", {"http_status": 409}),
    ('Web Response: {"status":"404","detail":"gone"}', {"http_status": 404, "scim_detail": "gone"}),
    ('StatusCode: TooManyRequests {"scimType" : "tooMany"}', {"http_status": 429, "scim_type": "tooMany"}),
    ('{"detail":"a \\"b\\" c\\\\d\\u00e9\\n"}', {"scim_detail": 'a "b" c\\dé\n'}),
    ('{"detail":"broken \\q escape"}', {"scim_detail": "broken \\q escape"}),
    ("It failed. This operation was retried 12 times. No more.", {"retry_count": 12}),
    (
        "It will be retried again after this date: 2026-03-24T13:23:44.9198514Z UTC",
        {"retry_at": datetime(2026, 3, 24, 13, 23, 44, 919851)},
    ),
    ("It will be retried again after this date: soon UTC", {}),
    ("nothing to learn", {}),
]


def test_a_reason_tells_what_the_target_answered(store: Store, tmp_path: Path) -> None:
    load_one(store, tmp_path / "in", lines([failed(minute=n, reason=reason) for n, (reason, _) in enumerate(REASONS)]))
    asked = "select reason, http_status, scim_type, scim_detail, retry_count, retry_at from events order by occurred_at"
    told = [{name: value for name, value in row.items() if value is not None} for row in rows(store, asked)]
    assert told == [{"reason": reason, **expected} for reason, expected in REASONS]


def test_a_skip_tells_its_reason_or_that_it_was_out_of_scope(store: Store, tmp_path: Path) -> None:
    outside = skipped("cy", 2)
    scoping = {"Assigned to the application": "True", "Scoping filter evaluation passed": "False"}
    outside["provisioningSteps"][1:] = [step("EntrySynchronizationScoping", "scoping", details=scoping)]
    told = [skipped("ada", why="NotEffectivelyEntitled"), outside, event("dee", 3, "skipped")]
    load_one(store, tmp_path / "in", lines([diagnostic(record) for record in told]))
    found = [row["skip_reason"] for row in rows(store, "select skip_reason from events order by occurred_at")]
    assert found == ["NotEffectivelyEntitled", "out of scope", None]


def test_the_tenant_comes_from_the_record_then_the_envelope_then_the_resource(store: Store, tmp_path: Path) -> None:
    upper = TENANT.upper()
    told = [diagnostic(event("ada", tenantId=upper)), diagnostic(event("bob"), tenant="resource")]
    told += [diagnostic(event("cy"), tenant="properties"), diagnostic(event("dee")) | {"resourceId": None}]
    del told[3]["properties"]["tenantId"]
    load(store, tmp_path / "in", {"diagnostic": lines(told), "analytics": rows_csv([analytics(event("eve"))])})
    assert rows(store, "select tenant_id, count(*) as events from events group by all") == [
        {"tenant_id": TENANT, "events": 5}
    ]


def test_log_analytics_rows_spelled_like_graph_are_the_same_event(store: Store, tmp_path: Path) -> None:
    names = [name for name in analytics(event()) if name[:1].lower() + name[1:] in event() and name not in ("Id",)]
    record = failed()
    nested = {
        name: dumped(record[name[:1].lower() + name[1:]]) for name in names if name.startswith(("S", "T", "P", "M"))
    }
    graph_like = analytics(record) | {name: text for name, text in nested.items() if name in NESTED}
    load(store, tmp_path / "in", {"a": lines([graph_like | {"JobId": "a"}]), "b": lines([record | {"jobId": "b"}])})
    first, second = rows(store, ROWS)
    assert first == second


NESTED = ("ServicePrincipal", "SourceSystem", "TargetSystem", "SourceIdentity", "TargetIdentity")
NESTED += ("ProvisioningStatusInfo", "ProvisioningSteps", "ModifiedProperties")


def test_both_spellings_may_stand_in_one_file(store: Store, tmp_path: Path) -> None:
    told = [record | {"jobId": job} for job in "ab" for record in day()]
    mixed = [diagnostic(record, graph_cased=n % 2 == 0) for n, record in enumerate(told)]
    beside = [record if n % 2 else cased(record) for n, record in enumerate(day("c"))]
    older = [in_2019(record) if n % 2 else record for n, record in enumerate(day("d"))]
    files = {"x": lines(mixed), "y": array(beside), "z": dumped(page(older)).encode()}
    found = load(store, tmp_path / "in", files)
    assert [tally(found[name]) for name in "xyz"] == [(10, 10, 0, 0), (5, 5, 0, 0), (5, 5, 0, 0)]
    by_job = [rows(store, ROWS.replace("from events", f"from events where job_id = '{job}'")) for job in "abcd"]
    assert by_job[0] == by_job[1] == by_job[2] == by_job[3]


def test_pages_and_batches_one_after_another_are_read_to_the_last(store: Store, tmp_path: Path) -> None:
    told = [event(f"p{n}", n) for n in range(120)]
    files = {
        "pages": lines([page(told[n : n + 7]) for n in range(0, 120, 7)]),
        "capture": array(captured([diagnostic(record | {"jobId": "b"}) for record in told])),
        "arrays": lines([told[:60]]).replace(JOB.encode(), b"c") + lines([told[60:]]).replace(JOB.encode(), b"c"),
    }
    found = load(store, tmp_path / "in", files)
    assert {name: tally(file) for name, file in found.items()} == dict.fromkeys(files, (120, 120, 0, 0))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_is_read_whatever_separates_its_cells(delimiter: str, store: Store, tmp_path: Path) -> None:
    table = io.StringIO()
    told = [analytics(record) for record in (event("ada", 1), failed("bob", 2), skipped("eve", 3))]
    writer = csv.DictWriter(table, told[0].keys(), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(told)
    assert tally(load_one(store, tmp_path / "in", table.getvalue().encode(), "log.csv")) == (3, 3, 0, 0)
    names = rows(store, "select source_name as name, error_code as code from events order by occurred_at")
    assert [row["name"] for row in names] == ["Ada", "Bob", "Eve"] and names[1]["code"] == "CerbyEntryConflict"


def test_a_table_with_a_record_in_one_column_gives_its_records(store: Store, tmp_path: Path) -> None:
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["_time", "_raw", "host"])
    writer.writerows(["now", json.dumps(diagnostic(record)), "a"] for record in (event("ada", 1), failed("bob", 2)))
    assert tally(load_one(store, tmp_path / "in", table.getvalue().encode(), "log.csv")) == (2, 2, 0, 0)
    assert one(store, "tenant_id") == TENANT


@pytest.mark.parametrize("form", ["%d.%m.%Y, %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d, %H:%M:%S"])
def test_instants_of_other_countries_are_read(form: str, store: Store, tmp_path: Path) -> None:
    told = analytics(event("ada", 1))
    told["TimeGenerated"] = datetime.fromisoformat(told["TimeGenerated"]).strftime(form)
    assert tally(load_one(store, tmp_path / "in", lines([told]))) == (1, 1, 0, 0)
    assert str(one(store, "occurred_at")) == "2026-01-05 12:01:07"


def test_what_powershell_cut_off_in_a_table_and_an_error_of_graphs_are_rejects_that_say_so(
    store: Store, tmp_path: Path
) -> None:
    cut = "ActivityDateTime,ChangeId,Id,JobId,ProvisioningAction,ProvisioningStatusInfo\n"
    cut += "2026-01-05T12:00:00Z,c,i,j,create,Microsoft.Graph.PowerShell.Models.MicrosoftGraphProvisioningStatusInfo\n"
    refused = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
    found = load(store, tmp_path / "in", {"a.csv": cut.encode(), "b.json": dumped(refused).encode()})
    assert {name: tally(file) for name, file in found.items()} == {"a.csv": (1, 0, 0, 1), "b.json": (1, 0, 0, 1)}
    first, second = reasons(store)
    assert "ConvertTo-Json -Depth 10" in first and "Authorization_RequestDenied: Insufficient privileges." in second
