"""An incident is never closed, and no recovery sent, because data is missing: every rule, every need, every way.

One world in which every rule fires at noon, each on an app of its own; then data goes missing in one way, hours and
weeks go by, and it comes back. What an incident rests on stands here, not in the rules' headers.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.maintenance.pairing import pair
from pipeline.notify.enqueue import enqueue
from pipeline.notify.routes import Routes
from pipeline.rules.evaluate import Checked, check
from pipeline.rules.incidents import Incident, open_incidents
from pipeline.rules.rule import Rule, rules
from pipeline.store.lake import Cursor, Store
from tests.support.given import TENANT, Given, job_id, moment
from tests.support.posts import routes_in

NOON = moment(1, 12)
OTHER_TENANT = "22222222-2222-4222-8222-222222222222"
LEVELS: dict[str, dict[str, Any]] = {"quarantine_ahead": {"most": 3}, "token_due": {"lead": 10, "spare": 10}}
RESTS = {
    "cycle_late": {"jobs"},
    "disable_clock": {"jobs"},
    "error_spreads": {"events"},
    "escrow_drops": {"events"},
    "escrow_growth": {"events"},
    "failing_runs": {"jobs"},
    "failure_rate_unusual": {"events"},
    "group_shrank": {"events"},
    "group_shrank wire": {"exchanges"},
    "leaver_waiting": {"events"},
    "mass_leavers": {"events"},
    "mass_leavers limited": {"events", "jobs"},
    "collision two_sources": {"events"},
    "collision found_by_none": {"exchanges"},
    "quarantine_ahead": {"events"},
    "quarantined": {"jobs"},
    "required_missing": {"events"},
    "retention_cliff": {"events"},
    "silence paused": {"jobs"},
    "silence refused": {"jobs", "exchanges"},
    "success_rejected": {"events", "exchanges"},
    "success_without_call": {"events", "exchanges"},
    "target_slow": {"exchanges"},
    "token_refused": {"exchanges"},
    "write_without_event": {"exchanges"},
}
"What each incident rests on, by its app."
STANDING = {"collection_troubled", "rule_failed", "token_due"}
"Rules that rest on none of it."
EVERYTHING = ("events", "jobs", "exchanges")
ROUTED = {"critical", "warning"}
"What the route of the tests takes."
TABLES = {
    "events": [
        *("events", "event_spine", "problems", "skips", "scope_parts", "member_claims", "footings"),
        *("hourly_parts", "cycle_parts", "identity_parts", "account_writers"),
    ],
    "jobs": ["job_snapshots"],
    "exchanges": ["exchanges"],
}
LATER = [timedelta(hours=3), timedelta(hours=30), timedelta(days=9)]


@dataclass(frozen=True)
class Way:
    """One way in which data goes missing after noon."""

    sources: tuple[str, ...]
    beyond: str = "job"
    "Whose data stops: the jobs of the world alone, their tenant's, or everything."
    wiped: bool = False
    "Whether what was stored before is gone as well."


WAYS = {
    "old status": Way(("jobs",)),
    "no status": Way(("jobs",), wiped=True),
    "no events of the job": Way(("events",)),
    "no requests of the app": Way(("exchanges",)),
    "no requests at all": Way(("exchanges",), "everything", wiped=True),
    "no events of the tenant": Way(("events",), "tenant"),
    "nothing of the tenant": Way(EVERYTHING, "tenant"),
    "nothing at all": Way(EVERYTHING, "everything"),
    "an emptied store": Way(EVERYTHING, "everything", wiped=True),
}
MORE = set(WAYS) - {"old status", "no events of the job", "an emptied store"}
"Ways that differ from another in how much is missing."
SILENT = [way for way in WAYS.values() if way.sources == EVERYTHING and way.beyond == "everything"]
"Then nothing at all is read."


@pytest.fixture
def routes(settings: Settings, tmp_path: Path) -> Routes:
    return routes_in(settings, tmp_path)


def app_id(app: str) -> str:
    return f"app-{app.lower()}"


def status(given: Given, app: str, at: datetime, state: str = "Active", **more: Any) -> None:
    """A job's status at an instant; a run ended just before."""
    ran = {"interval_s": 2400, "last_ended_at": at, "last_began_at": at - timedelta(minutes=5)}
    row = given.observed(app, state, 0, 0, app_id=app_id(app), **(ran | more))
    given.rows["job_snapshots"][-1] |= {"observed_at": at, "snapshot_id": f"{app}-{at}"}
    assert row["job_id"] == job_id(app)


