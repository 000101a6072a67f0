"""The words `evidence` and `verify`: a sealed pack of one app and period, and whether one is still as it was sealed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import terminal
from pipeline.commands.arguments import read_instant
from pipeline.config.errors import InvalidRequest
from pipeline.store.present import extent

if TYPE_CHECKING:
    pass


def evidence(
    out: Annotated[Path, typer.Argument(help="The pack to write.", metavar="OUT.zip")],
    app: Annotated[str, typer.Option(help="The app's name, or a job's id.")],
    since: Annotated[str | None, typer.Option(help="From when; the first event without it.", metavar="INSTANT")] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when, exclusive; the newest event without it.", metavar="INSTANT")
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Write what is known of an app's leavers in a period, sealed: questions, rows of both sides, completeness."""
    from pipeline.evidence.pack import make

    store = terminal.open_to_read()
    reach = extent(store)
    first = read_instant(since) if since else reach["since"]
    last = read_instant(until) if until else reach["until"]
    if first >= last:
        raise InvalidRequest(f"The period must begin before it ends; {first} until {last} was given.")
    if not out.parent.is_dir():
        raise InvalidRequest(f"{out.parent} is no folder; make it first, or give another place for the pack.")
    if out.is_dir():
        raise InvalidRequest(f"{out} is a folder; the name of a file was expected, such as {out / 'evidence.zip'}.")
    with terminal.share_bar("Gathering") as progress:
        made = make(store, app, first, last, out, progress)
    if as_json:
        print(json.dumps({"file": str(out), **made}, ensure_ascii=False, indent=2))
    else:
        print_made(out, made)


def print_made(out: Path, made: dict[str, Any]) -> None:
    """Says what was written, how well it is known, and what to note."""
    size = f"{made['files']} files, {made['rows']:,} rows"
    print(f"{out}: {made['app']} from {made['since']} until {made['until']}, {size}.")
    known = f"Entra's side is {made['known']['events']}, the app's side is {made['known']['exchanges']}"
    print(f"{known}; its README.md says which hours.")
    print(f"Note its seal elsewhere: {made['seal']}")
