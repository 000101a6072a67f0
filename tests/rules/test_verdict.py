"""The verdict: over the whole table of combinations, and over pairs of apps drawn at random.

What is right is stated here anew, in the words of the four states, without the code under test.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

import pytest

from pipeline.rules.rule import rules
from pipeline.rules.verdict import KINDS, Cause, Facts, IncidentFacts, JobFacts, RuleFacts, unknown_of, verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.rules.verdict_text import PLAIN, REMEDIES, STEPS, Style, head, missing_sentences, plain_sentence, sentence
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Store
from pipeline.store.present import as_of, up_to_present
from tests.support.given import Given, moment

AT = datetime(2026, 3, 2, 12)
HOUR = timedelta(hours=1)
JOBS = (
    "on_time", "running", "initial", "restarted", "late", "stalled", "dead", "quarantined", "paused", "disabled",
    "never_run", "unknown", "unobserved", "inferred",
)  # fmt: skip
INCIDENTS = ("none", "info", "warning", "critical", "snoozed", "of no app")
COVERAGE = ("covered", "gap", "none", "errors")
AGES = ("current", "old status", "old")
RULES = ("ok", "skipped", "never", "old", "failed", "unanswered", "new")
LEAVERS = ("none", "open", "staged", "in use")
ACTS = {"late", "stalled", "dead", "quarantined", "paused", "disabled", "inferred"}
ABOUT = ("all", "cycles", "quarantine", "leavers", "incidents")


@dataclass(frozen=True)
class Case:
    """One combination."""

    job: str = "on_time"
    incident: str = "none"
    coverage: str = "covered"
    age: str = "current"
    rules: str = "ok"
    failing: int = 0
    leaver: str = "none"
    most_fail: bool = False


def right(case: Case) -> str:
    """States which of the four holds."""
    if (
        case.job in ACTS
        or case.incident in ("warning", "critical", "snoozed", "of no app")
        or case.failing
        or case.leaver != "none"
        or case.most_fail
    ):
        return "action_needed"
    if case.job in ("initial", "restarted") and case.age != "old":
        return "running"
    evidence = (
        case.job in ("on_time", "running")
        and case.coverage == "covered"
        and case.age == "current"
        and case.rules in ("ok", "skipped")
    )
    return "ok" if evidence else "unknown"


def job_of(case: Case, name: str = "Zoom") -> JobFacts:
    """Builds a job's facts."""
    states = {"initial": "running", "restarted": "running", "unobserved": "unknown", "inferred": "unknown"}
    seen = None if case.job in ("unobserved", "inferred") else AT - (9 * HOUR if case.age == "old status" else HOUR)
    return JobFacts(
        job_id=f"job-{name}",
        app_name=name,
        state=states.get(case.job, case.job),
        since=AT - 2 * HOUR,
        kind={"running": "incremental"}.get(case.job, case.job),
        observed_at=seen,
        covered_until=None if case.coverage == "none" else AT,
        unknown_hours={"gap": 3, "none": 24}.get(case.coverage, 0),
        gap_at=AT - 9 * HOUR if case.coverage in ("gap", "none") else None,
        gap_until=AT - 6 * HOUR if case.coverage in ("gap", "none") else None,
        escrowed=9 if case.coverage == "errors" else 0,
        succeeded=3,
        failed=9 if case.most_fail else 1,
        failing=case.failing,
        leavers=int(case.leaver == "open"),
        staged=int(case.leaver == "staged"),
        in_use=int(case.leaver == "in use"),
        inferred_since=AT - 9 * HOUR if case.job == "inferred" else None,
    )


def incident_of(case: Case, name: str = "Zoom") -> tuple[IncidentFacts, ...]:
    """Builds a case's open incident."""
    if case.incident == "none":
        return ()
    severity = case.incident if case.incident in ("info", "warning") else "critical"
    shared = case.incident == "of no app"
    app, job = (None, None) if shared else (name, f"job-{name}")
    summary = f"{name} answers slowly"
    return (IncidentFacts("target_slow", severity, summary, app, job, AT - HOUR, case.incident == "snoozed"),)


