"""How fast are events loaded, against DuckDB's own reader (the floor) and against pydantic row by row (the peer)?

Run: python benchmarks/load.py [--events 500000]. Prints one table of ratios; docs/benchmarks.md keeps one such table.
Each measurement is a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

PEER_EVENTS = 30_000
"The peer is slow; its rate is taken from this many events."
STORED = 9_500_000
"How much is stored already when the last half million of ten is loaded."


def main() -> None:
    """Writes the events, measures each way of loading them and prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=500_000)
    arguments.add_argument("--stored", type=int, default=STORED)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        from events import write_events

        file = write_events(folder / "events.ndjson", given.events)
        rows = measured(folder, file, given.events, given.stored)
    print(report(rows, given.events, given.stored))


def measured(folder: Path, file: Path, events: int, stored: int) -> dict[str, dict[str, float]]:
    """Runs every measurement once, the floor before and after, and returns seconds and megabytes by name."""
    few = folder / "few.ndjson"
    with file.open("rb") as source, few.open("wb") as target:
        for _, line in zip(range(min(events, PEER_EVENTS)), source, strict=False):
            target.write(line)
    rows: dict[str, dict[str, float]] = {"bytes": {"seconds": file.stat().st_size}}
    for name, run, about in (
        ("floor, into a table on disk", floor_on_disk, file),
        ("floor, into a table in memory", floor_in_memory, file),
        ("this loader, empty store", loader, file),
        ("floor again, into a table on disk", floor_on_disk, file),
        ("floor again, into a table in memory", floor_in_memory, file),
        ("pydantic row by row", peer, few),
        ("this loader again, nothing new", again, file),
        (f"this loader, {stored:,} stored", full, file),
    ):
        print(f"  … {name}", file=sys.stderr, flush=True)
        rows[name] = alone(run, folder, about, stored)
    return rows


def alone(run: Callable[[Path, Path, int], float], folder: Path, file: Path, stored: int) -> dict[str, float]:
    """Runs one measurement in a process of its own."""
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue()
    process = context.Process(target=reported, args=(queue, run.__name__, folder, file, stored))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{run.__name__} failed; its error stands above")
    return dict(queue.get())


