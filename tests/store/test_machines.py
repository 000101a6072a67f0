"""Several machines over one lake, killed and cut off: every number equals a count of the files in plain Python.

More often, and on a SQLite catalog too: KILLS=100 .venv/bin/python -m pytest -m "deep or not deep" with this file.
"""

import json
import os
import random
import signal
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.rules.rule import rules
from pipeline.store.lake import Store, open_store
from pipeline.store.process_lock import current_holder
from tests.support.machines import Machine
from tests.support.postgres import Server, needs_postgres
from tests.support.shapes import diagnostic, event, hub

KILLS = int(os.environ.get("KILLS", "2"))
MACHINES = 4
FILES = 3 + KILLS // 2
OF_EACH = 5
WRITER = """
    from pipeline.ingest.files import ingest
    from pipeline.store.lake import open_store

    store = again(lambda: open_store(read_settings(_env_file=None)))
    print("ready", flush=True)
    for file in sys.argv[1:]:
        again(lambda: ingest(store, [Path(file)]))
        print(file, flush=True)
"""
LEADER = """
    import signal
    from threading import Event

    from pipeline.scheduler import jobs, scheduler
    from pipeline.scheduler.scheduler import Standby

    scheduler.FIRST_S = jobs.CHECK_AT_LEAST_S = 1
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    standby = Standby(read_settings(_env_file=None), "watch", retry_s=0.2).start()
    while not stop.wait(0.2):
        pass
    standby.stop()
"""


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.deep), pytest.param("postgres", marks=needs_postgres)])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Settings, Server | None]:
    """The settings of a lake that is not made yet, and the server of its catalog."""
    if request.param == "sqlite":
        catalog = f"ducklake:sqlite:{tmp_path}/catalog.sqlite"
        return Settings(_env_file=None, store=catalog, inbox=tmp_path / "inbox"), None
    server: Server = request.getfixturevalue("server")
    return server.settings(server.database(), tmp_path), server


def log(number: int) -> bytes:
    """Returns a file of events and one of requests, in turns."""
    if number % 2:
        records = [event(f"person-{number}-{one}", minute=40 * number + one) for one in range(OF_EACH)]
        return json.dumps(hub([diagnostic(record) for record in records])).encode() + b"\n"
    return b"".join(json.dumps(request(number, one)).encode() + b"\n" for one in range(OF_EACH))


def request(number: int, one: int) -> dict[str, object]:
    """Returns a SCIM request as an app logs it."""
    return {
        "time": f"2026-01-05T{number % 24:02d}:{one:02d}:00.500Z",
        "method": "PATCH",
        "path": f"/scim/v2/Users/{number}-{one}",
        "status": 204,
        "duration_ms": 20,
        "request_id": f"request-{number}-{one}",
        "app_id": "44444444-4444-4444-8444-444444444444",
    }


def counted(files: list[Path]) -> dict[str, int]:
    """Counts what the files hold, each record once and each line."""
    events, requests, lines = set[str](), set[str](), 0
    for file in files:
        for line in file.read_text().splitlines():
            record = json.loads(line)
            if "records" in record:
                lines += len(record["records"])
                events |= {one["properties"]["id"] for one in record["records"]}
            else:
                lines += 1
                requests.add(record["request_id"])
    kept = len(events) + len(requests)
    return {
        "events": len(events),
        "requests": len(requests),
        "attempts": len(events),
        "hourly": len(events),
        "files": len(files),
        "lines": lines,
        "kept": kept,
        "duplicates": lines - kept,
        "rejects": 0,
    }


STORED = """
select
    (select count(*) from events)::int as events,
    (select count(*) from exchanges)::int as requests,
    (select coalesce(sum(attempts), 0) from identities)::int as attempts,
    (select coalesce(sum(events), 0) from hourly)::int as hourly,
    count(*)::int as files,
    sum(lines)::int as lines,
    sum(kept)::int as kept,
    sum(duplicates)::int as duplicates,
    sum(rejects)::int as rejects
from files
"""


def disturb(machines: list[Machine], server: Server | None, number: int, chance: random.Random) -> None:
    """Kills a machine's process, ends all sessions, or restarts or crashes the server, in turns."""
    how = number % 3 if server is not None else 0
    if how == 0:
        chance.choice([one for one in machines if one.is_alive()] or machines).kill()
    elif server is not None and how == 1:
        server.restart(chance.choice([signal.SIGINT, signal.SIGQUIT]))
    elif server is not None:
        server.end_sessions("lake%", "%")


