"""The store under several processes and threads, under failures, and under hands that should only read."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import gettempdir
from threading import Event, Thread

import duckdb
import pytest
from filelock import FileLock

from pipeline.config.errors import QuestionRefused, SettingsError, StoreBusy, StoreError, StoreMissing
from pipeline.config.settings import Settings, lock_file, read_settings
from pipeline.store.catalog import bind, find_query
from pipeline.store.extensions import extension_files
from pipeline.store.failures import remedy
from pipeline.store.lake import Cursor, Store, open_store, seal
from pipeline.store.migrate import migration_files
from pipeline.store.read_only import read_only_statement
from tests.support.lakes import add_events, ended, next_line, script

WRITER = """
    import sys
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store
    store = open_store(read_settings())
    for n in range(8):
        store.write(lambda c: c.execute("insert into rule_runs (rule, findings) values (?, ?)", [sys.argv[1], n]))
"""
INTERRUPTED = """
    import sys, time
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store
    store = open_store(read_settings())
    def change(cursor):
        cursor.execute("insert into rule_runs (rule) select 'half' from range(200000)")
        print("written, not committed", flush=True)
        time.sleep(60)
    store.write(change)
"""
FULL_DISK = """
    import resource
    from pipeline.config.errors import StoreError
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store
    store = open_store(read_settings())
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        store.write(lambda c: c.execute("insert into rule_runs (rule) select uuid() from range(200000)"))
    except StoreError as error:
        print(error)
"""
QUESTIONS = """
    select 1
    with x as (select 1) from x
    from events
    summarize events
    show tables
    values (1)
    select 'insert into x'
    explain select 1
    explain analyze select 1
    select e'\\' from ducklake_expire_snapshots(1) --'
    from identities, range(2), unnest([1])
    from ducklake_snapshots('provisioning')
    from duckdb_columns
    from hourly_fold('hourly_parts')
    /* why */ explain (format json) select 1
""".strip().split("\n    ")
NO_QUESTIONS = """
    selct 1
    insert into events default values
    drop table events
    select 1; drop table events
    pragma database_list; from x
    set threads = 1
    begin
    vacuum
    copy events to 'x.csv'
    attach 'x'
    explain analyze copy (select 1) to 'x.csv'
    explain analyze delete from events
    call ducklake_expire_snapshots('provisioning')
    from ducklake_cleanup_old_files('provisioning')
    from "ducklake_merge_adjacent_files"('provisioning')
    from query('from ducklake_' || 'expire_snapshots(1)')
    from query /* x */ ('select 1')
    explain analyze from ducklake_expire_snapshots('provisioning')
    from query /* /* */ */ ('select 1')
    select e'\\\\', '/*', (from ducklake_expire_snapshots(1)), '*/'
    explain analyze /* /* */ select '*/ delete from events --'
    summarize from ducklake_delete_orphaned_files('provisioning')
    from sqlite_scan('/tmp/x.sqlite', 'x')
    select (select count(*) from "SQLite_Scan"('/tmp/x.sqlite', 'x'))
    from postgres_scan('host=db.example', 'public', 'x')
    from postgres_query('x', 'select 1')
    from mysql_query('x', 'select 1')
    from postgres_scan_pushdown('host=db.example', 'public', 'x')
    select (select count(*) from "Postgres_Query"('__ducklake_metadata_provisioning', 'select 1'))
    with x as (from mysql_scan('host=db.example', 'x', 'x')) select 1 where exists (from x)
    call postgres_execute('x', 'drop table y')
    call mysql_execute('x', 'drop table y')
    from postgres_attach('host=db.example')
    from sqlite_attach('/tmp/x.sqlite')
    explain analyze from postgres_query('x', 'select 1')
    from sqlite_query('x', 'select 1')
    with x as (from read_text('/etc/hostname')) from x
    from glob('/*')
    from 'x.parquet'
    from "/etc/hostname"
    from read_blob('/etc/hostname')
    from sniff_csv('/etc/hostname')
    from parquet_metadata('x')
    from json_execute_serialized_sql('x')
    select json_serialize_plan('from sqlite_scan(1, 2)')
    select getenv('HOME')
    select current_setting('s3_secret_access_key')
    select system.main.repeat('x', 4000000000)
    select 'x'.repeat(4000000000)
    from duckdb_secrets()
    from duckdb_secrets
    from duckdb_databases()
    from system.main.duckdb_databases
    from duckdb_settings()
    from pragma_database_list
    from pragma_database_list()
    pragma database_list
    from duckdb_logs
    summarize from sqlite_scan('x', 'x')
    describe from read_csv('/etc/passwd')
    explain from sqlite_scan('x', 'x')
    from no_such_function(1)
    load sqlite_scanner
    install mysql
    set variable x = 1
    -- nothing
