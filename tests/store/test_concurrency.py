"""Everybody at once for twenty seconds: a watch, a second loader, maintenance, and four readers of three kinds.

Nobody meets an error, nobody sees half a batch, and a writer waits for other writers and for nobody else.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from textwrap import dedent
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.store.lake import Store, open_store
from tests.support.lakes import ended, start

pytestmark = pytest.mark.usefixtures("parallel")

SECONDS = 12
BATCH = 50
TENANT = "11111111-1111-4111-8111-111111111111"
HALVES = f"select count(*) from (select 1 from events group by cycle_id having count(*) % {BATCH} <> 0)"
TORN = "select (select count(*) from events) <> (select coalesce(sum(events), 0) from hourly)"
SEEN = f"select ({HALVES}) as halves, ({TORN}) as torn, (select count(*) from events) as events"
PROGRAM = dedent("""
    import os, sys, time
    from contextlib import contextmanager
    from pipeline.store.lake import Store
    from pipeline.__main__ import main
    turn, journal = Store.turn, sys.argv.pop(1)
    @contextmanager
    def journalled(store):
        wanted = time.monotonic()
        with turn(store):
            had = time.monotonic()
            try:
                yield
            finally:
                line = f"{os.getpid()} {wanted} {had} {time.monotonic()}\\n"
        with open(journal, "a") as file:
            file.write(line)
    Store.turn = journalled
    main()
""")
CLIENT = dedent("""
    import sys, time, duckdb
    from pipeline.store.extensions import extension_files
    client = duckdb.connect()
    for file in extension_files("ducklake", "sqlite_scanner"):
        client.execute(f"load '{file}'")
    client.execute(f"attach 'ducklake:sqlite:{sys.argv[1]}' as provisioning (read_only)")
    client.execute("use provisioning")
    end = time.monotonic() + float(sys.argv[2])
    while time.monotonic() < end:
        print(*client.execute(sys.argv[3]).fetchone(), flush=True)
        time.sleep(0.1)
""")


@dataclass
class Turn:
    """One writer's turn: when it was asked for, when it came and when it ended, on the machine's one clock."""

    pid: int
    wanted: float
    had: float
    left: float


def batch(number: int) -> str:
    """Returns fifty events of one cycle as a line of an event hub, which is read whole or not yet."""
    at = datetime(2026, 1, 5) + timedelta(minutes=40 * number)
    return (
        json.dumps({"records": [record(f"{number}-{event}", f"cycle-{number}", at) for event in range(BATCH)]}) + "\n"
    )


def record(event: str, cycle: str, at: datetime) -> dict[str, object]:
    """Returns an event as diagnostic settings deliver it."""
    instant = at.isoformat() + "Z"
    return {
        "time": instant,
        "tenantId": TENANT,
        "category": "ProvisioningLogs",
        "operationName": "Provisioning activity",
        "properties": {
            "id": event,
            "jobId": "scim.cerby",
            "cycleId": cycle,
            "changeId": event,
            "activityDateTime": instant,
            "provisioningAction": "update",
            "provisioningStatusInfo": {"status": "success"},
            "sourceIdentity": {"id": f"person-{event.partition('-')[2]}"},
            "servicePrincipal": {"id": "cerby", "name": "Cerby"},
        },
    }


class Together:
    """The threads of the test; what any of them raises is raised at the end."""

    def __init__(self, seconds: float) -> None:
        self.end = monotonic() + seconds
        self.failures: list[BaseException] = []
        self.threads: list[Thread] = []
        self.over = Event()

    def again_and_again(self, work: Callable[[], object], pause: float) -> None:
        """Repeats `work` in a thread of its own until the time is over."""

        def repeat() -> None:
            try:
                while monotonic() < self.end and not self.failures:
                    work()
                    sleep(pause)
            except BaseException as failure:
                self.failures.append(failure)

        self.threads.append(Thread(target=repeat))
        self.threads[-1].start()

    def finish(self) -> None:
        """Waits for all threads, and raises the first failure."""
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]


@pytest.fixture
def turns(tmp_path: Path) -> Path:
    """The journal into which every writing process writes its turns."""
    (tmp_path / "turns").touch()
    return tmp_path / "turns"


@pytest.fixture
def often(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Background jobs that come round every second, and maintenance every three."""
    monkeypatch.setenv("PROVISIONING_INGEST_EVERY", "1")
    monkeypatch.setenv("PROVISIONING_MAINTAIN_EVERY", "3")
    monkeypatch.setenv("PROVISIONING_KEEP_SNAPSHOTS", "2")
    settings.inbox.mkdir()
    return settings


def read_turns(journal: Path) -> list[Turn]:
    rows = [line.split() for line in journal.read_text().splitlines()]
    return [Turn(int(row[0]), *map(float, row[1:])) for row in rows]


