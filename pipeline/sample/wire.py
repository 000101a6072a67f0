"""The SCIM side of Cerby: the requests Entra sends for each event, and the answers it gets.

Every cycle opens with a credential check that looks up a random GUID; it is a probe, not a person.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from pipeline.sample.nouns import App, Cycle, Event, Exchange, Facts, Group, Subject, guid, stamp
from pipeline.sample.reasons import ERROR_SCHEMA

BASE = "https://api.cerby.com/v1/scim/v2"
_SCHEMAS = "urn:ietf:params:scim:schemas:core:2.0:"
_MESSAGES = "urn:ietf:params:scim:api:messages:2.0:"
_UNAUTHORISED: Facts = {
    "schemas": [ERROR_SCHEMA],
    "detail": "The access token is expired or was revoked.",
    "status": "401",
}


def exchanges(cycles: list[Cycle], seed: int, skew: float = 0) -> Iterator[Exchange]:
    """Yields every request of an app's cycles in order; `skew` is by how many seconds the app's clock is ahead."""
    ahead = timedelta(seconds=skew)
    for exchange in _on_time(cycles, seed):
        yield replace(exchange, at=exchange.at + ahead)


def _on_time(cycles: list[Cycle], seed: int) -> Iterator[Exchange]:
    """Yields every request with its true instant, and with the event that made it."""
    rng = random.Random(f"wire:{seed}")
    for cycle in cycles:
        yield from _credential_check(rng, cycle)
        for event in cycle.events:
            for exchange in _requests(rng, event):
                yield replace(exchange, event=event)


def _credential_check(rng: random.Random, cycle: Cycle) -> Iterator[Exchange]:
    """Yields the look-up of a random user, and of a random group when the first was refused."""
    status, body = (401, _UNAUTHORISED) if cycle.refused else (200, _list([]))
    for resource, attribute in (("Users", "userName"), ("Groups", "displayName"))[: 2 if cycle.refused else 1]:
        path = f"/{resource}?{_filter(attribute, guid(rng), resource)}"
        at = cycle.began + timedelta(seconds=1 if resource == "Users" else 2, milliseconds=rng.randrange(1000))
        yield _exchange(rng, at, cycle.app, "GET", path, status, None, body, probe=True)


def _filter(attribute: str, value: str, resource: str) -> str:
    """Returns a filter as the provisioning service encodes it: a plus for each space, %22 for each quote."""
    extra = "excludedAttributes=members&" if resource == "Groups" else ""
    return f"{extra}filter={attribute}+eq+%22{quote(value, safe='@')}%22"


def _exchange(
    rng: random.Random,
    at: datetime,
    app: App,
    method: str,
    path: str,
    status: int,
    request: Facts | None,
    response: Facts | None,
    probe: bool = False,
) -> Exchange:
    """Returns one exchange with a duration and a request id of its own."""
    return Exchange(at, app, method, path, status, rng.randint(18, 640), guid(rng), request, response, probe)


def _list(resources: list[Facts]) -> Facts:
    """Returns a SCIM ListResponse."""
    return {
        "schemas": [_MESSAGES + "ListResponse"],
        "totalResults": len(resources),
        "startIndex": 1,
        "itemsPerPage": 20,
        "Resources": resources,
    }


def _requests(rng: random.Random, event: Event) -> Iterator[Exchange]:
    """Yields an event's requests: none for a skip that never looked at the target, else a look-up and an export."""
    if event.intent.what in ("out_of_scope", "invalid"):
        return
    at = event.at + timedelta(milliseconds=rng.randrange(400))
    look = _look_up if event.intent.what == "create" else _read
    yield look(rng, event, at)
    if event.intent.what != "redundant" and not _ambiguous(event):
        yield _export(rng, event, at + timedelta(milliseconds=rng.randint(80, 500)))


def _ambiguous(event: Event) -> bool:
    """Whether the look-up found more than one match, after which nothing is written."""
    return event.failure is not None and event.failure.code == "DuplicateTargetEntries"


def _resource(subject: Subject) -> str:
    """Returns the SCIM endpoint of a subject."""
    return "Groups" if isinstance(subject, Group) else "Users"


def _look_up(rng: random.Random, event: Event, at: datetime) -> Exchange:
    """Returns the search by the matching attribute."""
    subject = event.intent.subject
    resource = _resource(subject)
    attribute = "displayName" if resource == "Groups" else "userName"
    found = [_body(event, guid(rng)) for _ in range(2)] if _ambiguous(event) else []
    path = f"/{resource}?{_filter(attribute, subject.upn or subject.name, resource)}"
    return _exchange(rng, at, event.app, "GET", path, 200, None, _list(found))


def _read(rng: random.Random, event: Event, at: datetime) -> Exchange:
    """Returns the reading of an object whose id is known."""
    resource = _resource(event.intent.subject)
    extra = "?excludedAttributes=members" if resource == "Groups" else ""
    return _exchange(
        rng, at, event.app, "GET", f"/{resource}/{event.target_id}{extra}", 200, None, _body(event, event.target_id)
    )


def _export(rng: random.Random, event: Event, at: datetime) -> Exchange:
    """Returns the write, with the answer the event's ending calls for."""
    resource = _resource(event.intent.subject)
    method = {"create": "POST", "delete": "DELETE"}.get(event.intent.what, "PATCH")
    path = f"/{resource}" if method == "POST" else f"/{resource}/{event.target_id}"
    request = {"POST": _body(event, ""), "PATCH": _patch(event)}.get(method)
    good = {"POST": 201, "DELETE": 204}.get(method, 204 if resource == "Groups" else 200)
    answer = None if good == 204 else _body(event, event.target_id)
    if event.failure is None:
        return _exchange(rng, at, event.app, method, path, good, request, answer)
    status = event.failure.http_status or 504
    return _exchange(rng, at, event.app, method, path, status, request, event.failure.body)


def _body(event: Event, target_id: str) -> Facts:
    """Returns the object in SCIM; without a target id it is what a create sends."""
    subject = event.intent.subject
    kind = "Group" if isinstance(subject, Group) else "User"
    own: Facts = {"schemas": [_SCHEMAS + kind], "externalId": subject.source_id}
    if isinstance(subject, Group):
        own["displayName"] = subject.name
    else:
        own["userName"] = subject.upn
        own["active"] = event.intent.what != "disable"
        own["name"] = {"givenName": subject.given, "familyName": subject.surname}
        own["emails"] = [{"primary": True, "type": "work", "value": subject.mail}]
    meta: Facts = {"resourceType": kind}
    if target_id:
        meta["location"] = f"{BASE}/{kind}s/{target_id}"
        own = {"id": target_id} | own
    return own | {"meta": meta}


def _patch(event: Event) -> Facts:
    """Returns the PatchOp of an event's changes, in the older dialect with capitalised operations."""
    operations = [
        {
            "op": "Add",
            "path": "members",
            "value": [{"$ref": None, "value": each} for each in re.findall(r"[^, ]+", change.new or "")],
        }
        if change.attribute == "members"
        else {"op": "Replace", "path": change.attribute, "value": change.new}
        for change in event.changes
        if change.attribute != "accountDisabled"
    ]
    return {"schemas": [_MESSAGES + "PatchOp"], "Operations": operations}


def iso(exchange: Exchange) -> str:
    """Returns an exchange's instant with milliseconds."""
    return stamp(exchange.at)[:-1] + f".{exchange.at.microsecond // 1000:03d}Z"