""".strip().split("\n    ")


def count(store: Store, table: str = "rule_runs") -> int:
    return int(store.rows(f"select count(*) from {table}")[0][0])


def test_writers_in_several_processes_take_turns_from_the_first_opening_on(settings: Settings) -> None:
    writers = [script(WRITER, f"writer {number}") for number in range(3)]
    assert [ended(writer) for writer in writers] == [(0, "", "")] * 3
    store = open_store(settings, read_only=True)
    assert store.rows("select rule, count(*) from rule_runs group by all order by all") == [
        (f"writer {number}", 8) for number in range(3)
    ]
    assert store.rows("select count(*), count(distinct number) from migrations") == [(len(migration_files()) + 1,) * 2]


def test_another_process_moves_the_revision_and_answers_follow_it(store: Store) -> None:
    question = "select count(*) as runs from rule_runs"
    before, first = store.revision(), store.ask(question)
    assert store.ask(question) is first
    assert ended(script(WRITER, "other")) == (0, "", "")
    assert store.revision() == before + 8
    assert store.ask(question).to_pylist() == [{"runs": 8}]


def test_answers_are_kept_apart_by_the_values_asked_with(store: Store) -> None:
    assert [store.ask("select $n as n", {"n": n}).to_pylist() for n in (1, 2, 1)] == [
        [{"n": 1}],
        [{"n": 2}],
        [{"n": 1}],
    ]


def test_threads_that_share_a_store_get_their_own_answers(store: Store) -> None:
    add_events(store, 0, 500)
    question = "select count(*) as n from events where source_id = $who"
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: store.fetch(question, {"who": f"person-{n % 50}"}).to_pylist(), range(120)))
    assert answers == [[{"n": 10}]] * 120


def test_a_writer_killed_in_its_transaction_leaves_the_store_as_before_and_the_turn_free(store: Store) -> None:
    store.write(lambda cursor: cursor.execute("insert into rule_runs (rule) values ('before')"))
    writer = script(INTERRUPTED)
    assert next_line(writer) == "written, not committed"
    os.kill(writer.pid, signal.SIGKILL)
    ended(writer)
    store.write(lambda cursor: cursor.execute("insert into rule_runs (rule) values ('after')"))
    assert store.rows("select rule from rule_runs order by rule") == [("after",), ("before",)]


def test_a_change_that_raises_leaves_nothing(store: Store) -> None:
    def change(cursor: Cursor) -> None:
        cursor.execute("insert into rule_runs (rule) values ('half')")
        raise KeyError("half way")

    before = store.revision()
    with pytest.raises(KeyError):
        store.write(change)
    assert (count(store), store.revision()) == (0, before)


def test_readers_do_not_wait_for_a_writer_that_holds_the_turn(store: Store, settings: Settings) -> None:
    reader = open_store(settings, read_only=True)
    inside, leave = Event(), Event()

    def change(_cursor: Cursor) -> None:
        inside.set()
        leave.wait(60)

    writer = Thread(target=store.write, args=[change])
    writer.start()
    inside.wait(60)
    assert (count(reader), count(store)) == (0, 0)
    leave.set()
    writer.join()


def test_a_turn_that_does_not_come_is_a_sentence(store: Store) -> None:
    store.settings.lock_wait = 0
    with FileLock(lock_file(store.settings, "lock"), thread_local=False), ThreadPoolExecutor(1) as pool:
        refused = pool.submit(store.write, lambda _cursor: None).exception()
    assert isinstance(refused, StoreBusy)
    assert "has been held by another writer for 0 seconds" in str(refused)


def test_a_reader_cannot_write(store: Store, settings: Settings) -> None:
    reader = open_store(settings, read_only=True)
    with pytest.raises(StoreError, match="read-only"):
        reader.write(lambda cursor: cursor.execute("delete from events"))


def test_a_reader_without_a_store_is_asked_to_load_logs_and_makes_none(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match=r"catalog\.sqlite does not exist; load logs first"):
        open_store(settings, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_sealed_store_reaches_its_own_tables_and_nothing_else(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    add_events(store, 0, 100)
    (tmp_path / "inbox.json").write_text("{}")
    reader = open_store(settings, read_only=True)
    seal(reader)
    assert count(reader, "identities") == 50
    add_events(store, 100, 100)
    assert count(reader, "events") == 200
    for reach in (
        f"select * from read_text('{tmp_path}/inbox.json')",
        "select * from read_text('/etc/hostname')",
        f"copy (select 1) to '{tmp_path}/out.csv'",
        f"attach '{tmp_path}/other.duckdb'",
        "set enable_external_access = true",
        "install httpfs",
    ):
        with pytest.raises(StoreError):
            reader.rows(reach)


@pytest.mark.parametrize("sql", QUESTIONS)
def test_a_question_is_let_through_as_it_is(sql: str) -> None:
    assert read_only_statement(sql) == sql


@pytest.mark.parametrize("sql", NO_QUESTIONS)
def test_what_is_no_question_is_refused_in_a_sentence(sql: str) -> None:
    with pytest.raises(QuestionRefused) as refused:
        read_only_statement(sql)
    assert "\n" not in str(refused.value)


def test_a_question_that_cannot_be_answered_is_a_sentence_without_a_pointer_into_the_sql(store: Store) -> None:
    with pytest.raises(StoreError) as error:
        store.fetch("select nope from events")
    assert str(error.value).startswith('The store could not answer: Binder Error: Referenced column "nope" not found')
    assert "\n" not in str(error.value)


def test_a_wrong_setting_is_named_with_what_was_expected(settings: Settings) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(ingest_every="5min", store="postgres://x")
    assert "PROVISIONING_INGEST_EVERY is '5min'; give whole numbers, such as 300." in str(error.value)
    assert "PROVISIONING_STORE is 'postgres://x'; give ducklake:sqlite:FILE or" in str(error.value)


def test_a_full_disk_is_a_sentence_and_the_store_is_as_before(store: Store) -> None:
    store.write(lambda cursor: cursor.execute("insert into rule_runs (rule) values ('before')"))
    code, said, _err = ended(script(FULL_DISK))
    assert code == 0
    assert "could not be written and is as before: IO Error" in said
    assert store.rows("select rule from rule_runs") == [("before",)]
    assert remedy(OSError('Could not write "ducklake-1.parquet": No space left on device')) == "; free some of it"
    assert "put it back" in remedy(duckdb.Error("Table with name ducklake_snapshot does not exist!"))


def test_a_place_where_no_store_can_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = read_settings(store=f"ducklake:sqlite:{tmp_path}/file/catalog.sqlite")
    with pytest.raises(StoreError, match=r"file/catalog\.sqlite cannot be opened: .*: Not a directory; a folder"):
        open_store(settings)


def test_a_catalog_that_is_something_else_is_a_sentence_and_left_alone(tmp_path: Path) -> None:
    catalog = tmp_path / "notes.txt"
    catalog.write_text("these are notes, and no catalog at all\n" * 100)
    with pytest.raises(StoreError, match=r"cannot be opened: .*not a database; .*restore DIR --replace"):
        open_store(read_settings(store=f"ducklake:sqlite:{catalog}"))
    assert catalog.read_text().startswith("these are notes")
    with pytest.raises(StoreError, match="is a folder; a file was expected"):
        open_store(read_settings(store=f"ducklake:sqlite:{tmp_path}"))


@pytest.mark.skipif(os.sep != "/", reason="a backslash is no part of a name here")
def test_a_lake_in_a_folder_with_a_backslash_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    for settings in (
        read_settings(store=f"ducklake:sqlite:{tmp_path}/catalog.sqlite", files=tmp_path / "back\\slash"),
        read_settings(store=f"ducklake:sqlite:{tmp_path}/back\\slash/catalog.sqlite"),
    ):
        with pytest.raises(StoreError, match="takes a backslash for a slash"):
            open_store(settings)
    assert list(tmp_path.iterdir()) == []


def test_duckdb_uses_as_many_threads_as_the_setting(settings: Settings) -> None:
    store = open_store(settings.model_copy(update={"threads": 3}))
    assert store.rows("select current_setting('threads')") == [(3,)]
    store.close()


def test_what_does_not_fit_into_memory_goes_to_a_folder_of_the_connection_s_own(settings: Settings) -> None:
    stores = [open_store(settings), open_store(settings)]
    folders = {Path(store.rows("select current_setting('temp_directory')")[0][0]) for store in stores}
    assert len(folders) == 2
    assert all(folder.parent == Path(gettempdir()) for folder in folders)
    for store in stores:
        store.close()


def test_an_answer_holds_while_none_of_its_tables_changes(store: Store) -> None:
    add_events(store, 0, 20)
    sql = find_query("placements").sql
    values = bind(find_query("placements"), {})
    first = store.ask(sql, values)
    assert ended(script(WRITER, "other")) == (0, "", "")
    assert store.ask(sql, values) is first
    add_events(store, 20, 20)
    assert store.ask(sql, values) is not first
    second = store.ask(sql, values)
    store.write(lambda cursor: cursor.execute("alter table background_jobs add column extra integer"))
    assert store.ask(sql, values) is not second


def test_extensions_load_only_with_a_valid_signature(settings: Settings, tmp_path: Path) -> None:
    forged = tmp_path / "forged.duckdb_extension"
    content = bytearray(extension_files("ducklake")[0].read_bytes())
    content[1000] ^= 1
    forged.write_bytes(content)
    opening = script(
        """
        import sys
        from pipeline.config.settings import read_settings
        from pipeline.store.lake import open_store
        open_store(read_settings()).rows(f"load '{sys.argv[1]}'")
        """,
        str(forged),
    )
    code, _, sentence = ended(opening)
    assert code == 1 and "signature" in sentence
