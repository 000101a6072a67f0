"""When each app's token expires: an operator's date, or the claims of a JWT; the token is never kept.

Only `exp` and `iat` are taken from a JWT. Nothing that is raised or returned here holds any part of what was pasted.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from pipeline.config.errors import TokenRefused
from pipeline.config.secrets import without_secrets
from pipeline.config.wording import day
from pipeline.knowledge.app_profiles import Profile, Token, profile_of
from pipeline.rules.rule import find_rule
from pipeline.store.lake import Cursor, Store

RULE = "token_due"
APPS = "select app_name from hourly_parts union select app_name from job_snapshots"
RECORDED = "select distinct app_name from tokens"
LATEST = datetime(2200, 1, 1)
"An end after this is a mistake: milliseconds for seconds, or a year typed wrongly."
ASK = "Give the date with --expires, or in the form, if you know it."


@dataclass(frozen=True)
class Claims:
    """The lifetime that a JWT claims. Instants are naive UTC."""

    expires_at: datetime
    issued_at: datetime | None


def read_jwt(text: str) -> Claims:
    """Takes the end, and the beginning if it is there, from a JWT; raises TokenRefused.

    >>> body = base64.urlsafe_b64encode(b'{"exp": 1798675200, "sub": "ada"}').decode().rstrip("=")
    >>> read_jwt(f"Bearer e30.{body}.c2ln").expires_at
    datetime.datetime(2026, 12, 31, 0, 0)
    """
    claims = payload(text)
    if "exp" not in claims:
        raise TokenRefused(f"This JWT names no end: it has no exp, so it may be valid without limit. {ASK}")
    issued = claims.get("iat")
    return Claims(claimed_instant("exp", claims["exp"]), None if issued is None else claimed_instant("iat", issued))


def payload(text: str) -> Mapping[str, Any]:
    """Returns the claims of a JWT, unverified: whose signature it is does not matter for its end."""
    words = text.split()
    parts = words[-1].split(".") if len(words) == 1 or (len(words) == 2 and words[0].casefold() == "bearer") else []
    if len(parts) == 5:
        raise TokenRefused(f"This token is an encrypted JWT, whose expiry only its receiver can read. {ASK}")
    if len(parts) != 3:
        raise TokenRefused(
            f"This is no JWT: one word of three parts with dots between them was expected. A token of another kind "
            f"does not show its expiry. {ASK}"
        )
    header, body = decoded(parts[0]), decoded(parts[1])
    if header is None or body is None:
        raise TokenRefused(f"This is no JWT: its parts hold no JSON; perhaps it was not copied in full. {ASK}")
    return body


def decoded(part: str) -> Mapping[str, Any] | None:
    """Decodes one part of a JWT into an object; None where it is none."""
    try:
        document = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def claimed_instant(claim: str, seconds: object) -> datetime:
    """Reads a claim's instant: seconds since 1970."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TokenRefused(f"The {claim} of this JWT is no number; seconds since 1970 were expected. {ASK}")
    try:
        at = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        at = datetime.max
    if not datetime(1970, 1, 1) < at < LATEST:
        raise TokenRefused(
            f"The {claim} of this JWT is no instant before 2200; seconds since 1970 were expected. {ASK}"
        )
    return at


def read_expiry(text: str) -> datetime:
    """Reads the expiry that a person gives, as naive UTC; raises TokenRefused."""
    shown = without_secrets(text.strip())[:40]
    try:
        at = datetime.fromisoformat(text.strip())
        at = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    except (ValueError, OverflowError):
        raise TokenRefused(f"'{shown}' is no instant; ISO 8601 was expected, such as 2026-12-31T00:00Z.") from None
    if not datetime(2000, 1, 1) < at < LATEST:
        raise TokenRefused(f"'{shown}' is no token expiry; an instant between 2000 and 2200 was expected.")
    return at


def app_named(store: Store, app: str) -> str:
    """Returns an app's name as the store spells it; where apps are stored, one that is not among them is refused."""
    names = sorted(str(name) for (name,) in store.rows(APPS) if name)
    wanted = without_secrets(app.strip())
    for name in [*names, *(str(name) for (name,) in store.rows(RECORDED))]:
        if name.casefold() == wanted.casefold():
            return name
    if not wanted:
        raise TokenRefused("No app was named; give its name as Entra has it, such as Cerby.")
    if names:
        nearest = get_close_matches(wanted, names, 1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(names)}."
        raise TokenRefused(f"No app '{wanted[:60]}' is known here; {hint}")
    return wanted


def record_expiry(
    store: Store, app: str, expires_at: datetime | None, by: str | None, at: datetime, note: str | None = None
) -> str:
    """Records when an app's token expires, None for unknown, and returns the app's name; older records stay."""
    name = app_named(store, app)
    words = [without_secrets(word.strip())[:200] or None if word else None for word in (by, note)]

    def write(cursor: Cursor) -> None:
        cursor.execute("insert into tokens values (?, ?, ?, ?, ?)", [name, expires_at, words[0], at, words[1]])

    store.write(write)
    return name


def note_of(claims: Claims, note: str | None = None) -> str | None:
    """Returns a note with the instant at which the token was issued."""
    issued = f"issued {day(claims.issued_at)}" if claims.issued_at else ""
    return "; ".join(part for part in (issued, (note or "").strip()) if part) or None


def with_leads(overrides: Mapping[str, Any], profiles: Sequence[Profile], apps: Sequence[str]) -> dict[str, Any]:
    """Adds each profile's lead time to the overrides of the rule on tokens, where rules.toml sets none."""
    override = dict(overrides.get(RULE, {}))
    by_app = dict(override.get("app", {}))
    for app in apps:
        token = token_of(profiles, app)
        if token is not None and "lead" not in override and "lead" not in by_app.get(app, {}):
            by_app[app] = {**by_app.get(app, {}), "lead": token.lead_days}
    return {**overrides, RULE: {**override, "app": by_app}} if by_app else dict(overrides)


def token_of(profiles: Sequence[Profile], app: str) -> Token | None:
    """Returns what an app's profile says of its tokens."""
    profile = profile_of(profiles, app)
    return profile.token if profile else None


def lead_days(overrides: Mapping[str, Any], app: str) -> int:
    """Returns the days that a new token of an app takes, as the rule on tokens counts them."""
    override = overrides.get(RULE, {})
    standard = next(one.default for one in find_rule(RULE).parameters if one.name == "lead")
    lead = override.get("app", {}).get(app, {}).get("lead", override.get("lead", standard))
    return int(lead[0] if isinstance(lead, list) else lead)
