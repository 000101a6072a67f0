"""Migrations: a store of version 0.1 opens and answers the same, whatever happens in the middle of it.

`fixtures/store-0.1.zip` was filled by version 0.1 from a slice of the sample logs in two loads, with two checks;
`fixtures/answers-0.1.json` has the answers which that version gave to every question: the values asked with, and the
rows, or of long answers their number and digest.
"""

import json
import signal
import sqlite3
import zipfile
from contextlib import closing
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.rules.rule import rules
from pipeline.store.catalog import Query, bind, catalog
from pipeline.store.export import records
from pipeline.store.lake import Cursor, Store, open_store
from pipeline.store.migrate import migration_files, model_digest, read_migration
from tests.support.given import Given
from tests.support.lakes import ended, script

FIXTURES = Path(__file__).parent / "fixtures"
MIGRATIONS = Path(__file__).parents[2] / "pipeline" / "model" / "migrations"
ANSWERS: dict[str, dict[str, Any]] = json.loads((FIXTURES / "answers-0.1.json").read_text(encoding="utf-8"))
DERIVED = (
    "cycle_parts", "problems", "skips", "scope_parts", "member_claims", "footings", "event_spine", "pending_retries",
)  # fmt: skip
"Tables that back-fills write."
ANSWERED_OTHERWISE = {
    "cycle_duration": "a first cycle is not initial without a status",
    "cycles_beside": "outcome is what the log shows, reported_outcome Graph's word",
    "cycles_lately": "outcome is what the log shows, reported_outcome Graph's word",
    "day_cycles": "outcome is what the log shows, reported_outcome Graph's word",
    "quarantine_burn_down": "outcome is what the log shows, and failed only what Graph calls so",
    "issue_people": "a column says since when the object has another account",
    **dict.fromkeys(
        ("fleet", "open_escrows", "person_states", "quarantine_burn_down", "quarantine_waiting"),
        "pending retries are older than the slice of logs: since when, the retries' counts tell",
    ),
    **dict.fromkeys(
        ("daily_success", "failures_over_time", "outcomes_by_action"), "hours that the window cuts are counted in part"
    ),
    **dict.fromkeys(
        ("health/collection_troubled", "health/cycle_late", "health/retention_cliff", "health/silence"),
        "a rule says of what it cannot tell, and why",
    ),
    **dict.fromkeys(("incidents", "open_incidents"), "since when an incident cannot be judged, and its symptoms"),
    "file_ledger": "lines that are no SCIM requests are counted",
    "issues": "cause, action and owner by one table of causes",
    "people": "columns say why somebody is failing or skipped, and when Entra tries again",
    "placements": "whether the initial cycle has ended",
    "rule_runs_lately": "columns tell apps with data missing from apps without anything to check",
    "progress": "a running initial cycle has an estimate",
    **dict.fromkeys(("silence", "health/required_missing"), "the sentence reads otherwise"),
    **dict.fromkeys(
        ("token_calendar", "health/token_due"), "what a log rejected is counted by job; no expiry is unknown"
    ),
    "scope_moves": "whoever is created after the first known cycle came into scope",
}
"Questions that are rightly answered otherwise than by version 0.1, and why."
OPENING = """
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import Cursor, open_store
    open_store(read_settings()).close()
"""
KILLED = """
    import os, signal, sys
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import Cursor, open_store
    name, calls = sys.argv[1], int(sys.argv[2])
    def progress(migration, share):
        global calls
        calls -= migration.startswith(name)
        if calls == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    open_store(read_settings(), progress=progress)
"""


@pytest.fixture
def old(settings: Settings) -> Settings:
    """A store of version 0.1."""
    file = settings.catalog_file
    assert file is not None
    with zipfile.ZipFile(FIXTURES / "store-0.1.zip") as packed:
        packed.extractall(file.parent)
    with closing(sqlite3.connect(file)) as catalog, catalog:
        catalog.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{settings.folder}/"])
    return settings


@pytest.fixture
def old_without_derived(old: Settings) -> Settings:
    """A store from before the derived tables had rows, which is what back-fills are for."""
    open_store(old).close()
    store = open_store(old)
    store.write(lambda cursor: cursor.execute("".join(f"delete from {table};" for table in DERIVED)))
    names = [*DERIVED, "spine_of_earlier_events", "pending_retries_of_earlier_events"]
    store.write(lambda cursor: cursor.execute("delete from migrations where list_contains(?, name)", [names]))
    store.close()
    return old


