"""Collects the status: what each source last delivered, how far behind it is, open incidents, background jobs."""

from datetime import UTC, datetime
from typing import Any

from pipeline.config.clock import naive
from pipeline.monitoring.troubles import troubles
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.rules.verdict_text import summary_of
from pipeline.store.export import records
from pipeline.store.failures import store_errors
from pipeline.store.lake import LAKE, Cursor, Store
from pipeline.store.leader import current_leader

STORE = f"""
    select
        (select id from ducklake_current_snapshot('{LAKE}')) as revision,
        (select coalesce(sum(file_size_bytes), 0)::bigint from ducklake_table_info('{LAKE}')) as bytes"""
SOURCES = """
    select
        coalesce(source, 'not recognised') as source,
        count("size") as files,
        sum(lines)::bigint as lines,
        sum(kept)::bigint as kept,
        sum(duplicates)::bigint as duplicates,
        sum(rejects)::bigint as rejects,
        sum(unfamiliar)::bigint as unfamiliar,
        coalesce(sum(passed_over), 0)::bigint as passed_over,
        arg_max(file, finished_at) as last_file,
        max(finished_at) as finished_at,
        max(last_event_at) as last_event_at,
        date_diff('second', max(last_event_at), max(finished_at)) as lag_s,
        date_diff('second', max(last_event_at), $now) as age_s
    from (from files union all by name from replaced_files)
    group by source
    order by source"""
TOTALS = """
    select
        (select count(*) from events) as events,
        (select count(*) from rejects) as rejects,
        (select coalesce(sum(unfamiliar), 0)::bigint from (from files union all by name from replaced_files))
            as unfamiliar,
        (select max(occurred_at) from events) as newest_event_at,
        date_diff('second', (select max(occurred_at) from events), (select max(finished_at) from files)) as lag_s,
        date_diff('second', (select max(occurred_at) from events), $now) as age_s"""
INCIDENTS = """
    select i.incident_id, i.rule, i.severity, i.subject, i.app_name, i.opened_at, i.summary, i.unknown_since, i.missing,
        coalesce(s.explains, []) as explains
    from incidents i
    left join (
        select explained_by, list(summary order by opened_at, incident_id) as explains
        from incidents
        where closed_at is null
        group by explained_by
    ) s on s.explained_by = i.incident_id
    where i.closed_at is null and i.explained_by is null
    order by i.opened_at, i.incident_id"""
CONTACTS = """
    select tenant, feed, outcome, reached_at, tried_at, failures, next_try_at, requests, skew_s, detail
    from contacts
    order by tenant, feed"""
COVERAGE = """
    select source, count(*) as stretches, min(since) as since, max(settled_until) as settled_until, max(until) as until
    from valid_coverage
    group by source
    order by source"""
BACKGROUND_JOBS = "select job as beat, began_at, ended_at, outcome, detail from background_jobs order by job"


def status(store: Store, now: datetime) -> dict[str, Any]:
    """Collects all that `status --json` prints, of one revision; `now` is the shown present, UTC.

    `lag_s` is from the newest event to when the last file was done, `age_s` from the newest event to `now`.
    """
    values = {"now": naive(now)}
    running = current_leader(store.settings)
    # Background jobs run by this machine's clock, whatever a demonstration shows.
    now_troubled = troubles(store, datetime.now(UTC) if store.settings.clock else now)
    overall = summary_of(verdict(read_facts(store)))
    cursor = store.cursor()
    try:
        with store_errors("The store could not answer"):
            cursor.execute("begin")
            return {
                "store": store.settings.store,
                "verdict": overall,
                **objects(cursor, STORE)[0],
                **objects(cursor, TOTALS, values)[0],
                "sources": objects(cursor, SOURCES, values),
                "open_incidents": objects(cursor, INCIDENTS),
                "contacts": objects(cursor, CONTACTS),
                "coverage": objects(cursor, COVERAGE),
                "beats": objects(cursor, BACKGROUND_JOBS),
                "beats_run_by": vars(running) if running else None,
                "troubles": [vars(trouble) for trouble in now_troubled],
            }
    finally:
        cursor.close()


def objects(cursor: Cursor, sql: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Returns an answer's rows as JSON's types."""
    return list(records(cursor.execute(sql, values).to_arrow_table()))


def needs_a_look(state: dict[str, Any]) -> bool:
    """Whether there are rejects, open incidents or trouble with collecting."""
    return bool(state["rejects"] or state["open_incidents"] or state["troubles"])