def call(given: Given, app: str, at: datetime, status: int = 200, method: str = "GET", **more: Any) -> None:
    """A request that the app logged."""
    given.exchanged(method, more.pop("path", "/Users"), status, at, app_id=app_id(app), **more)


def group_of(app: str) -> str:
    return app.replace(" ", "-")


def members(given: Given, app: str, at: datetime, old: int, new: int) -> None:
    """A group that had so many members and has so many."""
    lists = [", ".join(f"id-m{number}" for number in range(size)) for size in (old, new)]
    change = {"attribute": "members", "old_value": lists[0], "new_value": lists[1]}
    given.event(group_of(app), "success", at, app=app, source_type="Group", upn=None, changes=[change])


def world(given: Given) -> None:
    """Every rule fires at noon."""
    day, early = partial(moment, 1), moment(-10, 1)
    for app in RESTS:
        given.event("old", "success", early, app=app)
    for app in ("escrow_growth", "quarantine_ahead"):
        for number in range(4):
            given.failed(f"ada{number}", day=1, hour=1, app=app)
    given.failed("ada", day=-26, hour=1, app="escrow_drops")
    given.failed("gone", day=0, hour=1, action="disable", app="leaver_waiting")
    for app in ("mass_leavers", "mass_leavers limited"):
        for number in range(6):
            given.disabled(f"gone{number}", day=1, hour=1, minute=number, app=app)
    for number in range(3):
        given.failed(f"ada{number}", day=1, hour=1, error_code="LicenseLimitExceeded", app="error_spreads")
    for date, failing in ((-13, 0), (-6, 0), (1, 8)):
        for number in range(12):
            tell = given.failed if number < failing else given.succeeded
            tell(f"ada{number}", day=date, hour=10, minute=number, app="failure_rate_unusual")
    given.skipped("ada", "AttributeValidationFailed", day=1, hour=1, app="required_missing")
    for who in ("ada", "grace"):
        given.succeeded(who, day=1, hour=2, target_id="account", app="collision two_sources")
    members(given, "group_shrank", moment(0, 1), 0, 6)
    members(given, "group_shrank", day(1), 6, 1)
    members(given, "group_shrank wire", moment(0, 1), 0, 6)
    body = '{"Operations": [{"op": "remove", "path": "members"}]}'
    group = f"target-{group_of('group_shrank wire')}"
    patch = {"path": f"/Groups/{group}", "resource_type": "Group", "resource_id": group}
    call(given, "group_shrank wire", day(2), 204, "PATCH", request_body=body, **patch)
    asked = {"filter": 'userName eq "ada@example.com"', "response_body": '{"totalResults": 0}'}
    call(given, "collision found_by_none", day(9), **asked)
    call(given, "collision found_by_none", day(9) + timedelta(seconds=1), 409, "POST", request_body='"ada@example.com"')
    for app in ("token_refused", "silence refused"):
        for minute in (20, 40):
            call(given, app, day(9, minute), 401)
    for number in range(30):
        call(given, "target_slow", moment(-1, 10, number), duration_ms=100)
        call(given, "target_slow", day(10, number), duration_ms=2000)
    for minute in (0, 10):
        call(given, "success_without_call", day(9, minute), method="PATCH", resource_id="target-old")
        given.event("old", "success", day(9, minute), app="success_without_call")
    given.event("ada", "success", day(9, 5), app="success_without_call", last_step="EntryExportUpdate")
    given.event("old", "success", day(9), app="success_rejected")
    call(given, "success_rejected", day(9), 400, "PATCH", resource_id="target-old")
    call(given, "write_without_event", day(9), method="DELETE", resource_id="unheard", path="/Users/unheard")
    for hour in (8, 10):
        given.event("heard", "success", day(hour), app="write_without_event")
    contact = {"tenant": "contoso", "feed": "apps", "reached_at": day(1), "tried_at": day(2)}
    given.rows["contacts"].append(contact | {"outcome": "failed", "detail": "No.", "failures": 4})
    given.rejected("log", 1, "log:1: no JSON")
    given.rows["rejects"][-1]["rejected_at"] = day(3)
    given.rows["tokens"].append({"app_name": "token_due", "expires_at": moment(14), "recorded_at": moment()})
    run = {"rule": "retired", "ran_at": day(1), "outcome": "failed", "findings": 0, "duration_ms": 1}
    given.rows["rule_runs"].append(run)
    states: dict[str, dict[str, Any]] = {
        "quarantined": {"state": "Quarantine", "quarantine_since": day(1)},
        "disable_clock": {"state": "Quarantine", "quarantine_since": moment(-20)},
        "failing_runs": {"successive_failures": 3},
        "cycle_late": {"last_ended_at": day(8), "last_began_at": day(7)},
        "silence paused": {"state": "Paused"},
        "mass_leavers limited": {"deletion_threshold": 11},
    }
    for app in RESTS:
        status(given, app, day(11), **states.get(app, {}))
        vouch(given, app, moment(-1), NOON)
    logged(given, [app for app in RESTS if "exchanges" in RESTS[app]], moment(-1), NOON)