def rules_of(case: Case) -> RuleFacts:
    """Builds which rules were evaluated."""
    done = RuleFacts(checked_at=AT - timedelta(minutes=5))
    return {
        "ok": done,
        "skipped": replace(done, skipped=("target_slow",)),
        "never": RuleFacts(),
        "old": replace(done, checked_at=AT - 3 * HOUR),
        "failed": replace(done, failed=("quarantined",)),
        "unanswered": replace(done, unanswered=("silence",)),
        "new": replace(done, never=("collision",)),
    }[case.rules]


def facts_of(case: Case) -> Facts:
    """Builds the facts of a fleet of one app."""
    now = AT + (timedelta(days=300) if case.age == "old" else HOUR / 2)
    return Facts(AT, AT, now, (job_of(case),), incident_of(case), rules_of(case))


def every_case() -> list[Case]:
    """Lists the whole table."""
    parts = product(JOBS, INCIDENTS, COVERAGE, AGES, RULES, (0, 2), LEAVERS, (False, True))
    return [Case(*each) for each in parts]


def test_verdict_over_the_whole_table_of_combinations() -> None:
    cases = every_case()
    assert len(cases) == 112_896
    wrong = [(case, right(case), got) for case in cases if (got := verdict(facts_of(case)).state) != right(case)]
    assert wrong == []
    assert {right(case) for case in cases} == {"action_needed", "running", "ok", "unknown"}


@pytest.mark.parametrize("job", ["initial", "restarted"])
def test_verdict_claims_no_running_cycle_once_the_data_ended_an_interval_ago(job: str) -> None:
    facts = facts_of(Case(job=job))
    spans = [timedelta(minutes=minutes) for minutes in (1, 40, 41, 60, 23 * 60, 25 * 60)]
    found = [verdict(replace(facts, now=AT + span)) for span in spans]
    assert [one.state for one in found] == ["running"] * 2 + ["unknown"] * 4
    assert [bool(one.running) for one in found] == [True] * 2 + [False] * 4
    assert "whether the initial cycle of Zoom (last status 2 Mar, 11:00 UTC) is still running" in sentence(found[3])
    assert verdict(replace(facts, now=AT + HOUR), "leavers").state == "ok"


def test_verdict_is_green_only_where_it_is_ok_and_names_what_is_missing() -> None:
    for case in Random(14).sample(every_case(), 4000):
        facts = facts_of(case)
        for about in ABOUT:
            result = verdict(facts, about)
            assert (result.tone == "good") == (result.state == "ok")
            assert (result.tone in ("bad", "warn")) == (result.state == "action_needed") == bool(result.causes)
            text = plain_sentence(result)
            assert result.state != "unknown" or ("nknown" in text and result.missing)
            assert result.state != "ok" or not result.missing
            assert len(missing_sentences(result, PLAIN)) > 0 or not result.missing


@pytest.mark.parametrize("about", ABOUT)
def test_verdict_on_a_subject_claims_nothing_that_is_missing(about: str) -> None:
    for case in Random(7).sample(every_case(), 6000):
        state = verdict(facts_of(case), about).state  # type: ignore[arg-type]
        if state != "ok":
            continue
        assert case.age == "current"
        assert case.job not in ("never_run", "unknown", "unobserved")
        if about == "leavers":
            assert case.leaver == "none" and case.coverage == "covered"
            assert case.job not in ("quarantined", "paused", "disabled", "dead", "stalled", "inferred")
        if about == "cycles":
            assert case.job in ("on_time", "running")
        if about in ("quarantine", "incidents"):
            assert case.rules in ("ok", "skipped")
        if about == "quarantine":
            assert case.job not in ("quarantined", "disabled", "inferred")
        if about == "incidents":
            assert case.coverage == "covered" and case.incident in ("none", "info")


