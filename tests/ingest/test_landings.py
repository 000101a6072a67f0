"""A batch lands while the next one is staged: the same store and the same ledger as one after the other."""

from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.ingest.landings import Landings
from pipeline.store.lake import Cursor, Store, open_store
from tests.support.loads import put, read
from tests.support.shapes import event, lines, packed

CONTENT = (
    "from events order by all",
    "select * exclude (rejected_at) from rejects order by all",
    "select * exclude (finished_at, file_state) from files order by all",
    "from identities order by all",
    "select * exclude (read_at) from coverage order by all",
)


def logs() -> dict[str, bytes]:
    """Files of many slices of 64 KB, some of whose lines are broken or stand in another file as well."""
    told = [event(f"s{number % 90}", number % 700) for number in range(400)]
    broken = lines(told[:200]).replace(b'"id"', b'"id', 3)
    return {
        "a.log": broken + b"oops\n" + lines(told[150:260]),
        "b.gz": packed(lines(told[200:350])),
        "c.log": lines(told[300:]) + b"half",
    }


def content(settings: Settings, folder: Path, threads: int) -> list[list[tuple[object, ...]]]:
    """Loads the logs into a store of their own with small slices; returns all that it holds."""
    store = open_store(
        settings.model_copy(
            update={"slice_bytes": 65536, "threads": threads, "store": f"ducklake:sqlite:{folder}/{threads}/c.sqlite"}
        )
    )
    read(store, folder / "in")
    found = [store.rows(sql) for sql in CONTENT]
    store.close()
    return found


@pytest.mark.deep
def test_batches_that_overlap_give_the_store_of_batches_in_turn(settings: Settings, tmp_path: Path) -> None:
    put(tmp_path / "in", logs())
    assert content(settings, tmp_path, 4) == content(settings, tmp_path, 1)


@pytest.mark.deep
def test_what_was_handed_over_lands_though_the_reader_is_stopped(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    folder = put(tmp_path / "in", logs())
    overlapping = open_store(settings.model_copy(update={"slice_bytes": 131_072, "threads": 4}))

    def stop(done: int, _all: int) -> None:
        if done > 300_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(overlapping, [folder], progress=stop)
    [(kept, lines_read)] = store.rows("select (select count(*) from events), (select sum(kept) from files)")
    assert kept == lines_read > 0
    read(overlapping, folder)
    assert store.rows("select count(distinct event_id) = count(*) from events") == [(True,)]
    overlapping.close()


def test_a_landing_that_fails_ends_the_run_and_nothing_of_it_is_kept(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    folder = put(tmp_path / "in", logs())
    overlapping = open_store(settings.model_copy(update={"slice_bytes": 131_072, "threads": 4}))

    def drop(cursor: Cursor) -> None:
        cursor.execute("drop table hourly_parts")

    store.write(drop)
    with pytest.raises(Exception, match="hourly_parts"):
        ingest(overlapping, [folder])
    assert store.rows("select (select count(*) from events), (select count(*) from files)") == [(0, 0)]
    overlapping.close()


def test_a_run_of_one_batch_needs_no_second_one(settings: Settings, store: Store, tmp_path: Path) -> None:
    with Landings(store) as landings:
        assert list(landings.finish()) == []
        assert landings._spare is None and landings._pending is None
