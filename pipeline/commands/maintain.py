"""The command `maintain`: compacts the lake and applies retention."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.commands import terminal


def maintain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and change nothing.")] = False,
    as_json: terminal.Json = False,
) -> None:
    """Merge small files, expire old snapshots, apply retention."""
    from pipeline.maintenance.chores import maintain as tidy

    began = datetime.now(UTC)
    done = tidy(terminal.open_to_write(), began, dry_run=dry_run)
    if as_json:
        terminal.print_json({"dry_run": dry_run, "done": [vars(item) for item in done]})
        return
    for item in done:
        print(f"{item.chore} of {item.subject}: {item.amount:,} {item.unit}{' would go' if dry_run else ''}")
    if not done:
        print("Nothing to do.")
