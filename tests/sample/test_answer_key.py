"""A tenant that knows its own answers: what was written is what the store says, story by story."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import read_settings
from pipeline.ingest.files import FileResult
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import Incident
from pipeline.sample import write_tenant
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Store, open_store
from tests.support.loads import read, rows, tally
from tests.support.shapes import STATUSES

SAMPLE_LOGS = Path(__file__).parents[2] / "sample_logs"
OUTSIDE = "skip_reason = 'NotEffectivelyEntitled'"
LOGGED = "seen_by <> 'status'"
"The key knows the cycles that left a record; those that only job status told of come on top."
CHECKS = json.loads((SAMPLE_LOGS / "answers.json").read_text(encoding="utf-8"))["checks"]
ABOUT = {"collision": "kind", "silence": "cause", "error_spreads": "error_code", "quarantined": "reason"}
"Which part of a rule's evidence the key names."
SPARED = {"throttled_hour", "growing_escrow", "licences_exhausted", "quarantine_open"}
"At these the second tenant is not asked: a check of every rule takes seconds."


@dataclass
class Tenant:
    """A tenant's folder, its store, its answer key, and what the first reading gave."""

    folder: Path
    store: Store
    key: dict[str, Any]
    found: dict[str, FileResult]

    def story(self, name: str) -> Any:
        """Gives the facts of a planted story."""
        return next(entry["facts"] for entry in self.key["planted"] if entry["story"] == name)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Gives an answer's rows, instants spelled as the key spells them."""
        return [{name: spelled(value) for name, value in row.items()} for row in rows(self.store, sql)]

    def number(self, sql: str) -> Any:
        """Gives the one value of an answer."""
        [row] = self.rows(sql)
        return next(iter(row.values()))


def spelled(value: Any) -> Any:
    """Gives an instant as the answer key spells it, to the second."""
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value


@pytest.fixture(scope="module", params=["sample_logs", pytest.param("seed 11", marks=pytest.mark.deep)])
def tenant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """The tenant that lies beside the project, and one that was just written."""
    home = tmp_path_factory.mktemp("tenant")
    folder = SAMPLE_LOGS
    if request.param != "sample_logs":
        folder = write_tenant(home / "logs", seed=11, users=60, groups=6, days=14).parent
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{home}/lake/catalog.sqlite"))
    key = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    yield Tenant(folder, store, key, read(store, folder))
    store.close()


def test_totals(tenant: Tenant) -> None:
    counted = {
        name: tenant.number(f"select count(*) from {name}")
        for name in ("events", "steps", "changes", "identities", "exchanges", "job_snapshots", "rejects")
    }
    counted["cycles"] = tenant.number(f"select count(*) from cycles where {LOGGED}")
    counted["probes"] = tenant.number("select count(*) from exchanges where operation = 'probe'")
    counted["lines"] = tenant.number("select sum(lines)::bigint from files")
    counted["files"] = tenant.number("select count(*) from files where \"file\" not like '%answers.json'")
    assert counted == tenant.key["totals"]


def test_events_by_status_action_and_skip(tenant: Tenant) -> None:
    for name, column, condition in (
        ("events_by_job_status", "status", "true"),
        ("events_by_job_action", "action", "true"),
        ("skips_by_reason", "skip_reason", "skip_reason is not null"),
    ):
        asked = f'select job_id, "{column}", count(*) as events from events where {condition} group by all'
        assert ordered(tenant.rows(asked)) == ordered(tenant.key[name]), name


