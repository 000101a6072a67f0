"""How long does publishing take, the first time and after five minutes' worth, and how much memory has evidence?

Run: python benchmarks/publish.py [--store DIR] [--events 1000000]. Copies a store that was grown before (grown.py), by
hard links of its files, or grows one. What five minutes bring is the events of five average minutes, as one commit.
Wanted: five minutes' worth published within 5 seconds at ten million events; evidence within DuckDB's own memory and
300 MB. Every measurement is a process of its own.
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from pipeline.config.settings import read_settings  # noqa: E402
from pipeline.evidence.pack import make  # noqa: E402
from pipeline.ingest.aggregates import add_to_aggregates  # noqa: E402
from pipeline.maintenance.publish import publish  # noqa: E402
from pipeline.store.lake import Cursor, Store, open_store  # noqa: E402
from pipeline.store.present import extent  # noqa: E402

MINUTES_S, MEMORY_MB, BESIDE_MB = 5.0, 1000, 300
APP = """
select app_name
from events
where app_id in (select app_id from exchanges)
group by app_name
order by count(*) desc
limit 1
"""
ARRIVING = """
create or replace temp table arriving as
select * replace (event_id || '-{number}' as event_id, occurred_at + interval '{number} hours' as occurred_at)
from events
where occurred_at > (select max(occurred_at) - interval 1 day from events)
limit {rows}
"""


def main() -> None:
    """Copies or grows the store, measures, and prints the table of docs/benchmarks.md."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--events", type=int, default=1_000_000)
    words.add_argument("--store", type=Path, help="the folder of a grown store, which is only read")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        if given.store:
            linked(given.store, folder)
        else:
            from grown import grown

            grown(folder, given.events).close()
        print("| | seconds | CPU s | MB | peak MB | wanted | |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |")
        for what, work, wanted in (
            ("publish, first", first, None),
            ("publish, five minutes' worth: a copy", five_minutes, None),
            ("publish, five minutes' worth: the spare", five_minutes, MINUTES_S),
            ("publish, five minutes' worth: the spare", five_minutes, MINUTES_S),
            ("publish, nothing new", first, MINUTES_S),
            ("evidence of one app, all of its time", evidence, None),
        ):
            seconds, cpu, size, peak = alone(work, folder)
            most = MEMORY_MB + BESIDE_MB
            memory = work is evidence
            met = peak <= most if memory else wanted is None or seconds <= wanted
            words_wanted = f"{most} MB" if memory else "" if wanted is None else f"{wanted:.0f} s"
            judged = ("met" if met else "not met") if words_wanted else ""
            print(f"| {what} | {seconds:.1f} | {cpu:.1f} | {size:,.0f} | {peak:,.0f} | {words_wanted} | {judged} |",
                  flush=True)  # fmt: skip


def linked(source: Path, folder: Path) -> None:
    """Makes a store of another's files, which neither writes again."""
    shutil.copytree(source / "files", folder / "files", copy_function=link)
    shutil.copy(source / "catalog.sqlite", folder / "catalog.sqlite")
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as copy, copy:
        copy.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{folder}/files/"])


def link(source: str, target: str) -> None:
    """Gives a file a second name, or copies it to another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def alone(work: Callable[[Store, Path], int], folder: Path) -> tuple[float, float, float, float]:
    """Measures some work in a process of its own: seconds, CPU seconds, and the result and the peak in MB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (work, folder))


def measured(work: Callable[[Store, Path], int], folder: Path) -> tuple[float, float, float, float]:
    """Opens the store and does the work."""
    store = open_store(read_settings(store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    if work is five_minutes:
        arrive(store)
    began, cpu = time.perf_counter(), time.process_time()
    size = work(store, folder)
    took = time.perf_counter() - began, time.process_time() - cpu
    store.close()
    return *took, size / 1e6, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def first(store: Store, folder: Path) -> int:
    """Publishes."""
    return publish(store, folder / "published.duckdb")


def five_minutes(store: Store, folder: Path) -> int:
    """Publishes what `arrive` brought."""
    return first(store, folder)


def arrive(store: Store) -> None:
    """Loads the events of five average minutes, with all that a loader leaves of them."""
    stored = extent(store)
    [(events,)] = store.rows("select count(*) from events")
    rows = max(1, round(events * 300 / (stored["until"] - stored["since"]).total_seconds()))

    def land(cursor: Cursor) -> None:
        cursor.execute(ARRIVING.format(number=store.revision(), rows=rows))
        cursor.execute("insert into events select * from arriving")
        add_to_aggregates(cursor)

    store.write(land)


def evidence(store: Store, folder: Path) -> int:
    """Makes the pack of the app with most events among those whose own log is stored."""
    [(app,)] = store.rows(APP)
    stored = extent(store)
    made: dict[str, Any] = make(store, app, stored["since"], stored["until"], folder / "pack.zip", lambda _share: None)
    assert made["rows"]
    return (folder / "pack.zip").stat().st_size


if __name__ == "__main__":
    main()