def reported(queue: Any, name: str, folder: Path, file: Path, stored: int) -> None:
    """Runs a measurement by its name and tells its seconds and its process's peak memory."""
    seconds = globals()[name](folder, file, stored)
    queue.put({"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def typed_read(file: Path) -> str:
    """Returns DuckDB's own typed reader over the loader's columns."""
    from pipeline.ingest.records.event import Event
    from pipeline.ingest.records.wire import columns

    listed = ", ".join(f"'{name}': '{kind}'" for name, kind in columns(Event).items())
    return f"read_json('{file}', format = 'newline_delimited', columns = {{{listed}}}, maximum_object_size = 16777216)"


def floor_on_disk(folder: Path, file: Path, stored: int) -> float:
    """DuckDB alone: typed read_json into a table of a DuckDB file, checkpointed."""
    import duckdb

    target = folder / "floor.duckdb"
    target.unlink(missing_ok=True)
    connection = duckdb.connect(str(target))
    began = time.perf_counter()
    connection.execute(f"create table t as select * from {typed_read(file)}")
    connection.execute("checkpoint")
    return time.perf_counter() - began


def floor_in_memory(folder: Path, file: Path, stored: int) -> float:
    """DuckDB alone: typed read_json into a table in memory, nothing written."""
    import duckdb

    connection = duckdb.connect()
    began = time.perf_counter()
    connection.execute(f"create table t as select * from {typed_read(file)}")
    return time.perf_counter() - began


def loader(folder: Path, file: Path, stored: int) -> float:
    """This project's loader into a new lake: rejects, de-duplication, folds and ledger included."""
    from pipeline.ingest.files import ingest

    shutil.rmtree(folder / "lake", ignore_errors=True)
    store = lake(folder)
    began = time.perf_counter()
    report = ingest(store, [file])
    seconds = time.perf_counter() - began
    assert report.files[0].kept > 0 and report.files[0].rejects == 0
    return seconds


def again(folder: Path, file: Path, stored: int) -> float:
    """The same events under another name: every one is looked up and found to be known."""
    from pipeline.ingest.files import ingest

    copy = folder / "copy.ndjson"
    os.link(file, copy)
    store = lake(folder)
    began = time.perf_counter()
    report = ingest(store, [copy])
    seconds = time.perf_counter() - began
    assert report.files[0].kept == 0
    return seconds


def full(folder: Path, file: Path, stored: int) -> float:
    """The same file into a lake that holds `stored` events of the weeks before."""
    from pipeline.ingest.files import ingest

    shutil.rmtree(folder / "lake", ignore_errors=True)
    store = lake(folder)
    fill(store, stored)
    began = time.perf_counter()
    ingest(store, [file])
    return time.perf_counter() - began


def lake(folder: Path) -> Any:
    """Opens the lake of the measurement."""
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store

    return open_store(read_settings(store=f"ducklake:sqlite:{folder}/lake/catalog.sqlite"))


def fill(store: Any, count: int) -> None:
    """Stores events of the weeks before, one a second, a million a transaction, with the folds they would leave."""
    from pipeline.ingest.load import fold

    select = """
        create or replace temp table arriving as
        select uuid()::varchar as event_id, 'graph' as source, 't' as tenant_id, 'job ' || i % 4 as job_id,
            (i // 400)::varchar as cycle_id, uuid()::varchar as change_id,
            timestamp '2026-01-01' - to_seconds(i) as occurred_at, 'update' as action, 'success' as status,
            'a' as app_id, 'App ' || i % 4 as app_name, 'Microsoft Entra ID' as source_system, 'x' as target_system,
            (i % 50000)::varchar as source_id, 'Person ' || i % 50000 as source_name, 'User' as source_type,
            'person.' || i % 50000 || '@example.com' as upn, (i % 50000)::varchar as target_id, 'User' as target_type,
            100 as duration_ms, null::varchar as error_code, null::varchar as error_category, null::varchar as reason,
            null::varchar as recommended_action, null::varchar as skip_reason, null::integer as http_status,
            null::varchar as scim_type, null::varchar as scim_detail, null::integer as retry_count,
            null::timestamp as retry_at, 'EntryExportUpdate' as last_step,
            [{'name': 'EntryExportUpdate', 'type': 'export', 'status': 'success', 'description': 'updated',
                'details': '{}'::json}] as steps,
            [{'attribute': 'title', 'old_value': 'a', 'new_value': 'b'}] as changes
        from range($begin, $end) r(i)
    """
    cursor = store.cursor()
    for begin in range(0, count, 1_000_000):
        cursor.execute(select, {"begin": begin, "end": min(count, begin + 1_000_000)})
        store.write(lambda c: c.execute("insert into events select * from arriving;" + fold()), on=cursor)
    cursor.close()


def peer(folder: Path, file: Path, stored: int) -> float:
    """Row by row: a plain pydantic model of the same fields, an Arrow table, a DuckDB table; what most pipelines do."""
    import duckdb
    import pyarrow as pa

    from pipeline.ingest.records.event import Event

    model = plain(Event)
    connection = duckdb.connect(str(folder / "peer.duckdb"))
    began = time.perf_counter()
    rows = []
    with file.open("rb") as lines:
        for line in lines:
            event = model.model_validate_json(line).model_dump()
            for step in event["provisioningSteps"] or []:
                step["details"] = json.dumps(step["details"])
            rows.append(event)
    arrived = pa.Table.from_pylist(rows)
    connection.execute("create or replace table t as select * from arrived")
    assert arrived.num_rows == len(rows)
    return time.perf_counter() - began


def plain(model: Any) -> Any:
    """Returns a model of the same fields without this project's tolerance, which would make the peer slower."""
    from pydantic import create_model

    fields: Any = {name: (bare(field.annotation) | None, None) for name, field in model.model_fields.items()}
    return create_model(f"Plain{model.__name__}", **fields)


def bare(annotation: Any) -> Any:
    """Returns a field's type, plain models in place of the project's."""
    from typing import get_args, get_origin

    from pipeline.ingest.records.wire import Wire, unwrapped

    kind: Any = unwrapped(annotation)
    if get_origin(kind) is list:
        return list[bare(get_args(kind)[0])]  # type: ignore[misc]
    if isinstance(kind, type) and issubclass(kind, Wire):
        return plain(kind)
    return kind if kind in (str, int, float, bool) else dict[str, Any]


def report(rows: dict[str, dict[str, float]], events: int, stored: int) -> str:
    """Writes the table: rates, peak memory, and ratios against floor and peer of the same run."""
    size = rows.pop("bytes")["seconds"]
    disk = min(rows[name]["seconds"] for name in rows if name.startswith("floor") and "disk" in name)
    memory = min(rows[name]["seconds"] for name in rows if name.startswith("floor") and "memory" in name)
    ours = rows["this loader, empty store"]["seconds"]
    late = rows[f"this loader, {stored:,} stored"]["seconds"]
    slow = rows["pydantic row by row"]["seconds"] / min(events, PEER_EVENTS) * events
    lines = [
        f"{events:,} events, {size / events:,.0f} bytes each; {platform.machine()}, {os.cpu_count()} cores",
        "",
        "| way of loading | seconds | events/s | peak MB |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, row in rows.items():
        seconds = slow if name.startswith("pydantic") else row["seconds"]
        lines.append(f"| {name} | {seconds:.1f} | {events / seconds:,.0f} | {row['megabytes']:,.0f} |")
    lines += [
        "",
        "| ratio | measured | wanted |",
        "| --- | ---: | ---: |",
        f"| floor on disk ÷ loader | {disk / ours:.2f} | at least 0.50 |",
        f"| floor in memory ÷ loader, which writes to disk | {memory / ours:.2f} | |",
        f"| pydantic ÷ loader | {slow / ours:.1f} | at least 3 |",
        f"| last {events:,} of {stored + events:,} ÷ first | {late / ours:.2f} | at most 1.3 |",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
