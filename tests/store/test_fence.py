"""Writers on a PostgreSQL catalog: who loses the connection loses the turn, and nothing is committed twice."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from pipeline.__main__ import run
from pipeline.config.errors import StoreBusy, StoreError, StoreMissing
from pipeline.config.settings import Settings
from pipeline.scheduler.scheduler import Standby
from pipeline.store.ducklake_workarounds import delete_old_rows_in_catalog
from pipeline.store.fence import LeaseLost, write_fenced
from pipeline.store.lake import Cursor, Store, open_store
from pipeline.store.process_lock import ProcessLock, current_holder
from tests.scheduler.test_scheduler import until
from tests.support.postgres import PASSWORD, USER, Server, Wire, needs_postgres

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def lake(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An empty lake, made once: its database and its folder."""
    database, folder = server.database(), tmp_path_factory.mktemp("lake")
    open_store(server.settings(database, folder)).close()
    return database, folder


@pytest.fixture
def there(server: Server, lake: tuple[str, Path]) -> Settings:
    """The settings of that lake."""
    return server.settings(*lake)


@pytest.fixture
def store(there: Settings) -> Iterator[Store]:
    """That lake, without the rows of other tests."""
    with closing(open_store(there)) as store:
        store.write(lambda cursor: cursor.execute("delete from rule_runs"))
        yield store


def add(cursor: Cursor, rule: str) -> None:
    """Stores one row."""
    cursor.execute("insert into rule_runs (rule) values (?)", [rule])


def added(store: Store) -> list[str]:
    """Returns what was stored."""
    return [rule for (rule,) in store.rows("select rule from rule_runs order by rule")]


def test_a_writer_whose_session_ends_cannot_commit_and_writes_again_over_what_another_wrote(
    store: Store, there: Settings, server: Server, lake: tuple[str, Path]
) -> None:
    other, seen = open_store(there), list[list[str]]()

    def change(cursor: Cursor) -> None:
        before = [rule for (rule,) in cursor.execute("select rule from rule_runs order by rule").fetchall()]
        seen.append(before)
        add(cursor, f"first, over {before}")
        if len(seen) == 1:
            assert server.end_sessions(lake[0], "provisioning writer%") == 1
            other.write(lambda cursor: add(cursor, "second"))

    store.write(change)
    assert seen == [[], ["second"]]
    assert added(store) == ["first, over ['second']", "second"]
    other.close()


def test_of_two_transactions_that_overlap_the_second_is_made_again_though_both_believe_to_have_the_turn(
    store: Store, there: Settings
) -> None:
    other, tries = open_store(there), []

    def change(cursor: Cursor) -> None:
        tries.append(cursor.execute("select count(*) from rule_runs").fetchone())
        if len(tries) == 1:
            # Without a turn at all, only the fence is between them.
            write_fenced(other.cursor(), lambda cursor: add(cursor, "other"), nullcontext, there)
        add(cursor, "mine")

    store.write(change)
    assert tries == [(0,), (1,)]
    assert added(store) == ["mine", "other"]
    other.close()


def test_a_commit_whose_answer_is_lost_is_made_once(server: Server, lake: tuple[str, Path]) -> None:
    wire = Wire(server.port)
    with closing(open_store(server.settings(*lake, port=wire.port))) as store:
        store.write(lambda cursor: cursor.execute("delete from rule_runs"))
        runs = []

        def change(cursor: Cursor) -> int:
            runs.append(len(runs))
            add(cursor, "once")
            wire.cut_after = b"COMMIT"
            return runs[-1]

        assert store.write(change) == len(runs) - 1
        assert wire.cuts == len(runs) == 1
        assert added(store) == ["once"]
    wire.close()


def test_a_restart_of_the_server_is_waited_for_by_writers_and_readers_go_on(
    store: Store, there: Settings, server: Server
) -> None:
    reader = open_store(there, read_only=True)
    assert added(reader) == []
    runs = []

    def change(cursor: Cursor) -> None:
        runs.append(1)
        add(cursor, "after all")
        if len(runs) == 1:
            server.restart()

    store.write(change)
    assert (len(runs), added(store), added(reader)) == (2, ["after all"], ["after all"])
    reader.close()


def test_nothing_is_committed_once_a_lease_is_lost_but_what_was_done_can_still_be_recorded(
    store: Store, there: Settings, server: Server, lake: tuple[str, Path]
) -> None:
    lease = ProcessLock.take(there, "poll-contoso", "poll")
    assert lease is not None
    store.leases.append(lease)
    store.write(lambda cursor: add(cursor, "while it was held"))
    assert server.end_sessions(lake[0], "provisioning poll%") == 1
    with pytest.raises(LeaseLost, match="lost its connection to the catalog"):
        store.write(lambda cursor: add(cursor, "afterwards"))
    store.write(lambda cursor: add(cursor, "recorded"), under_leases=False)
    assert added(store) == ["recorded", "while it was held"]
    assert not lease.is_valid()
    lease.release()


def test_a_lock_names_its_holder_and_is_free_when_released(there: Settings) -> None:
    assert current_holder(there, "beats") is None
    lock = ProcessLock.take(there, "beats", "watch")
    assert lock is not None
    assert ProcessLock.take(there, "beats", "dashboard") is None
    other = ProcessLock.take(there, "notify", "notify")
    assert other is not None
    holder = current_holder(there, "beats")
    assert holder is not None
    assert (holder.role, holder.since[:2]) == ("watch", "20")
    assert str(holder).startswith("watch (process ")
    lock.release()
    other.release()
    assert current_holder(there, "beats") is None


