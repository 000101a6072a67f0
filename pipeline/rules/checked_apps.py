"""Which apps a rule could check at one run, and the rule's state by that: one definition for pages, verdict and mails.

An app is *unchecked* where data that the rule needs is missing, or the rule cannot tell of it. It is *unwatched* where
there is nothing that the rule could check: no expiry of its token was entered, it has no SCIM log, or too little
history to compare with. The first is a gap; the second is not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.config.wording import within
from pipeline.rules.findings import Finding
from pipeline.rules.needs import Extents
from pipeline.rules.rule import Rule


@dataclass
class CheckedApps:
    """Which apps a rule had to check at one run, and of which it could not."""

    apps: set[str] = field(default_factory=set)
    unchecked: set[str] = field(default_factory=set)
    "Apps of which data is missing."
    unwatched: set[str] = field(default_factory=set)
    "Apps, or other subjects, that have nothing to check."
    missing: set[str] = field(default_factory=set)
    "What is missing of the unchecked, each in a sentence."
    absent: set[str] = field(default_factory=set)
    "Why there is nothing to check, each in a sentence."


def checked_apps(rule: Rule, data: Extents, unjudged: Iterable[Finding]) -> CheckedApps:
    """Returns which apps a rule could check, by what it needs and by its own account."""
    checked, rows = CheckedApps(), list(unjudged)
    if rule.is_of_apps:
        for app, gaps in data.gaps_by_app(rule.needs).items():
            checked.apps.add(app)
            lacking = [gap for gap in gaps if not gap.is_absent]
            (checked.unchecked if lacking else checked.unwatched).update([app] if gaps else [])
            checked.missing |= {gap.sentence for gap in lacking}
            checked.absent |= {gap.sentence for gap in gaps if gap.is_absent}
    for one in rows:
        names = {one.app_name} if one.app_name else data.apps_of_tenant(one.subject) if rule.needs else {one.subject}
        checked.apps |= names if one.app_name else set()
        (checked.unwatched if one.is_absent else checked.unchecked).update(names)
        sentence = f"{one.app_name or one.subject}: {within(str(one.unknown))}"
        (checked.absent if one.is_absent else checked.missing).add(sentence)
    checked.unwatched -= checked.unchecked
    return checked


def rule_state(outcome: str, apps: int | None, unchecked: int | None, unwatched: int | None) -> str:
    """Returns the word of a rule's state at its last run; it is OK only of what was checked.

    >>> [rule_state("ok", 3, 0, 0), rule_state("unknown", 3, 1, 1), rule_state("unknown", 3, 0, 3)]
    ['not firing', 'partly run', 'nothing to check']
    """
    if outcome in ("found", "failed"):
        return {"found": "firing", "failed": "rule failed"}[outcome]
    if outcome not in ("ok", "unknown"):
        return "never run"
    lacking, absent = unchecked or 0, unwatched or 0
    if outcome == "unknown" and not lacking and not absent:
        return "not run"
    if lacking + absent < (apps or 0):
        return "partly run" if lacking or absent else "not firing"
    return "not run" if lacking else "nothing to check" if absent else "not firing"


def is_unchecked(outcome: str, unchecked: int | None, unwatched: int | None) -> bool:
    """Whether a rule could not check every app at its last run, for want of data; firing or not."""
    return bool(unchecked) or (outcome == "unknown" and not unwatched)


def has_nothing_to_check(outcome: str, unchecked: int | None, unwatched: int | None) -> bool:
    """Whether a rule gave no answer only since there was nothing to check."""
    return outcome == "unknown" and not is_unchecked(outcome, unchecked, unwatched)
