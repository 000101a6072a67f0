"""The command `evidence`: writes a sealed pack of one app and period."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.commands import terminal
from pipeline.commands.arguments import read_instant
from pipeline.config.errors import InvalidRequest
from pipeline.config.wording import iso
from pipeline.store.present import extent


def evidence(
    out: Annotated[Path, typer.Argument(help="The pack to write.", metavar="OUT.zip")],
    app: Annotated[str, typer.Option(help="The app's name, or a job's id.")],
    since: Annotated[str | None, typer.Option(help="From when; the first event without it.", metavar="INSTANT")] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when, exclusive; the newest event without it.", metavar="INSTANT")
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Write a sealed evidence pack of an app's leavers in a period: questions, rows of both sides, completeness."""
    from pipeline.evidence.pack import make

    store = terminal.open_to_read()
    stored = extent(store)
    first = read_instant(since) if since else stored["since"]
    last = read_instant(until) if until else stored["until"]
    if first >= last:
        raise InvalidRequest(f"The period must begin before it ends; {iso(first)} until {iso(last)} was given.")
    terminal.check_file_to_write(out, "evidence.zip")
    with terminal.share_bar("Gathering") as progress:
        made = make(store, app, first, last, out, progress)
    if as_json:
        terminal.print_json({"file": str(out), **made})
    else:
        print_made(out, made)


def print_made(out: Path, made: dict[str, Any]) -> None:
    """Prints what was written, how well it is covered, and what to note."""
    size = f"{made['files']} files, {made['rows']:,} rows"
    print(f"{out}: {made['app']} from {made['since']} until {made['until']}, {size}.")
    coverage = (
        f"Coverage of provisioning logs: {made['known']['events']}, of the app's SCIM log: {made['known']['exchanges']}"
    )
    print(f"{coverage}; its README.md lists the hours.")
    print(f"Note its seal elsewhere: {made['seal']}")
