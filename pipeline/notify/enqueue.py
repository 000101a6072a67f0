"""Writes the messages of a check's changes into the outbox, in the very transaction that stores the changes.

An address gets one message when an incident opens, one for each severity that it rises to, and one when it is over.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from pipeline.config.clock import wall_clock
from pipeline.config.settings import Settings
from pipeline.notify.messages import (
    CLOSED,
    ESCALATED,
    OPENED,
    PASSED,
    MessageContext,
    body_of,
    job_words,
    link_of,
    title_of,
)
from pipeline.notify.outbox import MERGED, SENDING, SENT, WAITING, Row, add_rows, mark, messages_by_incident
from pipeline.notify.routes import Route, Routes, read_routes
from pipeline.rules.evaluate import Along, Checked
from pipeline.rules.incidents import NAMES, Incident
from pipeline.rules.rule import SEVERITIES
from pipeline.store.catalog import find_query
from pipeline.store.lake import Cursor, Store

UNSNOOZED = f"select {NAMES} from incidents where closed_at is null and snoozed_until <= ? and snoozed_until > ?"


def outbox_writer(store: Store) -> Along | None:
    """Returns what `check` calls to write messages with its changes; None where no route is set up."""
    routes = read_routes(store.settings)
    return partial(enqueue, routes=routes, settings=store.settings) if routes.routes else None


def enqueue(cursor: Cursor, checked: Checked, routes: Routes, settings: Settings) -> None:
    """Writes the messages of a check's changes; whether an incident is snoozed goes by the wall clock."""
    if not routes.routes:
        return
    now = wall_clock(settings)
    lasting = {one.incident_id: one for one in (*snooze_ended(cursor, now), *checked.changed, *checked.opened)}
    if lasting or checked.closed:
        announce(cursor, lasting, checked.closed, context_of(cursor, checked.at, routes), routes, now)


def enqueue_unsnoozed(store: Store, routes: Routes, since: datetime | None) -> datetime:
    """Writes the messages of incidents that got worse while they were snoozed, of those whose snooze is over.

    A check may not be due for long, since it goes by the data's clock. Returns the present; given as `since` the next
    time, only what ended after it is looked at.
    """
    now = wall_clock(store.settings)

    def write(cursor: Cursor) -> None:
        lasting = {one.incident_id: one for one in snooze_ended(cursor, now, since)}
        [(checked_at,)] = cursor.execute("select max(ran_at) from rule_runs").fetchall()
        announce(cursor, lasting, [], context_of(cursor, checked_at or now, routes), routes, now)

    if routes.routes and store.rows(f"{UNSNOOZED} limit 1", [now, since or datetime.min]):
        store.write(write)
    return now


def announce(
    cursor: Cursor,
    lasting: Mapping[str, Incident],
    closed: Sequence[Incident],
    context: MessageContext,
    routes: Routes,
    now: datetime,
) -> None:
    """Writes the messages of open incidents, those that people want to hear of, and of those that are over."""
    earlier = messages_by_incident(cursor, [*lasting, *(one.incident_id for one in closed)])
    muted = muted_incidents(cursor, list(lasting), now)
    rows: list[Row] = []
    for incident in lasting.values():
        if incident.incident_id not in muted:
            rows += announcements(incident, earlier.get(incident.incident_id, []), routes, context)
    for incident in closed:
        rows += recoveries(incident, earlier.get(incident.incident_id, []), routes, context)
    add_rows(cursor, rows)
    merge(cursor, rows, earlier)


def context_of(cursor: Cursor, at: datetime, routes: Routes) -> MessageContext:
    """Builds what the messages of one instant share."""
    jobs = cursor.execute(find_query("jobs").sql).fetchall()
    return MessageContext(at, routes.dashboard_url, job_words((str(job), str(app)) for job, app, *_ in jobs))


def muted_incidents(cursor: Cursor, incidents: Sequence[str], now: datetime) -> set[str]:
    """Returns which incidents are acknowledged or snoozed."""
    if not incidents:
        return set()
    muted = """
        select incident_id from incidents
        where list_contains(?, incident_id) and (acknowledged_at is not null or snoozed_until > ?)"""
    return {str(row[0]) for row in cursor.execute(muted, [list(incidents), now]).fetchall()}


def snooze_ended(cursor: Cursor, now: datetime, since: datetime | None = None) -> Iterator[Incident]:
    """Returns open incidents whose snooze is over: they may have escalated meanwhile."""
    return (Incident(*row) for row in cursor.execute(UNSNOOZED, [now, since or datetime.min]).fetchall())


def announcements(incident: Incident, earlier: Sequence[Row], routes: Routes, context: MessageContext) -> Iterator[Row]:
    """Builds the messages of an open incident: to each address once for each severity it rises to."""
    done: set[str] = set()
    for route in routes.taking(incident.app_name, incident.severity):
        for address in (one.address for one in route.destinations if one.address not in done):
            done.add(address)
            before = [one for one in earlier if one.address == address]
            if any(one.change in (CLOSED, PASSED) or not is_escalation(incident, one) for one in before):
                continue
            change = ESCALATED if any(is_sent(one) for one in before) else OPENED
            yield row_of(incident, change, route, address, context)


def recoveries(incident: Incident, earlier: Sequence[Row], routes: Routes, context: MessageContext) -> Iterator[Row]:
    """Builds the messages of an incident that is over: to each address that has a message about it."""
    ways = {(route.name, one.address): route for route in routes.routes for one in route.destinations}
    for address in dict.fromkeys(one.address for one in earlier):
        before = [one for one in earlier if one.address == address]
        route = ways.get((before[-1].route, address))
        if route is None or any(one.change in (CLOSED, PASSED) for one in before):
            continue
        change = CLOSED if any(is_sent(one) for one in before) else PASSED
        yield row_of(incident, change, route, address, context)


def is_escalation(incident: Incident, row: Row) -> bool:
    """Whether an incident is more severe now than in a message about it."""
    return SEVERITIES.index(incident.severity) > SEVERITIES.index(row.severity)


def is_sent(row: Row) -> bool:
    """Whether a message has gone out, or may have."""
    return row.state in (SENT, SENDING)


def row_of(incident: Incident, change: str, route: Route, address: str, context: MessageContext) -> Row:
    """Builds one message; its id follows from the change and the address."""
    severity, over = incident.severity, change in (CLOSED, PASSED)
    return Row(
        message_id=mark(incident.incident_id, change, severity, address),
        incident_id=incident.incident_id,
        change=change,
        route=route.name,
        address=address,
        title=title_of(incident, change, context.at),
        body=body_of(incident, change, context),
        severity=severity,
        app_name=incident.app_name,
        link=link_of(incident, over, context),
        created_at=context.at,
        due_at=route.free_at(context.at + timedelta(seconds=route.group_within), severity),
    )


def merge(cursor: Cursor, rows: Sequence[Row], earlier: dict[str, list[Row]]) -> None:
    """Withdraws what has not gone out and what a new message to the same address says as well."""
    anew = {(row.incident_id, row.address) for row in rows}
    old = [
        one.message_id
        for messages in earlier.values()
        for one in messages
        if one.state == WAITING and (one.incident_id, one.address) in anew
    ]
    if old:
        cursor.execute("update outbox set state = ? where list_contains(?, message_id)", [MERGED, old])
