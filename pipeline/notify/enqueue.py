"""What a check's changes are to tell, and to whom: messages written in the very transaction that keeps the changes.

An address is told once that an incident began, once for each severity that it rises to, and once that it is over.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from pipeline.notify.messages import (
    CLOSED,
    ESCALATED,
    OPENED,
    PASSED,
    Telling,
    body_of,
    link_of,
    title_of,
    words_of,
)
from pipeline.notify.outbox import MERGED, SENDING, SENT, WAITING, Row, add_rows, mark, told_of
from pipeline.notify.routes import Route, Routes, read_routes
from pipeline.rules.evaluate import Along, Checked
from pipeline.rules.incidents import NAMES, Incident
from pipeline.rules.rule import SEVERITIES
from pipeline.store.catalog import find_query
from pipeline.store.lake import Cursor, Store


def telling(store: Store) -> Along | None:
    """Gives what `check` is to call along with keeping its changes; nothing where nobody is to be told."""
    routes = read_routes(store.settings)
    return partial(enqueue, routes=routes) if routes.routes else None


def enqueue(cursor: Cursor, checked: Checked, routes: Routes) -> None:
    """Writes what a check's changes are to tell, and to whom."""
    if not routes.routes:
        return
    lasting = {one.incident_id: one for one in (*woken(cursor, checked.at), *checked.changed, *checked.opened)}
    if not lasting and not checked.closed:
        return
    told = told_of(cursor, [*lasting, *(one.incident_id for one in checked.closed)])
    hushed = hushed_of(cursor, list(lasting), checked.at)
    shared = telling_of(cursor, checked.at, routes)
    rows: list[Row] = []
    for incident in lasting.values():
        if incident.incident_id not in hushed:
            rows += announced(incident, told.get(incident.incident_id, []), routes, shared)
    for incident in checked.closed:
        rows += recovered(incident, told.get(incident.incident_id, []), routes, shared)
    add_rows(cursor, rows)
    merge(cursor, rows, told)


def telling_of(cursor: Cursor, at: datetime, routes: Routes) -> Telling:
    """Gives what the messages of one instant share."""
    jobs = cursor.execute(find_query("jobs").sql).fetchall()
    return Telling(at, routes.dashboard_url, words_of((str(job), str(app)) for job, app, *_ in jobs))


def hushed_of(cursor: Cursor, incidents: Sequence[str], at: datetime) -> set[str]:
    """Gives which incidents somebody has seen, or does not want to hear of for a while."""
    if not incidents:
        return set()
    known = """
        select incident_id from incidents
        where list_contains(?, incident_id) and (acknowledged_at is not null or snoozed_until > ?)"""
    return {str(row[0]) for row in cursor.execute(known, [list(incidents), at]).fetchall()}


def woken(cursor: Cursor, at: datetime) -> Iterator[Incident]:
    """Gives open incidents whose snooze is over: they may have got worse meanwhile."""
    known = f"select {NAMES} from incidents where closed_at is null and snoozed_until <= ?"
    return (Incident(*row) for row in cursor.execute(known, [at]).fetchall())


def announced(incident: Incident, told: Sequence[Row], routes: Routes, shared: Telling) -> Iterator[Row]:
    """Gives what is to be told of an incident that lasts: to each address once for each severity it rises to."""
    asked: set[str] = set()
    for route in routes.taking(incident.app_name, incident.severity):
        for address in (one.address for one in route.destinations if one.address not in asked):
            asked.add(address)
            before = [one for one in told if one.address == address]
            if any(one.change in (CLOSED, PASSED) or not worse(incident, one) for one in before):
                continue
            change = ESCALATED if any(gone(one) for one in before) else OPENED
            yield row_of(incident, change, route, address, shared)


def recovered(incident: Incident, told: Sequence[Row], routes: Routes, shared: Telling) -> Iterator[Row]:
    """Gives what is to be told of an incident that is over: to each address that was, or was to be, told of it."""
    ways = {(route.name, one.address): route for route in routes.routes for one in route.destinations}
    for address in dict.fromkeys(one.address for one in told):
        before = [one for one in told if one.address == address]
        route = ways.get((before[-1].route, address))
        if route is None or any(one.change in (CLOSED, PASSED) for one in before):
            continue
        change = CLOSED if any(gone(one) for one in before) else PASSED
        yield row_of(incident, change, route, address, shared)


def worse(incident: Incident, row: Row) -> bool:
    """Says whether an incident is worse than a message about it says."""
    return SEVERITIES.index(incident.severity) > SEVERITIES.index(row.severity)


def gone(row: Row) -> bool:
    """Says whether a message has gone out, or may have."""
    return row.state in (SENT, SENDING)


def row_of(incident: Incident, change: str, route: Route, address: str, shared: Telling) -> Row:
    """Makes one message; its id follows from what it tells and whom."""
    severity, over = incident.severity, change in (CLOSED, PASSED)
    return Row(
        message_id=mark(incident.incident_id, change, severity, address),
        incident_id=incident.incident_id,
        change=change,
        route=route.name,
        address=address,
        title=title_of(incident, change, shared.at),
        body=body_of(incident, change, shared),
        severity=severity,
        app_name=incident.app_name,
        link=link_of(incident, over, shared),
        created_at=shared.at,
        due_at=route.free_at(shared.at + timedelta(seconds=route.group_within), severity),
    )


def merge(cursor: Cursor, rows: Sequence[Row], told: dict[str, list[Row]]) -> None:
    """Takes back what has not gone out and what a new message to the same address says as well."""
    anew = {(row.incident_id, row.address) for row in rows}
    old = [
        one.message_id
        for held in told.values()
        for one in held
        if one.state == WAITING and (one.incident_id, one.address) in anew
    ]
    if old:
        cursor.execute("update outbox set state = ? where list_contains(?, message_id)", [MERGED, old])
