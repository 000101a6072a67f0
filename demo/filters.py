"""The part of $filter that is documented for provisioning events: eq, gt, lt and contains, joined by and.

Everything else is refused, so that a client which relies on more than is documented fails its tests.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Event = dict[str, Any]

COMPARED = {"activityDateTime", "durationInMilliseconds"}
"Properties that take eq, gt and lt."
TEXTS = {
    *("id", "tenantId", "jobId", "cycleId", "changeId", "provisioningAction", "provisioningStatusInfo/status"),
    *("servicePrincipal/id", "servicePrincipal/displayName", "sourceSystem/displayName", "targetSystem/displayName"),
    *("sourceIdentity/identityType", "sourceIdentity/id", "sourceIdentity/displayName", "initiatedBy/displayName"),
    *("targetIdentity/identityType", "targetIdentity/id", "targetIdentity/displayName"),
}
"Properties that take eq and contains."

CLAUSE = re.compile(
    r"\s*(?:contains\((?P<within>[\w/]+|tolower\([\w/]+\))\s*,\s*'(?P<part>(?:[^']|'')*)'\)"
    r"|(?P<name>[\w/]+)\s+(?P<op>\w+)\s+(?:'(?P<text>(?:[^']|'')*)'|(?P<bare>[^\s']+)))\s*"
)


class FilterError(ValueError):
    """A $filter that is not among the documented ones; the message is Graph's kind of sentence."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed $filter."""

    clauses: tuple[Callable[[Event], bool], ...]
    since: datetime | None
    until: datetime | None

    def passes(self, event: Event) -> bool:
        """Whether an event matches."""
        return all(clause(event) for clause in self.clauses)

    @property
    def hours(self) -> float:
        """Returns how wide the window is; without an end or a beginning it has no limit."""
        if self.since is None or self.until is None:
            return float("inf")
        return (self.until - self.since).total_seconds() / 3600


def read_filter(text: str) -> Filter:
    """Reads a $filter; raises FilterError.

    >>> read_filter("activityDateTime gt 2026-01-05T00:00:00Z and jobId eq 'scim.1'").passes(
    ...     {"activityDateTime": "2026-01-05T00:00:00Z", "jobId": "scim.1"})
    False
    """
    clauses: list[Callable[[Event], bool]] = []
    bounds: dict[str, datetime] = {}
    at = 0
    while text.strip():
        clause = CLAUSE.match(text, at)
        if clause is None:
            raise FilterError(f"Invalid filter clause: {text[at:]!r}.")
        clauses.append(clause_of(clause, bounds))
        at = clause.end()
        if at == len(text):
            break
        if not text.startswith("and ", at):
            raise FilterError(f"Invalid filter clause: 'and' was expected at {text[at:]!r}.")
        at += 4
    return Filter(tuple(clauses), bounds.get("gt"), bounds.get("lt"))


def clause_of(clause: re.Match[str], bounds: dict[str, datetime]) -> Callable[[Event], bool]:
    """Makes one clause, and notes the window's bounds."""
    if clause["within"]:
        return containing(clause["within"], clause["part"].replace("''", "'"))
    name, op, value = clause["name"], clause["op"], clause["text"] if clause["bare"] is None else clause["bare"]
    if name in COMPARED and op in ("eq", "gt", "lt"):
        wanted = comparable(name, value)
        if isinstance(wanted, datetime):
            bounds[op] = wanted
        return compared(name, op, wanted)
    if name in TEXTS and op == "eq":
        text = value.replace("''", "'")
        return lambda event: value_of(event, name) == text
    raise FilterError(f"Invalid filter clause: '{name} {op}' is not supported.")


def containing(name: str, part: str) -> Callable[[Event], bool]:
    """Makes a clause that looks for a part of a text, in lower case where it is asked for."""
    lower = name.startswith("tolower(")
    plain = name.removeprefix("tolower(").removesuffix(")")
    if plain not in TEXTS:
        raise FilterError(f"Invalid filter clause: contains({plain}) is not supported.")
    return lambda event: part in (value_of(event, plain).lower() if lower else value_of(event, plain))


def comparable(name: str, value: str) -> datetime | int:
    """Reads an instant or a number."""
    try:
        return int(value) if name == "durationInMilliseconds" else instant(value)
    except ValueError:
        raise FilterError(f"Invalid filter clause: {value!r} is no value of {name}.") from None


def compared(name: str, op: str, wanted: Any) -> Callable[[Event], bool]:
    """Makes a clause that compares; gt and lt are strict."""

    def value(event: Event) -> Any:
        return event[name] if name == "durationInMilliseconds" else instant(event[name])

    if op == "gt":
        return lambda event: bool(value(event) > wanted)
    if op == "lt":
        return lambda event: bool(value(event) < wanted)
    return lambda event: bool(value(event) == wanted)


def value_of(event: Event, name: str) -> str:
    """Returns a property, or one within another."""
    value: Any = event
    for part in name.split("/"):
        value = (value or {}).get(part)
    return str(value or "")


@lru_cache(maxsize=200_000)
def instant(text: str) -> datetime:
    """Reads an ISO instant; one without a zone is UTC."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
