"""The stand-in's tokens, and how Entra refuses to give one: errors in the AADSTS shape.

Tokens live by the machine's time, whatever the stand-in's clock shows, since the client's library reckons with it.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid
from datetime import datetime
from typing import Any

LASTS_S = 3599

STATUSES = {"invalid_client": 401, "unauthorized_client": 400, "invalid_request": 400, "unsupported_grant_type": 400}


class Refusal(Exception):
    """No token is given: Entra's number, its word for the kind, and the sentence."""

    def __init__(self, number: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.number, self.kind, self.sentence = number, kind, sentence


def refusal_body(refusal: Refusal, at: datetime) -> dict[str, Any]:
    """Returns the body of a refusal."""
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    stamp = f"{at:%Y-%m-%d %H:%M:%SZ}"
    text = f"AADSTS{refusal.number}: {refusal.sentence}"
    return {
        "error": refusal.kind,
        "error_description": f"{text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}",
        "error_codes": [refusal.number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={refusal.number}",
    }


def make_token(key: bytes, tenant_id: str, client_id: str, roles: set[str], graph: str) -> str:
    """Returns a JWT with the application's roles, signed with the stand-in's own key."""
    now = int(time.time())
    claims = {
        "aud": "https://graph.microsoft.com",
        "iss": f"{graph}/{tenant_id}/",
        "iat": now,
        "nbf": now - 300,
        "exp": now + LASTS_S,
        "appid": client_id,
        "idtyp": "app",
        "roles": sorted(roles),
        "tid": tenant_id,
        "uti": uuid.uuid4().hex,
        "ver": "1.0",
    }
    head = packed({"typ": "JWT", "alg": "HS256"}) + "." + packed(claims)
    return f"{head}.{signature(key, head)}"


def read_token(key: bytes, token: str) -> dict[str, Any] | None:
    """Returns the claims of a token that this stand-in made and that has not expired; else None."""
    head, _, signed = token.rpartition(".")
    if not head or not hmac.compare_digest(signed, signature(key, head)):
        return None
    claims: dict[str, Any] = unpacked(head.partition(".")[2])
    return claims if claims["exp"] > time.time() else None


def packed(value: dict[str, Any]) -> str:
    """Returns JSON as base64 for addresses, without its padding."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def unpacked(text: str) -> dict[str, Any]:
    """Reads what `packed` gave; raises ValueError for anything else."""
    value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def signature(key: bytes, text: str) -> str:
    """Signs a text."""
    return base64.urlsafe_b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode().rstrip("=")
