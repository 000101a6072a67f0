"""How long do the pages take on ten million events, and how long would pandas take for the same answers?

Run: python benchmarks/pages.py [--events 10000000] [--keep DIR]. Grows the sample tenant (grown.py), draws each page
with Streamlit's own test client over the last fourteen days of data, no answer remembered, and asks five questions
again of pandas, which reads the same Parquet files, columns and days. Floor: the same page on the sample itself.
A page has answered when its first sentence stands below the header; what it asks is then asked once more, one by one.
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
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

PAGES = ("overview", "issues", "skips", "groups", "target", "leavers", "people", "failures")
TIMES = 3
Rows = list[dict[str, Any]]


def main() -> None:
    """Grows the lake, measures, and prints the tables of docs/benchmarks.md."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--events", type=int, default=10_000_000)
    words.add_argument("--keep", type=Path, help="a folder in which the grown lake stays for the next time")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = given.keep or Path(name)
        from grown import grown

        store = grown(folder, given.events)
        many = store.rows("select count(*) from events")[0][0]
        store.close()
        print(f"{many:,} events; {os.cpu_count()} cores\n")
        print_pages(alone(pages, folder / "sample" / "lake"), alone(pages, folder))
        print_peers(alone(peers, folder))


def alone(run: Callable[[Path], Any], folder: Path) -> Any:
    """Runs one measurement in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, (folder,))


class Drawn(NamedTuple):
    """What a page took, in seconds, with nothing remembered and with everything; its questions and the slowest."""

    answered: float
    first: float
    again: float
    questions: int
    slowest: str
    longest: float


def pages(folder: Path) -> dict[str, Drawn]:
    """Draws each page, once to warm up and then some times."""
    os.environ["PROVISIONING_STORE"] = f"ducklake:sqlite:{folder}/catalog.sqlite"
    logging.disable(logging.CRITICAL)
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.testing.v1 import AppTest

    from pipeline.catalog import catalog
    from pipeline.store import Store

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
    test = AppTest.from_file(str(ROOT / "views" / "_app.py"), default_timeout=600)
    test.query_params["window"] = "14-days"
    test.run()
    found: dict[str, Drawn] = {}
    for page in PAGES:
        answered, seconds = [], []
        for _ in range(TIMES + 1):
            asked.clear()
            stood.clear()
            began = time.perf_counter()
            seconds.append(drawn(test, page))
            answered.append(sentence(stood) - began)
        once = [(sql, values) for sql, values in asked if sql in names]
        longest, slowest = max((alone_for(fetch, sql, values), names[sql]) for sql, values in once)
        again = drawn(test, page, anew=False)
        found[page] = Drawn(
            statistics.median(answered[1:]), statistics.median(seconds[1:]), again, len(once), slowest, longest
        )
    return found


def sentence(stood: list[tuple[float, str, str]]) -> float:
    """Gives when a page's first sentence stood: the first words after the header's."""
    header = next(number for number, (_, _, words) in enumerate(stood) if ":material/database:" in words)
    return next(at for at, kind, _ in stood[header + 1 :] if kind in ("markdown", "alert"))


def alone_for(fetch: Callable[..., Any], sql: str, values: Any) -> float:
    """Gives the seconds that a question takes when no other is asked beside it."""
    from views._frame import store

    began = time.perf_counter()
    fetch(store(), sql, values)
    return time.perf_counter() - began


def drawn(test: Any, page: str, *, anew: bool = True) -> float:
    """Draws a page and gives the seconds; anew: with no answer remembered."""
    from views._frame import store

    if anew:
        store().answers.forget()
    began = time.perf_counter()
    test.switch_page(f"{page}.py").run()
    took = time.perf_counter() - began
    wrong = [str(one.value) for one in test.exception]
    assert not wrong, (page, wrong)
    return took


def print_pages(few: dict[str, Drawn], many: dict[str, Drawn]) -> None:
    """Prints what each page took."""
    print(
        "| page | answered | drawn | again | drawn, on the sample | ÷ | questions | the slowest of them, alone |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    )
    for page, told in many.items():
        floor = few[page].first
        print(
            f"| {page} | {told.answered:.2f} | {told.first:.2f} | {told.again:.2f} | {floor:.2f} "
            f"| {told.first / floor:.1f} | {told.questions} | `{told.slowest}` {told.longest:.2f} |"
        )
    print()


def peers(folder: Path) -> dict[str, tuple[float, float]]:
    """Asks the questions of both, holds the answers to be the same, and gives the seconds of each."""
    from pipeline.settings import read_settings
    from pipeline.store import open_store

    store = open_store(read_settings(store=f"ducklake:sqlite:{folder}/catalog.sqlite"), read_only=True)
    until = store.rows("select max(occurred_at) from events")[0][0] + timedelta(seconds=1)
    window = {"since": until - timedelta(days=14), "until": until}
    return {name: compared(store, name, peer, window) for name, peer in PEERS.items()}


def compared(store: Any, name: str, peer: "Peer", window: dict[str, Any]) -> tuple[float, float]:
    """Asks one question of both."""
    from pipeline.catalog import bind, find_query

    query = find_query(name)
    listed = f"select data_file from ducklake_list_files('provisioning', '{peer.table}')"
    files = [file for (file,) in store.rows(listed)]
    ours, answer = best(lambda: store.fetch(query.sql, bind(query, window | peer.more)))
    theirs, same = best(lambda: peer.answer(read(files, peer.columns, window)))
    mine = peer.part(answer.to_pylist())
    assert same == mine, (name, same, mine)
    return ours, theirs


def best(run: Callable[[], Any]) -> tuple[float, Any]:
    """Runs something some times and gives the median seconds and its last answer."""
    seconds, answer = [], None
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = run()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), answer


def read(files: list[str], columns: list[str], window: dict[str, Any]) -> Any:
    """Reads columns of a table's Parquet files, of the window's days, into a frame."""
    import pyarrow.parquet as pq

    kept = [("occurred_at", ">=", window["since"]), ("occurred_at", "<", window["until"])]
    return pq.read_table(files, columns=columns, filters=kept).to_pandas()


def successes(events: Any) -> Any:
    """Counts as success_and_noise does."""
    redundant = (events["status"] == "skipped") & (events["skip_reason"] == "RedundantExport")
    return (
        int((events["status"] == "success").sum()),
        int((events["status"] == "failure").sum()),
        int(redundant.sum()),
    )


def changes(events: Any) -> Any:
    """Counts real changes by attribute, as changed_attributes does."""
    import pandas as pd

    good = events[events["status"] == "success"].explode("changes").dropna(subset=["changes"])
    told: Any = pd.DataFrame(good["changes"].tolist(), index=good.index)
    real = (told["old_value"].fillna("\0") != told["new_value"].fillna("\0")) & (told["attribute"] != "accountDisabled")
    rows = pd.concat([good[["app_name", "source_id"]], told], axis=1)[real]
    counted = rows.assign(emptied=rows["new_value"].isna()).groupby(["app_name", "attribute"])
    found = counted.agg(changes=("emptied", "size"), objects=("source_id", "nunique"), emptied=("emptied", "sum"))
    return {key: tuple(map(int, row)) for key, row in zip(found.index, found.to_numpy(), strict=True)}


def failures(problems: Any) -> Any:
    """Counts failures and skips that are no good news."""
    return len(problems)


def seen(events: Any) -> Any:
    """Takes each object's last event, and counts the objects."""
    return len(events.sort_values("occurred_at").groupby(["job_id", "source_id"], sort=False).tail(1))


