"""One store with several apps, each of which once made the product claim what its records do not show.

Each app is a small world of its own; what is right was thought out from Microsoft's documents before it was loaded.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Store, open_store
from tests.scenarios.told import Told, job, naive, person
from tests.scenarios.worlds import load
from tests.support.lakes import copied

HELD, PAUSED = job("Held"), job("Paused")
ANN, BOB, CID, LEE = (person(name, name) for name in ("Ann One", "Bob Two", "Cid Three", "Lee Four"))
END = datetime(2026, 3, 2, 12)
LACKS = "AttributeValidationFailed"
Row = dict[str, Any]


def held(world: Told) -> None:
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


@pytest.fixture(scope="module")
def store(blank: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The store with all of the worlds."""
    folder, world = tmp_path_factory.mktemp("claims"), Told()
    for tell in (held, paused):
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