def test_verdict_on_two_apps_is_ok_only_where_both_are() -> None:
    draw, cases = Random(2026), every_case()
    for one, other in ((draw.choice(cases), draw.choice(cases)) for _ in range(3000)):
        other = replace(other, rules=one.rules, age=one.age if "old" in (one.age, other.age) else other.age)
        now = AT + (timedelta(days=300) if one.age == "old" else HOUR / 2)
        jobs = (job_of(one), job_of(other, "Docs"))
        facts = Facts(AT, AT, now, jobs, incident_of(one) + incident_of(other, "Docs"), rules_of(one))
        both = {right(one), right(other)}
        expected = next(state for state in ("action_needed", "running", "unknown", "ok") if state in both)
        assert verdict(facts).state == expected
        alone = verdict(facts.of(["job-Docs"])).state
        # What a rule lacked may have been of the other app.
        assert alone == right(other) or {one.rules, alone} == {"unanswered", "ok"} or "of no app" in one.incident


def test_verdict_without_any_data_or_any_job_is_unknown() -> None:
    nothing = Facts(AT, None, AT)
    requests = Facts(AT, AT, AT + HOUR, rules=rules_of(Case()))
    for about in ABOUT:
        assert verdict(nothing, about).state == verdict(requests, about).state == "unknown"  # type: ignore[arg-type]
    assert "no provisioning logs and no job status are loaded" in sentence(verdict(requests))


def test_verdict_names_the_cause_since_when_and_the_next_step() -> None:
    result = verdict(facts_of(Case(job="quarantined", incident="critical", failing=2)))
    assert sentence(result) == (
        "Zoom is in quarantine (no reason given) since 2 Mar, 10:00 UTC; 2 users and groups are failing; "
        "1 more incident. Next step for Zoom: follow the recovery checklist on the app's page."
    )


@pytest.mark.parametrize(
    ("summary", "written"),
    [
        (
            "Zoom has been rejecting the access token since 2 Mar, 10:00 UTC",
            "**Zoom** is in quarantine: it has been rejecting the access token since 2 Mar, 10:00 UTC (1 symptom); "
            "2 users and 1 group are failing",
        ),
        (
            "Zoom: consecutive cycles failed (a token)",
            "**Zoom** is in quarantine: consecutive cycles failed (a token) since 2 Mar, 10:00 UTC (1 symptom); "
            "2 users and 1 group are failing",
        ),
        (
            "Zoom is in quarantine: a token",
            "**Zoom** is in quarantine: a token since 2 Mar, 10:00 UTC (1 symptom); 2 users and 1 group are failing",
        ),
        (
            "Zoomer: something else",
            "Zoomer: something else since 2 Mar, 10:00 UTC (1 symptom); 2 users and 1 group are failing",
        ),
    ],
)
def test_verdict_names_an_app_once_with_its_quarantine_and_its_cause(summary: str, written: str) -> None:
    incident = Cause("incident", "critical", "Zoom", "job-Zoom", AT - 2 * HOUR, summary=summary, symptoms=("silence",))
    quarantined = replace(incident, kind="quarantined", summary="no reason given", symptoms=())
    failing = replace(quarantined, kind="failing", count=3, groups=1)
    assert head([incident, quarantined, failing], Style(name=lambda name: f"**{name}**")) == written


def test_verdict_that_is_unknown_says_how_to_get_what_is_missing() -> None:
    text = sentence(verdict(facts_of(Case(job="unobserved", rules="never"))))
    assert text.startswith("Status unknown: no job status of Zoom; the alert rules were never evaluated.")
    assert "`python -m pipeline poll`" in text and "`python -m pipeline check`" in text
    assert "`" not in plain_sentence(verdict(facts_of(Case(job="unobserved", rules="never"))))


def test_verdict_on_leavers_of_an_app_in_quarantine_is_unknown_with_since_when() -> None:
    facts = facts_of(Case(job="quarantined"))
    assert verdict(facts, "leavers").state == "unknown"
    gap = unknown_of(facts.jobs[0], facts)
    assert gap is not None and (gap.kind, gap.since) == ("not_removing", AT - 2 * HOUR)


