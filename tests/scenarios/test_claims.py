"""One store with several apps, each of which once made the product claim what its records do not show.

Each app is a small world of its own; what is right was thought out from Microsoft's documents before it was loaded.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.notify.digest import body_of, digest, title_of
from pipeline.rules.app_labels import job_labels
from pipeline.rules.evaluate import check
from pipeline.rules.rule import rules
from pipeline.rules.verdict import Facts, JobFacts, RuleFacts, verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.rules.verdict_text import plain_sentence
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Store, open_store
from tests.scenarios import wire
from tests.scenarios.told import Told, at, job, naive, person
from tests.scenarios.worlds import load
from tests.support.lakes import copied

HELD, PAUSED, GONE, AGAIN, FILTERED = (job(app) for app in ("Held", "Paused", "Gone", "Again", "Filtered"))
BEFORE, CONTRADICTED, WRITTEN, COUNTED = (job(app) for app in ("Before", "Contradicted", "Written", "Counted"))
NAMELESS, REJECTED, RELINKED = job("Nameless"), job("Rejected"), job("Relinked")
REFUSING, ANSWERING, NEVER_THERE = job("Refusing"), job("Answering"), job("Never there")
SKIPPED = job("Skipped")
STUCK_JOB, FRESH_JOB = job("Anew"), job("Anew", nth=2)
OLD_JOB, NEW_JOB = job("Renewed"), job("Renewed", nth=2)
TWIN, OTHER_TWIN = job("Twin"), job("Twin", "99992222-3333-4444-5555-666677778888")
ANN, BOB, CID, LEE = (person(name, name.replace(" ", "-")) for name in ("Ann One", "Bob Two", "Cid Three", "Lee Four"))
END = datetime(2026, 3, 2, 12)
LACKS = "AttributeValidationFailed"
Row = dict[str, Any]


def failed_then_skipped(world: Told) -> None:
    """An update fails, then a required attribute is missing; out of scope, or equal sides, end the retry before."""
    for who in (ANN, BOB, CID):
        world.event(HELD, 1, who, "create")
        world.event(HELD, 61, who, "update", "failure", error="BadRequest", again=121)
    world.event(HELD, 101, ANN, "update", "skipped", skip=LACKS)
    world.event(HELD, 101, BOB, "other", "skipped", skip="NotEffectivelyEntitled")
    world.event(HELD, 101, CID, "update", "skipped", skip=LACKS)
    world.event(HELD, 141, BOB, "update", "skipped", skip=LACKS)
    world.event(HELD, 141, CID, "other", "skipped", skip="RedundantExport")
    world.status(HELD, 145, ended=144)


def paused(world: Told) -> None:
    """An update and a disable fail and are promised a retry; then somebody pauses the job."""
    for who, action in ((ANN, "update"), (LEE, "disable")):
        world.event(PAUSED, 1, who, "create")
        world.event(PAUSED, 41, who, action, "failure", error="InternalServerError", again=400)
    world.status(PAUSED, 45, ended=44)
    world.status(PAUSED, 125, "Paused", ended=44)


def gone(world: Told) -> None:
    """Two are disabled, and the deletion that follows is refused for one."""
    for who, deleted in ((ANN, "failure"), (BOB, "success")):
        world.event(GONE, 1, who, "create")
        world.event(GONE, 41, who, "disable")
        world.event(GONE, 81, who, "delete", deleted, error="" if deleted == "success" else "BadRequest")
    world.status(GONE, 85, ended=84)


def again(world: Told) -> None:
    """A disable fails and is done at the retry; enabled again, the second disable fails for two days."""
    world.event(AGAIN, -3000, LEE, "create")
    world.event(AGAIN, -2900, LEE, "disable", "failure", error="InternalServerError", again=-2600)
    world.event(AGAIN, -2860, LEE, "disable")
    world.event(AGAIN, -2820, LEE, "update", changes=(wire.change("active", "False", "True"),))
    world.event(AGAIN, -2780, LEE, "disable", "failure", error="InternalServerError", again=-2400)


def filtered(world: Told) -> None:
    """Out of scope by a filter, and by want of entitlement; one account was disabled by an update before."""
    for who in (ANN, BOB, CID):
        world.event(FILTERED, 1, who, "create")
    world.event(FILTERED, 21, CID, "update", changes=(wire.change("active", "True", "False"),))
    world.event(FILTERED, 41, ANN, "other", "skipped", filtered=True)
    world.event(FILTERED, 41, BOB, "other", "skipped", skip="NotEffectivelyEntitled")
    world.event(FILTERED, 41, CID, "other", "skipped", skip="NotEffectivelyEntitled")
    world.status(FILTERED, 45, ended=44)


def before(world: Told) -> None:
    """A disable fails and is done; enabled again, an update fails."""
    world.event(BEFORE, 1, LEE, "create")
    world.event(BEFORE, 11, LEE, "disable", "failure", error="InternalServerError", again=21)
    world.event(BEFORE, 21, LEE, "disable")
    world.event(BEFORE, 31, LEE, "update", changes=(wire.change("active", "False", "True"),))
    world.event(BEFORE, 41, LEE, "update", "failure", error="BadRequest")


def contradicted(world: Told) -> None:
    """Every run wrote to the app, and a filtered export has no event of two of them."""
    for minute in (1, 41, 81, 121, 161, 201):
        if minute not in (81, 121):
            world.event(CONTRADICTED, minute, ANN, "update", changes=(wire.change("title", "a", str(minute)),))
        world.status(CONTRADICTED, minute + 4, ended=minute + 2)


def written(world: Told) -> None:
    """Two should be disabled and are not: by an update that writes so, and by a step that is not the last."""
    for who in (ANN, LEE):
        world.event(WRITTEN, 1, who, "create")
    off = (wire.change("active", "True", "False"),)
    world.event(WRITTEN, 41, ANN, "update", "failure", error="InternalServerError", changes=off)
    world.event(WRITTEN, 41, LEE, "update", "failure", error="InternalServerError")
    world.events[-1]["provisioningSteps"].insert(0, wire.step("EntryExportUpdateSoftDelete", "export", "failure"))


def nameless(world: Told) -> None:
    """An app whose name only events tell: its own log names it by its id, and no status of its job was read."""
    world.event(NAMELESS, 1, ANN, "create")
    for minute in (41, 81):
        world.request(NAMELESS, minute, "PATCH", "/Users/ann", 401)


def rejected(world: Told) -> None:
    """Entra calls three disables and a delete done; the app refused one of each, lacks one account, and took one."""
    for who, action, status in (
        (ANN, "disable", 500),
        (BOB, "disable", 204),
        (CID, "disable", 404),
        (LEE, "delete", 403),
    ):
        world.event(REJECTED, 1, who, "create")
        world.event(REJECTED, 41, who, action)
        method = "DELETE" if action == "delete" else "PATCH"
        world.request(REJECTED, 41, method, f"/Users/{who['target']}", status)
    world.status(REJECTED, 45, ended=44)


GONE_AWAY, MADE, MET, KIM = (person(name, name.lower()) for name in ("Dee", "Mia", "Met", "Kim"))
CREW = person("Crew", "crew", "Group")


def refusing(world: Told) -> None:
    """Entra calls an update, a create and a group's change done that the app refused; and an update at the last."""
    world.event(REFUSING, 1, ANN, "create")
    world.request(REFUSING, 1, "POST", "/Users", 201, body={"userName": ANN["upn"]}, answer={"id": ANN["target"]})
    world.event(REFUSING, 41, ANN, "update", changes=(wire.change("title", "a", "b"),))
    world.request(REFUSING, 41, "PATCH", f"/Users/{ANN['target']}", 400)
    world.event(REFUSING, 41, MADE, "create")
    world.request(REFUSING, 41.05, "POST", "/Users", 500, body={"userName": MADE["upn"]})
    world.event(REFUSING, 81, CREW, "update")
    world.request(REFUSING, 81, "PATCH", "/Groups/crew", 413)
    world.request(REFUSING, 81.1, "GET", "/Groups/crew", 200)
    for minute, status in ((41, 200), (121, 500)):
        world.event(REFUSING, minute, BOB, "update", changes=(wire.change("title", "a", str(minute)),))
        world.request(REFUSING, minute, "PATCH", f"/Users/{BOB['target']}", status)
    world.status(REFUSING, 125, ended=124)


