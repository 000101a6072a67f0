"""Does the forecast of a quarantine come in time, and how often for nothing?

Run: python benchmarks/forecast.py [--seeds 3] [--cycles 72]. Two replays, each beside a naive forecast from the same
answers: the last two cycles drawn on in a straight line.

1. The sample tenant and two others from the same generator, by the backtest that the command line has: Microsoft's own
   limits, and the quarantines that really came, all of which are credentials. None of these tenants has 5,000 objects.
2. The same three tenants and imagined ones whose failures rise, leap, level off or heal, with the limits a hundred or
   more times smaller; a crossing of these is what a quarantine would have been.
"""

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
from imagined import BEGAN, CYCLE, KINDS, imagined  # noqa: E402

from pipeline.config.settings import read_settings  # noqa: E402
from pipeline.ingest.aggregates import add_to_aggregates  # noqa: E402
from pipeline.ingest.files import ingest  # noqa: E402
from pipeline.rules.backtest import Backtest, backtest  # noqa: E402
from pipeline.rules.rule import find_rule  # noqa: E402
from pipeline.sample import write_tenant  # noqa: E402
from pipeline.store.lake import Store, open_store  # noqa: E402
from pipeline.store.migrate import build_schema  # noqa: E402

STEP = timedelta(hours=4)
OTHERS = (11, 23)
"Seeds of the other two tenants; the committed one has 7."
USERS, DAYS = 80, 14
SMALL = {"least": 50, "part": 0.4, "most": 400, "altogether": 600}
"Microsoft's limits, a hundred times smaller, for imagined jobs."
OPENS, CLOSES = 3, 5
"Cycles left at which queries/health/quarantine_ahead.sql opens and closes."
RULES = ("quarantine_ahead", "failing_runs", "token_refused", "mass_leavers")
ASKED = """
select job_id, measure, reached, at_most, cycles_left, cycles_least, cycles_most
from headrooms($at::timestamp, least := $least, part := $part, most := $most, altogether := $altogether)
"""


@dataclass
class Watch:
    """One job under one way of forecasting: its alarm, and how each ended."""

    opened_at: datetime | None = None
    leads: list[timedelta] = field(default_factory=list)
    missed: int = 0
    false: int = 0
    crossed: bool = False

    def turn(self, at: datetime, left: float, crossed: bool) -> None:
        """Takes in one asking: how many cycles are left, as forecast, and whether the limit is crossed by now."""
        if crossed and not self.crossed:
            if self.opened_at is None:
                self.missed += 1
            else:
                self.leads.append(at - self.opened_at)
            self.opened_at = None
        elif not crossed:
            if self.opened_at is None and left <= OPENS:
                self.opened_at = at
            elif self.opened_at is not None and left > CLOSES:
                self.false += 1
                self.opened_at = None
        self.crossed = crossed


@dataclass
class Score:
    """What a replay gave one way of forecasting, over several jobs."""

    watches: list[Watch] = field(default_factory=list)
    weeks: float = 0.0

    def row(self) -> str:
        """Returns caught of all, the lead times and the false alarms, for a table."""
        leads = [lead for watch in self.watches for lead in watch.leads]
        every = len(leads) + sum(watch.missed for watch in self.watches)
        false = sum(watch.false for watch in self.watches)
        return f"{len(leads)} of {every} | {lead_of(leads)} | {false} | {false / max(self.weeks, 1e-9):.2f}"


def lead_of(leads: list[timedelta]) -> str:
    """Writes the median and the shortest lead, in hours."""
    hours = sorted(lead / timedelta(hours=1) for lead in leads)
    return f"{median(hours):.1f} h | {hours[0]:.1f} h" if hours else "– | –"


@dataclass
class Replay:
    """Both forecasts on the same askings."""

    ours: dict[str, Watch] = field(default_factory=lambda: defaultdict(Watch))
    naive: dict[str, Watch] = field(default_factory=lambda: defaultdict(Watch))
    before: dict[tuple[str, str], int] = field(default_factory=dict)
    asked: int = 0

    def turn(self, at: datetime, rows: list[tuple[Any, ...]]) -> None:
        """Takes in the answer at one instant: a row for each job and limit."""
        self.asked += 1
        jobs: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
        for job, measure, reached, at_most, left, *_ in rows:
            slope = reached - self.before.get((job, measure), reached)
            self.before[job, measure] = reached
            straight = math.ceil((at_most - reached) / slope) if slope > 0 else math.inf
            jobs[job].append((math.inf if left is None else left, straight, reached >= at_most))
        for job, limits in jobs.items():
            crossed = any(limit[2] for limit in limits)
            self.ours[job].turn(at, min(limit[0] for limit in limits), crossed)
            self.naive[job].turn(at, min(limit[1] for limit in limits), crossed)


def replayed(ask: Any, instants: list[datetime], limits: dict[str, float]) -> Replay:
    """Asks for the headroom at each instant; `ask` answers SQL and values with rows."""
    replay = Replay()
    for at in instants:
        replay.turn(at, ask(ASKED, {"at": at, **limits}))
    return replay


