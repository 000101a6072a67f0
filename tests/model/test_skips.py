"""Why somebody was skipped: one sentence from the facts of the steps; who is in scope; and the page that shows both."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.config.settings import read_settings
from pipeline.store.lake import open_store
from pipeline.store.migrate import build_schema
from tests.support.given import STEPS, Given, moment
from tests.support.pages import app, healthy, table, text

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
PUBLISHED = FIXTURES / "graph" / "on_demand-nested_json_strings.json"
"A record that others published; it is not part of the project, so its test runs only where it lies."
CLAUSE = "People in sales.department EQUALS 'Sales'"
Facts = dict[str, Any]
IN_SCOPE: Facts = {
    "Active in the source system": "True",
    "Assigned to the application": "True",
    "User has the required role": "True",
    "Scoping filter evaluation passed": "True",
}


@pytest.fixture(scope="module")
def macros() -> Iterator[duckdb.DuckDBPyConnection]:
    """The store's tables and macros in memory."""
    cursor = duckdb.connect()
    build_schema(cursor)
    yield cursor
    cursor.close()


def step(kind: str, details: object, name: str = "EntrySynchronizationScoping", status: str = "success") -> Facts:
    """One step; its details are written as JSON."""
    return {"name": name, "type": kind, "status": status, "description": "", "details": json.dumps(details)}


def scoped(facts: Facts, imported: Facts | None = None) -> list[Facts]:
    """The steps of an event that was judged by these facts."""
    return [step("import", imported or {}, "EntryImportUpdate"), step("scoping", facts)]


def skip_texts(macros: duckdb.DuckDBPyConnection, steps: list[Facts] | None, **more: Any) -> tuple[str, str, str]:
    """The kind, the sentence and the cure of a skip of Ada in Cerby."""
    row = {"reason": None, "source_type": "User", "steps": steps} | more
    types = {"steps": STEPS, "reason": pa.string(), "source_type": pa.string()}
    macros.register("told", pa.table({name: pa.array([value], types[name]) for name, value in row.items()}))
    [said] = macros.execute(
        """
        select kind, skip_sentence(kind, 'Ada', 'Cerby', source_type, facts.attribute, clauses, reason),
            skip_remedy(kind, 'Cerby', source_type, facts.attribute)
        from (select *, skip_kind(reason, facts, clauses) as kind from (
            select *, list_transform(list_filter(filter_clauses(facts.evaluation), lambda c: not c.met),
                lambda c: c.clause) as clauses
            from (
                select source_type, scope_facts(steps) as facts,
                    coalesce(reason, scope_facts(steps).skip_reason) as reason
                from (select source_type, reason, list_transform(steps, lambda s: {
                    'name': s."name", 'type': s."type", 'status': s.status, 'description': s.description,
                    'details': s.details::json}) as steps from told))))
        """
    ).fetchall()
    macros.unregister("told")
    return tuple(said)


