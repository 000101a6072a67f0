"""Requests and responses without their sockets, and Graph's ways of saying no."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HttpRequest:
    """A request, without its socket."""

    method: str
    path: str
    query: dict[str, str]
    authorization: str = ""
    body: bytes = b""
    real_s: float = 0.0
    "Seconds of a clock that only the throttle reads."


@dataclass
class HttpResponse:
    """A response, and how it is to go wrong."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    spoilt: str = ""
    "One of dropped, malformed, truncated; empty for none."


class GraphError(Exception):
    """An error in Graph's shape."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


def too_many(headers: dict[str, str]) -> GraphError:
    """Returns the answer to too many requests."""
    return GraphError(429, "TooManyRequests", "Too Many Requests", headers)


def unauthenticated(message: str) -> GraphError:
    """Returns the answer to a token that is not taken."""
    return GraphError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": 'Bearer realm=""'})


def missing_resource(what: str) -> GraphError:
    """Returns the answer to what is not there."""
    message = f"Resource '{what}' does not exist or one of its queried reference-property objects are not present."
    return GraphError(404, "Request_ResourceNotFound", message)


def encoded(answer: HttpResponse) -> bytes:
    """Returns an answer's body as it goes out, spoilt where it is to be."""
    body = json.dumps(answer.body, ensure_ascii=False).encode()
    if answer.spoilt == "malformed":
        return b'{"@odata.context":,' + body[1:]
    return body[: len(body) * 2 // 3] if answer.spoilt == "truncated" else body