def derived_rows(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Returns all rows of the derived tables; of object_keys only how many: the list has no order."""
    store = open_store(settings)
    keys = "select * replace (len(object_keys) as object_keys) from cycle_parts"
    tables = {table: f"from ({keys if table == 'cycle_parts' else f'from {table}'}) order by all" for table in DERIVED}
    rows = {table: store.rows(sql) for table, sql in tables.items()}
    store.close()
    return rows


def applied(store: Store) -> list[tuple[int, str]]:
    return [(int(number), str(name)) for number, name in store.rows("select number, name from migrations order by all")]


def objects(store: Store) -> set[str]:
    """The names of a store's views and macros."""
    views = "select view_name from duckdb_views() where database_name = 'provisioning'"
    macros = "select function_name from duckdb_functions() where database_name = 'provisioning'"
    return {str(name) for (name,) in store.rows(f"{views} union {macros}")}


def test_a_migrated_store_has_the_views_and_macros_of_a_new_one_and_no_others(old: Settings, store: Store) -> None:
    migrated = open_store(old)
    assert objects(migrated) == objects(store)
    assert len(objects(store)) > 100
    migrated.close()


@pytest.mark.deep
def test_what_a_process_of_version_0_1_builds_over_the_model_is_built_anew(old: Settings) -> None:
    first = open_store(old)

    def as_version_0_1_does(cursor: Cursor) -> None:
        cursor.execute("create or replace view identities as select 'of before' as state")
        cursor.execute("create table schema_versions (version varchar)")

    first.write(as_version_0_1_does)
    first.close()
    again = open_store(old, read_only=True)
    assert [row for row in again.rows("select distinct state from identities") if row == ("of before",)] == []
    assert "attempts" in again.fetch("from identities limit 0").column_names
    again.close()


def every_migration() -> list[tuple[int, str]]:
    return [(0, model_digest()), *((number, file.stem[5:]) for number, file in migration_files().items())]


def test_a_store_of_version_0_1_opens_with_progress_and_without_the_versions_by_hash(old: Settings) -> None:
    seen: list[tuple[str, float]] = []
    store = open_store(old, progress=lambda name, share: seen.append((name, share)))
    assert applied(store) == every_migration()
    migrations = [read_migration(file) for file in migration_files().values()]
    in_order = sorted(migrations, key=lambda one: (one.after_model, one.number))
    assert list(dict.fromkeys(name[:4] for name, _ in seen)) == [f"{one.number:04}" for one in in_order]
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1] < 1) == (0, True)
    tables = {
        name for (name,) in store.rows("select table_name from duckdb_tables() where database_name = 'provisioning'")
    }
    assert "background_jobs" in tables
    assert not {"beats", "schema_versions"} & tables
    assert store.rows("select job, outcome from background_jobs order by job") == [
        ("check", "failed"),
        ("ingest", "ok"),
    ]
    assert store.rows("select recorded_by from tokens order by recorded_at") == [("Ada",), ("Grace",)]
    revision = store.revision()
    store.close()
    again = open_store(old, progress=lambda *_: pytest.fail("nothing is left to migrate"))
    assert again.revision() == revision
    again.close()