def ordered(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gives rows in an order of their own."""
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))


def test_errors_and_exchanges(tenant: Tenant) -> None:
    errors = """
        select job_id, error_code, count(*) as events, count(distinct source_id) as objects
        from events where status = 'failure' group by all
    """
    assert ordered(tenant.rows(errors)) == ordered(tenant.key["errors_by_code"])
    exchanges = """
        select http_status, count(*) as exchanges, count(*) filter (where operation = 'probe') as probes
        from exchanges group by all
    """
    assert ordered(tenant.rows(exchanges)) == ordered(tenant.key["exchanges_by_status"])


def test_cycles(tenant: Tenant) -> None:
    for job, expected in tenant.key["cycles"].items():
        found = tenant.rows(f"from cycles where job_id = '{job}' and {LOGGED} order by began_at, cycle_id")
        assert len(found) == expected["count"]
        for row in found:
            row |= {"began_at": row["first_event_at"], "ended_at": row["last_event_at"]}
        by_id = {row["cycle_id"]: row for row in found}
        for which in ("first", "last", "largest"):
            row = by_id[expected[which]["cycle_id"]]
            assert {name: row[name] for name in expected[which]} == expected[which]


def test_identities_escrows_and_people(tenant: Tenant) -> None:
    for job, expected in tenant.key["identities"].items():
        states = Counter(row["state"] for row in tenant.rows(f"from identities where job_id = '{job}'"))
        assert {"all": states.total(), **states} == expected
    for job, expected in tenant.key["escrows"].items():
        found = tenant.rows(f"from escrows where job_id = '{job}'")
        still = [row for row in found if row["closed_at"] is None]
        assert {
            "open": len(still),
            "closed": len(found) - len(still),
            "attempts": sum(row["attempts"] for row in found),
            "reference": sum(row["is_reference"] for row in found),
            "open_error_codes": Counter(row["error_code"] for row in still),
        } == expected
    identities = {(row["job_id"], row["source_id"]): row for row in tenant.rows("from identities")}
    waiting = tenant.rows("select job_id, source_id, retry_at from escrows where closed_at is null")
    retries = {(row["job_id"], row["source_id"]): row["retry_at"] for row in waiting}
    ended = Counter(tenant.store.rows("select job_id, source_id, status from events"))
    for person in tenant.key["people"]:
        own = person["job_id"], person["source_id"]
        row = identities[own]
        told = (
            "source_type",
            "upn",
            "state",
            "attempts",
            "failures",
            "benign_skips",
            "last_event_at",
            "open_error_code",
        )
        assert {name: row[name] for name in told} == {name: person[name] for name in told}
        assert retries.get(own) == person["retry_at"]
        assert (ended[*own, "success"], ended[*own, "warning"]) == (person["successes"], person["warnings"])
        assert sum(ended[*own, status] for status in STATUSES) == person["events"]


def asked(tenant: Tenant, name: str, **given: Any) -> list[dict[str, Any]]:
    """Gives a question's answer over the whole window."""
    window = {end: datetime.fromisoformat(at).replace(tzinfo=None) for end, at in tenant.key["window"].items()}
    query = find_query(name)
    found: list[dict[str, Any]] = tenant.store.ask(query.sql, bind(query, window | given)).to_pylist()
    return found


def test_issues_and_the_attributes_to_blame(tenant: Tenant) -> None:
    told = tenant.key["issues"][0].keys()
    issues = asked(tenant, "issues")
    assert ordered([{name: row[name] for name in told} for row in issues]) == ordered(tenant.key["issues"])
    blamed = [
        {name: (row | first)[name] for name in ("job_id", "code", "attribute", "hit")}
        for row in issues
        for first in asked(tenant, "attribute_blame", job=row["job_id"], issue=row["issue"], required="surname")[:1]
        if first["blamed"]
    ]
    assert ordered(blamed) == ordered(tenant.key["causes"])


def test_files(tenant: Tenant) -> None:
    read_to_the_end = {"source": None, "lines": 0, "rejects": 0}
    found: dict[str, dict[str, Any]] = {}
    for name, file in tenant.found.items():
        whole = name.partition(".zip/")[0] + (".zip" if ".zip/" in name else "")
        entry = found.setdefault(whole, dict(read_to_the_end))
        entry["source"] = file.source or entry["source"]
        entry["lines"] += file.lines
        entry["rejects"] += file.rejects
    assert {name: found[name] for name in tenant.key["files"]} == tenant.key["files"]
    assert {name for name, entry in found.items() if entry["lines"]} == set(tenant.key["files"])


def test_planted_stories(tenant: Tenant) -> None:
    for entry in tenant.key["planted"]:
        facts = entry["facts"]
        if "event_ids" not in facts:
            continue
        jobs = f"job_id in ({', '.join(map(repr, facts['job_ids']))})"
        ids = ", ".join(map(repr, facts["event_ids"]))
        found = tenant.rows(f"from events where {jobs} and event_id in ({ids})")
        assert {row["event_id"] for row in found} == set(facts["event_ids"]), entry["story"]
        assert min(row["occurred_at"] for row in found) == facts["first_at"], entry["story"]
        if len(facts["subjects"]) < 12:
            told = told_of(tenant, jobs, facts)
            assert told == {name: facts[name] for name in told}, entry["story"]


def told_of(tenant: Tenant, jobs: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Gives what the store says of a story's subjects: their states, and their failures of its codes in its time."""
    subjects = f"coalesce(upn, source_name) in ({', '.join(map(repr, facts['subjects']))})"
    codes = ", ".join(map(repr, facts["error_codes"])) or "''"
    during = f"occurred_at between '{facts['first_at']}'::timestamp and '{facts['last_at']}'::timestamp"
    states = tenant.rows(f"select distinct state from identities where {jobs} and {subjects}")
    failures = tenant.number(
        f"select count(*) from events where {jobs} and {subjects} and {during} and error_code in ({codes})"
    )
    return {"failures": failures} | (
        {"states_at_the_end": sorted(row["state"] for row in states)} if codes != "''" else {}
    )


def test_stories_told_by_silence_and_noise(tenant: Tenant) -> None:
    assert tenant.number(f"select count(*) from events where {OUTSIDE}") == tenant.story("benign_skips")["out_of_scope"]
    redundant = "select count(*) from events where skip_reason = 'RedundantExport'"
    assert tenant.number(redundant) == tenant.story("benign_skips")["redundant"]
    assert tenant.number("select count(*) from rejects") == tenant.story("broken_lines")["rejects"]
    idle = tenant.story("idle_app")
    last = f"select max(occurred_at) from events where job_id = '{idle['job_ids'][0]}'"
    assert tenant.number(last) == idle["last_event_at"]
    state = f"select arg_max(state || last_state, observed_at) from job_snapshots where job_id = '{idle['job_ids'][0]}'"
    assert tenant.number(state) == idle["code"] + idle["last_state"]


def test_quarantines(tenant: Tenant) -> None:
    for name in ("quarantine_recovered", "quarantine_open"):
        facts = tenant.story(name)
        job = f"job_id = '{facts['job_ids'][0]}'"
        [row] = tenant.rows(f"from quarantines where {job} and opened_at = '{facts['began_at']}'::timestamp")
        assert row["reason"] == facts["reason"] and (row["closed_at"] is None) == (facts["ended_at"] is None)
        until = facts["ended_at"] or tenant.key["window"]["until"]
        within = f"between '{facts['began_at']}'::timestamp and '{until}'::timestamp"
        refused = f"select count(*) from exchanges where http_status = 401 and occurred_at {within}"
        assert tenant.number(refused) == facts["refused_exchanges"]
        before = f"select max(occurred_at) from events where {job} and occurred_at < '{facts['began_at']}'::timestamp"
        assert tenant.number(before) == facts["last_event_before_at"]


def test_a_second_reading_changes_nothing(tenant: Tenant) -> None:
    before = tenant.store.revision()
    assert {tally(file) for file in read(tenant.store, tenant.folder).values()} == {(0, 0, 0, 0)}
    assert tenant.store.revision() == before


@pytest.mark.parametrize("story", [told["story"] for told in CHECKS])
def test_a_check_finds_what_the_key_names_since_when_it_began_and_nothing_else(tenant: Tenant, story: str) -> None:
    if tenant.folder != SAMPLE_LOGS and story in SPARED:
        pytest.skip("asked of the sample only")
    [told] = [told for told in tenant.key["checks"] if told["story"] == story]
    checked = check(tenant.store, datetime.fromisoformat(told["at"]).replace(tzinfo=None), overrides={}, keep=False)
    expected = [{name: held for name, held in one.items() if name != "because"} for one in told["incidents"]]
    assert named(checked.opened, expected) == expected
    assert [run.rule for run in checked.runs if run.outcome == "failed"] == []


def named(found: list[Incident], expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gives incidents as the key names them; when one began is only compared where the key says it."""
    dated = {(one["rule"], one["app_name"]) for one in expected if "since" in one}
    return [
        {
            "rule": one.rule,
            "app_name": one.app_name,
            "about": json.loads(one.evidence).get(ABOUT.get(one.rule, "")),
            **({"since": spelled(one.opened_at)} if (one.rule, one.app_name) in dated else {}),
        }
        for one in sorted(found, key=lambda one: (one.rule, str(one.app_name)))
    ]


def test_every_finding_of_the_key_has_a_planted_reason_and_every_instant_shows_its_story() -> None:
    planted = {entry["story"] for entry in json.loads((SAMPLE_LOGS / "answers.json").read_text())["planted"]}
    assert len(CHECKS) >= 5
    for told in CHECKS:
        because = [set(one["because"]) for one in told["incidents"]]
        assert told["story"] in set().union(*because)
        assert all(one & planted for one in because) and set().union(*because) <= planted | {"everyday"}
