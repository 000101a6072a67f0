"""How long do the pages take on a tenant of 200 apps, 10,000 incidents of history and a person of 5,000 events?

Run: python benchmarks/wide.py [--keep DIR] [--times 3] [--browser]. Each page is drawn by Streamlit's own test client
over the last fourteen days of data, no answer remembered, in a process that has drawn it once before; with --browser
also in chromium at 1440 × 900, until nothing on it has moved for a second, pictures beside the store with --keep.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from wanted import print_wanted  # noqa: E402

APPS, USERS, INCIDENTS, EVENTS = 200, 40, 10_000, 5_000
UNTIL, DAYS = datetime(2026, 11, 30), 14
PERSON = "person-of-many-events"
TENANT = "11111111-1111-4111-8111-111111111111"
SECONDS = 3.0
PLACES = {
    "Home": ("home", {}),
    "Apps": ("apps", {}),
    "an app": ("apps", {"job": "App 007"}),
    "Issues": ("issues", {}),
    "Incident history": ("history", {}),
    "Alert rules": ("rules", {}),
    "People": ("people", {}),
    "a person": ("people", {"object": PERSON}),
    "a person's history": ("people", {"object": PERSON, "view": "history"}),
    "Leavers": ("leavers", {}),
}
Row = dict[str, Any]


def main() -> None:
    """Makes the store unless it is there, draws each page and prints the table of docs/benchmarks.md."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--keep", type=Path, help="a folder in which the store stays for the next time")
    words.add_argument("--times", type=int, default=3)
    words.add_argument("--browser", action="store_true")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = given.keep or Path(name)
        folder.mkdir(exist_ok=True)
        os.environ["PROVISIONING_STORE"] = f"ducklake:sqlite:{folder}/catalog.sqlite"
        if not (folder / "catalog.sqlite").exists():
            make_store()
        took = drawn(given.times)
        seen = in_browser(folder) if given.browser else {}
        print_pages(took, seen)


def app_name(number: int) -> str:
    """Returns an app's name."""
    return f"App {number:03}"


def make_store() -> None:
    """Loads events, statuses and incidents, and evaluates the alert rules."""
    from pipeline.config.settings import read_settings
    from pipeline.rules.evaluate import check
    from pipeline.store.lake import open_store

    store, rng = open_store(read_settings()), random.Random(7)
    tables = {"events": [*events(rng), *events_of_person(rng)], "job_snapshots": statuses(rng)}
    tables["coverage"] = [reading(number) for number in range(APPS)]
    for table, rows in tables.items():
        store.write(partial(insert, table=table, rows=rows))
    check(store, UNTIL, overrides={})
    store.write(lambda cursor: insert(cursor, "incidents", incidents(rng)))
    store.close()


def insert(cursor: Any, table: str, rows: list[Row]) -> None:
    """Writes rows as a load does."""
    from pipeline.ingest.aggregates import add_to_aggregates

    names = list(dict.fromkeys(name for row in rows for name in row))
    cursor.register("made", pa.table({name: [row.get(name) for row in rows] for name in names}))
    cursor.execute(f"create or replace temp table arriving as from {table} limit 0")
    cursor.execute("insert into arriving by name from made")
    cursor.execute(f"insert into {table} from arriving")
    if table == "events":
        add_to_aggregates(cursor)
    cursor.unregister("made")


def event(number: int, who: str, at: datetime, status: str, name: str) -> Row:
    """Returns one event in an app."""
    failed = {"error_code": "EntryConflict", "reason": "StatusCode: Conflict", "http_status": 409}
    return {
        "event_id": name, "source": "graph", "tenant_id": TENANT, "job_id": f"scim.{number:03}",
        "cycle_id": f"{number}-{at:%d-%H}", "occurred_at": at, "action": "update", "status": status,
        "app_id": f"app-{number:03}", "app_name": app_name(number), "source_id": who, "source_name": who.title(),
        "source_type": "User", "upn": f"{who}@example.com", "target_id": f"target-{who}", "duration_ms": 100,
        "last_step": "EntryExportUpdate",
    } | (failed if status == "failure" else {})  # fmt: skip


def events(rng: random.Random) -> list[Row]:
    """Returns what every app did with its users: in one of five somebody fails."""
    rows = []
    for number in range(APPS):
        for user in range(USERS):
            fails = number % 5 == 0 and user < 3
            for turn in range(3):
                at = UNTIL - timedelta(minutes=rng.randrange(5, DAYS * 24 * 60))
                status = "failure" if fails else "success"
                rows.append(event(number, f"user-{user:02}", at, status, f"{number}-{user}-{turn}"))
    return rows


def events_of_person(rng: random.Random) -> list[Row]:
    """Returns the events of one person in every app."""
    return [
        event(
            turn % APPS,
            PERSON,
            UNTIL - timedelta(minutes=rng.randrange(5, DAYS * 24 * 60)),
            "failure" if rng.random() < 0.1 else "success",
            f"person-{turn}",
        )
        for turn in range(EVENTS)
    ]


