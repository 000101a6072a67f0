"""Writes what to do about an error in one app: the documented steps, and where the app's profile knows better, that.

Causes, reasons and rules say in one clause, GENERIC, how a new token is had; an app's profile replaces it.
"""

from collections.abc import Iterable, Sequence

from pipeline.config.wording import count
from pipeline.knowledge.app_profiles import Profile, Token, profile_of

GENERIC = "create a new token in the app, or request one from its vendor"
"How a new token is had where no profile tells."


def remedy(text: str, profiles: Sequence[Profile], app_name: str | None) -> str:
    """Writes a step, or what a rule advises, for one app.

    >>> remedy("Create a new token in the app, or request one from its vendor; enter it.", [], "Zoom")
    'Create a new token in the app, or request one from its vendor; enter it.'
    """
    profile = profile_of(profiles, app_name) if app_name else None
    if profile is None or profile.token is None:
        return text
    own = new_token(profile.name, profile.token)
    return text.replace(GENERIC, own).replace(sentence_case(GENERIC), sentence_case(own))


def remedies(steps: Iterable[str], profiles: Sequence[Profile], app_name: str | None) -> list[str]:
    """Writes the steps of a cause for one app."""
    return [remedy(step, profiles, app_name) for step in steps]


def new_token(app: str, token: Token) -> str:
    """Writes how a new token of an app is had, and how long that takes.

    >>> new_token("Cerby", Token(self_service=False, lead_days=7, lead_is_assumed=True, support="support at cerby.com"))
    'request a new token from Cerby support (support at cerby.com; not self-service, allow about 7 days)'
    >>> new_token("Zoom", Token(self_service=True, lead_days=0))
    'create a new token in Zoom'
    """
    days = f"{'about ' if token.lead_is_assumed else ''}{count(token.lead_days, 'day')}"
    if token.self_service:
        return f"create a new token in {app}" + (f" (allow {days})" if token.lead_days else "")
    where = f"{token.support}; " if token.support else ""
    return f"request a new token from {app} support ({where}not self-service, allow {days})"


def sentence_case(text: str) -> str:
    """Writes a text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
