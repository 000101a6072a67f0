"""What pages read fast is what all events say: the folds of many transactions against a recomputation in Python."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.settings import read_settings
from pipeline.ingest.load import load_staged, make_stage
from pipeline.maintenance.compact import FOLDS
from pipeline.store.lake import Cursor
from pipeline.store.migrate import build_schema

EXAMPLES = int(os.environ.get("EXAMPLES", "5"))
"How many lists of batches each law is tried on; `make test-deep` asks for a hundred."
Row = dict[str, Any]
NOON = datetime(2026, 1, 5, 12)
SKIPS = ("RedundantExport", "NotEffectivelyEntitled", "AttributeValidationFailed", "out of scope", None)


def dated(row: Row) -> Row:
    """Gives an event the instant that belongs to its id; several share one."""
    return row | {"occurred_at": NOON + timedelta(minutes=25 * (int(row["event_id"][6:]) % 6))}


LEFT = {"name": "EntryImportUpdate", "type": "import", "status": "success", "description": "Received the account"}
WRITTEN = (None, "True", "False")
STEPS = ([LEFT | {"details": '{"accountEnabled":"False"}'}], [LEFT | {"details": '{"accountEnabled":"True"}'}], None)
EVENTS = st.builds(
    dict,
    event_id=st.integers(0, 30).map(lambda number: f"event-{number}"),
    job_id=st.sampled_from(["cerby", "docs", None]),
    tenant_id=st.just("tenant"),
    app_name=st.sampled_from(["Cerby", "Cerby (new)"]),
    cycle_id=st.sampled_from(["first", "second", None]),
    retry_count=st.one_of(st.none(), st.integers(0, 3)),
    source_id=st.sampled_from(["ada", "bob", None]),
    upn=st.sampled_from(["ada@example.com", None]),
    action=st.sampled_from(["create", "update", "disable", "delete", "stagedDelete", "other"]),
    status=st.sampled_from(["success", "failure", "skipped", "warning", "postponed"]),
    skip_reason=st.sampled_from(SKIPS),
    error_code=st.sampled_from(["EntryConflict", "EntrySynchronizationSkipped", None]),
    last_step=st.sampled_from(["EntryExportAdd", None]),
    duration_ms=st.one_of(st.none(), st.integers(0, 9)),
    steps=st.sampled_from(STEPS),
    changes=st.sampled_from(WRITTEN).map(
        lambda word: [{"attribute": "active", "old_value": None, "new_value": word}] if word else None
    ),
).map(dated)
BATCHES = st.lists(st.lists(EVENTS, max_size=12), min_size=1, max_size=5)


@lru_cache
def built() -> Cursor:
    """The store's tables and views in memory, made once: making them takes longer than what is asked of them."""
    cursor = duckdb.connect()
    build_schema(cursor)
    return cursor


def lake() -> Cursor:
    """The store's tables and views in memory, all empty."""
    cursor = built()
    held = cursor.execute("select table_name from duckdb_tables() where not temporary").fetchall()
    for (table,) in held:
        cursor.execute(f"delete from {table}")
    return cursor


def arrive(cursor: Cursor, batch: Sequence[Row]) -> None:
    """Lands a batch as one transaction, as a reader does."""
    make_stage(cursor, read_settings(_env_file=None))
    if batch:
        told = pa.table({name: [row[name] for row in batch] for name in batch[0]})
        cursor.register("told", told)
        cursor.execute("insert into staged_events by name select *, 0 as number, false as lost from told")
    cursor.execute("begin")
    try:
        load_staged(cursor, {0: "told.json"})
    except BaseException:
        cursor.execute("rollback")
        raise
    cursor.execute("commit")


def answers(cursor: Cursor, sql: str) -> list[Row]:
    """Gives an answer's rows by column name."""
    found: list[Row] = cursor.execute(sql).to_arrow_table().to_pylist()
    return found


def benign(row: Row) -> bool:
    """Whether a skip is good news."""
    good = row["skip_reason"] in ("RedundantExport", "NotEffectivelyEntitled", "out of scope")
    coded = row["skip_reason"] is None and (row["error_code"] or "").endswith("EntrySynchronizationSkipped")
    return row["status"] == "skipped" and (good or coded)


def state(row: Row) -> str | None:
    """What an event leaves its object in."""
    if row["action"] == "stagedDelete":
        return None
    ended = {"disable": "disabled", "delete": "deleted"}.get(row["action"], "in_sync")
    skipped = "in_sync" if row["skip_reason"] == "RedundantExport" else "skipped"
    return {"failure": "failing", "skipped": skipped, "success": ended, "warning": "in_sync"}.get(row["status"])


def removal(row: Row) -> str | None:
    """What an event was to take away: an update that writes the account off disables it."""
    written = row["changes"][0]["new_value"] if row["changes"] else None
    if row["action"] in ("disable", "delete", "stagedDelete"):
        return str(row["action"])
    return "disable" if written == "False" and row["action"] != "create" else None


