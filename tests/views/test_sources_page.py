"""The page Data sources: what was read and what became of it, and what to do about rejected lines."""

from datetime import timedelta

import pandas as pd
import pytest

from tests.support.given import Given, moment
from tests.support.pages import app, healthy, questions, table, text
from views.parts.shared.coverage import labelled_strips


@pytest.mark.usefixtures("tenant")
def test_data_sources_account_for_every_line_and_fold_what_found_nothing() -> None:
    test = healthy(app("sources"))
    drawn = text(test)
    assert "**1 file with 9 lines: 8 kept, 0 duplicates, 1 rejected.**" in drawn
    assert "Background jobs are not running" in drawn
    assert list(table(test, "text")["text"]) == ["<b>{</b>"]
    labels = [one.label for one in test.expander]
    assert "Rejected lines: 1" in labels and "Imported files: 1" in labels
    assert "Correct the line where it comes from, then load the file again" in drawn
    assert "nothing found: " in drawn and "undocumented values" in drawn
    assert "Add data" in labels and not next(one for one in test.expander if one.label == "Add data").proto.expanded
    assert [one.label for one in test.metric][2:] == ["Rejected lines", "Covered in this time range"]
    asked = questions(test)
    assert {"freshness", "completeness", "file_ledger", "rejected_lines", "retention_cliff"} <= asked.keys()


@pytest.mark.usefixtures("store")
def test_an_empty_store_opens_the_three_ways_in() -> None:
    test = healthy(app("sources"))
    [add] = [one for one in test.expander if one.label == "Add data"]
    assert add.proto.expanded
    headings = [one.value for one in test.subheader]
    assert headings[:3] == ["Connect a tenant", "Drop an export", "Explore the sample"]
    assert test.metric == [] or len(test.metric) == 0


def test_what_fails_is_counted_on_its_line(given: Given) -> None:
    given.succeeded("ada")
    failed = {"tenant": "contoso", "feed": "events", "outcome": "failed", "failures": 2, "tried_at": moment(1)}
    given.rows["contacts"].append(failed | {"detail": "the client secret has expired", "reached_at": moment(0)})
    missing = {"tenant": "contoso", "feature": "events", "scope": "ProvisioningLog.Read.All", "state": "missing"}
    given.rows["permissions"].append(
        missing | {"asked_at": moment(1), "detail": "403", "lost": "No events.", "remedy": "Grant it."}
    )
    job = {"job": "ingest", "began_at": moment(1), "ended_at": moment(1) + timedelta(seconds=3), "outcome": "failed"}
    given.rows["background_jobs"].append(job | {"detail": "the disk is full"})
    given.stored()
    test = healthy(app("sources"))
    labels = [one.label for one in test.expander]
    for label in ("Background jobs: 1 failed", "Collector permissions: 1 missing", "Data source connections: 1 failed"):
        assert label in labels
    assert list(table(test, "job")["job"]) == ["Load files"]
    assert "No tenant is connected" not in text(test)


def strips(given: Given) -> dict[str, int]:
    """Returns the labels of the coverage strips, each with its complete hours."""
    rows = labelled_strips(pd.DataFrame(given.answer("completeness")))
    return dict(rows.assign(full=rows["state"] == "complete").groupby("label")["full"].sum())


def test_scim_logs_of_one_tenant_are_one_strip_whatever_names_the_tenant(given: Given) -> None:
    given.succeeded("ada", 1, app="Zoom")
    given.vouched(moment(0), moment(1), source="access_log")
    given.vouched(moment(1), moment(2), source="access_log", tenant_id=None)
    assert strips(given) == {"Zoom · provisioning logs": 0, "SCIM logs": 48}


def test_scim_logs_of_two_tenants_are_a_strip_each(given: Given) -> None:
    given.succeeded("ada", 1, app="Zoom")
    given.vouched(moment(0), moment(1), source="access_log")
    given.vouched(moment(0), moment(1), source="access_log", tenant_id="22222222-2222-4222-8222-222222222222")
    given.vouched(moment(1), moment(2), source="access_log", tenant_id=None)
    assert strips(given) == {
        "Tenant 11111111… · SCIM log": 24,
        "Tenant 22222222… · SCIM log": 24,
        "Tenant not named · SCIM log": 24,
        "Zoom · provisioning logs": 0,
    }
