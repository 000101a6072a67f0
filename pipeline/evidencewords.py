"""The words `evidence` and `verify`: a sealed pack of one app and period, and whether one is still as it was sealed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline import terminal
from pipeline.asking import Refused, extent
from pipeline.rulewords import read_instant
from pipeline.settings import read_settings
from pipeline.store import open_store

if TYPE_CHECKING:
    from pipeline.sealing import Checked

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
CHANGED = 1


def evidence(
    out: Annotated[Path, typer.Argument(help="The pack to write.", metavar="OUT.zip")],
    app: Annotated[str, typer.Option(help="The app's name, or a job's id.")],
    since: Annotated[str | None, typer.Option(help="From when; the first event without it.", metavar="INSTANT")] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when, exclusive; the newest event without it.", metavar="INSTANT")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write what is known of an app's leavers in a period, sealed: questions, rows of both sides, completeness."""
    from pipeline.evidence import make

    store = open_store(read_settings(), read_only=True)
    reach = extent(store)
    first = read_instant(since) if since else reach["since"]
    last = read_instant(until) if until else reach["until"]
    if first >= last:
        raise Refused(f"The period must begin before it ends; {first} until {last} was given.")
    if not out.parent.is_dir():
        raise Refused(f"{out.parent} is no folder; make it first, or give another place for the pack.")
    if out.is_dir():
        raise Refused(f"{out} is a folder; the name of a file was expected, such as {out / 'evidence.zip'}.")
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


def verify(
    pack: Annotated[Path, typer.Argument(help="A pack that `evidence` wrote.", metavar="OUT.zip")],
    seal: Annotated[str | None, typer.Option(help="The seal that was noted when the pack was made.")] = None,
    as_json: Json = False,
) -> None:
    """Check that a pack is as it was sealed; fails, and says in which file, if one byte changed."""
    from pipeline.sealing import check

    if not pack.is_file():
        raise Refused(f"{pack} is no file; a pack that `python -m pipeline evidence` wrote was expected.")
    with terminal.share_bar("Checking") as progress:
        checked = check(pack, progress)
    faults = [*checked.faults, *seal_fault(checked, seal)]
    if as_json:
        about = {"file": str(pack), "files": checked.files, "bytes": checked.size, "seal": checked.seal}
        print(json.dumps({**about, "faults": faults}, ensure_ascii=False, indent=2))
    else:
        print_checked(pack, checked, faults, seal)
    if faults:
        raise typer.Exit(CHANGED)


def seal_fault(checked: "Checked", seal: str | None) -> list[str]:
    """Gives what is wrong with the seal, where one was given."""
    if seal is None or checked.seal is None or seal.lower().strip() == checked.seal:
        return []
    return [f"its seal is {checked.seal}, not the one given: it is another pack, or was made anew."]


def print_checked(pack: Path, checked: "Checked", faults: list[str], seal: str | None) -> None:
    """Prints what was checked and what was found."""
    for fault in faults:
        print(f"{pack}: {fault}")
    if faults:
        print("This pack is not as it was sealed.")
        return
    about = checked.manifest
    print(f"{pack}: as it was sealed. {about['app']} from {about['since']} until {about['until']}.")
    print(
        f"Checked: the manifest and its seal, the SHA-256 and place of {checked.files} files, the chain over them, and "
        f"each of the zip's {checked.size:,} bytes."
    )
    print(f"Entra's side is {about['known']['events']}, the app's side is {about['known']['exchanges']}.")
    print("The seal is the one given." if seal else f"Compare its seal with the one that was noted: {checked.seal}")
