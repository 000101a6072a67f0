"""Every damage is found, taken out and said; the files that are named bring back what went, to the last number.

The deep run damages the files of each table, one after another; DAMAGES=5 those of as many.
"""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.maintenance.chores import maintain, trust_clock
from pipeline.maintenance.forget import forget, forget_reading, names_of
from pipeline.maintenance.pairing import pair
from pipeline.maintenance.repair import find_damage, repair
from pipeline.maintenance.verify import Verified, catalog_fault, verify
from pipeline.store.lake import Store, open_store
from tests.support.lakes import copied
from tests.support.loads import put
from tests.support.shapes import event, failed, lines, skipped, zipped

DAMAGES = int(os.environ.get("DAMAGES", "40"))
HOUR = timedelta(hours=1)
NOW = datetime(2026, 1, 26, 12, tzinfo=UTC)
ANSWERS = ("identities", "hourly", "escrows", "cycles", "footings", "problems", "skips", "event_spine")
REQUESTS = b"".join(
    b'{"ts":"2026-01-05T0%d:00:0%dZ","method":"POST","path":"/scim/v2/Users","status":409,"request_id":"r-%d"}\n'
    % (n % 7, n % 10, n)
    for n in range(40)
)


def logs(folder: Path) -> Path:
    """Four files: two days of events of which the second repeats some of the first, and a log of requests."""
    people = ("ada", "ben", "cyd", "dee", "eve")
    first = [
        [event, failed, skipped][number % 3](people[number % 5], number * 7)  # type: ignore[operator]
        for number in range(120)
    ]
    second = [failed(people[number % 5], 700 + number * 11) for number in range(60)]
    third = [event(people[number % 3], 2000 + number * 5) for number in range(40)]
    content = {"a.ndjson": lines(first), "b.ndjson": lines(first[80:] + second), "c.ndjson": lines(third + second[:20])}
    return put(folder, {**content, "scim.ndjson": REQUESTS})


