"""Writes the messages of a check's changes into the outbox, in the very transaction that stores the changes.

An address gets one message when a root cause opens, one for each severity that it or a symptom rises to, and one when
it is over. Symptoms stand in their root's messages and make none of their own, unless they outlive it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from pipeline.config.clock import wall_clock
from pipeline.config.settings import Settings
from pipeline.knowledge.app_profiles import usable_profiles
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
from pipeline.rules.app_labels import LABELS
from pipeline.rules.evaluate import Along, Checked
from pipeline.rules.incidents import NAMES, Incident, incidents_within, open_within
from pipeline.rules.root_cause import Group, groups
from pipeline.rules.rule import SEVERITIES
from pipeline.store.catalog import find_query
from pipeline.store.lake import Cursor, Store

STOPPED = """
select job_id, case when is_replaced then 'replaced' when is_off then 'paused' else 'quarantined' end
from stopped_jobs(?::timestamp)
"""
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
    lasting = [*snooze_ended(cursor, now), *checked.changed, *checked.explained, *checked.opened]
    if lasting or checked.closed:
        announce(cursor, lasting, checked.closed, context_of(cursor, checked.at, routes, settings), routes, now)


def enqueue_unsnoozed(store: Store, routes: Routes, since: datetime | None) -> datetime:
    """Writes the messages of incidents that got worse while they were snoozed, of those whose snooze is over.

    A check may not be due for long, since it goes by the data's clock. Returns the present; given as `since` the next
    time, only what ended after it is looked at.
    """
    now = wall_clock(store.settings)

    def write(cursor: Cursor) -> None:
        lasting = list(snooze_ended(cursor, now, since))
        [(checked_at,)] = cursor.execute("select max(ran_at) from rule_runs").fetchall()
        announce(cursor, lasting, [], context_of(cursor, checked_at or now, routes, store.settings), routes, now)

    if routes.routes and store.rows(f"{UNSNOOZED} limit 1", [now, since or datetime.min]):
        store.write(write)
    return now


def announce(
    cursor: Cursor,
    changed: Sequence[Incident],
    closed: Sequence[Incident],
    context: MessageContext,
    routes: Routes,
    now: datetime,
) -> None:
    """Writes the messages of what changed: of each root cause with its symptoms, and of what is over."""
    every = groups(open_within(cursor))
    touched = {one.explained_by or one.incident_id for one in changed}
    lasting = [group for root, group in every.items() if root in touched]
    over = closed_groups(cursor, closed)
    earlier = messages_by_incident(cursor, ids_of((*lasting, *over)))
    muted = muted_incidents(cursor, [group.root.incident_id for group in lasting], now)
    rows: list[Row] = []
    for group in lasting:
        if group.root.incident_id not in muted:
            rows += announcements(group, earlier.get(group.root.incident_id, []), routes, context)
    for group in over:
        rows += recoveries(group, earlier, routes, context)
    add_rows(cursor, rows)
    merge(cursor, rows, earlier, lasting)


def closed_groups(cursor: Cursor, closed: Sequence[Incident]) -> list[Group]:
    """Groups what is over: each root cause with all that it ever explained, each symptom with its root cause alone."""
    roots = [one.incident_id for one in closed if one.explained_by is None]
    explained = incidents_within(cursor, "list_contains(?, explained_by)", roots) if roots else []
    return [Group(one, tuple(each for each in explained if each.explained_by == one.incident_id)) for one in closed]


def ids_of(every: Iterable[Group]) -> list[str]:
    """Returns the ids of the incidents of groups, and of the causes of those that are symptoms."""
    members = [one for group in every for one in (group.root, *group.symptoms)]
    return list({one.incident_id for one in members} | {one.explained_by for one in members if one.explained_by})


def context_of(cursor: Cursor, at: datetime, routes: Routes, settings: Settings) -> MessageContext:
    """Builds what the messages of one instant share."""
    jobs = cursor.execute(find_query("jobs").sql).fetchall()
    words = job_words((str(job), str(app)) for job, app, *_ in jobs)
    stopped = cursor.execute(STOPPED, [at]).fetchall()
    stops = {str(job): str(word) for job, word in stopped}
    labels = {str(job): str(label) for job, _, label in cursor.execute(LABELS).fetchall()}
    return MessageContext(at, routes.dashboard_url, words, usable_profiles(settings), labels, stops)


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


def announcements(group: Group, earlier: Sequence[Row], routes: Routes, context: MessageContext) -> Iterator[Row]:
    """Builds the messages of an open root cause: to each address once for each severity that it rises to."""
    incident, done = replace(group.root, severity=group.severity), set[str]()
    for route in routes.taking(group.apps, incident.severity):
        for address in (one.address for one in route.destinations if one.address not in done):
            done.add(address)
            before = [one for one in earlier if one.address == address]
            if any(one.change in (CLOSED, PASSED) or not is_escalation(incident, one) for one in before):
                continue
            change = ESCALATED if any(is_sent(one) for one in before) else OPENED
            yield row_of(replace(group, root=incident), change, route, address, context)


def recoveries(
    group: Group, earlier: Mapping[str, Sequence[Row]], routes: Routes, context: MessageContext
) -> Iterator[Row]:
    """Builds the messages of an incident that is over: to each address that has a message about it.

    Of a symptom an address hears with its root cause, if it has a message about that.
    """
    incident, own = group.root, earlier.get(group.root.incident_id, [])
    ways = {(route.name, one.address): route for route in routes.routes for one in route.destinations}
    of_cause = {one.address for one in earlier.get(incident.explained_by or "", [])}
    for address in dict.fromkeys(one.address for one in own if one.address not in of_cause):
        before = [one for one in own if one.address == address]
        route = ways.get((before[-1].route, address))
        if route is None or any(one.change in (CLOSED, PASSED) for one in before):
            continue
        change = CLOSED if any(is_sent(one) for one in before) else PASSED
        yield row_of(group, change, route, address, context)


def is_escalation(incident: Incident, row: Row) -> bool:
    """Whether an incident is more severe now than in a message about it."""
    return SEVERITIES.index(incident.severity) > SEVERITIES.index(row.severity)


def is_sent(row: Row) -> bool:
    """Whether a message has gone out, or may have."""
    return row.state in (SENT, SENDING)


def row_of(group: Group, change: str, route: Route, address: str, context: MessageContext) -> Row:
    """Builds one message; its id follows from the change, when it was found, and the address."""
    incident, over = group.root, change in (CLOSED, PASSED)
    severity = incident.severity
    return Row(
        message_id=mark(incident.incident_id, change, severity, address, str(context.at)),
        incident_id=incident.incident_id,
        change=change,
        route=route.name,
        address=address,
        title=title_of(incident, change, context.at, context.label_of(incident)),
        body=body_of(incident, change, context, group.symptoms),
        severity=severity,
        app_name=incident.app_name,
        link=link_of(incident, over, context),
        created_at=context.at,
        due_at=route.free_at(context.at + timedelta(seconds=route.group_within), severity),
    )


def merge(cursor: Cursor, rows: Sequence[Row], earlier: Mapping[str, Sequence[Row]], lasting: Iterable[Group]) -> None:
    """Withdraws what has not gone out and what another message to the same address says as well.

    That is a newer one about the same incident, or one about the root cause of a symptom.
    """
    said = {(row.incident_id, row.address) for row in rows}
    old = [one for own in earlier.values() for one in own if (one.incident_id, one.address) in said]
    for group in lasting:
        known = [*rows, *earlier.get(group.root.incident_id, [])]
        heard = {one.address for one in known if one.incident_id == group.root.incident_id}
        old += [row for one in group.symptoms for row in earlier.get(one.incident_id, []) if row.address in heard]
    if waiting := [one.message_id for one in old if one.state == WAITING]:
        cursor.execute("update outbox set state = ? where list_contains(?, message_id)", [MERGED, waiting])