def test_a_turn_that_does_not_come_is_a_sentence(store: Store, there: Settings) -> None:
    store.settings.lock_wait = 0
    other = open_store(there)
    with other.turn(), pytest.raises(StoreBusy, match="has been held by another writer for 0 seconds"):
        store.write(lambda cursor: add(cursor, "never"))
    other.close()
    assert added(store) == []


def test_a_leader_that_loses_its_connection_stops_and_one_of_two_leads_again(
    there: Settings, server: Server, lake: tuple[str, Path]
) -> None:
    quiet = there.model_copy(update={"ingest_every": 3600, "maintain_every": 3600, "check_every": 3600})
    both = [Standby(quiet, role, retry_s=0.1).start() for role in ("watch", "dashboard")]
    until(lambda: any(one.scheduler for one in both))
    first, leader = next(one.scheduler for one in both if one.scheduler), current_holder(there, "beats")
    assert leader is not None
    assert server.end_sessions(lake[0], f"provisioning {leader.role}%") == 1
    until(lambda: any(one.scheduler and one.scheduler is not first for one in both))
    assert sum(one.scheduler is not None for one in both) == 1
    assert first is not None and not first.leads()
    for one in both:
        one.stop()
    assert current_holder(there, "beats") is None


def test_an_idle_lock_keeps_no_row_from_being_vacuumed(there: Settings, server: Server, lake: tuple[str, Path]) -> None:
    lock = ProcessLock.take(there, "beats", "watch")
    assert lock is not None
    idle = "from pg_stat_activity where application_name like 'provisioning watch%'"
    assert server.ask(f"select state, backend_xid, backend_xmin {idle}", lake[0]) == "idle in transaction||"
    lock.release()


def test_old_states_of_the_fence_are_forgotten(store: Store, server: Server, lake: tuple[str, Path]) -> None:
    for number in range(3):
        store.write(lambda cursor, number=number: add(cursor, str(number)))
    fence = (
        "from ducklake_inlined_data_tables join ducklake_table t using (table_id) where t.table_name = 'writer_fence'"
    )
    table = server.ask(f"select ducklake_inlined_data_tables.table_name {fence}", lake[0])
    states = f"select count(*) from {table}"
    assert int(server.ask(states, lake[0])) > 3
    server.ask(
        "delete from ducklake_snapshot where snapshot_id < (select max(snapshot_id) from ducklake_snapshot)", lake[0]
    )
    delete_old_rows_in_catalog(store.cursor(), in_postgres=True)
    assert int(server.ask(states, lake[0])) == 1
    store.write(lambda cursor: add(cursor, "3"))
    assert added(store) == ["0", "1", "2", "3"]


def test_a_commit_is_news_of_its_own_tables_alone(store: Store) -> None:
    counted = "select count(*) as events from events"
    answers = [store.ask(counted)]
    changes = store.answers
    store.write(lambda cursor: add(cursor, "heartbeat"))
    answers.append(store.ask(counted))
    assert changes is store.answers
    assert [table["events"][0].as_py() for table in answers] == [0, 0]


def test_no_statement_error_or_setting_shows_the_password(server: Server, lake: tuple[str, Path]) -> None:
    settings = server.settings(*lake)
    shown = [repr(settings), settings.store, settings.model_dump_json()]
    with closing(open_store(settings)) as store:
        for statement in (
            "pragma database_list",
            "from duckdb_databases()",
            "from duckdb_secrets()",
            "from duckdb_settings()",
        ):
            shown += [str(store.rows(statement))]
        server.stop()
        try:
            for attempt in (
                lambda: store.rows("select 1 from events"),
                lambda: open_store(settings),
                lambda: open_store(settings, read_only=True),
                lambda: ProcessLock.take(settings, "beats", "watch"),
            ):
                with pytest.raises(StoreError) as error:
                    attempt()
                shown.append(str(error.value))
                assert "Connection refused" in shown[-1]
        finally:
            server.start()
    wrong = settings.model_copy(update={"catalog_password": None})
    with pytest.raises(StoreError) as error:
        open_store(wrong)
    shown.append(str(error.value))
    assert not [text for text in shown if PASSWORD in text or "Pa55" in text]
    assert f"user={USER}" in settings.store


def test_neither_healthz_nor_a_command_shows_the_password_of_a_catalog_that_is_up_or_down(
    server: Server, lake: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Streamlit takes a second to load.
    from dashboard import healthz, prometheus

    monkeypatch.setenv("PROVISIONING_STORE", server.store(lake[0]))
    monkeypatch.setenv("PROVISIONING_FILES", str(lake[1] / "files"))
    shown, codes = [], []

    def look() -> None:
        for page in (healthz, prometheus):
            answer = asyncio.run(page(None))  # type: ignore[arg-type]
            codes.append(answer.status_code)
            shown.append(bytes(answer.body).decode())
        for words in (["status", "--json"], ["sql", "pragma database_list"], ["sql", "from duckdb_databases()"]):
            codes.append(run(words))
            shown.append(str(capsys.readouterr()))

    look()
    server.stop()
    try:
        look()
    finally:
        server.start()
    # Whether all is well, healthz and status judge by other tests' background jobs.
    assert codes[1:2] + codes[3:] == [200, 2, 2, 503, 503, 2, 2, 2], "sql refuses to list databases"
    assert not [text for text in shown if "Pa55" in text]
    assert all(f"dbname={lake[0]}" in text for text in shown[5:8])


def test_a_reader_without_a_store_is_asked_to_load_logs_and_makes_none(server: Server, tmp_path: Path) -> None:
    database = server.database()
    with pytest.raises(StoreMissing, match="does not exist; load logs first"):
        open_store(server.settings(database, tmp_path), read_only=True)
    assert server.ask("select count(*) from pg_tables where schemaname = 'public'", database) == "0"
