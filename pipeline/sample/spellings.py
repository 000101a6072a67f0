"""A SCIM exchange as servers write it: our own JSON lines, access log lines, or a pair of lines."""

from __future__ import annotations

import hashlib

from pipeline.sample.nouns import Exchange, Facts
from pipeline.sample.shapes import dump
from pipeline.sample.wire import BASE, iso

FAKE_TOKEN = "FAKE-cerby-token-that-must-never-reach-the-store"
"""An invented secret; a store that holds this text anywhere has leaked it."""
_PREFIX = BASE.removeprefix("https://api.cerby.com")


def client(exchange: Exchange) -> str:
    """Returns the caller's address, in a range reserved for documentation."""
    return f"203.0.113.{10 + _pick(exchange, 24)}"


def _pick(exchange: Exchange, many: int) -> int:
    """Returns a number below `many` that depends on the exchange alone."""
    return hashlib.sha256(exchange.request_id.encode()).digest()[0] % many


def own(exchange: Exchange) -> str:
    """Returns the exchange in our documented form; the Authorization header is there to be removed."""
    return dump(
        {
            "time": iso(exchange),
            "method": exchange.method,
            "path": _PREFIX + exchange.path,
            "status": exchange.status,
            "duration_ms": exchange.duration_ms,
            "request_id": exchange.request_id,
            "tenant_id": exchange.app.tenant_id,
            "app_id": exchange.app.app_id,
            "client": client(exchange),
            "request_headers": {
                "Accept": "application/scim+json",
                "Authorization": f"Bearer {FAKE_TOKEN}",
                "Content-Type": "application/scim+json; charset=utf-8",
                "Host": "api.cerby.com",
            },
            "request_body": exchange.request,
            "response_body": exchange.response,
        }
    )


def access(exchange: Exchange) -> str:
    """Returns the exchange as an access log line: combined, then seconds taken and the request body.

    One in five targets is absolute, and one in seven has its quotes and spaces escaped otherwise.
    """
    target = (BASE if _pick(exchange, 5) == 0 else _PREFIX) + exchange.path
    if _pick(exchange, 7) == 0:
        target = target.replace("+", "%20").replace("%22", r"\x22")
    body = _escaped(dump(exchange.request)) if exchange.request else "-"
    size = len(dump(exchange.response).encode()) if exchange.response else 0
    when = f"{exchange.at:%d}/{_MONTHS[exchange.at.month - 1]}/{exchange.at:%Y:%H:%M:%S} +0000"
    request = f'"{exchange.method} {target} HTTP/1.1"'
    answer = f"{exchange.status} {size}"
    return f'{client(exchange)} - - [{when}] {request} {answer} "-" "-" {exchange.duration_ms / 1000:.3f} "{body}"'


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _escaped(text: str) -> str:
    r"""Return a value as nginx escapes it by default: quotes, backslashes and all that is not printable ASCII as \xXX.

    >>> print(_escaped('{"a":"é"}'))
    {\x22a\x22:\x22\xC3\xA9\x22}
    """
    plain = range(32, 127)
    return "".join(chr(byte) if byte in plain and byte not in b'"\\' else f"\\x{byte:02X}" for byte in text.encode())


def pair(exchange: Exchange) -> tuple[str, str]:
    """Returns the exchange as two lines joined by `requestId`: the request, and the response with its status."""
    path, status, took = _PREFIX + exchange.path, exchange.status, exchange.duration_ms
    bare = f"{exchange.method} {path.split('?')[0]}"
    shared: Facts = {
        "level": "INFO",
        "category": "http",
        "requestId": exchange.request_id,
        "method": exchange.method,
        "path": path,
    }
    asked: Facts = {"ip": client(exchange), "contentType": "application/scim+json", "body": exchange.request}
    sent: Facts = {"timestamp": iso(exchange), "message": f"→ {bare}", **shared, "data": asked}
    said: Facts = {"status": status, "durationMs": took, "body": exchange.response}
    answered: Facts = {"timestamp": _later(exchange), "message": f"← {status} {bare}", **shared, "durationMs": took}
    answered["data"] = said
    return dump(sent), dump(answered)


def _later(exchange: Exchange) -> str:
    """Returns the instant of the response."""
    micros = exchange.at.microsecond + exchange.duration_ms * 1000
    at = exchange.at.replace(microsecond=0).timestamp() + micros // 1_000_000
    late = exchange.at.fromtimestamp(at, exchange.at.tzinfo)
    return f"{late:%Y-%m-%dT%H:%M:%S}.{micros % 1_000_000 // 1000:03d}Z"
