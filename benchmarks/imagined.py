"""Imagined jobs whose failures rise, leap, level off or heal, for replays that no sample tenant is large enough for."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

BEGAN, CYCLE = datetime(2026, 1, 5), timedelta(minutes=40)
KINDS = ("rising", "accelerating", "leaping", "levelling", "healing", "quiet")


def arriving(rng: random.Random, kind: str) -> Iterator[tuple[int, float]]:
    """Imagines how many objects begin to fail in each cycle, and which share of those that wait is mended in it."""
    first, rate = rng.randrange(8, 30), rng.uniform(2, 14)
    falls, mended_at = rng.uniform(0.7, 0.9), first + rng.randrange(6, 20)
    leap = rng.randrange(60, 500)
    cycle = 0
    while True:
        since, few = cycle - first, poisson(rng, 0.4)
        if since < 0 or kind == "quiet":
            yield few, 0.3
        elif kind == "rising":
            yield few + poisson(rng, rate), 0.0
        elif kind == "accelerating":
            yield few + poisson(rng, min(60.0, rate / 3 * 1.15**since)), 0.0
        elif kind == "leaping":
            yield few + (leap if since == 0 else 0), 0.0
        elif kind == "levelling":
            yield few + poisson(rng, 2 * rate * falls**since), 0.02
        else:
            yield few + (poisson(rng, rate) if cycle < mended_at else 0), 0.9 if cycle == mended_at else 0.0
        cycle += 1


def poisson(rng: random.Random, mean: float) -> int:
    """Draws a Poisson count."""
    drawn, left = -1, mean
    while left >= 0:
        left, drawn = left - rng.expovariate(1.0), drawn + 1
    return drawn


def imagined(seed: int, cycles: int, each: int) -> list[dict[str, Any]]:
    """Returns the events of `each` jobs of every kind, in cycles of forty minutes."""
    rng = random.Random(seed)
    events: list[dict[str, Any]] = []

    def add(job: str, cycle: int, name: str, status: str) -> None:
        at = BEGAN + cycle * CYCLE + timedelta(seconds=rng.randrange(300))
        events.append({
            "event_id": f"{job}-{len(events)}", "job_id": job, "app_name": job, "cycle_id": f"{job}-{cycle}",
            "occurred_at": at, "source_id": name, "status": status, "action": "update", "duration_ms": 100,
            "error_code": "EntryConflict" if status == "failure" else None,
        })  # fmt: skip

    for kind in KINDS:
        for number in range(each):
            job, waits, names = f"{kind}-{number}", list[str](), 0
            for who in range(rng.randrange(60, 1000)):
                add(job, 0, f"fine-{who}", "success")
            for cycle, (more, mended) in zip(range(1, cycles), arriving(rng, kind), strict=False):
                add(job, cycle, "somebody", "success")
                for name in [name for name in waits if rng.random() < mended]:
                    waits.remove(name)
                    add(job, cycle, name, "success")
                for _ in range(more):
                    names += 1
                    waits.append(f"failing-{names}")
                    add(job, cycle, waits[-1], "failure")
    return events
