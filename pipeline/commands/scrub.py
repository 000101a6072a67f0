"""The command `scrub`: removes secrets from a store of before."""

from typing import Annotated

import typer

from pipeline.commands import terminal


def scrub(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be cleaned, and change nothing.")
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """Remove secrets from all tables that an earlier version stored."""
    from pipeline.maintenance.scrub import scrub as clean
    from pipeline.store.synced_files import TRASH

    store = terminal.open_to_write()
    with terminal.share_bar("Looking for secrets") as progress:
        found = clean(store, dry_run=dry_run, progress=progress)
    if as_json:
        terminal.print_json({"dry_run": dry_run, "cleaned": [vars(one) for one in found]})
        return
    for one in found:
        print(f"{one.table}: {one.rows:,} rows {'hold' if dry_run else 'held'} a secret")
    if not found:
        print("No secrets found.")
    elif not dry_run:
        print(
            "The former rows stay in three places. Old snapshots: set PROVISIONING_KEEP_SNAPSHOTS=0 and run "
            "`python -m pipeline maintain` twice, five minutes apart. The trash: delete "
            f"{store.folder / TRASH}. Copies: delete backups made before, and write a published file anew. Then "
            "replace what was exposed: a secret that was stored may have been read."
        )
