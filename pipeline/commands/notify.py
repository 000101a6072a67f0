"""The command `notify`: sends what is due, tests a route, or shows what would be sent where."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from pipeline.commands import terminal
from pipeline.config.clock import naive
from pipeline.config.clock import now as present
from pipeline.config.errors import InvalidRequest, RoutesError
from pipeline.config.settings import read_settings
from pipeline.config.wording import dated, iso
from pipeline.notify.deliver import Sent, deliver_due, due, message_of, try_out
from pipeline.notify.enqueue import announcements, context_of
from pipeline.notify.outbox import Row, waiting
from pipeline.notify.routes import Routes, read_routes
from pipeline.rules.incidents import open_incidents
from pipeline.rules.root_cause import groups
from pipeline.store.lake import Store

Document = list[dict[str, Any]]


def notify(
    route: Annotated[str | None, typer.Argument(help="With --test, one route of the file.", metavar="[ROUTE]")] = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test message over each route, or over ROUTE.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent where, and send nothing.")
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """Send the messages that are due."""
    settings = read_settings()
    routes, at = needed(read_routes(settings)), naive(present(settings))
    if (test and dry_run) or (route and not test):
        raise InvalidRequest("Give --test, with a route if only one is meant, or --dry-run, or neither.")
    if test:
        document, nothing = send_tests(routes, route, at), ""
    else:
        store = terminal.open_to_read() if dry_run else terminal.open_to_write(settings)
        document = preview(store, routes, at) if dry_run else delivered(store, routes, at)
        nothing = rest(waiting(store))
    print(json.dumps(document, ensure_ascii=False, indent=2) if as_json else printed(document) or nothing)
    if any(one.get("error") for one in document):
        raise typer.Exit(terminal.WORTH_A_LOOK)


def rest(rows: list[Row]) -> str:
    """Explains why nothing was sent."""
    if not rows:
        return "Nothing waits."
    first = min(row.due_at for row in rows)
    return f"Nothing is due; {len(rows)} wait, the first until {dated(first)}, or longer where hours are quiet."


def needed(routes: Routes) -> Routes:
    """Returns the routes; raises RoutesError where there are none."""
    if not routes.routes:
        raise RoutesError(
            "PROVISIONING_NOTIFY names no file, so notifications are not set up; see docs/notifications.md."
        )
    return routes


def send_tests(routes: Routes, route: str | None, now: datetime) -> Document:
    """Sends a test message over one route, or over each; returns how it went."""
    chosen = [routes.find(route)] if route else list(needed(routes).routes)
    return [outcome(one) for one in try_out(routes, chosen, now)]


def delivered(store: Store, routes: Routes, now: datetime) -> Document:
    """Sends what is due; waits for another process that does the same."""
    return [outcome(one) for one in deliver_due(store, now, needed(routes), wait_s=store.settings.lock_wait)]


def preview(store: Store, routes: Routes, now: datetime) -> Document:
    """Returns what would be sent, from the outbox; when nothing waits there, how the open incidents would read."""
    rows = waiting(store)
    batches = due(rows, needed(routes), now)
    going = {row.message_id for batch in batches for row in batch}
    later = [[row] for row in rows if row.message_id not in going]
    if rows:
        return [previewed(batch, now, routes) for batch in batches + later]
    cursor = store.cursor()
    try:
        context = context_of(cursor, now, routes, store.settings)
    finally:
        cursor.close()
    messages = (announcements(group, [], routes, context) for group in groups(open_incidents(store)).values())
    return [previewed([row], now, routes) | {"waits": False} for rows in messages for row in rows]


def previewed(batch: list[Row], now: datetime, routes: Routes) -> dict[str, Any]:
    """Describes one message that would go out."""
    message = message_of(batch, batch[0].sent_as or batch[0].message_id)
    route = next((one for one in routes.routes if one.name == batch[0].route), None)
    at = max(now, batch[0].due_at)
    return {
        "route": batch[0].route,
        "address": batch[0].address,
        "at": iso(route.free_at(at, batch[0].severity) if route else at),
        "title": message.title,
        "body": message.text,
        "attempts": batch[0].attempts,
        "error": batch[0].error,
        "waits": True,
    }


def outcome(sent: Sent) -> dict[str, Any]:
    """Describes one message that was sent, or was not."""
    return vars(sent) | {"arrived": sent.error is None}


def printed(document: Document) -> str:
    """Writes what happened, or would, for a person."""
    return "\n".join(preview_line(one) if "body" in one else sent_line(one) for one in document)


def sent_line(one: dict[str, Any]) -> str:
    """Writes how one message went."""
    how = "taken by the server" if one["arrived"] else f"not sent: {one['error']}"
    return f"{one['address']} (route {one['route']}): {one['title']}\n  {how}"


def preview_line(one: dict[str, Any]) -> str:
    """Writes one message that would go out."""
    why = "would be sent" if one["waits"] else "would be sent if the incident began now,"
    failed = f"\n  the last of {one['attempts']} attempts failed: {one['error']}" if one["error"] else ""
    body = "\n".join(f"  | {line}" for line in one["body"].splitlines())
    head = f"To {one['address']} (route {one['route']}): {why} at {one['at']}"
    return f"{head}{failed}\n  | {one['title']}\n  |\n{body}\n"
