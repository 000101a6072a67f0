"""Imagined initial and restarted cycles of jobs without a past cycle of that kind, as long as Microsoft documents them.

Between 0.01 and 0.08 minutes for each assigned object in four of five cycles, 15 minutes to 4 hours in all. Reading
comes first and takes a part of the time that differs; the number of pages may grow while it lasts; the app throttles
now and then; some of those who are assigned never come in the log.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

BEGAN = datetime(2026, 1, 5)
NOW = BEGAN + timedelta(days=6)
"When all of them are looked at, each in another part of its time."
POLL = 300
BASES = ("assigned", "pages", "pace")
"What a job's statuses give: assigned objects (and pages), pages alone, or neither."


@dataclass(frozen=True)
class InitialCycle:
    """A whole cycle as it truly was, in seconds from its beginning."""

    job: str
    kind: str
    basis: str
    length: float
    assigned: int
    exports: tuple[float, ...]
    "When each object's first event happened."
    reading: float
    "Seconds before the first export."
    pages: int
    known_first: float
    "The share of its pages that is known when it begins; the others are found while reading."
    has_pages: bool
    begin_known: bool
    "Whether the statuses say when it began; else it is known since its first pages or its first event."
    first_poll: float
    "Seconds from its beginning to the first status."

    @property
    def start(self) -> float:
        """Returns when it was first seen to run."""
        if self.begin_known:
            return 0.0
        return min(self.first_poll, self.exports[0]) if self.has_pages else self.exports[0]

    def total(self, at: float) -> int:
        """Returns the pages known so far."""
        found = min(1.0, at / self.reading)
        return max(1, round(self.pages * (self.known_first + (1 - self.known_first) * found)))

    def done(self, at: float) -> int:
        """Returns the pages done: half of them while reading, the others with the exports."""
        read = min(1.0, at / self.reading) * self.pages / 2
        written = bisect_right(self.exports, at) / len(self.exports) * self.pages / 2
        return min(self.total(at), int(read + written))


def initial_cycle(rng: random.Random, job: str, kind: str, basis: str) -> InitialCycle:
    """Imagines one cycle."""
    assigned = min(20_000, max(150, round(2_100 * math.exp(rng.gauss(0, 0.72)))))
    length = 60 * assigned * math.sqrt(0.01 * 0.08) * math.exp(rng.gauss(0, 0.81))
    logged = max(10, round(assigned * rng.uniform(0.88, 1.02)))
    reading = rng.uniform(0.08, 0.4)
    throttled_from, throttled_to = (rng.random(), rng.uniform(0.1, 0.4)) if rng.random() < 0.4 else (2.0, 0.0)
    slower, drift, work, clock = rng.uniform(2, 4), 0.0, [], 0.0
    for number in range(logged):
        drift = 0.995 * drift + rng.gauss(0, 0.03)
        slow = slower if throttled_from <= number / logged <= throttled_from + throttled_to else 1.0
        clock += slow * math.exp(drift + rng.gauss(0, 0.7))
        work.append(clock)
    writing = length * (1 - reading) * rng.uniform(0.93, 0.995)
    exports = tuple(length * reading + writing * each / clock for each in work)
    pages = max(6, math.ceil(assigned / rng.choice([20, 50, 100])))
    known_first = 1.0 if rng.random() < 0.5 else rng.uniform(0.4, 0.9)
    has_pages = basis == "pages" or (basis == "assigned" and rng.random() < 0.7)
    return InitialCycle(
        job=job,
        kind=kind,
        basis=basis,
        length=length,
        assigned=assigned,
        exports=exports,
        reading=length * reading,
        pages=pages,
        known_first=known_first,
        has_pages=has_pages,
        begin_known=rng.random() < 0.5,
        first_poll=rng.uniform(0, POLL),
    )


def initial_cycles(rng: random.Random, each: int) -> Iterator[InitialCycle]:
    """Imagines as many cycles of each kind and basis."""
    for kind in ("initial", "restarted"):
        for basis in BASES:
            for number in range(each):
                yield initial_cycle(rng, f"{kind}-{basis}-{number}", kind, basis)


def logged(cycle: InitialCycle, passed: float) -> Iterator[tuple[str, str, datetime, str]]:
    """Returns the cycle's events until now: job, cycle, instant and object.

    Where objects are not counted, one event in twenty does: only the first and the newest say anything.
    """
    began = NOW - timedelta(seconds=passed)
    for number in range(0, bisect_right(cycle.exports, passed), 1 if cycle.basis == "assigned" else 20):
        yield cycle.job, f"{cycle.job}-now", began + timedelta(seconds=int(cycle.exports[number])), f"object-{number}"


def statuses(cycle: InitialCycle, passed: float) -> Iterator[dict[str, Any]]:
    """Returns what Graph says of the job every five minutes, from an hour before its cycle until now."""
    began = NOW - timedelta(seconds=passed)
    ended = None if cycle.kind == "initial" and cycle.basis != "assigned" else began - timedelta(minutes=70)
    steady = BEGAN if cycle.kind == "restarted" else None
    at = cycle.first_poll - 12 * POLL
    while at <= passed:
        running = at >= 0
        pages = running and cycle.has_pages
        yield {
            "snapshot_id": f"{cycle.job}-{at}",
            "job_id": cycle.job,
            "app_name": cycle.job,
            "observed_at": began + timedelta(seconds=at),
            "state": "Active" if ended else "NotRun",
            "interval_s": 2400,
            "last_began_at": began if running and cycle.begin_known else ended and ended - timedelta(minutes=1),
            "last_ended_at": ended,
            "entitled": cycle.assigned if cycle.basis == "assigned" else None,
            "steady_since": None if running else steady,
            "completed_units": cycle.done(at) if pages else None,
            "total_units": cycle.total(at) if pages else None,
        }
        at += POLL


def curves(cycles: list[InitialCycle]) -> dict[str, list[list[float]]]:
    """Fits the lists of knots of pipeline/model/estimates.sql: which part of its time a cycle had used when a tenth,
    two tenths … of its pages or objects were done, in the slowest tenth, the middle and the fastest tenth of cycles.

    Of nearly all pages or objects the slowest are more: a cycle cannot have used more than all of its time.
    """
    shares = [knot / 10 for knot in range(11)]
    pages = [[pages_at(cycle, max(share, 0.01)) for cycle in cycles if cycle.has_pages] for share in shares]
    objects = [[objects_at(cycle, share) for cycle in cycles] for share in shares]
    return {name: knots(parts) for name, parts in (("pages", pages), ("objects", objects))}


def knots(parts: list[list[float]]) -> list[list[float]]:
    """Returns the low, the middle and the high quantile of each knot."""
    levels = [(0.095, 0.5, 0.905)] * 9 + [(0.15, 0.5, 0.88)] * 2
    return [
        [sorted(part)[round(level[place] * (len(part) - 1))] for part, level in zip(parts, levels, strict=True)]
        for place in range(3)
    ]


def pages_at(cycle: InitialCycle, share: float) -> float:
    """Returns the part of its time, from when it was seen to run, after which this share of its pages is done."""
    steps = (number * cycle.length / 400 for number in range(1, 401))
    at = next((at for at in steps if cycle.done(at) >= share * cycle.total(at)), cycle.length)
    return max(0.0, at - cycle.start) / (cycle.length - cycle.start)


def objects_at(cycle: InitialCycle, share: float) -> float:
    """Returns the part of its time, from its first event, after which this share of its objects has an event."""
    number = max(1, math.ceil(share * cycle.assigned))
    at = cycle.exports[number - 1] if number <= len(cycle.exports) else cycle.length
    return (at - cycle.exports[0]) / (cycle.length - cycle.exports[0])
