"""Counts the answers from raw records in plain Python: what is right, by the documentation, without the product.

Every function answers one question of `queries/` for a window, a tenant and a job, as rows: a dictionary from what
names a row to what the row says.
"""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from tests.scenarios.files import moment
from tests.scenarios.job_count import JobCount
from tests.scenarios.records import ANYTHING, DAY, HOUR, Asked, Rows, floor, grouped, share
from tests.scenarios.standing import empty_handed, joins, lacks_role, reason_of, scope_of, wants
from tests.scenarios.wire import Doc

__all__ = ["ANYTHING", "Asked", "Count", "Rows"]


class Count(JobCount):
    """The answers of one world: those about jobs, and these about events, people and groups."""

    # Events in a window

    def extent(self, _: Asked) -> Rows:
        moments = [one["at"] for one in self.events] + [moment(one["time"]) for one in self.requests]
        moments += [moment(one["observedAt"]) for one in self.statuses]
        sizes = len(self.events), len(self.requests), len(self.statuses)
        return {(): (min(moments), max(moments), *sizes)}

    def jobs(self, _: Asked) -> Rows:
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
            for job, who, one in self.all_of(asked)
        }  # fmt: skip

    def people_by_state(self, asked: Asked) -> Rows:
        return dict(Counter(one.state for _, _, one in self.all_of(asked)))

    def placements(self, asked: Asked) -> Rows:
        rows: Rows = {}
        for job, _, one in self.all_of(asked):
            counts = rows.setdefault(job, Counter())
            word = one.state if one.state != "skipped" else "held_back" if one.turn == "held" else "out_of_scope"
            counts[word] += 1
        names = ["in_sync", "failing", "held_back", "out_of_scope", "disabled", "deleted"]
        return {
            job: tuple(None if name == "in_sync" and self.never_steady(job) else counts[name] for name in names)
            for job, counts in rows.items()
        }

    def open_escrows(self, asked: Asked) -> Rows:
        """The pending retries; none is promised before a quarantine's next attempt."""
        names = ("opened_at", "attempts", "retry_at", "dropped_at", "error_code", "is_reference")
        rows: Rows = {}
        for job, who, one in self.all_of(asked):
            if one.failures:
                held, waits = self.quarantine_of(job), one.waits
                if held and waits["retry_at"]:
                    waits["retry_at"] = max(waits["retry_at"], moment(held["nextAttempt"]))
                rows[job, who] = tuple(waits[name] for name in names)
        return rows

    def quarantine_waiting(self, asked: Asked) -> Rows:
        return {
            (job, who): (
                one.failures[-1]["action"] in ("disable", "delete") and not one.gone, one.failures[-1]["action"],
            )
            for job, who, one in self.all_of(asked) if one.failures
        }  # fmt: skip

    def leavers_active(self, asked: Asked) -> Rows:
        return {
            (job, who): one.failures[-1]["action"]
            for job, who, one in self.all_of(asked)
            if one.failures
            and one.failures[-1]["action"] in ("disable", "delete")
            and one.newest["kind"] == "User"
            and not one.gone
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
        """Those whose scope, last in the window, is not what it was before it, or first in it.

        Whose first record of all is of an account to be made, after the job's first known cycle, came too.
        """
        rows = {}
        firsts = {job: events[0]["cycle"] for job, events in grouped(self.events, lambda one: one["job"])}
        for (job, who), events in grouped(self.events, lambda one: (one["job"], one["who"])):
            told = [(one["at"], scope_of(one)) for one in events if self.about(asked, job) and one["at"] < asked.until]
            words = [(at, word) for at, word in told if word is not None]
            inside = [word for at, word in words if at >= asked.since]
            before = [word for at, word in words if at < asked.since][-1:] or inside[:1]
            first = events[0]
            joined = first["at"] >= asked.since and joins(first) and first["cycle"] != firsts[job]
            if inside and (before != inside[-1:] or (joined and inside[-1])):
                rows[job, who] = "came" if inside[-1] else "left"
        return rows

    def identities(self, _: Asked) -> Rows:
        """The account of everybody, and whether they are in scope, by the newest record that shows it."""
        rows: Rows = {}
        for (job, who), events in grouped(self.events, lambda one: (one["job"], one["who"])):
            words = [word for word in map(scope_of, events) if word is not None]
            rows[job, who] = (self.standings[job, who].account, words[-1] if words else None)
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

    def person_states(self, _: Asked) -> Rows:
        return {
            job: (one.state, one.attempts, one.failed, one.good, one.newest["at"], one.target)
            for (job, who), one in self.standings.items() if who == self.busiest
        }  # fmt: skip

    def person_state_at(self, asked: Asked) -> Rows:
        """The value of each attribute by the last export that went well; a delete empties them all."""
        rows: Rows = {}
        for one in self.events:
            if (
                one["who"] != self.busiest
                or asked.job not in (None, one["job"])
                or one["status"] not in ("success", "warning")
            ):
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

    def members(self, _: Asked) -> Rows:
        """Who was added to it, and not taken out again, by events and requests that went well."""
        inside: Rows = {}
        for _, added, removed in sorted([*self.told_members(), *self.sent_members()], key=lambda one: one[0]):
            inside |= {added: True} if added else {}
            inside.pop(removed, None)
        return inside

    def told_members(self) -> list[tuple[datetime, str | None, str | None]]:
        """When the group's events added or removed whom."""
        return [
            (one["at"], change["newValue"], change["oldValue"])
            for one in self.events
            if (one["job"], one["who"]) == self.fullest and one["status"] in ("success", "warning")
            for change in one["changes"]
            if change["displayName"] == "members"
        ]

    def sent_members(self) -> list[tuple[datetime, str | None, str | None]]:
        """When the group's requests added or removed whom: some have no event in the files. Accounts of nobody do not
        count."""
        accounts = {one["target"]: one["who"] for one in self.events if one["target"]}
        group = [one["target"] for one in self.events if (one["job"], one["who"]) == self.fullest and one["target"]]
        found: list[tuple[datetime, str | None, str | None]] = []
        for one in self.requests:
            if one["method"] == "PATCH" and one["status"] < 300 and one["path"].split("/")[-1] in group:
                for operation in one["request_body"]["Operations"]:
                    who = accounts.get(operation["value"][0]["value"]) if operation["path"] == "members" else None
                    added = operation["op"] == "Add"
                    found.append((moment(one["time"]), who if added else None, None if added else who))
        return found
