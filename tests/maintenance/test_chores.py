"""Maintenance: what goes, what stays, and that answers are the same before and after."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.config.settings import Settings
from pipeline.maintenance.chores import Done, maintain, snapshots_to_expire, trust_clock
from pipeline.store.lake import Store, open_store
from tests.support.lakes import add_events, ended, script

WITHOUT_PYTZ = """
    import sys
    sys.modules["pytz"] = None
    from datetime import UTC, datetime, timedelta
    from pipeline.config.settings import read_settings
    from pipeline.maintenance.chores import maintain
    from pipeline.store.lake import open_store
    store = open_store(read_settings())
    for minutes in (0, 120, 126):
        done = maintain(store, datetime.now(UTC) + timedelta(minutes=minutes))
        print(*sorted({item.chore for item in done}), sep=", ")
"""
NOW = datetime(2026, 1, 26, 13, 30, tzinfo=UTC)
FOLDED = ("identities", "hourly", "escrows", "cycles")


def answers(store: Store) -> list[pa.Table]:
    return [store.fetch(f"from {view} order by all") for view in FOLDED]


def amounts(done: list[Done]) -> dict[tuple[str, str], int]:
    return {(item.chore, item.subject): item.amount for item in done}


def parquet(settings: Settings) -> set[Path]:
    return set(settings.folder.rglob("*.parquet"))


def busy(store: Store) -> None:
    """Ten commits of 150 events on 100 people, one a minute."""
    for batch in range(10):
        add_events(store, batch * 150, 150, people=100)


def test_many_small_commits_become_few_files_and_the_same_answers(store: Store) -> None:
    for batch in range(20):
        add_events(store, batch * 100, 100, people=100)
    before = answers(store)
    done = amounts(maintain(store, NOW))
    assert done["merge", "events"] == 20
    assert done["fold", "identity_parts"] == 20 * 100 - 100
    assert answers(store) == before
    assert store.rows("select count(*) from identity_parts") == [(100,)]
    assert store.rows("select count(*) from ducklake_list_files('provisioning', 'events')") == [(1,)]


def test_merging_takes_nothing_that_an_older_snapshot_reads_from_the_catalog(store: Store) -> None:
    for batch in range(10):
        add_events(store, batch * 10, 10)
    listed = "from __ducklake_metadata_provisioning.ducklake_data_file select data_file_id"
    before = set(store.rows(listed))
    assert ("merge", "events") in amounts(maintain(store, NOW))
    assert set(store.rows(listed)) > before


@pytest.mark.deep
def test_events_that_come_late_fold_the_same_whether_parts_were_folded_before_or_not(
    store: Store, tmp_path: Path
) -> None:
    other = open_store(store.settings.model_copy(update={"store": f"ducklake:sqlite:{tmp_path}/other/catalog.sqlite"}))
    for lake in (store, other):
        for batch in range(16):
            add_events(lake, 1000 + batch * 100, 100, people=100)
    assert ("fold", "identity_parts") in amounts(maintain(store, NOW))
    for lake in (store, other):
        add_events(lake, 0, 500, people=100)
    assert answers(store) == answers(other)


def test_rows_that_arrive_while_parts_are_folded_are_not_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for batch in range(20):
        add_events(store, batch * 100, 100, people=100)
    write = store.write

    def write_after_another(change: object, on: object = None) -> object:
        monkeypatch.setattr(store, "write", write)
        add_events(store, 5000, 100, people=100)
        return write(change, on)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "write", write_after_another)
    maintain(store, NOW)
    assert store.rows("select sum(attempts), max(last_event_at) from identities") == store.rows(
        "select count(*), max(occurred_at) from events"
    )


def test_a_second_round_finds_nothing_and_commits_nothing(store: Store) -> None:
    busy(store)
    maintain(store, NOW)
    revision = store.revision()
    assert maintain(store, NOW) == []
    assert store.revision() == revision


def test_a_dry_run_counts_and_changes_nothing(store: Store, settings: Settings) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=20)
    for batch in range(10):
        add_events(store, batch * 150, 150, people=100, start=f"{long_ago:%Y-%m-%d}", step_s=1152)
    store.settings.keep_days = 10
    before, files, revision = answers(store), parquet(settings), store.revision()
    counted = amounts(maintain(store, datetime.now(UTC) + timedelta(hours=2), dry_run=True))
    assert {chore for chore, _subject in counted} >= {"retention", "merge", "expire"}
    assert (answers(store), parquet(settings), store.revision()) == (before, files, revision)


def test_retention_drops_whole_days_and_the_rollup_keeps_agreeing_with_the_events(store: Store) -> None:
    add_events(store, 0, 3000, step_s=600)
    store.settings.keep_days = 5
    done = amounts(maintain(store, NOW))
    first_kept = datetime(2026, 1, 21)
    assert store.rows("select min(occurred_at) from events") == [(first_kept,)]
    assert done["retention", "events"] == 3000 - store.rows("select count(*) from events")[0][0]
    assert store.rows("select sum(events), min(hour) from hourly") == store.rows(
        "select count(*), date_trunc('hour', min(occurred_at)) from events"
    )


def test_retention_keeps_the_latest_word_on_an_object_unless_it_was_deleted(store: Store) -> None:
    add_events(store, 1, 97, people=97)
    store.settings.keep_days = 1
    trust_clock(store, NOW)
    assert store.rows("select count(*) from identities where state = 'deleted'") == [(1,)]
    maintain(store, NOW)
    assert store.rows("select count(*) from events") == [(0,)]
    assert store.rows("select count(*), count(*) filter (where state = 'deleted') from identities") == [(96, 0)]


def test_retention_drops_old_exchanges_rejects_and_snapshots_but_a_jobs_latest(store: Store) -> None:
    def change(cursor: object) -> None:
        for table, instant in (
            ("exchanges", "occurred_at"),
            ("rejects", "rejected_at"),
            ("job_snapshots", "observed_at"),
        ):
            job = ", job_id" if table == "job_snapshots" else ""
            cursor.execute(  # type: ignore[attr-defined]
                f"insert into {table} by name select d as {instant} {job and ', job as job_id'} from "
                "(values (timestamp '2026-01-01'), (timestamp '2026-01-02'), (timestamp '2026-01-25')) d(d), "
                "(values ('a')) j(job)"
            )
        cursor.execute(  # type: ignore[attr-defined]
            "insert into job_snapshots by name select 'idle' as job_id, timestamp '2026-01-01' as observed_at"
        )

    store.write(change)
    store.settings.keep_days = 5
    maintain(store, NOW)
    kept = datetime(2026, 1, 25)
    assert store.rows("select occurred_at from exchanges") == [(kept,)]
    assert store.rows("select rejected_at from rejects") == [(kept,)]
    assert store.rows("select job_id, observed_at from job_snapshots order by all") == [
        ("a", kept),
        ("idle", datetime(2026, 1, 1)),
    ]


def test_everything_is_kept_when_no_days_are_set(store: Store) -> None:
    add_events(store, 0, 100)
    assert not [
        item for item in maintain(store, datetime(2126, 1, 1, tzinfo=UTC), dry_run=True) if item.chore == "retention"
    ]


def test_merged_files_go_once_no_question_can_still_be_reading_them(store: Store, settings: Settings) -> None:
    busy(store)
    many = len(parquet(settings))
    maintain(store, datetime.now(UTC))
    assert len(parquet(settings)) > many
    assert ("expire", "lake") in amounts(maintain(store, datetime.now(UTC) + timedelta(hours=2)))
    assert maintain(store, datetime.now(UTC) + timedelta(minutes=4)) == []
    assert amounts(maintain(store, datetime.now(UTC) + timedelta(minutes=6)))["clean up", "lake"] > 0
    assert len(parquet(settings)) < many
    assert store.rows("select count(*) from events") == [(1500,)]


def test_no_snapshot_expires_while_files_of_others_wait_so_that_fast_rounds_keep_none_for_ever(store: Store) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    busy(store)
    maintain(store, later)
    add_events(store, 2000, 10)
    assert snapshots_to_expire(store, later) == []
    done = amounts(maintain(store, later))
    assert done["clean up", "lake"] > 0 and done["expire", "lake"] > 0


def test_snapshots_stay_readable_for_as_long_as_the_setting_to_the_minute(store: Store) -> None:
    busy(store)
    snapshots = "select count(*) from ducklake_snapshots('provisioning')"
    [(all_of_them,)] = store.rows(snapshots)
    maintain(store, datetime.now(UTC) + timedelta(minutes=58))
    assert store.rows(snapshots)[0][0] >= all_of_them
    maintain(store, datetime.now(UTC) + timedelta(minutes=62))
    assert store.rows(snapshots) == [(1,)]


def test_files_of_expired_snapshots_still_merge(store: Store) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    for first in (0, 400):
        for batch in range(4):
            add_events(store, first + batch * 100, 100)
        maintain(store, later)
    assert store.rows("select count(*) from ducklake_list_files('provisioning', 'events')") == [(1,)]


def test_no_chore_fetches_an_instant_with_a_zone_for_which_duckdb_would_need_pytz(store: Store) -> None:
    busy(store)
    code, printed, errors = ended(script(WITHOUT_PYTZ))
    assert (code, errors) == (0, "")
    assert printed.splitlines() == ["merge", "expire", "clean up"]


def test_a_file_that_a_killed_writer_left_goes_after_an_hour(store: Store, settings: Settings) -> None:
    busy(store)
    left = settings.folder / "main" / "events" / "ducklake-00000000-0000-7000-8000-000000000000.parquet"
    left.write_text("half")
    maintain(store, datetime.now(UTC) + timedelta(minutes=50))
    assert left.exists()
    assert amounts(maintain(store, datetime.now(UTC) + timedelta(minutes=70)))["orphans", "lake"] == 1
    assert not left.exists()
    assert [file.read_text() for file in settings.folder.glob(f"trash/*/main/events/{left.name}")] == ["half"]
    assert store.rows("select count(*) from events") == [(1500,)]


def test_parquet_from_elsewhere_in_the_lakes_folder_is_never_deleted(store: Store, settings: Settings) -> None:
    busy(store)
    foreign = settings.folder / "report.parquet"
    foreign.write_text("precious")
    maintain(store, datetime.now(UTC) + timedelta(hours=2))
    assert foreign.read_text() == "precious"
