"""Shared parts of the commands: progress bars, options, exit codes.

Bars go to stderr and only to a terminal, so that what a script reads stays clean.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pipeline.config.errors import InvalidRequest
from pipeline.config.settings import Settings, read_settings
from pipeline.store.export import plain
from pipeline.store.lake import Store, open_store


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
def migration_bar() -> Iterator[Callable[[str, float], None]]:
    """Shows which migration of the store is being applied, and how much of all of them is done."""
    what = TextColumn("Migrating the store: {task.description}")
    columns = (what, BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    with bar(*columns) as progress:

        def show(name: str, share: float) -> None:
            # A store that is up to date shows no bar.
            task = progress.task_ids[0] if progress.task_ids else progress.add_task(name, total=1.0)
            progress.update(task, description=name, completed=share)

        yield show


@contextmanager
def rows_bar() -> Iterator[Callable[[int], None]]:
    """Shows how many rows are written; of how many is unknown while an answer comes."""
    columns = (TextColumn("{task.completed:,.0f} rows"), BarColumn(), TimeElapsedColumn())
    with bar(*columns) as progress:
        # A person who reads the rows themselves needs no count of them.
        task = progress.add_task("rows", total=None, visible=not sys.stdout.isatty())
        yield lambda rows: progress.advance(task, rows)


@contextmanager
def closed_pipe_is_fine() -> Iterator[None]:
    """Ends quietly when the reader closes the pipe, as `| head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def page() -> Console:
    """Returns where answers go: as wide as the terminal, or wide enough for a line a row when a program reads.

    Names and messages are printed as they are: brackets and colons in them are no styles and no signs.
    """
    console = Console(markup=False, emoji=False)
    return console if console.is_terminal else Console(width=200, color_system=None, markup=False, emoji=False)


def bar(*columns: Any) -> Progress:
    """Builds a bar that shows on a terminal and nowhere else, and leaves nothing behind."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


WHY = 'python -m pipeline sql "select file, line, reason from rejects"'
WORTH_A_LOOK = 1
NOT_DONE = 2
INTERRUPTED = 128 + 2
"As a shell has it of what Ctrl-C ended."
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Parquet = Annotated[Path | None, typer.Option("--parquet", help="Write a Parquet file.", metavar="FILE")]


opened: list[Store] = []
"Stores that the command has opened. One that is not closed leaves its last commits in the catalog's journal."


def open_to_read(*, migrate: bool = True) -> Store:
    """Opens the store as a reader, which waits for no writer, unless an earlier version's has to be migrated first."""
    with migration_bar() as progress:
        opened.append(open_store(read_settings(), read_only=True, migrate=migrate, progress=progress))
    return opened[-1]


def open_to_write(settings: Settings | None = None, *, migrate: bool = True) -> Store:
    """Opens the store as a writer; a bar shows the migrations of a store that an earlier version has written."""
    with migration_bar() as progress:
        opened.append(open_store(settings or read_settings(), migrate=migrate, progress=progress))
    return opened[-1]


def close_stores() -> None:
    """Closes what the command has opened."""
    while opened:
        opened.pop().close()


def check_file_to_write(file: Path, example: str) -> None:
    """Refuses a place where no file can be written, before the work whose result goes there."""
    if not file.parent.is_dir():
        raise InvalidRequest(f"{file.parent} is not a folder; make it first, or name another file.")
    if file.is_dir():
        raise InvalidRequest(f"{file} is a folder; the name of a file was expected, such as {file / example}.")


def print_json(document: Any) -> None:
    """Prints one JSON document; instants are ISO 8601."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=plain))
