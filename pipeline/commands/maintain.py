"""The command `maintain`: compacts the lake and applies retention."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.commands import terminal
from pipeline.config.wording import count


def maintain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and change nothing.")] = False,
    trust: Annotated[
        bool, typer.Option("--trust-clock", help="This machine's clock is right, though it jumped.")
    ] = False,
    all_orphans: Annotated[
        bool, typer.Option("--all-orphans", help="Move files of no snapshot to the trash, however many they are.")
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """Merge small files, expire old snapshots, apply retention; list what must stay for now."""
    from pipeline.maintenance import chores
    from pipeline.maintenance.orphans import move_orphans

    began, store = datetime.now(UTC), terminal.open_to_write()
    if trust and not dry_run:
        chores.trust_clock(store, began)
    moved = move_orphans(store, began, whatever_share=True) if all_orphans and not dry_run else 0
    done = [chores.Done("orphans", "lake", moved, "files")] if moved else []
    done += chores.maintain(store, began, dry_run=dry_run)
    stops = chores.stop_sentences(store, began)
    if as_json:
        terminal.print_json({"dry_run": dry_run, "done": [vars(item) for item in done], "held_back": stops})
    else:
        for item in done:
            amount = count(item.amount, item.unit.removesuffix("s"))
            print(f"{item.chore} of {item.subject}: {amount}{' (dry run)' if dry_run else ''}")
        if not done:
            print("Nothing to do.")
    for stop in stops:
        print(stop, file=sys.stderr)
    if stops:
        raise typer.Exit(terminal.WORTH_A_LOOK)
