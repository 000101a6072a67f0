"""What a failure says: the composite text of `reason`, with the target's own SCIM error inside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from pipeline.sample.nouns import App, Facts, Failure, Intent, stamp

ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass(frozen=True, slots=True)
class Template:
    """How one error code is worded."""

    category: str
    http_status: int | None
    scim_type: str | None
    text: str
    """The SCIM `detail` where the target answered, else the whole message, with its gaps in braces."""
    advice: str | None = None


TEMPLATES = {
    "EntryConflict": Template(
        "nonServiceFailure",
        409,
        "uniqueness",
        "A user with the userName '{upn}' already exists and is not managed by this directory.",
        "Remove or rename the conflicting account in the target, or review the matching attribute.",
    ),
    "TooManyRequests": Template("failure", 429, None, "Request rate limit reached. Try again in 120 seconds."),
    "InternalServerError": Template(
        "failure", 500, None, "The request could not be completed (incident ref for '{name}')."
    ),
    "Timeout": Template("failure", None, None, "Message: The request to {app} for '{name}' was not answered in time."),
    "LicenseLimitExceeded": Template(
        "nonServiceFailure",
        403,
        None,
        "No free licence is left for '{upn}'.",
        "Free a licence in the target or buy another.",
    ),
    "DuplicateTargetEntries": Template(
        "nonServiceFailure",
        None,
        None,
        "Message: 2 objects in {app} match '{upn}' by the matching attribute userName; exactly one was expected.",
        "Remove the duplicate in the target, or choose another matching attribute.",
    ),
    "UnableToResolveReferenceAttributeValue": Template(
        "nonServiceFailure",
        None,
        None,
        "Message: UnableToResolveReferenceAttributeValue. We were unable to assign {members} as the members of {name}.",
        "Assign the missing members to the application, then restart provisioning.",
    ),
}


def failure(app: App, intent: Intent) -> Failure | None:
    """Returns why an intent fails, or None when it does not."""
    if intent.error is None:
        return None
    template = TEMPLATES[intent.error]
    text = template.text.format(
        app=app.target_system,
        name=intent.subject.name,
        upn=intent.subject.upn,
        members=unresolved_names(intent),
    )
    body = _scim_error(template, text) if template.http_status else None
    reason = _composite(template, body) if body else text.rstrip(".")
    return Failure(
        intent.error, template.category, reason + _retry(intent), template.advice, template.http_status, body
    )


def unresolved_names(intent: Intent) -> str:
    """Returns the members that could not be resolved, as the service lists them."""
    return ", ".join(person.upn for person in intent.unresolved)


def _scim_error(template: Template, detail: str) -> Facts:
    """Returns the target's error body."""
    kind: Facts = {"scimType": template.scim_type} if template.scim_type else {}
    return {"schemas": [ERROR_SCHEMA], "detail": detail, "status": str(template.http_status)} | kind


def _composite(template: Template, body: Facts) -> str:
    """Returns status, message and raw body as the service strings them together."""
    word = HTTPStatus(template.http_status or 0).phrase.title().replace(" ", "")
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    message = "The target answered the HTTP request with an error. Its response is given below."
    return f"StatusCode: {word}\r\nMessage: {message}\r\nWeb Response: \r\n{raw}"


def _retry(intent: Intent) -> str:
    """Returns the closing sentence that tells the retries so far and the next one."""
    at: datetime | None = intent.retry_at
    if at is None:
        return "."
    after = stamp(at, at.second * 45_001 + 5_340_673)
    return f". This operation was retried {intent.retries} times. It will be retried again after this date: {after} UTC"