@pytest.fixture(scope="module")
def loaded(blank: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake of these files, which lie beside it; made once."""
    folder = tmp_path_factory.mktemp("loaded")
    settings = Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/lake/catalog.sqlite", threads=1)  # type: ignore[call-arg]
    copied(blank, settings)
    store = open_store(settings)
    ingest(store, [logs(folder / "logs")])
    pair(store)
    store.close()
    return settings


@pytest.fixture
def lake(loaded: Settings, tmp_path: Path) -> Iterator[Store]:
    """A copy of it."""
    catalog = loaded.catalog_file
    assert catalog is not None
    shutil.copytree(catalog.parent, tmp_path / "lake")
    store = open_store(loaded.model_copy(update={"store": f"ducklake:sqlite:{tmp_path}/lake/catalog.sqlite"}))
    yield store
    store.close()


def answers(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    return {view: store.rows(f"from {view} order by all") for view in ANSWERS}


def checked(store: Store) -> Verified:
    assert catalog_fault(store.settings) is None
    return verify(store, NOW)


def faults(store: Store) -> list[str]:
    return [one.sentence for one in checked(store).faults]


def files_of(store: Store, table: str) -> list[Path]:
    """The files that the newest snapshot reads of a table, the largest first."""
    listed = store.rows(f"select data_file from ducklake_list_files('provisioning', '{table}')")
    return sorted((Path(name) for (name,) in listed), key=lambda file: -file.stat().st_size)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def deleted(file: Path) -> None:
    file.unlink()


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0x10
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


HARM: tuple[Callable[[Path], None], ...] = (emptied, deleted, flipped, cut)


def test_a_sound_lake_has_no_faults_and_nothing_to_repair(lake: Store) -> None:
    found = checked(lake)
    assert found.faults == []
    assert found.files == found.checksums > 20
    assert not find_damage(lake).needs_repair
    revision = lake.revision()
    assert not repair(lake).needs_repair
    assert lake.revision() == revision


def test_events_that_went_are_said_by_hour_and_come_back_from_the_files_named(lake: Store) -> None:
    before = answers(lake)
    hours = {
        (str(job), hour)
        for job, hour in lake.rows("select distinct job_id, date_trunc('hour', occurred_at) from events")
    }
    [(stored,)] = lake.rows("select count(*) from events")
    for table, harm in (("events", deleted), ("hourly_parts", flipped)):
        harm(files_of(lake, table)[0])
    [events, hourly] = faults(lake)
    assert events.startswith("main/events/ducklake-") and events.endswith(f"(events, with {stored} rows) is missing.")
    assert "(hourly_parts" in hourly and "other bytes than were written" in hourly
    with pytest.raises(StoreError, match="`python -m pipeline verify` finds damaged files"):
        lake.rows("select max(reason) from events")
    done = repair(lake)
    assert done.lost_rows["events"] == stored
    said = {
        (job, one.since + timedelta(hours=n))
        for one in done.unknown
        for job in one.jobs
        for n in range((one.until - one.since) // HOUR)
    }
    assert said == hours
    stretches = "select since, until from valid_coverage where record_kind(source) = 'events'"
    left = lake.rows(stretches)
    assert not [hour for _job, hour in hours if any(since < hour + HOUR and until > hour for since, until in left)]
    assert faults(lake) == []
    assert lake.rows("select count(*) from identities") == lake.rows("select count(*) from hourly") == [(0,)]
    assert len(lake.rows("select reason from rejects where reason like '%repair took it out.'")) == 2
    again = [one.again for one in done.bringing if one.again]
    assert [Path(file).name for file in again] == ["a.ndjson", "b.ndjson", "c.ndjson"]
    forget_reading(lake, again)
    ingest(lake, again)
    assert answers(lake) == before
    assert min(lake.rows(stretches)) < min(left)
    assert faults(lake) == []


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_a_file_of_any_table_is_taken_out_and_the_logs_bring_back_the_answers(lake: Store, loaded: Settings) -> None:
    assert loaded.catalog_file is not None
    folder, before = str(loaded.catalog_file.parents[1] / "logs"), answers(lake)
    chance = random.Random(DAMAGES)
    catalog = lake.settings.catalog_file
    assert catalog is not None
    tables = [str(name) for (name,) in lake.rows("select table_name from ducklake_table_info('provisioning')")]
    named = [table for table in sorted(tables) if files_of(lake, table)]
    for number, table in enumerate(dict.fromkeys(["migrations", "files", *chance.sample(named, len(named))])):
        if number == DAMAGES:
            break
        place = catalog.parent.with_name(f"damaged-{table}")
        shutil.copytree(catalog.parent, place)
        settings = lake.settings.model_copy(update={"store": f"ducklake:sqlite:{place}/catalog.sqlite"})
        store = open_store(settings)
        harmed = files_of(store, table)[0]
        store.close()
        chance.choice(HARM)(harmed)
        store = open_store(settings, migrate=False)
        assert [one.subject for one in verify(store, NOW).faults] == [f"main/{harmed.parent.name}/{harmed.name}"], table
        assert [one.file.table for one in repair(store).broken] == [table]
        store.close()
        store = open_store(settings)
        assert faults(store) == [], table
        assert not find_damage(store).needs_repair
        forget_reading(store, [folder])
        ingest(store, [folder])
        assert answers(store) == before, table
        # What only older snapshots read goes with them, whether it is there or not.
        for hours in (2, 3):
            maintain(store, datetime.now(UTC) + timedelta(hours=hours))
        assert checked(store).past == [], table
        assert faults(store) == [], table
        store.close()


def test_rows_that_two_writers_stored_twice_go_once(lake: Store) -> None:
    before = answers(lake)
    lake.write(lambda cursor: cursor.execute("insert into events from events"))
    lake.write(lambda cursor: cursor.execute("insert into exchanges from exchanges"))
    lake.write(lambda cursor: cursor.execute("insert into identity_parts from identity_parts"))
    assert {one.kind for one in checked(lake).faults} == {"double", "count", "ledger"}
    assert find_damage(lake).doubled.keys() == {"events", "exchanges"}
    repair(lake)
    assert faults(lake) == []
    assert answers(lake) == before


@pytest.mark.deep
def test_a_repair_that_was_killed_is_finished_by_the_next_one(lake: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    emptied(files_of(lake, "events")[0])

    def killed(*_words: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.maintenance.repair.apply_repair", killed)
    with pytest.raises(KeyboardInterrupt):
        repair(lake)
    monkeypatch.undo()
    assert {one.kind for one in checked(lake).faults} == {"count"}
    done = repair(lake)
    assert done.rebuilt and done.unknown
    assert faults(lake) == []


@pytest.mark.deep
def test_what_outlives_its_events_by_retention_outlives_a_repair(lake: Store) -> None:
    lake.settings.keep_days = 20
    trust_clock(lake, NOW)
    maintain(lake, NOW)
    [(events, attempts)] = lake.rows("select (select count(*) from events), (select sum(attempts) from identities)")
    assert events < attempts
    flipped(files_of(lake, "event_spine")[0])
    repair(lake)
    assert faults(lake) == []
    assert lake.rows("select sum(attempts) from identities") == [(attempts,)]


def test_a_forgotten_file_leaves_the_store_as_if_it_had_never_been_read(
    lake: Store, tmp_path: Path, blank: Settings
) -> None:
    catalog = lake.settings.catalog_file
    assert catalog is not None
    folder = Path(lake.rows('select "file" from files order by all')[0][0]).parent
    both = (folder / "b.ndjson").read_bytes().splitlines(keepends=True)[60:70]
    put(folder, {"d.zip": zipped({"d.ndjson": b"".join(both)})})
    ingest(lake, [folder / "d.zip"])
    gone = forget(lake, str(folder / "b.ndjson"))
    assert gone.rows == {"events": 30, "exchanges": 0, "job_snapshots": 0} and gone.unknown
    apart = lake.settings.model_copy(update={"store": f"ducklake:sqlite:{tmp_path}/apart/catalog.sqlite"})
    copied(blank, apart)
    other = open_store(apart)
    ingest(other, [folder / name for name in ("a.ndjson", "c.ndjson", "d.zip", "scim.ndjson")])
    pair(other)
    assert answers(lake) == answers(other)
    other.close()
    assert lake.rows("select count(*) from files where \"file\" like '%b.ndjson'") == [(0,)]
    assert faults(lake) == []
    with pytest.raises(StoreError, match="is not in the ledger"):
        forget(lake, str(folder / "never.ndjson"))
    assert names_of(os.fsdecode(b"/srv/caf\xe9.ndjson")) == "/srv/caf\\xe9.ndjson"
    (folder / "a.ndjson").rename(folder / "elsewhere")
    assert forget(lake, str(folder / "c.ndjson"), dry_run=True).missing == (str(folder / "a.ndjson"),)


@pytest.mark.deep
def test_what_a_dry_run_would_forget_goes_and_is_read_again(lake: Store) -> None:
    folder = Path(lake.rows('select "file" from files order by all')[0][0]).parent
    before = answers(lake)
    for name, table, rows in (("scim.ndjson", "exchanges", 40), ("a.ndjson", "events", 80)):
        told = forget(lake, str(folder / name), dry_run=True)
        assert (answers(lake), told.rows[table]) == (before, rows)
        assert forget(lake, str(folder / name)).rows == told.rows
        assert faults(lake) == []
        ingest(lake, [folder])
        assert answers(lake) == before
        assert faults(lake) == []
