"""What every count begins with: the raw records of a world, who and what is asked about, and groups of records."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from tests.scenarios.files import moment
from tests.scenarios.standing import Standing, follow
from tests.scenarios.wire import Doc

Rows = dict[Any, Any]
ANYTHING = "(anything)"
"What is not counted here, and stands in a row for its column's sake."
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """What a question is asked about: a half-open window, a tenant, a job; None is all of them."""

    since: datetime
    until: datetime
    tenant: str | None = None
    job: str | None = None


class Records:
    """The records of one world."""

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

    def requests_of(self, asked: Asked) -> list[Doc]:
        """The window's requests, of the app of the job asked about."""
        mine = {self.app_ids[job] for job in self.tenants if self.about(asked, job)}
        return [
            one for one in self.requests
            if asked.since <= moment(one["time"]) < asked.until and one["app_id"] in mine
        ]  # fmt: skip


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
