"""The published file: plain DuckDB, whole, of one revision, with views that answer as the lake's do."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import duckdb
import pytest

from pipeline.config.errors import PublishError
from pipeline.maintenance.compact import FOLDS, fold_table
from pipeline.maintenance.publish import PARTS, TABLES, publish
from pipeline.store.ducklake_workarounds import expire_statement, rewrite_files
from pipeline.store.lake import Cursor, Store
from tests.support.lakes import add_events

VIEWS = (
    "steps",
    "changes",
    "cycles",
    "identities",
    "escrows",
    "hourly",
    "quarantines",
    "outcomes",
    '"AADProvisioningLogs"',
)
PROMISED = {"events", "exchanges", "job_snapshots", "incidents", "action_log", "rule_runs", "rejects", "files"}


def test_every_view_answers_from_the_file_as_from_the_store_under_any_alias(store: Store, tmp_path: Path) -> None:
    add_events(store, 0, 600)
    publish(store, tmp_path / "published.duckdb")
    with duckdb.connect() as plain:
        plain.execute(f"attach '{tmp_path}/published.duckdb' as theirs (read_only)")
        for view in VIEWS:
            theirs = plain.execute(f"from theirs.{view} order by all").to_arrow_table()
            assert theirs == store.fetch(f"from {view} order by all"), view


def test_the_file_opens_without_extensions_and_has_the_promised_tables_but_not_the_internal_ones(
    store: Store, tmp_path: Path
) -> None:
    publish(store, tmp_path / "published.duckdb")
    options = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with duckdb.connect(str(tmp_path / "published.duckdb"), read_only=True, config=options) as plain:
        tables = {name for (name,) in plain.execute("select table_name from duckdb_tables()").fetchall()}
    assert tables >= PROMISED
    parts = {"identity_parts", "account_writers", "hourly_parts", "cycle_parts", "coverage", "problems"}
    beside_events = {"skips", "scope_parts", "member_claims", "footings", "event_spine", "pending_retries"}
    pairs = {
        "request_matches",
        "rejected_changes",
        "job_successors",
        "taken_over",
        "clock_days",
        "log_owner_hits",
        "unpaired_days",
    }
    assert tables - PROMISED == parts | beside_events | pairs


def test_a_reader_of_the_old_file_keeps_it_while_a_new_one_takes_its_place(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "published.duckdb"
    add_events(store, 0, 100)
    publish(store, file)
    with duckdb.connect(str(file), read_only=True) as reader:
        add_events(store, 100, 100)
        publish(store, file)
        assert reader.execute("select count(*) from events").fetchone() == (100,)
    with duckdb.connect(str(file), read_only=True) as reader:
        assert reader.execute("select count(*) from events").fetchone() == (200,)
    beside = {f".published.duckdb.{end}" for end in ("json", "spare")}
    assert {path.name for path in tmp_path.glob("*published*")} == {"published.duckdb"} | beside


def test_what_a_killed_publisher_left_is_no_obstacle(store: Store, tmp_path: Path) -> None:
    (tmp_path / ".published.duckdb.part").write_text("half")
    publish(store, tmp_path / "published.duckdb")
    assert not (tmp_path / ".published.duckdb.part").exists()


def test_progress_is_reported_up_to_the_end(store: Store, tmp_path: Path) -> None:
    shares: list[float] = []
    add_events(store, 0, 100)
    publish(store, tmp_path / "published.duckdb", shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_missing_folder_is_a_sentence(store: Store, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="nowhere is not a folder"):
        publish(store, tmp_path / "nowhere" / "published.duckdb")


def test_a_file_of_another_kind_is_left_alone(store: Store, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="is not a DuckDB file; it is left alone"):
        publish(store, tmp_path / "catalog.sqlite")
    assert store.rows("select count(*) from events") == [(0,)]


def write(store: Store, sql: str) -> None:
    """Commits one statement."""
    store.write(lambda cursor: cursor.execute(sql))


def merge(store: Store, table: str) -> None:
    """Makes one file of all that a table has, as maintenance does with small ones."""
    files = [str(file) for (file,) in store.rows(f"select distinct filename from {table} order by all")]
    store.write(lambda cursor: rewrite_files(cursor, table, files))


def fold_all(store: Store) -> None:
    """Makes one row a key of the partial rows."""
    for table in FOLDS:
        with store.cursor() as cursor:
            fold_table(store, cursor, table)


def of_file(file: Path, table: str) -> list[tuple[object, ...]]:
    """Returns a table's rows from the published file."""
    with duckdb.connect() as plain:
        plain.execute(f"attach '{file}' as theirs (read_only)")
        return plain.execute(f"from theirs.{table} order by all").fetchall()


