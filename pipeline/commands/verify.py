"""The command `verify`: checks the store, or whether an evidence pack is as it was sealed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands import terminal
from pipeline.config.errors import InvalidRequest
from pipeline.config.settings import read_settings
from pipeline.config.wording import count

if TYPE_CHECKING:
    from pipeline.evidence.seal import Checked
    from pipeline.maintenance.verify import Verified

CHANGED = 1


def verify(
    pack: Annotated[
        Path | None, typer.Argument(help="A pack that `evidence` wrote; the store when not given.", metavar="[OUT.zip]")
    ] = None,
    seal: Annotated[str | None, typer.Option(help="The seal that was noted when the pack was made.")] = None,
    as_json: terminal.Json = False,
) -> None:
    """Check every file, count, double and orphan of the store, or that a pack is as it was sealed."""
    if pack is not None:
        verify_pack(pack, seal, as_json)
    elif seal is not None:
        raise InvalidRequest("--seal is of an evidence pack; name its file, such as cerby.zip.")
    else:
        verify_store(as_json)


def verify_store(as_json: bool) -> None:
    """Checks the store and prints what is wrong."""
    from pipeline.maintenance.verify import catalog_fault, verify

    fault = catalog_fault(read_settings())
    if fault is not None and not as_json:
        print(fault.sentence)
    store = terminal.open_to_read(migrate=False)
    with terminal.share_bar("Checking") as progress:
        verified = verify(store, datetime.now(UTC), progress)
    faults = [*([fault] if fault else []), *verified.faults]
    if as_json:
        names = ("files", "size", "checksums", "rows", "orphans", "counted")
        about = {name: getattr(verified, name) for name in names}
        past = [one.file.path for one in verified.past]
        terminal.print_json({**about, "past": past, "faults": [vars(one) for one in faults]})
    else:
        print_verified(verified)
    if faults:
        raise typer.Exit(terminal.WORTH_A_LOOK)


def print_verified(verified: "Verified") -> None:
    """Prints what was checked, and what is wrong."""
    for fault in verified.faults:
        print(fault.sentence)
    read = verified.files - verified.checksums
    how = f"{count(verified.checksums, 'checksum')} compared" + (f", {count(read, 'file')} read" if read else "")
    print(f"Checked: {count(verified.files, 'data file')}, {verified.size / 1e6:,.1f} MB ({how}).")
    if not verified.counted:
        print(
            "Rows were not counted, since files are broken; `python -m pipeline repair --dry-run` shows what they hold."
        )
    elif verified.is_former and not verified.faults:
        print(
            f"{verified.rows:,} rows: no doubles. Whether there are more than the ledger counts is unknown until the "
            "store is migrated: python -m pipeline status."
        )
    elif not verified.faults:
        print(f"{verified.rows:,} rows: no doubles, and the counts agree with the ledger.")
    if verified.past:
        print(f"{count(len(verified.past), 'broken file')} that only older snapshots read; they go when these expire.")
    if verified.orphans:
        print(f"{count(verified.orphans, 'file')} of no snapshot; maintenance moves them to the trash.")


def verify_pack(pack: Path, seal: str | None, as_json: bool) -> None:
    """Checks a pack and prints what is wrong; fails, and names the file, if one byte changed."""
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
