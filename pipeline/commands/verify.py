"""The command `verify`: checks whether an evidence pack is as it was sealed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands import terminal
from pipeline.config.errors import InvalidRequest

if TYPE_CHECKING:
    from pipeline.evidence.seal import Checked

CHANGED = 1


def verify(
    pack: Annotated[Path, typer.Argument(help="A pack that `evidence` wrote.", metavar="OUT.zip")],
    seal: Annotated[str | None, typer.Option(help="The seal that was noted when the pack was made.")] = None,
    as_json: terminal.Json = False,
) -> None:
    """Check that a pack is as it was sealed; fails, and names the file, if one byte changed."""
    from pipeline.evidence.seal import check

    if not pack.is_file():
        raise InvalidRequest(f"{pack} is no file; a pack that `python -m pipeline evidence` wrote was expected.")
    with terminal.share_bar("Checking") as progress:
        checked = check(pack, progress)
    faults = [*checked.faults, *seal_faults(checked, seal)]
    if as_json:
        about = {"file": str(pack), "files": checked.files, "bytes": checked.size, "seal": checked.seal}
        terminal.print_json({**about, "faults": faults})
    else:
        print_checked(pack, checked, faults, seal)
    if faults:
        raise typer.Exit(CHANGED)


def seal_faults(checked: "Checked", seal: str | None) -> list[str]:
    """Compares the pack's seal with the one given, where one was given."""
    if seal is None or checked.seal is None or seal.lower().strip() == checked.seal:
        return []
    return [f"its seal is {checked.seal}, not the one given: it is another pack, or was made anew."]


def print_checked(pack: Path, checked: "Checked", faults: list[str], seal: str | None) -> None:
    """Prints what was checked and its faults."""
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
