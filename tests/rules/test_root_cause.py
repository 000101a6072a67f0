"""One dead token is one critical incident: its symptoms stand under it, whichever was noticed first."""

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations
from pathlib import Path

import pytest

from pipeline.config.clock import wall_clock
from pipeline.config.errors import RulesError
from pipeline.config.settings import Settings
from pipeline.monitoring.metrics import metrics
from pipeline.monitoring.status import status
from pipeline.notify.digest import body_of, digest
from pipeline.notify.enqueue import enqueue, enqueue_unsnoozed
from pipeline.notify.outbox import Row, claim, record_sent, waiting
from pipeline.notify.routes import Routes
from pipeline.rules.evaluate import Checked, check
from pipeline.rules.incidents import Incident, acknowledge, open_incidents, snooze
from pipeline.rules.root_cause import groups, with_roots
from pipeline.rules.rule import Rule, check_explanations, find_rule, read_explanation, rules
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.rules.verdict_text import plain_sentence
from pipeline.store.lake import Cursor, Store
from tests.support.given import Given, job_id, moment
from tests.support.posts import routes_in

NOON = moment(1, 12)
SYMPTOMS = {"quarantined", "silence", "failing_runs", "leaver_waiting"}
FINDINGS = """
    select a.as_of, p.subject, p.since, p.rule || ' of ' || p.subject as summary, p.app_name, p.job_id,
        p.severity, null::varchar as reason, 'credentials' as cause, true as refused, p.unknown
    from (select unnest($at::timestamp[]) as as_of) a
    join planted p on p.rule = '{rule}' and p.since <= a.as_of"""


@pytest.fixture
def routes(settings: Settings, tmp_path: Path) -> Routes:
    return routes_in(settings, tmp_path)


def checked(store: Store, at: datetime, routes: Routes, chosen: Iterable[Rule] | None = None) -> Checked:
    along = partial(enqueue, routes=routes, settings=store.settings)
    return check(store, at, overrides={}, chosen=chosen, along=along)


def deliver(store: Store) -> list[Row]:
    """What goes out now."""
    at = wall_clock(store.settings)
    sent = claim(store, [one.message_id for one in waiting(store)], "x", "here 1", at)
    record_sent(store, sent, at)
    return sent


def state(given: Given, app: str, at: datetime, state: str, **more: object) -> None:
    ran = {"interval_s": 2400, "last_ended_at": at, "app_id": f"app-{app.lower()}", "observed_at": at}
    given.observed(app, state, 0, 0, **(ran | {"snapshot_id": f"{app}-{at}"} | more))


def dead_token(given: Given, app: str = "Cerby") -> None:
    """The app refuses the token since 9: the job is in quarantine, silent, and a leaver's disable failed before."""
    given.event("old", "success", moment(-10, 1), app=app)
    given.failed("gone", day=0, hour=1, action="disable", app=app)
    given.event("old", "success", moment(1, 8), app=app)
    for minute in (0, 20, 40):
        given.exchanged("GET", "/Users", 401, moment(1, 9, minute), app_id=f"app-{app.lower()}")
    given.vouched(moment(-1), NOON, app)
    state(
        given, app, moment(1, 11, 30), "Quarantine", successive_failures=3, last_ended_at=moment(1, 8),
        quarantine_reason="EncounteredQuarantineException", quarantine_since=moment(1, 9, 20),
    )  # fmt: skip


def all_well(given: Given, at: datetime, app: str = "Cerby") -> None:
    given.disabled("gone", day=1, hour=13, app=app)
    given.event("old", "success", at - timedelta(minutes=20), app=app)
    given.vouched(NOON, at, app)
    given.exchanged("GET", "/Users", 200, at - timedelta(minutes=10), app_id=f"app-{app.lower()}")
    state(given, app, at - timedelta(minutes=30), "Active", successive_failures=0)


def by_rule(store: Store) -> dict[str, Incident]:
    return {one.rule: one for one in open_incidents(store)}


def logs(given: Given, until: datetime) -> None:
    given.vouched(moment(-1), until, None, source="scim", tenant_id=None)


