"""How the stand-in misbehaves: every fault on its own, at every n-th request or at a share of them, from a seed."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Trigger:
    """The requests at which a fault strikes; none by default."""

    every: int = 0
    "At every n-th request that it could strike."
    rate: float = 0.0
    "At this share of them, drawn from the seed."
    times: int | None = None
    "At most so often."
    path: str = ""
    "Only at requests whose path holds this."
    struck: int = 0
    "How often it has."
    seen: int = 0
    "How many requests it could have struck."

    def strikes(self, path: str, rng: random.Random) -> bool:
        """Whether it strikes this request, and counts."""
        if not (self.every or self.rate) or self.path not in path:
            return False
        self.seen += 1
        due = bool(self.every) and self.seen % self.every == 0
        due = due or (bool(self.rate) and rng.random() < self.rate)
        if not due or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class Faults:
    """Every way to misbehave; all but the throttle are off at first."""

    seed: int = 0
    throttle: bool = True
    "Graph's own: 5 requests in 10 seconds for the reports, by app and tenant. Off makes tests fast."
    throttle_requests: int = 5
    throttle_s: float = 10.0
    throttle_says_when: bool = True
    "Whether the throttle's 429 has a Retry-After."

    throttled: Trigger = field(default_factory=Trigger)
    "429 with a Retry-After of `retry_after_s`."
    throttled_silently: Trigger = field(default_factory=Trigger)
    "429 without one."
    retry_after_s: int = 1
    failing: Trigger = field(default_factory=Trigger)
    "500, 503 and 504 by turns."
    tokens_failing: Trigger = field(default_factory=Trigger)
    "503 where tokens are asked for."
    slow: Trigger = field(default_factory=Trigger)
    "An answer that takes `slow_s` seconds."
    slow_s: float = 1.0
    slow_hours: float = 0.0
    "A window of events wider than this many hours always takes `slow_s`; 0 is never."
    dropped: Trigger = field(default_factory=Trigger)
    "The connection is closed in the middle of the body."
    duplicate_page: Trigger = field(default_factory=Trigger)
    "A page comes twice in a row."
    malformed: Trigger = field(default_factory=Trigger)
    "A body that is no JSON."
    truncated: Trigger = field(default_factory=Trigger)
    "A body that ends in the middle of the JSON, in a response that is otherwise whole."

    late: float = 0.0
    "The share of events that are not served until `late_s` after they happened."
    late_s: float = 3600.0
    token_requests: int | None = None
    "After how many requests a token is refused as expired."
    revoked: set[str] = field(default_factory=set)
    "Client ids whose secret is refused as invalid; tokens that are out are refused too."
    expired: set[str] = field(default_factory=set)
    "Client ids whose secret is refused as expired."
    missing: set[str] = field(default_factory=set)
    "Permissions that no token has."
    skew_s: float = 0.0
    "Seconds by which the Date header runs ahead."
    recreated: dict[str, str] = field(default_factory=dict)
    "Jobs that were deleted and made again: the old id, and the new one."
    deleted: set[str] = field(default_factory=set)
    "Service principals that are gone."

    _rng: random.Random | None = None

    def strikes(self, name: str, path: str) -> bool:
        """Whether the fault of this name strikes a request."""
        self._rng = self._rng or random.Random(self.seed)
        trigger: Trigger = getattr(self, name)
        return trigger.strikes(path, self._rng)

    def clear(self) -> None:
        """Ends every fault; the throttle stays as it is."""
        kept = {name: getattr(self, name) for name in names() if name.startswith("throttle_") or name == "throttle"}
        fresh = Faults(seed=self.seed)
        for name in names():
            setattr(self, name, kept.get(name, getattr(fresh, name)))

    def update(self, values: Mapping[str, Any]) -> None:
        """Sets what a JSON object names, such as {"dropped": {"every": 3}, "skew_s": 90}; null ends a fault.

        Raises ValueError with a sentence for what it does not know.
        """
        for name, value in values.items():
            if name not in names():
                raise ValueError(f"{name} is no fault; known are {', '.join(names())}.")
            setattr(self, name, self._value(name, value))

    def _value(self, name: str, value: Any) -> Any:
        """Returns a JSON value as the field has it."""
        present = getattr(self, name)
        if value is None:
            return getattr(Faults(), name)
        if isinstance(present, Trigger):
            keys = [each.name for each in fields(Trigger)]
            if not isinstance(value, dict) or set(value) - set(keys):
                raise ValueError(f"{name} is {value!r}; an object of {', '.join(keys)} was expected.")
            return Trigger(**value)
        if isinstance(present, set):
            return set(value)
        return value

    def document(self) -> dict[str, Any]:
        """Returns every fault as JSON has it."""
        document: dict[str, Any] = {}
        for name in names():
            value = getattr(self, name)
            if isinstance(value, Trigger):
                value = {each.name: getattr(value, each.name) for each in fields(Trigger)}
            document[name] = sorted(value) if isinstance(value, set) else value
        return document


def names() -> list[str]:
    """Returns the names of all that can be set."""
    return [each.name for each in fields(Faults) if not each.name.startswith("_")]
