"""The command `restore`: puts a copy of the store back, here or elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import terminal
from pipeline.config.errors import StoreError
from pipeline.config.settings import read_settings
from pipeline.config.wording import count


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `backup` has written.", metavar="DIR")],
    to: Annotated[
        Path | None, typer.Option(help="The folder to restore into; the store's own place when not given.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Move the store that is there aside first.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the backup, and restore nothing.")] = False,
    as_json: terminal.Json = False,
) -> None:
    """Restore a backup, here or elsewhere; every file is checked against its checksum."""
    from pipeline.maintenance.backup import check_backup, place_of_restored
    from pipeline.maintenance.backup import restore as put_back
    from pipeline.store.leader import current_leader
    from pipeline.store.writer_lock import writers_turn

    settings = read_settings()
    catalog, files = place_of_restored(settings, to)
    if replace and to is None and (running := current_leader(settings)):
        raise StoreError(f"{running} has the store open; stop it before the store is replaced.")
    with terminal.share_bar("Checking" if dry_run else "Restoring") as progress:
        if dry_run:
            put = check_backup(folder, progress)
        else:
            with writers_turn(settings):
                put = put_back(folder, catalog, files, replace=replace, progress=progress)
    if as_json:
        about = {"catalog": str(catalog), "folder": str(files), "lake_id": put.lake_id, "revision": put.revision}
        terminal.print_json({**about, "files": len(put.files), "bytes": put.size, "dry_run": dry_run})
        return
    what = f"{count(len(put.files), 'file')}, {put.size / 1e6:,.1f} MB, as of {put.made_at}"
    print(f"{folder} is as it was backed up: {what}." if dry_run else f"{catalog}: revision {put.revision:,}, {what}.")
    if to is not None and not dry_run:
        print(f"To use it: PROVISIONING_STORE=ducklake:sqlite:{catalog}")