def vouch(given: Given, app: str, since: datetime, until: datetime, tenant: str = TENANT) -> None:
    """A reading of one job's events that is complete for a stretch of time."""
    given.vouched(since, until, app, tenant_id=tenant)


def logged(given: Given, apps: list[str], since: datetime, until: datetime, tenant: str | None = None) -> None:
    """A reading of SCIM logs for a stretch of time, whose requests the caller tells."""
    given.vouched(since, until, None, source="scim", tenant_id=tenant)
    assert apps


def goes_on(given: Given, apps: list[str], since: datetime, at: datetime, sources: set[str], tenant: str) -> None:
    """Apps of which nothing is the matter: what comes of some sources after an instant until another."""
    for app in apps:
        if "events" in sources:
            vouch(given, app, since, at, tenant)
        if "jobs" in sources:
            status(given, app, at - timedelta(minutes=30), successive_failures=0, tenant_id=tenant)
        if "exchanges" in sources:
            call(given, app, at - timedelta(minutes=10), duration_ms=100)
    if "exchanges" in sources and apps:
        logged(given, apps, since, at)


def rests_of(one: Incident) -> set[str]:
    """What an incident rests on."""
    own = one.app_name or one.rule
    return RESTS[own] if own.split()[0] == one.rule and own in RESTS else RESTS.get(one.rule, set())


def checked(store: Store, at: datetime, routes: Routes, chosen: list[Rule] | None = None, **levels: Any) -> Checked:
    return check(
        store,
        at,
        overrides=LEVELS | levels,
        chosen=chosen,
        along=partial(enqueue, routes=routes, settings=store.settings),
    )


def is_told(one: Incident) -> bool:
    """Whether messages tell of an incident: those of a symptom are its root cause's."""
    return one.severity in ROUTED and one.explained_by is None


def recoveries(store: Store) -> set[str]:
    """Incidents whose end a message tells."""
    return {str(one) for (one,) in store.rows("select incident_id from outbox where change in ('closed', 'passed')")}


@pytest.fixture
def opened(given: Given, routes: Routes) -> dict[str, Incident]:
    """What is open at noon: at least one incident of every rule."""
    world(given)
    goes_on(given, ["Zoom"], moment(-1), NOON, set(EVERYTHING), OTHER_TENANT)
    given.event("ada", "success", moment(1, 11), app="Zoom", tenant_id=OTHER_TENANT)
    pair(given.stored())
    found = {one.incident_id: one for one in checked(given.store, NOON, routes).opened}
    assert {one.rule for one in found.values()} == set(rules())
    named = {one.app_name for one in found.values() if (one.app_name or "").split()[:1] == [one.rule]}
    assert named >= set(RESTS) - {"retention_cliff"}
    return found


def loses(given: Given, way: Way) -> None:
    """What was stored before is gone."""
    job = "" if way.beyond == "everything" else f" where tenant_id = '{TENANT}'"

    def delete(cursor: Cursor) -> None:
        for source in way.sources:
            for table in TABLES[source]:
                cursor.execute(f"delete from {table}{job if table == 'job_snapshots' else ''}")
            cursor.execute("delete from coverage where record_kind(source) = ?", [source])

    given.store.write(delete)


