"""A store of two tenants, asked about one, answers as a store that has only that one."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.store.catalog import Query, bind, catalog
from pipeline.store.lake import Store, open_store
from tests.support.given import MONDAY, Given, moment

ONE, OTHER = "aaaaaaaa-1111-4111-8111-111111111111", "bbbbbbbb-2222-4222-8222-222222222222"
END = MONDAY + timedelta(days=14)
VALUES = {
    "since": MONDAY,
    "until": END,
    "as_of": END,
    "at": END,
    "now": END,
    "begins": moment(5),
    "ends": moment(9),
    "stage": "exported",
    "cell": "no event",
}
QUESTIONS = [query for query in catalog().values() if "tenant" in {one.name for one in query.parameters}]
STEP = {"name": "EntryExportUpdate", "type": "export", "status": "failure", "description": "no", "details": "{}"}
SCOPING = {
    "name": "EntrySynchronizationScoping",
    "type": "scoping",
    "status": "skipped",
    "description": "",
    "details": '{"Assigned to the application": "False"}',
}
IMPORT = {
    "name": "EntryImport",
    "type": "import",
    "status": "success",
    "description": "",
    "details": '{"accountEnabled": "True", "userPrincipalName": "x", "mail": "x"}',
}


def fill(given: Given, tenant: str) -> None:
    """Adds a tenant of four jobs.

    One has events alone, one a status, one a configuration and SCIM requests, one a status and events without a tenant.
    """
    mark = tenant[0]
    given.numbers = count(1 if tenant == ONE else 1001)
    logged = {"tenant_id": tenant, "job_id": f"scim.{mark}-logged", "app_id": f"app-{mark}-logged", "app": "Logged"}
    for who in ("ada", "bob", "cyd", "dan", "eve", "fay", "gus"):
        given.succeeded(f"{who}-{mark}", day=1, **logged, action="create", steps=[IMPORT])
    for day in range(2, 13):
        given.failed(f"ada-{mark}", day=day, **logged, steps=[STEP], retry_at=moment(day, 6))
        given.succeeded(f"bob-{mark}", day=day, **logged, changes=[attribute("title", "old", None)])
        given.skipped(f"cyd-{mark}", "NotEffectivelyEntitled", day=day, **logged, steps=[SCOPING])
        given.skipped(f"dan-{mark}", "RedundantExport", day=day, **logged)
    given.skipped(f"dan-{mark}", "AttributeValidationFailed", day=13, **logged)
    given.disabled(f"eve-{mark}", day=3, **logged)
    given.succeeded(f"eve-{mark}", day=5, **logged)
    given.failed(f"fay-{mark}", day=4, **logged, action="disable", steps=[STEP])
    given.succeeded(f"gus-{mark}", day=6, **logged, action="stagedDelete")
    for members, day in ((f"id-ada-{mark}, id-eve-{mark}", 2), (f"id-bob-{mark}", 6)):
        given.succeeded(
            f"staff-{mark}", day, **logged, source_type="Group", upn=None, changes=[attribute("members", None, members)]
        )
    given.vouched(moment(0), moment(10), tenant_id=tenant, job_id=logged["job_id"])

    watched = {"tenant_id": tenant, "job_id": f"scim.{mark}-watched", "app_id": f"app-{mark}-watched"}
    app = f"Watched {mark}"
    given.observed(app, "Active", day=2, **watched, interval_s=2400, last_began_at=moment(1, 23))
    for day in (3, 8, 13):
        given.observed(
            app, "Quarantine", day=day, **watched, interval_s=2400, last_began_at=moment(day - 1, 23),
            last_state="Failed", quarantine_since=moment(3), quarantine_reason="EncounteredQuarantineException",
            successive_failures=9, error_code="CredentialsMissing",
        )  # fmt: skip

    mixed = {"job_id": f"scim.{mark}-mixed", "app_id": f"app-{mark}-mixed"}
    given.observed(f"Mixed {mark}", "Active", day=12, **mixed, tenant_id=tenant, interval_s=2400)
    for day in range(2, 13):
        given.failed(f"hal-{mark}", day, **mixed, tenant_id=None, app=f"Mixed {mark}", steps=[STEP])
        given.skipped(
            f"ida-{mark}", "NotEffectivelyEntitled", day, **mixed, tenant_id=None, app=f"Mixed {mark}", steps=[SCOPING]
        )
    given.failed(f"jan-{mark}", 4, **mixed, tenant_id=None, app=f"Mixed {mark}", action="disable", steps=[STEP])

    configured = {"tenant_id": tenant, "app_id": f"app-{mark}-configured"}
    given.rows["configurations"].append(
        {"job_id": f"scim.{mark}-configured", "app_name": f"Configured {mark}", "observed_at": moment(1)} | configured
    )
    given.exchanged("PATCH", f"/Users/target-zoe-{mark}", 200, moment(4), exchange_id=f"patch-{mark}", **configured)
    given.exchanged("GET", "/Users", 401, moment(12), exchange_id=f"get-{mark}", **configured)
    given.rows["incidents"].append(
        {"incident_id": f"in-{mark}", "rule": "failing_runs", "severity": "critical", "subject": watched["job_id"],
         "app_name": app, "opened_at": moment(2), "noticed_at": moment(2), "summary": "", "evidence": "{}",
         "job_id": watched["job_id"], "tenant_id": tenant}
    )  # fmt: skip
    given.rows["rule_runs"].append(
        {"rule": "failing_runs", "ran_at": moment(1), "outcome": "ok", "findings": 0, "duration_ms": 1}
    )


def attribute(name: str, old: str | None, new: str | None) -> dict[str, str | None]:
    """Writes one change of an attribute."""
    return {"attribute": name, "old_value": old, "new_value": new}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of one tenant."""
    yield from made(tmp_path_factory.mktemp("alone"), ONE)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of both tenants, which call their apps and errors alike."""
    yield from made(tmp_path_factory.mktemp("together"), OTHER, ONE)


def made(folder: Path, *tenants: str) -> Iterator[Store]:
    """Makes a store of these tenants."""
    store = open_store(Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    given = Given(store)
    for tenant in tenants:
        fill(given, tenant)
        given.stored()
    yield store
    store.close()


def answer(store: Store, query: Query, tenant: str | None) -> list[dict[str, Any]]:
    """Asks one question about a tenant, or about all."""
    values = {one.name: VALUES.get(one.name) for one in query.parameters if one.default is None}
    rows: list[dict[str, Any]] = store.ask(query.sql, bind(query, values | {"tenant": tenant})).to_pylist()
    return rows


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda query: query.name)
def test_a_tenant_s_answer_is_that_of_a_store_that_has_no_other(query: Query, alone: Store, together: Store) -> None:
    expected = answer(alone, query, None)
    assert answer(alone, query, ONE) == expected, "a filter by the only tenant loses or changes rows"
    assert answer(together, query, ONE) == expected, "the other tenant shows, or takes rows away"


@pytest.mark.parametrize("name", ["quarantine_episodes", "fleet", "connections", "silence", "people", "top_errors"])
def test_the_world_has_something_to_answer_with(name: str, alone: Store) -> None:
    assert answer(alone, catalog()[name], ONE)


def test_most_questions_have_something_to_answer(alone: Store) -> None:
    silent = [query.name for query in QUESTIONS if not answer(alone, query, ONE)]
    assert len(silent) <= len(QUESTIONS) // 4, silent


def test_the_first_groups_are_those_of_the_tenant(together: Store) -> None:
    query = catalog()["group_ledger"]
    for tenant in (ONE, OTHER):
        values = bind(query, {"since": MONDAY, "until": END, "tenant": tenant, "limit": 1})
        [staff] = together.ask(query.sql, values).to_pylist()
        assert (staff["group_id"], staff["confirmed"]) == (f"id-staff-{tenant[0]}", 3)


def test_a_job_is_its_tenant_s_by_whatever_shows_it(together: Store) -> None:
    jobs = [f"scim.a-{kind}" for kind in ("configured", "logged", "mixed", "watched")]
    for spelling in (ONE, ONE.upper()):
        rows = together.rows("select distinct job_id from jobs_of_tenant(?) order by all", [spelling])
        assert rows == [(job,) for job in jobs]