def idle_wait(turn: Turn, turns: list[Turn]) -> float:
    """Returns the seconds that a writer waited while no other writer had the turn."""
    others = sorted((other.had, other.left) for other in turns if other is not turn)
    waited, at = 0.0, turn.wanted
    for had, left in others:
        if left > at and had < turn.had:
            waited, at = waited + max(0.0, had - at), max(at, left)
    return waited + max(0.0, turn.had - at)


def numbers(name: str) -> Iterator[int]:
    """Returns batch numbers of a feeder's own."""
    return count({"inbox": 0, "folder": 1_000}[name])


@pytest.mark.timeout(180)
def test_all_work_at_once_without_an_error_and_no_writer_waits_for_a_reader(
    store: Store, often: Settings, turns: Path, tmp_path: Path
) -> None:
    reader = open_store(often, read_only=True)
    pinned = reader.cursor()
    pinned.execute("begin")
    pinned.execute("from events").fetchall()
    together = Together(SECONDS)
    inbox, folder = numbers("inbox"), numbers("folder")
    seen: dict[str, list[tuple[int, bool, int]]] = {"first page": [], "second page": [], "sql": [], "client": []}

    def feed() -> None:
        with (often.inbox / "hub.json").open("a") as file:
            file.write(batch(next(inbox)))

    def load() -> None:
        other = tmp_path / "elsewhere"
        other.mkdir(exist_ok=True)
        number = next(folder)
        (other / f"{number}.json").write_text(batch(number))
        code, _out, err = ended(start("-c", PROGRAM, str(turns), "ingest", str(other)))
        assert (code, err) == (0, "")

    def look(page: str) -> None:
        [row] = reader.ask(SEEN).to_pylist()
        seen[page].append(tuple(row.values()))

    def sql() -> None:
        code, out, err = ended(start("-m", "pipeline", "sql", SEEN, "--json"))
        assert (code, err) == (0, "")
        seen["sql"].append(tuple(json.loads(out)[0].values()))

    watch = start("-c", PROGRAM, str(turns), "watch")
    client = start("-c", CLIENT, str(often.catalog_file), str(SECONDS), SEEN)
    try:
        together.again_and_again(feed, 1)
        together.again_and_again(load, 0.5)
        together.again_and_again(lambda: look("first page"), 0.1)
        together.again_and_again(lambda: look("second page"), 0.1)
        together.again_and_again(sql, 0.2)
        together.finish()
    finally:
        watch.terminate()
        told, answers = ended(watch), ended(client)
    assert told[0] == 0
    assert "ERROR" not in told[2]
    assert "locked" not in told[2]
    assert (answers[0], answers[2]) == (0, "")
    seen["client"] = [(int(a), b == "True", int(c)) for a, b, c in map(str.split, answers[1].splitlines())]

    for who, rows in seen.items():
        assert rows, who
        assert {(halves, torn) for halves, torn, _events in rows} == {(0, False)}, who
        assert [events for *_, events in rows] == sorted(events for *_, events in rows), who
    assert pinned.execute("select count(*) from events").fetchone() == (0,)
    pinned.close()
    [(files,)] = store.rows("select count(*) from ducklake_list_files('provisioning', 'events')")
    assert files < store.rows("select count(*) from events")[0][0] / BATCH, "maintenance has merged nothing"
    taken = read_turns(turns)
    assert len({turn.pid for turn in taken}) > 1
    waits = [idle_wait(turn, taken) for turn in taken]
    print(report(taken, waits, seen, store), file=sys.stderr)
    # A ratio, since on a busy machine waits and work grow alike; a writer looks for its turn every 50 ms.
    worked = sum(turn.left - turn.had for turn in taken)
    assert sum(waits) < worked / 2, "writers waited while no other writer was at work"
    ingest(store, [often.inbox, tmp_path / "elsewhere"])
    fed = next(inbox) + next(folder) - 1_000
    assert (
        store.rows("select count(*) from events")
        == store.rows("select sum(attempts) from identities")
        == [(fed * BATCH,)]
    )


def report(turns: list[Turn], waits: list[float], seen: dict[str, list[tuple[int, bool, int]]], store: Store) -> str:
    """Says what was measured, for whoever runs the test with -s."""
    held = sorted(turn.left - turn.had for turn in turns)
    waited = sorted(turn.had - turn.wanted for turn in turns)
    reads = ", ".join(f"{who} {len(rows)}" for who, rows in seen.items())
    return (
        f"\n{len(turns)} turns, held p50 {held[len(held) // 2]:.3f} s, longest {held[-1]:.3f} s; waited p95 "
        f"{waited[len(waited) * 95 // 100]:.3f} s, longest {waited[-1]:.3f} s, of it "
        f"without another writer {max(waits):.3f} s; reads: {reads}; "
        f"{store.rows('select count(*) from events')[0][0]} events"
    )