OUT = "NotEffectivelyEntitled"
KINDS: dict[str, tuple[list[Facts] | None, Facts, str]] = {
    "not assigned": (
        scoped(IN_SCOPE | {"Assigned to the application": "False", "User has the required role": "False"}),
        {"reason": OUT},
        "Ada is not assigned to Cerby.",
    ),
    "assigned without a role": (
        scoped(IN_SCOPE | {"User has the required role": "FALSE"}),
        {"reason": OUT},
        "Ada is assigned to Cerby, but has no role that is provisioned.",
    ),
    "disabled in the source": (
        scoped(IN_SCOPE | {"Active in the source system": False}, {"accountEnabled": "false"}),
        {"reason": OUT},
        "Ada is out of scope because the account is disabled in Entra.",
    ),
    "soft-deleted": (
        scoped(IN_SCOPE | {"Active in the source system": "False"}, {"IsSoftDeleted": "True"}),
        {"reason": OUT},
        "Ada is out of scope because it is deleted in Entra (it can be restored for 30 days).",
    ),
    "inactive in the source": (
        scoped(IN_SCOPE | {"Active in the source system": "false"}),
        {"reason": OUT},
        "Ada is out of scope because it is not active in Entra: disabled or deleted.",
    ),
    "scoping filter not met": (
        scoped(
            IN_SCOPE
            | {
                "Scoping filter evaluation passed": "False",
                "ScopeEvaluationResult": json.dumps({CLAUSE: False, "b": True}),
            }
        ),
        {"reason": "out of scope"},
        f"Ada is left out by the scoping filter: {CLAUSE} is not true.",
    ),
    "required attribute missing": (
        [*scoped(IN_SCOPE), step("processing", {"SkipReason": "AttributeValidationFailed", "PropertyName": "mail"})],
        {},
        "Ada lacks a valid value for mail, which Cerby requires.",
    ),
    "matching attribute missing": (
        [],
        {"reason": "ImportSkipped"},
        "Ada has no value for the matching attribute; its scope was not evaluated.",
    ),
    "already equal": (
        [*scoped(IN_SCOPE), step("export", {"SkipReason": "RedundantExport"})],
        {},
        "Ada: both sides match already, so there was nothing to write.",
    ),
    "default access only": (
        scoped(IN_SCOPE, {"appRoleAssignments": "Default Access"}),
        {"reason": OUT},
        "Ada has only Default Access to Cerby, which is not provisioned.",
    ),
    "assignment faulty": (
        scoped(IN_SCOPE, {"appRoleAssignments": "User"}),
        {"reason": OUT},
        "Ada is assigned to Cerby, yet Entra does not count it as entitled: "
        "the assignment has no valid role or its record is faulty.",
    ),
    "unsupported object": (
        [],
        {"reason": "EntityTypeNotSupported", "source_type": "Group"},
        "Ada is a kind of object that this job does not provision.",
    ),
    "reference unresolved": (
        [],
        {"reason": "UnableToResolveReferenceAttributeValue"},
        "Ada refers to a user or group that is not in Cerby.",
    ),
    "not entitled": (
        [],
        {"reason": OUT},
        "Ada is not entitled to Cerby; the log does not show whether an assignment, a role or an active account is "
        "missing.",
    ),
    "out of scope or equal": (
        [],
        {"reason": "EntrySynchronizationSkipped"},
        "Ada is out of scope or in sync already; the log does not show which.",
    ),
    "reason unfamiliar": (
        scoped(IN_SCOPE),
        {"reason": "MoonInWrongPhase"},
        "Ada was skipped for the reason MoonInWrongPhase, which is not documented.",
    ),
    "not stated": (scoped(IN_SCOPE), {}, "Ada was skipped. The log gives no reason."),
}


@pytest.mark.parametrize("kind", KINDS)
def test_skip_sentence_of_each_kind(macros: duckdb.DuckDBPyConnection, kind: str) -> None:
    steps, more, sentence = KINDS[kind]
    said_kind, said, cure = skip_texts(macros, steps, **more)
    assert (said_kind, said) == (kind, sentence)
    assert cure.endswith(".")


def test_skip_sentence_of_a_group_names_the_matching_property(macros: duckdb.DuckDBPyConnection) -> None:
    steps = [step("import", {"PropertyName": "displayName"})]
    _, said, cure = skip_texts(macros, steps, reason="ImportSkipped", source_type="Group")
    assert said == ("The group Ada has no value for the matching attribute displayName; its scope was not evaluated.")
    assert cure == "Fill the matching attribute in the source, or match by one that every group has."


def test_skip_sentence_reads_the_older_names_and_details_inside_a_text(macros: duckdb.DuckDBPyConnection) -> None:
    older = {"IsActive": "True", "Assigned": "fAlSe", "IsInProvisioningScopeDisplayName": "True"}
    assert skip_texts(macros, [step("scoping", older)], reason=OUT)[0] == "not assigned"
    assert skip_texts(macros, [step("scoping", json.dumps(older))], reason=OUT)[0] == "not assigned"


@pytest.mark.parametrize(
    "evaluation", ["{}", "", "not json", "[1]", "7", {CLAUSE: "False"}, json.dumps({CLAUSE: "FALSE"})]
)
def test_skip_sentence_stands_any_scope_evaluation(macros: duckdb.DuckDBPyConnection, evaluation: object) -> None:
    facts = IN_SCOPE | {"Scoping filter evaluation passed": "False", "ScopeEvaluationResult": evaluation}
    kind, said, _ = skip_texts(macros, scoped(facts), reason=OUT)
    named = f": {CLAUSE} is not true." if CLAUSE in str(evaluation) else "; the log does not name the clause."
    assert (kind, said) == ("scoping filter not met", f"Ada is left out by the scoping filter{named}")


