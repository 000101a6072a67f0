"""Small commits, one after another: every answer is exact while they and maintenance go on, and a kill loses none."""

import json
import os
import random
import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from time import sleep

import duckdb
import pytest

from pipeline.config.settings import Settings
from pipeline.ingest.stream import feed
from pipeline.maintenance.chores import maintain
from pipeline.store import ducklake_workarounds as workarounds
from pipeline.store.extensions import extension_files
from pipeline.store.lake import Store, open_store
from tests.support.lakes import ended, next_line, script

COMMITS = int(os.environ.get("COMMITS", "8"))
"Readers ask beside as many; the variable is for a longer trial."
KILLS = int(os.environ.get("KILLS", "2"))
EXACT = """
    select
        (select count(*) from events) as stored,
        (select coalesce(max(try_cast(event_id as bigint)), 0) from events) as newest,
        (select coalesce(sum(events), 0)::bigint from hourly) as hourly,
        (select coalesce(sum(attempts), 0)::bigint from identities) as attempts,
        (select coalesce(sum(events), 0)::bigint from cycles) as cycles
"""
"Events are numbered from 1, so that every snapshot tells by itself whether it lacks one or has one twice."
WRITER = """
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store
    from tests.store.test_small_commits import land
    store = open_store(read_settings())
    number = store.rows("select count(*) from events")[0][0]
    print("ready", flush=True)
    while True:
        number += 1
        land(store, number)
        print(number, flush=True)
"""


def land(store: Store, number: int) -> None:
    """Lands one event as a poll would."""
    at = datetime(2026, 1, 5) + timedelta(minutes=number)
    one = {
        "id": str(number),
        "activityDateTime": f"{at.isoformat()}Z",
        "tenantId": "11111111-1111-4111-8111-111111111111",
        "jobId": "scim.cerby",
        "cycleId": f"cycle-{number // 7}",
        "changeId": str(number),
        "provisioningAction": "update",
        "provisioningStatusInfo": {"status": "success"},
        "sourceIdentity": {"id": f"person-{number % 5}", "displayName": "Ada", "identityType": "User"},
        "servicePrincipal": {"id": "cerby", "displayName": "Cerby"},
    }
    assert feed(store, "graph:contoso/auditLogs/provisioning", json.dumps({"value": [one]}).encode()).kept == 1


class Readers:
    """Threads that ask again and again, each by a connection of its own, and keep every answer."""

    def __init__(self, settings: Settings) -> None:
        self.answers: list[list[tuple[int, ...]]] = []
        self.failures: list[BaseException] = []
        self._over = Event()
        ours = open_store(settings, read_only=True)
        client = duckdb.connect()
        for file in extension_files("ducklake", "sqlite_scanner"):
            client.execute(f"load '{file}'")
        client.execute(f"attach 'ducklake:sqlite:{settings.catalog_file}' as provisioning (read_only)")
        client.execute("use provisioning")
        self._ends = (ours.close, client.close)
        asks = (lambda: ours.rows(EXACT)[0], lambda: client.execute(EXACT).fetchall()[0])
        self._threads = [Thread(target=self._repeat, args=[ask]) for ask in asks]
        for thread in self._threads:
            thread.start()

    def _repeat(self, ask: object) -> None:
        answers: list[tuple[int, ...]] = []
        self.answers.append(answers)
        try:
            while not self._over.is_set():
                answers.append(ask())  # type: ignore[operator]
                sleep(0.02)
        except BaseException as failure:
            self.failures.append(failure)

    def finish(self) -> list[list[tuple[int, ...]]]:
        """Ends the threads and returns the answers of each, in order."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end()
        if self.failures:
            raise self.failures[0]
        return self.answers


def test_every_answer_is_exact_while_small_commits_and_maintenance_go_on(store: Store, settings: Settings) -> None:
    land(store, 1)
    readers, tidied = Readers(settings), []
    for number in range(2, COMMITS + 2):
        land(store, number)
        if number % 8 == 0:
            # At the present: what maintenance lets expire is older than any statement that runs.
            tidied += maintain(store, datetime.now(UTC))
    per_reader = readers.finish()
    assert "merge" in {one.chore for one in tidied}
    for answers in per_reader:
        assert len(answers) > 5
        assert [row for row in answers if len(set(row)) > 1] == []
        assert answers == sorted(answers)
    assert store.rows(EXACT) == [(COMMITS + 1,) * 5]


def test_a_kill_between_small_commits_loses_none_and_doubles_none(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    for _ in range(KILLS):
        writer, acknowledged = script(WRITER), store.rows("select count(*) from events")[0][0]
        assert next_line(writer) == "ready"
        for _ in range(chance.randint(1, 5)):
            acknowledged = int(next_line(writer))
        sleep(chance.random() * 0.5)
        os.kill(writer.pid, signal.SIGKILL)
        out = ended(writer)[1].split()
        acknowledged = max([acknowledged, *(int(line) for line in out if line.isdigit())])
        [row] = store.rows(EXACT)
        assert len(set(row)) == 1
        assert acknowledged <= row[0] <= acknowledged + 1
    land(store, store.rows(EXACT)[0][0] + 1)
    assert len(set(store.rows(EXACT)[0])) == 1


def test_a_commit_leaves_its_pages_in_the_journal_until_nobody_writes(store: Store, settings: Settings) -> None:
    catalog, journal = files_of(settings)
    land(store, 1)
    before = catalog.stat().st_mtime_ns
    for number in range(2, 6):
        land(store, number)
    assert (catalog.stat().st_mtime_ns, journal.exists()) == (before, True)
    assert store._open_catalog is not None
    store._open_catalog.release()
    store.rows("select 1 from events limit 1")
    land(store, 6)
    store.close()
    assert catalog.stat().st_mtime_ns > before
    assert not journal.exists()
    again = open_store(settings)
    assert again.rows(EXACT) == [(6,) * 5]
    again.close()


def test_a_long_journal_is_copied_into_the_catalog(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workarounds, "JOURNAL_BYTES", 100_000)
    sizes = []
    for number in range(1, 13):
        land(store, number)
        journal = files_of(settings)[1]
        sizes.append(journal.stat().st_size if journal.exists() else 0)
    assert max(sizes) < 200_000
    assert 0 in sizes[1:] or any(after < before for before, after in pairwise(sizes))
    assert store.rows(EXACT) == [(12,) * 5]


def test_a_new_catalog_has_small_pages(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path}/new/catalog.sqlite")
    open_store(settings).close()
    with files_of(settings)[0].open("rb") as file:
        assert int.from_bytes(file.read(18)[16:], "big") == workarounds.PAGE_BYTES


def files_of(settings: Settings) -> tuple[Path, Path]:
    """Returns the catalog's file and its journal's."""
    catalog = settings.catalog_file
    assert catalog is not None
    return catalog, catalog.with_name(f"{catalog.name}-wal")
