"""Grows a sample tenant to a large one: its people, jobs and days repeated in SQL under new ids, in a real lake.

Each copy of a person has ids, names and groups of its own; every four copies share no job, and copies of one job share
its cycles, as the many people of one app would. What repeats is the story: who fails, is skipped or leaves, and why;
but of those who leave in the sample, which is full of them, only one copy in ten is kept.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from pipeline.config.settings import read_settings  # noqa: E402
from pipeline.ingest.aggregates import add_to_aggregates  # noqa: E402
from pipeline.ingest.files import ingest  # noqa: E402
from pipeline.maintenance.chores import maintain  # noqa: E402
from pipeline.sample import write_tenant  # noqa: E402
from pipeline.store.lake import Cursor, Store, open_store  # noqa: E402

PEOPLE, DAYS = 1000, 30
PERIODS = 3
"How often the days are repeated."
JOBS = 4
"How often each job is there."
PIECE = timedelta(days=2)
"How much of the sample's time goes into one transaction, in all copies."

MACROS = """
-- One copy's id in place of another: the last four signs of each id in a text become the copy's number.
create or replace temp macro own(words, copy) as
    regexp_replace(words, '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8})[0-9a-f]{4}',
        '\\1' || printf('%04x', copy::integer), 'g');
create or replace temp macro of_copy(word, copy) as 'c' || copy || '.' || word;
create or replace temp macro of_job(word, copy) as word || '-' || copy % $jobs;
""".replace("$jobs", str(JOBS))
LEAVERS = """
create or replace temp table leavers as
    select distinct source_id
    from base_events
    where removal_of("action", last_step, steps, enabling_of(changes)) is not null;
create or replace temp table of_leavers as
    select distinct x.exchange_id
    from (select exchange_id,
        unnest(request_object_keys("method", resource_id, "filter", request_body, response_body)) as word
        from base_exchanges) x
    join (select unnest([lower(source_id), lower(target_id), lower(upn)]) as word
        from base_events where source_id in (from leavers)) e using (word);
