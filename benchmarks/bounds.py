"""What memory does loading one large file take, by its kind: does it stay under PROVISIONING_MEMORY and 300 MB more?

Run: python benchmarks/bounds.py [--mb 300] [--memory 300] [--only NAME]. Each kind is written, and read by a process
of its own into a lake of its own. Prints what the file holds unpacked, the process's peak (VmHWM), what is wanted, and
what became of the file's records.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import shapes  # noqa: E402
from events import events  # noqa: E402

MB = 1 << 20
OVER = 300
"MB that a load may take beside what DuckDB may use."
MEASURED = """
import sys
from pipeline.config.settings import read_settings
from pipeline.ingest.files import ingest
from pipeline.store.lake import open_store
with open(sys.argv[1], "rb") if sys.argv[2:] else open("/dev/null") as given:
    sys.stdin = given
    report = ingest(open_store(read_settings(_env_file=None)), ["-" if sys.argv[2:] else sys.argv[1]])
[line] = [one for one in open("/proc/self/status") if one.startswith("VmHWM")]
print(int(line.split()[1]) >> 10, *(sum(getattr(one, name) for one in report.files)
      for name in ("kept", "duplicates", "rejects", "passed_over")), round(report.seconds, 1))
"""


def main() -> None:
    """Measures each kind and prints a row of it."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--mb", type=int, default=300, help="of each file, unpacked")
    words.add_argument("--memory", type=int, default=300, help="PROVISIONING_MEMORY, in MB")
    words.add_argument("--only", default="", help="kinds whose names hold this")
    given = words.parse_args()
    print(
        "| file | MB | MB unpacked | peak MB | wanted | kept | duplicates | rejects | passed over | s | |", flush=True
    )
    print("| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |", flush=True)
    for name, write in KINDS.items():
        if given.only in name:
            print(measured(name, write, given.mb * MB, given.memory), flush=True)


def measured(name: str, write: Callable[[Path, int], Path], amount: int, memory: int) -> str:
    """Writes and reads a file of a kind; returns its row."""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "logs").mkdir()
        file = write(folder / "logs", amount)
        size = sum(one.stat().st_size for one in (folder / "logs").rglob("*") if one.is_file())
        environment = os.environ | {
            "PROVISIONING_STORE": f"ducklake:sqlite:{folder}/catalog.sqlite",
            "PROVISIONING_FILES": str(folder / "lake"),
            "PROVISIONING_MEMORY": f"{memory}MB",
        }
        command = [sys.executable, "-c", MEASURED, str(file), *(["-"] if name.startswith("standard input") else [])]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            return f"| {name} | {size / MB:.0f} | {amount / MB:.0f} | failed: {done.stderr.strip()[-300:]} |"
        peak, *counts, seconds = done.stdout.split()
        wanted = memory + OVER
        met = "met" if int(peak) < wanted else "**not met**"
        cells = (name, f"{size / MB:.0f}", f"{amount / MB:.0f}", peak, f"< {wanted}", *counts, seconds, met)
        return f"| {' | '.join(cells)} |"
    finally:
        shutil.rmtree(folder)


def records(amount: int) -> Iterator[bytes]:
    """Yields events as JSON, of so many bytes together."""
    for record in events(1 << 40):
        data = shapes.compact(record).encode()
        yield data
        amount -= len(data)
        if amount < 0:
            return


def written(file: Path, parts: Iterable[bytes]) -> Path:
    """Writes a file, a compressed one where it is named so."""
    with gzip.open(file, "wb", 1) if file.suffix == ".gz" else file.open("wb") as out:
        for part in parts:
            out.write(part)
    return file


def page(amount: int, begin: bytes = b'{"@odata.context":"x","value":[', end: bytes = b"]}") -> Iterator[bytes]:
    """Yields a page of Graph's with all the records in it."""
    yield begin
    for number, record in enumerate(records(amount)):
        yield (b"," if number else b"") + record
    yield end


