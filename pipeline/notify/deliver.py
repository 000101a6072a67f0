"""Delivers what waits in the outbox; only this module imports apprise.

A message is claimed, sent and recorded, each in a transaction of its own, so nothing is lost. One process delivers at a
time, under a lock that is free when it dies: a claim of a dead process is sent again under the same id, marked. So a
crash repeats one message at most, and only when it came between the sending and the recording. On a PostgreSQL catalog
a living process can lose the lock: it claims nothing more, and what it has sent it records all the same.
"""

import logging
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from pipeline.config.secrets import REMOVED, without_secrets
from pipeline.notify.email import mail
from pipeline.notify.messages import CLOSED, DIGEST, PASSED, Message, grouped, trial
from pipeline.notify.outbox import WAITING, Row, claim, mark, record_failed, record_sent, take_over, waiting
from pipeline.notify.routes import OWN_HOSTS, VARIABLE, Destination, Route, Routes
from pipeline.store.lake import Store
from pipeline.store.process_lock import ProcessLock

KINDS = {"critical": "failure", "warning": "warning"}
REASONS = ("Socket Exception: ", "Response Details:")
"Beginnings of apprise's log lines that say why something failed."
CONNECT_S, READ_S = 10.0, 30.0
"How long a web service may take to answer; one that answers later is sent the message again."
LONGEST = 400


@dataclass(frozen=True)
class Sent:
    """One message that was sent, or could not be."""

    message_id: str
    route: str
    address: str
    title: str
    changes: int
    "How many changes it covers."
    error: str | None


def deliver_due(store: Store, now: datetime, routes: Routes, wait_s: float = 0) -> list[Sent]:
    """Sends what is due (`now` is naive UTC) and returns how each went; nothing while another process is at it."""
    if not waiting(store):
        return []
    began, host = time.monotonic(), socket.gethostname()
    lock = ProcessLock.take(store.settings, "notify", "notify", wait_s)
    if lock is None:
        return []
    try:
        take_over(store, host, now)
        sent = []
        for batch in due(waiting(store), routes, now):
            if not lock.is_valid():
                break
            at = now + timedelta(seconds=time.monotonic() - began)
            outcome = send(store, batch, routes, f"{host} {os.getpid()}", at)
            sent += [outcome] if outcome else []
        return sent
    finally:
        lock.release()


def due(rows: Sequence[Row], routes: Routes, now: datetime) -> list[list[Row]]:
    """Returns what is to go out now, each list as one message: storms become one, and so does what once went as one."""
    ways: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.state == WAITING and row.due_at <= now and not quiet(row, routes, now):
            ways.setdefault((row.route, row.address), []).append(row)
    batches: list[list[Row]] = []
    for (name, _), of_route in ways.items():
        route = way(routes, name)
        together: dict[str, list[Row]] = {}
        for row in of_route:
            together.setdefault(row.sent_as or "", []).append(row)
        new = together.pop("", [])
        storm = [row for row in new if row.change != DIGEST]
        if route and len(storm) > route.group_above:
            batches.append(storm)
            new = [row for row in new if row.change == DIGEST]
        batches += [[row] for row in new] + list(together.values())
    return sorted(batches, key=lambda batch: (batch[0].created_at, batch[0].message_id))


def quiet(row: Row, routes: Routes, now: datetime) -> bool:
    """Whether a message has to wait for the end of its route's quiet hours."""
    route = way(routes, row.route)
    return route is not None and route.free_at(now, row.severity) > now


def way(routes: Routes, name: str) -> Route | None:
    """Returns a route by its name; None when it is no more."""
    return next((one for one in routes.routes if one.name == name), None)


def send(store: Store, batch: Sequence[Row], routes: Routes, by: str, now: datetime) -> Sent | None:
    """Claims, sends and records one message; None when another process has it."""
    ids = sorted(one.message_id for one in batch)
    sent_as = batch[0].sent_as or (ids[0] if len(ids) == 1 else mark("group", *ids))
    rows = claim(store, ids, sent_as, by, now)
    if not rows:
        return None
    message = message_of(rows, sent_as)
    route, address = rows[0].route, rows[0].address
    destination = next((one for one in destinations(way(routes, route)) if one.address == address), None)
    missing = f"There is no route '{route}' to {address} any more; the message waits for one until it expires."
    error = deliver(routes, destination, message) if destination else missing
    if error is None:
        record_sent(store, rows, now)
    else:
        record_failed(store, rows, error, now, routes.give_up_after)
    return Sent(sent_as, route, address, message.title, len(rows), error)


def destinations(route: Route | None) -> list[Destination]:
    """Returns where a route leads; nowhere when it is no more."""
    return route.destinations if route else []


def message_of(rows: Sequence[Row], sent_as: str) -> Message:
    """Builds what goes out for some rows."""
    messages = [row.message for row in rows]
    return replace(messages[0], message_id=sent_as) if len(messages) == 1 else grouped(sent_as, messages)