def test_a_dead_token_is_one_incident_one_message_one_acknowledgement_and_one_recovery(
    given: Given, routes: Routes
) -> None:
    dead_token(given)
    logs(given, NOON)
    checked(store := given.stored(), NOON, routes)
    found = by_rule(store)
    assert set(found) == SYMPTOMS | {"token_refused"}
    root = found["token_refused"]
    assert {one.explained_by for one in found.values() if one is not root} == {root.incident_id}
    assert root.explained_by is None
    [row] = given.answer("open_incidents")
    assert (row["rule"], row["severity"], row["leavers"]) == ("token_refused", "critical", 1)
    [message] = deliver(store)
    assert message.title.startswith("Critical: Cerby has been rejecting the access token since")
    for rule in SYMPTOMS:
        assert found[rule].summary in message.body
    assert "1 leaver" in message.body
    acknowledge(store, root.incident_id, "Ada")
    checked(store, NOON + timedelta(minutes=5), routes)
    assert [one.title for one in deliver(store)] == []
    all_well(given, moment(1, 18))
    logs(given, moment(1, 18))
    checked(given.stored(), moment(1, 18), routes)
    assert by_rule(store) == {}
    [message] = deliver(store)
    assert message.title.startswith("Resolved: Cerby has been rejecting the access token since")
    assert "Resolved with it" in message.body and found["silence"].summary in message.body


def test_two_jobs_with_the_same_symptoms_do_not_mix(given: Given, routes: Routes) -> None:
    for app in ("Cerby", "Zoom"):
        dead_token(given, app)
    logs(given, NOON)
    checked(store := given.stored(), NOON, routes)
    every = groups(open_incidents(store))
    assert sorted((str(one.root.app_name), one.root.rule, len(one.symptoms)) for one in every.values()) == [
        ("Cerby", "token_refused", len(SYMPTOMS)),
        ("Zoom", "token_refused", len(SYMPTOMS)),
    ]
    assert all(len(one.apps) == 1 for one in every.values())
    assert len(deliver(store)) == 2


def test_the_root_cause_of_what_was_announced_is_announced_once_and_ends_it(given: Given, routes: Routes) -> None:
    dead_token(given)
    logs(given, NOON)
    store = given.stored()
    first = [find_rule(name) for name in SYMPTOMS - {"silence"}]
    checked(store, moment(1, 11, 50), routes, first)
    [message] = deliver(store)
    assert message.title == "Critical: Cerby is in quarantine: sign-in to the app failed, or its answers are not SCIM"
    checked(store, NOON, routes)
    [message] = deliver(store)
    assert message.title.startswith("Critical: Cerby has been rejecting the access token")
    assert len(groups(open_incidents(store))) == 1
    all_well(given, moment(1, 18))
    logs(given, moment(1, 18))
    checked(given.stored(), moment(1, 18), routes)
    assert [one.change for one in deliver(store)] == ["closed"]


def test_what_waits_to_be_sent_gives_way_to_the_message_of_the_root_cause(given: Given, routes: Routes) -> None:
    dead_token(given)
    logs(given, NOON)
    store = given.stored()
    checked(store, moment(1, 11, 50), routes, [find_rule("quarantined")])
    checked(store, NOON, routes)
    assert [one.incident_id for one in waiting(store)] == [by_rule(store)["token_refused"].incident_id]


def plant(store: Store, findings: Iterable[tuple[str, str]], at: datetime, **unknown: str) -> None:
    """Lets rules find just these, each a rule and an app; of some it is unknown."""
    rows = [
        (rule, job_id(app), at, app, job_id(app), find_rule(rule).severity, unknown.get(rule)) for rule, app in findings
    ]

    def write(cursor: Cursor) -> None:
        cursor.execute("create table if not exists planted as select '' as rule, '' as subject, "
                       "timestamp '2026-01-01' as since, '' as app_name, '' as job_id, '' as severity, "
                       "''::varchar as unknown limit 0")  # fmt: skip
        cursor.execute("delete from planted")
        for row in rows:
            cursor.execute("insert into planted values (?, ?, ?, ?, ?, ?, ?)", row)

    store.write(write)


def planted_rules(names: Iterable[str]) -> list[Rule]:
    """Rules under their names, with their place among causes, that find what was planted."""
    made = []
    for name in names:
        rule = find_rule(name)
        at = tuple(one for one in rule.query.parameters if one.name == "at")
        query = replace(rule.query, sql=FINDINGS.format(rule=name), parameters=at)
        made.append(replace(rule, query=query, needs=(), closing={}))
    return made


GRAPH = planted_rules([*(name for name, rule in rules().items() if rule.explained_by), "token_refused", "target_slow"])