"""
EVENTS = """
create or replace temp table arriving as
select * exclude (copy, period) replace (
    event_id || '-' || copy || '-' || period as event_id,
    of_job(job_id, copy) as job_id,
    of_job(app_id, copy) as app_id,
    of_job(app_name, copy) as app_name,
    of_job(cycle_id, copy) || '-' || period as cycle_id,
    change_id || '-' || copy || '-' || period as change_id,
    occurred_at + to_days($days * period) as occurred_at,
    retry_at + to_days($days * period) as retry_at,
    own(source_id, copy) as source_id,
    own(target_id, copy) as target_id,
    of_copy(upn, copy) as upn,
    of_copy(source_name, copy) as source_name,
    case when source_type = 'Group' then list_transform(changes, lambda c: struct_pack(
        attribute := c.attribute, old_value := own(c.old_value, copy), new_value := own(c.new_value, copy)))
        else changes end as changes
)
from (
    select e.*, copy, $period as period
    from base_events e, range($copies) r(copy)
    where e.occurred_at >= $since::timestamp and e.occurred_at < $until::timestamp
        and (copy % 10 = 0 or e.source_id not in (from leavers))
)
order by occurred_at
"""
EXCHANGES = """
insert into exchanges
select * exclude (copy, period) replace (
    exchange_id || '-' || copy || '-' || period as exchange_id,
    of_job(app_id, copy) as app_id,
    occurred_at + to_days($days * period) as occurred_at,
    '/' || copy % $jobs || own("path", copy) as "path",
    own(resource_id, copy) as resource_id,
    own("filter", copy) as "filter",
    own(request_body, copy) as request_body,
    own(response_body, copy) as response_body
)
from (
    select x.*, copy, $period as period
    from base_exchanges x, range($copies) r(copy)
    where x.occurred_at >= $since::timestamp and x.occurred_at < $until::timestamp
        and (copy % 10 = 0 or x.exchange_id not in (from of_leavers))
)
order by occurred_at
"""
SNAPSHOTS = """
insert into job_snapshots
select * exclude (copy, period) replace (
    snapshot_id || '-' || copy || '-' || period as snapshot_id,
    of_job(job_id, copy) as job_id,
    of_job(app_id, copy) as app_id,
    of_job(app_name, copy) as app_name,
    observed_at + to_days($days * period) as observed_at,
    last_began_at + to_days($days * period) as last_began_at,
    last_ended_at + to_days($days * period) as last_ended_at,
    last_good_at + to_days($days * period) as last_good_at,
    progress_at + to_days($days * period) as progress_at,
    quarantine_since + to_days($days * period) as quarantine_since,
    next_attempt_at + to_days($days * period) as next_attempt_at
)
from (
    select j.*, copy, $period as period
    from base_job_snapshots j, range($jobs) r(copy)
    where j.observed_at >= $since::timestamp and j.observed_at < $until::timestamp
)
order by observed_at
"""


def grown(folder: Path, events: int, people: int = PEOPLE, days: int = DAYS) -> Store:
    """Returns a lake of about `events` events in `folder`; one that stands there already is opened as it is.

    What is repeated is a sample tenant of so many people and days.
    """
    settings = read_settings(store=f"ducklake:sqlite:{folder}/catalog.sqlite")
    if (folder / "whole").exists():
        return open_store(settings, read_only=True)
    small = sample(folder / "sample", people, days)
    store = open_store(settings)
    took = fill(store, small, events)
    (folder / "whole").write_text(f"{took:.0f} s\n", encoding="utf-8")
    return store


def sample(folder: Path, people: int = PEOPLE, days: int = DAYS) -> Path:
    """Writes a sample tenant, loads it into a lake of its own and returns that as Parquet files."""
    if not (folder / "events.parquet").exists() or not (folder / "lake").exists():
        write_tenant(folder / "logs", seed=5, users=people, days=days)
        store = open_store(read_settings(store=f"ducklake:sqlite:{folder}/lake/catalog.sqlite"))
        ingest(store, [str(part) for part in sorted((folder / "logs").iterdir()) if part.is_dir()])
        for table in ("exchanges", "job_snapshots", "events"):
            store.rows(f"copy (from {table}) to '{folder}/{table}.parquet'")
        store.close()
    return folder


def fill(store: Store, small: Path, events: int) -> float:
    """Repeats the sample until there are as many events, and keeps the lake as its own maintenance would."""
    from datetime import UTC, datetime

    began = time.perf_counter()
    cursor = store.cursor()
    for table in ("events", "exchanges", "job_snapshots"):
        cursor.execute(f"create temp table base_{table} as from '{small}/{table}.parquet'")
    cursor.execute(MACROS + LEAVERS)
    few, many, first, last = cursor.execute(
        "select count(*) filter (where source_id not in (from leavers)), count(*), min(occurred_at), max(occurred_at) "
        "from base_events"
    ).fetchall()[0]
    copies = max(1, round(events / (0.9 * few + 0.1 * many) / PERIODS))
    for period in range(PERIODS):
        since = first
        while since <= last:
            part = {"since": since, "until": since + PIECE, "period": period, "copies": copies}
            cursor.execute(spelled(EVENTS, part))
            store.write(lambda c, part=part: land(c, part), on=cursor)  # type: ignore[misc]
            since += PIECE
        print(
            f"  … {period + 1} of {PERIODS} periods, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True
        )
    cursor.close()
    maintain(store, datetime.now(UTC))
    return time.perf_counter() - began


def land(cursor: Cursor, part: dict[str, Any]) -> None:
    """Writes one piece with the folds that a loader would leave."""
    cursor.execute("insert into events select * from arriving")
    add_to_aggregates(cursor)
    cursor.execute(spelled(EXCHANGES, part))
    cursor.execute(spelled(SNAPSHOTS, part))


def spelled(sql: str, part: dict[str, Any]) -> str:
    """Puts a piece's values into a statement."""
    for name, value in {**part, "jobs": JOBS, "days": DAYS}.items():
        sql = sql.replace(f"${name}", f"'{value}'" if name in ("since", "until") else str(value))
    return sql


if __name__ == "__main__":
    store = grown(Path(sys.argv[1]), int(sys.argv[2]))
    print(store.rows("select count(*), count(distinct job_id) from events"))