def shown(row: Row) -> str:
    """What Entra read of the account in its own directory."""
    return str(row["steps"][0]["details"]) if row["steps"] else ""


def account(rows: Sequence[Row]) -> str:
    """What an object's account in the app is, from its events in order; a create that fails takes no account away."""
    known, tried, lost = "unknown", False, False
    for row in rows:
        good = row["status"] in ("success", "warning")
        removes = removal(row)
        written = row["changes"][0]["new_value"] if row["changes"] else None
        redundant = row["status"] == "skipped" and row["skip_reason"] == "RedundantExport"
        equal = redundant and not removes
        if row["action"] == "create" and row["status"] == "failure":
            tried = True
        if state(row) == "failing":
            lost = not removes
        elif removes in ("disable", "delete") and (good or redundant):
            known, lost = removes + "d", False
        elif good and not removes and written == "False":
            known = "disabled"
        elif (
            (good and not removes and (row["action"] == "create" or written == "True"))
            or (equal and '"True"' in shown(row))
            or (((good and not removes) or equal) and '"False"' not in shown(row) and known != "disabled")
        ):
            known = "active"
    return "absent" if (known == "unknown" and tried) or (known == "deleted" and lost) else known


def open_attempt(rows: Sequence[Row]) -> Row | None:
    """The newest failure, where an attempt failed and nothing settled it since; out of scope settles no removal."""
    removes, newest = False, None
    for row in rows:
        if state(row) == "failing":
            removes, newest = removes or removal(row) in ("disable", "delete"), row
        elif state(row) in ("in_sync", "disabled", "deleted") or (
            state(row) == "skipped" and benign(row) and not removes
        ):
            removes, newest = False, None
    return newest


def identity(rows: Sequence[Row]) -> Row:
    """The latest word on one object, from its events in order."""
    deciding = [row for row in rows if state(row)]
    last = deciding[-1] if deciding else None
    good = [row["occurred_at"] for row in rows if row["status"] == "success" or state(row) == "in_sync"]
    failures = sum(row["status"] == "failure" for row in rows)
    attempts = failures + sum(row["status"] == "success" for row in rows)
    named = [row for row in rows if row["upn"] is not None] or rows
    failing = open_attempt(rows)
    known = account(rows)
    in_use = [state(row) == "in_sync" and not removal(row) and '"False"' not in shown(row) for row in rows]
    if known in ("disabled", "deleted") and attempts == failures and not any(in_use):
        # Nothing shows that there ever was an account to disable: no event names one, none succeeded.
        known, last = "unknown", last if last and state(last) == "skipped" else None
    return {
        "job_id": rows[0]["job_id"],
        "source_id": rows[0]["source_id"],
        "app_name": named[-1]["app_name"],
        "upn": named[-1]["upn"],
        "state": "failing"
        if failing
        else known
        if known in ("disabled", "deleted")
        else state(last)
        if last
        else "unknown",
        "account": known,
        "last_event_at": rows[-1]["occurred_at"],
        "last_success_at": max(good, default=None),
        "attempts": attempts,
        "failures": failures,
        "benign_skips": sum(map(benign, rows)),
        "success_share": (attempts - failures) / attempts if attempts else None,
        "open_error_code": failing["error_code"] if failing else None,
    }


def cycle(rows: Sequence[Row]) -> Row:
    """One cycle, from its events."""
    ended = Counter(row["status"] for row in rows)
    spent = [row["duration_ms"] for row in rows if row["duration_ms"] is not None]
    tries = [row["retry_count"] for row in rows if row["retry_count"] is not None]
    return {
        "job_id": rows[0]["job_id"],
        "cycle_id": rows[0]["cycle_id"],
        "app_name": max(row["app_name"] for row in rows),
        "began_at": min(row["occurred_at"] for row in rows),
        "ended_at": max(row["occurred_at"] for row in rows),
        "events": len(rows),
        "objects": len({row["source_id"] for row in rows} - {None}),
        "succeeded": ended["success"],
        "failed": ended["failure"],
        "skipped": ended["skipped"],
        "warnings": ended["warning"],
        "worked_ms": sum(spent) if spent else None,
        "retries": sum(tries) if tries else None,
    }


def footings(rows: Sequence[Row]) -> list[str]:
    """The events at which their objects' footing changed, and all removals, from rows in order."""
    found, before = [], {}
    for row in rows:
        key = row["job_id"], row["source_id"]
        word = row["footing"], row["left_as"], row["ends"], row["skip_reason"] if row["footing"] == "out" else None
        if row["removal"] or before.get(key, ()) != word:
            found.append(row["event_id"])
        before[key] = word
    return found


