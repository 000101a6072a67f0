"""The command `token`: records when an app's token expires, by a date or a JWT that is read once and never kept."""

import json
import sys
from datetime import datetime, timedelta
from getpass import getuser
from typing import Annotated

import typer

from pipeline.commands import terminal
from pipeline.config.clock import naive, now
from pipeline.config.errors import TokenRefused
from pipeline.config.settings import read_settings
from pipeline.config.wording import count, dated, day, span
from pipeline.rules.catch_up import overrides_of
from pipeline.rules.token_expiry import lead_days, note_of, read_expiry, read_jwt, record_expiry
from pipeline.store.export import plain
from pipeline.store.lake import Store

TOKENS = """
    select app_name, expires_at, recorded_by as said_by, recorded_at as said_at, note
    from token_ends(?)
    order by expires_at, app_name"""
LONGEST = 100_000
"Characters of a JWT that are read."


def token(
    context: typer.Context,
    app: Annotated[str | None, typer.Argument(help="The app; without one, all apps.", metavar="[APP]")] = None,
    expires: Annotated[
        str | None, typer.Option(help="When its token expires, ISO 8601; without a zone, UTC.", metavar="INSTANT")
    ] = None,
    jwt: Annotated[
        str | None, typer.Option(help="Read the expiry from the JWT on standard input: --jwt -", metavar="-")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Forget the expiry: it is unknown again.")] = False,
    by: Annotated[str | None, typer.Option(help="Who enters it.")] = None,
    note: Annotated[str | None, typer.Option(help="A note.")] = None,
    as_json: terminal.Json = False,
) -> None:
    """Record when an app's token expires; the token itself is never kept."""
    check_arguments(context.args, app, expires, jwt, forget)
    settings = read_settings()
    at = naive(now(settings))
    if app is None:
        print(listed(terminal.open_to_read(), at, as_json))
        return
    claims = read_jwt(sys.stdin.read(LONGEST)) if jwt else None
    ends = claims.expires_at if claims else read_expiry(expires) if expires else None
    store = terminal.open_to_write(settings)
    written = note_of(claims, note) if claims else note
    name = record_expiry(store, app, ends, by or ("the token itself" if jwt else operator()), at, written)
    if as_json:
        print(listed(store, at, as_json))
    else:
        print(f"{name}: the token's expiry is unknown." if ends is None else sentence(store, name, ends, at))


def check_arguments(rest: list[str], app: str | None, expires: str | None, jwt: str | None, forget: bool) -> None:
    """Refuses arguments that do not go together, without repeating them: one of them may be a token."""
    if rest:
        raise TokenRefused("One app was expected; a name of several words needs quotes. A token never goes here.")
    if jwt is not None and jwt != "-":
        raise TokenRefused(
            "A token on the command line stays in the shell's history: give --jwt - and put it on standard input. "
            "If it was a real one, have it replaced."
        )
    given = (expires is not None) + (jwt is not None) + forget
    if app is None and given:
        raise TokenRefused("No app was named; give its name as Entra has it, such as Cerby.")
    if app is not None and given != 1:
        raise TokenRefused("Give one of --expires INSTANT, --jwt - and --forget.")


def operator() -> str | None:
    """Returns the name of this machine's user."""
    try:
        return getuser()
    except (OSError, KeyError):
        return None


def sentence(store: Store, app: str, ends: datetime, at: datetime) -> str:
    """Writes when the token ends, and until when a new one must be requested."""
    lead = lead_days(overrides_of(store), app)
    if ends < at:
        return f"{app}: the token expired {dated(ends)}."
    renew_by = ends - timedelta(days=lead)
    by = "now" if renew_by < at else f"before {day(renew_by)}"
    end = f"{app}: the token expires {dated(ends)}, in {span(ends - at)}."
    return f"{end} Allow {count(lead, 'day')} for a new one: request it {by}."


def listed(store: Store, at: datetime, as_json: bool) -> str:
    """Writes the expiry of every app's token."""
    rows = store.rows(TOKENS, [at])
    if as_json:
        names = ("app_name", "expires_at", "said_by", "said_at", "note")
        document = [dict(zip(names, row, strict=True)) for row in rows]
        return json.dumps(document, ensure_ascii=False, indent=2, default=plain)
    return (
        "\n".join(sentence(store, row[0], row[1], at) for row in rows)
        or "No token expiry is recorded; record one: python -m pipeline token APP --expires INSTANT"
    )
