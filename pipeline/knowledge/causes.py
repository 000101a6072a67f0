"""Looks up what an error code means, who owns the fix and how to fix it, in causes.toml.

A code is matched by its end, since connectors put their own name before it; the longest end that fits is taken.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).with_name("causes.toml")
FAULTS = {
    "source data": "the values in the source: whoever manages the directory can correct them",
    "mapping": "the attribute mapping in Entra: whoever manages the provisioning configuration can correct it",
    "target": "the app: its vendor or its administrator can correct it",
    "service": "Entra's own service: Microsoft can correct it",
    "credentials": "the token or the account that Entra signs in with: whoever can renew it in the app",
    "nobody": "nobody: nothing is wrong",
    "unknown": "the record does not show who can correct it",
}
"Who can correct a problem, and what that means."
Owner = Literal["source data", "mapping", "target", "service", "credentials", "nobody", "unknown"]
MIN_LIKENESS = 0.6
"How much of two codes must be the same for one to be named as near the other."


class Card(BaseModel):
    """What is documented of one or several codes, in our own words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    codes: tuple[str, ...] = Field(min_length=1)
    title: str
    meaning: str
    who: Owner
    retries: str = ""
    "What the documentation says of Entra's own retries; empty where it says nothing."
    steps: tuple[str, ...] = Field(min_length=1)

    @property
    def again(self) -> str:
        """Returns whether Entra tries again by itself, as far as that is documented."""
        if not self.retries:
            return "Whether Entra tries again by itself is not documented for this code."
        return f"Entra tries again by itself: {self.retries}."


@lru_cache
def cards() -> tuple[Card, ...]:
    """Reads every card, in the file's order; raises ValueError for a code that two cards claim."""
    every_card = tuple(Card.model_validate(card) for card in tomllib.loads(FILE.read_text(encoding="utf-8"))["card"])
    codes = [code for card in every_card for code in card.codes]
    if repeated := {code for code in codes if codes.count(code) > 1}:
        raise ValueError(f"{FILE.name}: {', '.join(sorted(repeated))} stands in two cards; keep one.")
    return every_card


@lru_cache
def documented_codes() -> Mapping[str, Card]:
    """Returns every documented ending with its card, the longest first."""
    pairs = [(code, card) for card in cards() for code in card.codes]
    return dict(sorted(pairs, key=lambda pair: -len(pair[0])))


def ending_of(code: str | None) -> str | None:
    """Returns the documented ending of a code.

    >>> ending_of("ContosoEntryConflict"), ending_of("SystemForCrossDomainIdentityManagementServiceIncompatible")
    ('EntryConflict', 'ServiceIncompatible')
    >>> ending_of("Rebadged") is None
    True
    """
    return next((ending for ending in documented_codes() if is_end(code or "", ending)), None)


def is_end(code: str, ending: str) -> bool:
    """Whether a code is an ending, or a connector's name before it."""
    return code == ending or bool(re.search(rf"(?:[a-z0-9]|[A-Z]{{2}}){re.escape(ending)}$", code))


def card_of(code: str | None) -> Card | None:
    """Returns a code's card; None for one that is not documented."""
    ending = ending_of(code)
    return documented_codes()[ending] if ending else None


def nearest(code: str, others: Iterable[str] = (), most: int = 3) -> list[str]:
    """Returns the documented endings, and of `others`, the codes most like one that is not documented.

    >>> nearest("ContosoEntryConflicted")[0]
    'EntryConflict'
    """
    candidates = dict.fromkeys([*documented_codes(), *others])
    scored = [(likeness(code, other), other) for other in candidates if other != code]
    return [other for score, other in sorted(scored, key=lambda pair: -pair[0]) if score >= MIN_LIKENESS][:most]


def likeness(code: str, other: str) -> float:
    """Measures how much of two codes is the same, by their ends, which name the cause; one inside the other is most."""
    if min(len(code), len(other)) > 6 and (other.lower() in code.lower() or code.lower() in other.lower()):
        return 0.95
    return SequenceMatcher(None, code[-len(other) - 2 :].lower(), other.lower(), autojunk=False).ratio()


def evidence(issue: Mapping[str, Any]) -> list[str]:
    """Lists why an issue's owner is likely: its code, the app's answer, Graph's category and the step it failed at."""
    code, status = issue.get("code"), issue.get("http_status")
    category, step = issue.get("category"), issue.get("step_type")
    card = card_of(code)
    reasons = []
    if code and card:
        reasons.append(f"the code ends in {ending_of(code)}, which is documented as “{card.title.lower()}”")
    elif code:
        reasons.append(f"the code {code} is not documented")
    if status:
        reasons.append(f"the app answered {status:.0f}")
    if category:
        reasons.append(f"Graph's category is {category}")
    if step:
        reasons.append(f"it went wrong at the step {step}")
    if issue.get("attribute"):
        reasons.append(f"the record names the attribute {issue['attribute']}")
    return reasons
