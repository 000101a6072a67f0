"""How the store is: what each source last delivered, how far behind it is, what is open, and who runs the beats."""

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.answers import records, shown
from pipeline.clock import naive
from pipeline.lease import holder
from pipeline.pulse import troubles
from pipeline.store import LAKE, Cursor, Store, said

STORE = f"""
    select
        (select id from ducklake_current_snapshot('{LAKE}')) as revision,
        (select coalesce(sum(file_size_bytes), 0)::bigint from ducklake_table_info('{LAKE}')) as bytes"""
SOURCES = """
    select
        coalesce(source, 'not recognised') as source,
        count(*) as files,
        sum(lines)::bigint as lines,
        sum(kept)::bigint as kept,
        sum(duplicates)::bigint as duplicates,
        sum(rejects)::bigint as rejects,
        sum(unfamiliar)::bigint as unfamiliar,
        arg_max(file, finished_at) as last_file,
        max(finished_at) as finished_at,
        max(last_event_at) as last_event_at,
        date_diff('second', max(last_event_at), max(finished_at)) as lag_s,
        date_diff('second', max(last_event_at), $now) as age_s
    from files
    group by source
    order by source"""
TOTALS = """
    select
        (select count(*) from events) as events,
        (select count(*) from rejects) as rejects,
        (select coalesce(sum(unfamiliar), 0)::bigint from files) as unfamiliar,
        (select max(occurred_at) from events) as newest_event_at,
        date_diff('second', (select max(occurred_at) from events), (select max(finished_at) from files)) as lag_s,
        date_diff('second', (select max(occurred_at) from events), $now) as age_s"""
INCIDENTS = """
    select incident_id, rule, severity, subject, app_name, opened_at, summary
    from incidents
    where closed_at is null
    order by opened_at, incident_id"""
CONTACTS = """
    select tenant, feed, outcome, reached_at, tried_at, failures, next_try_at, requests, skew_s, detail
    from contacts
    order by tenant, feed"""
COVERAGE = """
    select source, count(*) as stretches, min(since) as since, max(settled_until) as settled_until, max(until) as until
    from vouched
    group by source
    order by source"""
BEATS = "select beat, began_at, ended_at, outcome, detail from beats order by beat"


def status(store: Store, now: datetime) -> dict[str, Any]:
    """Gives all that `status --json` prints, of one revision; `now` is the shown present, UTC.

    `lag_s` is from the newest event to when the last file was done, `age_s` from the newest event to `now`.
    """
    values = {"now": naive(now)}
    running = holder(store.settings)
    # Beats are told by this machine's clock, whatever a demonstration shows.
    found = troubles(store, datetime.now(UTC) if store.settings.clock else now)
    cursor = store.cursor()
    try:
        with said("The store could not answer"):
            cursor.execute("begin")
            return {
                "store": store.settings.store,
                **objects(cursor, STORE)[0],
                **objects(cursor, TOTALS, values)[0],
                "sources": objects(cursor, SOURCES, values),
                "open_incidents": objects(cursor, INCIDENTS),
                "contacts": objects(cursor, CONTACTS),
                "coverage": objects(cursor, COVERAGE),
                "beats": objects(cursor, BEATS),
                "beats_run_by": vars(running) if running else None,
                "troubles": [vars(trouble) for trouble in found],
            }
    finally:
        cursor.close()


def objects(cursor: Cursor, sql: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Gives an answer's rows as JSON's types."""
    return list(records(cursor.execute(sql, values).to_arrow_table()))


def needs_a_look(state: dict[str, Any]) -> bool:
    """Whether there are rejects, open incidents or trouble with collecting."""
    return bool(state["rejects"] or state["open_incidents"] or state["troubles"])


def print_status(state: dict[str, Any], console: Console) -> None:
    """Prints it for a person."""
    console.print(f"{state['store']}, revision {state['revision']:,}, {state['bytes'] / 1e6:,.1f} MB", highlight=False)
    console.print(news(state), highlight=False)
    lately = ("source", "files", "lines", "kept", "duplicates", "rejects", "unfamiliar", "last_event_at", "finished_at")
    print_rows(console, [{name: source[name] for name in lately} for source in state["sources"]])
    if state["rejects"] or state["unfamiliar"]:
        counts = f"{state['rejects']:,} rejects, {state['unfamiliar']:,} unfamiliar values"
        console.print(f"{counts}; see the table rejects and docs/dictionary.md.", highlight=False)
    print_rows(console, state["open_incidents"])
    for stretch in state["coverage"]:
        console.print(covered(stretch), highlight=False)
    for trouble in state["troubles"]:
        console.print(trouble["sentence"].replace("`", ""), style="yellow", highlight=False, markup=False)
    contacts = ("tenant", "feed", "outcome", "reached_at", "next_try_at", "requests", "detail")
    print_rows(console, [{name: contact[name] for name in contacts} for contact in state["contacts"]])
    run_by = state["beats_run_by"]
    if run_by is not None:
        console.print(
            "The beats are run by {role} (process {pid} on {host}, since {since}).".format(**run_by), highlight=False
        )
    elif not any(trouble["kind"] == "dead" for trouble in state["troubles"]):
        console.print("Nobody runs the beats; start the dashboard, or python -m pipeline watch.")
    print_rows(console, state["beats"])


def covered(stretch: dict[str, Any]) -> str:
    """Says in a sentence what a source's readings vouch for."""
    holes = f", in {stretch['stretches']:,} stretches" if stretch["stretches"] > 1 else ""
    since, settled, until = (shown(stretch[name]) for name in ("since", "settled_until", "until"))
    late = "" if settled == until else f"; late records may still come from {settled} on"
    return f"{stretch['source']} vouches for {since} to {until}{holes}{late}."


def news(state: dict[str, Any]) -> str:
    """Says in a sentence how recent the newest event is."""
    if state["newest_event_at"] is None:
        return "No events yet; load logs first: python -m pipeline ingest sample_logs"
    newest, age = shown(state["newest_event_at"]), span(state["age_s"])
    lag = "" if state["lag_s"] is None else f"; the last file was done {span(state['lag_s'])} after it"
    return f"{state['events']:,} events; the newest is of {newest}, {age} ago{lag}."


def span(seconds: int | None) -> str:
    """Says a span of seconds in its two largest units.

    >>> span(59), span(3700), span(200_000), span(None)
    ('59 s', '1 h 1 min', '2 d 7 h', 'unknown')
    """
    if seconds is None:
        return "unknown"
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def print_rows(console: Console, rows: list[dict[str, Any]]) -> None:
    """Prints objects of the same keys as a table; nothing when there are none."""
    if not rows:
        return
    table = Table(header_style="bold")
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, int) else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(shown(value)) for value in row.values()])
    console.print(table)
