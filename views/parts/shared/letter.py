"""A draft of an e-mail to whoever can fix what the reader cannot: the app's vendor, Microsoft, the source's owner.

It is opened by the reader's own mail program, without a recipient: no address is known that can be relied on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

import streamlit as st

from pipeline.config.wording import dated, in_utc
from pipeline.knowledge.app_profiles import Profile
from pipeline.knowledge.causes import Cause

LONGEST = 1900
"Characters of a mailto link that every mail program takes."


class Request(NamedTuple):
    """What is asked of somebody else: who it is, a subject and a sentence; {app} is the app's name."""

    to: str
    subject: str
    please: str


REQUESTS = {
    "credentials": Request(
        "the app's support",
        "{app}: new SCIM access token for Microsoft Entra provisioning",
        "Please regenerate the SCIM access token of our tenant, and write to us when it is ready.",
    ),
    "target": Request(
        "the app's vendor or administrator",
        "{app}: provisioning from Microsoft Entra fails",
        "Please correct this on the side of the app, or write to us what to change in our attribute mapping.",
    ),
    "service": Request(
        "Microsoft support",
        "Microsoft Entra provisioning to {app} fails",
        "Please check the provisioning service for our tenant and write to us what to do.",
    ),
    "source data": Request(
        "the owner of the source directory",
        "{app}: user data to correct",
        "Please correct the values at the source. The next provisioning cycle reads them by itself.",
    ),
}
"What can be asked of others, by the owner of a cause; what the administrator can fix alone is not among them."


@dataclass(frozen=True)
class Letter:
    """What a draft is made of."""

    app: str
    problem: str
    cause: Cause
    since: datetime
    affected: str = ""
    facts: Mapping[str, object] | None = None
    "What the log has of it, by what it is."


def draw_letter(letter: Letter, profile: Profile | None) -> None:
    """Draws what opens the draft, where only somebody else can fix the cause."""
    if (asked := request_of(letter.cause, profile)) is None:
        return
    st.link_button("Draft e-mail", mailto(letter, asked), icon=":material/mail:", help=f"To {asked.to}")


def request_of(cause: Cause, profile: Profile | None) -> Request | None:
    """Returns what to ask of somebody else; None where the administrator can fix the cause, or it is unknown.

    A token that the app lets its own administrators create needs nobody else; without a profile that is unknown.
    """
    if cause.owner == "credentials" and (profile is None or profile.token is None or profile.token.self_service):
        return None
    return REQUESTS.get(cause.owner)


def mailto(letter: Letter, asked: Request) -> str:
    """Returns a link that opens the draft; names and facts beyond what a link can hold are cut."""
    head = f"mailto:?subject={quote(asked.subject.format(app=letter.app))}&body="
    body = body_of(letter, asked)
    while len(head) + len(encoded(body)) > LONGEST:
        body = f"{body[: len(body) * 9 // 10].rstrip()} …"
    return head + encoded(body)


def encoded(text: str) -> str:
    """Writes a text as a part of a link, with the line ends that mail has."""
    return quote(text.replace("\n", "\r\n"), safe="")


def body_of(letter: Letter, asked: Request) -> str:
    """Writes the draft: what happens and since when, what is asked, and the facts. Instants are in UTC."""
    facts = {
        "App": letter.app,
        "First seen": letter.since,
        "Cause": letter.cause.title,
        "Affected": letter.affected,
        **(letter.facts or {}),
    }
    with in_utc():
        shown = {name: dated(one) if isinstance(one, datetime) else one for name, one in facts.items()}
    lines = [f"- {name}: {one}" for name, one in shown.items() if one not in (None, "")]
    return "\n\n".join(
        [
            "Hello,",
            f"{letter.problem.rstrip('.')}. {letter.cause.meaning}",
            asked.please,
            "\n".join(["What our provisioning logs show:", *lines]),
            "Thank you",
        ]
    )