def statuses(rng: random.Random) -> list[Row]:
    """Returns a status of every job every six hours; a few are in quarantine or paused."""
    rows = []
    for number in range(APPS):
        state = "Quarantine" if number % 50 == 3 else "Paused" if number % 40 == 1 else "Active"
        for turn in range(DAYS * 4):
            at = UNTIL - timedelta(minutes=10 + 360 * turn)
            quarantined = state == "Quarantine" and turn < 8
            rows.append({
                "snapshot_id": f"{number}-{turn}", "tenant_id": TENANT, "job_id": f"scim.{number:03}",
                "app_id": f"app-{number:03}", "app_name": app_name(number), "observed_at": at, "interval_s": 2400,
                "state": state if quarantined or state != "Quarantine" else "Active",
                "last_began_at": at - timedelta(minutes=12), "last_ended_at": at - timedelta(minutes=9),
                "last_state": "Succeeded", "escrowed": 0, "successive_failures": rng.randrange(2),
                "quarantine_reason": "EncounteredQuarantineException" if quarantined else None,
                "quarantine_since": UNTIL - timedelta(days=2) if quarantined else None,
            })  # fmt: skip
    return rows


def reading(number: int) -> Row:
    """Returns that an app's log was read whole."""
    return {
        "source": "graph", "tenant_id": TENANT, "job_id": f"scim.{number:03}", "origin": f"reading-{number}",
        "since": UNTIL - timedelta(days=DAYS + 1), "settled_until": UNTIL, "until": UNTIL, "read_at": UNTIL,
    }  # fmt: skip


def incidents(rng: random.Random) -> list[Row]:
    """Returns incidents of before, all within the time range; a third are symptoms of another one."""
    rows: list[Row] = []
    for turn in range(INCIDENTS):
        number = rng.randrange(APPS)
        began = UNTIL - timedelta(minutes=rng.randrange(200, DAYS * 24 * 60))
        root = rows[-1] if turn % 3 == 2 else None
        rows.append({
            "incident_id": f"before-{turn:05}", "rule": "silence" if root else "token_refused",
            "severity": "warning" if root else "critical", "subject": f"before-{turn}",
            "app_name": root["app_name"] if root else app_name(number),
            "job_id": root["job_id"] if root else f"scim.{number:03}", "tenant_id": TENANT, "opened_at": began,
            "noticed_at": began + timedelta(minutes=5), "closed_at": began + timedelta(minutes=rng.randrange(10, 180)),
            "summary": f"{root['app_name'] if root else app_name(number)} has been rejecting the access token",
            "evidence": "{}", "explained_by": root["incident_id"] if root else None,
        })  # fmt: skip
    return rows


def drawn(times: int) -> dict[str, tuple[float, float]]:
    """Returns the seconds that each page took, and the processor's, the median of some drawings."""
    from streamlit.testing.v1 import AppTest

    import views.frame.places as places
    from views.frame.data import store

    found = {}
    for name, (place, words) in PLACES.items():
        test = AppTest.from_file(str(ROOT / "views" / "app.py"), default_timeout=600).run()
        target, took = places.PLACES[place], []
        for _ in range(times + 1):
            store().answers.clear()
            test.switch_page(target.file)
            test.query_params.clear()
            for word, value in (target.words | words).items():
                test.query_params[word] = value
            began, before = time.perf_counter(), time.process_time()
            test.run()
            took.append((time.perf_counter() - began, time.process_time() - before))
            assert not test.exception, (name, [str(one.value) for one in test.exception])
        found[name] = tuple(statistics.median(each[1:]) for each in zip(*took, strict=True))
        print(f"{name}: {found[name][0]:.2f} s, processor {found[name][1]:.2f} s", file=sys.stderr)
    return found


def in_browser(folder: Path) -> dict[str, float]:
    """Returns the seconds until each page is still in chromium, opened anew; leaves a picture of each in the folder."""
    from urllib.parse import urlencode

    from browser import CHROMIUM, QUIET, STILL, WATCH
    from playwright.sync_api import sync_playwright
    from served import served

    import views.frame.places as places

    found = {}
    with served(ROOT / "dashboard.py", os.environ["PROVISIONING_STORE"]) as (address, _), sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(WATCH)
        for name, (place, words) in PLACES.items():
            target = places.PLACES[place]
            query = urlencode(target.words | words)
            for _ in range(2):
                page.goto(f"{address}/{target.path}?{query}")
                page.wait_for_function(STILL, timeout=120_000)
            found[name] = page.evaluate("window.seen.last") / 1000
            page.screenshot(path=str(folder / f"{name.replace(' ', '-')}.png"))
        chromium.close()
    return found


def print_pages(took: dict[str, tuple[float, float]], seen: dict[str, float]) -> None:
    """Prints what each page took, and whether that is as wanted."""
    print("| page | drawn, s | processor, s | in chromium, s |\n| --- | ---: | ---: | ---: |")
    for name, (seconds, processor) in took.items():
        print(f"| {name} | {seconds:.2f} | {processor:.2f} | {f'{seen[name]:.2f}' if name in seen else '–'} |")
    print_wanted(
        [
            *((f"{name}: drawn", seconds, SECONDS, " s") for name, (seconds, _) in took.items()),
            *((f"{name}: in chromium", seconds, SECONDS, " s") for name, seconds in seen.items()),
        ]
    )


if __name__ == "__main__":
    main()
