"""Drafts of e-mails: to whom, what is in them, and that a mail program can take them."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.config.settings import read_settings
from pipeline.knowledge.app_profiles import Token, profile_of, read_profiles
from pipeline.knowledge.causes import causes
from tests.support.given import moment
from views.parts.shared.letter import LONGEST, REQUESTS, Letter, mailto, request_of

[REJECTED] = [cause for cause in causes() if cause.name == "token_rejected"]
LETTER = Letter("Cerby & Söhne", "Cerby has been rejecting the access token", REJECTED, moment(13, 9, 3))


def parts(letter: Letter) -> tuple[str, dict[str, str]]:
    """Returns the recipient of a draft's link, and its subject and text."""
    link = urlsplit(mailto(letter, REQUESTS["credentials"]))
    assert link.scheme == "mailto"
    return link.path, {name: values[0] for name, values in parse_qs(link.query, strict_parsing=True).items()}


def test_a_draft_has_no_recipient_and_the_facts_in_plain_words() -> None:
    recipient, mail = parts(replace(LETTER, affected="1 leaver", facts={"HTTP status": 401, "Error code": None}))
    assert recipient == ""
    assert mail["subject"] == "Cerby & Söhne: new SCIM access token for Microsoft Entra provisioning"
    lines = mail["body"].split("\r\n")
    assert lines[2].startswith("Cerby has been rejecting the access token. The app answered 401")
    assert {"- First seen: 1 Feb 2026, 09:03 UTC", "- Affected: 1 leaver", "- HTTP status: 401"} <= set(lines)
    assert "Error code" not in mail["body"] and "None" not in mail["body"]


@pytest.mark.parametrize("name", ["x" * 5000, "ü & <b> \n" * 800])
def test_a_draft_is_cut_to_what_a_link_can_hold(name: str) -> None:
    link = mailto(replace(LETTER, facts={"Users": name}), REQUESTS["credentials"])
    assert len(link) <= LONGEST and "\n" not in link and " " not in link
    assert parts(replace(LETTER, facts={"Users": name}))[1]["body"].endswith("…")


def test_only_what_others_alone_can_fix_has_a_draft() -> None:
    cerby = profile_of(read_profiles(read_settings(_env_file=None)), "Cerby")
    assert cerby is not None and cerby.token is not None and not cerby.token.self_service
    own = cerby.model_copy(update={"token": Token(self_service=True, lead_days=0)})
    assert request_of(REJECTED, cerby) is REQUESTS["credentials"]
    assert request_of(REJECTED, own) is None and request_of(REJECTED, None) is None
    by_owner = {cause.owner: request_of(cause, None) for cause in causes()}
    assert by_owner["mapping"] is None and by_owner["nobody"] is None and by_owner["credentials"] is None
    assert by_owner["target"] is REQUESTS["target"] and by_owner["source data"] is REQUESTS["source data"]
