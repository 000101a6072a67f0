"""How many events find the SCIM request that carried them, and how many find another one's?

Run: python benchmarks/match.py [--seeds 2] [--users 300]. Imagines tenants, writes Cerby's requests in one shape of log
after another (with every fact; without app and bodies; as access log lines of whole seconds), with the app's clock
ahead by so many seconds or drifting, and holds the matches that maintenance writes against what truly happened.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
from pipeline.config.settings import read_settings  # noqa: E402
from pipeline.ingest.files import ingest  # noqa: E402
from pipeline.maintenance.pairing import pair as pair_days  # noqa: E402
from pipeline.sample import imagine, write_tenant  # noqa: E402
from pipeline.sample.nouns import Exchange  # noqa: E402
from pipeline.sample.spellings import access, own, pair  # noqa: E402
from pipeline.store.lake import Cursor, Store, open_store  # noqa: E402

SKEWS: dict[str, Callable[[Exchange], float]] = {
    "0 s": lambda _: 0.0,
    "30 s": lambda _: 30.0,
    "300 s": lambda _: 300.0,
    "−300 s": lambda _: -300.0,
    "30 s more each day": lambda each: 30.0 * (each.at.day - 5),
}
"By how much the app's clock is ahead."


def bare(exchange: Exchange) -> str:
    """Writes an access log line without the body."""
    return access(replace(exchange, request=None))


SHAPES: dict[str, Callable[[Exchange], Iterable[str]]] = {
    "our own form": lambda each: [own(each)],
    "line pairs": pair,
    "access log": lambda each: [access(each)],
    "access log without bodies": lambda each: [bare(each)],
}
Matches = dict[tuple[str, str], tuple[datetime, str, int]]
"An event's id and job, and the instant, method and duration of its request."
MATCHED = """
select m.event_id, m.job_id, x.occurred_at, x."method", x.duration_ms
from matches(timestamp '2025-12-01', timestamp '2026-03-01') m
join exchanges x using (exchange_id)
"""


def redated(exchange: Exchange, skew: Callable[[Exchange], float]) -> Exchange:
    """Returns a request as the app's clock dates it."""
    return replace(exchange, at=exchange.at + timedelta(seconds=skew(exchange)))


def log_fields(at: datetime, method: str, duration_ms: int) -> tuple[datetime, str, int]:
    """Returns the fields of a request that every shape of log has."""
    return at.replace(microsecond=0, tzinfo=None), method, duration_ms


def truth(requests: Iterable[Exchange]) -> Matches:
    """Returns the request that carried each event: its write, or the look-up where nothing was written."""
    return {
        each.event.key: log_fields(each.at, each.method, each.duration_ms)
        for each in requests
        if each.event and not each.event.benign
    }


def matched(store: Store, folder: Path, shape: str, requests: list[Exchange]) -> Matches:
    """Returns the store's matches after reading the requests in one shape, and no others."""
    file = folder / "requests.log"
    lines = [line for each in sorted(requests, key=lambda one: one.at) for line in SHAPES[shape](each)]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def forget(cursor: Cursor) -> None:
        """Takes away what was read before."""
        cursor.execute("delete from exchanges")
        cursor.execute("delete from files where file like '%requests.log'")
        cursor.execute("insert into unpaired_days from days_to_pair('events')")
        for table in ("clock_days", "log_owner_hits", "request_matches"):
            cursor.execute(f"delete from {table}")

    store.write(forget)
    ingest(store, [str(file)])
    pair_days(store)
    return {(event, job): log_fields(at, method, took) for event, job, at, method, took in store.rows(MATCHED)}


def score(seed: int, users: int, counts: dict[tuple[str, str], Counter[str]]) -> None:
    """Adds one tenant's figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tenant(folder / "logs", seed=seed, users=users)
        store = open_store(read_settings(store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
        ingest(
            store, [str(part) for part in sorted((folder / "logs").iterdir()) if part.is_dir() and part.name != "scim"]
        )
        world = imagine(seed=seed, users=users, groups=40, days=21)
        for skew, ahead in SKEWS.items():
            requests = [redated(each, ahead) for each in world.exchanges]
            right = truth(requests)
            for shape in SHAPES:
                matches = matched(store, folder, shape, requests)
                counts.setdefault((skew, shape), Counter()).update(
                    events=len(right),
                    matched=sum(key in matches for key in right),
                    wrong=sum(matches[key] != right.get(key) for key in matches),
                )
        store.close()


def main() -> None:
    """Prints the table of docs/benchmarks.md."""
    words = argparse.ArgumentParser()
    words.add_argument("--seeds", type=int, default=2)
    words.add_argument("--users", type=int, default=300)
    given = words.parse_args()
    counts: dict[tuple[str, str], Counter[str]] = {}
    for seed in range(11, 11 + given.seeds):
        score(seed, given.users, counts)
    print("| clock ahead by | shape of the log | events | matched | wrong |\n| --- | --- | ---: | ---: | ---: |")
    for (skew, shape), row in counts.items():
        share = row["matched"] / row["events"]
        print(f"| {skew} | {shape} | {row['events']:,} | {share:.2%} | {row['wrong']} |")


if __name__ == "__main__":
    main()