def test_verdict_on_a_cycle_that_should_have_ended_is_unknown_and_never_running() -> None:
    facts = facts_of(Case(job="restarted"))
    assert verdict(facts).state == "running"
    over = replace(facts, jobs=tuple(replace(job, may_be_over=True) for job in facts.jobs))
    assert verdict(over).state == "unknown" and verdict(over).running == ()
    assert [one.kind for one in verdict(over).missing] == ["running_before"]


def test_next_step_of_an_incident_is_what_the_app_s_profile_knows() -> None:
    facts = facts_of(Case(incident="critical"))
    [one] = facts.incidents
    own = "Request a new token from Zoom support."
    assert plain_sentence(verdict(replace(facts, incidents=(replace(one, remedy=own),)))).endswith(
        "Next step for Zoom: request a new token from Zoom support."
    )


def test_verdict_has_words_for_every_cause_and_every_gap() -> None:
    assert set(STEPS) | {"incident"} == set(KINDS)
    kinds = {one.kind for case in every_case()[::37] for one in verdict(facts_of(case)).missing}
    assert kinds | {"empty", "no_jobs", "not_removing", "running_before", "replaced"} == set(REMEDIES)


def test_verdict_facts_of_one_tenant_leave_out_the_others(given: Given) -> None:
    given.failed("ada", day=13, tenant_id="aaaaaaaa-0000-4000-8000-000000000000", job_id="scim.a", app_name="A")
    given.succeeded("ada", day=13, tenant_id="bbbbbbbb-0000-4000-8000-000000000000", job_id="scim.b", app_name="B")
    facts = read_facts(given.stored())
    [own] = facts.of_tenant("BBBBBBBB-0000-4000-8000-000000000000").jobs
    assert (own.app_name, own.failing) == ("B", 0)
    assert verdict(facts.of(["scim.a"])).causes[0].kind == "failing"


def test_nothing_began_after_the_present_though_a_clock_was_ahead(given: Given) -> None:
    present = datetime.now(UTC).replace(tzinfo=None)
    given.event("eve", "success", present - timedelta(hours=2))
    given.event("ada", "failure", present + timedelta(hours=5), error_code="Conflict")
    store = given.stored()
    [cause] = verdict(read_facts(store)).causes
    query = find_query("open_escrows")
    [row] = store.fetch(up_to_present(store, query.sql, query.columns), bind(query, {})).to_pylist()
    for since in (cause.since, row["opened_at"]):
        assert since is not None and as_of(store) - timedelta(hours=1) < since <= as_of(store)


def test_verdict_facts_of_an_empty_store(store: Store) -> None:
    facts = read_facts(store)
    assert (facts.ends_at, facts.jobs, facts.rules.checked_at) == (None, (), None)
    assert verdict(facts).missing[0].kind == "empty"


def test_verdict_facts_name_rules_that_were_not_evaluated_and_those_with_nothing_to_check(given: Given) -> None:
    for rule, outcome, unchecked, unwatched in (
        ("success_without_call", "unknown", 0, 1),
        ("escrow_growth", "unknown", 1, 0),
        ("required_missing", "found", 1, 0),
        ("quarantined", "failed", None, None),
        ("token_due", "unknown", 0, 1),
        ("cycle_late", "unknown", None, None),
    ):
        run = {"rule": rule, "ran_at": moment(1), "outcome": outcome, "findings": 0, "duration_ms": 1}
        given.rows["rule_runs"].append(run | {"apps": 1, "unchecked": unchecked, "unwatched": unwatched})
    given.succeeded("ada", day=1)
    facts = read_facts(given.stored()).rules
    assert facts.unanswered == ("cycle_late", "escrow_growth", "required_missing"), (
        "an evaluation of before has no counts"
    )
    assert (facts.skipped, facts.failed) == (("success_without_call", "token_due"), ("quarantined",))
    assert set(facts.never) == set(rules()) - {*facts.unanswered, *facts.skipped, *facts.failed}
