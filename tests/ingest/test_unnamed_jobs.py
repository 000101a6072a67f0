"""Events of tables without a column of the job get one: that of their cycle or app, else one made of the app."""

import csv
import io
import json
from pathlib import Path

import pytest

from pipeline.store.lake import Store
from tests.support.loads import load, rows
from tests.support.shapes import APP, JOB, Record, analytics, event, failed, lines, portal, rows_csv, skipped

DAY = [event("ada", 1), failed("bob", 2), skipped("cy", 3)]
OTHER = JOB[:-1] + "2"
JOBS = "select job_id, count(*) as n from events group by job_id order by job_id"


def download(records: list[Record], *left_out: str) -> bytes:
    """A portal download's main file without some columns."""
    rows = csv.DictReader(io.StringIO(next(iter(portal(records).values())).decode("utf-8-sig")))
    return rows_csv([{name: value for name, value in row.items() if name not in left_out} for row in rows])


def query(records: list[Record]) -> bytes:
    """Rows of Log Analytics whose query left the job out."""
    return json.dumps(
        [{name: value for name, value in analytics(one).items() if name != "JobId"} for one in records]
    ).encode()


TABLES = {
    "with ids": lambda: download(DAY, "Job ID"),
    "by change": lambda: download(DAY, "Job ID", "ID"),
    "of a query": lambda: query(DAY),
}


@pytest.mark.parametrize("order", ["table first", "table last", "together"])
@pytest.mark.parametrize("kind", TABLES)
def test_events_without_a_job_are_stored_once_under_the_apps_job(
    store: Store, tmp_path: Path, kind: str, order: str
) -> None:
    files = {"a": TABLES[kind](), "b": lines([*DAY, event("dee", 4)])}
    first, then = ("ab", "") if order == "together" else ("a", "b") if order == "table first" else ("b", "a")
    for number, names in enumerate(filter(None, (first, then, "ab"))):
        found = load(store, tmp_path / str(number), {name: files[name] for name in names})
        assert {one.rejects for one in found.values()} == {0}
    assert {one.kept for one in found.values()} == {0}
    jobs = {f"unnamed.{APP}": 3, JOB: 1} if order == "table first" else {JOB: 4}
    assert {row["job_id"]: row["n"] for row in rows(store, JOBS)} == jobs
    assert rows(store, "select count(*) as n from identities") == [{"n": 4}]


def test_of_an_apps_several_jobs_the_cycle_tells_which(store: Store, tmp_path: Path) -> None:
    ran = [event("eve", 50), event("fay", 90, jobId=OTHER)]
    told = download([event("ada", 51), event("bob", 91), event("cy", 400)], "Job ID")
    load(store, tmp_path / "in", {"a": lines(ran)})
    load(store, tmp_path / "then", {"b": told})
    assert {row["job_id"]: row["n"] for row in rows(store, JOBS)} == {JOB: 2, OTHER: 2, f"unnamed.{APP}": 1}


def test_an_app_that_only_its_name_tells_has_one_job_in_every_file(store: Store, tmp_path: Path) -> None:
    told = download(DAY, "Job ID", "Service Principal ID", "Tenant ID")
    more = download(
        [event("dee", 4), event("eve", 5, servicePrincipal={"id": None, "displayName": "Other"})],
        "Job ID",
        "Service Principal ID",
    )
    load(store, tmp_path / "in", {"a": told})
    load(store, tmp_path / "then", {"b": more})
    assert [row["n"] for row in rows(store, JOBS)] in ([4, 1], [1, 4])