def try_out(routes: Routes, chosen: Sequence[Route], at: datetime) -> list[Sent]:
    """Sends a test message over each way of some routes, past the outbox."""
    sent = []
    for route in chosen:
        for one in route.destinations:
            message = trial(mark("test", route.name, one.address, str(at)), route.name, at, routes.dashboard_url)
            error = deliver(routes, one, message)
            sent.append(Sent(message.message_id, route.name, one.address, message.title, 1, error))
    return sent


def deliver(routes: Routes, destination: Destination, message: Message) -> str | None:
    """Sends a message to one place; returns None when it was taken, else a sentence about what went wrong."""
    if not destination.is_email:
        return post(destination.target, message, routes.dashboard_url)
    if routes.smtp is None:
        return "[smtp] is missing; name the server that takes e-mail."
    return mail(routes.smtp, destination.target, message)


def post(target: str, message: Message, dashboard_url: str) -> str | None:
    """Sends a message through apprise."""
    # It takes a moment to load, which commands that send nothing need not wait for.
    import apprise

    missing = [name for name in VARIABLE.findall(target) if not os.environ.get(name)]
    if missing:
        return f"The environment variable {missing[0]} is empty; the route's address needs it."
    url = expanded(target, os.environ)
    asset = apprise.AppriseAsset(app_id="Provisioning", app_url=dashboard_url, async_mode=False)
    with apprise_log() as log:
        try:
            service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
            if service is None:
                return explained("apprise does not know this address", log, url)
            prepare(service, message)
            kind = "success" if message.change in (CLOSED, PASSED) else KINDS.get(message.severity, "info")
            taken = apprise.Apprise(service, asset=asset).notify(
                title=message.subject,
                body=message.text,
                notify_type=apprise.NotifyType(kind),
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:
            # The code of more than a hundred services: none of them may keep the other messages from going out.
            return explained(f"apprise failed with {type(error).__name__}", [*log, str(error)], url)
    return None if taken else explained(f"{service.service_name} did not take it", log, url)


def expanded(target: str, variables: Mapping[str, str]) -> str:
    """Puts environment variables into a URL; quoted, unless the variable is the whole URL.

    >>> expanded("mailtos://ada:${PASSWORD}@example.com", {"PASSWORD": "a/b@c"})
    'mailtos://ada:a%2Fb%40c@example.com'
    """
    if VARIABLE.fullmatch(target):
        return VARIABLE.sub(lambda match: variables[match[1]], target)
    return VARIABLE.sub(lambda match: quote(variables[match[1]], safe=""), target)


def prepare(service: Any, message: Message) -> None:
    """Sets a service's time to answer and, where it takes any, the fields that a machine sorts messages by."""
    for name, longer in (("socket_connect_timeout", CONNECT_S), ("socket_read_timeout", READ_S)):
        if getattr(service, name) == getattr(type(service), name) < longer:
            setattr(service, name, longer)
    facts = {
        "message_id": message.message_id,
        "change": message.change,
        "severity": message.severity,
        "app": message.app_name or "",
        "incident_id": message.incident_id or "",
        "link": message.link,
    }
    if isinstance(getattr(service, "headers", None), dict):
        service.headers.setdefault("X-Provisioning-Message-Id", message.message_id)
    if isinstance(getattr(service, "payload_extras", None), dict):
        service.payload_extras = {key: value for key, value in facts.items() if value} | service.payload_extras


@contextmanager
def apprise_log() -> Iterator[list[str]]:
    """Collects what apprise logs, so that a refusal can be explained and nothing secret reaches the log."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if record.levelno >= logging.WARNING or text.startswith(REASONS):
                lines.append(" ".join(text.split()))

    logger, collector = logging.getLogger("apprise"), Collector(logging.DEBUG)
    before = logger.level, logger.propagate
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(collector)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def explained(what: str, log: Sequence[str], url: str) -> str:
    """Builds one sentence of what apprise logged, without anything of the address that may be secret."""
    reason = " ".join(dict.fromkeys(log))
    for secret in sorted(secrets_in(url), key=len, reverse=True):
        reason = reason.replace(secret, REMOVED)
    reason = without_secrets(reason)[:LONGEST].rstrip(". ")
    return f"{what}: {reason}." if reason else f"{what}."


def secrets_in(url: str) -> set[str]:
    """Returns the parts of an address that may be secret: all but the host of one's own web server.

    >>> sorted(secrets_in("jsons://ada:T0ken-99@hooks.example.com/in/abcdefgh"))
    ['T0ken-99', 'abcdefgh']
    """
    scheme, _, rest = url.partition("://")
    host = re.split(r"[/?]", rest)[0].rpartition("@")[2] if scheme in OWN_HOSTS else ""
    parts = [part for part in re.split(r"[/?&=:@]", rest) if len(part) > 4 and part not in host]
    return {text for part in parts for text in (part, unquote(part))}