def test_what_outlives_its_cause_stands_alone_and_is_announced_then(given: Given, routes: Routes) -> None:
    store = given.store
    both = [("token_refused", "Cerby"), ("quarantined", "Cerby"), ("failing_runs", "Cerby")]
    plant(store, both, NOON)
    checked(store, NOON, routes, GRAPH)
    assert len(deliver(store)) == 1
    plant(store, both[1:], NOON)
    checked(store, NOON + timedelta(hours=1), routes, GRAPH)
    found = by_rule(store)
    assert found["quarantined"].explained_by is None
    assert found["failing_runs"].explained_by == found["quarantined"].incident_id
    over, begun = sorted(deliver(store), key=lambda one: one.change)
    assert (over.change, begun.change) == ("closed", "opened")
    assert begun.incident_id == found["quarantined"].incident_id
    assert found["failing_runs"].summary in begun.body
    plant(store, [], NOON)
    checked(store, NOON + timedelta(hours=2), routes, GRAPH)
    assert [(one.incident_id, one.change) for one in deliver(store)] == [(begun.incident_id, "closed")]


def test_a_symptom_that_cannot_be_judged_outlives_its_cause_and_its_message_says_so(
    given: Given, routes: Routes
) -> None:
    store, both = given.store, [("token_refused", "Cerby"), ("quarantined", "Cerby")]
    plant(store, both, NOON)
    checked(store, NOON, routes, GRAPH)
    deliver(store)
    plant(store, both[1:], NOON, quarantined="No status came")
    checked(store, NOON + timedelta(hours=1), routes, GRAPH)
    one = by_rule(store)["quarantined"]
    assert (one.explained_by, one.missing) == (None, "No status came")
    [begun] = [row for row in deliver(store) if row.change == "opened"]
    assert "No status came" in begun.body and "Unknown since" in begun.body


def test_a_root_cause_that_cannot_be_judged_keeps_its_symptoms(given: Given, routes: Routes) -> None:
    store, both = given.store, [("token_refused", "Cerby"), ("quarantined", "Cerby")]
    plant(store, both, NOON)
    checked(store, NOON, routes, GRAPH)
    assert len(deliver(store)) == 1
    plant(store, both, NOON, token_refused="No log came")
    checked(store, NOON + timedelta(hours=1), routes, GRAPH)
    found = by_rule(store)
    assert found["quarantined"].explained_by == found["token_refused"].incident_id
    assert deliver(store) == []


def test_a_symptom_graver_than_its_cause_makes_the_incident_graver(given: Given, routes: Routes) -> None:
    store, wave = given.store, replace(find_rule("mass_leavers"), severity="warning")
    deletes = FINDINGS.format(rule="quarantined").replace("null::varchar as reason", "'TooManyDeletes' as reason")
    [quarantined, leavers] = planted_rules(["quarantined", wave.name])
    chosen = [replace(quarantined, query=replace(quarantined.query, sql=deletes)), leavers]
    plant(store, [(wave.name, "Cerby")], NOON)
    checked(store, NOON, routes, chosen)
    [begun] = deliver(store)
    plant(store, [(wave.name, "Cerby"), ("quarantined", "Cerby")], NOON)
    checked(store, NOON + timedelta(hours=1), routes, chosen)
    [worse] = deliver(store)
    assert (begun.severity, worse.severity, worse.change) == ("warning", "critical", "escalated")
    assert worse.incident_id == begun.incident_id
    assert "quarantined of" in worse.body
    assert [row["severity"] for row in given.answer("open_incidents")] == ["critical"]


def test_what_is_snoozed_hides_its_symptoms_until_the_snooze_ends(given: Given, routes: Routes) -> None:
    store = given.store
    plant(store, [("token_refused", "Cerby")], NOON)
    checked(store, NOON, routes, GRAPH)
    deliver(store)
    root = by_rule(store)["token_refused"].incident_id
    snooze(store, root, wall_clock(store.settings) + timedelta(hours=1))
    plant(store, [("token_refused", "Cerby"), ("silence", "Cerby")], NOON)
    checked(store, NOON + timedelta(hours=1), routes, GRAPH)
    assert deliver(store) == []
    snooze(store, root, wall_clock(store.settings) - timedelta(seconds=1))
    enqueue_unsnoozed(store, routes, None)
    assert deliver(store) == []


