"""The command `ingest`: loads files and folders once."""

from collections.abc import Sequence
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.text import Text

from pipeline.commands import terminal
from pipeline.commands.answers import printable
from pipeline.config.errors import InvalidRequest
from pipeline.config.wording import count
from pipeline.ingest.files import Report
from pipeline.ingest.files import ingest as read_files
from pipeline.maintenance.forget import forget_reading
from pipeline.maintenance.pairing import has_unpaired_days, pair
from pipeline.maintenance.successors import find_successors
from pipeline.store.lake import Store


def ingest(
    paths: Annotated[
        list[str], typer.Argument(help="Files and folders, also .gz; - reads standard input.", metavar="PATH…")
    ],
    again: Annotated[bool, typer.Option("--again", help="Read files anew that were read before; rows stay.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --again: list the files to read anew.")] = False,
    as_json: terminal.Json = False,
    every: Annotated[bool, typer.Option("--all", help="List every file, however many there are.")] = False,
) -> None:
    """Read files and folders once; what was read before is not read again."""
    if dry_run and not again:
        raise InvalidRequest("--dry-run goes with --again: it lists the files that would be read anew.")
    store = terminal.open_to_write()
    if again:
        anew = forget_reading(store, paths, dry_run=dry_run)
        if dry_run:
            names = [entry.file for entry in anew]
            if as_json:
                terminal.print_json({"dry_run": True, "files": names})
            else:
                print("\n".join(names) or "None of it was read before.")
            return
    report = read(store, paths)
    if as_json:
        terminal.print_json(ingest_document(report.files, report.seconds))
    else:
        print_ingest(terminal.page(), report.files, report.seconds, every)
    if any(file.rejects for file in report.files):
        raise typer.Exit(terminal.WORTH_A_LOOK)


def read(store: Store, paths: Sequence[str]) -> Report:
    """Reads files and folders, and pairs their events with SCIM requests; bars show how far it has come."""
    with terminal.bytes_bar("Reading") as progress:
        report = read_files(store, paths, progress=progress)
    if any(file.kept for file in report.files):
        find_successors(store)
        if has_unpaired_days(store):
            with terminal.share_bar("Matching events and SCIM requests") as share:
                pair(store, share)
    return report


FILES_SHOWN = 40
COUNTS = ("lines", "kept", "duplicates", "rejects", "unfamiliar", "passed_over")


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
    def passed_over(self) -> int: ...
    @property
    def seconds(self) -> float: ...


def ingest_totals(files: Sequence[FileRead], seconds: float) -> dict[str, Any]:
    """Sums up all files; `lines = kept + duplicates + rejects`, and `passed_over` are beside them."""
    sums = {name: sum(getattr(file, name) for file in files) for name in COUNTS}
    return {"files": len(files), **sums, "seconds": round(seconds, 3)}


def ingest_document(files: Sequence[FileRead], seconds: float) -> dict[str, Any]:
    """Builds what `ingest --json` prints: each file and all of them."""
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
        row = line([*counts, f"{file.seconds:.2f}"], file.source or "not recognised", file.file)
        console.print(row, style="yellow" if file.rejects else "", soft_wrap=True)
    counts = [f"{totals[name]:,}" for name in COUNTS]
    everywhere = count(len(files), "file")
    console.print(line([*counts, f"{seconds:.2f}"], "in all", everywhere), style="bold", soft_wrap=True)
    if many:
        console.print(f"{len(files) - len(shown):,} files without rejects are not listed; --all lists them.")
    if totals["rejects"]:
        console.print(f"{count(totals['rejects'], 'reject')}; see why: {terminal.WHY}", highlight=False, soft_wrap=True)


def line(numbers: Sequence[str], source: str, file: str) -> Text:
    """Sets numbers in columns, and the file last, since only it has no width of its own."""
    columns = (f"{number:>{len(name) + 2}}" for number, name in zip(numbers, WIDTHS, strict=True))
    return Text("".join(columns) + f"  {source:<14}  {printable(file)}")


WIDTHS = ("0,000,000", "0,000,000", "duplicates", "rejects", "unfamiliar", "passed_over", "seconds")
