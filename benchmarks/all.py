"""Runs all benchmarks and prints one table at the end: figure, measured, wanted, met or not.

Run: python benchmarks/all.py [--full] [--keep DIR]. Without --full it grows a store of a million events and takes at
most twenty minutes on two cores; with it stores of ten and thirty million as well, which takes hours. What each
benchmark prints while it runs is printed too. One that fails is said so in the table, and the others still run.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LONGEST_S = 4 * 3600
VERDICT = re.compile(r"^\|.*\|\s*\**(met|not met|yes|no)\**\s*\|$", re.IGNORECASE)


def main() -> None:
    """Runs each benchmark, then prints every line that says whether a figure is met."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--full", action="store_true", help="stores of ten and thirty million events too")
    words.add_argument("--keep", type=Path, help="a folder in which the grown stores stay for the next time")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = given.keep or Path(name)
        lines = [line for script in benchmarks(folder, full=given.full) for line in judged(script)]
    print("\n".join(["", f"{os.cpu_count()} cores, Python {sys.version.split()[0]}", "", *lines]))


def benchmarks(folder: Path, *, full: bool) -> list[list[str]]:
    """Returns what is run, in order: a script and its arguments."""
    million = [str(folder / "1m")]
    scripts = [
        ["load.py", "--events", "60000"],
        ["small.py", "--events", "300000", "--commits", "50"],
        ["match.py", "--users", "200", "--seeds", "1"],
        ["eta.py"],
        ["forecast.py", "--seeds", "1"],
        ["pages.py", "--events", "1000000", "--keep", *million, "--times", "2"],
        ["rules.py", "--store", *million],
        ["publish.py", "--store", *million],
        ["concurrency.py"],
        ["browser.py", "--times", "2", "--pages", "home", "people"],
    ]
    if full:
        scripts += [["load.py", "--events", "500000", "--stored", "9500000"], ["small.py"], ["browser.py"], ["wide.py"]]
        for size in (10, 30):
            many = str(folder / f"{size}m")
            scripts += [
                ["pages.py", "--events", f"{size}000000", "--keep", many, "--tenth", *million],
                ["rules.py", "--store", many],
                ["publish.py", "--store", many],
            ]
    return scripts


def judged(script: list[str]) -> list[str]:
    """Runs a benchmark and returns a heading with its seconds, and its lines that end in met or not met."""
    print(f"\n## {' '.join(script)}\n", flush=True)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(FOLDER / script[0]), *script[1:]], stdout=subprocess.PIPE, text=True, cwd=FOLDER.parent
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        if VERDICT.match(line.rstrip()):
            lines.append(line.rstrip())
    code = process.wait(LONGEST_S)
    seconds = time.monotonic() - began
    ended = "" if code == 0 else f"; **ended with {code}**"
    return [f"{' '.join(script)} ({seconds:.0f} s{ended})", "", *lines, ""]


if __name__ == "__main__":
    main()
