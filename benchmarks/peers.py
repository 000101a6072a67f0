"""The same answers, or a part of them, by pandas from the same Parquet files: what pages.py holds ours against."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

TIMES = 3
Rows = list[dict[str, Any]]


def peers(folder: Path) -> dict[str, tuple[float, float]]:
    """Asks the questions of both, holds the answers to be the same, and returns the seconds of each."""
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store

    store = open_store(read_settings(store=f"ducklake:sqlite:{folder}/catalog.sqlite"), read_only=True)
    until = store.rows("select max(occurred_at) from events")[0][0] + timedelta(seconds=1)
    window = {"since": until - timedelta(days=14), "until": until}
    return {name: compared(store, name, peer, window) for name, peer in PEERS.items()}


def compared(store: Any, name: str, peer: "Peer", window: dict[str, Any]) -> tuple[float, float]:
    """Asks one question of both."""
    from pipeline.store.catalog import bind, find_query

    query = find_query(name)
    listed = f"select data_file from ducklake_list_files('provisioning', '{peer.table}')"
    files = [file for (file,) in store.rows(listed)]
    ours, answer = best(lambda: store.fetch(query.sql, bind(query, window | peer.more)))
    theirs, same = best(lambda: peer.answer(read(files, peer.columns, window)))
    mine = peer.part(answer.to_pylist())
    assert same == mine, (name, same, mine)
    return ours, theirs


def best(run: Callable[[], Any]) -> tuple[float, Any]:
    """Runs something some times and returns the median seconds and its last answer."""
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
    """Returns requests and quantiles by day and verb, as target_latency does."""
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
