"""The published file: plain DuckDB, whole, of one revision, with views that answer as the lake's do."""

from pathlib import Path

import duckdb
import pytest

from pipeline.config.errors import PublishError
from pipeline.maintenance.publish import publish
from pipeline.store.lake import Store
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
PROMISED = {"events", "exchanges", "job_snapshots", "incidents", "rule_runs", "rejects", "files"}


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
    parts = {"identity_parts", "hourly_parts", "cycle_parts", "coverage", "problems"}
    beside_events = {"skips", "scope_parts", "member_claims", "footings", "event_spine"}
    pairs = {"request_matches", "clock_days", "log_owner_hits", "unpaired_days"}
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
    assert [path.name for path in tmp_path.glob("*published*")] + list(tmp_path.glob(".*")) == ["published.duckdb"]


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
