"""What does an hour of `watch` cost where a small file comes every second: do memory, files and catalog level off?

Run: python benchmarks/soak.py [--minutes 60] [--rate 1]. Prints a line a minute, then each figure, what is wanted, and
whether that is met. Old snapshots are kept for a tenth of the run instead of an hour, and maintenance runs twelve times
in it, so that an hour shows what a day does. At the end every event that was written down is in the store once.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

GROWTH = 1.25
"A figure levels off when its largest value in the last quarter is at most so many times that of the quarter before."
LATE_S = 15
"Seconds in which what was written last has to be in the store."


@dataclass(frozen=True)
class Sample:
    """What stands at one minute."""

    minute: float
    memory_mb: float
    "Resident memory of the process."
    files: int
    "Parquet files of the lake's folder."
    lake_kb: float
    catalog_kb: float
    "The catalog with its journal."
    cpu_s: float
    written: int
    "Files laid into the inbox so far."


def main() -> None:
    """Runs the hour and prints its table."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=float, default=60)
    words.add_argument("--rate", type=float, default=1, help="files a second")
    given = words.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        samples, kept = soaked(folder, given.minutes, given.rate)
        print(report(samples, kept))
    finally:
        shutil.rmtree(folder)


def soaked(folder: Path, minutes: float, rate: float) -> tuple[list[Sample], int]:
    """Runs `watch` while files come; returns a sample a minute and how many events the store holds in the end."""
    (folder / "inbox").mkdir()
    seconds = minutes * 60
    environment = os.environ | {
        "PROVISIONING_STORE": f"ducklake:sqlite:{folder}/catalog.sqlite",
        "PROVISIONING_INBOX": str(folder / "inbox"),
        "PROVISIONING_FILES": str(folder / "lake"),
        "PROVISIONING_KEEP_SNAPSHOTS": str(max(1, int(seconds / 10))),
        "PROVISIONING_MAINTAIN_EVERY": str(max(1, int(seconds / 12))),
    }
    command = [sys.executable, "-m", "pipeline"]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen([*command, "watch"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    samples, number, began = list[Sample](), 0, time.monotonic()
    try:
        print(head(), flush=True)
        while len(samples) < minutes:
            gone = time.monotonic() - began
            assert process.poll() is None, (folder / "log").read_text()
            while number < gone * rate:
                number += 1
                lay(folder / "inbox", number)
            if gone >= min(60 * (len(samples) + 1), seconds):
                samples.append(sample(folder, process.pid, gone, number))
                print(line(samples[-1]), flush=True)
            time.sleep(min(1, 1 / rate) / 4)
        time.sleep(LATE_S)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    asked = [*command, "sql", "select count(*) as n, count(distinct event_id) as of from events", "--json"]
    told = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    [row] = json.loads(told.stdout)
    assert row["n"] == row["of"], row
    return samples, row["n"]


def lay(inbox: Path, number: int) -> None:
    """Lays one event into the inbox as a file of its own, under its name only once it is whole."""
    from events import event, person

    rng = random.Random(number)
    made = event(rng, 0, datetime.now(UTC).replace(tzinfo=None), person(rng.randrange(2_000)))
    part = inbox.parent / "part"
    part.write_text(json.dumps(made) + "\n", encoding="utf-8")
    part.rename(inbox / f"{number:06}.ndjson")


def sample(folder: Path, process: int, gone: float, written: int) -> Sample:
    """Looks at the process, the lake's folder and the catalog."""
    from served import processor_seconds

    resident = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    files = [file.stat().st_size for file in (folder / "lake").rglob("*.parquet") if file.exists()]
    catalog = sum(file.stat().st_size for file in folder.glob("catalog.sqlite*"))
    return Sample(
        gone / 60, resident / 1e6, len(files), sum(files) / 1e3, catalog / 1e3, processor_seconds(process), written
    )


def head() -> str:
    """Writes the head of the table."""
    return (
        "| minute | files laid down | memory, MB | Parquet files | lake, KB | catalog, KB | CPU s |\n"
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )


def line(one: Sample) -> str:
    """Writes a minute's row."""
    return (
        f"| {one.minute:.0f} | {one.written:,} | {one.memory_mb:,.0f} | {one.files:,} | {one.lake_kb:,.0f} | "
        f"{one.catalog_kb:,.0f} | {one.cpu_s:,.0f} |"
    )


def report(samples: list[Sample], kept: int) -> str:
    """Writes each figure against what is wanted."""
    quarter = max(1, len(samples) // 4)
    before, last = samples[-2 * quarter : -quarter], samples[-quarter:]
    figures = [
        ("events in the store ÷ files laid down", kept / samples[-1].written, 1.0, 1.0),
        *(
            (f"{name}, last quarter ÷ the one before", most(last, field) / most(before, field), 0.0, GROWTH)
            for name, field in (("memory", "memory_mb"), ("Parquet files", "files"), ("catalog", "catalog_kb"))
        ),
        ("CPU s, last quarter ÷ the one before", spent(last) / spent(before), 0.0, GROWTH),
    ]
    lines = ["", "| figure | measured | wanted | |", "| --- | ---: | ---: | --- |"]
    for name, value, least, utmost in figures:
        wanted = "exactly 1" if least == utmost else f"at most {utmost:g}"
        lines.append(f"| {name} | {value:.2f} | {wanted} | {'met' if least <= value <= utmost else 'NOT MET'} |")
    return "\n".join(lines)


def most(samples: list[Sample], field: str) -> float:
    """Returns the largest value of a field."""
    return max(float(getattr(one, field)) for one in samples)


def spent(samples: list[Sample]) -> float:
    """Returns the processor seconds between the first of some samples and the last."""
    return max(0.01, samples[-1].cpu_s - samples[0].cpu_s)


if __name__ == "__main__":
    main()