def latency(exchanges: Any) -> Any:
    """Gives requests and quantiles by day and verb, as target_latency does."""
    import numpy as np

    operation, method = exchanges["operation"], exchanges["method"]
    verb = np.select(
        [operation.isin(["probe", "discover"]), (method == "GET") & (operation == "query"),
         (method == "GET") & (operation == "read")],
        [operation, "GET by filter", "GET by id"], method,
    )  # fmt: skip
    took = exchanges.assign(bucket=exchanges["occurred_at"].dt.floor("D"), verb=verb).groupby(["bucket", "verb"])
    found = took["duration_ms"].agg(["size", lambda each: each.quantile(0.5), lambda each: each.quantile(0.95)])
    return {
        (bucket.to_pydatetime(), verb): (int(row[0]), round(row[1]), round(row[2]))
        for (bucket, verb), row in zip(found.index, found.to_numpy(), strict=True)
    }


@dataclass(frozen=True)
class Peer:
    """How pandas answers a question, or a part of it."""

    table: str
    columns: list[str]
    answer: Callable[[Any], Any]
    part: Callable[[Rows], Any]
    "What of our answer that is."
    more: dict[str, Any] = field(default_factory=dict)
    "Further parameters of the question."


PEERS = {
    "success_and_noise": Peer(
        "events",
        ["status", "skip_reason"],
        successes,
        lambda rows: (rows[0]["successes"], rows[0]["failures"], rows[0]["redundant"]),
    ),
    "changed_attributes": Peer(
        "events",
        ["status", "app_name", "source_id", "changes"],
        changes,
        lambda rows: {
            (row["app_name"], row["attribute"]): (row["changes"], row["objects"], row["emptied"]) for row in rows
        },
    ),
    "issues_over_time": Peer(
        "problems",
        ["job_id", "fingerprint", "source_id"],
        failures,
        lambda rows: sum(row["events"] for row in rows),
    ),
    "scope_funnel": Peer(
        "events",
        ["job_id", "source_id", "occurred_at", "status"],
        seen,
        lambda rows: next(row["objects"] for row in rows if row["stage"] == "seen"),
    ),
    "target_latency": Peer(
        "exchanges",
        ["occurred_at", "method", "operation", "duration_ms"],
        latency,
        lambda rows: {
            (row["bucket"], row["verb"]): (row["requests"], round(row["p50_ms"]), round(row["p95_ms"])) for row in rows
        },
        {"bucket": "day"},
    ),
}


def print_peers(found: dict[str, tuple[float, float]]) -> None:
    """Prints both times of each question."""
    print("| question | this, s | pandas, s | pandas ÷ this |\n| --- | ---: | ---: | ---: |")
    for name, (ours, theirs) in found.items():
        print(f"| `{name}` | {ours:.2f} | {theirs:.2f} | {theirs / ours:.1f} |")


if __name__ == "__main__":
    main()
