"""How fast is each shape of log loaded, against DuckDB's own read of the same text (the floor) in the same run?

Run: python benchmarks/load.py [--events 100000] [--stored 9500000]. Prints figure, wanted, met or not;
docs/benchmarks.md keeps one run. Each measurement is a process of its own, so that its peak memory is its own. With
--stored, also how much longer loading takes into a store that holds so many events.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

PEER_EVENTS = 20_000
"The peer is slow; its rate is taken from this many events."
BLOBS = 540
LINES_AN_EVENT = 4
"Lines of the access log for each event of the other shapes, which are several times as long."
MEMORY_MB = 1000
"PROVISIONING_MEMORY, while it is measured."
MEMORY_OVER_MB = 300
"What a process may need beyond that."


@dataclass(frozen=True)
class Shape:
    """One shape of log, and what is wanted of loading it."""

    share: float
    "The least floor ÷ loader; 0 where megabytes a second are wanted."
    rate: float = 0.0
    "The least megabytes a second of a core."


SHAPES = {
    "Graph lines": Shape(0.8),
    "diagnostic lines": Shape(0.8),
    "hourly blobs": Shape(0.5),
    "Log Analytics CSV": Shape(0.5),
    "portal JSON": Shape(0.5),
    "portal CSV": Shape(0.5),
    "access log": Shape(0.0, 40.0),
}


@dataclass(frozen=True)
class Run:
    """What one measurement took."""

    seconds: float
    cpu: float
    megabytes: float
    "Its process's peak memory."


def main() -> None:
    """Measures each shape in turn and prints the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=100_000)
    arguments.add_argument("--stored", type=int, default=0, help="events that the store of one more run holds before")
    arguments.add_argument("--shape", action="append", choices=list(SHAPES), help="only this one; no peers")
    given = arguments.parse_args()
    os.environ |= {"PROVISIONING_MEMORY": f"{MEMORY_MB}MB"}
    print(f"{given.events:,} events; {platform.machine()}, {os.cpu_count()} cores\n")
    print("| shape | MB | floor s | loader s | floor ÷ loader | by CPU | MB/s a core | wanted | peak MB | |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- |")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        for shape in given.shape or SHAPES:
            print(measured(shape, Path(name), given.events), flush=True)
        if not given.shape:
            print(f"\n{compared(Path(name), given.events, given.stored)}")


def measured(name: str, folder: Path, events: int) -> str:
    """Measures one shape, floor and loader in turn, twice, the quicker of each; returns its line of the table."""
    shape, logs = SHAPES[name], folder / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    alone(write, logs, name, events)
    size = sum(file.stat().st_size for file in logs.rglob("*") if file.is_file()) / 1e6
    floors, loaders = zip(*((alone(floor, folder, name), alone(loader, folder, logs)) for _ in range(2)), strict=True)
    seconds, cpu = quickest(floors).seconds, quickest(floors).cpu
    ours = quickest(loaders)
    share, rate = seconds / ours.seconds, size / ours.cpu
    wanted = f"≥ {shape.share}" if shape.share else f"≥ {shape.rate:.0f} MB/s a core"
    fits = ours.megabytes <= MEMORY_MB + MEMORY_OVER_MB
    met = share >= shape.share and rate >= shape.rate and fits
    figures = f"{size:,.0f} | {seconds:.2f} | {ours.seconds:.2f} | {share:.2f} | {cpu / ours.cpu:.2f} | {rate:.0f}"
    return f"| {name} | {figures} | {wanted} | {ours.megabytes:,.0f} | {'met' if met else '**not met**'} |"


def quickest(runs: Sequence[Run]) -> Run:
    """Takes the least of each figure, but the most memory."""
    return Run(min(run.seconds for run in runs), min(run.cpu for run in runs), max(run.megabytes for run in runs))


def alone(run: Callable[..., Callable[[], None]], *words: Any) -> Run:
    """Runs one measurement in a process of its own, with the page cache warm and nothing left to write."""
    os.sync()
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue()
    process = context.Process(target=reported, args=(queue, run, *words))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{run.__name__} failed; its error stands above")
    return Run(*queue.get())


