"""Counts what is told of jobs: cycles, runs, quarantines, configuration, and the apps' own logs."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime

from tests.scenarios.files import moment
from tests.scenarios.records import ANYTHING, HOUR, Asked, Records, Rows, floor, grouped
from tests.scenarios.wire import NEVER, Doc


class JobCount(Records):
    """The answers about jobs and requests."""

    # Cycles and what Graph says

    def cycles(self, asked: Asked) -> Rows:
        rows = {}
        for key, events in grouped(self.events, lambda one: (one["job"], one["cycle"])):
            counts = Counter(one["status"] for one in events)
            if self.about(asked, key[0]):
                sizes = len(events), len({one["who"] for one in events})
                rows[key] = (*sizes, *(counts[word] for word in ["success", "failure", "skipped", "warning"]))
        return rows

    def runs(self, job: str) -> dict[datetime, tuple[datetime, str]]:
        """The runs that Graph told of: when each began, ended, and how."""
        last = [one["status"]["lastExecution"] for one in self.statuses if one["id"] == job]
        return {moment(one["timeBegan"]): (moment(one["timeEnded"]), one["state"]) for one in last}

    def cycle_words(self, asked: Asked) -> Rows:
        """When a cycle began and ended, its outcome by the log, and its kind, unknown for a job without status."""
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

    def quarantine_of(self, job: str) -> Doc | None:
        """The quarantine that the newest status of a job tells of."""
        newest = [one["status"]["quarantine"] for one in self.statuses if one["id"] == job]
        return newest[-1] if newest else None

    def never_steady(self, job: str) -> bool:
        """Whether the newest status of a job says that its initial cycle has not ended: nobody counts as in sync."""
        newest = [one["status"]["steadyStateLastAchievedTime"] for one in self.statuses if one["id"] == job]
        return newest[-1:] == [NEVER]

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
                rows[job] = (
                    word,
                    held and moment(held["seriesBegan"]),
                    held and held["reason"],
                    held and held["seriesCount"],
                )
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

    def exchanges_by_status(self, asked: Asked) -> Rows:
        rows = {}
        for key, found in grouped(self.requests_of(asked), lambda one: (one["method"], one["status"])):
            rows[key] = (len(found), moment(found[0]["time"]), moment(found[-1]["time"]))
        return rows

    def requests_by_app(self, asked: Asked) -> Rows:
        return dict(Counter(one["app_id"] for one in self.requests_of(asked)))

    def target_looked_at(self, asked: Asked) -> Rows:
        found = self.requests_of(asked)
        methods = Counter(one["method"] for one in found)
        bad = sum(one["status"] >= 400 for one in found)
        slow = sum(one["status"] == 429 for one in found)
        return {(): (len(found), methods["POST"], methods["GET"], methods["PATCH"], methods["DELETE"], bad, slow)}

    def wire_size(self, asked: Asked) -> Rows:
        rows: dict[datetime, list[int]] = defaultdict(lambda: [0, 0])
        for one in self.within(asked):
            rows[floor(one["at"], HOUR)][0] += 1
        for one in self.requests_of(Asked(asked.since, asked.until, asked.tenant)):
            rows[floor(moment(one["time"]), HOUR)][1] += 1
        return {hour: tuple(sizes) for hour, sizes in rows.items()}