def answering(world: Told) -> None:
    """The app's log has errors beside what Entra calls done, and each is followed by a success, or is none."""
    sent_again, later, found, equal = BOB, CID, LEE, MET
    for minute, who, status in ((41, sent_again, 503), (41.05, sent_again, 429), (41.1, sent_again, 204),
                                (41, later, 409), (81, later, 200), (41, equal, 400)):  # fmt: skip
        world.request(ANSWERING, minute, "PATCH", f"/Users/{who['target']}", status)
    for minute, who in ((41, sent_again), (41, later), (81, later), (41, equal)):
        world.event(ANSWERING, minute, who, "update")
    world.event(ANSWERING, 121, equal, "other", "skipped", skip="RedundantExport")
    search = f'/Users?filter=userName eq "{found["upn"]}"'
    world.event(ANSWERING, 41, found, "create")
    world.request(ANSWERING, 41, "POST", "/Users", 409, body={"userName": found["upn"]})
    world.request(ANSWERING, 41.05, "GET", search, 200, answer={"Resources": [{"id": found["target"]}]})
    world.event(ANSWERING, 41, MADE, "create")
    world.request(ANSWERING, 40.95, "GET", "/Users/mia", 404)
    world.request(ANSWERING, 41, "POST", "/Users", 503, body={"userName": MADE["upn"]})
    world.request(ANSWERING, 41.2, "POST", "/Users", 201, body={"userName": MADE["upn"]}, answer={"id": "mia"})
    world.event(ANSWERING, 41, GONE_AWAY, "delete")
    world.request(ANSWERING, 41, "DELETE", "/Users/dee", 404)
    world.status(ANSWERING, 125, ended=124)