CHANGES: tuple[Callable[[Store, int], None], ...] = (
    lambda store, n: add_events(store, n * 100, 1 + n % 7),
    lambda store, n: add_events(store, n * 100 - 50_000, 3),
    lambda store, _: merge(store, "events"),
    lambda store, _: merge(store, "problems"),
    lambda store, _: fold_all(store),
    lambda store, n: write(store, f"insert into rule_runs (rule, findings) values ('silence', {n})"),
    lambda store, n: write(store, f"insert into incidents (incident_id) values ('{n}'), ('twice'), ('twice')"),
    lambda store, n: write(store, f"update incidents set note = '{n}' where incident_id = 'twice'"),
    lambda store, n: write(store, f"delete from events where hash(event_id) % 11 = {n % 11}"),
    lambda store, _: write(store, "insert into background_jobs (job) values ('ingest')"),
)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.deep)])
def test_what_was_added_step_by_step_is_what_the_store_holds(store: Store, tmp_path: Path, seed: int) -> None:
    chance, file = Random(seed), tmp_path / "published.duckdb"
    for step in range(3):
        for change in chance.sample(CHANGES, chance.randrange(1, 5)):
            change(store, step)
        publish(store, file)
        for table in TABLES + PARTS:
            assert of_file(file, table) == store.rows(f"from {table} order by all"), (step, table)


def test_the_file_before_the_last_one_is_brought_up_to_date_and_no_other_is_written(
    store: Store, tmp_path: Path
) -> None:
    file, numbers = tmp_path / "published.duckdb", list[int]()
    for step in range(5):
        add_events(store, step * 10, 10)
        publish(store, file)
        numbers.append(file.stat().st_ino)
    assert numbers[1:3] == numbers[3:5]
    assert numbers[0] == numbers[2]


def test_nothing_is_written_when_nothing_is_new_in_the_published_tables(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "published.duckdb"
    add_events(store, 0, 10)
    publish(store, file)
    before = {(path.name, path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.glob("*published*")}
    write(store, "insert into background_jobs (job) values ('ingest')")
    publish(store, file)
    assert {(path.name, path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.glob("*published*")} == before


def test_a_file_that_somebody_still_reads_is_not_written_into(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "published.duckdb"
    add_events(store, 0, 100)
    publish(store, file)
    with file.open("rb") as copier:
        half = copier.read(1000)
        for step in range(1, 4):
            add_events(store, step * 100, 100)
            publish(store, file)
        whole = half + copier.read()
    copied = tmp_path / "copied.duckdb"
    copied.write_bytes(whole)
    assert len(of_file(copied, "events")) == 100
    assert len(of_file(file, "events")) == 400


def test_a_file_that_somebody_wrote_into_is_written_anew(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "published.duckdb"
    for step in range(2):
        add_events(store, step * 10, 10)
        publish(store, file)
    with duckdb.connect(str(file)) as mine:
        mine.execute("create table notes as select 1 as note; delete from events")
    add_events(store, 20, 10)
    publish(store, file)
    assert len(of_file(file, "events")) == 30
    with duckdb.connect(str(file), read_only=True) as plain:
        assert plain.execute("select 1 from duckdb_tables() where table_name = 'notes'").fetchall() == []


def test_a_file_of_an_expired_snapshot_is_written_anew(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "published.duckdb"
    add_events(store, 0, 10)
    publish(store, file)
    write(store, "delete from events where event_id < 'event-5'")

    def expire(cursor: Cursor) -> None:
        cursor.execute(expire_statement(list(range(store.revision()))))

    store.write(expire)
    publish(store, file)
    assert of_file(file, "events") == store.rows("from events order by all")
