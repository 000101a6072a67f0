"""How long do the pages take on ten million events, and how long would pandas take for the same answers?

Run: python benchmarks/pages.py [--events 10000000] [--keep DIR] [--pages home people] [--times 3]. Grows the sample
tenant (grown.py), and once more to a tenth of that, draws each page of both with Streamlit's own test client over the
last fourteen days of data, no answer remembered, and asks five questions again of pandas, which reads the same Parquet
files, columns and days. Floor: the same page on the sample itself. A page has answered when its first sentence stands
below the header; what it asks is then asked once more, one by one. Growth: processor time at all the events against
that at a tenth, since a page's clock depends on what else the machine does.
"""

import argparse
import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from wanted import print_wanted  # noqa: E402

SECONDS, GROWTH = 1.0, 1.5
"Within how many seconds all of a page is to be drawn, and how many times the processor time of a tenth it may take."


def main() -> None:
    """Grows the lake, measures, and prints the tables of docs/benchmarks.md."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--events", type=int, default=10_000_000)
    words.add_argument("--keep", type=Path, help="a folder in which the grown lake stays for the next time")
    words.add_argument("--tenth", type=Path, help="the same for a tenth of the events")
    words.add_argument("--pages", nargs="*", help="names of pages; all when not given")
    words.add_argument("--times", type=int, default=3, help="how often each page is drawn, after once to warm up")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = given.keep or Path(name)
        from grown import grown
        from peers import peers, print_peers

        from views.frame.places import PLACES

        names = given.pages or list(PLACES)
        tenth = given.tenth or folder / "tenth"
        grown(tenth, given.events // 10).close()
        store = grown(folder, given.events)
        many = store.rows("select count(*) from events")[0][0]
        store.close()
        print(f"{many:,} events; {os.cpu_count()} cores\n")
        print_pages(*(alone(pages, place, names, given.times) for place in (folder / "sample" / "lake", tenth, folder)))
        print_peers(alone(peers, folder))


def alone(run: Callable[..., Any], *given: Any) -> Any:
    """Runs one measurement in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, given)


class Drawn(NamedTuple):
    """What a page took, in seconds, with nothing remembered and with everything; its questions and the slowest."""

    answered: float
    first: float
    again: float
    processor: float
    questions: int
    slowest: str
    longest: float


def pages(folder: Path, page_names: list[str], times: int) -> dict[str, Drawn]:
    """Draws each page, once to warm up and then some times."""
    os.environ["PROVISIONING_STORE"] = f"ducklake:sqlite:{folder}/catalog.sqlite"
    logging.disable(logging.CRITICAL)
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.testing.v1 import AppTest

    from pipeline.store.catalog import catalog
    from pipeline.store.lake import Store

    names = {query.sql: name for name, query in catalog().items()}
    asked: list[tuple[str, Any]] = []
    stood: list[tuple[float, str, str]] = []
    fetch, enqueue = Store.fetch, DeltaGenerator._enqueue

    def noted(store: Store, sql: str, values: Any = None) -> Any:
        asked.append((sql, values))
        return fetch(store, sql, values)

    def drawing(place: Any, kind: str, element: Any, *more: Any, **named: Any) -> Any:
        stood.append((time.perf_counter(), kind, str(getattr(element, "body", ""))))
        return enqueue(place, kind, element, *more, **named)

    Store.fetch = noted  # type: ignore[method-assign, assignment]
    DeltaGenerator._enqueue = drawing  # type: ignore[method-assign, assignment]
    test = AppTest.from_file(str(ROOT / "views" / "app.py"), default_timeout=600)
    test.query_params["window"] = "14-days"
    test.run()
    found: dict[str, Drawn] = {}
    for page in page_names:
        answered, seconds, processor = [], [], []
        for _ in range(times + 1):
            asked.clear()
            stood.clear()
            began, before = time.perf_counter(), time.process_time()
            seconds.append(drawn(test, page))
            answered.append(sentence(stood) - began)
            processor.append(time.process_time() - before)
        once = [(sql, values) for sql, values in asked if sql in names]
        longest, slowest = max((alone_for(fetch, sql, values), names[sql]) for sql, values in once)
        again = drawn(test, page, anew=False)
        answer, first, took = (statistics.median(each[1:]) for each in (answered, seconds, processor))
        found[page] = Drawn(answer, first, again, took, len(once), slowest, longest)
    return found


def sentence(stood: list[tuple[float, str, str]]) -> float:
    """Returns when a page's first sentence stood: the first words after the header's."""
    header = next(number for number, (_, _, words) in enumerate(stood) if "· revision" in words)
    return next(at for at, kind, _ in stood[header + 1 :] if kind in ("markdown", "alert"))


def alone_for(fetch: Callable[..., Any], sql: str, values: Any) -> float:
    """Returns the seconds that a question takes when no other is asked beside it."""
    from views.frame.data import store

    began = time.perf_counter()
    fetch(store(), sql, values)
    return time.perf_counter() - began


def drawn(test: Any, page: str, *, anew: bool = True) -> float:
    """Draws a page and returns the seconds; anew: with no answer remembered."""
    from views.frame.data import store
    from views.frame.places import PLACES

    if anew:
        store().answers.clear()
    began = time.perf_counter()
    target = PLACES[page]
    test.switch_page(target.file)
    test.query_params.clear()
    for word, value in (target.words | {"window": "14-days"}).items():
        test.query_params[word] = value
    test.run()
    took = time.perf_counter() - began
    wrong = [str(one.value) for one in test.exception]
    assert not wrong, (page, wrong)
    return took


def print_pages(few: dict[str, Drawn], tenth: dict[str, Drawn], many: dict[str, Drawn]) -> None:
    """Prints what each page took, and whether that is as wanted."""
    print(
        "| page | answered | drawn | again | drawn, on the sample | processor | growth from a tenth | questions "
        "| the slowest of them, alone |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    )
    for page, one in many.items():
        print(
            f"| {page} | {one.answered:.2f} | {one.first:.2f} | {one.again:.2f} | {few[page].first:.2f} "
            f"| {one.processor:.2f} | {one.processor / tenth[page].processor:.1f} | {one.questions} "
            f"| `{one.slowest}` {one.longest:.2f} |"
        )
    print_wanted(
        [
            *((f"{page}: all of it drawn", one.first, SECONDS, " s") for page, one in many.items()),
            *((f"{page}: growth", one.processor / tenth[page].processor, GROWTH, "") for page, one in many.items()),
        ]
    )
    print()


if __name__ == "__main__":
    main()