def never_there(world: Told) -> None:
    """Entra finds nothing to disable or delete: of two no account was ever shown, of one it was, of one it is named."""
    nameless = [who | {"target": None} for who in (ANN, BOB, CID)]
    world.event(NEVER_THERE, -39, nameless[2], "update")
    for who, action in zip((*nameless, LEE), ("disable", "delete", "disable", "disable"), strict=True):
        world.event(NEVER_THERE, 1, who, action, "skipped", skip="RedundantExport")
    world.event(NEVER_THERE, 1, MET, "update", "postponed")
    world.status(NEVER_THERE, 5, ended=4)


def renewed(world: Told) -> None:
    """A disable fails in a job that is then made anew, and the new one carries it out; another leaver's is not."""
    for who in (ANN, LEE):
        world.event(OLD_JOB, 1, who, "create")
        world.event(OLD_JOB, 41, who, "disable", "failure", error="InternalServerError")
    world.event(OLD_JOB, 41, KIM, "create", "failure", error="BadRequest", again=400)
    world.event(NEW_JOB, 121, LEE, "disable")
    world.event(NEW_JOB, 121, ANN, "update", changes=(wire.change("title", "a", "b"),))
    world.status(OLD_JOB, 45, ended=44)
    world.status(NEW_JOB, 125, ended=124)


def relinked(world: Told) -> None:
    """A restart broke the links, and creates fail: of one whose account is there, of one whose was deleted, and of one
    that the app made though Entra reports an error."""
    for who in (ANN, BOB, CID):
        world.event(RELINKED, 1, who, "create")
    world.event(RELINKED, 21, BOB, "delete")
    world.request(RELINKED, 21, "DELETE", f"/Users/{BOB['target']}", 204)
    for minute, who in ((41, ANN), (41, BOB), (42, MADE)):
        word, status = ("InternalServerError", 201) if who is MADE else ("Conflict", 409)
        world.event(RELINKED, minute, who | {"target": None}, "create", "failure", error=word, again=400)
        world.request(RELINKED, minute, "POST", "/Users", status, body={"userName": who["upn"]}, answer={"id": "made"})
    for who in (ANN, BOB):
        world.event(RELINKED, 81, who | {"target": None}, "other", "skipped", skip="NotEffectivelyEntitled")
    world.event(RELINKED, 200, CID, "update")
    world.request(RELINKED, 200, "PATCH", f"/Users/{CID['target']}", 204)
    world.status(RELINKED, 205, ended=204)