def continues(given: Given, way: Way, since: datetime, at: datetime) -> None:
    """What still comes, until an instant."""
    rest = set(EVERYTHING) - set(way.sources)
    goes_on(given, list(RESTS), since, at, rest, TENANT)
    if way.beyond != "everything":
        goes_on(given, ["Zoom"], since, at, set(EVERYTHING), OTHER_TENANT if way.beyond == "tenant" else TENANT)
    if given.rows:
        given.stored()


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(way, marks=pytest.mark.deep) if way in MORE else way for way in WAYS])
def test_nothing_closes_for_want_of_data_and_what_is_over_closes_once_it_is_back(
    given: Given, routes: Routes, opened: dict[str, Incident], name: str
) -> None:
    way, since = WAYS[name], NOON
    wanted = {
        key: one
        for key, one in opened.items()
        if rests_of(one) & set(way.sources) or (one.rule in STANDING and one.subject != "rejects") or way in SILENT
    }
    if way.wiped:
        loses(given, way)
    for later in LATER:
        continues(given, way, since, since := NOON + later)
        checked(given.store, since, routes)
        lasting = {one.incident_id: one for one in open_incidents(given.store)}
        assert [(one.rule, one.subject) for key, one in wanted.items() if key not in lasting] == []
        assert recoveries(given.store).isdisjoint(wanted)
        for key, one in wanted.items():
            if later > timedelta(days=1) and one.rule not in (*STANDING, "retention_cliff"):
                state = lasting[key]
                assert state.missing and NOON < (state.unknown_since or NOON) <= since, (one.rule, one.subject, state)
    comes_back(given, since + timedelta(days=2))
    checked(given.store, since + timedelta(days=2), routes)
    left = {one.incident_id: one for one in open_incidents(given.store)}
    assert [(one.rule, one.subject, one.missing) for key, one in left.items() if key in opened] == []
    assert recoveries(given.store) >= {key for key, one in wanted.items() if is_told(one)}


def comes_back(given: Given, at: datetime) -> None:
    """All data is there again, and nothing is the matter any more."""
    for app in RESTS:
        for who in ("ada", "ada0", "ada1", "ada2", "ada3", "gone", *(f"ada{number}" for number in range(4, 12))):
            action = "disable" if who == "gone" else "update"
            given.event(who, "success", at - timedelta(hours=20), app=app, target_id=f"{app}-{who}", action=action)
        given.vouched(moment(-40), at, app)
        status(given, app, at - timedelta(hours=1), successive_failures=0)
        given.event("ada", "success", at - timedelta(minutes=20), app=app, target_id=f"{app}-ada")
        call(given, app, at - timedelta(minutes=10), duration_ms=100)
    given.vouched(moment(-40), at, None, source="scim", tenant_id=None)
    call(given, "success_rejected", at - timedelta(hours=20), method="PATCH", resource_id="target-old")
    for app in ("group_shrank", "group_shrank wire"):
        members(given, app, at - timedelta(hours=20), 0, 6)
    for number in range(30):
        call(given, "target_slow", at - timedelta(minutes=60 + number), duration_ms=100)
        call(given, "target_slow", at - timedelta(days=2, minutes=number), duration_ms=100)
    given.rows["tokens"].append({"app_name": "token_due", "expires_at": at + timedelta(days=300), "recorded_at": at})
    run = {"rule": "retired", "ran_at": at, "outcome": "ok", "findings": 0, "duration_ms": 1}
    given.rows["rule_runs"].append(run)
    given.store.write(lambda cursor: cursor.execute("update contacts set outcome = 'ok', failures = 0"))
    pair(given.stored())


def failing(rule: Rule) -> Rule:
    """A rule whose statement cannot be asked."""
    return replace(rule, query=replace(rule.query, sql="select * from what_is_not_there where $at is null"))


@pytest.mark.parametrize(
    "name", ["failed", *(pytest.param(name, marks=pytest.mark.deep) for name in ("not asked", "silenced"))]
)
def test_a_rule_that_fails_or_is_not_asked_closes_nothing(
    given: Given, routes: Routes, opened: dict[str, Incident], name: str
) -> None:
    at = NOON + timedelta(days=2)
    comes_back(given, at)
    chosen = {"failed": [failing(rule) for rule in rules().values()], "not asked": []}.get(name)
    silent = {rule: {"silent": True} for rule in rules()} if name == "silenced" else {}
    assert checked(given.store, at, routes, chosen, **silent).closed == []
    state = open_incidents(given.store)
    assert {one.incident_id for one in state} >= set(opened)
    assert all(one.missing and one.unknown_since == at for one in state)
    assert recoveries(given.store) == set()
    later = at + timedelta(minutes=5)
    checked(given.store, later, routes)
    assert [one.rule for one in open_incidents(given.store) if one.incident_id in opened] == []
    assert recoveries(given.store) == {key for key, one in opened.items() if is_told(one)}