@pytest.mark.timeout(900)
def test_four_machines_start_at_once_and_load_the_same_logs_while_they_are_killed_and_cut_off(
    shared: tuple[Settings, Server | None], tmp_path: Path
) -> None:
    settings, server = shared
    chance = random.Random(15)
    files, machines = list[Path](), list[Machine]()
    for machine in range(MACHINES):
        folder = tmp_path / f"machine-{machine}"
        folder.mkdir()
        own = [folder / f"{number}.json" for number in range(FILES)]
        for number, file in enumerate(own):
            file.write_bytes(log(number))
        files += own
        order = own[machine:] + own[:machine]
        machines.append(Machine(WRITER, settings, tmp_path / f"locks-{machine}", *map(str, order)))
    for number in range(KILLS):
        until_some(machines, MACHINES + number)
        disturb(machines, server, number, chance)
        sleep(chance.random())
    for one in machines:
        one.wait()
    assert [one.failure for one in machines] == [None] * MACHINES, "".join(
        line for one in machines if one.failure for line in one.errors[-60:]
    )
    with closing(open_store(settings)) as store:
        assert store.rows("select number, count(*) from migrations group by all having count(*) > 1") == []
        assert [dict(row) for row in store.ask(STORED).to_pylist()] == [counted(files)]
        doubles = "select event_id from events group by all having count(*) > 1"
        assert store.rows(doubles) == []


def until_some(machines: list[Machine], said: int) -> None:
    """Waits until the machines have said so many lines in all, or have ended."""
    end = monotonic() + 120
    while sum(len(one.said) for one in machines) < said and any(one.is_alive() for one in machines):
        assert monotonic() < end, "".join(line for one in machines for line in one.errors[-60:])
        sleep(0.02)


def test_the_lines_of_a_file_that_two_read_at_once_count_once(store: Store, tmp_path: Path) -> None:
    files = [tmp_path / "0.json", tmp_path / "1.json"]
    for number, file in enumerate(files):
        file.write_bytes(log(number) + b"this is no JSON\n")
    with closing(open_store(store.settings)) as other:

        class Late(Store):
            """Another process reads the same files before this one has the turn."""

            def write(self, *words: Any, **more: Any) -> Any:
                ingest(other, files)
                return super().write(*words, **more)

        late = open_store(store.settings)
        late.__class__ = Late
        report = ingest(late, files)
        late.close()
    assert sum(one.lines for one in report.files) == 0
    assert store.rows("select lines, kept, duplicates, rejects from files order by file") == [(6, 5, 0, 1)] * 2
    assert store.rows("select count(*) from rejects") == [(2,)]


@pytest.mark.timeout(900)
@needs_postgres
@pytest.mark.deep
def test_of_two_machines_one_leads_and_checks_are_made_once_whoever_is_killed_or_cut_off(
    server: Server, tmp_path: Path
) -> None:
    settings, chance = server.settings(server.database(), tmp_path), random.Random(15)
    settings.inbox.mkdir()
    often = {
        "PROVISIONING_INGEST_EVERY": "1",
        "PROVISIONING_CHECK_EVERY": "3600",
        "PROVISIONING_MAINTAIN_EVERY": "3600",
    }
    with closing(open_store(settings)) as store:
        machines = [Machine(LEADER, settings, tmp_path / f"locks-{one}", **often) for one in range(2)]
        fed, leaders = list[Path](), set[int]()
        for number in range(KILLS // 2 + 1):
            # Each file is later than the one before, so a check is due after it.
            fed.append(settings.inbox / f"{number}.json")
            fed[-1].write_bytes(log(2 * number + 1))
            until_stored(store, fed)
            leader = current_holder(settings, "beats")
            assert leader is not None and leader.pid in {one.pid for one in machines}
            leaders.add(leader.pid)
            if number < KILLS // 2:
                in_charge = [one for one in machines if one.pid == leader.pid]
                disturb(in_charge, server, number, chance)
        for one in machines:
            one.end()
        assert [one.failure for one in machines] == [None, None], "".join(
            line for one in machines for line in one.errors[-60:]
        )
        assert len(leaders) > 1
        checks = store.rows("select ran_at, count(*), count(distinct rule) from rule_runs group by all order by all")
        assert checks and {(runs, names) for _at, runs, names in checks} == {(len(rules()), len(rules()))}
        assert store.rows("select count(*) from events") == [(counted(fed)["events"],)]


def until_stored(store: Store, files: list[Path]) -> None:
    """Waits until the events of some files are stored, and a check was made over them."""
    wanted, end = counted(files)["events"], monotonic() + 120
    stored = "select count(*), max(occurred_at), (select max(ran_at) from rule_runs) from events"
    while True:
        assert monotonic() < end, "they were not stored"
        with suppress(StoreError):
            events, newest, checked = store.rows(stored)[0]
            if events >= wanted and checked is not None and checked >= newest:
                return
        sleep(0.1)
