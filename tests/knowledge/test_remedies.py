"""What to do about an error says of an app what its profile knows better, wherever it is said."""

import re
from collections.abc import Iterator

from pipeline.config.settings import Settings
from pipeline.knowledge.app_profiles import Applies, Profile, Token, usable_profiles
from pipeline.knowledge.causes import causes, find_cause
from pipeline.knowledge.quarantine_reasons import ALL_REASONS
from pipeline.knowledge.remedies import GENERIC, remedies, remedy
from pipeline.rules.rule import rules


def advice() -> Iterator[str]:
    yield from (step for cause in causes() for step in cause.steps)
    yield from (step.text for reason in ALL_REASONS for step in reason.steps)
    yield from (rule.do for rule in rules().values())


def test_every_advice_on_a_new_token_says_so_in_the_words_that_a_profile_replaces() -> None:
    about = [text for text in advice() if re.search(r"(?i)\b(create|request|make|generate)\b[^.]*\btoken", text)]
    assert len(about) >= 7
    assert [text for text in about if GENERIC not in text[:1].lower() + text[1:]] == []


def test_a_token_that_only_the_vendor_issues_is_requested_with_the_days_that_it_takes(settings: Settings) -> None:
    profiles = usable_profiles(settings)
    cause = find_cause(None, http_status=401.0)
    assert cause is not None
    first, second = remedies(cause.steps, profiles, "Cerby (production)")
    assert first == (
        "Request a new token from Cerby support (support at cerby.com; not self-service, allow about 7 days)."
    )
    assert second.startswith("Enter it in Entra under Provisioning, Admin credentials")
    assert remedies(cause.steps, profiles, "Zoom") == remedies(cause.steps, profiles, None) == list(cause.steps)
    advised = remedy(rules()["token_refused"].do, profiles, "Cerby")
    assert advised.startswith("Request a new token from Cerby support (") and GENERIC not in advised.lower()


def test_a_token_of_ones_own_is_created_in_the_app() -> None:
    own = Profile(
        name="Zoom", source="", applies_to=Applies(apps=("Zoom",)), token=Token(self_service=True, lead_days=1)
    )
    assert remedy(f"If the app rejects it: {GENERIC}; save.", [own], "Zoom") == (
        "If the app rejects it: create a new token in Zoom (allow 1 day); save."
    )


def test_a_profile_that_cannot_be_used_changes_no_advice(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"profiles": settings.profiles / "none"})
    assert usable_profiles(nowhere) == []