def reported(queue: Any, run: Callable[..., Callable[[], None]], *words: Any) -> None:
    """Prepares a measurement, runs it, and reports its seconds, processor seconds and its process's peak memory."""
    measurement = run(*words)
    began, cpu = time.perf_counter(), time.process_time()
    measurement()
    seconds = time.perf_counter() - began, time.process_time() - cpu
    queue.put((*seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def write(logs: Path, name: str, events: int) -> Callable[[], None]:
    """Writes the logs of a shape."""
    import shapes
    from events import write_events

    logs.mkdir()
    writers: Mapping[str, Callable[[], object]] = {
        "Graph lines": partial(write_events, logs / "events.jsonl", events),
        "diagnostic lines": lambda: shapes.write_lines(logs / "events.jsonl", shapes.diagnostics(events)),
        "hourly blobs": partial(shapes.write_hourly, logs, events, BLOBS),
        "Log Analytics CSV": partial(shapes.write_csv, logs / "AADProvisioningLogs.csv", events),
        "portal JSON": partial(shapes.write_array, logs / "events.json", events),
        "portal CSV": partial(shapes.write_portal, logs, events),
        "access log": partial(shapes.write_access, logs / "access.log", events * LINES_AN_EVENT),
    }
    return lambda: (writers[name](), None)[1]


def floor(folder: Path, name: str) -> Callable[[], None]:
    """DuckDB alone: its own reader of every file into a table of a DuckDB file, checkpointed."""
    import duckdb

    target = folder / "floor.duckdb"
    target.unlink(missing_ok=True)
    connection = duckdb.connect(str(target))
    tables = [f"create table t{n} as from {read}" for n, read in enumerate(reads(folder / "logs", name))]
    return lambda: (connection.execute(f"{'; '.join(tables)}; checkpoint"), None)[1]


def reads(logs: Path, name: str) -> list[str]:
    """Lists DuckDB's own readers of a shape's files: typed for JSON, text for what is not."""
    from shapes import diagnostics

    from pipeline.ingest.records.event import DiagnosticRecord, Event

    if name.endswith("CSV"):
        return [
            f"read_csv('{file}', header = true, all_varchar = true, quote = '\"')" for file in sorted(logs.iterdir())
        ]
    if name == "access log":
        return [f"read_csv('{logs}/*', columns = {{'line': 'VARCHAR'}}, delim = '\\x01', quote = '', escape = '')"]
    if name in ("diagnostic lines", "hourly blobs"):
        return [typed_read(f"{logs}/**/*.json*", DiagnosticRecord, list(diagnostics(40)))]
    return [typed_read(f"{logs}/*", Event, layout="array" if name == "portal JSON" else "newline_delimited")]


def typed_read(files: str, record: Any, samples: Any = (), layout: str = "newline_delimited") -> str:
    """Spells DuckDB's own typed reader over the loader's columns."""
    from pipeline.ingest.records.wire import columns

    listed = ", ".join(f"'{name}': '{kind}'" for name, kind in columns(record, samples).items())
    return f"read_json('{files}', format = '{layout}', columns = {{{listed}}}, maximum_object_size = 1073741824)"


def loader(folder: Path, logs: Path) -> Callable[[], None]:
    """This project's loader into a new lake: rejects, de-duplication, folds and ledger included."""
    shutil.rmtree(folder / "lake", ignore_errors=True)
    return partial(load, lake(folder), logs)


def load(store: Any, logs: Path, new: bool = True) -> None:
    """Loads logs of which every record is new, or none."""
    from pipeline.ingest.files import ingest

    files = ingest(store, [logs]).files
    assert sum(file.rejects for file in files) == 0 and sum(file.lines for file in files) > 0
    assert (sum(file.kept for file in files) > 0) == new


def lake(folder: Path) -> Any:
    """Opens the lake of the measurement."""
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store

    return open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/lake/catalog.sqlite"))


def compared(folder: Path, events: int, stored: int) -> str:
    """Loads Graph lines in other ways and into fuller stores; returns the table of ratios."""
    logs, few = folder / "logs", folder / "few.jsonl"
    shutil.rmtree(logs)
    alone(write, logs, "Graph lines", events)
    with (logs / "events.jsonl").open("rb") as source, few.open("wb") as target:
        target.writelines(line for _, line in zip(range(min(events, PEER_EVENTS)), source, strict=False))
    ours = alone(loader, folder, logs)
    (logs / "events.jsonl").rename(logs / "copy.jsonl")
    again = alone(repeat, folder, logs)
    slow = alone(peer, folder, few)
    lines = [
        "| ratio | measured | wanted | |",
        "| --- | ---: | --- | --- |",
        ratio("pydantic row by row ÷ loader", slow.seconds / min(events, PEER_EVENTS) * events / ours.seconds, 3),
        ratio("the same again, nothing new ÷ first", again.seconds / ours.seconds, 1, at_most=True),
    ]
    if stored:
        late = alone(full, folder, logs, stored)
        lines.append(ratio(f"{events:,} into {stored:,} ÷ first", late.seconds / ours.seconds, 1.3, at_most=True))
    return "\n".join(lines)


def ratio(name: str, measured: float, wanted: float, at_most: bool = False) -> str:
    """Writes one line of the ratios."""
    met = measured <= wanted if at_most else measured >= wanted
    return f"| {name} | {measured:.2f} | {'≤' if at_most else '≥'} {wanted} | {'met' if met else '**not met**'} |"


def repeat(folder: Path, logs: Path) -> Callable[[], None]:
    """The same events under another name: every one is looked up and found to be known."""
    return partial(load, lake(folder), logs, new=False)


def full(folder: Path, logs: Path, stored: int) -> Callable[[], None]:
    """The same file into a lake that holds `stored` events of the weeks before."""
    shutil.rmtree(folder / "lake", ignore_errors=True)
    store = lake(folder)
    fill(store, stored)
    return partial(load, store, logs)


def fill(store: Any, count: int) -> None:
    """Stores events of the weeks before, one a second, a million a transaction, with the folds they would leave."""
    from pipeline.ingest.aggregates import add_to_aggregates

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

    def land(cursor: Any) -> None:
        cursor.execute("insert into events select * from arriving")
        add_to_aggregates(cursor)

    cursor = store.cursor()
    for begin in range(0, count, 1_000_000):
        cursor.execute(select, {"begin": begin, "end": min(count, begin + 1_000_000)})
        store.write(land, on=cursor)
    cursor.close()


def peer(folder: Path, file: Path) -> Callable[[], None]:
    """Row by row: a plain pydantic model of the same fields, an Arrow table, a DuckDB table; what most pipelines do."""
    import duckdb
    import pyarrow as pa

    from pipeline.ingest.records.event import Event

    model = plain(Event)
    connection = duckdb.connect(str(folder / "peer.duckdb"))

    def load_rows() -> None:
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

    return load_rows


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


if __name__ == "__main__":
    main()