def test_a_cause_of_no_app_explains_the_apps_it_is_of_and_reaches_their_routes(
    given: Given, settings: Settings, tmp_path: Path
) -> None:
    routes = routes_in(settings, tmp_path, '[route.a]\nemail = "it@example.com"\napps = ["Cerby"]')
    contact = {"tenant": "contoso", "feed": "events", "reached_at": moment(1), "tried_at": moment(1, 2)}
    given.rows["contacts"].append(contact | {"outcome": "failed", "detail": "No.", "failures": 4})
    given.event("old", "success", moment(1), app="Cerby")
    state(given, "Cerby", moment(1, 11), "Active")
    given.rejected("log", 1, "log:1: no JSON")
    given.rows["rejects"][-1]["rejected_at"] = moment(1, 3)
    checked(store := given.stored(), NOON, routes, [find_rule("collection_troubled"), find_rule("silence")])
    found = {one.subject: one for one in open_incidents(store)}
    assert found[job_id("Cerby")].explained_by == found["contoso/events"].incident_id
    assert (found["contoso/events"].explained_by, found["rejects"].explained_by) == (None, None)
    [message] = deliver(store)
    assert (message.severity, message.incident_id) == ("critical", found["contoso/events"].incident_id)


def incident_of(rule: str, job: str | None, app: str | None, evidence: str = "{}") -> Incident:
    return Incident(
        f"{rule} {job} {app}", rule, "critical", job or app or "", app, NOON, NOON, None, rule, evidence, job_id=job
    )


def test_the_order_in_which_incidents_come_does_not_matter() -> None:
    every = [
        incident_of("cycle_late", "a", "Cerby"),
        incident_of("silence", "a", "Cerby", '{"cause": "dead"}'),
        incident_of("quarantined", "a", "Cerby", '{"reason": null}'),
        incident_of("token_refused", "a", "Cerby"),
        incident_of("token_due", None, "Cerby"),
        incident_of("token_refused", None, None),
    ]
    answers = {
        frozenset((one.incident_id, one.explained_by) for one in with_roots(order)) for order in permutations(every)
    }
    assert answers == {
        frozenset({(one.incident_id, "token_refused a Cerby") for one in every[:3] + every[4:5]})
        | {(every[3].incident_id, None), (every[5].incident_id, None)}
    }


@pytest.mark.parametrize(
    ("rule", "evidence"),
    [
        ("silence", '{"cause": "collector_broken"}'),
        ("silence", '{"cause": "paused"}'),
        ("quarantined", '{"reason": "TooManyDeletes"}'),
        ("error_spreads", '{"refused": false}'),
        ("required_missing", "{}"),
        ("disable_clock", "{}"),
    ],
)
def test_what_has_another_cause_is_no_symptom_of_a_refused_token(rule: str, evidence: str) -> None:
    every = [incident_of("token_refused", "a", "Cerby"), incident_of(rule, "a", "Cerby", evidence)]
    assert [one.explained_by for one in with_roots(every)] == [None, None]


def test_an_incident_of_a_rule_that_is_gone_stands_alone() -> None:
    [one] = with_roots([incident_of("retired", "a", "Cerby")])
    assert one.explained_by is None


def test_rules_that_explain_each_other_and_names_of_no_rule_are_refused() -> None:
    file = Path("queries/health/silence.sql")
    silence, late = find_rule("silence"), find_rule("cycle_late")
    turned = replace(silence, explained_by=(read_explanation(file, "cycle_late"),))
    with pytest.raises(RulesError, match="explain each other"):
        check_explanations(rules() | {"silence": turned, "cycle_late": late})
    with pytest.raises(RulesError, match="names tokens_refused, which is no rule"):
        check_explanations({"silence": replace(silence, explained_by=(read_explanation(file, "tokens_refused"),))})
    with pytest.raises(RulesError, match="under Explained by"):
        read_explanation(file, "token_refused where cause")


def test_every_condition_names_columns_of_the_rules_it_is_of() -> None:
    for rule in rules().values():
        for one in rule.explained_by:
            for condition, columns in ((one.of_cause, find_rule(one.rule)), (one.of_symptom, rule)):
                assert condition is None or condition[0] in columns.query.columns, (rule.name, one)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(1, 6))])
