"""The command `backup`: copies the store while everything runs."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import terminal
from pipeline.config.wording import count


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.", metavar="DIR")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be copied, and copy nothing.")] = False,
    as_json: terminal.Json = False,
) -> None:
    """Copy the whole store into a folder, consistent while everything runs, with a checksum of every file."""
    from pipeline.maintenance.backup import back_up
    from pipeline.maintenance.data_files import listed_files

    if dry_run:
        files = listed_files(terminal.open_to_read())
        size = sum(file.size for file in files)
        about = {"folder": str(folder), "files": len(files), "bytes": size, "dry_run": True}
        said = f"{folder}: {count(len(files), 'file')}, {size / 1e6:,.1f} MB would be copied"
        terminal.print_json(about) if as_json else print(said)
        return
    with terminal.share_bar("Copying") as progress:
        made = back_up(terminal.open_to_write(), folder, progress)
    if as_json:
        about = {"folder": str(folder), "lake_id": made.lake_id, "revision": made.revision, "files": len(made.files)}
        terminal.print_json({**about, "bytes": made.size, "broken": list(made.broken)})
    else:
        print(f"{folder}: revision {made.revision:,}, {count(len(made.files), 'file')}, {made.size / 1e6:,.1f} MB.")
        for file in made.broken:
            print(f"{file} is not as it was written, or missing; see `python -m pipeline verify`.")
    if made.broken:
        raise typer.Exit(terminal.WORTH_A_LOOK)