def check(cursor: Cursor) -> None:
    """Compares the folds with what the stored events say."""
    events = answers(cursor, 'select * from events order by order_of(occurred_at, event_id, "action", status)')
    objects = defaultdict(list)
    hours: Counter[tuple[object, ...]] = Counter()
    spent: Counter[tuple[object, ...]] = Counter()
    for row in events:
        if row["source_id"] is not None:
            objects[row["job_id"], row["source_id"]].append(row)
        hour = row["occurred_at"].replace(minute=0)
        key = (hour, row["job_id"], row["action"], row["status"], benign(row), row["error_code"], row["last_step"])
        hours[key] += 1
        spent[key] += row["duration_ms"] or 0
    names = ", ".join(identity(events[:1]) if events else ["job_id", "source_id"])
    found = answers(cursor, f"select {names} from identities")
    assert sorted(found, key=repr) == sorted(map(identity, objects.values()), key=repr)
    runs = defaultdict(list)
    for row in events:
        if row["cycle_id"] is not None:
            runs[row["job_id"], row["cycle_id"]].append(row)
    names = ", ".join(cycle(next(iter(runs.values()))) if runs else ["job_id"])
    assert sorted(answers(cursor, f"select {names} from cycles"), key=repr) == sorted(
        map(cycle, runs.values()), key=repr
    )
    counted = "events, coalesce(duration_ms, 0)"
    asked = f'select "hour", job_id, "action", status, benign, error_code, last_step, {counted} from hourly'
    assert sorted(cursor.execute(asked).fetchall(), key=repr) == sorted(
        ((*key, n, spent[key]) for key, n in hours.items()), key=repr
    )
    cursor.execute("create or replace temp table narrow as from narrow_events('events')")
    cursor.execute("create or replace temp table facts as from step_facts_of('narrow')")
    anew = "spine_rows('narrow', 'facts')"
    spine = "from event_spine order by object, order_key"
    assert answers(cursor, spine) == answers(cursor, spine.replace("event_spine", anew))
    cursor.execute(f"create or replace temp table words as from {anew} where word is not null")
    told = answers(cursor, "from footing_rows('events', 'words') order by job_id, source_id, order_key")
    kept = answers(cursor, "from footings order by job_id, source_id, order_key")
    assert footings(kept) == footings(told)
    assert all(row in told for row in kept) and len({(row["job_id"], row["event_id"]) for row in kept}) == len(kept)


@settings(max_examples=EXAMPLES, deadline=None)
@given(BATCHES)
def test_folds_of_many_transactions_equal_a_recomputation_from_the_events(batches: list[list[Row]]) -> None:
    cursor = lake()
    for batch in batches:
        arrive(cursor, batch)
    ids = {(row["event_id"], row["job_id"]) for batch in batches for row in batch}
    assert (
        cursor.execute("select count(*), count(distinct (event_id, job_id)) from events").fetchone() == (len(ids),) * 2
    )
    check(cursor)
    for table, (_key, fold, _order) in FOLDS.items():
        cursor.execute(f"create or replace temp table merged as from {fold.format(parts=table)}")
        cursor.execute(f"delete from {table}")
        cursor.execute(f"insert into {table} by name from merged")
    check(cursor)
    for batch in batches[::-1]:
        arrive(cursor, batch)
    assert cursor.execute("select count(*) from events").fetchone() == (len(ids),)
    check(cursor)


FED = (
    "from event_spine order by all",
    "select * exclude (recipe) from skips order by all",
    "from problems order by all",
    "select job_id, clause, sum(evaluated), sum(failed) from scope_parts group by all order by all",
    "from member_claims order by all",
    "from identities order by all",
    "from hourly order by all",
    "from cycles order by all",
    "from pending_retries order by all",
    "from account_writer_fold('account_writers') order by all",
    "from escrows order by all",
    "select * replace (nullif(until, timestamp 'infinity') as until) from problem_spans order by all",
    "from leaver_cases(timestamp '2026-01-06') order by all",
)
"What the spine and the events feed."


@settings(max_examples=EXAMPLES, deadline=None)
@given(BATCHES, st.randoms(use_true_random=False))
def test_late_and_repeated_events_feed_the_spine_as_one_load_in_order_does(
    batches: list[list[Row]], chance: Any
) -> None:
    rows = {(row["event_id"], row["job_id"]): row for batch in batches for row in batch}
    in_order = sorted(rows.values(), key=lambda row: row["occurred_at"])
    arrive(lake(), in_order)
    once = [answers(built(), sql) for sql in FED]
    mixed = list(rows.values()) + chance.sample(in_order, len(in_order) // 2)
    chance.shuffle(mixed)
    cursor = lake()
    while mixed:
        size = chance.randint(1, len(mixed))
        arrive(cursor, mixed[:size])
        mixed = mixed[size:]
    for sql, expected in zip(FED, once, strict=True):
        assert answers(cursor, sql) == expected, sql
