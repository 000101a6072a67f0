"""The ledger agrees with the rows whatever becomes of a file: it grows, is cut, replaced, rotated or read anew."""

import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.ingest.files import ingest
from pipeline.maintenance.forget import forget, forget_reading
from pipeline.maintenance.verify import verify
from pipeline.monitoring.status import SOURCES, TOTALS
from pipeline.store.lake import Store, open_store
from tests.support.shapes import event, lines
from tests.support.tenants import job_document

NOW = datetime(2026, 1, 26, 12, tzinfo=UTC)
REQUEST = b'{"ts":"2026-01-05T00:%02d:00Z","method":"POST","path":"/scim/v2/Users","status":201,"request_id":"r-%d"}\n'


def faults(store: Store) -> list[str]:
    return [one.sentence for one in verify(store, NOW).faults]


def changed(rng: random.Random, file: Path, other: Path, number: int) -> None:
    """Does to a log what its writer, or somebody else, may do."""
    new = {"events": lines([event(f"p{number}-{each}", number * 9 + each) for each in range(rng.randint(1, 4))])}
    new["requests"] = b"".join(REQUEST % (number % 60, number * 9 + each) for each in range(rng.randint(1, 4)))
    new["jobs"] = lines([job_document(id=f"job-{number}")])
    content = new[file.stem]
    match rng.choice(["grow", "replace", "cut", "rotate", "break", "half"]):
        case "grow":
            file.write_bytes(file.read_bytes() + content)
        case "replace":
            file.write_bytes(content)
        case "cut":
            os.truncate(file, file.stat().st_size // 3)
        case "rotate":
            other.write_bytes(file.read_bytes())
            file.write_bytes(content)
        case "break":
            file.write_bytes(b"neither a log nor\x00 anything else\n" * 3)
        case "half":
            file.write_bytes(content + content[: len(content) // 2])


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.deep), pytest.param(2, marks=pytest.mark.deep)])
def test_the_ledger_agrees_whatever_becomes_of_a_file(store: Store, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    folder = tmp_path / "in"
    folder.mkdir()
    files = [folder / f"{name}.log" for name in ("events", "requests", "jobs")]
    for file in files:
        file.write_bytes(b"")
    for number in range(9):
        for file in rng.sample(files, rng.randint(1, 3)):
            changed(rng, file, file.with_suffix(".log.1"), number)
        if rng.random() < 0.2:
            forget_reading(store, [str(folder)])
        ingest(store, [folder])
        assert faults(store) == [], number
    [(rejects,)] = store.rows("select count(*) from rejects")
    told = {str(row[0]): row for row in store.rows(SOURCES, {"now": NOW})}
    assert sum(row[1] for row in told.values()) == store.rows("select count(*) from files")[0][0]
    assert sum(row[5] for row in told.values()) >= rejects
    for table, names in {"events": ["graph"], "job_snapshots": ["jobs"]}.items():
        [(stored,)] = store.rows(f"select count(*) from {table}")
        assert sum(told[name][3] for name in names if name in told) == stored
    assert store.rows(TOTALS, {"now": NOW})


def test_rows_beyond_what_any_content_brought_are_a_fault(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "events.log"
    for number in range(3):
        file.write_bytes(lines([event(f"p{number}", number)]))
        ingest(store, [file])
    assert faults(store) == []
    assert store.rows("select contents, lines, kept from replaced_files") == [(2, 2, 2)]
    store.write(
        lambda cursor: cursor.execute("insert into events by name (select * replace ('x' as event_id) from events)")
    )
    assert any("3 kept records of events, 3 with duplicates; 6 are stored" in one for one in faults(store))


def test_a_file_that_is_forgotten_leaves_the_rows_of_its_former_content(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "events.log"
    for number in range(2):
        file.write_bytes(lines([event(f"p{number}", number)]))
        ingest(store, [file])
    forget(store, str(file))
    assert store.rows("select source_name from events") and store.rows("select count(*) from events") == [(1,)]
    assert faults(store) == []


def test_a_store_of_before_is_checked_as_it_is_and_migrated_to_counts_that_agree(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "events.log"
    for number in range(3):
        file.write_bytes(lines([event(f"p{number}", number)]))
        ingest(store, [file])
    store.write(lambda cursor: cursor.execute("drop table replaced_files; delete from migrations where number > 38"))
    before = open_store(store.settings, read_only=True, migrate=False)
    assert faults(before) == [] and verify(before, NOW).is_former
    before.close()
    migrated = open_store(store.settings)
    assert migrated.rows("select source, kept from replaced_files") == [("graph", 2)]
    assert faults(migrated) == [] and not verify(migrated, NOW).is_former
    migrated.close()