def giant(amount: int) -> Iterator[bytes]:
    """Yields a page in which one record holds nearly all of the bytes, between two good ones."""
    few = [shapes.compact(record) for record in events(3)]
    long = json.loads(few[1]) | {"sourceIdentity": {"id": "x", "displayName": "LONG"}}
    begin, end = shapes.compact(long).split("LONG")
    yield f'{{"value":[{few[0]},{begin}'.encode()
    for _ in range(amount // MB):
        yield b"y" * MB
    yield f"{end},{few[2]}]}}".encode()


def nested(amount: int) -> Iterator[bytes]:
    """Yields a page in which one record is nested as deep as the bytes allow, between two good ones."""
    few = [shapes.compact(record) for record in events(2)]
    yield f'{{"value":[{few[0]},'.encode()
    for _ in range(amount // 2 // MB):
        yield b"[" * MB
    for _ in range(amount // 2 // MB):
        yield b"]" * MB
    yield f",{few[1]}]}}".encode()


def zipped(file: Path, members: Iterable[tuple[str, Iterable[bytes]]]) -> Path:
    """Writes a zip file."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, parts in members:
            with archive.open(name, "w", force_zip64=True) as out:
                for part in parts:
                    out.write(part)
    return file


def members(amount: int) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yields members of 1 MB each."""
    every = records(amount)
    for number in count():
        some: list[bytes] = []
        while sum(map(len, some)) < MB and (record := next(every, None)) is not None:
            some.append(record + b"\n")
        if not some:
            return
        yield f"{number:05d}.jsonl", some


def lines(amount: int) -> Iterator[bytes]:
    """Yields events a line each."""
    return (record + b"\n" for record in records(amount))


def of_size(write: Callable[[Path, int], Path], folder: Path, amount: int) -> Path:
    """Writes as many of something as take so many bytes."""
    trial = 2000
    write(folder / "trial", trial)
    size = sum(one.stat().st_size for one in [folder / "trial", *(folder / "trial").rglob("*")] if one.is_file())
    (shutil.rmtree if (folder / "trial").is_dir() else os.remove)(folder / "trial")
    return write(folder / "log.csv", trial * amount // size)


def packed(file: Path) -> Path:
    """Compresses a file in its place."""
    target = file.with_name(f"{file.name}.gz")
    with file.open("rb") as plain, gzip.open(target, "wb", 1) as out:
        shutil.copyfileobj(plain, out)
    file.unlink()
    return target


def packed_folder(folder: Path, file: Path) -> Path:
    """Packs a folder's files into a zip file."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for one in sorted(folder.iterdir()):
            archive.write(one, one.name)
    shutil.rmtree(folder)
    return file


def indented(amount: int) -> Iterator[bytes]:
    """Yields a page as a person or jq prints it."""
    yield b'{\n  "value": [\n'
    for number, record in enumerate(records(amount // 2)):
        yield (b",\n" if number else b"") + json.dumps(json.loads(record), indent=2).encode()
    yield b"\n  ]\n}\n"


KINDS: dict[str, Callable[[Path, int], Path]] = {
    "JSON lines": lambda folder, amount: written(folder / "log.jsonl", lines(amount)),
    "JSON lines, .gz": lambda folder, amount: written(folder / "log.jsonl.gz", lines(amount)),
    "JSON array": lambda folder, amount: written(folder / "log.json", page(amount, b"[", b"]")),
    "JSON document": lambda folder, amount: written(folder / "log.json", page(amount)),
    "JSON document, .gz": lambda folder, amount: written(folder / "log.json.gz", page(amount)),
    "JSON document in a .zip": lambda folder, amount: zipped(folder / "log.zip", [("log.json", page(amount))]),
    "JSON document, indented": lambda folder, amount: written(folder / "log.json", indented(amount)),
    "JSON document, wrapped twice": lambda folder, amount: written(
        folder / "log.json", page(amount, b'{"status":200,"body":{"data":{"value":[', b"]}}}")
    ),
    "standard input, a JSON document": lambda folder, amount: written(folder / "log.json", page(amount)),
    "one giant record": lambda folder, amount: written(folder / "log.json", giant(amount)),
    "one giant record, .gz": lambda folder, amount: written(folder / "log.json.gz", giant(amount)),
    "nested as deep as it is long": lambda folder, amount: written(folder / "log.json", nested(amount)),
    "one line without an end": lambda folder, amount: written(
        folder / "log.jsonl", [*lines(1000), *(b"x" * MB for _ in range(amount // MB))]
    ),
    ".zip of many members": lambda folder, amount: zipped(folder / "log.zip", members(amount)),
    "access log": lambda folder, amount: of_size(shapes.write_access, folder, amount),
    "access log, .gz": lambda folder, amount: packed(of_size(shapes.write_access, folder, amount)),
    "Log Analytics CSV": lambda folder, amount: of_size(shapes.write_csv, folder, amount),
    "Log Analytics CSV, .gz": lambda folder, amount: packed(of_size(shapes.write_csv, folder, amount)),
    "portal download": lambda folder, amount: of_size(shapes.write_portal, folder, amount),
    "portal download, .zip": lambda folder, amount: packed_folder(
        of_size(shapes.write_portal, folder, amount), folder / "log.zip"
    ),
}

if __name__ == "__main__":
    main()
