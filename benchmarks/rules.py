"""How long does a check of all health rules take, each rule alone, and a backtest of each over 90 days?

Run: python benchmarks/rules.py [--store DIR] [--events 1000000]. Asks a store that was grown before (grown.py), or
grows one; it is only read. Seconds are of the clock, CPU seconds of the process; other work on the machine adds to the
former. Wanted: all rules within 2 seconds at ten million events, a backtest of any rule within 10.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from pipeline.config.settings import read_settings  # noqa: E402
from pipeline.rules.backtest import backtest  # noqa: E402
from pipeline.rules.evaluate import check, evaluate  # noqa: E402
from pipeline.rules.rule import Rule, rules  # noqa: E402
from pipeline.store.lake import Store, open_store  # noqa: E402
from pipeline.store.present import as_of, extent  # noqa: E402

CHECK_S, BACKTEST_S = 2.0, 10.0
DAYS = 90


def main() -> None:
    """Opens or grows the store, measures, and prints the tables of docs/benchmarks.md."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--events", type=int, default=1_000_000)
    words.add_argument("--store", type=Path, help="the folder of a grown store, which is only read")
    words.add_argument("--only", nargs="*", help="rules to measure; all without it")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = given.store or Path(name)
        if not given.store:
            from grown import grown

            grown(folder, given.events).close()
        store = open_store(read_settings(store=f"ducklake:sqlite:{folder}/catalog.sqlite"), read_only=True)
        [(events,)] = store.rows("select count(*) from events")
        print(f"{events:,} events; {os.cpu_count()} cores\n")
        measure(store, given.only or list(rules()))
        store.close()


def measure(store: Store, names: list[str]) -> None:
    """Measures a check of all rules, and each rule alone and over 90 days."""
    at, until = as_of(store), extent(store)["until"]
    check(store, at, overrides={}, keep=False)
    line("check", timed(lambda: check(store, at, overrides={}, keep=False)), CHECK_S)
    print("\n| rule | alone, s | CPU s | backtest of 90 days, s | CPU s | wanted | |\n|" + " --- | " + "---: |" * 6)
    for name in names:
        rule = rules()[name]
        alone = timed(lambda rule=rule: evaluate(store, rule, {}, at))  # type: ignore[misc]
        tested = timed(lambda rule=rule: replayed(store, rule, until))  # type: ignore[misc]
        figures = " | ".join(f"{one:.2f}" for one in (*alone, *tested))
        print(f"| `{name}` | {figures} | {BACKTEST_S:.0f} | {verdict(tested[0], BACKTEST_S)} |", flush=True)


def replayed(store: Store, rule: Rule, until: datetime) -> Any:
    """Replays a rule over 90 days of hours."""
    return backtest(store, rule, {}, until - timedelta(days=DAYS), until, timedelta(hours=1))


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Returns the seconds and CPU seconds that some work takes."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def line(what: str, took: tuple[float, float], wanted: float) -> None:
    """Prints one figure."""
    print(f"{what}: {took[0]:.2f} s, {took[1]:.2f} CPU s; wanted {wanted:.0f} s: {verdict(took[0], wanted)}")


def verdict(seconds: float, wanted: float) -> str:
    """Says whether a wanted figure was met."""
    return "met" if seconds <= wanted else "not met"


if __name__ == "__main__":
    main()