@pytest.mark.parametrize("steps", [None, [], [{"name": None, "type": None, "status": None, "details": None}]])
def test_skip_sentence_without_details_is_honest(macros: duckdb.DuckDBPyConnection, steps: list[Facts] | None) -> None:
    assert skip_texts(macros, steps)[1] == "Ada was skipped. The log gives no reason."


def test_skip_sentence_tells_the_source_from_the_apps_own_account(macros: duckdb.DuckDBPyConnection) -> None:
    steps = [step("import", {"accountEnabled": "True"}), step("matching", {"accountEnabled": "False"})]
    steps.append(step("scoping", IN_SCOPE | {"Assigned to the application": "False"}))
    assert skip_texts(macros, steps, reason=OUT)[0] == "not assigned"


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published record lies outside the project")
def test_skip_sentence_of_a_published_record(macros: duckdb.DuckDBPyConnection) -> None:
    value = json.loads(json.loads(PUBLISHED.read_text())["value"])
    steps = [step(each["type"].lower(), each["details"], each["name"]) for each in value["provisioningSteps"]]
    kind, said, cure = skip_texts(macros, steps)
    assert (kind, said, cure) == (
        "already equal",
        "Ada: both sides match already, so there was nothing to write.",
        "Nothing.",
    )
    [(clauses,)] = macros.execute(
        "select judged_clauses(facts) from (select scope_facts(list_transform($steps, "
        "lambda s: {'type': s.type, 'details': s.details::json})) as facts)",
        {"steps": [{"type": each["type"], "details": each["details"]} for each in steps]},
    ).fetchall()
    assert {one["clause"]: one["met"] for one in clauses} == {
        "Active in the source system": True,
        "Assigned to the application": True,
        "Has the required role": True,
        "Scoping filter evaluation passed": True,
    }


def judged(given: Given, who: str, day: int, *, met: bool = True, **more: Any) -> None:
    """Somebody whose scope was judged by one clause, and who is skipped if it is not met."""
    facts = IN_SCOPE | {
        "Scoping filter evaluation passed": str(met),
        "ScopeEvaluationResult": json.dumps({CLAUSE: met}),
    }
    if met:
        given.succeeded(who, day, hour=1, steps=scoped(facts), **more)
    else:
        given.skipped(who, "out of scope", day, hour=1, steps=scoped(facts), **more)


def narrow(given: Given) -> None:
    """Eight days of ten people, of whom one is out of scope; then the filter changes and leaves out six."""
    for day in range(12):
        for number in range(10):
            judged(given, f"person{number}", day, met=number >= (1 if day < 8 else 6))
    steps = [step("processing", {"SkipReason": "AttributeValidationFailed", "PropertyName": "mail"})]
    given.skipped("mia", "AttributeValidationFailed", 11, hour=2, steps=steps)
    given.skipped("ned", "RedundantExport", 11, hour=3)
    given.failed("ole", 11, hour=4, steps=[step("export", {}, "EntryExportAdd", "failure")])


@pytest.fixture(scope="module")
def narrowed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """One lake for the claims about a scope that changed: they only ask."""
    folder = tmp_path_factory.mktemp("scope")
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    given = Given(store)
    narrow(given)
    given.stored()
    yield given
    store.close()


def test_a_change_of_scope_shows_as_a_step_on_its_day(narrowed: Given) -> None:
    drift = {row["clause"]: row for row in narrowed.answer("scope_drift")}
    assert {clause for clause, row in drift.items() if row["verdict"] != "steady"} == {
        CLAUSE,
        "Scoping filter evaluation passed",
    }
    step = drift[CLAUSE]
    assert (step["verdict"], step["moved_at"]) == ("moved", moment(8))
    assert (step["share_before"], step["share_after"]) == (0.1, 0.6)
    assert {(row["turn"], row["name"]) for row in narrowed.answer("scope_moves")} == {
        ("left", f"person{number}@example.com") for number in range(1, 6)
    }


def test_a_clause_that_appears_or_vanishes_is_told(given: Given) -> None:
    for day in range(9):
        judged(given, "ada", day)
    for day in range(9, 14):
        facts = IN_SCOPE | {"ScopeEvaluationResult": json.dumps({"new": True})}
        given.succeeded("ada", day, hour=1, steps=scoped(facts))
    drift = {row["clause"]: (row["verdict"], row["moved_at"]) for row in given.answer("scope_drift")}
    assert drift[CLAUSE] == ("gone", moment(9))
    assert drift["new"] == ("new", moment(9))
    assert drift["Assigned to the application"] == ("steady", None)


