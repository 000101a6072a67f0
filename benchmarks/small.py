"""What does little cost: one event into a grown store, again and again, and a page of Graph at either end of it?

Run: python benchmarks/small.py [--events 1000000] [--commits 200]. Prints each figure, what is wanted, and whether that
is met. Processor time and bytes are the whole process's, all threads; maintenance runs before, not in between.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

PAGE = 500
TOGETHER = 40
"Pages that land in one transaction, as a back-fill's do: 20,000 events."
REPEATS = 5
"The median of as many landings is a figure."
NEWEST = datetime(2026, 1, 1)
"Where the stored events end."
CPU_S, BYTES, GROWTH, FAR, LOT = 0.1, 40_000, 1.5, 1.5, 0.5


@dataclass(frozen=True)
class Cost:
    """What one landing took."""

    cpu_s: float
    written: int
    "Bytes that the process gave to write calls: Parquet, the catalog and its journal."
    writes: int
    files: int
    "Parquet files more than before."


def main() -> None:
    """Fills a store, measures and prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--commits", type=int, default=200)
    given = arguments.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        print(report(measured(folder, given.events, given.commits), given.events))
    finally:
        shutil.rmtree(folder)


def measured(folder: Path, events: int, commits: int) -> dict[str, Cost]:
    """Returns the cost of each kind of landing by its name."""
    from datetime import UTC

    from load import fill, lake

    from pipeline.ingest.stream import feed_all
    from pipeline.maintenance.chores import maintain

    store, costs, numbers = lake(folder), dict[str, Cost](), count(1)
    fill(store, events)
    maintain(store, datetime.now(UTC))

    def land(*pages: list[dict[str, Any]]) -> int:
        """Lands pages; returns their bytes, which are copied in memory."""
        bodies = [json.dumps({"value": page}).encode() for page in pages]
        results = feed_all(store, "graph:bench/auditLogs/provisioning", bodies)
        assert [one.kept for one in results] == [len(page) for page in pages]
        return sum(map(len, bodies))

    def one() -> Callable[[], int]:
        page = [event_of_stored_object(number := next(numbers), NEWEST + timedelta(seconds=number))]
        return lambda: land(page)

    def page_at(began: datetime) -> list[dict[str, Any]]:
        return [event_of_stored_object(next(numbers), began + timedelta(seconds=place)) for place in range(PAGE)]

    def landing_at(began: datetime, pages: int) -> Callable[[], int]:
        made = [page_at(began + place * timedelta(seconds=PAGE)) for place in range(pages)]
        return lambda: land(*made)

    one()()
    done = 1
    for after in sorted({1, 50, commits}):
        while done < after:
            one()()
            done += 1
        costs[f"one event, after {after} commits"] = typical(folder, (one() for _ in range(REPEATS)))
        done += REPEATS
        print(f"  … {done} commits", file=sys.stderr, flush=True)
    maintain(store, datetime.now(UTC))
    costs["one event, after maintenance"] = typical(folder, (one() for _ in range(REPEATS)))
    ends = {"newest": NEWEST + timedelta(days=1), "oldest": NEWEST - timedelta(seconds=events - 1)}
    for name, end in ends.items():
        alone = (landing_at(end + place * timedelta(seconds=PAGE), 1) for place in range(3))
        costs[f"a page of {PAGE}, {name} end"] = typical(folder, alone)
        costs[f"{TOGETHER} pages together, {name} end"] = cost_of(
            folder, landing_at(end + timedelta(hours=1), TOGETHER)
        )
    store.close()
    return costs


def event_of_stored_object(number: int, at: datetime) -> dict[str, Any]:
    """Returns an event of an object that the filled store knows."""
    from events import event, person

    rng = random.Random(number)
    who = rng.randrange(50_000)
    made: dict[str, Any] = event(rng, 0, at, person(who))
    made["jobId"], made["sourceIdentity"]["id"] = f"job {who % 4}", str(who)
    return made


def typical(folder: Path, landings: Iterator[Callable[[], int]]) -> Cost:
    """Runs landings one after another and returns the median of what they cost."""
    costs = [cost_of(folder, landing) for landing in landings]
    cpu, written, writes, files = ([getattr(one, name) for one in costs] for name in Cost.__dataclass_fields__)
    return Cost(median(cpu), int(median(written)), int(median(writes)), int(median(files)))


def cost_of(folder: Path, landing: Callable[[], int]) -> Cost:
    """Runs one landing, which returns the bytes that it copied in memory, and returns what it cost."""
    (wrote, writes), files, began = written_so_far(), parquet_files(folder), time.process_time()
    copied = landing()
    cpu = time.process_time() - began
    (wrote_then, writes_then) = written_so_far()
    return Cost(cpu, wrote_then - wrote - copied, writes_then - writes, parquet_files(folder) - files)


def written_so_far() -> tuple[int, int]:
    """Returns the bytes that this process has given to write calls, and how many calls those were."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["wchar"]), int(lines["syscw"])


def parquet_files(folder: Path) -> int:
    """Counts the store's Parquet files."""
    return sum(1 for _ in (folder / "lake").rglob("*.parquet"))


def report(costs: dict[str, Cost], events: int) -> str:
    """Writes the tables: what each landing cost, and each figure against what is wanted."""
    lines = [
        f"{events:,} events stored; medians of {REPEATS}, of pages 3, of pages together 1",
        "",
        "| landing | CPU s | KB written | writes | files |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, cost in costs.items():
        lines.append(f"| {name} | {cost.cpu_s:.3f} | {cost.written / 1000:,.0f} | {cost.writes} | {cost.files} |")
    single = [cost for name, cost in costs.items() if name.startswith("one event, after ") and name[-1] == "s"]
    first, last = single[0], single[-1]
    near, far = (costs[f"a page of {PAGE}, {end} end"] for end in ("newest", "oldest"))
    near_lot, far_lot = (costs[f"{TOGETHER} pages together, {end} end"] for end in ("newest", "oldest"))
    figures = [
        ("one event, CPU s", first.cpu_s, CPU_S),
        ("one event, KB written", first.written / 1000, BYTES / 1000),
        ("one event, CPU s of the last commits ÷ first", last.cpu_s / first.cpu_s, GROWTH),
        ("one event, bytes of the last commits ÷ first", last.written / first.written, GROWTH),
        (f"a page of {PAGE}, CPU s at the oldest end ÷ newest", far.cpu_s / near.cpu_s, FAR),
        (f"{TOGETHER} pages together, CPU s at the oldest end ÷ newest", far_lot.cpu_s / near_lot.cpu_s, FAR),
        (f"a page among {TOGETHER} ÷ alone, CPU s at the newest end", near_lot.cpu_s / TOGETHER / near.cpu_s, LOT),
    ]
    lines += ["", "| figure | measured | wanted | |", "| --- | ---: | ---: | --- |"]
    for name, value, wanted in figures:
        lines.append(f"| {name} | {value:.2f} | at most {wanted:g} | {'met' if value <= wanted else 'NOT MET'} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