def answer(store: Store, query: Query, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Asks a question; a rule that is asked as of many instants now was asked as of one."""
    if "at" in values and any(one.type == "TIMESTAMP[]" for one in query.parameters):
        values = values | {"at": [datetime.fromisoformat(values["at"]).replace(tzinfo=None)]}
    rows = records(store.fetch(query.sql, bind(query, values)))
    return [{name: value for name, value in row.items() if name != "as_of"} for row in rows]


def different_answers(store: Store) -> dict[str, Any]:
    """Asks every question as version 0.1 was asked, and returns what is answered otherwise."""
    queries = catalog() | {f"health/{name}": rule.query for name, rule in rules().items()}
    different = {}
    for name, recorded in ANSWERS.items():
        rows = answer(store, queries[name], recorded["values"])
        if "rows" in recorded:
            same = rows == recorded["rows"]
        else:
            text = json.dumps(rows, ensure_ascii=False)
            same = (len(rows), sha256(text.encode()).hexdigest()) == (recorded["count"], recorded["sha256"])
        if not same:
            different[name] = rows[:3]
    return different


def test_a_migrated_store_answers_as_version_0_1_did(old: Settings) -> None:
    store = open_store(old)
    assert different_answers(store).keys() == ANSWERED_OTHERWISE.keys()
    assert sum(recorded.get("rows") != [] for recorded in ANSWERS.values()) > 75
    store.close()


@pytest.mark.deep
def test_a_store_that_back_fills_have_filled_answers_as_if_loading_had(old_without_derived: Settings) -> None:
    store = open_store(old_without_derived)
    assert different_answers(store).keys() == ANSWERED_OTHERWISE.keys()
    store.close()


@pytest.mark.deep
def test_a_back_fill_of_a_table_that_has_rows_does_nothing(old: Settings) -> None:
    before = derived_rows(old)
    assert all(before.values())
    store = open_store(old)
    store.write(lambda cursor: cursor.execute("delete from migrations where number > 3"))
    store.close()
    assert derived_rows(old) == before


@pytest.mark.parametrize(
    ("name", "calls"),
    [pytest.param(name, 1, marks=pytest.mark.deep) for name in ("0001", "0003", "0004")],
)
def test_a_killed_migration_is_finished_by_the_next_opening(old: Settings, name: str, calls: int) -> None:
    assert ended(script(KILLED, name, str(calls)))[0] == -signal.SIGKILL
    store = open_store(old)
    assert applied(store) == every_migration()
    assert store.rows("select count(*) from background_jobs") == [(2,)]
    store.close()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("0004", marks=pytest.mark.deep),
        pytest.param("0009", marks=pytest.mark.deep),
        pytest.param("0012", marks=pytest.mark.deep),
    ],
)
def test_a_back_fill_that_was_killed_half_way_is_done_from_the_start(old_without_derived: Settings, name: str) -> None:
    assert ended(script(KILLED, name, "5"))[0] == -signal.SIGKILL
    interrupted = derived_rows(old_without_derived)
    store = open_store(old_without_derived)
    assert applied(store) == every_migration()
    store.write(lambda cursor: cursor.execute("".join(f"delete from {table};" for table in DERIVED)))
    store.write(lambda cursor: cursor.execute("delete from migrations where number > 3"))
    store.close()
    assert derived_rows(old_without_derived) == interrupted


@pytest.mark.deep
def test_retries_of_earlier_problems_are_read_to_the_end_after_a_kill(old: Settings) -> None:
    assert ended(script(KILLED, "0020", "5"))[0] == -signal.SIGKILL
    interrupted = derived_rows(old)
    store = open_store(old)
    assert store.rows("select count(*) from problems where is_retry is null") == [(0,)]
    assert store.rows("select count(*) > 0 from problems where retry_number > 0") == [(True,)]
    store.write(lambda cursor: cursor.execute("update problems set is_retry = null, retry_number = null"))
    store.write(lambda cursor: cursor.execute("delete from pending_retries"))
    store.write(lambda cursor: cursor.execute("delete from migrations where number > 19"))
    store.close()
    assert derived_rows(old) == interrupted


def test_attempts_that_failed_before_are_open_again(store: Store, settings: Settings, given: Given) -> None:
    for who, later in (("ada", []), ("bob", [given.disabled]), ("cid", [given.succeeded])):
        given.succeeded(who)
        given.failed(who, hour=1, action="disable")
        given.skipped(who, "NotEffectivelyEntitled", hour=2)
        for event in later:
            event(who, hour=3)
    # Another failure comes after the removal, and its code is what is open.
    given.succeeded("dan")
    given.failed("dan", hour=1, action="delete", error_code="First")
    given.failed("dan", hour=2, error_code="Newest")
    given.skipped("dan", "NotEffectivelyEntitled", hour=3)
    # A skip for want of an attribute leaves a failed update open, unless it was out of scope between them.
    for who, between in (("eve", []), ("fay", ["NotEffectivelyEntitled"])):
        given.failed(who, hour=1, error_code="Update")
        for hour, why in enumerate([*between, "AttributeValidationFailed"], 2):
            given.skipped(who, why, hour=hour)
    given.stored()
    asked = "select upn, state, open_error_code from identities order by upn", "from pending_retries order by object"
    right = [store.rows(sql) for sql in asked]
    assert [row[1] for row in right[0]] == ["failing", "disabled", "in_sync", "failing", "failing", "skipped"]
    assert (right[0][3][2], [row[0] for row in store.rows("select error_code from waiting_escrows order by 1")]) == (
        "Newest", ["EntryConflict", "Newest", "Update"],
    )  # fmt: skip
    blank = "removal_key = null, settled_key = null, failed_key = null, failed_error = null, out_key = null"
    store.write(lambda cursor: cursor.execute(f"update identity_parts set {blank}"))
    closed = "update pending_retries set closed_key = first_key, closed_at = opened_at"
    store.write(lambda cursor: cursor.execute(f"{closed} where source_id not in ('id-eve', 'id-fay')"))
    assert [store.rows(sql) for sql in asked] != right
    store.write(lambda cursor: cursor.execute("delete from migrations where number in (28, 31)"))
    store.close()
    store = open_store(settings)
    assert [store.rows(sql) for sql in asked] == right
    store.close()


def test_events_of_one_second_are_ordered_anew_with_all_that_rests_on_it(
    store: Store, settings: Settings, given: Given
) -> None:
    for number in range(4):
        for who in (f"p{number}", f"q{number}"):
            given.succeeded(who, action="create")
            (given.disabled if who.startswith("p") else partial(given.failed, action="disable"))(who)
        given.succeeded(f"p{number}", 1, 9)
        given.skipped(f"q{number}", "NotEffectivelyEntitled", 1, 9)
    given.stored()
    tables = ("event_spine", "footings", "problems", "pending_retries", "identity_parts")
    # The days' parts of one object are folded into one later.
    parts = "identity_fold('identity_parts', true)"
    asked = [f"from {table} order by all" for table in (*tables[:4], parts, "identities")]
    right = [store.rows(sql) for sql in asked]
    assert all(right)
    # As the order was: by the id's hash alone.
    old = "epoch(occurred_at)::bigint * 2147483648 + (hash(event_id) & 2147483647)::bigint"
    keys = f"select order_of(occurred_at, event_id, action, status) as new_key, {old} as old_key from events"
    for table in tables[:3]:
        sql = f"update {table} set order_key = k.old_key from ({keys}) k where {table}.order_key = k.new_key"
        store.write(partial(executed, sql=sql))
    store.write(
        partial(executed, sql="update identity_parts set state = 'in_sync', account = 'active', removal_key = null")
    )
    store.write(partial(executed, sql="update pending_retries set first_key = first_key + 1, closed_key = first_key"))
    assert all(store.rows(sql) != rows for sql, rows in zip(asked, right, strict=True))
    store.write(partial(executed, sql="delete from migrations where number = 40"))
    store.close()
    store = open_store(settings)
    assert [store.rows(sql) for sql in asked] == right
    store.close()


def executed(cursor: Cursor, sql: str) -> None:
    """Runs a statement."""
    cursor.execute(sql)


def test_a_reader_migrates_an_old_store_before_it_reads(old: Settings) -> None:
    reader = open_store(old, read_only=True)
    assert applied(reader) == every_migration()
    assert reader.rows("select count(*) from background_jobs") == [(2,)]
    with pytest.raises(StoreError, match="read-only"):
        reader.write(lambda cursor: cursor.execute("delete from events"))
    reader.close()


def test_two_processes_that_open_an_old_store_at_once_migrate_it_once(old: Settings) -> None:
    openings = [script(OPENING) for _ in range(2)]
    assert [ended(opening) for opening in openings] == [(0, "", "")] * 2
    store = open_store(old)
    assert applied(store) == every_migration()
    store.close()


def test_the_model_is_built_again_when_its_text_is_another(store: Store, settings: Settings) -> None:
    store.write(
        lambda cursor: cursor.execute("drop view steps; update migrations set name = 'another' where number = 0")
    )
    again = open_store(settings)
    assert again.rows("select count(*) from steps") == [(0,)]
    assert applied(again) == every_migration()
    again.close()


def test_a_store_of_a_newer_version_is_refused_in_a_sentence(store: Store, settings: Settings) -> None:
    store.write(lambda cursor: cursor.execute("insert into migrations values (9000, 'later', now()::timestamp)"))
    with pytest.raises(
        StoreError, match=r"written by a newer version of this program \(migration 9000; this one knows"
    ):
        open_store(settings)


def test_every_migration_has_a_number_of_its_own_and_a_first_line_that_describes_it() -> None:
    files = [file.name for file in migration_files().values()]
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    assert files == sorted(file.name for file in MIGRATIONS.iterdir())
    for file in migration_files().values():
        assert file.read_text(encoding="utf-8").startswith("-- "), file.name