def test_a_noisy_day_with_few_people_is_no_step(given: Given) -> None:
    for day in range(10):
        for number in range(2 if day == 7 else 10):
            judged(given, f"person{number}", day, met=number > 1)
    assert {row["verdict"] for row in given.answer("scope_drift")} == {"steady"}


def test_the_funnel_leaks_what_it_counts_and_opens_everybody_in_it(narrowed: Given) -> None:
    rows = narrowed.answer("scope_funnel")
    reached = {row["stage"]: row["objects"] for row in rows if row["leak"] is None}
    assert reached == {"seen": 13, "in scope": 7, "matched": 7, "changed": 5, "exported": 4}
    for row in rows:
        assert len(narrowed.answer("scope_leak", stage=row["stage"], leak=row["leak"])) == row["objects"], row
    [leaked] = narrowed.answer("scope_leak", stage="exported", leak="export failed")
    assert leaked["name"] == "ole@example.com"


def test_exports_are_confirmed_by_the_apps_own_log_where_there_is_one(given: Given) -> None:
    for minute, who in enumerate(("ada", "bob")):
        given.succeeded(who, 1, 9, minute)
        given.exchanged("PATCH", f"/Users/target-{who}", 200, moment(1, 9, minute, 1), resource_id=f"target-{who}",
            app_id="app-cerby", resource_type="User", operation="update")  # fmt: skip
    given.succeeded("eve", 1, 9, app="Zoom")
    [row] = given.answer("scope_confirmed")
    assert row == {"exported": 3, "confirmed": 2, "never_seen": 0, "unknown": 1}


def page() -> AppTest:
    """Opens the page itself, as its address does."""
    return app("scope")


def test_the_page_says_first_who_waits_and_what_changed(narrowed: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", narrowed.store.settings.store)
    test = healthy(page())
    drawn = text(test)
    assert "1 user or group needs action; 6 users and groups are out of scope, as expected." in drawn
    assert "excluded 10% before 27 Jan 2026 and 60% since." in drawn
    assert {one.label: one.value for one in test.metric} == {
        "Skipped, needs action": "1",
        "Skipped as expected": "6",
        "Entered scope": "0",
        "Left scope": "5",
    }
    assert "Confirmed by the app: unknown" in drawn
    kinds = table(test, "waiting")
    assert list(kinds["label"]) == ["Required attribute missing", "Scoping filter not met", "No changes needed"]
    assert list(kinds["action"]) == [["Action needed"], ["None, expected"], ["None, in sync"]]
    assert list(kinds["objects"]) == [1, 6, 1]


def test_a_reason_a_clause_and_a_stage_open_their_people_in_a_side_panel(
    narrowed: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", narrowed.store.settings.store)
    test = healthy(app("scope", skip="required attribute missing"))
    assert len(table(test, "first_seen_at")) == 1 and "**If it is not expected.**" in text(test)
    job = narrowed.answer("scope_drift")[0]["job_id"]
    test = healthy(app("scope", clause=CLAUSE, of=str(job)))
    people = table(test, "first_seen_at")
    assert set(people["name"]) == {f"person{number}@example.com" for number in range(6)}
    [opened, *_] = people["source_id"]
    panel = text(healthy(app("scope", clause=CLAUSE, of=str(job), object=opened)))
    assert "Status by app" in panel and "**If it is not expected.**" not in panel
    test = healthy(app("scope", stage="seen"))
    assert "**Seen**" in text(test) and len(table(test, "occurred_at")) > 6
    unknown = text(healthy(app("scope", skip="nothing of the kind")))
    assert "There is no skip with the reason “nothing of the kind” in this store" in unknown


def test_a_selected_clause_opens_whom_it_shut_out(narrowed: Given) -> None:
    rows = narrowed.answer("skip_people", clause=CLAUSE)
    assert {row["name"] for row in rows} == {f"person{number}@example.com" for number in range(6)}
    assert rows[0]["sentence"].endswith(f"is left out by the scoping filter: {CLAUSE} is not true.")


def test_a_window_without_skips_says_so(given: Given) -> None:
    given.succeeded("ada")
    given.stored()
    drawn = text(healthy(page()))
    assert "No skips between" in drawn
    assert "scoping clauses" in drawn and "Unknown for" in drawn