def counted(world: Told) -> None:
    """An export of successes alone: Entra counts twelve users and groups in error."""
    world.event(COUNTED, 1, ANN, "update", changes=(wire.change("title", "a", "b"),))
    world.status(COUNTED, 5, ended=4)
    world.statuses[-1]["status"]["lastExecution"] |= {"state": "EntryLevelErrors", "countEscrowed": 12}


def skipped_otherwise(world: Told) -> None:
    """Equal sides and want of entitlement, where the last step does not have the reason, or there is no step."""
    for minute, who in enumerate((ANN, BOB, CID), 1):
        world.event(SKIPPED, minute, who, "create")
    world.event(SKIPPED, 41, ANN, "update", "skipped", skip="RedundantExport")
    world.events[-1]["provisioningSteps"].append(
        {"name": "EntrySynchronizationSkip", "provisioningStepType": "export", "status": "skipped", "details": {}}
    )
    for minute, who, code in ((42, BOB, "RedundantExport"), (43, CID, "NotEffectivelyEntitled")):
        world.event(SKIPPED, minute, who, "update", "skipped")
        world.events[-1]["provisioningSteps"] = []
        world.events[-1]["provisioningStatusInfo"]["errorInformation"] = {"errorCode": code, "reason": ""}
    world.status(SKIPPED, 45, ended=44)


def made_anew(world: Told) -> None:
    """A job in quarantine, whose cycles fail; provisioning is set up anew, and the new job is well."""
    world.event(STUCK_JOB, 1, ANN, "create")
    world.status(STUCK_JOB, 5, ended=4)
    since = {"seriesBegan": wire.stamp(at(40)), "currentBegan": wire.stamp(at(40)), "nextAttempt": wire.stamp(at(400)),
             "reason": "EncounteredQuarantineException", "seriesCount": 1, "error": None}  # fmt: skip
    for minute in (45, 75, 105):
        world.status(STUCK_JOB, minute, "Quarantine", ended=39, state="Failed", quarantine=since)
        world.statuses[-1]["status"]["countSuccessiveCompleteFailures"] = 5
    world.event(FRESH_JOB, 125, ANN, "other", "skipped", skip="RedundantExport")
    for minute in (130, 170, 205):
        world.status(FRESH_JOB, minute, ended=minute - 1)


def twins(world: Told) -> None:
    """An app of one name in two tenants: one rejects the token, the other answers well to the end."""
    for of, answers in ((TWIN, 401), (OTHER_TWIN, 200)):
        for minute in (1, 41, 81):
            world.event(of, minute, ANN, "update", changes=(wire.change("title", "a", str(minute)),))
            world.request(of, minute, "PATCH", "/Users/ann", 200)
        for minute in (121, 161, 201):
            world.request(of, minute, "PATCH", "/Users/ann", answers)
        world.status(of, 205, ended=84)


WORLDS = (
    failed_then_skipped,
    paused,
    gone,
    again,
    filtered,
    before,
    contradicted,
    written,
    nameless,
    rejected,
    refusing,
    answering,
    never_there,
    renewed,
    relinked,
    counted,
    skipped_otherwise,
    made_anew,
    twins,
)


