"""Counts the answers from raw records in plain Python: what is right, by the documentation, without the product.

Every function answers one question of `queries/` for a window, a tenant and a job, as rows: a dictionary from what
names a row to what the row says.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from tests.scenarios.files import moment
from tests.scenarios.wire import Doc

Rows = dict[Any, Any]
ANYTHING = "(anything)"
"What is not counted here, and stands in a row for its column's sake."
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RETRY = re.compile(r"retried (\d+) times\. It will be retried again after this date: (\S+) UTC")


@dataclass(frozen=True)
class Asked:
    """What a question is asked about: a half-open window, a tenant, a job; None is all of them."""

    since: datetime
    until: datetime
    tenant: str | None = None
    job: str | None = None


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

    @property
    def state(self) -> str | None:
        """The state of the identity: failing, then the account, then scope."""
        if self.failures:
            return "failing"
        if self.account in ("disabled", "deleted"):
            return self.account
        return {"in": "in_sync", "out": "skipped", "held": "skipped", None: None}[self.turn]

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
    return any([key for key, value in one.items() if value == "False"] == ["User has the required role"] for one in told)


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
        elif event["status"] == "skipped":
            skip(standing, event)
        else:
            standing.failures, standing.turn, standing.good = [], "in", event["at"]
            standing.account = account_after(standing.account, event)
    assert standing is not None
    return standing


def skip(standing: Standing, event: Doc) -> None:
    """Takes in a skip: equal sides settle a failure, and so does leaving scope unless it is the removal that failed."""
    want = wants(event)
    if want == "nobody":
        standing.failures, standing.turn, standing.good = [], "in", event["at"]
    elif want == "somebody":
        standing.turn = "held"
    else:
        standing.turn = "out"
        if standing.failures and standing.failures[-1]["action"] not in ("disable", "delete"):
            standing.failures = []


def account_after(account: str, event: Doc) -> str:
    """What an export that went well makes of the account."""
    made = {"create": "active", "disable": "disabled", "delete": "deleted"}.get(event["action"])
    if made:
        return made
    active = [one["newValue"] for one in event["changes"] if one["displayName"] == "active"]
    if active:
        return "active" if active[-1] == "True" else "disabled"
    return "active" if account == "unknown" else account


class Count:
    """The answers of one world."""

    def __init__(self, events: list[Doc], statuses: list[Doc], requests: list[Doc]) -> None:
        self.events = sorted(events, key=lambda one: (one["at"], one["id"]))
        self.statuses = sorted(statuses, key=lambda one: one["observedAt"])
        self.requests = sorted(requests, key=lambda one: one["time"])
        self.tenants = {one["job"]: one["tenant"] for one in events}
        self.tenants |= {one["id"]: tenant_in(one["id"]) for one in self.statuses}
        self.apps = {one["id"]: one["servicePrincipal"]["displayName"] for one in self.statuses}
        self.apps |= {one["job"]: one["app"] for one in self.events}
        self.app_ids = {one["id"]: one["servicePrincipal"]["id"] for one in self.statuses}
        self.app_ids |= {one["job"]: one["app_id"] for one in self.events}

    # Who and what is asked about

    def about(self, asked: Asked, job: str) -> bool:
        """Whether a job is asked about."""
        return asked.job in (None, job) and asked.tenant in (None, self.tenants[job])

    def within(self, asked: Asked, *statuses: str) -> list[Doc]:
        """The window's events, of these statuses if any are given."""
        return [
            one for one in self.events
            if asked.since <= one["at"] < asked.until and self.about(asked, one["job"])
            and (not statuses or one["status"] in statuses)
        ]  # fmt: skip

    @cached_property
    def standings(self) -> dict[tuple[str, str], Standing]:
        """How each object stands in each job in the end."""
        by: dict[tuple[str, str], list[Doc]] = defaultdict(list)
        for one in self.events:
            by[one["job"], one["who"]].append(one)
        return {key: follow(events) for key, events in by.items()}

    def all_of(self, asked: Asked) -> Iterator[tuple[str, str, Standing]]:
        """The standings asked about."""
        return ((job, who, one) for (job, who), one in self.standings.items() if self.about(asked, job))

    # Events in a window

    def extent(self, asked: Asked) -> Rows:
        moments = [one["at"] for one in self.events] + [moment(one["time"]) for one in self.requests]
        moments += [moment(one["observedAt"]) for one in self.statuses]
        sizes = len(self.events), len(self.requests), len(self.statuses)
        return {(): (min(moments), max(moments), *sizes)}

    def jobs(self, asked: Asked) -> Rows:
        return {job: (self.apps[job], tenant) for job, tenant in self.tenants.items()}

    def matching_events(self, asked: Asked) -> Rows:
        return {
            (one["job"], one["id"]): (
                one["at"], one["app"], one["upn"] or one["name"], one["action"], one["status"], one["code"],
                reason_of(one) if one["status"] == "skipped" else None, one["steps"][-1]["name"], one["who"],
            )
            for one in self.within(asked)
        }  # fmt: skip

    def top_errors(self, asked: Asked) -> Rows:
        rows = {}
        for code, events in grouped(self.within(asked, "failure"), lambda one: one["code"]):
            still = sum(1 for _, _, one in self.all_of(asked) if one.failures and one.failures[-1]["code"] == code)
            apps = ", ".join(sorted({one["app"] for one in events}))
            objects = len({(one["job"], one["who"]) for one in events})
            rows[code] = (apps, objects, len(events), still, events[0]["at"], events[-1]["at"])
        return rows

    def outcomes_by_action(self, asked: Asked) -> Rows:
        rows = {}
        for key, events in grouped(self.within(asked), lambda one: (one["job"], one["action"])):
            benign = [one for one in events if one["status"] == "skipped" and wants(one) != "somebody"]
            skips = [one for one in events if one["status"] == "skipped"]
            counts = Counter(one["status"] for one in events)
            mean = sum(one["ms"] for one in events) / len(events)
            sizes = counts["success"], counts["failure"], counts["warning"], len(benign), len(skips) - len(benign)
            rows[key] = (*sizes, int(mean + 0.5))
        return rows

    def success_and_noise(self, asked: Asked) -> Rows:
        events = self.within(asked)
        good, bad = (sum(one["status"] == word for one in events) for word in ("success", "failure"))
        skips = Counter(wants(one) for one in events if one["status"] == "skipped")
        pseudo = sum(empty_handed(one) for one in events)
        return {(): (good, bad, skips["nobody"], skips["as intended"], pseudo)}

    def skips_by_reason(self, asked: Asked) -> Rows:
        rows = {}
        for reason, events in grouped(self.within(asked, "skipped"), reason_of):
            objects = len({(one["job"], one["who"]) for one in events})
            rows[reason] = (wants(events[0]) != "somebody", objects, len(events), events[-1]["at"])
        return rows

    def skip_kinds(self, asked: Asked) -> Rows:
        """Skips by whether they need somebody; whoever is assigned without a role needs a right assignment."""
        skips = self.within(asked, "skipped")
        return dict(Counter("somebody" if lacks_role(one) else wants(one) for one in skips))

    def skip_people(self, asked: Asked) -> Rows:
        return dict(Counter((one["job"], one["who"]) for one in self.within(asked, "skipped")))

    def failures_over_time(self, asked: Asked, by: str, bucket: str) -> Rows:
        width = HOUR if bucket == "hour" else DAY
        label = {"code": "code", "app": "app"}

        def key(one: Doc) -> Any:
            return floor(one["at"], width), one[label[by]] if by in label else one["steps"][-1]["name"]

        return dict(Counter(key(one) for one in self.within(asked, "failure")))

    def failures_by_hour(self, asked: Asked) -> Rows:
        tried = self.within(asked, "success", "failure")
        rows = {}
        for key, events in grouped(tried, lambda one: (floor(one["at"], HOUR), one["job"])):
            rows[key] = (len(events), sum(one["status"] == "failure" for one in events))
        return rows

    def daily_success(self, asked: Asked) -> Rows:
        rows = {}
        for job, events in grouped(self.within(asked, "success", "failure"), lambda one: one["job"]):
            bad = [one for one in events if one["status"] == "failure"]
            days = -((asked.since - asked.until) // DAY)
            per_day: list[int | None] = [None] * days
            for one in events:
                day = days - 1 - int((asked.until - one["at"] - timedelta(microseconds=1)) // DAY)
                per_day[day] = (per_day[day] or 0) + (one["status"] == "failure")
            rows[job] = (len(events) - len(bad), len(bad), share(len(events) - len(bad), len(events)), per_day)
        return rows

    def changed_attributes(self, asked: Asked) -> Rows:
        rows: Rows = {}
        seen: dict[Any, list[Any]] = defaultdict(list)
        for one in self.within(asked, "success"):
            for change in one["changes"]:
                if change["oldValue"] != change["newValue"]:
                    seen[one["app"], change["displayName"]].append(((one["job"], one["who"]), change["newValue"]))
        for key, found in seen.items():
            rows[key] = (len(found), len({who for who, _ in found}), sum(new is None for _, new in found))
        return rows

    def issues(self, asked: Asked) -> Rows:
        """People hit in the window, by job and code."""
        return {key: len({one["who"] for one in events}) for key, events in self.problems(asked)}

    def issues_over_time(self, asked: Asked) -> Rows:
        return dict(Counter(floor(one["at"], HOUR) for _, events in self.problems(asked) for one in events))

    def problems(self, asked: Asked) -> list[tuple[Any, list[Doc]]]:
        """What went wrong in the window, by job and code."""
        wrong = [
            one for one in self.within(asked, "failure", "skipped")
            if one["status"] == "failure" or wants(one) == "somebody"
        ]  # fmt: skip
        return grouped(wrong, lambda one: (one["job"], one["code"] or reason_of(one)))

    def scope_funnel(self, asked: Asked) -> Rows:
        last = {(one["job"], one["who"]): one for one in self.within(asked)}
        out = sum(one["status"] in ("success", "warning") and one["action"] != "stagedDelete" for one in last.values())
        return {"seen": len(last), "exported": out} if last else {}

    # How things stand

    def people(self, asked: Asked) -> Rows:
        return {
            (job, who): (
                one.newest["app"], one.newest["upn"] or one.newest["name"], one.newest["name"], one.newest["kind"],
                one.target, one.state, one.attempts, one.failed, share(one.attempts - one.failed, one.attempts),
                one.good, one.newest["at"], one.failures[-1]["code"] if one.failures else None,
            )
            for job, who, one in self.all_of(asked) if one.state
        }  # fmt: skip

    def people_by_state(self, asked: Asked) -> Rows:
        return dict(Counter(one.state for _, _, one in self.all_of(asked) if one.state))

    def placements(self, asked: Asked) -> Rows:
        rows: Rows = {}
        for job, _, one in self.all_of(asked):
            counts = rows.setdefault(job, Counter())
            word = one.state if one.state != "skipped" else "held_back" if one.turn == "held" else "out_of_scope"
            counts[word] += 1
        names = "in_sync failing held_back out_of_scope disabled deleted".split()
        return {job: tuple(counts[name] for name in names) for job, counts in rows.items()}

    def open_escrows(self, asked: Asked) -> Rows:
        names = "opened_at attempts retry_at dropped_at error_code is_reference".split()
        return {(j, w): tuple(one.waits[name] for name in names) for j, w, one in self.all_of(asked) if one.failures}

    def quarantine_waiting(self, asked: Asked) -> Rows:
        return {
            (job, who): (one.failures[-1]["action"] in ("disable", "delete"), one.failures[-1]["action"])
            for job, who, one in self.all_of(asked) if one.failures
        }  # fmt: skip

    def leavers_active(self, asked: Asked) -> Rows:
        return {
            (job, who): one.failures[-1]["action"]
            for job, who, one in self.all_of(asked)
            if one.failures and one.failures[-1]["action"] in ("disable", "delete") and one.newest["kind"] == "User"
        }

    def leaver_cases(self, asked: Asked) -> Rows:
        """The removals that were done."""
        return {
            (one["job"], one["who"], one["action"], one["at"]): "done"
            for one in self.within(asked, "success") if one["action"] in ("disable", "delete") and one["kind"] == "User"
        }  # fmt: skip

    def group_outcomes(self, asked: Asked) -> Rows:
        return {
            (job, who): (one.state, one.attempts, one.failed, one.newest["at"])
            for job, who, one in self.all_of(asked) if one.newest["kind"] == "Group"
        }  # fmt: skip

    def scope_moves(self, asked: Asked) -> Rows:
        """Those whose scope, last in the window, is not what it was before it, or first in it."""
        rows = {}
        for (job, who), events in grouped(self.events, lambda one: (one["job"], one["who"])):
            words = [(one["at"], scope_of(one)) for one in events if self.about(asked, job)]
            words = [(at, word) for at, word in words if word is not None and at < asked.until]
            inside = [word for at, word in words if at >= asked.since]
            before = [word for at, word in words if at < asked.since] or inside
            if inside and before[-1 if before is not inside else 0] != inside[-1]:
                rows[job, who] = "came" if inside[-1] else "left"
        return rows

    # One person, one group

    @cached_property
    def busiest(self) -> str:
        """The object with the most records."""
        return str(Counter(one["who"] for one in self.events).most_common(1)[0][0])

    @cached_property
    def old_name(self) -> str:
        """The first user principal name of whoever was renamed, or of the first of all."""
        people = [one for one in self.events if one["upn"]]
        newest = {(one["job"], one["who"]): one["upn"] for one in people}
        former = [one["upn"] for one in people if newest[one["job"], one["who"]] != one["upn"]]
        return str((former or [one["upn"] for one in people] or [""])[0])

    def once_called(self, asked: Asked) -> Rows:
        """Whoever ever had that name."""
        return {
            (one["job"], one["who"]): True
            for one in self.events if self.about(asked, one["job"]) and self.old_name in (one["upn"] or "")
        }  # fmt: skip

    def people_failures(self, asked: Asked) -> Rows:
        return dict(Counter((one["job"], one["who"]) for one in self.within(asked, "failure")))

    def evidence(self, asked: Asked) -> Rows:
        return {one["id"]: (one["at"], one["status"], one["action"]) for one in self.within(asked)}

    def person_events(self, asked: Asked) -> Rows:
        return {
            (one["job"], one["id"]): (one["at"], one["app"], one["action"], one["status"], one["code"])
            for one in self.events if one["who"] == self.busiest and asked.job in (None, one["job"])
        }  # fmt: skip

    def person_cycles(self, asked: Asked) -> Rows:
        """Their cycles, with the events of everybody in them."""
        rows = {}
        mine = {(one["job"], one["cycle"]) for one in self.events if one["who"] == self.busiest}
        for key, events in grouped(self.events, lambda one: (one["job"], one["cycle"])):
            if key in mine and asked.job in (None, key[0]):
                rows[key] = (len(events), sum(one["status"] == "failure" for one in events))
        return rows

    def person_states(self, asked: Asked) -> Rows:
        return {
            job: (one.state, one.attempts, one.failed, one.good, one.newest["at"], one.target)
            for (job, who), one in self.standings.items() if who == self.busiest and one.state
        }  # fmt: skip

    def person_state_at(self, asked: Asked) -> Rows:
        """The value of each attribute by the last export that went well; a delete empties them all."""
        rows: Rows = {}
        for one in self.events:
            if one["who"] != self.busiest or asked.job not in (None, one["job"]) or one["status"] not in ("success", "warning"):
                continue
            if one["action"] == "delete":
                rows = {key: said for key, said in rows.items() if key[0] != one["job"]}
            for change in one["changes"]:
                rows[one["job"], change["displayName"]] = (change["newValue"], one["at"])
        return rows

    @cached_property
    def fullest(self) -> tuple[str, str]:
        """The job and the group with the most records, or a group that there is none of."""
        groups = Counter((one["job"], one["who"]) for one in self.events if one["kind"] == "Group")
        return groups.most_common(1)[0][0] if groups else (next(iter(self.tenants)), "none")

    def members(self, asked: Asked) -> Rows:
        """Who was added to it, and not taken out again, by events that went well."""
        inside: Rows = {}
        for one in self.events:
            if (one["job"], one["who"]) == self.fullest and one["status"] in ("success", "warning"):
                for change in one["changes"]:
                    if change["displayName"] == "members":
                        inside |= {change["newValue"]: True} if change["newValue"] else {}
                        inside.pop(change["oldValue"], None)
        return inside

    # Cycles and what Graph says

    def cycles(self, asked: Asked) -> Rows:
        rows = {}
        for key, events in grouped(self.events, lambda one: (one["job"], one["cycle"])):
            counts = Counter(one["status"] for one in events)
            if self.about(asked, key[0]):
                sizes = len(events), len({one["who"] for one in events})
                rows[key] = (*sizes, *(counts[word] for word in "success failure skipped warning".split()))
        return rows

    def runs(self, job: str) -> dict[datetime, tuple[datetime, str]]:
        """The runs that Graph told of: when each began, ended, and how."""
        last = [one["status"]["lastExecution"] for one in self.statuses if one["id"] == job]
        return {moment(one["timeBegan"]): (moment(one["timeEnded"]), one["state"]) for one in last}

    def cycle_words(self, asked: Asked) -> Rows:
        """When a cycle began and ended, its outcome by the log, and its kind, which is known of no job without status."""
        rows = {}
        for (job, cycle), events in grouped(self.events, lambda one: (one["job"], one["cycle"])):
            if not self.about(asked, job):
                continue
            first, last = events[0]["at"], events[-1]["at"]
            told = [(b, e) for b, (e, _) in self.runs(job).items() if b <= last and first <= e]
            began, ended = told[0] if told else (first, last)
            wrote = any(one["status"] in ("success", "warning") for one in events)
            failed = any(one["status"] == "failure" for one in events)
            outcome = "errors" if failed else "succeeded" if wrote else "nothing_to_do"
            rows[job, cycle] = (began, ended, outcome, ANYTHING if self.runs(job) else None)
        return rows

    def idle_runs(self, asked: Asked) -> Rows:
        """The runs that Graph told of and that left no event."""
        rows = {}
        for job in self.tenants:
            moments = [one["at"] for one in self.events if one["job"] == job]
            for began, (ended, _) in self.runs(job).items():
                if self.about(asked, job) and not any(began <= at <= ended for at in moments):
                    rows[job, began] = ended
        return rows

    def fleet(self, asked: Asked) -> Rows:
        rows = {}
        for job in self.tenants:
            if self.about(asked, job):
                waiting = sum(1 for (of, _), one in self.standings.items() if of == job and one.failures)
                newest = [one for one in self.statuses if one["id"] == job]
                held = bool(newest) and newest[-1]["status"]["code"] == "Quarantine"
                cause = newest[-1]["status"]["quarantine"]["reason"] if held else None
                rows[job] = (self.apps[job], waiting, held, cause)
        return rows

    def series(self, asked: Asked) -> Iterator[tuple[str, list[Doc], datetime | None]]:
        """The quarantines of each job: their statuses, and when one first said that it was over."""
        for job, statuses in grouped(self.statuses, lambda one: one["id"]):
            if not self.about(asked, job):
                continue
            held: list[Doc] = []
            for one in [*statuses, None]:
                if one and one["status"]["quarantine"]:
                    held.append(one)
                elif held:
                    yield job, held, moment(one["observedAt"]) if one else None
                    held = []

    def quarantine_history(self, asked: Asked) -> Rows:
        """Each reason of each quarantine: when it was first seen, by Graph's own date for the first, and until when."""
        rows: Rows = {}
        for job, held, end in self.series(asked):
            parts = [(one["status"]["quarantine"], moment(one["observedAt"])) for one in held]
            turns = [i for i, (one, _) in enumerate(parts) if i == 0 or one["reason"] != parts[i - 1][0]["reason"]]
            for this, after in zip(turns, [*turns[1:], None], strict=True):
                quarantine, seen = parts[this]
                opened = moment(quarantine["seriesBegan"]) if this == 0 else seen
                rows[job, opened] = (quarantine["reason"], end if after is None else parts[after][1])
        return rows

    def quarantine_states(self, asked: Asked) -> Rows:
        rows = {}
        for job in self.tenants:
            told = [one for one in self.statuses if one["id"] == job and moment(one["observedAt"]) <= asked.until]
            newest = [one["status"] for one in told][-1:]
            held = newest[0]["quarantine"] if newest else None
            word = "quarantined" if held else "healthy" if newest else "unknown"
            if self.about(asked, job):
                rows[job] = (word, held and moment(held["seriesBegan"]), held and held["reason"], held and held["seriesCount"])
        return rows

    def connections(self, asked: Asked) -> Rows:
        rows = {}
        for job in self.tenants:
            told = [one for one in self.statuses if one["id"] == job]
            threshold = int(told[-1]["synchronizationJobSettings"][0]["value"]) if told else None
            known = ("Active", 2400, threshold, moment(told[-1]["observedAt"])) if told else (None,) * 4
            if self.about(asked, job):
                rows[job] = (self.apps[job], self.tenants[job], *known)
        return rows

    # The app's own log

    def heard(self, asked: Asked) -> list[Doc]:
        """The window's requests, of the app of the job asked about."""
        mine = {self.app_ids[job] for job in self.tenants if self.about(asked, job)}
        return [
            one for one in self.requests
            if asked.since <= moment(one["time"]) < asked.until and one["app_id"] in mine
        ]  # fmt: skip

    def exchanges_by_status(self, asked: Asked) -> Rows:
        rows = {}
        for key, found in grouped(self.heard(asked), lambda one: (one["method"], one["status"])):
            rows[key] = (len(found), moment(found[0]["time"]), moment(found[-1]["time"]))
        return rows

    def requests_by_app(self, asked: Asked) -> Rows:
        return dict(Counter(one["app_id"] for one in self.heard(asked)))

    def target_looked_at(self, asked: Asked) -> Rows:
        found = self.heard(asked)
        methods = Counter(one["method"] for one in found)
        bad = sum(one["status"] >= 400 for one in found)
        slow = sum(one["status"] == 429 for one in found)
        return {(): (len(found), methods["POST"], methods["GET"], methods["PATCH"], methods["DELETE"], bad, slow)}

    def wire_size(self, asked: Asked) -> Rows:
        rows: dict[datetime, list[int]] = defaultdict(lambda: [0, 0])
        for one in self.within(asked):
            rows[floor(one["at"], HOUR)][0] += 1
        for one in self.heard(Asked(asked.since, asked.until, asked.tenant)):
            rows[floor(moment(one["time"]), HOUR)][1] += 1
        return {hour: tuple(sizes) for hour, sizes in rows.items()}


def tenant_in(job_id: str) -> str:
    """The tenant that a job's id names."""
    letters = job_id.split(".")[1]
    return "-".join((letters[:8], letters[8:12], letters[12:16], letters[16:20], letters[20:]))


def grouped(things: Iterable[Doc], key: Any) -> list[tuple[Any, list[Doc]]]:
    """Groups records, which keep their order."""
    groups: dict[Any, list[Doc]] = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return list(groups.items())


def floor(at: datetime, width: timedelta) -> datetime:
    """The hour or the day of an instant."""
    return at - (at - datetime(2000, 1, 1)) % width


def share(part: int, whole: int) -> float | None:
    """A share, or None of nothing."""
    return round(part / whole, 6) if whole else None
