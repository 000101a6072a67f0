"""Writes what to do about an error in one app: the documented steps, and where the app's profile knows better, that.

Causes, reasons and rules say in one clause, GENERIC, how a new token is had; an app's profile replaces it.
"""

import re
from collections.abc import Iterable, Sequence

from pipeline.config.wording import count
from pipeline.knowledge.app_profiles import Profile, Token, profile_of

GENERIC = "create a new token in the app, or request one from its vendor"
"How a new token is had where no profile tells."

PROMISE = re.compile(r"\bwait\b|\bentra (?:retries(?! only)|sends the|tries)\b|\bnext retr", re.IGNORECASE)
"What a sentence has that waits for Entra's next attempt, or promises one."
RESUMPTIONS = {
    "paused": "Start provisioning in Entra: while it is paused, nothing is retried.",
    "disabled": "Restart provisioning in Entra: while it is disabled, nothing is retried.",
    "quarantined": "Follow the recovery checklist on the app's page: in quarantine, Entra retries the job alone.",
    "dead": "Get the app's cycles running again: without a cycle, nothing is retried.",
    "stalled": "Get the app's cycle running again: while it has stalled, nothing is retried.",
    "replaced": "Continue with the newer job of the app: this one retries nothing any more.",
    "ended": "Provision the user or group on demand in Entra: its retries have ended.",
}
"What to do instead of waiting, by what keeps Entra from retrying."


def without_promises(text: str) -> str:
    """Leaves out the sentences of a text that promise or await an attempt of Entra.

    >>> without_promises("The app answered 429. Entra retries by itself.")
    'The app answered 429.'
    """
    sentences = re.split(r"(?<=[.!?]) +", text)
    return " ".join(one for one in sentences if not PROMISE.search(one))


def steps_while(steps: Iterable[str], stop: str | None) -> list[str]:
    """Returns steps as they hold where something keeps Entra from retrying, one of RESUMPTIONS, if anything does.

    >>> steps_while(["Wait for the next retries.", "If it lasts, call."], "ended")
    ['Provision the user or group on demand in Entra: its retries have ended.', 'If it lasts, call.']
    """
    if stop is None:
        return list(steps)
    kept = [(step, without_promises(step)) for step in steps]
    first = [RESUMPTIONS[stop]] if any(step != rest for step, rest in kept) else []
    return [*first, *(rest for _, rest in kept if rest)]


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


def remedies(
    steps: Iterable[str], profiles: Sequence[Profile], app_name: str | None, stop: str | None = None
) -> list[str]:
    """Writes the steps of a cause for one app, as they hold while something keeps Entra from retrying."""
    return [remedy(step, profiles, app_name) for step in steps_while(steps, stop)]


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