def store_of(events: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    """Writes events into the store's own tables, in memory, through the store's own fold."""
    cursor = duckdb.connect(config={"threads": 2})
    build_schema(cursor)
    cursor.register("imagined_events", pa.Table.from_pylist(events))
    cursor.execute("create temp table arriving as from events limit 0")
    cursor.execute("insert into arriving by name from imagined_events order by occurred_at")
    cursor.execute("insert into events from arriving")
    add_to_aggregates(cursor)
    return cursor


def imagined_scores(seeds: int, cycles: int, each: int) -> dict[str, dict[str, Score]]:
    """Replays every imagined tenant and returns both forecasts' scores, by kind of job."""
    scores: dict[str, dict[str, Score]] = {kind: {"ours": Score(), "naive": Score()} for kind in KINDS}
    for seed in range(1, seeds + 1):
        cursor = store_of(imagined(seed, cycles, each))

        def ask(sql: str, values: Any, on: duckdb.DuckDBPyConnection = cursor) -> list[tuple[Any, ...]]:
            return on.execute(sql, values).fetchall()

        replay = replayed(ask, [BEGAN + n * CYCLE - timedelta(seconds=1) for n in range(4, cycles + 1)], SMALL)
        for way, watches in (("ours", replay.ours), ("naive", replay.naive)):
            for job, watch in watches.items():
                score = scores[job.rpartition("-")[0]][way]
                score.watches.append(watch)
                score.weeks += cycles * CYCLE / timedelta(weeks=1)
        cursor.close()
        print(f"  … imagined tenant {seed}", file=sys.stderr, flush=True)
    return scores


@contextmanager
def tenant(folder: Path, seed: int) -> Iterator[Store]:
    """Reads a tenant of the sample's generator into a lake of its own: the committed one, or one of another seed."""
    logs = ROOT / "sample_logs"
    if seed != 7:
        logs = write_tenant(folder / "logs", seed=seed, users=USERS, groups=8, days=DAYS).parent
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    try:
        ingest(store, [logs])
        yield store
    finally:
        store.close()


def scaled(store: Store, instants: list[datetime]) -> dict[str, float]:
    """Returns limits that this tenant's own failures come near: four fifths of the most that waited at once."""
    [(most,)] = store.rows(
        "select max(n) from (select e.job_id, t.at, count(*) as n from (select unnest(?::timestamp[]) as at) t"
        " join escrows e on e.opened_at <= t.at and coalesce(e.closed_at > t.at, true) where not e.is_reference"
        " group by all)",
        [instants],
    )
    limit = max(2, int(most * 0.8) - 1)
    return {"least": limit, "part": 0.99, "most": limit, "altogether": limit * 3}


def tenant_rows(seed: int) -> tuple[list[str], list[str]]:
    """Returns one tenant's rows: each rule against the quarantines that came, and both forecasts with scaled limits."""
    with TemporaryDirectory() as place, tenant(Path(place), seed) as store:
        [(since, until, jobs)] = store.rows(
            "select min(occurred_at), max(occurred_at), count(distinct job_id) from events"
        )
        weeks = jobs * (until - since) / timedelta(weeks=1)
        real = [
            f"| {seed} | `{name}` | {backtest_row(backtest(store, find_rule(name), {}, since, until, STEP), weeks)} |"
            for name in RULES
        ]
        small = scaled_rows(store, seed, [since + n * CYCLE for n in range(4, int((until - since) / CYCLE))], weeks)
    print(f"  … tenant {seed}", file=sys.stderr, flush=True)
    return real, small


def scaled_rows(store: Store, seed: int, instants: list[datetime], weeks: float) -> list[str]:
    """Returns both forecasts' rows with limits that fit the tenant."""
    limits = scaled(store, instants)
    replay = replayed(store.rows, instants, limits)
    return [
        f"| {seed} | {way} | {int(limits['most'])} | {Score(list(watches.values()), weeks).row()} |"
        for way, watches in (("forecast", replay.ours), ("naive", replay.naive))
    ]


def backtest_row(result: Backtest, weeks: float) -> str:
    """Writes a backtest's figures as cells of a table."""
    leads = lead_of([timedelta(seconds=lead) for lead in result.leads_s])
    caught = f"{result.warned} of {result.quarantines}"
    return f"{len(result.firings)} | {caught} | {leads} | {result.false_alarms} | {result.false_alarms / weeks:.2f}"


def main() -> None:
    """Replays everything and prints the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--cycles", type=int, default=72)
    arguments.add_argument("--each", type=int, default=6)
    given = arguments.parse_args()
    pairs = [tenant_rows(seed) for seed in (7, *OTHERS)]
    ends = "median lead | shortest | false alarms | a job-week |"
    print(f"| seed | rule | fired | quarantines announced | {ends}\n| ---: | --- |{' ---: |' * 6}")
    print("\n".join(row for real, _ in pairs for row in real))
    print(f"\n| seed | by | limit | crossings announced | {ends}\n| ---: | --- |{' ---: |' * 6}")
    print("\n".join(row for _, small in pairs for row in small))
    scores = imagined_scores(given.seeds, given.cycles, given.each)
    print(f"\n| jobs | by | crossings announced | {ends}\n| --- | --- |{' ---: |' * 5}")
    every = {way: Score() for way in ("ours", "naive")}
    for kind, ways in scores.items():
        for way, score in ways.items():
            every[way].watches += score.watches
            every[way].weeks += score.weeks
            print(f"| {kind} | {'forecast' if way == 'ours' else way} | {score.row()} |")
    for way, score in every.items():
        print(f"| all | {'forecast' if way == 'ours' else way} | {score.row()} |")


if __name__ == "__main__":
    main()