def test_one_message_a_root_cause_and_none_for_symptoms_whatever_opens_and_closes(
    given: Given, routes: Routes, seed: int
) -> None:
    draw, store = random.Random(seed), given.store
    possible = [(rule.name, app) for rule in GRAPH for app in ("Cerby", "Zoom")]
    announced: set[str] = set()
    for step in range(8):
        at = NOON + timedelta(hours=step)
        before = {one.incident_id: one for one in open_incidents(store)}
        plant(store, draw.sample(possible, draw.randrange(len(possible))) if step < 7 else [], NOON)
        checked(store, at, routes, GRAPH)
        now = {one.incident_id: one for one in open_incidents(store)}
        for one in now.values():
            assert one.explained_by is None or now[one.explained_by].explained_by is None
            assert one.explained_by is None or now[one.explained_by].job_id == one.job_id
        roots = {key for key, one in now.items() if one.explained_by is None and one.severity != "info"}
        sent = deliver(store)
        opened = [str(row.incident_id) for row in sent if row.change == "opened"]
        assert sorted(opened) == sorted(roots - announced), "each root cause once, symptoms never"
        announced |= set(opened)
        over = {row.incident_id for row in sent if row.change in ("closed", "passed")}
        gone = {key for key, one in before.items() if key not in now and one.explained_by is None}
        assert over >= gone & announced, "the end of each root cause"
        assert over <= announced, "no end of what never began"
        assert over.isdisjoint(now), "no end of what lasts"
        assert len([row for row in sent if row.change in ("closed", "passed")]) == len(over)


@pytest.fixture
def dead(given: Given, routes: Routes) -> Store:
    """A store with a dead token, checked at noon."""
    dead_token(given)
    given.observed("Zoom", "Active", 1, 11, interval_s=2400)
    logs(given, NOON)
    checked(given.stored(), NOON, routes)
    return given.store


def test_a_root_cause_is_one_row_wherever_incidents_are_listed(given: Given, dead: Store) -> None:
    cerby = [row for row in given.answer("open_incidents") if row["app_name"] == "Cerby"]
    assert [row["rule"] for row in cerby] == ["token_refused"]
    assert {one["rule"] for one in json.loads(cerby[0]["symptoms"])} == SYMPTOMS
    [past] = [row for row in given.answer("incidents") if row["app_name"] == "Cerby"]
    assert (past["rule"], past["symptoms"], len(past["explains"]), past["apps"]) == ("token_refused", 4, 4, ["Cerby"])
    listed = [one for one in status(dead, datetime.now(UTC))["open_incidents"] if one["app_name"] == "Cerby"]
    assert [(one["rule"], len(one["explains"])) for one in listed] == [("token_refused", 4)]
    lines = metrics(dead).splitlines()
    for rule in SYMPTOMS:
        assert f'provisioning_incidents_open{{rule="{rule}",severity="critical"}} 0' in lines
        assert f'provisioning_symptoms_open{{rule="{rule}",severity="critical"}} 1' in lines
    assert 'provisioning_incidents_open{rule="token_refused",severity="critical"} 1' in lines
    day = digest(dead, NOON - timedelta(days=1), NOON + timedelta(hours=1), ["Cerby"])
    assert [one["rule"] for one in day.open] == ["token_refused"]
    assert "related: Cerby is in quarantine" in body_of(day, "")


def test_the_verdict_names_the_root_cause_first(dead: Store) -> None:
    facts = read_facts(dead, NOON)
    [first, *others] = verdict(facts.of([job_id("Cerby")])).causes
    assert (first.rule, first.severity) == ("token_refused", "critical")
    assert {one.kind for one in others} >= {"quarantined", "leavers"}
    told = plain_sentence(verdict(facts))
    assert "Cerby is in quarantine: it has been rejecting the access token since" in told.split(";")[0]
    assert "Next step for Cerby: request a new token from Cerby support" in told
    assert "(4 symptoms)" in told


def test_a_job_whose_incident_is_explained_by_one_of_no_app_still_needs_attention(given: Given, routes: Routes) -> None:
    contact = {"tenant": "contoso", "feed": "jobs", "reached_at": moment(1), "tried_at": moment(1, 2)}
    given.rows["contacts"].append(contact | {"outcome": "failed", "detail": "No.", "failures": 4})
    given.event("old", "success", moment(1), app="Cerby")
    checked(store := given.stored(), NOON, routes)
    assert by_rule(store)["silence"].explained_by == by_rule(store)["collection_troubled"].incident_id
    assert verdict(read_facts(store, NOON).of([job_id("Cerby")], shared=False)).state == "action_needed"


def test_what_was_open_before_the_first_check_that_knows_of_causes_is_sorted_without_a_message(
    given: Given, routes: Routes
) -> None:
    store = given.store
    plant(store, [("token_refused", "Cerby"), ("silence", "Cerby"), ("required_missing", "Cerby")], NOON)
    checked(store, NOON, routes, GRAPH)
    deliver(store)
    store.write(lambda cursor: cursor.execute("update incidents set explained_by = null"))
    checked(store, NOON + timedelta(minutes=5), routes, GRAPH)
    found = by_rule(store)
    assert found["silence"].explained_by == found["token_refused"].incident_id
    assert deliver(store) == []
