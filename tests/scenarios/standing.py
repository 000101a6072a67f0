"""How one object stands in one job, by its records in their order: account, scope, what is open."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.scenarios.files import moment
from tests.scenarios.wire import Doc

RETRY = re.compile(r"retried (\d+) times\. It will be retried again after this date: (\S+) UTC")


@dataclass
class Standing:
    """How one object stands in one job, by its records."""

    newest: Doc
    account: str = "unknown"
    turn: str | None = None
    "What the last deciding record said: in, out (of scope) or held (back); None where none decided."
    failures: list[Doc] = field(default_factory=list)
    "The failures of the attempt that is open."
    good: datetime | None = None
    attempts: int = 0
    failed: int = 0
    target: str | None = None
    gone: bool = False
    "Whether the account was taken away, and nothing has shown it in use since."

    @property
    def state(self) -> str:
        """The state of the identity: failing, then the account, then scope; unknown where no record decides it."""
        if self.failures:
            return "failing"
        if self.account in ("disabled", "deleted"):
            return self.account
        return {"in": "in_sync", "out": "skipped", "held": "skipped", None: "unknown"}[self.turn]

    @property
    def waits(self) -> Doc:
        """The pending retry: since when, how often, until when."""
        first, last = self.failures[0], self.failures[-1]
        created = [step["details"]["CreationTime"] for step in first["steps"] if "CreationTime" in step["details"]]
        opened = moment(created[0]) if created else first["at"]
        told = RETRY.search(last["reason"])
        return {
            "opened_at": opened, "attempts": max(int(told[1]) + 1 if told else 0, len(self.failures)),
            "retry_at": moment(told[2]) if told else None, "dropped_at": opened + timedelta(days=28),
            "error_code": last["code"], "is_reference": "Reference" in last["code"],
        }  # fmt: skip


def reason_of(event: Doc) -> str | None:
    """The reason of a skip; `out of scope` where only the scoping step tells."""
    told = event["steps"][-1]["details"].get("SkipReason")
    return told or ("out of scope" if scope_of(event) is False else None)


def scope_of(event: Doc) -> bool | None:
    """Whether the object was in scope, by Graph's own four questions."""
    for step in event["steps"]:
        answers = [value for key, value in step["details"].items() if key != "ScopeEvaluationResult"]
        if step["type"] == "scoping" and answers:
            return "False" not in answers
    return None


def lacks_role(event: Doc) -> bool:
    """Whether Graph says of the four that the role alone is missing."""
    told = [step["details"] for step in event["steps"] if step["type"] == "scoping"]
    return any(
        [key for key, value in one.items() if value == "False"] == ["User has the required role"] for one in told
    )


def wants(event: Doc) -> str:
    """Whether a skip needs somebody."""
    reason = reason_of(event)
    if reason == "RedundantExport":
        return "nobody"
    return "as intended" if reason in ("NotEffectivelyEntitled", "out of scope") else "somebody"


def empty_handed(event: Doc) -> bool:
    """Whether an update altered nothing."""
    same = all(one["oldValue"] == one["newValue"] for one in event["changes"])
    return event["action"] == "update" and event["status"] == "success" and same


def follow(events: Iterable[Doc]) -> Standing:
    """Goes through one object's records in their order."""
    standing: Standing | None = None
    for event in sorted(events, key=lambda one: one["at"]):
        standing = standing or Standing(event)
        standing.newest = event
        standing.target = event["target"] or standing.target
        standing.attempts += event["status"] in ("success", "failure")
        standing.failed += event["status"] == "failure"
        if event["action"] == "stagedDelete":
            standing.good = event["at"] if event["status"] == "success" else standing.good
            continue
        if event["status"] == "failure":
            standing.failures.append(event)
            if event["action"] == "create" and standing.account in ("unknown", "deleted"):
                standing.account = "absent"
        elif event["status"] == "skipped":
            skip(standing, event)
        else:
            standing.failures, standing.turn, standing.good = [], "in", event["at"]
            standing.account = account_after(standing.account, event)
            standing.gone = event["action"] in ("disable", "delete")
    assert standing is not None
    return standing


def skip(standing: Standing, event: Doc) -> None:
    """Takes in a skip: equal sides settle a failure, and so does leaving scope unless a removal failed."""
    want = wants(event)
    if want == "nobody":
        standing.failures, standing.turn, standing.good = [], "in", event["at"]
        standing.gone = scope_of(event) is False
        if standing.account == "unknown" and scope_of(event):
            standing.account = "active"
    elif want == "somebody":
        standing.turn = "held"
    else:
        standing.turn = "out"
        if not any(one["action"] in ("disable", "delete") for one in standing.failures):
            standing.failures = []


def joins(event: Doc) -> bool:
    """Whether an account was to be made, well or not."""
    return event["action"] == "create" and event["status"] != "skipped"


def account_after(account: str, event: Doc) -> str:
    """What an export that went well makes of the account."""
    made = {"create": "active", "disable": "disabled", "delete": "deleted"}.get(event["action"])
    if made:
        return made
    active = [one["newValue"] for one in event["changes"] if one["displayName"] == "active"]
    if active:
        return "active" if active[-1] == "True" else "disabled"
    return "active" if account in ("unknown", "absent") else account
