"""What a person at a terminal sees beside answers: bars while work runs, and the report of an ingest.

Bars go to stderr and only to a terminal, so that what a script reads stays clean.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

FILES_SHOWN = 40
COUNTS = ("lines", "kept", "duplicates", "rejects", "unfamiliar")


class FileRead(Protocol):
    """What the report needs of one file that was read."""

    @property
    def file(self) -> str: ...
    @property
    def source(self) -> str | None: ...
    @property
    def lines(self) -> int: ...
    @property
    def kept(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def rejects(self) -> int: ...
    @property
    def unfamiliar(self) -> int: ...
    @property
    def seconds(self) -> float: ...


@contextmanager
def bytes_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Shows how many of all bytes are done."""
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with bar(*columns) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, everything: progress.update(task, completed=done, total=everything)


@contextmanager
def share_bar(what: str) -> Iterator[Callable[[float], None]]:
    """Shows a share from 0 to 1."""
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    with bar(*columns) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda share: progress.update(task, completed=share)


@contextmanager
def enough() -> Iterator[None]:
    """Ends quietly when whoever reads has had enough, as in `| head`."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def page() -> Console:
    """Gives where answers go: as wide as the terminal, or wide enough for a line a row when a program reads."""
    console = Console()
    return console if console.is_terminal else Console(width=200, color_system=None)


def bar(*columns: Any) -> Progress:
    """Gives a bar that shows on a terminal and nowhere else, and leaves nothing behind."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def ingest_totals(files: Sequence[FileRead], seconds: float) -> dict[str, Any]:
    """Gives the sums over all files; `lines = kept + duplicates + rejects`."""
    sums = {name: sum(getattr(file, name) for file in files) for name in COUNTS}
    return {"files": len(files), **sums, "seconds": round(seconds, 3)}


def ingest_document(files: Sequence[FileRead], seconds: float) -> dict[str, Any]:
    """Gives what `ingest --json` prints: each file and all of them."""
    fields = ("file", "source", *COUNTS)
    each = [{**{name: getattr(file, name) for name in fields}, "seconds": round(file.seconds, 3)} for file in files]
    return {"files": each, "total": ingest_totals(files, seconds)}


def print_ingest(console: Console, files: Sequence[FileRead], seconds: float, everything: bool) -> None:
    """Prints a line a file and one for all; of many files only those with rejects, unless `everything` is asked for."""
    many = len(files) > FILES_SHOWN and not everything
    shown = [file for file in files if file.rejects] if many else files
    totals = ingest_totals(files, seconds)
    console.print(line([*COUNTS, "seconds"], "source", "file"), style="bold", soft_wrap=True)
    for file in shown:
        counts = [f"{getattr(file, name):,}" for name in COUNTS]
        told = line([*counts, f"{file.seconds:.2f}"], file.source or "not recognised", file.file)
        console.print(told, style="yellow" if file.rejects else "", soft_wrap=True)
    counts = [f"{totals[name]:,}" for name in COUNTS]
    everywhere = f"{len(files):,} file{'' if len(files) == 1 else 's'}"
    console.print(line([*counts, f"{seconds:.2f}"], "in all", everywhere), style="bold", soft_wrap=True)
    if many:
        console.print(f"{len(files) - len(shown):,} files without rejects are not listed; --all lists them.")
    if totals["rejects"]:
        console.print(f"{totals['rejects']:,} rejects; see why: {WHY}", highlight=False, soft_wrap=True)


def line(numbers: Sequence[str], source: str, file: str) -> Text:
    """Sets numbers in columns, and the file last, since only it has no width of its own."""
    columns = (f"{number:>{len(name) + 2}}" for number, name in zip(numbers, WIDTHS, strict=True))
    return Text("".join(columns) + f"  {source:<14}  {file}")


WIDTHS = ("0,000,000", "0,000,000", "duplicates", "rejects", "unfamiliar", "seconds")
WHY = 'python -m pipeline sql "select file, line, reason from rejects"'