@pytest.fixture(scope="module")
def store(blank: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The store with all of the worlds."""
    folder, world = tmp_path_factory.mktemp("claims"), Told()
    for tell in WORLDS:
        tell(world)
    settings = Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite")
    copied(blank, settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISIONING_STORE", settings.store)
        patch.setenv("PROVISIONING_INBOX", str(folder / "inbox"))
        load([world.laid(folder)])
    store = open_store(settings)
    yield store
    store.close()


def ask(store: Store, name: str, of: Row, **given: Any) -> list[Row]:
    """Answers a question about one of the apps, as of the end."""
    query = find_query(name)
    values = {"since": naive(0), "until": END, "as_of": END, "at": END, "grace": 1200, "job": of["id"]} | given
    names = {one.name for one in query.parameters}
    rows = store.fetch(
        query.sql, bind(query, {key: value for key, value in values.items() if key in names})
    ).to_pylist()
    return [row for row in rows if row.get("job_id", of["id"]) == of["id"]]


def findings(store: Store, rule: str, of: Row, at: datetime, **given: Any) -> list[Row]:
    """What an alert rule finds of one of the apps as of an instant."""
    query = rules()[rule].query
    rows = store.fetch(query.sql, bind(query, {"at": [at]} | given)).to_pylist()
    return [row for row in rows if row["job_id"] == of["id"]]


def by_name(rows: list[Row], column: str) -> Row:
    """A column's value by the name of whom it is about."""
    return {str(row["name"]).partition("@")[0]: row[column] for row in rows}


def test_an_attempt_that_failed_is_open_at_a_skip_for_want_of_an_attribute(store: Store) -> None:
    people = ask(store, "people", HELD)
    assert by_name(people, "state") == {"ann.one": "failing", "bob.two": "skipped", "cid.three": "in_sync"}
    assert by_name(people, "open_error_code")["ann.one"] == "BadRequest"
    assert by_name(people, "retry_at")["ann.one"].replace(microsecond=0) == naive(121)
    assert list(by_name(ask(store, "open_escrows", HELD), "attempts")) == ["ann.one"]
    [status] = ask(store, "person_states", HELD, object=ANN["id"])
    assert (status["state"], status["action"], status["http_status"], status["skip_reason"]) == (
        "failing", "update", 400, None,
    )  # fmt: skip


def test_the_words_of_a_skip_are_its_own_and_not_those_of_an_earlier_failure(store: Store) -> None:
    [status] = ask(store, "person_states", HELD, object=BOB["id"])
    assert (status["skip_reason"], status["reason"], status["http_status"]) == (LACKS, None, None)


def test_who_is_in_scope_again_is_no_user_who_was_left_active(store: Store) -> None:
    assert ask(store, "trap_unassigned", HELD) == []


@pytest.mark.parametrize("question", ["people", "open_escrows", "leavers_active", "fleet"])
def test_a_job_that_is_paused_promises_no_retry(store: Store, question: str) -> None:
    rows = ask(store, question, PAUSED)
    assert rows and [row.get("retry_at", row.get("next_try_at")) for row in rows] == [None] * len(rows)


def test_a_deletion_that_fails_after_a_disable_leaves_nobody_with_access(store: Store) -> None:
    assert ask(store, "leavers_active", GONE) == []
    [facts] = ask(store, "job_facts", GONE)
    assert (facts["leavers"], facts["failing"]) == (0, 1)
    assert [row for row in ask(store, "attention_at", GONE) if row["leavers"]] == []
    assert by_name(ask(store, "leavers", GONE), "outcome") == {"ann.one": "open", "bob.two": "done"}
    assert findings(store, "leaver_waiting", GONE, END + timedelta(days=3)) == []


def test_a_create_that_fails_takes_no_account_away(store: Store) -> None:
    rows = store.rows("select upn, account from identities where job_id = $job", {"job": RELINKED["id"]})
    accounts = {"ann.one": "active", "bob.two": "absent", "cid.three": "active", "mia": "absent"}
    assert {upn.partition("@")[0]: account for upn, account in rows} == accounts
    history = [row for row in ask(store, "account_changes", RELINKED, object=ANN["id"]) if row["fact"] == "account"]
    assert [(row["value"], row["until"]) for row in history] == [("active", None)]
    assert list(by_name(ask(store, "trap_unassigned", RELINKED), "seen")) == ["ann.one"]


def test_a_write_that_entra_reports_as_failed_is_no_stranger_s(store: Store) -> None:
    assert findings(store, "write_without_event", RELINKED, END) == []


def test_a_disable_is_one_however_it_is_logged(store: Store) -> None:
    assert by_name(ask(store, "leavers_active", WRITTEN), "kind") == {"ann.one": "disable", "lee.four": "disable"}
    assert ask(store, "job_facts", WRITTEN)[0]["leavers"] == 2


def test_no_leaver_is_pending_whose_account_is_disabled(store: Store) -> None:
    assert by_name(ask(store, "quarantine_waiting", GONE), "leaver") == {"ann.one": False}
    assert by_name(ask(store, "quarantine_waiting", AGAIN), "leaver") == {"lee.four": True}


def test_retries_that_are_over_have_ended_and_a_removal_of_before_is_none_of_them(store: Store) -> None:
    [ends] = findings(store, "escrow_drops", HELD, END + timedelta(days=27))
    assert "retries of failed users or groups end, the first on" in ends["summary"]
    [ended] = findings(store, "escrow_drops", HELD, END + timedelta(days=29))
    assert "retries of failed users or groups ended, the first on" in ended["summary"]
    [before] = findings(store, "escrow_drops", BEFORE, END + timedelta(days=27))
    assert (before["leavers"], before["severity"]) == (0, "warning")


def test_errors_that_entra_counts_and_no_log_shows_are_missing_logs(store: Store) -> None:
    [counted], [held_back] = ask(store, "job_facts", COUNTED), ask(store, "job_facts", HELD)
    assert (counted["escrowed"], counted["failing"], held_back["escrowed"]) == (12, 0, 0)
    facts = JobFacts(
        "job", "Counted", observed_at=END, covered_until=END, unknown_hours=0, escrowed=12, state="on_time"
    )
    missing = verdict(Facts(END, END, END, (facts,), rules=RuleFacts(END)), "leavers").missing
    assert [one.kind for one in missing] == ["unlogged_errors"]


def test_hours_in_which_entra_wrote_and_the_log_shows_nothing_lack_logs(store: Store) -> None:
    [contradicted], [held_back] = ask(store, "job_facts", CONTRADICTED), ask(store, "job_facts", HELD)
    # The run at 10:01 ended less than two hours before the end, within which logs may be late.
    assert contradicted["gap_until"] == naive(60)
    assert held_back["gap_until"] is None


def test_each_time_that_somebody_was_to_go_is_judged_by_itself(store: Store) -> None:
    assert list(by_name(ask(store, "leavers_active", AGAIN), "kind")) == ["lee.four"]
    [waiting] = findings(store, "leaver_waiting", AGAIN, END)
    assert (waiting["since"], waiting["leavers"]) == (naive(-2780) + timedelta(hours=24), 1)


def test_whoever_left_the_scope_without_a_disable_may_have_access_by_whatever_rule(store: Store) -> None:
    assert by_name(ask(store, "trap_unassigned", FILTERED), "seen") == {
        "ann.one": "Skipped as out of scope, and no disable was ever requested.",
        "bob.two": "Skipped as not entitled, and no disable was ever requested.",
    }


def test_a_rejected_token_is_that_of_one_app_and_not_of_another_of_its_name(store: Store) -> None:
    [mine], [other], every = (ask(store, "token_calendar", of, job=given) for of, given in (
        (TWIN, TWIN["id"]), (OTHER_TWIN, OTHER_TWIN["id"]), (TWIN, None)))  # fmt: skip
    assert (mine["refused_at"], mine["refusals"], other["refused_at"]) == (naive(121), 3, None)
    assert (mine["last_good_at"], other["last_good_at"]) == (naive(81), naive(201))
    [both] = [row for row in every if row["app_name"] == "Twin"]
    assert (both["last_good_at"], both["refused_at"]) == (naive(81), naive(121))
    assert both["rejected_jobs"] == [TWIN["id"]]


def test_an_app_has_the_name_that_its_events_tell(store: Store) -> None:
    query = rules()["token_refused"].query
    rows = store.fetch(query.sql, bind(query, {"at": [END]})).to_pylist()
    [refused] = [row for row in rows if row["subject"] == NAMELESS["id"]]
    assert refused["summary"].startswith("Nameless has been rejecting") and refused["app_name"] == "Nameless"


def test_a_removal_that_the_app_refused_leaves_an_account_that_may_be_in_use(store: Store) -> None:
    seen = by_name(ask(store, "trap_still_active", REJECTED), "seen")
    assert {who: text.rpartition(" ")[2] for who, text in seen.items()} == {"ann.one": "500.", "lee.four": "403."}


def test_a_digest_names_who_may_have_access_as_the_verdict_counts_them(store: Store) -> None:
    told = digest(store, naive(0), END, apps=["Rejected"])
    assert "2 leavers who may have access" in title_of(told, "daily")
    lines = body_of(told, "http://localhost:8501").splitlines()
    assert "Leavers still with access: 0, who may have access: 2" in lines
    assert sum("may have access: Entra" in line for line in lines) == 2


def test_a_change_that_the_app_refused_is_none_that_is_in_sync(store: Store) -> None:
    refused = {"ann.one": "rejected", "mia": "rejected", "Crew": "rejected", "bob.two": "rejected"}
    people = ask(store, "people", REFUSING)
    assert by_name(people, "state") == refused
    assert by_name(people, "http_status") == {"ann.one": 400, "mia": 500, "Crew": 413, "bob.two": 500}
    assert by_name(people, "action")["mia"] == "create"
    [facts] = ask(store, "job_facts", REFUSING)
    assert (facts["rejected"], facts["rejected_since"], facts["failing"]) == (4, naive(41), 0)
    [found] = findings(store, "success_rejected", REFUSING, END)
    assert (found["since"], found["objects"], found["http_status"]) == (naive(41), 4, 500)
    assert findings(store, "success_without_call", REFUSING, END) == []
    # Each instant is judged by what had come until then.
    assert [row["objects"] for row in findings(store, "success_rejected", REFUSING, naive(100))] == [3]
    assert findings(store, "success_rejected", REFUSING, naive(40)) == []
    # A removal that the app refused is told with those who may have access.
    assert by_name(ask(store, "people", REJECTED), "state") == {
        "ann.one": "rejected", "bob.two": "disabled", "cid.three": "disabled", "lee.four": "rejected",
    }  # fmt: skip
    assert ask(store, "job_facts", REJECTED)[0]["rejected"] == 0
    assert [row["in_place_share"] for row in ask(store, "placements", REFUSING)] == [0]


def test_a_change_that_was_sent_again_or_shown_done_later_was_not_refused(store: Store) -> None:
    states = dict.fromkeys(("bob.two", "cid.three", "lee.four", "met", "mia"), "in_sync") | {"dee": "deleted"}
    assert by_name(ask(store, "people", ANSWERING), "state") == states
    assert findings(store, "success_rejected", ANSWERING, END) == []
    assert findings(store, "success_rejected", ANSWERING, naive(60))[0]["people"] == [
        "cid.three@example.com",
        "met@example.com",
    ]


def test_nothing_to_disable_is_no_account_that_was_disabled_and_an_undocumented_status_no_skip(store: Store) -> None:
    people = ask(store, "people", NEVER_THERE)
    assert by_name(people, "state") == {
        "ann.one": "unknown", "bob.two": "unknown", "cid.three": "disabled", "lee.four": "disabled", "met": "unknown",
    }  # fmt: skip
    assert by_name(people, "status_word") == dict.fromkeys(by_name(people, "state")) | {"met": "postponed"}
    [ann] = ask(store, "person_states", NEVER_THERE, object=ANN["id"])
    assert (ann["account"], ann["state"], ann["status_word"]) == ("unknown", "unknown", None)


def test_a_job_that_a_newer_one_replaced_waits_for_nothing_that_the_newer_one_handled(store: Store) -> None:
    assert by_name(ask(store, "people", OLD_JOB), "state") == {
        "ann.one": "unknown",
        "lee.four": "unknown",
        "kim": "failing",
    }
    [old], [new] = ask(store, "job_facts", OLD_JOB), ask(store, "job_facts", NEW_JOB)
    assert (old["failing"], old["replaced_at"], new["replaced_at"]) == (1, naive(121), None)
    assert list(by_name(ask(store, "open_escrows", OLD_JOB), "attempts")) == ["kim"]
    assert list(by_name(ask(store, "quarantine_waiting", OLD_JOB), "attempts")) == ["kim"]
    assert by_name(ask(store, "people", OLD_JOB), "taken_over_at")["lee.four"] == naive(121)
    # Of what failed alike, only those whom the newer job has not handled are waiting.
    assert {row["code"]: row["waiting"] for row in ask(store, "issues", OLD_JOB)} == {
        "InternalServerError": 0, "BadRequest": 1,
    }  # fmt: skip
    [silence] = ask(store, "silence", OLD_JOB)
    assert (silence["cause"], silence["since"]) == ("replaced", naive(121))
    assert silence["explanation"].startswith("replaced by a newer job of the same app since 2 Mar, 10:01 UTC")
    assert findings(store, "silence", OLD_JOB, END) == []
    assert list(by_name(ask(store, "people", OLD_JOB), "retry_at").values()) == [None] * 3
    # Its missing data is no gap, and it is never OK itself.
    facts = read_facts(store, END)
    said = verdict(facts.of([OLD_JOB["id"]], shared=False))
    assert said.state == "action_needed" and "replaced" in {one.kind for one in said.missing}
    assert "replaced" not in {one.kind for one in verdict(facts.of([OLD_JOB["id"], NEW_JOB["id"]])).missing}
    assert ask(store, "job_facts", TWIN)[0]["replaced_at"] is None


def test_nothing_is_promised_of_a_job_that_a_newer_one_replaced(store: Store) -> None:
    [old], [new] = ask(store, "progress", OLD_JOB, as_of=END), ask(store, "progress", NEW_JOB, as_of=END)
    assert (old["rhythm"], old["due_at"], old["since"]) == ("unknown", None, naive(121))
    assert old["explanation"] == "A newer job of the app replaced this one on 2 Mar, 10:01 UTC."
    assert new["due_at"] is not None
    assert [row["next_try_at"] for row in ask(store, "fleet", OLD_JOB)] == [None]


def test_the_quarantine_of_a_job_ends_where_a_newer_one_replaces_it(store: Store) -> None:
    early = naive(105)
    rules_of_status = ("quarantined", "failing_runs", "disable_clock", "cycle_late")
    more = {"disable_clock": {"days": 30}}
    found = [findings(store, one, STUCK_JOB, early, **more.get(one, {})) for one in rules_of_status[:3]]
    assert all(found)
    assert not any(findings(store, one, STUCK_JOB, END, **more.get(one, {})) for one in rules_of_status)
    assert [row["closed_at"] for row in ask(store, "quarantine_episodes", STUCK_JOB)] == [naive(125)]
    [old] = ask(store, "job_facts", STUCK_JOB)
    assert (old["state"], old["replaced_at"]) == ("unknown", naive(125))
    [row] = ask(store, "fleet", STUCK_JOB)
    assert (row["state"], row["needs_you"]) == ("unknown", False)
    [row] = ask(store, "quarantine_states", STUCK_JOB, at=END)
    assert (row["word"], row["disabled_at"], row["out_at"]) == ("unknown", None, naive(125))
    facts = read_facts(store, END).of([STUCK_JOB["id"], FRESH_JOB["id"]], shared=False)
    assert verdict(facts, "quarantine").causes == ()


def test_apps_of_one_name_are_named_apart_and_no_others(store: Store) -> None:
    assert job_labels(store) == {one["id"]: f"Twin {one['id'][-6:]}" for one in (TWIN, OTHER_TWIN)}
    facts = read_facts(store, END)
    said = plain_sentence(verdict(facts.of([TWIN["id"]], shared=False)))
    assert f"Twin {TWIN['id'][-6:]}" in said and OTHER_TWIN["id"][-6:] not in said
    assert {job.app_name for job in facts.jobs if job.job_id in (OLD_JOB["id"], NEW_JOB["id"])} == {"Renewed"}
    body = body_of(digest(store, naive(0), END), "")
    assert all(f"Twin {one['id'][-6:]}" in body for one in (TWIN, OTHER_TWIN)) and "Renewed " in body
    # The app's own name is what answers have, and what the incidents of an app are found by.
    assert {row["app_name"] for row in ask(store, "fleet", TWIN)} == {"Twin"}
    [rejected] = [one for one in check(store, END, overrides={}, keep=False).opened if one.rule == "token_refused"
                  and one.job_id in (TWIN["id"], None) and one.app_name == "Twin"]  # fmt: skip
    assert rejected.summary.startswith(f"Twin {TWIN['id'][-6:]} has been rejecting the access token")


def test_a_skip_is_expected_wherever_its_reason_stands(store: Store) -> None:
    assert ask(store, "issues", SKIPPED) == []
    states = {"ann.one": "in_sync", "bob.two": "in_sync", "cid.three": "skipped"}
    assert by_name(ask(store, "people", SKIPPED), "state") == states


def test_what_another_job_of_the_app_has_done_is_done(store: Store) -> None:
    assert list(by_name(ask(store, "leavers_active", OLD_JOB), "kind")) == ["ann.one"]
    assert ask(store, "job_facts", OLD_JOB)[0]["leavers"] == 1
